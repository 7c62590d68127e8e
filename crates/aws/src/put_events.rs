//! `PutEvents`, for the command line, the gateway, sync and dead letters that are sent again. Each function makes one call and does
//! not retry.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::DateTime;
use k8s_openapi::jiff::Timestamp;
use tracing::{Instrument, Span};

use tributary_core::names::Arn;

use crate::{
    client::{
        call::{Call, Events},
        cause::Cause,
        error::AwsError,
        session::Session,
        spans,
    },
    environment::{PublishOptions, load},
};

/// One event as `PutEvents` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name or ARN of the bus.
    pub bus: String,
    /// Source of the event.
    pub source: String,
    /// Detail type of the event.
    pub detail_type: String,
    /// Text of a JSON object.
    pub detail: String,
    /// Time of the event; AWS drops the fraction of a second. Defaults to the time of receipt (docs/aws-facts.md, P9).
    pub time: Option<Timestamp>,
    /// ARNs of the resources that the event concerns.
    pub resources: Vec<String>,
    /// X-Ray trace header.
    pub trace_header: Option<String>,
}

/// Entries in one call (AWS API reference, `PutEvents`).
pub const MOST_ENTRIES: usize = 10;
/// Bytes in one call: 1 MB, since January 2026 (EventBridge user guide, "Calculating `PutEvents` event entry size").
pub const LARGEST_CALL: usize = 1 << 20;
/// Bytes that a time counts, in any format (same page).
const TIME: usize = 14;

impl Entry {
    /// Returns the bytes that the entry counts: time, source, detail type, detail and each resource (same page). Bus and trace header count nothing.
    pub fn size(&self) -> usize {
        let resources: usize = self.resources.iter().map(String::len).sum();
        self.time.map_or(0, |_| TIME) + self.source.len() + self.detail_type.len() + self.detail.len() + resources
    }
}

/// Returns whether an entry that AWS refused with this code may be accepted later. AWS does not document all codes of entries;
/// these parts of names are common to the transient ones.
pub fn may_pass(code: &str) -> bool {
    ["Throttl", "Internal", "Unavailable", "ServiceException"].iter().any(|part| code.contains(part))
}

/// Whether a bus exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusState {
    /// It exists.
    There,
    /// It does not exist.
    Missing,
    /// It cannot be read, for this reason.
    Unknown(String),
}

/// The answer to one entry: its `EventId`, or error code and message.
pub type Answer = Result<String, (String, String)>;

/// Publishes events with credentials of its own, without an `AwsAccount`.
pub struct Publisher {
    events: aws_sdk_eventbridge::Client,
    sts: aws_sdk_sts::Client,
    region: String,
}

impl Publisher {
    /// Loads the configuration.
    ///
    /// # Errors
    /// There is no Region, or the CA bundle cannot be used.
    pub async fn new(options: PublishOptions) -> Result<Self, String> {
        let (config, region) = load(options).await?;
        Ok(Self { events: aws_sdk_eventbridge::Client::new(&config), sts: aws_sdk_sts::Client::new(&config), region })
    }

    /// Returns whether the bus exists: `PutEvents` accepts events for one that does not, and silently drops them
    /// (docs/aws-facts.md, P6).
    ///
    /// # Errors
    /// Those that keep any event from being sent, such as an endpoint that does not answer.
    pub async fn bus(&self, bus: &str) -> Result<BusState, AwsError> {
        if let Some(arn) = Arn::parse(bus)
            && !self.is_here(&arn).await
        {
            return Ok(BusState::Unknown("the bus belongs to another account or Region and cannot be read from here".into()));
        }
        match self.events.describe_event_bus().name(bus).send().await {
            Ok(_) => Ok(BusState::There),
            Err(error) => {
                let error = AwsError::new(Events::DescribeEventBus, error);
                match error.cause {
                    Cause::NotFound => Ok(BusState::Missing),
                    // A name that no bus can have.
                    Cause::Rejected if error.code == "ValidationException" => Ok(BusState::Missing),
                    Cause::Throttled => Ok(BusState::Unknown(error.to_string())),
                    // Other codes of `Denied` are about the credentials, which would fail for every call.
                    Cause::Denied if error.code == "AccessDeniedException" => Ok(BusState::Unknown(error.to_string())),
                    _ => Err(error),
                }
            }
        }
    }

    /// Returns whether the ARN is of the caller's own account and Region.
    async fn is_here(&self, arn: &Arn<'_>) -> bool {
        let caller = self.sts.get_caller_identity().send().await.ok().and_then(|answer| answer.account);
        arn.region == self.region && caller.as_deref() == Some(arn.account_id)
    }

    /// Publishes at most ten entries in one call; the answers have the order of the entries.
    ///
    /// # Errors
    /// The whole call failed.
    pub async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, AwsError> {
        put(&self.events, entries, &Span::none()).await
    }
}

impl Session {
    /// Publishes at most ten entries in one call; the answers have the order of the entries. Not subject to the rate limiter of
    /// the control plane: `PutEvents` has a quota of its own, of thousands per second.
    ///
    /// # Errors
    /// The whole call failed.
    pub async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, AwsError> {
        let span = self.span(Events::PutEvents.into());
        let answer = put(&self.events, entries, &span).instrument(span.clone()).await;
        spans::end(&span, answer.as_ref().err());
        spans::note_failed_entries(&span, answer.iter().flatten().filter(|answer| answer.is_err()).count());
        self.observer.aws_call(Call::from(Events::PutEvents).action(), answer.as_ref().map_or_else(AwsError::outcome, |_| "ok"));
        answer
    }
}

async fn put(events: &aws_sdk_eventbridge::Client, entries: &[&Entry], span: &Span) -> Result<Vec<Answer>, AwsError> {
    let request = events.put_events().set_entries(Some(entries.iter().map(|entry| sdk_entry(entry)).collect()));
    let answer = request.send().await;
    spans::note_request_id(span, &answer);
    let answer = answer.map_err(|error| AwsError::new(Events::PutEvents, error))?;
    let answers = answer.entries.unwrap_or_default().into_iter().map(|entry| match (entry.error_code, entry.event_id) {
        (None, Some(id)) => Ok(id),
        (code, _) => Err((code.unwrap_or_default(), entry.error_message.unwrap_or_default())),
    });
    Ok(answers.collect())
}

fn sdk_entry(entry: &Entry) -> PutEventsRequestEntry {
    PutEventsRequestEntry::builder()
        .event_bus_name(&entry.bus)
        .source(&entry.source)
        .detail_type(&entry.detail_type)
        .detail(&entry.detail)
        .set_time(
            entry.time.map(|time| DateTime::from_secs_and_nanos(time.as_second(), u32::try_from(time.subsec_nanosecond()).unwrap_or(0))),
        )
        .set_resources((!entry.resources.is_empty()).then(|| entry.resources.clone()))
        .set_trace_header(entry.trace_header.clone())
        .build()
}
