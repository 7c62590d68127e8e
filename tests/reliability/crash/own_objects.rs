//! An operator that receives the objects of its own world only, as if it had a cluster to itself.
//!
//! Operators list and watch the whole cluster and drop what is not in their namespaces. Here eight of them run at a
//! time, and each would decode the changes of all eight worlds. Other test targets cover the filtering.

use http::{Method, Request, Uri};
use kube::{
    Client,
    client::{Body, ClientBuilder},
};
use tower::util::MapRequestLayer;
use tributary_testkit::{Bed, World};

const ALL: &str = "/apis/tributary.dev/v1alpha1/";

/// Adds a field selector to lists and watches of a whole kind.
pub fn own_objects(world: &World) -> impl Fn(Request<Body>) -> Request<Body> + Clone + Send + Sync + 'static {
    let (namespace, account) = (world.namespace.clone(), world.account.clone());
    move |mut request| {
        let uri = request.uri();
        if let (&Method::GET, Some(plural)) = (request.method(), uri.path().strip_prefix(ALL).filter(|rest| !rest.contains('/'))) {
            let selector =
                if plural == "awsaccounts" { format!("metadata.name%3D{account}") } else { format!("metadata.namespace%3D{namespace}") };
            let query = uri.query().unwrap_or_default();
            *request.uri_mut() = format!("{}?{query}&fieldSelector={selector}", uri.path()).parse::<Uri>().unwrap();
        }
        request
    }
}

/// The operator's client with that selector.
pub async fn client(world: &World) -> Client {
    let own = MapRequestLayer::new(own_objects(world));
    ClientBuilder::try_from(Bed::get().operator_config().await).unwrap().with_layer(&own).build()
}
