//! An installation in a namespace of the test's own: a Deployment with an available pod, roles, and an operator that leads by a Lease there.

use std::time::Duration;

use k8s_openapi::api::{
    apps::v1::Deployment,
    authentication::v1::{TokenRequest, TokenRequestSpec},
    coordination::v1::Lease,
    core::v1::{Pod, ServiceAccount},
};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tributary_testkit::{OPERATOR_NAMESPACE, Output, World, options, product::operator::lease::LeaseOptions, until};

const RBAC: &str = "rbac.authorization.k8s.io/v1";

pub struct Clinic {
    pub world: World,
}

impl Clinic {
    /// An installation in which nothing is wrong.
    pub async fn new(name: &str) -> Self {
        Self::of(World::empty(name).await).await
    }

    /// The same in this world.
    pub async fn of(world: World) -> Self {
        let clinic = Self { world };
        clinic.roles().await;
        clinic.deployment().await;
        let mut clinic = clinic;
        clinic.run().await;
        clinic
    }

    /// Starts the operator, and waits until it leads by the Lease of this namespace.
    pub async fn run(&mut self) {
        let leases: Api<Lease> = Api::namespaced(self.world.client.clone(), &self.world.namespace);
        let holder = async || leases.get_opt("tributary").await.unwrap()?.spec?.holder_identity;
        let before = holder().await;
        let namespace = self.world.namespace.clone();
        let lease = LeaseOptions { name: "tributary".into(), namespace, duration: Duration::from_secs(3) };
        self.world.run(tributary_testkit::product::Options { lease: Some(lease), ..options() }).await;
        until("a leader", async || holder().await.filter(|now| Some(now) != before.as_ref())).await;
    }

    async fn create(&self, api: &str, kind: &str, body: Value) {
        self.world.apply_in(Some(&self.world.namespace), api, kind, "tributary", body).await;
    }

    /// The roles of the chart, for the `ServiceAccount` of this namespace. The Lease is that of the operator in the test, too.
    async fn roles(&self) {
        let namespace = &self.world.namespace;
        self.create("v1", "ServiceAccount", json!({})).await;
        let subject = |namespace: &str| json!({"kind": "ServiceAccount", "name": "tributary", "namespace": namespace});
        let leases = json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "update", "create"]});
        let secrets = json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]});
        self.create(RBAC, "Role", json!({"rules": [leases, secrets]})).await;
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tributary"});
        self.create(RBAC, "RoleBinding", json!({"roleRef": role, "subjects": [subject(namespace), subject(OPERATOR_NAMESPACE)]})).await;
        let rules = self.world.api_in(None, RBAC, "ClusterRole").get("tributary").await.unwrap().data["rules"].clone();
        self.cluster_role(rules).await;
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": namespace});
        let binding = json!({"roleRef": role, "subjects": [subject(namespace)]});
        self.world.apply_in(None, RBAC, "ClusterRoleBinding", namespace, binding).await;
    }

    /// Sets the rules of the `ClusterRole` of the `ServiceAccount`.
    pub async fn cluster_role(&self, rules: Value) {
        self.world.apply_in(None, RBAC, "ClusterRole", &self.world.namespace, json!({"rules": rules})).await;
    }

    /// The rules of the chart's `ClusterRole`.
    pub async fn rules(&self) -> Vec<Value> {
        let role = self.world.api_in(None, RBAC, "ClusterRole").get(&self.world.namespace).await.unwrap();
        role.data["rules"].as_array().unwrap().clone()
    }

    /// A Deployment as the chart makes it. There is no node, so the test sets its pod ready.
    async fn deployment(&self) {
        let labels = json!({"app": "operator"});
        let container = json!({
            "name": "tributary", "image": "ghcr.io/tributary-dev/tributary:test", "args": ["run"],
            "env": [{"name": "TRIBUTARY_LEASE_NAME", "value": "tributary"}, {"name": "EXTRA", "value": "canary-env-3kd"}],
        });
        let body = json!({
            "metadata": {"labels": {"app.kubernetes.io/version": env!("CARGO_PKG_VERSION")}},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"serviceAccountName": "tributary", "containers": [container]}},
            },
        });
        self.create("apps/v1", "Deployment", body).await;
        let pods: Api<Pod> = Api::namespaced(self.world.client.clone(), &self.world.namespace);
        let name = until("a pod", async || pods.list(&ListParams::default()).await.unwrap().items.pop()?.metadata.name).await;
        let ready = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
        pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(ready)).await.unwrap();
        let deployments: Api<Deployment> = Api::namespaced(self.world.client.clone(), &self.world.namespace);
        let available = async || deployments.get("tributary").await.unwrap().status?.available_replicas.filter(|count| *count == 1);
        until("an available pod", available).await;
    }

    /// Runs `tributary doctor` in the namespace with these flags.
    pub async fn doctor(&self, flags: &[&str]) -> Output {
        let namespace = self.world.namespace.as_str();
        self.world.tributary(&[&["doctor", "-n", namespace, "--operator-namespace", namespace], flags].concat()).await
    }

    /// The findings, after a check that the report is as its schema says.
    pub async fn findings(&self, flags: &[&str]) -> (i32, Vec<Value>) {
        let output = self.doctor(&[&["-o", "json"], flags].concat()).await;
        let report = output.json();
        tributary_testkit::assert_valid("doctor", &report);
        (output.code, report["findings"].as_array().unwrap().clone())
    }

    /// The finding of this id.
    pub async fn finding(&self, id: &str) -> (i32, Value) {
        let (code, all) = self.findings(&[]).await;
        let found = all.iter().find(|finding| finding["id"] == id).unwrap_or_else(|| panic!("no {id} in {all:#?}"));
        (code, found.clone())
    }

    /// Path of a kubeconfig of a new `ServiceAccount` with these rules in the namespace.
    pub async fn user(&self, name: &str, rules: Value) -> String {
        let namespace = &self.world.namespace;
        let api = Some(namespace.as_str());
        self.world.apply_in(api, "v1", "ServiceAccount", name, json!({})).await;
        self.world.apply_in(api, RBAC, "Role", name, json!({"rules": rules})).await;
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name});
        let subject = json!({"kind": "ServiceAccount", "name": name, "namespace": namespace});
        self.world.apply_in(api, RBAC, "RoleBinding", name, json!({"roleRef": role, "subjects": [subject]})).await;
        let accounts: Api<ServiceAccount> = Api::namespaced(self.world.client.clone(), namespace);
        let request =
            TokenRequest { spec: TokenRequestSpec { audiences: vec![], ..TokenRequestSpec::default() }, ..TokenRequest::default() };
        let token = accounts.create_token_request(name, &PostParams::default(), &request).await.unwrap().status.unwrap().token;
        let text = std::fs::read_to_string(self.world.kubeconfig()).unwrap();
        let mut config: Value = serde_json::from_str(&text).unwrap();
        config["users"][0]["user"] = json!({"token": token});
        let path = std::env::temp_dir().join(format!("{namespace}-{name}.kubeconfig"));
        std::fs::write(&path, config.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}
