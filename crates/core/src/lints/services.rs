//! What has to be set up in AWS before a service sends the events of a pattern.

use serde_json::Value;
use tributary_api::RuleState;

use super::{
    Context, Lint, Pattern,
    id::warning,
    walk::{Field, alternatives, fields},
};

/// End of the types of all events that CloudTrail sends (EventBridge User Guide, "AWS service events
/// delivered via AWS CloudTrail").
const VIA_CLOUDTRAIL: &str = " via CloudTrail";

/// Begin of the names of read-only calls (EventBridge User Guide, "Receiving read-only management
/// events from AWS services").
const READ_ONLY: [&str; 3] = ["Describe", "Get", "List"];

/// Services whose own events begin with an action of the user, by source, and that action.
///
/// Amazon S3 User Guide, "Enabling Amazon EventBridge"; the others: "Getting started" of the user
/// guides of Amazon `GuardDuty`, AWS Security Hub, Amazon Macie and Amazon Inspector.
const ENABLED_BY: [(&str, &str, &str); 5] = [
    ("aws.s3", "a bucket sends events only while its notifications to EventBridge are on", "Turn them on in the properties of the bucket"),
    ("aws.guardduty", "GuardDuty sends events only while it is enabled", "Enable it in the account and Region of the bus"),
    ("aws.securityhub", "Security Hub sends events only while it is enabled", "Enable it in the account and Region of the bus"),
    ("aws.macie", "Macie sends events only while it is enabled", "Enable it in the account and Region of the bus"),
    ("aws.inspector2", "Inspector sends events only while it is enabled", "Enable it in the account and Region of the bus"),
];

/// Fields of `detail` that hold numbers, by source (Amazon S3 User Guide, "EventBridge event message
/// structure"; Amazon `GuardDuty` User Guide, "Processing `GuardDuty` findings with Amazon
/// EventBridge").
const NUMBERS: [(&str, &str); 2] = [("aws.s3", "detail.object.size"), ("aws.guardduty", "detail.severity")];

pub(super) fn check(pattern: &Pattern, context: &Context<'_>, all: &mut Vec<String>) {
    for alternative in alternatives(pattern) {
        let fields = fields(&alternative);
        let types = literals(&fields, "detail-type");
        let via_cloudtrail = types.iter().find(|type_| type_.ends_with(VIA_CLOUDTRAIL));
        if let Some(type_) = via_cloudtrail {
            let text = format!(
                "events of type {type_:?} exist only while a CloudTrail trail with logging enabled records them. Create a trail in the \
                 account and Region of the bus, if there is none."
            );
            all.push(warning(Lint::NeedsCloudTrail, &format!("{}.detail-type", context.field), text));
            read_only(&fields, context, all);
        }
        if types.is_empty() || types.iter().any(|type_| !type_.ends_with(VIA_CLOUDTRAIL)) {
            for source in literals(&fields, "source") {
                if let Some((_, cause, next)) = ENABLED_BY.iter().find(|(of, ..)| *of == source) {
                    all.push(warning(
                        Lint::MustBeEnabled,
                        &format!("{}.source", context.field),
                        format!("{cause}. {next}, if not done yet."),
                    ));
                }
            }
        }
    }
}

fn read_only(fields: &[Field<'_>], context: &Context<'_>, all: &mut Vec<String>) {
    let names = literals(fields, "detail.eventName");
    let read_only = names.iter().find(|name| READ_ONLY.iter().any(|begin| name.starts_with(begin)));
    if let Some(name) = read_only
        && context.state == RuleState::Enabled
    {
        let state = RuleState::EnabledWithAllCloudTrailManagementEvents;
        let text = format!("{name} is a read-only call, and a rule in state Enabled does not match those. Set spec.state to {state}.");
        all.push(warning(Lint::ReadOnlyEvents, &format!("{}.detail.eventName", context.field), text));
    }
}

/// The plain texts that a field accepts.
fn literals<'a>(fields: &[Field<'a>], path: &str) -> Vec<&'a str> {
    let field = fields.iter().find(|field| field.path == path);
    field.into_iter().flat_map(|field| field.accepts).filter_map(Value::as_str).collect()
}

/// Whether the field is a number in the events of a source that the alternative names.
pub(super) fn is_number(alternative: &Pattern, path: &str) -> bool {
    NUMBERS.iter().any(|(source, number)| *number == path && literals(&fields(alternative), "source").contains(source))
}
