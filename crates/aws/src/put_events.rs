//! Adapter of `PutEvents`, for the command line, the gateway and sync: the operator itself never publishes an event. One call each, nothing is tried
//! again here.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::{DateTime, retry::RetryConfig, timeout::TimeoutConfig};
use k8s_openapi::jiff::Timestamp;

use tributary_core::{fence::Fence, names::Arn};

use crate::{AwsError, CaBundle, Session, client::http};

/// One event as `PutEvents` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name or ARN.
    pub bus: String,
    pub source: String,
    pub detail_type: String,
    /// Text of a JSON object.
    pub detail: String,
    /// AWS delivers it without its fraction of a second; left out, it is the time of receipt (docs/aws-facts.md, P9).
    pub time: Option<Timestamp>,
    pub resources: Vec<String>,
    pub trace_header: Option<String>,
}

/// Entries in one call (AWS API reference, `PutEvents`).
pub const MOST_ENTRIES: usize = 10;
/// Bytes in one call: 1 MB, since January 2026 (EventBridge user guide, "Calculating `PutEvents` event entry size").
pub const LARGEST_CALL: usize = 1 << 20;
/// What a time counts, however it is written (same page).
const TIME: usize = 14;

impl Entry {
    /// Bytes that the entry counts: time, source, detail type, detail and each resource (same page). Bus and trace header count nothing.
    pub fn size(&self) -> usize {
        let resources: usize = self.resources.iter().map(String::len).sum();
        self.time.map_or(0, |_| TIME) + self.source.len() + self.detail_type.len() + self.detail.len() + resources
    }
}

/// Whether an entry that AWS refused with this code may be accepted a moment later.
pub fn may_pass(code: &str) -> bool {
    ["Throttl", "Internal", "Unavailable", "ServiceException"].iter().any(|part| code.contains(part))
}

/// Whose credentials are used, and where. What is left out is found as the AWS CLI finds it.
#[derive(Clone, Debug, Default)]
pub struct PublishOptions {
    pub region: Option<String>,
    pub endpoint_url: Option<String>,
    pub profile: Option<String>,
    pub ca_bundle: Option<CaBundle>,
}

/// Whether a bus exists, as far as can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusState {
    There,
    Missing,
    /// It could not be looked at; why.
    Untold(String),
}

/// What AWS said of one entry: its `EventId`, or code and message.
pub type Answer = Result<String, (String, String)>;

pub struct Publisher {
    events: aws_sdk_eventbridge::Client,
    sts: aws_sdk_sts::Client,
    region: String,
}

/// A request is up to 1 MB and may go a slow way.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Publisher {
    /// An error is one of the configuration: no Region, a CA bundle that cannot be used.
    pub async fn new(options: PublishOptions) -> Result<Self, String> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            // What may be sent again is for the caller to say: the SDK would send a batch again whose fate is not known.
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(Duration::from_secs(3)).operation_timeout(TIMEOUT).build())
            .http_client(http::client(options.ca_bundle.as_ref(), Fence::open())?);
        if let Some(region) = options.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(url) = options.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(profile) = options.profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        let region = config.region().map(ToString::to_string).ok_or("no AWS Region is known: give --region, or set AWS_REGION")?;
        Ok(Self { events: aws_sdk_eventbridge::Client::new(&config), sts: aws_sdk_sts::Client::new(&config), region })
    }

    /// Looks for the bus: `PutEvents` takes an event for a bus that does not exist, and drops it without a word (docs/aws-facts.md, P6).
    /// An error is one by which nothing at all can be sent, such as an endpoint that does not answer.
    pub async fn bus(&self, bus: &str) -> Result<BusState, AwsError> {
        if let Some(arn) = Arn::parse(bus)
            && !self.is_here(&arn).await
        {
            return Ok(BusState::Untold("it is of another account or Region, where nobody else can look".into()));
        }
        match self.events.describe_event_bus().name(bus).send().await {
            Ok(_) => Ok(BusState::There),
            Err(error) => {
                let error = AwsError::new("events:DescribeEventBus", &error);
                match error.code.as_str() {
                    _ if error.is_not_found() => Ok(BusState::Missing),
                    // Of a name that no bus can have.
                    "ValidationException" => Ok(BusState::Missing),
                    "AccessDeniedException" | "ThrottlingException" => Ok(BusState::Untold(error.to_string())),
                    _ => Err(error),
                }
            }
        }
    }

    /// Whether the ARN speaks of the caller's own account and Region.
    async fn is_here(&self, arn: &Arn<'_>) -> bool {
        let caller = self.sts.get_caller_identity().send().await.ok().and_then(|answer| answer.account);
        arn.region == self.region && caller.as_deref() == Some(arn.account_id)
    }

    /// One call of at most ten entries; the answers are in their order.
    pub async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, AwsError> {
        put(&self.events, entries).await
    }
}

impl Session {
    /// One call of at most ten entries; the answers are in their order. Not within the pace of the control plane: `PutEvents` has a quota of its
    /// own, of thousands a second.
    pub async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, AwsError> {
        let answer = put(&self.events, entries).await;
        self.metrics.aws_call("events:PutEvents", answer.as_ref().map_or_else(AwsError::outcome, |_| "ok"));
        answer
    }
}

async fn put(events: &aws_sdk_eventbridge::Client, entries: &[&Entry]) -> Result<Vec<Answer>, AwsError> {
    let request = events.put_events().set_entries(Some(entries.iter().map(|entry| sdk_entry(entry)).collect()));
    let answer = request.send().await.map_err(|error| AwsError::new("events:PutEvents", &error))?;
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
