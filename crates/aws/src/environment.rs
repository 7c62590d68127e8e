//! A session of the command line: credentials and Region of the environment, and no `AwsAccount`.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};

use tributary_core::{fence::Fence, kinds::CallerIdentity};

use crate::{
    cache::Caches,
    client::{
        call::Sts,
        error::AwsError,
        http,
        observer::CallObserver,
        session::{RateLimiters, Session, Shared},
        trust::CaBundle,
    },
};

/// Time limit of a call: a request has up to 1 MB, and the connection may be slow.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Concurrent calls per service.
const IN_FLIGHT: usize = 16;

/// Credentials and Region of a [`Publisher`]. Each option defaults to what the AWS CLI uses.
#[derive(Clone, Debug, Default)]
pub struct PublishOptions {
    /// AWS Region.
    pub region: Option<String>,
    /// URL in place of AWS's endpoint.
    pub endpoint_url: Option<String>,
    /// Profile of the shared configuration file.
    pub profile: Option<String>,
    /// Trusted in addition to the certificate authorities of the system.
    pub ca_bundle: Option<CaBundle>,
}

/// Loads the configuration that the AWS CLI would use, and the Region. The SDK does not retry: `Session::call` does, so that each attempt
/// goes through the rate limiter, and a batch of events whose outcome is unknown is not to be repeated at all.
///
/// # Errors
/// There is no Region, or the CA bundle cannot be used.
pub(crate) async fn load(options: PublishOptions) -> Result<(SdkConfig, String), String> {
    let timeout = TimeoutConfig::builder().connect_timeout(Duration::from_secs(3)).operation_timeout(TIMEOUT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeout)
        .http_client(http::client(options.ca_bundle.as_ref(), Fence::open())?);
    if let Some(region) = options.region {
        loader = loader.region(Region::new(region));
    }
    if let Some(url) = options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(profile) = options.profile {
        loader = loader.profile_name(profile);
    }
    let config = loader.load().await;
    let region = config.region().map(ToString::to_string).ok_or("no AWS Region configured. Set --region or AWS_REGION.")?;
    Ok((config, region))
}

/// A session, and the Region that it calls.
pub struct RegionalSession {
    /// The session.
    pub session: Session,
    /// AWS Region, such as `eu-west-1`.
    pub region: String,
}

/// A command has no metrics.
pub(crate) struct Unobserved;

impl CallObserver for Unobserved {
    fn aws_call(&self, _: &'static str, _: &'static str) {}
    fn defect(&self, _: &'static str) {}
}

impl RegionalSession {
    /// Opens a session with what the AWS CLI would use. `quota` is the number of control-plane calls per second and service.
    ///
    /// # Errors
    /// There is no Region, the CA bundle cannot be used, or AWS rejects the credentials.
    pub async fn open(options: PublishOptions, quota: u32) -> Result<Self, String> {
        let (config, region) = load(options).await?;
        let answer = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
        let answer = answer.map_err(|error| AwsError::new(Sts::GetCallerIdentity, error).to_string())?;
        let caller = CallerIdentity { account_id: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() };
        let shared = Arc::new(Shared { limits: RateLimiters::new(quota, quota, IN_FLIGHT), caches: Caches::default() });
        Ok(Self { session: Session::new(&config, shared, Arc::new(Unobserved), caller), region })
    }
}
