//! Settings of the export: the variables that OpenTelemetry defines for all programs. The SDK reads those of the sampler, the queue and
//! the resource itself.

use std::{env, path::PathBuf, time::Duration};

use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};

use crate::telemetry::traces::http::Client;

/// Time limit of one export.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The only protocol that is built in.
const PROTOCOL: &str = "http/protobuf";
/// Never quotes the value, which may contain a password.
const NOT_A_URL: &str = "--otlp-endpoint: not a URL. Set one such as http://collector:4318.";
/// Samplers of the SDK. It replaces any other by the first.
const SAMPLERS: [&str; 6] =
    ["parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio", "always_on", "always_off", "traceidratio"];

/// Where traces are exported to. Headers are not part of it, so that nothing prints their values: the exporter reads them itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// URL without a path, such as `http://collector:4318`.
    pub(crate) endpoint: String,
    /// Whether the endpoint is that of traces alone, path included.
    is_for_traces: bool,
    /// Time limit of one export.
    pub(crate) timeout: Duration,
    /// File of PEM certificates to trust, in addition to the system's.
    pub(crate) certificate: Option<PathBuf>,
    /// Variables with a value that cannot be used, each with what happens instead.
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// Reads the settings. `None`: nothing is exported, because no endpoint is set or a variable says so.
    pub(crate) fn read(endpoint: Option<&str>) -> Option<Self> {
        Self::of(endpoint, |name| env::var(name).ok())
    }

    fn of(endpoint: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        // Empty is unset (OpenTelemetry specification, "Environment Variable Specification").
        let variable = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        // The variable for traces takes precedence over the one for all signals.
        let of_traces =
            |name: &str| variable(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}")).or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{name}")));
        if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none")
        {
            return None;
        }
        let own = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let is_for_traces = own.is_some();
        let endpoint = own.or_else(|| endpoint.map(str::trim).filter(|endpoint| !endpoint.is_empty()).map(str::to_owned))?;
        let mut warnings = Vec::new();
        if let Some(protocol) = of_traces("PROTOCOL").filter(|protocol| protocol != PROTOCOL) {
            warnings.push(format!(
                "OTEL_EXPORTER_OTLP_PROTOCOL {protocol} is not supported; using {PROTOCOL}. Set the endpoint of OTLP over HTTP, port 4318."
            ));
        }
        if let Some(sampler) = variable("OTEL_TRACES_SAMPLER").filter(|sampler| !SAMPLERS.contains(&sampler.as_str())) {
            warnings.push(format!(
                "OTEL_TRACES_SAMPLER {sampler} is not supported; using {}. Supported: {}.",
                SAMPLERS[0],
                SAMPLERS.join(", ")
            ));
        }
        if variable("OTEL_TRACES_SAMPLER").is_some_and(|sampler| sampler.ends_with("traceidratio"))
            && !variable("OTEL_TRACES_SAMPLER_ARG")
                .and_then(|ratio| ratio.parse().ok())
                .is_some_and(|ratio: f64| (0.0..=1.0).contains(&ratio))
        {
            warnings.push("OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1. Set the share of traces to sample.".to_owned());
        }
        if of_traces("COMPRESSION").is_some_and(|compression| compression != "none") {
            warnings.push("OTEL_EXPORTER_OTLP_COMPRESSION is not supported. Remove it.".to_owned());
        }
        let timeout = of_traces("TIMEOUT").and_then(|text| text.parse().ok()).map_or(TIMEOUT, Duration::from_millis);
        Some(Self { endpoint, is_for_traces, timeout, certificate: of_traces("CERTIFICATE").map(PathBuf::from), warnings })
    }

    /// The endpoint as it is logged.
    pub(crate) fn shown_endpoint(&self) -> String {
        without_user(&self.endpoint)
    }

    /// The exporter of these settings. Headers are those of the variables.
    ///
    /// # Errors
    /// The endpoint is not a URL.
    pub(crate) fn exporter(&self, client: Client) -> Result<SpanExporter, String> {
        let url = if self.is_for_traces { self.endpoint.clone() } else { format!("{}/v1/traces", self.endpoint.trim_end_matches('/')) };
        let host = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https")).map(|(_, rest)| rest);
        if host.is_none_or(|host| host.starts_with(['/', '?', '#'])) {
            return Err(NOT_A_URL.to_owned());
        }
        let builder = SpanExporter::builder().with_http().with_http_client(client).with_protocol(Protocol::HttpBinary);
        let exporter = builder.with_endpoint(url).with_timeout(self.timeout).build();
        exporter.map_err(|_| NOT_A_URL.to_owned())
    }
}

/// The URL without user and password, to be logged.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return String::new() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: Option<&str> = Some("http://collector:4318");

    fn of(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Option<Settings> {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Settings::of(endpoint, find)
    }

    #[test]
    fn nothing_is_exported_unless_an_endpoint_is_set() {
        assert_eq!(of(None, &[]), None);
        assert_eq!(of(Some(" "), &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")]), None);
        assert_eq!(of(None, &[("OTEL_SERVICE_NAME", "x"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=b")]), None);
        assert_eq!(of(ENDPOINT, &[("OTEL_SDK_DISABLED", "TRUE")]), None);
        assert_eq!(of(ENDPOINT, &[("OTEL_TRACES_EXPORTER", "none")]), None);
        assert!(of(ENDPOINT, &[("OTEL_SDK_DISABLED", "false"), ("OTEL_TRACES_EXPORTER", "otlp")]).is_some());
    }

    #[test]
    fn variables_of_traces_take_precedence() -> Result<(), &'static str> {
        let own = [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:1/x"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "7"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "9"),
        ];
        let settings = of(ENDPOINT, &own).ok_or("there are none")?;
        assert_eq!(
            (settings.endpoint.as_str(), settings.is_for_traces, settings.timeout),
            ("http://t:1/x", true, Duration::from_millis(7))
        );
        let settings = of(ENDPOINT, &own[2..]).ok_or("there are none")?;
        assert_eq!((settings.is_for_traces, settings.timeout), (false, Duration::from_millis(9)));
        Ok(())
    }

    #[test]
    fn values_that_cannot_be_used_are_reported() {
        let warnings = |variables: &[(&str, &str)]| of(ENDPOINT, variables).map(|settings| settings.warnings).unwrap_or_default().len();
        assert_eq!(
            warnings(&[
                ("OTEL_TRACES_SAMPLER", "traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", PROTOCOL)
            ]),
            0
        );
        assert_eq!(warnings(&[("OTEL_TRACES_SAMPLER", "xray")]), 1);
        assert_eq!(warnings(&[("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "10%")]), 1);
        assert_eq!(warnings(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]), 1);
    }

    #[test]
    fn no_user_and_no_password_is_logged() {
        assert_eq!(without_user("https://user:pass@collector:4318/x?key=1"), "https://collector:4318/x");
        assert_eq!(without_user("http://collector:4318"), "http://collector:4318");
        assert_eq!(without_user("user:pass"), "");
    }
}
