//! What errors of the Kubernetes API mean for a reconcile, and the client of a leadership term.

use kube::Client;
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    fence::Fence,
};

/// The reconcile error that stands for an error of the Kubernetes API.
pub(crate) fn api_error(error: kube::Error) -> ReconcileError {
    match error {
        kube::Error::Api(status) if status.code == 409 => {
            ReconcileError::new(RetryClass::Conflict, Reason::Conflict, format!("the object was changed concurrently: {}", status.message))
        }
        kube::Error::Api(status) if status.code == 403 => ReconcileError::new(
            RetryClass::Refused,
            Reason::AccessDenied,
            format!("the Kubernetes API denies access: {}. Check the ClusterRole of the operator.", status.message),
        ),
        error => ReconcileError::transient(format!("Kubernetes API: {error}")),
    }
}

/// The same client, whose requests are refused once the fence is closed.
pub(crate) fn fenced(client: &Client, fence: &Fence) -> Client {
    let (fence, inner) = (fence.clone(), client.clone());
    let service = tower::service_fn(move |request| {
        let (fence, inner) = (fence.clone(), inner.clone());
        async move { fence.guard(inner.send(request)).await?.map_err(tower::BoxError::from) }
    });
    Client::new(service, client.default_namespace())
}
