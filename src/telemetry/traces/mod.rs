//! Traces: spans with the target [`TARGET`](tributary_core::spans::TARGET) become spans of OpenTelemetry, and are exported by OTLP.
//!
//! Without an endpoint there is no exporter, no thread, and no span. A collector that does not answer costs spans, never time: finished
//! spans wait in a bounded queue, which a thread of its own empties, and the process waits for it at its end for a limited time.
//! Where spans begin: `operator/spans.rs`, `gateway/spans.rs`, `sync/spans.rs`, and the span of an AWS call in `tributary_aws`.

mod context;
mod exporter;
mod http;
mod ids;
mod log_format;
mod settings;

use std::time::Duration;

use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracerProvider, Tracer},
};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, filter_fn},
};

use tributary_core::spans::TARGET;

pub(crate) use context::{Exemplar, context_of, continue_from, exemplar, link, set_parent, trace_header};
pub(crate) use log_format::WithTraceIds;
pub(crate) use settings::Settings;

use exporter::Exporter;

/// How long the end of a process waits for the last spans.
const SHUTDOWN: Duration = Duration::from_secs(3);

/// A layer of the subscriber.
pub(crate) type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The export of traces, if there is one.
#[derive(Debug)]
pub(crate) struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// No traces are exported.
    pub(crate) const OFF: Self = Self(None);

    /// Starts the export. Requires a runtime.
    ///
    /// # Errors
    /// The endpoint or a certificate cannot be used.
    pub(crate) fn start(settings: &Settings, service: &'static str, replica: &str) -> Result<(Self, BoxedLayer), String> {
        let (client, last_error) = http::Client::new(settings.timeout, settings.certificate.as_deref())?;
        let exporter = Exporter::new(settings.exporter(client)?, settings.shown_endpoint(), last_error);
        let provider = SdkTracerProvider::builder()
            .with_id_generator(ids::Ids::default())
            .with_resource(resource(service, replica))
            .with_batch_exporter(exporter)
            .build();
        let layer = layer(provider.tracer("tributary"));
        Ok((Self(Some(provider)), layer))
    }

    /// Exports the last spans. Waits for a limited time.
    pub(crate) async fn end(self) {
        let Some(provider) = self.0 else { return };
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(SHUTDOWN)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("the last traces were not exported within {} s", SHUTDOWN.as_secs());
        }
    }
}

/// Passes spans of the target to the tracer, with the attributes that they name and no others. Messages of the log are no events of spans:
/// they may contain what traces must not.
fn layer(tracer: Tracer) -> BoxedLayer {
    OpenTelemetryLayer::new(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(|metadata| metadata.target() == TARGET).with_max_level_hint(LevelFilter::INFO))
        .boxed()
}

/// What all spans of the process have. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` take precedence.
fn resource(service: &'static str, replica: &str) -> Resource {
    let set = Resource::builder().build();
    let given = |key: &str| set.iter().find(|(name, _)| name.as_str() == key).map(|(_, value)| value.to_string());
    let mut own =
        vec![KeyValue::new("service.version", env!("CARGO_PKG_VERSION")), KeyValue::new("service.instance.id", replica.to_owned())];
    own.retain(|attribute| given(attribute.key.as_str()).is_none());
    // The SDK's name for a service without one.
    if given("service.name").is_none_or(|name| name.starts_with("unknown_service")) {
        own.push(KeyValue::new("service.name", service));
    }
    Resource::builder().with_attributes(own).build()
}
