//! Settings of the export of traces, before a cluster is needed.

use crate::{text, tributary};

#[test]
fn an_endpoint_that_is_no_url_is_an_error_that_does_not_quote_it() {
    for endpoint in ["collector:4318", "canary-7Qm2@collector", "http://", "http://canary-7Qm2 x"] {
        let output = tributary(&["run", "--otlp-endpoint", endpoint]).env("KUBECONFIG", "/dev/null").output().unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{endpoint}: {error}");
        assert!(
            error.starts_with("tributary: --otlp-endpoint: ") && error.contains("such as http://collector:4318"),
            "{endpoint}: {error}"
        );
        assert!(!error.contains("canary"), "{error}");
    }
    let missing =
        tributary(&["gateway", "--otlp-endpoint", "http://c:4318"]).env("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such").output().unwrap();
    assert!(text(&missing.stderr).contains("OTEL_EXPORTER_OTLP_CERTIFICATE /no/such: No such file"), "{}", text(&missing.stderr));
}

#[test]
fn help_shows_the_flag_and_not_the_value_of_its_variable() {
    for command in ["run", "gateway", "sync"] {
        let output = tributary(&[command, "--help"]).env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:canary-7Qm2@c").output().unwrap();
        let help = text(&output.stdout);
        assert!(help.contains("--otlp-endpoint") && help.contains("OTEL_EXPORTER_OTLP_ENDPOINT") && !help.contains("canary"), "{help}");
    }
}
