//! IDs of traces that AWS takes too: the first 32 bits are the time in Unix seconds (X-Ray Developer Guide, "Trace ID format"). The other
//! 96 are random, which is more than W3C Trace Context asks for.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

/// Generates IDs.
#[derive(Debug, Default)]
pub(crate) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        with_time(self.0.new_trace_id(), now)
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

fn with_time(id: TraceId, seconds: u64) -> TraceId {
    let mut bytes = id.to_bytes();
    bytes[..4].copy_from_slice(&seconds.to_be_bytes()[4..]);
    TraceId::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_begins_with_the_time_and_is_random_after_it() {
        let id = with_time(TraceId::from_bytes([0xab; 16]), 0x5759_e988);
        assert_eq!(id.to_string(), "5759e988abababababababababababab");
        let (one, other) = (Ids::default().new_trace_id().to_string(), Ids::default().new_trace_id().to_string());
        assert_ne!(one[8..], other[8..]);
    }
}
