//! Benchmark, part 2a: the control plane that the bed started, with the chart installed, and the operator's identity in it.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use crate::{Result, audit::Audit, operator, say};

pub const OPERATOR_NAMESPACE: &str = "tributary-system";
/// The Secret with the account's keys, which the gateway may read too.
pub const KEYS: &str = "bench-keys";
const OPERATOR: &str = "system:serviceaccount:tributary-system:tributary";

pub struct Cluster {
    /// What a cluster admin does.
    pub admin: Client,
    pub admin_kubeconfig: PathBuf,
    /// Kubeconfig with exactly the permissions that the chart grants to the operator.
    pub operator_kubeconfig: PathBuf,
    /// The same of the gateway.
    pub gateway_kubeconfig: PathBuf,
    pub audit: Audit,
    /// The API server and etcd.
    pids: Vec<u32>,
}

fn field<'a>(bed: &'a Value, key: &str) -> Result<&'a str> {
    bed[key].as_str().ok_or_else(|| format!("bed.json has no {key}").into())
}

impl Cluster {
    /// `keys`: further Secrets with keys of accounts, which the operator may read. `shards`: of the chart, for its permissions.
    pub async fn prepare(keys: &[String], shards: usize) -> Result<Self> {
        let path = std::env::var("TRIBUTARY_BED").map_err(|_| "run me by `make bench`, inside `tests/bed/bed.py run --no-aws`")?;
        let bed: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
        let (kubeconfig, bin) = (field(&bed, "kubeconfig")?, Path::new(field(&bed, "bin")?));
        let tool = |name: &str, arguments: &[&str]| -> Result<String> {
            let output = Command::new(bin.join(name)).args(arguments).env("KUBECONFIG", kubeconfig).output()?;
            if output.status.success() {
                return Ok(String::from_utf8(output.stdout)?.trim().to_owned());
            }
            Err(format!("{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
        };
        say("installing the chart, for its CRDs, ServiceAccount and permissions");
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/tributary");
        let all = [&[KEYS.to_owned()], keys].concat().join(",");
        let values = format!("gateway.enabled=true,awsSecrets={{{all}}},gateway.awsSecrets={{{KEYS}}},shards={shards}");
        tool("helm", &["upgrade", "--install", "tributary", chart, "-n", OPERATOR_NAMESPACE, "--create-namespace", "--set", &values])?;
        let token = |account: &str| tool("kubectl", &["create", "token", account, "-n", OPERATOR_NAMESPACE, "--duration", "4h"]);
        let tokens = (token("tributary")?, token("tributary-gateway")?);
        tool("kubectl", &["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"])?;
        let directory = Path::new(&path).parent().ok_or("TRIBUTARY_BED names no file")?;
        let mut config: Value = serde_json::from_str(&std::fs::read_to_string(kubeconfig)?)?;
        let mut written = |name: &str, token: &str| -> Result<PathBuf> {
            let path = directory.join(name);
            config["users"][0]["user"] = json!({"token": token});
            // It holds a token, and goes with the bed.
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            file.write_all(config.to_string().as_bytes())?;
            Ok(path)
        };
        let operator_kubeconfig = written("operator.kubeconfig", &tokens.0)?;
        let gateway_kubeconfig = written("gateway.kubeconfig", &tokens.1)?;
        let audit = Audit::new(PathBuf::from(field(&bed, "audit")?), OPERATOR);
        let pid = |part: &str| bed["parts"][part]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
        let pids = ["kube-apiserver", "etcd"].into_iter().filter_map(pid).collect();
        let admin_kubeconfig = PathBuf::from(kubeconfig);
        Ok(Self { admin: Client::try_default().await?, admin_kubeconfig, operator_kubeconfig, gateway_kubeconfig, audit, pids })
    }

    /// A client with the permissions of the operator.
    pub async fn operator(&self) -> Result<Client> {
        let config = Kubeconfig::read_from(&self.operator_kubeconfig)?;
        Ok(Client::try_from(Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?)?)
    }

    /// Processor time of the control plane so far: it shares the machine with the operator here, as it would not elsewhere.
    pub fn cpu(&self) -> Result<Duration> {
        self.pids.iter().map(|pid| operator::cpu(*pid)).sum()
    }
}
