//! Hints for rejections of Lambda.

use super::{Hint, VISIBILITY};
use crate::client::call::{Call, Lambda};

const MAPPING: &[Call] = &[Call::Lambda(Lambda::CreateEventSourceMapping), Call::Lambda(Lambda::UpdateEventSourceMapping)];
const EXECUTION_ROLE: &[Call] = &[
    Call::Lambda(Lambda::CreateEventSourceMapping),
    Call::Lambda(Lambda::UpdateEventSourceMapping),
    Call::Lambda(Lambda::PutFunctionEventInvokeConfig),
];

pub(super) const HINTS: &[Hint] = &[
    Hint {
        calls: EXECUTION_ROLE,
        code: "InvalidParameterValueException",
        message: "execution role",
        next_step: "Add that permission to the function's execution role. Retried automatically",
    },
    Hint { calls: MAPPING, code: "InvalidParameterValueException", message: "visibility timeout", next_step: VISIBILITY },
];
