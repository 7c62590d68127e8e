//! Flags that say as whom and where AWS is called; what is left out is found as the AWS CLI finds it.

use std::path::{Path, PathBuf};

use clap::Args;

use tributary_aws::{CaBundle, PublishOptions};

use crate::cli::Error;

#[derive(Args, Clone, Debug)]
pub struct AwsFlags {
    /// AWS Region; left out, as the environment or the profile says.
    #[arg(long)]
    region: Option<String>,
    /// Endpoint instead of AWS's own.
    #[arg(long)]
    endpoint_url: Option<String>,
    /// Profile of the AWS configuration files.
    #[arg(long)]
    profile: Option<String>,
    /// File of PEM certificates that the endpoint may be signed by, besides those that the system trusts.
    #[arg(long, env = "AWS_CA_BUNDLE")]
    aws_ca_bundle: Option<PathBuf>,
}

impl AwsFlags {
    pub fn options(&self) -> Result<PublishOptions, Error> {
        Ok(PublishOptions {
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
            profile: self.profile.clone(),
            ca_bundle: ca_bundle(self.aws_ca_bundle.as_deref())?,
        })
    }
}

/// What `--aws-ca-bundle` names; an empty variable names nothing.
pub fn ca_bundle(path: Option<&Path>) -> Result<Option<CaBundle>, Error> {
    let path = path.filter(|path| !path.as_os_str().is_empty());
    Ok(path.map(CaBundle::read).transpose().map_err(|error| format!("--aws-ca-bundle {error}"))?)
}
