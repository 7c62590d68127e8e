//! The input of a plan: manifests, the objects of the cluster, the id of the installation. What cannot be read is a problem of the plan.

use std::path::Path;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};

use crate::{
    cli::{
        Error, logs,
        manifests::{self, Manifests},
        plan::Plan,
    },
    operator::dry_run::{ObjectSet, Prunes, snapshot},
};

/// All that a plan is made from.
pub(super) struct PlanInput {
    pub(super) client: Client,
    pub(super) manifests: Manifests,
    pub(super) live: ObjectSet,
    pub(super) wanted: Option<ObjectSet>,
    pub(super) prunes: Prunes,
    pub(super) installation_id: String,
    pub(super) problems: Vec<String>,
}

/// Reads the input.
pub(super) async fn read(plan: &Plan) -> Result<PlanInput, Error> {
    let mut problems = Vec::new();
    let cluster = cluster(plan, &mut problems).await?;
    let default = plan.namespace.clone().or_else(|| cluster.as_ref().map(|client| client.default_namespace().to_owned()));
    let default = default.unwrap_or_else(|| "default".into());
    let manifests = Manifests::new(manifests::read(&plan.paths), &default);
    problems.extend(manifests.problems.iter().map(ToString::to_string));
    let mut namespaces: Vec<_> = manifests.namespaces().into_iter().collect();
    if namespaces.is_empty() {
        namespaces.push(default.clone());
    }
    let snapshot = match &cluster {
        Some(client) => snapshot::read(client, &namespaces).await,
        None => snapshot::Snapshot::default(),
    };
    problems.extend(snapshot.unread);
    let installation_id = installation_id(plan, cluster.as_ref()).await.map_err(|error| {
        let problems: Vec<_> = problems.iter().map(|problem| format!("{problem}\n")).collect();
        format!("{}{error}", problems.concat())
    })?;
    let mut live = snapshot.objects;
    let wanted = (!plan.paths.is_empty()).then(|| manifests.objects.clone());
    if let (None, Some(namespace)) = (&wanted, &plan.namespace) {
        live.plan_only(namespace);
    }
    // Credentials are those of the user: the operator's are in Secrets that no other process needs.
    live.forget_credentials();
    let wanted = wanted.map(|mut wanted| {
        wanted.forget_credentials();
        wanted
    });
    let empty = wanted.as_ref().map_or(live.len(), ObjectSet::len) == 0;
    if empty && problems.is_empty() {
        problems.push(format!("no object of {} found. Correct the path or the namespace.", tributary_api::GROUP));
    }
    Ok(PlanInput {
        client: cluster.unwrap_or_else(|| snapshot::no_cluster(&default)),
        prunes: Prunes { namespaces: if plan.prune { namespaces } else { vec![] } },
        manifests,
        live,
        wanted,
        installation_id,
        problems,
    })
}

/// Whether a kubeconfig exists, or the command runs in a pod.
fn is_configured() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if set("KUBERNETES_SERVICE_HOST").is_some() {
        return true;
    }
    match set("KUBECONFIG") {
        Some(paths) => std::env::split_paths(&paths).any(|path| path.is_file()),
        None => set("HOME").is_some_and(|home| Path::new(&home).join(".kube/config").is_file()),
    }
}

/// A client that only reads, if a cluster is configured and responds.
async fn cluster(plan: &Plan, problems: &mut Vec<String>) -> Result<Option<Client>, Error> {
    if plan.no_cluster || (!plan.paths.is_empty() && !is_configured()) {
        return Ok(None);
    }
    let client = match logs::client().await {
        Ok(client) => snapshot::read_only(&client),
        Err(error) if plan.paths.is_empty() => return Err(error),
        Err(error) => {
            problems.push(format!(
                "no cluster is read: {error}. References are resolved within the manifests. To expect that, add --no-cluster."
            ));
            return Ok(None);
        }
    };
    match client.apiserver_version().await {
        // An error of the API server: this user may not read the version.
        Ok(_) | Err(kube::Error::Api(_)) => Ok(Some(client)),
        Err(error) if plan.paths.is_empty() => Err(format!("the cluster does not respond: {error}. Check the kubeconfig.").into()),
        Err(error) => {
            problems.push(format!("the cluster does not respond: {error}. References are resolved within the manifests."));
            Ok(None)
        }
    }
}

async fn installation_id(plan: &Plan, cluster: Option<&Client>) -> Result<String, Error> {
    if let Some(id) = plan.installation_id.as_ref().filter(|id| !id.is_empty()) {
        return Ok(id.clone());
    }
    let next = "Set --installation-id to the value installationId of the chart or, if that is empty, to what \
                `kubectl get namespace kube-system -o jsonpath={.metadata.uid}` prints.";
    let Some(client) = cluster else {
        return Err(format!("without a cluster the owner of AWS resources is not known. {next}").into());
    };
    let namespace = Api::<Namespace>::all(client.clone()).get("kube-system").await;
    let uid = namespace.map_err(|error| format!("cannot read namespace kube-system: {error}. {next}"))?.metadata.uid;
    Ok(uid.unwrap_or_default())
}
