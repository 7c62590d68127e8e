//! The progress of a backfill. It advances with each call that AWS accepted, so that another run can continue there. Pure.

use k8s_openapi::jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::backfill::window::Counts;

/// The parameters of a run. A checkpoint is valid only for the run that wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Run {
    pub(crate) tenant: String,
    pub(crate) bus: String,
    pub(crate) source: String,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) event_types: Vec<String>,
    /// `namespace/name` of the `BenchlingBackfill`, if there is one. Its events contain it in `detail.backfill`, and the tenant in
    /// `detail.tenant` as webhooks do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) object: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checkpoint {
    pub(crate) run: Run,
    /// Id of the last event of the last complete page, after which Benchling continues to list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) starting_after: Option<String>,
    /// Ids of later events that AWS accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sent_beyond: Vec<String>,
    /// The latest `createdAt` of complete pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<Timestamp>,
    pub(crate) counts: Counts,
    pub(crate) complete: bool,
}

impl Checkpoint {
    pub(crate) fn new(run: Run) -> Self {
        Self { run, starting_after: None, sent_beyond: vec![], position: None, counts: Counts::default(), complete: false }
    }
}
