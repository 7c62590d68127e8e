//! Backfill: from Benchling's list of events to a bus, page by page. The command and the kind share it; they differ in where the checkpoint
//! is kept and in what interrupts the run.
//!
//! One direction: list -> filter -> send -> checkpoint. Neither flags nor Kubernetes objects belong here.

pub(crate) mod checkpoint;
pub(crate) mod run;
pub(crate) mod window;

use k8s_openapi::jiff::SignedDuration;

/// How long Benchling keeps events (List Events of its v2 API).
pub(crate) const KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);
