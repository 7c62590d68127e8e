//! The real binary, killed in the middle of a burst: whatever was acknowledged is on the bus.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command},
};

use serde_json::json;

use crate::{
    harness::{Bed, until},
    stage::{PATH, Stage, post},
};

struct Binary {
    child: Child,
    url: String,
    log: PathBuf,
}

impl Binary {
    fn start(stage: &Stage, number: usize) -> Self {
        let files = std::env::temp_dir().join(format!("tributary-{}-gateway-{number}", std::process::id()));
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("kubeconfig"), Bed::get().gateway_kubeconfig().to_string()).unwrap();
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let (public, admin, urls) = (free(), free(), stage.benchling.urls());
        let log = files.join("log");
        let child = Command::new(env!("CARGO_BIN_EXE_tributary"))
            .args(["gateway", "--listen", &public, "--admin-listen", &admin, "--watch-namespaces", &stage.world.namespace])
            .args(["--benchling-url", &urls.tenant, "--benchling-keys-url", &urls.keys, "--drain-seconds", "0", "--log", "debug"])
            .env("KUBECONFIG", files.join("kubeconfig"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stderr(fs::OpenOptions::new().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, url: format!("http://{public}"), log }
    }

    async fn ready(&self) {
        until("the binary is ready", || async { reqwest::get(format!("{}/ready", self.url)).await.ok().filter(|a| a.status() == 200) })
            .await;
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
        let _ = fs::remove_dir_all(self.log.parent().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_a_burst_it_loses_nothing_that_it_acknowledged() {
    let stage = Stage::new("gw-kill").await;
    let webhooks = stage.sign(json!({"count": 300})).await;
    let mut acknowledged = BTreeSet::new();
    let mut rest = webhooks;
    for round in 0..4 {
        let mut binary = Binary::start(&stage, round);
        binary.ready().await;
        let (url, http) = (format!("{}{PATH}", binary.url), reqwest::Client::new());
        let sends: Vec<_> = rest
            .iter()
            .cloned()
            .map(|webhook| {
                let (url, http) = (url.clone(), http.clone());
                tokio::spawn(async move { (post(&http, &url, &webhook).await.0, webhook) })
            })
            .collect();
        // Killed once the first are through, while the others are under way; the last one may finish.
        let before = stage.taken().await.len();
        if round < 3 {
            until("some are through", || async { (stage.taken().await.len() > before + 10).then_some(()) }).await;
            binary.child.kill().unwrap();
        }
        let mut again = Vec::new();
        for send in sends {
            let (status, webhook) = send.await.unwrap();
            if status == 200 {
                acknowledged.insert(webhook.id);
            } else {
                again.push(webhook);
            }
        }
        rest = again;
        let taken: BTreeSet<_> = stage.taken().await.into_iter().collect();
        let lost: Vec<_> = acknowledged.difference(&taken).collect();
        assert!(lost.is_empty(), "acknowledged, and not on the bus: {lost:?}");
        let log = fs::read_to_string(&binary.log).unwrap();
        assert!(!log.contains("canary-7Qm2"), "a secret is in the log");
        if rest.is_empty() {
            break;
        }
    }
    assert!(!acknowledged.is_empty());
}
