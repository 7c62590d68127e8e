//! The HTTP client of all AWS services: trusted certificates, and the write fence that stops every request once the lease is lost.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

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
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use tributary_core::fence::Fence;

use crate::client::{request_ids, trust::CaBundle};

/// Builds the SDK's default client behind the fence, with additional certificate authorities if there are any.
///
/// # Errors
/// The certificates cannot be used.
pub(crate) fn client(ca_bundle: Option<&CaBundle>, fence: Fence) -> Result<SharedHttpClient, String> {
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
        let request = request.map({
            let fence = fence.clone();
            move |body| {
                if body.bytes().is_some_and(<[u8]>::is_empty) {
                    body
                } else {
                    SdkBody::from_body_1_x(FencedBody { inner: Box::pin(body), fence: fence.clone() })
                }
            }
        });
        // `call` is inside the guarded future, so that a closed fence prevents even the start of the request.
        HttpConnectorFuture::new(async move {
            let answer = fence.guard(async move { inner.call(request).await }).await.map_err(|closed| ConnectorError::io(closed.into()))?;
            answer.inspect(|answer| request_ids::note(answer.headers()))
        })
    }
}

/// A request body that checks the fence when it is written. The connection's own task writes it, maybe long after the call
/// returned it, and outside the call's future. AWS ignores a request whose body is incomplete.
struct FencedBody {
    inner: Pin<Box<SdkBody>>,
    fence: Fence,
}

impl Body for FencedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.fence.check() {
            Ok(()) => self.inner.as_mut().poll_frame(context),
            Err(closed) => Poll::Ready(Some(Err(closed.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&*self.inner)
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

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, poll_fn},
        pin::pin,
        sync::{Arc, Mutex, PoisonError},
    };

    use super::*;

    /// A connection that takes a request, and writes it later, as hyper's does.
    #[derive(Clone, Debug, Default)]
    struct Connection(Arc<Mutex<Option<HttpRequest>>>);

    impl HttpConnector for Connection {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
            HttpConnectorFuture::new(pending())
        }
    }

    /// What the connection finds when it writes the request, with the fence open or closed since the call began.
    async fn written(closed: bool) -> Option<Result<Bytes, String>> {
        let (fence, connection) = (Fence::open(), Connection::default());
        let connector = Fenced { inner: SharedHttpConnector::new(connection.clone()), fence: fence.clone() };
        let mut call = pin!(connector.call(HttpRequest::new(SdkBody::from("{}"))));
        assert!(futures::poll!(&mut call).is_pending());
        let mut body = connection.0.lock().unwrap_or_else(PoisonError::into_inner).take()?.into_body();
        if closed {
            fence.close();
        }
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await?;
        Some(frame.map(|frame| frame.into_data().unwrap_or_default()).map_err(|error| error.to_string()))
    }

    #[tokio::test]
    async fn a_request_whose_connection_writes_it_after_the_fence_closed_is_not_written() {
        assert_eq!(written(false).await, Some(Ok(Bytes::from("{}"))));
        assert_eq!(written(true).await, Some(Err("leadership lost; request not sent".to_owned())));
    }
}
