//! Audit log: JSON lines about each write to AWS. One before the call, so that a killed process leaves a trace of what it began, and one
//! with the outcome. Format: `docs/reference/audit-log.md`.

use std::{
    fmt,
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use k8s_openapi::jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tributary_core::{
    changes::{Change, change},
    error::ReconcileError,
    steps::Step,
};

/// Path that stands for standard output.
const STDOUT: &str = "-";

/// Where audit lines are written to.
pub struct AuditLog {
    out: Mutex<Box<dyn Write + Send>>,
    written: AtomicU64,
    /// Name of the replica.
    replica: String,
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").field("replica", &self.replica).finish_non_exhaustive()
    }
}

/// The object that a write is made for.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Subject {
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) generation: Option<i64>,
}

/// Where in AWS a write is made.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place<'a> {
    /// Name of the `AwsAccount`.
    pub(super) account: &'a str,
    pub(super) account_id: &'a str,
    pub(super) region: &'a str,
}

impl AuditLog {
    /// Opens the log: a file, which is appended to, or `-` for standard output.
    ///
    /// # Errors
    /// The file cannot be opened for writing.
    pub fn open(path: &Path, replica: String) -> io::Result<Self> {
        let out: Box<dyn Write + Send> = if path == Path::new(STDOUT) {
            Box::new(io::stdout())
        } else {
            Box::new(OpenOptions::new().create(true).append(true).open(path)?)
        };
        Ok(Self::to(out, replica))
    }

    /// A log that writes to `out`.
    #[must_use]
    pub fn to(out: Box<dyn Write + Send>, replica: String) -> Self {
        Self { out: Mutex::new(out), written: AtomicU64::new(0), replica }
    }

    /// Writes that the step begins. Returns the number that the line of its outcome has too.
    ///
    /// # Errors
    /// The line cannot be written. The step must not be made then.
    pub(super) fn begin(&self, subject: &Subject, place: &Place<'_>, step: &Step, observed: &Value) -> io::Result<u64> {
        let number = self.written.fetch_add(1, Ordering::Relaxed) + 1;
        let Change { action, call, step, fields, granted, revoked } = change(step, observed);
        let line = json!({
            "phase": "Begin", "write": number, "object": subject, "aws": place, "call": call, "action": action, "step": step,
            "changes": fields, "granted": granted, "revoked": revoked,
        });
        self.write(line)?;
        Ok(number)
    }

    /// Writes the outcome of a step.
    ///
    /// # Errors
    /// The line cannot be written.
    pub(super) fn end(&self, number: u64, subject: &Subject, answer: &Result<(), ReconcileError>, requests: &[String]) -> io::Result<()> {
        let mut line = json!({"phase": "End", "write": number, "object": subject, "requestIds": requests});
        match answer {
            Ok(()) => line["outcome"] = json!("Succeeded"),
            Err(error) => {
                line["outcome"] = json!("Failed");
                line["reason"] = json!(error.reason.to_string());
                line["message"] = json!(error.message);
            }
        }
        self.write(line)
    }

    fn write(&self, mut line: Value) -> io::Result<()> {
        line["time"] = json!(Timestamp::now().to_string());
        line["replica"] = json!(self.replica);
        let mut text = line.to_string();
        text.push('\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // One call: lines of several processes that append to one file do not mix.
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}
