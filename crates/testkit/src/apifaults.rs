//! What requests and watches through the [`ApiProxy`](crate::ApiProxy) share: bodies, faults of running watches, `Status` objects.

use axum::body::Bytes;
use futures::stream::BoxStream;
use serde_json::{Value, json};

/// Body of a response, as it arrives.
pub(crate) type Chunks = BoxStream<'static, Result<Bytes, String>>;

/// Faults of all running watches. A counter that has grown since a watch started applies to that watch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Control {
    /// Nothing passes in either direction; connections stay open.
    pub(crate) cut: bool,
    /// Ends of a partition: the watch breaks.
    pub(crate) mended: u64,
    /// The watch breaks.
    pub(crate) broken: u64,
    /// The watch delivers nothing more.
    pub(crate) stalled: u64,
    /// The watch ends with an ERROR event of code 410.
    pub(crate) expired: u64,
}

/// Returns a `Status` object of a failed request.
pub(crate) fn failure(code: u16, reason: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "code": code, "message": "injected"})
}
