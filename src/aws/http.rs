//! The HTTP client of all AWS services: trusted certificates, and the fence that no call passes once the lease is lost.

use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        connector_metadata::ConnectorMetadata,
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
        orchestrator::HttpRequest,
        result::ConnectorError,
        runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
    },
};
use aws_smithy_types::config_bag::ConfigBag;

use super::CaBundle;
use crate::runtime::fence::Fence;

/// The client that the SDK makes by default, with our own certificate authorities if there are any, behind the fence.
pub(super) fn client(ca_bundle: Option<&CaBundle>, fence: Fence) -> Result<SharedHttpClient, String> {
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    let inner = match ca_bundle {
        Some(bundle) => {
            let context = TlsContext::builder().with_trust_store(bundle.trust_store()).build().map_err(|error| error.to_string())?;
            builder.tls_context(context).build_https()
        }
        None => builder.build_https(),
    };
    Ok(SharedHttpClient::new(Fenced { inner, fence }))
}

#[derive(Debug)]
struct Fenced<T> {
    inner: T,
    fence: Fence,
}

impl HttpConnector for Fenced<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, fence) = (self.inner.clone(), self.fence.clone());
        // Not even begun when it is closed: `call` is inside of what is guarded.
        HttpConnectorFuture::new(async move {
            fence.guard(async move { inner.call(request).await }).await.map_err(|closed| ConnectorError::io(closed.into()))?
        })
    }
}

impl HttpClient for Fenced<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Fenced { inner: self.inner.http_connector(settings, components), fence: self.fence.clone() })
    }

    fn validate_base_client_config(&self, components: &RuntimeComponentsBuilder, config: &ConfigBag) -> Result<(), BoxError> {
        self.inner.validate_base_client_config(components, config)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        self.inner.validate_final_config(components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}
