//! What `EventBridge` holds of archives and replays. Data only; the steps are among those of `events.rs`.

use k8s_openapi::jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// What `UpdateArchive` can change.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ArchiveSettings {
    pub description: Option<String>,
    /// 0: for ever.
    pub retention_days: i32,
    /// Parsed; `None`: every event.
    pub pattern: Option<Value>,
}

impl ArchiveSettings {
    /// AWS has no word by which a pattern is taken away from an archive: one that takes every event stands for none, and is read as such.
    pub fn every_event() -> Value {
        json!({"source": [{"prefix": ""}]})
    }

    /// In one spelling, so that settings can be compared.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        self.pattern = self.pattern.filter(|pattern| *pattern != Self::every_event());
        self
    }
}

/// What a replay is started with; nothing of it can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplaySettings {
    pub description: Option<String>,
    pub archive_arn: String,
    pub bus_arn: String,
    pub start: Timestamp,
    pub end: Timestamp,
    /// ARNs of the rules that the events go to; none: all of the bus.
    pub rules: Vec<String>,
}
