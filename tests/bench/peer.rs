//! Benchmark, part 6d: the gateway's peer: a Flask app that only verifies, by Benchling's own SDK, on a core of its own (`flask/app.py`).

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{Result, operator::cpu};

/// One process that works, as many threads as were fastest when this was written; with fewer its server keeps no connection open.
const SERVER: [&str; 7] = ["-m", "gunicorn", "--workers=1", "--threads=4", "--log-level=error", "app:app", "--bind"];

pub struct Peer {
    child: Child,
    pub address: SocketAddr,
}

/// The process, and those that it started.
fn family(pid: u32) -> Vec<u32> {
    let children = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let child: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()?;
        (parent == pid).then_some(child)
    });
    std::iter::once(pid).chain(children).collect()
}

impl Peer {
    pub async fn start(core: usize, keys_url: &str) -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/flask");
        let made = Command::new("python3").arg(folder.join("venv.py")).stderr(Stdio::inherit()).output()?;
        if !made.status.success() {
            return Err("the Flask app cannot be installed".into());
        }
        let python = String::from_utf8(made.stdout)?.trim().to_owned();
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new("taskset")
            .args(["-c", &core.to_string(), &python])
            .args(SERVER)
            .arg(address.to_string())
            .current_dir(folder)
            .env("BENCH_KEYS_URL", keys_url)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let mut peer = Self { child, address };
        while tokio::net::TcpStream::connect(address).await.is_err() {
            if let Some(status) = peer.child.try_wait()? {
                return Err(format!("the Flask app ended by itself ({status})").into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(peer)
    }

    pub fn cpu(&self) -> Result<Duration> {
        family(self.child.id()).into_iter().map(cpu).sum()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends its own child then. Both fail where it has ended already, which is as good.
        let _ = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}
