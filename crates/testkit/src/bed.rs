//! The bed that the run was started in, and the operator's identity in it: the ServiceAccount that the chart installs.

use std::{path::Path, process::Command, sync::OnceLock};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;

/// The namespace of the chart's release.
pub const OPERATOR_NAMESPACE: &str = "tributary-system";

/// What the chart lets the operator read for `existing.arnFrom`.
const ARN_FROM: &str = r#"[{"kind": "Queue", "resource": "queues", "apiGroup": "sqs.services.k8s.aws"}, {"kind": "ConfigMap", "resource": "configmaps", "apiGroup": ""}]"#;

const LEASES: &str = r#"
{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "e2e-leases", "namespace": "tributary-system"},
   "rules": [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "update", "create", "list"]}]},
  {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "e2e-leases", "namespace": "tributary-system"},
   "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "e2e-leases"},
   "subjects": [{"kind": "ServiceAccount", "name": "tributary", "namespace": "tributary-system"}]},
  {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "e2e-keys", "namespace": "tributary-system"},
   "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]},
  {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "e2e-keys", "namespace": "tributary-system"},
   "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "e2e-keys"},
   "subjects": [{"kind": "ServiceAccount", "name": "tributary", "namespace": "tributary-system"},
    {"kind": "ServiceAccount", "name": "tributary-gateway", "namespace": "tributary-system"}]},
  {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "e2e-sync"},
   "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]},
  {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "e2e-sync"},
   "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "e2e-sync"},
   "subjects": [{"kind": "ServiceAccount", "name": "tributary-sync", "namespace": "tributary-system"}]}]}"#;

/// Addresses and credentials of one test bed.
#[derive(Clone, Debug)]
pub struct Bed {
    /// Path of the cluster admin's kubeconfig.
    pub kubeconfig: String,
    /// The journal proxy in front of the stand-in.
    pub aws: String,
    /// The stand-in itself, for what a test does behind the operator's back.
    pub emulator: String,
    /// The stand-in for Benchling.
    pub benchling: String,
    /// The interpreter that has Benchling's SDK.
    pub python: String,
    /// Token of the operator's ServiceAccount.
    token: String,
    /// Token of the gateway's.
    gateway_token: String,
    /// Token of sync's.
    sync_token: String,
}

impl Bed {
    /// Installs the chart once, for all tests of the run.
    pub fn get() -> &'static Self {
        static BED: OnceLock<Bed> = OnceLock::new();
        BED.get_or_init(|| {
            let path = std::env::var("TRIBUTARY_BED").expect("run me by `tests/bed/bed.py run -- cargo test --test TARGET`");
            Self::install(Path::new(&path))
        })
    }

    /// Installs the chart in the bed that this `bed.json` describes.
    pub fn install(path: &Path) -> Self {
        let bed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let text = |key: &str| bed[key].as_str().unwrap_or_else(|| panic!("bed.json has no {key}")).to_owned();
        let (kubeconfig, bin) = (text("kubeconfig"), text("bin"));
        let tool = |name: &str, arguments: &[&str]| {
            let output = Command::new(Path::new(&bin).join(name)).args(arguments).env("KUBECONFIG", &kubeconfig).output().unwrap();
            assert!(output.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let chart = crate::root().join("charts/tributary");
        tool(
            "helm",
            &[
                "upgrade",
                "--install",
                "tributary",
                chart.to_str().unwrap(),
                "-n",
                OPERATOR_NAMESPACE,
                "--create-namespace",
                "--set",
                "gateway.enabled=true,sync.enabled=true",
                "--set-json",
                &format!("arnFrom.allowed={ARN_FROM}"),
            ],
        );
        // Tests have a lease each; the chart's role knows only that of the release. And keys of accounts, which the chart would name one by one.
        let leases = path.with_file_name("e2e-leases.yaml");
        std::fs::write(&leases, LEASES).unwrap();
        tool("kubectl", &["apply", "-f", leases.to_str().unwrap()]);
        let token_of = |account: &str| tool("kubectl", &["create", "token", account, "-n", OPERATOR_NAMESPACE, "--duration", "4h"]);
        let (token, gateway_token, sync_token) = (token_of("tributary"), token_of("tributary-gateway"), token_of("tributary-sync"));
        let python = text("python");
        Bed {
            aws: text("aws"),
            emulator: text("emulator"),
            benchling: text("benchling"),
            kubeconfig,
            token,
            gateway_token,
            sync_token,
            python,
        }
    }

    async fn config(&self) -> Config {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
    }

    /// What a cluster admin does.
    pub async fn admin(&self) -> Client {
        Client::try_from(self.config().await).unwrap()
    }

    /// What the operator may do.
    pub async fn operator(&self) -> Client {
        Client::try_from(self.operator_config().await).unwrap()
    }

    /// The same, for a client that is made in another way.
    pub async fn operator_config(&self) -> Config {
        let mut config = self.config().await;
        config.auth_info = kube::config::AuthInfo { token: Some(self.token.clone().into()), ..Default::default() };
        config
    }

    /// What the gateway may do.
    pub async fn gateway(&self) -> Client {
        let mut config = self.config().await;
        config.auth_info = kube::config::AuthInfo { token: Some(self.gateway_token.clone().into()), ..Default::default() };
        Client::try_from(config).unwrap()
    }

    /// A kubeconfig with the operator's rights, for the real binary as a child process.
    pub fn operator_kubeconfig(&self) -> Value {
        self.kubeconfig_with(&self.token)
    }

    /// The same with the gateway's.
    pub fn gateway_kubeconfig(&self) -> Value {
        self.kubeconfig_with(&self.gateway_token)
    }

    /// The same with sync's.
    pub fn sync_kubeconfig(&self) -> Value {
        self.kubeconfig_with(&self.sync_token)
    }

    fn kubeconfig_with(&self, token: &str) -> Value {
        let mut config: Value = serde_json::to_value(Kubeconfig::read_from(&self.kubeconfig).unwrap()).unwrap();
        config["users"][0]["user"] = serde_json::json!({"token": token});
        config
    }
}
