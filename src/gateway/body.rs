//! Reads bodies within the limits of one body and of all bodies.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::{HeaderMap, StatusCode, header};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

use crate::gateway::{metrics::Outcome, reply::Reply, state::Gateway};

/// Time limit for a whole body.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of each body that do not count towards the limit of all bodies: webhooks are small, and large bodies of any sender must not
/// crowd them out. The number of connections bounds this memory.
const FREE_BYTES: usize = 16 * 1_024;

/// A body, and its share of the memory for all bodies.
pub(crate) struct ReadBody {
    pub(crate) bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

/// Reads the whole body.
///
/// # Errors
/// The reply to a body that is too large, too slow or interrupted, or if too many bodies are held.
pub(crate) async fn read<B>(gateway: &Gateway, headers: &HeaderMap, mut body: B) -> Result<ReadBody, Reply>
where
    B: Body<Data = Bytes> + Unpin,
{
    let limit = gateway.limits.body;
    let too_large = || Reply::reject(StatusCode::PAYLOAD_TOO_LARGE, Outcome::TooLarge, format!("body exceeds the limit of {limit} bytes"));
    let busy = || Reply::retry_later(Outcome::Busy, "too many requests in progress; retry");
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let deadline = Instant::now() + TIMEOUT;
    let mut permit = gateway.bodies.clone().try_acquire_many_owned(0).map_err(|_| busy())?;
    let mut whole = BytesMut::new();
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(Reply::reject(StatusCode::REQUEST_TIMEOUT, Outcome::TooSlow, "body not received in time")),
            Ok(None) => return Ok(ReadBody { bytes: whole.freeze(), _permit: permit }),
            Ok(Some(Err(_))) => return Err(Reply::reject(StatusCode::BAD_REQUEST, Outcome::Malformed, "body incomplete")),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Err(too_large());
        }
        let counted = |length: usize| length.saturating_sub(FREE_BYTES);
        let more = u32::try_from(counted(whole.len() + data.len()) - counted(whole.len())).unwrap_or(u32::MAX);
        permit.merge(gateway.bodies.clone().try_acquire_many_owned(more).map_err(|_| busy())?);
        whole.extend_from_slice(&data);
    }
}
