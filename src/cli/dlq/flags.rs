//! Flags that the subcommands share: where to read, and which messages.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tributary_aws::PublishOptions;
use tributary_core::redrive::Filter;

use crate::cli::{Error, aws_flags::ca_bundle, kube_flags::KubeFlags};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Text,
    Json,
}

/// Cluster, credentials and queues.
#[derive(Args, Debug)]
pub(super) struct SourceFlags {
    #[command(flatten)]
    pub(super) kube: KubeFlags,
    /// Name of the `EventSink` of a dead-letter queue, or `namespace/name`. Can be repeated. Defaults to all.
    #[arg(long = "queue", value_name = "NAME")]
    pub(super) queues: Vec<String>,
    /// Profile of the AWS configuration files.
    #[arg(long)]
    profile: Option<String>,
    /// URL to use in place of the AWS endpoints.
    #[arg(long)]
    endpoint_url: Option<String>,
    /// File of PEM certificates to trust for the endpoint, in addition to the system's.
    #[arg(long, env = "AWS_CA_BUNDLE")]
    aws_ca_bundle: Option<PathBuf>,
}

impl SourceFlags {
    /// Returns credentials and endpoint for calls in a Region.
    pub(super) fn options(&self, region: &str) -> Result<PublishOptions, Error> {
        Ok(PublishOptions {
            region: Some(region.to_owned()),
            endpoint_url: self.endpoint_url.clone(),
            profile: self.profile.clone(),
            ca_bundle: ca_bundle(self.aws_ca_bundle.as_deref())?,
        })
    }
}

/// Which messages.
#[derive(Args, Debug)]
pub(super) struct FilterFlags {
    /// Only messages of this `EventRule`, by name or `namespace/name`. Can be repeated.
    #[arg(long = "rule", value_name = "NAME")]
    rules: Vec<String>,
    /// Only messages for this target of a rule, by its name. Can be repeated.
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// Only messages with this `ERROR_CODE`, such as `NO_PERMISSIONS`. Can be repeated.
    #[arg(long = "error-code", value_name = "CODE")]
    error_codes: Vec<String>,
    /// Only messages that have been in the queue for longer than this, such as `30m` or `12h`.
    #[arg(long, value_name = "DURATION", value_parser = age)]
    older_than: Option<SignedDuration>,
    /// Only messages that have been in the queue for less than this.
    #[arg(long, value_name = "DURATION", value_parser = age)]
    newer_than: Option<SignedDuration>,
}

fn age(text: &str) -> Result<SignedDuration, String> {
    let age = text.parse::<SignedDuration>().map_err(|error| format!("{error}. Write hours, minutes and seconds, such as 12h or 30m."))?;
    if age.is_negative() { Err("must not be negative".into()) } else { Ok(age) }
}

impl FilterFlags {
    pub(super) fn filter(&self, now: Timestamp) -> Filter {
        Filter {
            rules: self.rules.clone(),
            targets: self.targets.clone(),
            error_codes: self.error_codes.clone(),
            after: self.newer_than.and_then(|age| now.checked_sub(age).ok()),
            before: self.older_than.and_then(|age| now.checked_sub(age).ok()),
        }
    }

    /// Names of targets that the user chose.
    pub(super) fn targets(&self) -> &[String] {
        &self.targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_count_back_from_now() {
        let now: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        let flags = |older: &str, newer: &str| FilterFlags {
            rules: vec![],
            targets: vec![],
            error_codes: vec![],
            older_than: age(older).ok(),
            newer_than: age(newer).ok(),
        };
        let filter = flags("30m", "12h").filter(now);
        assert_eq!(filter.before, "2026-11-20T09:30:00Z".parse().ok());
        assert_eq!(filter.after, "2026-11-19T22:00:00Z".parse().ok());
        assert!(age("-1h").is_err() && age("soon").is_err());
        assert!(age("9000000000h").is_err() || flags("9000000000h", "1h").filter(now).before.is_none());
    }
}
