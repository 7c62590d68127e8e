//! The admission policy of `examples/account/production`: in labeled namespaces, only members of a group approve plans.

use kube::{
    Api, Client, Config,
    api::{DynamicObject, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use tributary_testkit::{World, root};

const APPROVED: &str = "tributary.dev/approved-plan";

/// A client that acts as this user, who may change event buses in the namespace.
async fn client_of(world: &World, user: &str, groups: &[&str]) -> Api<DynamicObject> {
    let kubeconfig = Kubeconfig::read_from(world.kubeconfig()).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.auth_info.impersonate = Some(user.to_owned());
    config.auth_info.impersonate_groups = Some(groups.iter().map(|group| (*group).to_owned()).collect());
    let mut handle = world.handle();
    handle.client = Client::try_from(config).unwrap();
    handle.api("EventBus")
}

async fn annotate(api: &Api<DynamicObject>, value: &str) -> Result<DynamicObject, kube::Error> {
    let patch = json!({"metadata": {"annotations": {APPROVED: value}}});
    api.patch("b", &PatchParams::default(), &Patch::Merge(patch)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_approvers_approve_in_a_labeled_namespace() {
    let world = World::empty("approvers").await;
    let rbac = "rbac.authorization.k8s.io/v1";
    let rules = json!([{"apiGroups": ["tributary.dev"], "resources": ["eventbuses"], "verbs": ["get", "patch", "update"]}]);
    world.apply_in(Some(&world.namespace), rbac, "Role", "authors", json!({"rules": rules})).await;
    let binding = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "authors"},
        "subjects": [{"kind": "Group", "name": "authors", "apiGroup": "rbac.authorization.k8s.io"}],
    });
    world.apply_in(Some(&world.namespace), rbac, "RoleBinding", "authors", binding).await;
    world.apply("EventBus", "b", json!({})).await;
    let (author, approver) =
        (client_of(&world, "ann", &["authors"]).await, client_of(&world, "bea", &["authors", "tributary-approvers"]).await);
    annotate(&author, "before-the-policy").await.unwrap();

    let text = std::fs::read_to_string(root().join("examples/account/production/approvers.yaml")).unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    for (document, plural) in documents.into_iter().zip(["validatingadmissionpolicies", "validatingadmissionpolicybindings"]) {
        let kind = document["kind"].as_str().unwrap().to_owned();
        let gvk = kube::core::GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", &kind);
        let resource = kube::api::ApiResource::from_gvk_with_plural(&gvk, plural);
        let api = Api::<DynamicObject>::all_with(world.client.clone(), &resource);
        api.patch(document["metadata"]["name"].as_str().unwrap(), &PatchParams::apply("e2e"), &Patch::Apply(&document)).await.unwrap();
    }
    annotate(&author, "in-another-namespace").await.unwrap();
    let label = json!({"metadata": {"labels": {"tributary.dev/approvals": "restricted"}}});
    world.api_in(None, "v1", "Namespace").patch(&world.namespace, &PatchParams::default(), &Patch::Merge(label)).await.unwrap();

    let number = std::sync::atomic::AtomicU32::new(0);
    let refused = || async {
        let value = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
        annotate(&author, &value).await.err().map(|error| error.to_string())
    };
    let message = tributary_testkit::until("the policy is active", refused).await;
    assert!(message.contains("only members of the group tributary-approvers"), "{message}");
    annotate(&approver, "by-an-approver").await.unwrap();
    // Other changes of an approved object stay possible.
    let patch = json!({"spec": {"description": "changed"}});
    author.patch("b", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}
