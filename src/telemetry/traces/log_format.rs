//! Lines of the JSON log with `trace_id`, `span_id` and `trace_flags` of the span in which they were written (OpenTelemetry specification,
//! "Trace Context in non-OTLP Log Formats").

use std::fmt;

use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt},
};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// A format of JSON lines, with IDs of traces.
#[derive(Debug)]
pub(crate) struct WithTraceIds<F>(pub(crate) F);

impl<S, N, F> FormatEvent<S, N> for WithTraceIds<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let span = Context::map_current(|context| context.span().span_context().clone());
        writer.write_str(&with_ids(line, &span))
    }
}

fn with_ids(line: String, span: &SpanContext) -> String {
    match line.trim_end().strip_suffix('}') {
        Some(fields) if span.is_valid() => {
            let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags().to_u8());
            format!("{fields},\"trace_id\":\"{trace}\",\"span_id\":\"{id}\",\"trace_flags\":\"{flags:02x}\"}}\n")
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::telemetry::traces::context::context_of;

    #[test]
    fn a_line_within_a_trace_names_it() -> Result<(), serde_json::Error> {
        let span = context_of("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1").unwrap_or(SpanContext::NONE);
        let line = "{\"message\":\"a } in it\",\"span\":{\"kind\":\"EventBus\"}}\n".to_owned();
        let read: Value = serde_json::from_str(&with_ids(line.clone(), &span))?;
        assert_eq!((&read["trace_id"], &read["span_id"]), (&json!("5759e988bd862e3fe1be46a994272793"), &json!("53995c3f42cd8ad8")));
        assert_eq!((&read["trace_flags"], &read["message"]), (&json!("01"), &json!("a } in it")));
        assert_eq!(with_ids(line.clone(), &SpanContext::NONE), line);
        Ok(())
    }
}
