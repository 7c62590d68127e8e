//! A task of a state machine that calls a resource, and the permission that it needs.

use serde_json::Value;

use crate::names::Scope;

/// IAM action and ARNs that a task needs.
pub(crate) type Rights = (&'static str, Vec<String>);

/// A task of a state machine (Step Functions developer guide, "Integrating services").
pub(crate) struct Task<'a> {
    /// The field `Resource`: an ARN, or the name of an integration.
    pub resource: &'a str,
    /// The state, with the parameters of the call.
    pub state: &'a Value,
    /// Account and Region of the state machine.
    pub scope: Scope<'a>,
}

impl<'a> Task<'a> {
    /// Returns call and pattern of the integration, such as `events:putEvents` and `waitForTaskToken`.
    pub(crate) fn integration(&self) -> (&'a str, &'a str) {
        let integration = self.resource.split_once(":states:::").map(|(_, integration)| integration).unwrap_or_default();
        integration.split_once('.').unwrap_or((integration, ""))
    }

    /// Returns the parameters of the call.
    pub(crate) fn parameters(&self) -> Option<&'a Value> {
        self.state.get("Parameters").or_else(|| self.state.get("Arguments"))
    }

    /// Returns a parameter with a constant value.
    ///
    /// # Errors
    /// A path or an expression computes it, or it is missing.
    pub(crate) fn parameter(&self, name: &str) -> Result<&'a str, String> {
        let parameters = self.parameters().ok_or_else(|| format!("{name} is missing"))?;
        given(parameters, name)?.ok_or_else(|| format!("{name} is missing"))
    }
}

/// Returns a field with a constant value.
///
/// # Errors
/// A path or an expression computes the field.
pub(crate) fn given<'a>(fields: &'a Value, name: &str) -> Result<Option<&'a str>, String> {
    if fields.get(format!("{name}.$")).is_some() {
        return Err(format!("{name} is computed at run time"));
    }
    match fields.get(name).and_then(Value::as_str) {
        Some(text) if text.trim_start().starts_with("{%") => Err(format!("{name} is computed at run time")),
        text => Ok(text),
    }
}
