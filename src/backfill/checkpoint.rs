//! How far a backfill came: moves on with each call that AWS accepted, so that whoever goes on knows where. Pure.

use k8s_openapi::jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::backfill::window::Counts;

/// What a run is. A checkpoint of another run is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub tenant: String,
    pub bus: String,
    pub source: String,
    pub from: Timestamp,
    pub until: Timestamp,
    pub event_types: Vec<String>,
    /// `namespace/name` of the object that asks for it. Its events say so, and have the tenant in `detail` as those of its app's webhooks have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    pub run: Run,
    /// The last event of the last page that is through: Benchling lists on from after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_after: Option<String>,
    /// Events beyond it that AWS took already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent_beyond: Vec<String>,
    /// The latest `createdAt` of the pages that are through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Timestamp>,
    pub counts: Counts,
    pub complete: bool,
}

impl Checkpoint {
    pub fn new(run: Run) -> Self {
        Self { run, starting_after: None, sent_beyond: vec![], position: None, counts: Counts::default(), complete: false }
    }
}
