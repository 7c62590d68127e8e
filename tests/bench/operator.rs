//! Benchmark, part 2e: the operator, or another part of Tributary, as a process of its own, with what it uses. Ended by its pid, whatever happens here.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{Result, cluster::Cluster, settings::scratch};

/// `/proc` counts processor time in hundredths of a second, on every Linux.
const TICK: Duration = Duration::from_millis(10);

pub struct Operator {
    child: Child,
    pub started: Instant,
    pub log: PathBuf,
}

#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// User and system time since the start.
    pub cpu: Duration,
    pub peak_rss_mib: f64,
    /// Of the present RSS, what was allocated, and what is the program itself.
    pub anonymous_mib: f64,
    pub file_mib: f64,
}

/// User and system time of a process.
pub fn cpu(pid: u32) -> Result<Duration> {
    cpu_in(&std::fs::read_to_string(format!("/proc/{pid}/stat"))?)
}

/// User and system time of this thread and of those threads of this process that have the name.
pub fn cpu_of_threads(name: &str) -> Result<Duration> {
    let mut sum = cpu_in(&std::fs::read_to_string("/proc/thread-self/stat")?)?;
    for thread in std::fs::read_dir("/proc/self/task")? {
        // A thread may end meanwhile.
        let stat = std::fs::read_to_string(thread?.path().join("stat")).unwrap_or_default();
        if stat.contains(&format!("({name})")) {
            sum += cpu_in(&stat)?;
        }
    }
    Ok(sum)
}

fn cpu_in(stat: &str) -> Result<Duration> {
    // The second field is the name in parentheses, which may hold blanks; utime and stime are fields 14 and 15.
    let fields: Vec<_> = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u32>().ok()).ok_or("unreadable /proc/PID/stat");
    Ok(TICK * (ticks(11)? + ticks(12)?))
}

impl Operator {
    /// Starts the operator.
    pub fn start(cluster: &Cluster, name: &str, log: &str, flags: &[String]) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tributary-operator"));
        command
            .args(["run", "--policy-settle-seconds", "0", "--log", log])
            .args(if flags.iter().any(|flag| flag == "--listen") { &[][..] } else { &["--listen", "127.0.0.1:0"] })
            .args(flags);
        command.env_clear();
        Self::spawn(command, &cluster.operator_kubeconfig, &format!("operator-{name}"))
    }

    /// Starts what the command says. Its environment was cleared, as in a pod, so that nothing of this machine's settings reaches it.
    pub fn spawn(mut command: Command, kubeconfig: &Path, name: &str) -> Result<Self> {
        let path = scratch().join(format!("{name}.log"));
        let output = File::create(&path)?;
        let started = Instant::now();
        command.env("KUBECONFIG", kubeconfig).stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        Ok(Self { child: command.spawn()?, started, log: path })
    }

    pub fn usage(&mut self) -> Result<Usage> {
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("it ended by itself ({status}): see {}", self.log.display()).into());
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let mib = |name: &str| -> Result<f64> {
            let kib =
                status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
            Ok(kib.ok_or_else(|| format!("no {name} in /proc/PID/status"))? / 1_024.0)
        };
        let cpu = cpu(self.child.id())?;
        Ok(Usage { cpu, peak_rss_mib: mib("VmHWM")?, anonymous_mib: mib("RssAnon")?, file_mib: mib("RssFile")? })
    }

    /// Ends it as a rollout does.
    pub async fn stop(mut self) -> Result<()> {
        Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        for _ in 0..200 {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("it did not stop within 10 s of SIGTERM: see {}", self.log.display()).into())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
