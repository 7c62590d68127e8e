//! What is known of one event on one bus. The JSON form is an interface: `docs/reference/json-output.md`.

use std::fmt;

use k8s_openapi::jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A time in Unix milliseconds. Serialized as RFC 3339.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The steps of an event on a bus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// ID that EventBridge assigned to the event.
    pub event_id: String,
    /// ARN of the bus.
    pub bus_arn: String,
    /// `source` of the event, where a record has it.
    pub source: Option<String>,
    /// `detail-type` of the event, where a record has it.
    pub detail_type: Option<String>,
    /// What became of the event.
    pub outcome: Outcome,
    /// Time of the first record.
    pub first_record_at: Moment,
    /// Time of the last record.
    pub last_record_at: Moment,
    /// How the bus took the event.
    pub ingestion: Ingestion,
    /// Whether rules matched.
    pub matching: Matching,
    /// Rules that matched, in the order of their times.
    pub rules: Vec<RuleTrace>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, strum::Display, strum::EnumIter)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The bus rejected it.
    Rejected,
    /// A target did not get it, and no dead-letter queue did.
    Lost,
    /// A target did not get it. A dead-letter queue did.
    DeadLettered,
    /// A delivery is not complete.
    InProgress,
    /// No rule matched it.
    NoRuleMatched,
    /// All targets of all rules that matched got it.
    Delivered,
    /// The records do not show it.
    #[default]
    Unknown,
}

/// How the bus took the event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ingestion {
    /// What the records show.
    pub status: IngestionStatus,
    /// Time of the record.
    pub at: Option<Moment>,
    /// Why the bus rejected it.
    pub error: Option<StepError>,
}

/// What the records show of the ingestion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum IngestionStatus {
    /// No record.
    #[default]
    NotLogged,
    /// The bus received it. Whether it accepted it is not logged.
    Received,
    /// The bus accepted it.
    Accepted,
    /// The bus rejected it.
    Rejected,
}

/// Whether rules matched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Matching {
    /// What the records show.
    pub status: MatchingStatus,
    /// Time of the first record.
    pub at: Option<Moment>,
}

/// What the records show of the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum MatchingStatus {
    /// No record.
    #[default]
    NotLogged,
    /// EventBridge began to match rules.
    Started,
    /// No rule matched. Rules that AWS services manage do not count.
    NoRuleMatched,
    /// At least one rule matched.
    Matched,
}

/// A rule that matched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleTrace {
    /// ARN of the rule; empty if no record has it.
    pub rule_arn: String,
    /// When it matched. `None` if only later steps are logged.
    pub matched_at: Option<Moment>,
    /// Its targets.
    pub targets: Vec<TargetTrace>,
}

/// The delivery to one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetTrace {
    /// ARN of the target; empty if no record has it.
    pub target_arn: String,
    /// ID of the invocation.
    pub invocation_id: Option<String>,
    /// What became of the delivery.
    pub outcome: TargetOutcome,
    /// When the delivery began.
    pub started_at: Option<Moment>,
    /// When it ended.
    pub ended_at: Option<Moment>,
    /// Attempts, in their order.
    pub attempts: Vec<Attempt>,
    /// Number of attempts, as EventBridge reports it at the end. More than the attempts where those are not logged.
    pub total_attempts: Option<i64>,
    /// Final status, in AWS's words.
    pub final_status: Option<String>,
    /// Why the delivery failed.
    pub error: Option<StepError>,
    /// Why the dead-letter queue did not get the event.
    pub dead_letter_error: Option<StepError>,
    /// Milliseconds from ingestion to the start of the delivery.
    pub ingestion_to_start_ms: Option<i64>,
    /// Milliseconds from ingestion to the end of the delivery.
    pub ingestion_to_complete_ms: Option<i64>,
    /// Milliseconds from ingestion to success.
    pub ingestion_to_success_ms: Option<i64>,
    /// Milliseconds that the target took.
    pub target_duration_ms: Option<i64>,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TargetOutcome {
    /// The target got the event.
    Delivered,
    /// A dead-letter queue got the event.
    DeadLettered,
    /// It failed for good.
    Failed,
    /// The last attempt failed, and EventBridge tries again.
    Retrying,
    /// Attempts began. How they ended is not logged.
    Started,
    /// The rule matched. Nothing else is logged.
    #[default]
    Pending,
}

impl TargetOutcome {
    /// Returns whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::DeadLettered | Self::Failed)
    }
}

/// One attempt to deliver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// `attempt_count`, as EventBridge logs it.
    pub count: Option<i64>,
    /// `attempt_type`: `FIRST`, `RETRY` or `THROTTLE`.
    pub kind: Option<String>,
    /// How it ended.
    pub result: AttemptResult,
    /// When it began, where that is logged.
    pub started_at: Option<Moment>,
    /// When it ended.
    pub ended_at: Option<Moment>,
    /// Milliseconds that the target took.
    pub target_duration_ms: Option<i64>,
    /// `invocation_status`, in AWS's words.
    pub status: Option<String>,
    /// Why it failed.
    pub error: Option<StepError>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AttemptResult {
    /// It began.
    #[default]
    Started,
    /// The target accepted the event.
    Succeeded,
    /// EventBridge tries again.
    RetryableFailure,
    /// EventBridge does not try again.
    PermanentFailure,
    /// The target, or the rate of an API destination, did not permit it.
    Throttled,
}

/// An error in AWS's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepError {
    /// Message of the service.
    pub message: String,
    /// Service that was called.
    pub service: Option<String>,
    /// HTTP status.
    pub http_status: Option<i64>,
    /// ID of the request to the service.
    pub request_id: Option<String>,
}

impl Trace {
    /// Returns what became of the event, from its steps: the worst of its deliveries.
    pub(super) fn outcome(&self) -> Outcome {
        if self.ingestion.status == IngestionStatus::Rejected {
            return Outcome::Rejected;
        }
        let of_target = |target: &TargetTrace| match target.outcome {
            TargetOutcome::Failed => Outcome::Lost,
            TargetOutcome::DeadLettered => Outcome::DeadLettered,
            TargetOutcome::Retrying | TargetOutcome::Started | TargetOutcome::Pending => Outcome::InProgress,
            TargetOutcome::Delivered => Outcome::Delivered,
        };
        let worst = self.rules.iter().flat_map(|rule| &rule.targets).map(of_target).min();
        let without = if self.matching.status == MatchingStatus::NoRuleMatched { Outcome::NoRuleMatched } else { Outcome::Unknown };
        worst.unwrap_or(without)
    }

    /// Returns whether no further step is expected.
    pub fn is_settled(&self) -> bool {
        let mut targets = self.rules.iter().flat_map(|rule| &rule.targets);
        !matches!(self.outcome, Outcome::InProgress | Outcome::Unknown) && targets.all(|target| target.outcome.is_final())
    }
}
