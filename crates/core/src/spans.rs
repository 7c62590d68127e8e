//! What all crates know about the spans of traces. Their names and attributes are where they begin.

/// Target of the spans, and of their events, that are exported as traces. They are never logged, and nothing else is exported.
///
/// Without an exporter, a span with this target costs one comparison.
pub const TARGET: &str = "tributary_spans";
