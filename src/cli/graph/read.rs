//! Reads the objects of a cluster once, in pages, with the permissions of the user. What the user may not read is a note.

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use kube::{Api, Client, Resource, api::ListParams, core::NamespaceResourceScope};
use tributary_api::{
    AwsAccount, BenchlingApp, BenchlingBackfill, BenchlingSubscription, EventBus, EventRedrive, EventReplay, EventRule, EventSink,
};
use tributary_core::guarded::Guarded;

use super::{
    kinds::{GraphKind, Item, item},
    model::NodeKind,
    snapshot::{Part, Snapshot},
};
use crate::{
    cli::{
        Error,
        kube_flags::{Cluster, Namespaces},
    },
    cluster::pages,
};

/// Lists that are read at the same time.
const CONCURRENT: usize = 8;

/// What came of reading a part of the cluster.
struct Outcome {
    part: Part,
    items: Result<Vec<Item>, Failure>,
}

/// Why a part of the cluster cannot be read.
#[derive(Debug)]
pub(super) enum Failure {
    /// The user may not read it, or the cluster does not have the kind.
    Refused(String),
    /// The cluster does not respond as it should.
    Broken { message: String, cause: String },
}

impl Failure {
    pub(super) fn new(part: &Part, error: &kube::Error) -> Self {
        let kind = part.0;
        match error {
            kube::Error::Api(status) if status.code == 403 => {
                Self::Refused(format!("you may not list objects of kind {kind} {}. Ask for the verbs get, list and watch.", place(part)))
            }
            kube::Error::Api(status) if status.code == 404 => {
                Self::Refused(format!("the cluster does not have kind {kind}. Install or upgrade the CustomResourceDefinitions."))
            }
            kube::Error::Api(status) if status.code == 401 => {
                Self::broken(part, "the API server does not accept your credentials. Log in again.")
            }
            error => Self::broken(part, &with_cause(error)),
        }
    }

    pub(super) fn broken(part: &Part, cause: &str) -> Self {
        let message = format!("objects of kind {} {} cannot be read: {cause}", part.0, place(part));
        Self::Broken { message, cause: cause.to_owned() }
    }

    pub(super) fn message(&self) -> &str {
        match self {
            Self::Refused(message) | Self::Broken { message, .. } => message,
        }
    }
}

fn place((kind, namespace): &Part) -> String {
    match namespace {
        _ if *kind == NodeKind::AwsAccount => "in the cluster".to_owned(),
        None => "in all namespaces".to_owned(),
        Some(namespace) => format!("in namespace {namespace}"),
    }
}

/// Returns the error with the causes that its text lacks, such as a refused connection.
fn with_cause(error: &kube::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Reads all objects of the graph's kinds.
///
/// # Errors
/// The cluster cannot be reached, does not accept the credentials, or does not permit anything.
pub(crate) async fn read(cluster: &Cluster, namespaces: &Namespaces) -> Result<Snapshot, Error> {
    let client = &cluster.client;
    let lists = [
        vec![list::<AwsAccount>(Api::all(client.clone()), (AwsAccount::KIND, None))],
        lists::<BenchlingSubscription>(client, namespaces),
        lists::<BenchlingApp>(client, namespaces),
        lists::<BenchlingBackfill>(client, namespaces),
        lists::<EventBus>(client, namespaces),
        lists::<EventRule>(client, namespaces),
        lists::<EventSink>(client, namespaces),
        lists::<EventReplay>(client, namespaces),
        lists::<EventRedrive>(client, namespaces),
    ];
    let outcomes: Vec<Outcome> = stream::iter(lists.into_iter().flatten()).buffer_unordered(CONCURRENT).collect().await;
    let is_read = outcomes.iter().any(|outcome| outcome.items.is_ok());
    let broken = outcomes.iter().find_map(|outcome| match &outcome.items {
        Err(Failure::Broken { cause, .. }) => Some(cause),
        _ => None,
    });
    if let Some(cause) = broken.filter(|_| !is_read) {
        return Err(format!("the cluster cannot be read: {cause}").into());
    }
    let mut snapshot = Snapshot::default();
    for Outcome { part, items } in outcomes {
        match items {
            Ok(items) => snapshot.replace(&part, items),
            Err(failure) => {
                snapshot.note(&part, failure.message());
                if let (Failure::Refused(_), Namespaces::All) = (&failure, namespaces) {
                    read_own_namespace(cluster, part.0, &mut snapshot).await;
                }
            }
        }
    }
    if snapshot.is_unread() {
        let causes: Vec<_> = snapshot.notes().into_iter().map(|note| note.message).collect();
        return Err(format!("nothing can be read:\n{}", causes.join("\n")).into());
    }
    Ok(snapshot)
}

/// Reads the kind in the namespace of the context, for a user who may not read all namespaces.
async fn read_own_namespace(cluster: &Cluster, kind: NodeKind, snapshot: &mut Snapshot) {
    let (client, only) = (&cluster.client, Namespaces::Only(vec![cluster.namespace.clone()]));
    let lists = match kind {
        NodeKind::BenchlingSubscription => lists::<BenchlingSubscription>(client, &only),
        NodeKind::BenchlingApp => lists::<BenchlingApp>(client, &only),
        NodeKind::BenchlingBackfill => lists::<BenchlingBackfill>(client, &only),
        NodeKind::EventBus => lists::<EventBus>(client, &only),
        NodeKind::EventRule => lists::<EventRule>(client, &only),
        NodeKind::EventSink => lists::<EventSink>(client, &only),
        NodeKind::EventReplay => lists::<EventReplay>(client, &only),
        NodeKind::EventRedrive => lists::<EventRedrive>(client, &only),
        NodeKind::AwsAccount | NodeKind::EventSource | NodeKind::Resource => return,
    };
    for list in lists {
        let Outcome { part, items } = list.await;
        match items {
            Ok(items) => snapshot.replace(&part, items),
            Err(failure) => snapshot.note(&part, failure.message()),
        }
    }
}

/// Returns the lists that read a kind in these namespaces.
fn lists<K>(client: &Client, namespaces: &Namespaces) -> Vec<BoxFuture<'static, Outcome>>
where
    K: GraphKind + Resource<Scope = NamespaceResourceScope>,
{
    match namespaces {
        Namespaces::All => vec![list::<K>(Api::all(client.clone()), (K::KIND, None))],
        Namespaces::Only(names) => {
            names.iter().map(|name| list::<K>(Api::namespaced(client.clone(), name), (K::KIND, Some(name.clone())))).collect()
        }
    }
}

fn list<K: GraphKind>(api: Api<Guarded<K>>, part: Part) -> BoxFuture<'static, Outcome> {
    async move {
        let page = |params: ListParams| {
            let api = &api;
            async move { api.list(&params).await }
        };
        let items = pages::list(page, |object| item(&object)).await;
        Outcome { items: items.map_err(|error| Failure::new(&part, &error)), part }
    }
    .boxed()
}
