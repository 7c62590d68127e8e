//! What a process observes of each AWS call, for its metrics.

/// Observes the outcome of each AWS call.
pub trait CallObserver: Send + Sync {
    /// Called once per attempt. `call` is the IAM action, such as `events:PutRule`; `outcome` is `ok` or the name of the
    /// error's retry class.
    fn aws_call(&self, call: &'static str, outcome: &'static str);

    /// Called when AWS contradicts a check of the operator. `defect` names the check, such as `event-pattern`.
    fn defect(&self, defect: &'static str);
}
