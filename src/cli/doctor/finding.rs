//! A finding: what is wrong, with which object, and what to do about it.

use std::fmt;

use serde_json::{Value, json};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Nothing is lost because of it.
    Info,
    /// Something will fail, or does not work as its spec says.
    Warning,
    /// Events are lost, or the product does not work.
    Critical,
}

impl Severity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// An object of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ObjectRef {
    pub(super) kind: String,
    /// `None` for cluster-scoped objects.
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

impl ObjectRef {
    pub(super) fn new(kind: &str, namespace: Option<&str>, name: &str) -> Self {
        Self { kind: kind.to_owned(), namespace: namespace.map(str::to_owned), name: name.to_owned() }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Stable id, described in `docs/operations/doctor.md`.
    pub(super) id: &'static str,
    pub(super) severity: Severity,
    pub(super) object: Option<ObjectRef>,
    /// Reason of the condition that it comes from.
    pub(super) reason: Option<String>,
    /// State, cause and next step.
    pub(super) message: String,
    /// Policy statement to add.
    pub(super) statement: Option<Value>,
    /// Command to run next.
    pub(super) command: String,
}

impl Finding {
    pub(super) fn new(id: &'static str, severity: Severity, message: impl Into<String>, command: impl Into<String>) -> Self {
        Self { id, severity, object: None, reason: None, message: message.into(), statement: None, command: command.into() }
    }

    #[must_use]
    pub(super) fn of(mut self, object: ObjectRef) -> Self {
        self.object = Some(object);
        self
    }

    #[must_use]
    pub(super) fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    pub(super) fn json(&self) -> Value {
        let object = self.object.as_ref().map(|object| json!({"kind": object.kind, "namespace": object.namespace, "name": object.name}));
        json!({
            "id": self.id, "severity": self.severity.name(), "object": object, "reason": self.reason,
            "message": self.message, "statement": self.statement, "command": self.command,
        })
    }
}
