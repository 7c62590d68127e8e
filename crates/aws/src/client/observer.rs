//! What a process learns of each call: for its metrics.

/// Is told the outcome of each AWS call.
pub trait CallObserver: Send + Sync {
    /// `call` is `service:Operation`; `outcome` is `ok` or the retry class of the error.
    fn aws_call(&self, call: &'static str, outcome: &'static str);
}
