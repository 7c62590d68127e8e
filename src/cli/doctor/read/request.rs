//! One request: limited in time, and with its failure in words.

use std::time::Duration;

use crate::cli::doctor::snapshot::{NotRead, Read};

/// An API server in trouble may accept a connection and never respond.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// Returns the result of the request, or why there is none.
pub(super) async fn read<T>(what: &str, request: impl Future<Output = Result<T, kube::Error>>) -> Read<T> {
    let not_read = |why| NotRead { what: what.to_owned(), why };
    match tokio::time::timeout(LIMIT, request).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(not_read(why(&error))),
        Err(_) => Err(not_read(format!("the API server did not respond within {} s.", LIMIT.as_secs()))),
    }
}

pub(super) fn why(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => format!("{}. Ask an administrator for this permission.", status.message),
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}
