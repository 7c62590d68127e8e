//! A bed of the test's own, whose parts it may kill and start again without disturbing anybody.

use std::{
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use crate::bed::Bed;

fn bed_py() -> Command {
    let mut command = Command::new("python3");
    command.arg(crate::root().join("tests/bed/bed.py"));
    command
}

/// Ended when dropped, and also when the test's process ends in any other way: the bed lives as long as the pipe.
pub struct OwnBed {
    /// The bed, with the chart installed.
    pub bed: Bed,
    state: PathBuf,
    runner: Child,
    pipe: Option<ChildStdin>,
}

impl OwnBed {
    /// Takes about ten seconds. Blocks: for `spawn_blocking`.
    pub fn start(name: &str) -> Self {
        let state = std::env::temp_dir().join(format!("tributary-{}-bed-{name}", std::process::id()));
        let mut runner =
            bed_py().args(["run", "--state"]).arg(&state).args(["--", "cat"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let (pipe, about, started) = (runner.stdin.take(), state.join("bed.json"), Instant::now());
        while !about.exists() {
            assert!(runner.try_wait().unwrap().is_none(), "the bed did not come up");
            assert!(started.elapsed() < Duration::from_mins(2), "the bed is not up within two minutes");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { bed: Bed::install(&about), state, runner, pipe }
    }

    /// Where etcd keeps its data.
    pub fn etcd(&self) -> PathBuf {
        self.state.join("etcd")
    }

    fn verb(&self, verb: &str, parts: &[&str]) {
        let done = bed_py().arg(verb).args(parts).arg("--state").arg(&self.state).output().unwrap();
        assert!(done.status.success(), "{verb} {parts:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Kills these parts with SIGKILL, in this order.
    pub fn kill(&self, parts: &[&str]) {
        self.verb("kill", parts);
    }

    /// Starts them again as they were started, and waits until the API server is ready if it is among them.
    pub fn restart(&self, parts: &[&str]) {
        self.verb("start", parts);
    }
}

impl Drop for OwnBed {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.runner.wait();
    }
}
