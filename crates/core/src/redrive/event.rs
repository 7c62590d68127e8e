//! The event of a dead letter, as `PutEvents` takes it.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, value::RawValue};

/// An event, to be published on a bus again. AWS assigns `id`, `account` and `region` anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedEvent {
    /// `source`.
    pub source: String,
    /// `detail-type`.
    pub detail_type: String,
    /// Text of `detail`, as it is.
    pub detail: String,
    /// `time`.
    pub time: Option<Timestamp>,
    /// `resources`.
    pub resources: Vec<String>,
}

/// Beginning of the sources that only AWS and its partners can publish (API reference, `PutEvents`).
const RESERVED: &str = "aws.";

impl PublishedEvent {
    /// Reads the text of an event; `None` if a part is missing that `PutEvents` requires.
    pub fn parse(text: &str) -> Option<Self> {
        let event: std::collections::BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
        let string = |name: &str| serde_json::from_str::<String>(event.get(name)?.get()).ok();
        let resources = event.get("resources").and_then(|list| serde_json::from_str::<Vec<String>>(list.get()).ok());
        let detail = event.get("detail").map(|detail| detail.get()).filter(|detail| detail.starts_with('{'))?;
        Some(Self {
            source: string("source")?,
            detail_type: string("detail-type")?,
            detail: detail.to_owned(),
            time: string("time").and_then(|time| time.parse().ok()),
            resources: resources.unwrap_or_default(),
        })
    }

    /// Returns whether only AWS and its partners can publish the event.
    pub fn is_reserved(&self) -> bool {
        self.source.starts_with(RESERVED)
    }
}

/// Returns the `time` of an event, or an empty text.
pub(super) fn time_of(text: &str) -> String {
    let event: Option<Value> = serde_json::from_str(text).ok();
    event.and_then(|event| event.get("time")?.as_str().map(str::to_owned)).unwrap_or_default()
}
