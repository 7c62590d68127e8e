//! Flags of `--aws`.

use std::path::PathBuf;

use clap::Args;
use tributary_aws::{AwsOptions, Caller};

use crate::cli::{Error, aws_flags::ca_bundle};

/// Calls per second and service. AWS allows 50 to `EventBridge`, which the operator uses too.
const QUOTA: u32 = 20;

/// Whether to read AWS, and as whom.
#[derive(Args, Clone, Debug)]
pub(in crate::cli::doctor) struct AwsReadFlags {
    /// Also read AWS: IAM permissions of the operator by simulation, dead-letter queues, quotas, and the clock. Uses your own credentials.
    #[arg(long)]
    aws: bool,
    /// Profile of the AWS configuration files. Defaults to the credentials of the environment. Credentials of AwsAccounts are not used.
    #[arg(long, requires = "aws")]
    profile: Option<String>,
    /// File of PEM certificates to trust for AWS endpoints, in addition to the system's.
    #[arg(long, env = "AWS_CA_BUNDLE")]
    aws_ca_bundle: Option<PathBuf>,
}

impl AwsReadFlags {
    /// Returns how AWS is called; `None` if it is not read.
    ///
    /// # Errors
    /// The CA bundle cannot be read.
    pub(in crate::cli::doctor) fn options(&self) -> Result<Option<AwsOptions>, Error> {
        if !self.aws {
            return Ok(None);
        }
        Ok(Some(AwsOptions {
            quota: QUOTA,
            sweep_quota: QUOTA,
            ca_bundle: ca_bundle(self.aws_ca_bundle.as_deref())?,
            app_name: Some("tributary-doctor".into()),
            caller: Caller::User { profile: self.profile.clone() },
            ..AwsOptions::default()
        }))
    }
}
