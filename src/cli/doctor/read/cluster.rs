//! The API server, its clock, the user, and the CRDs.

use futures::future::join_all;
use http_body_util::BodyExt;
use hyper::{Request, header::DATE};
use k8s_openapi::{
    api::authentication::v1::SelfSubjectReview,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    jiff::{Timestamp, fmt::rfc2822},
};
use kube::{Api, Client, api::PostParams, client::Body};
use serde_json::Value;

use crate::cli::{
    Error,
    doctor::{
        kinds,
        read::request::{LIMIT, read, why},
        snapshot::Read,
    },
};

/// The API server as its version endpoint shows it.
pub(super) struct Server {
    pub(super) version: String,
    /// Time by its clock, to the second.
    pub(super) time: Option<Timestamp>,
}

/// Reads the version endpoint, which every user may read.
pub(super) async fn version(client: &Client) -> Result<Server, Error> {
    let next = "Check the context with `kubectl cluster-info`.";
    let request = Request::get("/version").body(Body::empty())?;
    let response = match tokio::time::timeout(LIMIT, client.send(request)).await {
        Ok(response) => response.map_err(|error| format!("the API server cannot be reached: {}. {next}", why(&error)))?,
        Err(_) => return Err(format!("the API server did not respond within {} s. {next}", LIMIT.as_secs()).into()),
    };
    let status = response.status();
    let date = response.headers().get(DATE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let time = date.and_then(|date| rfc2822::parse(&date).ok()).map(|time| time.timestamp());
    if !status.is_success() {
        return Err(
            format!("the API server responded with {status}. Check the credentials of the context with `kubectl auth whoami`.").into()
        );
    }
    let body = response.into_body().collect().await?.to_bytes();
    let version: Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Server { version: version["gitVersion"].as_str().unwrap_or("unknown").to_owned(), time })
}

/// Name of the user, by the API server.
pub(super) async fn user(client: &Client) -> Read<String> {
    let api: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = read("the user", api.create(&PostParams::default(), &SelfSubjectReview::default())).await?;
    Ok(review.status.and_then(|status| status.user_info?.username).unwrap_or_default())
}

/// The CRDs of this binary, as far as the cluster has them.
pub(super) async fn crds(client: &Client) -> Read<Vec<CustomResourceDefinition>> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let names: Vec<_> = kinds::crds().iter().filter_map(|crd| crd.metadata.name.as_ref()).collect();
    let found = join_all(names.iter().map(|name| read("CustomResourceDefinitions", api.get_opt(name)))).await;
    Ok(found.into_iter().collect::<Read<Vec<_>>>()?.into_iter().flatten().collect())
}
