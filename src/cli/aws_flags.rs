//! Flags for credentials and Region of AWS calls. They default to what the AWS CLI uses.

use std::path::{Path, PathBuf};

use clap::Args;

use tributary_aws::{CaBundle, PublishOptions};

use crate::cli::Error;

#[derive(Args, Clone, Debug)]
pub(super) struct AwsFlags {
    /// AWS Region. Defaults to that of the environment or the profile.
    #[arg(long)]
    region: Option<String>,
    /// URL to use in place of the AWS endpoints.
    #[arg(long)]
    endpoint_url: Option<String>,
    /// Profile of the AWS configuration files.
    #[arg(long)]
    profile: Option<String>,
    /// File of PEM certificates to trust for the endpoint, in addition to the system's.
    #[arg(long, env = "AWS_CA_BUNDLE")]
    aws_ca_bundle: Option<PathBuf>,
}

impl AwsFlags {
    pub(super) fn options(&self) -> Result<PublishOptions, Error> {
        Ok(PublishOptions {
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
            profile: self.profile.clone(),
            ca_bundle: ca_bundle(self.aws_ca_bundle.as_deref())?,
        })
    }
}

/// Reads the file of `--aws-ca-bundle`. An empty path is ignored.
pub(super) fn ca_bundle(path: Option<&Path>) -> Result<Option<CaBundle>, Error> {
    let path = path.filter(|path| !path.as_os_str().is_empty());
    Ok(path.map(CaBundle::read).transpose().map_err(|error| format!("--aws-ca-bundle {error}"))?)
}
