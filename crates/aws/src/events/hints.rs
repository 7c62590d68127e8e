//! Hints for rejections of EventBridge.

use crate::client::{
    call::{Call, Events},
    hints::Hint,
};

const TARGET_INPUT: &str = "Correct the target's inputTransformer or inputPath in spec.targets";
const ARCHIVE: &[Call] = &[Call::Events(Events::CreateArchive), Call::Events(Events::UpdateArchive)];
const PUT_RULE: &[Call] = &[Call::Events(Events::PutRule)];
const PUT_TARGETS: &[Call] = &[Call::Events(Events::PutTargets)];

pub(crate) const HINTS: &[Hint] = &[
    Hint { calls: PUT_RULE, code: "InvalidEventPatternException", message: "", next_step: "Correct spec.eventPattern" },
    Hint { calls: ARCHIVE, code: "InvalidEventPatternException", message: "", next_step: "Correct the eventPattern in spec.archives" },
    Hint { calls: PUT_RULE, code: "ValidationException", message: "ScheduleExpression", next_step: "Correct spec.schedule" },
    Hint { calls: PUT_TARGETS, code: "ValidationException", message: "InputTemplate", next_step: TARGET_INPUT },
    Hint { calls: PUT_TARGETS, code: "ValidationException", message: "InputPath", next_step: TARGET_INPUT },
];
