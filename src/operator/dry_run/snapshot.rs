//! The objects of a cluster for a dry run, listed once. What the user may not list is reported, and the rest is still read.

use kube::{
    Client, Resource,
    api::ListParams,
    core::{ObjectList, Request},
};
use serde::de::DeserializeOwned;
use tributary_api::{AwsAccount, BenchlingApp, BenchlingSubscription, EventBus, EventRedrive, EventReplay, EventRule, EventSink};
use tributary_core::{for_each_kind, guarded::Guarded, object::key_of};

use super::ObjectSet;
use crate::cluster::pages;

/// The objects of a cluster, and what could not be read.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// The objects.
    pub(crate) objects: ObjectSet,
    /// What could not be read, and why.
    pub(crate) unread: Vec<String>,
}

/// A client that refuses every request that is not a read, before it is sent.
pub(crate) fn read_only(client: &Client) -> Client {
    let inner = client.clone();
    let service = tower::service_fn(move |request: hyper::Request<kube::client::Body>| {
        let inner = inner.clone();
        async move {
            if request.method() != hyper::Method::GET {
                return Err(tower::BoxError::from(format!("{} refused: this command only reads", request.method())));
            }
            inner.send(request).await.map_err(tower::BoxError::from)
        }
    });
    Client::new(service, client.default_namespace())
}

/// A client for a command without a cluster: every request fails.
pub(crate) fn no_cluster(namespace: &str) -> Client {
    let service = tower::service_fn(|_: hyper::Request<kube::client::Body>| async {
        Err::<hyper::Response<kube::client::Body>, _>(tower::BoxError::from("no cluster is used. Add the object to the manifests."))
    });
    Client::new(service, namespace)
}

/// Reads the objects of all kinds: of the whole cluster or, where the user may not list that, of these namespaces.
pub(crate) async fn read(client: &Client, namespaces: &[String]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    macro_rules! read {
        ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {$(
            snapshot.objects.$plural = read_kind::<$kind>(client, namespaces, &mut snapshot.unread).await;
        )*};
    }
    for_each_kind!(read);
    snapshot
}

async fn read_kind<K>(client: &Client, namespaces: &[String], unread: &mut Vec<String>) -> Vec<K>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let (kind, plural) = (K::kind(&()), K::plural(&()));
    let error = match list::<K>(client, None, unread).await {
        Ok(objects) => return objects,
        Err(error) => error,
    };
    let forbidden = matches!(&error, kube::Error::Api(status) if status.code == 403);
    if !forbidden || namespaces.is_empty() {
        unread.push(format!("{kind}: cannot list {plural}: {}", cause(&error)));
        return vec![];
    }
    let mut all = Vec::new();
    for namespace in namespaces {
        match list::<K>(client, Some(namespace), unread).await {
            Ok(objects) => all.extend(objects),
            Err(error) => unread.push(format!("{kind}: cannot list {plural} in namespace {namespace}: {}", cause(&error))),
        }
    }
    all
}

async fn list<K>(client: &Client, namespace: Option<&str>, unread: &mut Vec<String>) -> Result<Vec<K>, kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let requests = Request::new(K::url_path(&(), namespace));
    let page = |params: ListParams| {
        let request = requests.list(&params).map_err(kube::Error::BuildRequest);
        async move { client.request::<ObjectList<Guarded<K>>>(request?).await }
    };
    let mut objects = Vec::new();
    for object in pages::list(page, |object| object).await? {
        match object.into_object() {
            Ok(object) => objects.push(object),
            Err(unreadable) => {
                let object: Guarded<K> = Guarded(Err(unreadable.clone()));
                unread.push(format!("{} {}: this version cannot read the object: {unreadable}", K::kind(&()), key_of(&object)));
            }
        }
    }
    Ok(objects)
}

/// What the API server answered, without the request.
fn cause(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.trim_end_matches('.').to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_read_only_client_sends_reads_only() {
        let sent = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let service = tower::service_fn({
            let sent = sent.clone();
            move |request: hyper::Request<kube::client::Body>| {
                sent.lock().unwrap().push(request.method().clone());
                async { Ok::<_, tower::BoxError>(hyper::Response::new(kube::client::Body::from(b"{}".to_vec()))) }
            }
        });
        let client = read_only(&Client::new(service, "default"));
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let request = hyper::Request::builder().method(method).uri("/api/v1/namespaces").body(vec![]).unwrap();
            let answer = client.request_text(request).await;
            assert_eq!(answer.is_ok(), method == "GET", "{method}: {answer:?}");
        }
        assert_eq!(*sent.lock().unwrap(), [hyper::Method::GET]);
    }
}
