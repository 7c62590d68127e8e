//! The real binary as a child process: its own identity, assumed roles, health, metrics, logs, and how it stops.

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, ExitStatus},
};

use serde_json::{Value, json};

use crate::{
    common::{named, trio, with},
    harness::{Aws, Bed, World},
};

/// Ended when dropped.
struct Tributary {
    child: Child,
    address: String,
    files: PathBuf,
}

impl Tributary {
    /// With this account's keys as the pod's own identity.
    fn start(world: &World, keys: &str, kubeconfig: &Value) -> Self {
        let files = std::env::temp_dir().join(format!("tributary-{}-{}", std::process::id(), world.namespace));
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("kubeconfig"), kubeconfig.to_string()).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = Command::new(env!("CARGO_BIN_EXE_tributary"))
            .args(["run", "--listen", &address, "--installation-id", "e2e", "--policy-settle-seconds", "0", "--log", "debug"])
            .args(["--watch-namespaces", &world.namespace])
            .env("KUBECONFIG", files.join("kubeconfig"))
            .envs([("AWS_ACCESS_KEY_ID", keys), ("AWS_SECRET_ACCESS_KEY", "canary-7Qm2"), ("AWS_EC2_METADATA_DISABLED", "true")])
            .stderr(fs::File::create(files.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, address, files }
    }

    /// Status and text; `None` while nobody listens.
    async fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = reqwest::get(format!("http://{}{path}", self.address)).await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.unwrap()))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.files.join("log")).unwrap()
    }

    /// SIGTERM, as a rollout sends it.
    async fn terminate(&mut self, aws: &Aws) -> ExitStatus {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        let child = std::sync::Mutex::new(&mut self.child);
        aws.until("it stopped", || async { child.lock().unwrap().try_wait().unwrap() }).await
    }
}

impl Drop for Tributary {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait(), fs::remove_dir_all(&self.files));
    }
}

fn own_identity(world: &World, credentials: Option<Value>) -> Value {
    let mut spec = world.account_spec();
    spec.as_object_mut().unwrap().remove("credentials");
    credentials.map_or(spec.clone(), |credentials| with(spec, json!({"credentials": credentials})))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_as_itself_tells_how_it_is_and_stops_when_asked() {
    let world = World::empty("binary").await;
    world.apply_account(own_identity(&world, None)).await;
    let mut tributary = Tributary::start(&world, &world.aws.account, &Bed::get().operator_kubeconfig());
    world.aws.until("ready", || async { tributary.get("/readyz").await.filter(|(status, _)| *status == 200) }).await;
    assert_eq!(tributary.get("/healthz").await.unwrap().0, 200);
    trio(&world).await;
    let (status, metrics) = tributary.get("/metrics").await.unwrap();
    assert!(status == 200 && metrics.contains("PutTargets") && metrics.trim_end().ends_with("# EOF"), "{metrics}");
    assert!(tributary.terminate(&world.aws).await.success());
    let log = tributary.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect();
    assert!(lines.iter().any(|line| line["message"] == "operator stopped"), "{log}");
    assert!(lines.iter().any(|line| line["step"].as_str().is_some_and(|step| step.starts_with("PutRule"))), "a step is a field");
    for text in [&log, &metrics] {
        assert!(!text.contains("canary-7Qm2"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn until_it_is_ready_it_names_what_it_waits_for() {
    let world = World::empty("waiting").await;
    let mut kubeconfig = Bed::get().operator_kubeconfig();
    kubeconfig["clusters"][0]["cluster"]["server"] = json!("https://127.0.0.1:1");
    let tributary = Tributary::start(&world, &world.aws.account, &kubeconfig);
    let said = || async { tributary.get("/readyz").await.filter(|(_, text)| text.contains("the first list of objects: ")) };
    let (status, text) = world.aws.until("an answer", said).await;
    assert_eq!(status, 503);
    for kind in ["AwsAccount", "EventBus", "EventRule", "EventSink"] {
        assert!(text.contains(&format!("{kind} watch: ")), "{text}");
    }
    assert_eq!(tributary.get("/healthz").await.unwrap().0, 200, "alive, though not ready");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_assumed_with_its_external_id() {
    let (world, base) = (World::empty("role").await, Aws::new(Bed::get()));
    let (root, condition) = (format!("arn:aws:iam::{}:root", base.account), json!({"StringEquals": {"sts:ExternalId": "tenant-7"}}));
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": root}, "Condition": condition}]})
    .to_string();
    let create = [("Action", "CreateRole"), ("Version", "2010-05-08"), ("RoleName", "op"), ("AssumeRolePolicyDocument", trust.as_str())];
    world.aws.query("iam", &create).await;
    let arn = format!("arn:aws:iam::{}:role/op", world.aws.account);
    world.apply_account(own_identity(&world, Some(json!({"assumeRole": {"roleArn": arn, "externalId": "wrong"}})))).await;
    let _tributary = Tributary::start(&world, &base.account, &Bed::get().operator_kubeconfig());
    let account = world.account.as_str();
    let message = world.halted("AwsAccount", account, "AccessDenied").await;
    assert!(message.contains("sts:AssumeRole"), "{message}");
    assert!(world.aws.writes(0).await.is_empty());
    world.apply_account(own_identity(&world, Some(json!({"assumeRole": {"roleArn": arn, "externalId": "tenant-7"}})))).await;
    trio(&world).await;
    let caller = world.ready("AwsAccount", account).await.data["status"]["callerArn"].clone();
    assert!(caller.as_str().unwrap().contains(":assumed-role/op/"), "{caller}");
    assert!(world.aws.contents().await.contains_key(&format!("bus {}", named(&world, "b"))));
    assert!(base.writes(0).await.iter().all(|op| op == "AssumeRole"), "nothing in the base account");
}
