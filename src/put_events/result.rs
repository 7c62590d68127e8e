//! The results of `PutEvents`, for a call and for each entry. Pure.

use tributary_aws::{Answer, AwsError, Entry, may_pass};

/// Why a call gave no results.
#[derive(Clone, Debug)]
pub(crate) enum PutError {
    /// The call failed.
    Aws(AwsError),
    /// The call was not made, such as for an account whose credentials cannot be read. Contains the cause.
    NotSent(String),
}

impl From<AwsError> for PutError {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

/// Why an entry was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// AWS's error code; `NoAnswer` or `NotSent` where there is none.
    pub(crate) code: String,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// AWS rejected the entry, and will again.
    Rejected,
    /// AWS did not accept the entry, but may later.
    Temporary,
    /// There was no answer: the entry may have been accepted.
    Unanswered,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl Failure {
    pub(crate) fn not_sent(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Temporary, code: "NotSent".into(), message: message.into() }
    }

    pub(crate) fn unanswered(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Unanswered, code: "NoAnswer".into(), message: message.into() }
    }

    fn of_call(error: PutError) -> Self {
        let error = match error {
            PutError::Aws(error) => error,
            PutError::NotSent(cause) => return Self::not_sent(cause),
        };
        if error.status == 0 {
            return Self::unanswered(error.message);
        }
        let temporary = error.is_throttled() || error.status >= 500;
        let kind = if temporary { FailureKind::Temporary } else { FailureKind::Rejected };
        Self { kind, code: error.code, message: error.message }
    }
}

/// The result of one call.
pub(crate) enum CallResult {
    /// One result per entry, in their order.
    Entries(Vec<Result<String, Failure>>),
    /// AWS rejected the call because of some of the entries: each is to be sent alone.
    SendAlone,
}

impl CallResult {
    /// Returns the result of a call with these entries.
    pub(crate) fn new(answer: Result<Vec<Answer>, PutError>, entries: &[&Entry]) -> Self {
        match answer {
            Ok(answers) if answers.len() == entries.len() => Self::Entries(answers.into_iter().map(of_entry).collect()),
            // Which entries the answer is about is unknown.
            Ok(answers) => {
                let message = format!("AWS answered for {} of {} entries", answers.len(), entries.len());
                Self::same(&Failure::unanswered(message), entries)
            }
            Err(PutError::Aws(error)) if rejects_some(&error, entries) => Self::SendAlone,
            Err(error) => Self::same(&Failure::of_call(error), entries),
        }
    }

    /// Returns the same failure for each entry.
    pub(crate) fn same(failure: &Failure, entries: &[&Entry]) -> Self {
        Self::Entries(vec![Err(failure.clone()); entries.len()])
    }
}

fn of_entry(answer: Answer) -> Result<String, Failure> {
    answer.map_err(|(code, message)| {
        let kind = if may_pass(&code) { FailureKind::Temporary } else { FailureKind::Rejected };
        Failure { kind, code, message }
    })
}

/// Returns whether AWS rejects the whole call although some of its entries may be acceptable.
///
/// Permissions can depend on bus, source and detail type (service authorization reference, condition keys of EventBridge): entries
/// that differ in none of them are rejected alike.
fn rejects_some(error: &AwsError, entries: &[&Entry]) -> bool {
    let scope = |entry: &Entry| (entry.bus.clone(), entry.source.clone(), entry.detail_type.clone());
    match error.code.as_str() {
        "ValidationException" => entries.len() > 1,
        "AccessDeniedException" => entries.iter().any(|entry| scope(entry) != scope(entries[0])),
        _ => false,
    }
}
