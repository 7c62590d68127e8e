//! What the operator has written to AWS and AWS cannot tag: the notes of it in `EventSink.status`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventSinkStatus;

/// Something that the operator has written to AWS for a sink.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// What was written.
    #[serde(rename = "type")]
    pub type_: WrittenType,
    /// ARN, or `Sid` of a statement.
    pub value: String,
}

/// What the operator writes to AWS for a sink.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
pub enum WrittenType {
    /// Statements in the target's policy. The value is their `Sid`, or its prefix.
    Statement,
    /// Role that EventBridge assumes to deliver.
    InvocationRole,
    /// Role that a managed state machine assumes.
    ExecutionRole,
    /// Permissions boundary of one of these roles.
    PermissionsBoundary,
    /// Failure destination of a function.
    FailureDestination,
}

impl EventSinkStatus {
    /// Returns the values of this type that the operator has written, also those of versions that
    /// noted one value only.
    pub fn wrote(&self, type_: WrittenType) -> impl Iterator<Item = &String> {
        let former = match type_ {
            WrittenType::InvocationRole => self.invocation_role_arn.as_ref(),
            WrittenType::ExecutionRole => self.execution_role_arn.as_ref(),
            WrittenType::FailureDestination => self.on_failure_arn.as_ref(),
            WrittenType::Statement | WrittenType::PermissionsBoundary => None,
        };
        let noted = self.written.iter().filter(move |written| written.type_ == type_).map(|written| &written.value);
        former.filter(move |former| !self.written.iter().any(|w| w.type_ == type_ && w.value == **former)).into_iter().chain(noted)
    }

    /// Returns whether the operator has written anything to the target or to IAM that it has not
    /// removed since.
    pub fn has_written(&self) -> bool {
        let former = [&self.invocation_role_arn, &self.execution_role_arn, &self.on_failure_arn];
        !self.written.is_empty() || !self.grants.is_empty() || former.into_iter().any(Option::is_some)
    }

    /// Adds a note, unless it is there.
    pub fn note(&mut self, written: Written) {
        if !self.written.contains(&written) {
            self.written.push(written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_adds_and_never_replaces() {
        let note = |value: &str| Written { type_: WrittenType::FailureDestination, value: value.into() };
        let mut status = EventSinkStatus { on_failure_arn: Some("a".into()), ..EventSinkStatus::default() };
        assert!(status.has_written());
        for value in ["b", "c", "b"] {
            status.note(note(value));
        }
        assert_eq!(status.wrote(WrittenType::FailureDestination).collect::<Vec<_>>(), ["a", "b", "c"]);
        status.note(note("a"));
        assert_eq!(status.wrote(WrittenType::FailureDestination).count(), 3);
        assert_eq!(status.wrote(WrittenType::InvocationRole).count(), 0);
    }
}
