//! Events: List Events of the v2 API.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::{
    error::{BenchlingError, BenchlingErrorReason, message_of},
    tenant::TenantClient,
};

/// Events of one page.
const PAGE_SIZE: &str = "100";

/// Which events to list, and from where on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsQuery {
    /// The earliest `createdAt`.
    pub from: Timestamp,
    /// Event types. Defaults to all.
    pub event_types: Vec<String>,
    /// Id of the event after which the list starts.
    pub starting_after: Option<String>,
    /// Token of the next page, from the page before.
    pub next_token: Option<String>,
}

/// One page of a tenant's events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventsPage {
    /// Events as Benchling answers them.
    pub events: Vec<Value>,
    /// Token of the next page. `None` on the last one.
    pub next_token: Option<String>,
}

impl TenantClient {
    /// Lists a page of up to 100 events, in the order in which Benchling processed them.
    ///
    /// # Errors
    /// See [`BenchlingErrorReason`].
    pub async fn list_events(&self, query: &EventsQuery) -> Result<EventsPage, BenchlingError> {
        let (status, body) = self.get(&path(query)).await?;
        let tenant = self.tenant();
        match status {
            200 => page(body),
            400 | 404 => Err(BenchlingError::new(
                BenchlingErrorReason::RequestRejected,
                format!(
                    "List Events of tenant {tenant} answered {status}: {}. Correct the event types. If the message names startingAfter, \
                     Benchling no longer has that event: start a new backfill at the last position.",
                    message_of(&body)
                ),
            )),
            403 => Err(BenchlingError::new(
                BenchlingErrorReason::AppNotPermitted,
                format!(
                    "the app cannot list events in tenant {tenant}: {}. Add the app to an organization, team or project in Benchling.",
                    message_of(&body)
                ),
            )),
            other => Err(BenchlingError::unavailable(format!(
                "List Events of tenant {tenant} answered {other}: {}. The request is retried automatically.",
                message_of(&body)
            ))),
        }
    }
}

fn path(query: &EventsQuery) -> String {
    let encoded = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let from = query.from.to_string();
    let types = query.event_types.join(",");
    let mut parameters = vec![("pageSize", PAGE_SIZE), ("createdAt.gte", from.as_str())];
    if !types.is_empty() {
        parameters.push(("eventTypes", &types));
    }
    parameters.extend(query.starting_after.as_deref().map(|id| ("startingAfter", id)));
    parameters.extend(query.next_token.as_deref().map(|token| ("nextToken", token)));
    let query: Vec<_> = parameters.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
    format!("/api/v2/events?{}", query.join("&"))
}

fn page(mut body: Value) -> Result<EventsPage, BenchlingError> {
    let Some(Value::Array(events)) = body.get_mut("events").map(Value::take) else {
        return Err(BenchlingError::unavailable("the answer to List Events has no list of events. Check the tenant's name."));
    };
    let next_token = body.get("nextToken").and_then(Value::as_str).filter(|token| !token.is_empty()).map(str::to_owned);
    Ok(EventsPage { events, next_token })
}
