//! The real binary as a child process: a replica with a name, which can be stopped, continued, killed, asked to end.

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use serde_json::Value;

use super::{aws::until_within, world::World};

/// Ended when dropped.
pub struct Replica {
    /// In the lease, in Events, in the user agent of its AWS calls.
    pub name: String,
    child: Child,
    address: String,
    files: PathBuf,
}

impl Replica {
    /// Sees this world only, and shares its lease with the world's other replicas. `keys`: the account of its own identity.
    pub fn start(world: &World, name: &str, kubeconfig: &Value, keys: &str, flags: &[&str]) -> Self {
        let files = std::env::temp_dir().join(format!("tributary-{}-{}-{name}", std::process::id(), world.namespace));
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("kubeconfig"), kubeconfig.to_string()).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = Command::new(env!("CARGO_BIN_EXE_tributary"))
            .args(["run", "--listen", &address, "--installation-id", "e2e", "--policy-settle-seconds", "0"])
            .env("TRIBUTARY_LOG", "debug")
            .args(["--watch-namespaces", &world.namespace, "--lease-name", &world.namespace, "--replica", name])
            .args(flags)
            .env("KUBECONFIG", files.join("kubeconfig"))
            .envs([("AWS_ACCESS_KEY_ID", keys), ("AWS_SECRET_ACCESS_KEY", "canary-7Qm2"), ("AWS_EC2_METADATA_DISABLED", "true")])
            .stderr(fs::File::create(files.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { name: name.to_owned(), child, address, files }
    }

    /// Status and text; `None` while nobody listens.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = reqwest::get(format!("http://{}{path}", self.address)).await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.files.join("log")).unwrap()
    }

    /// Sends the signal of this name, such as `STOP`.
    pub fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let child = std::sync::Mutex::new(&mut self.child);
        until_within(Duration::from_secs(90), "it ended", || async { child.lock().unwrap().try_wait().unwrap() }).await
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait(), fs::remove_dir_all(&self.files));
    }
}
