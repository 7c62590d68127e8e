//! Backfill: from Benchling's list of events to a bus, page by page. Shared by the command and the kind, which differ in where the checkpoint is
//! kept and in who is asked whether to go on.
//!
//! One direction: list -> sift -> send -> checkpoint. Knows neither flags nor objects.

pub mod checkpoint;
pub mod list;
pub mod run;
pub mod window;

use k8s_openapi::jiff::SignedDuration;

/// How long Benchling keeps events (List Events of its v2 API).
pub const KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);
