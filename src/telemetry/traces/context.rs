//! Where a trace comes from and goes to: `traceparent` of a request (W3C Trace Context), and the X-Ray trace header, by which `EventBridge`
//! passes it to queues apart from the event (docs/aws-facts.md, TH1; ADR 0041).

use hyper::HeaderMap;
use opentelemetry::{
    Context,
    propagation::TextMapPropagator,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use prometheus_client::encoding::EncodeLabelSet;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The trace that a value of a histogram is an example of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Exemplar {
    trace_id: String,
}

/// Makes the span a child of the one that the request names. A request with two `traceparent` headers names none.
pub(crate) fn continue_from(span: &Span, headers: &HeaderMap) {
    if span.is_disabled() || headers.get_all("traceparent").iter().count() != 1 {
        return;
    }
    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    // It fails only for a span that has begun or is disabled.
    let _ = span.set_parent(parent);
}

/// Returns the context of the span, if it is part of a trace.
fn span_context(span: &Span) -> Option<SpanContext> {
    if span.is_disabled() {
        return None;
    }
    Some(span.context().span().span_context().clone()).filter(SpanContext::is_valid)
}

/// Returns the exemplar of the span, if its trace is exported.
pub(crate) fn exemplar(span: &Span) -> Option<Exemplar> {
    let context = span_context(span).filter(SpanContext::is_sampled)?;
    Some(Exemplar { trace_id: context.trace_id().to_string() })
}

/// Makes the span a child of the context.
pub(crate) fn set_parent(span: &Span, parent: SpanContext) {
    // It fails only for a span that has begun or is disabled.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent));
}

/// Links the span to the context.
pub(crate) fn link(span: &Span, context: SpanContext) {
    span.add_link(context);
}

/// Returns the X-Ray trace header for what happens next, if the span is part of a trace.
pub(crate) fn trace_header(span: &Span) -> Option<String> {
    span_context(span).as_ref().map(header_of)
}

fn header_of(context: &SpanContext) -> String {
    let id = context.trace_id().to_string();
    let (time, rest) = id.split_at(8);
    format!("Root=1-{time}-{rest};Parent={};Sampled={}", context.span_id(), u8::from(context.is_sampled()))
}

/// Reads an X-Ray trace header. `None` if it lacks trace or span, or is not valid.
pub(crate) fn context_of(header: &str) -> Option<SpanContext> {
    let field = |name: &str| header.split(';').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    let root = field("Root")?.strip_prefix("1-")?;
    let (time, rest) = root.split_once('-')?;
    let is_hex = |text: &str, digits: usize| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parent = field("Parent")?;
    if !(is_hex(time, 8) && is_hex(rest, 24) && is_hex(parent, 16)) {
        return None;
    }
    let trace = TraceId::from_hex(&format!("{time}{rest}")).ok()?;
    let flags = TraceFlags::default().with_sampled(field("Sampled") == Some("1"));
    let context = SpanContext::new(trace, SpanId::from_hex(parent).ok()?, flags, true, TraceState::default());
    Some(context).filter(SpanContext::is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

    #[test]
    fn a_trace_header_is_the_context_and_the_other_way_round() {
        let context = context_of(HEADER).expect("it is valid");
        assert_eq!(context.trace_id().to_string(), "5759e988bd862e3fe1be46a994272793");
        assert!(context.is_sampled() && context.is_remote());
        assert_eq!(header_of(&context), HEADER);
        let unsampled = HEADER.replace("Sampled=1", "Sampled=0;Lineage=a87bd80c:1|68fd508a:5");
        let context = context_of(&unsampled).expect("fields that are not known do no harm");
        assert!(!context.is_sampled() && header_of(&context).ends_with(";Sampled=0"));
    }

    #[test]
    fn a_header_that_is_not_valid_is_none() {
        for header in [
            "",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
            "Parent=53995c3f42cd8ad8",
            "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
            "Root=1-5759e988-bd862e3fe1be46a99427279;Parent=53995c3f42cd8ad8",
            "Root=1-5759e988-bd862e3fe1be46a99427279é;Parent=53995c3f42cd8ad8",
            "Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=0000000000000000",
        ] {
            assert_eq!(context_of(header), None, "{header}");
        }
    }
}
