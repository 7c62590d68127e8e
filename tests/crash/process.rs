//! The real binary as a child process that can be killed.

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command},
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::harness::{Bed, World};

/// Killed when dropped.
pub struct Process {
    child: Child,
    files: PathBuf,
}

impl Process {
    /// With the options that operators in process have; `timeout`: seconds after which it gives up an AWS call.
    pub fn start(world: &World, timeout: u32) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tributary-{}-{}-{}", std::process::id(), world.namespace, NEXT.fetch_add(1, Ordering::Relaxed));
        let files = std::env::temp_dir().join(name);
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("kubeconfig"), Bed::get().operator_kubeconfig().to_string()).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let namespaces = format!("{0},{0}-*", world.namespace);
        let seconds = [
            ("--policy-settle-seconds", "0"),
            ("--permission-settle-seconds", "0"),
            ("--grant-grace-seconds", "0"),
            ("--source-poll-seconds", "1"),
            ("--first-rule-seconds", "0.3"),
            ("--sweep-seconds", "3600"),
            ("--full-sweep-seconds", "31536000"),
        ];
        let child = Command::new(env!("CARGO_BIN_EXE_tributary"))
            .args(["run", "--listen", &address, "--installation-id", "e2e", "--watch-namespaces", &namespaces])
            .args(seconds.into_iter().flat_map(|(flag, value)| [flag, value]))
            // There is one at a time, and what is measured is the start, not the wait for a dead leader's lease.
            .args(["--leader-elect", "false", "--aws-timeout-seconds", &timeout.to_string()])
            .env("KUBECONFIG", files.join("kubeconfig"))
            .stderr(fs::File::create(files.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, files }
    }

    /// SIGKILL: no handler runs, nothing is finished. `panic`s if it had ended by itself.
    pub fn kill(mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "it had ended by itself: {ended:?}\n{}", fs::read_to_string(self.files.join("log")).unwrap());
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait(), fs::remove_dir_all(&self.files));
    }
}
