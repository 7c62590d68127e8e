//! The real binary as a child process with any command, to stop, continue, kill or terminate; and the gateway as such a process.

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, ExitStatus},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::Value;

use crate::{aws::until_within, bed::Bed, benchling::Benchling};

/// An address where nobody listens. Below the ports that the system gives to those who connect: none of them takes it before the binary does.
pub fn free_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_mul(101).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let address = format!("127.0.0.1:{}", 10_000 + number % 10_000);
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

/// Cargo's folder of this build, in which the test's own executable is too.
pub(crate) fn build_folder() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

/// The real binary: as cargo names it to a test that it runs, else the one of the build that this test is of.
pub fn executable() -> PathBuf {
    std::env::var_os("CARGO_BIN_EXE_tributary").map_or_else(|| build_folder().join("tributary"), PathBuf::from)
}

/// Killed when dropped; where a test has failed, with the end of its log.
pub struct Binary {
    child: Child,
    files: PathBuf,
}

impl Binary {
    /// `arguments`: in groups.
    pub fn start(kubeconfig: &Value, arguments: &[&[&str]], environment: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let files = std::env::temp_dir().join(format!("tributary-binary-{}-{number}", std::process::id()));
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("kubeconfig"), kubeconfig.to_string()).unwrap();
        let child = Command::new(executable())
            .args(arguments.concat())
            .env("KUBECONFIG", files.join("kubeconfig"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(environment.iter().copied())
            .stderr(fs::File::create(files.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, files }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to its log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.files.join("log")).unwrap()
    }

    /// Sends the signal of this name, such as `STOP`.
    pub fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([&format!("-{signal}"), &self.id().to_string()]).status().unwrap().success());
    }

    /// Suspends the process, and gives the number of its threads that were executing its own code at that moment. All others were waiting
    /// in the kernel: what they had written was already sent. Each of those that executed may have been between the write fence and the
    /// system call that sends the request (ADR 0012).
    pub fn suspend(&self) -> usize {
        self.signal("STOP");
        let threads = || fs::read_dir(format!("/proc/{}/task", self.id())).unwrap().map(|thread| thread.unwrap().path());
        let is_stopped = |thread: PathBuf| fs::read_to_string(thread.join("stat")).is_ok_and(|stat| stat.contains(") T "));
        while !threads().all(is_stopped) {
            std::thread::yield_now();
        }
        // proc_pid_syscall(5): -1 of a thread that is stopped outside a system call.
        threads().filter(|thread| fs::read_to_string(thread.join("syscall")).unwrap().starts_with("-1")).count()
    }

    /// As a crash does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let child = Mutex::new(&mut self.child);
        until_within(Duration::from_secs(90), "it ended", || async { child.lock().unwrap().try_wait().unwrap() }).await
    }

    /// As a rollout does.
    pub async fn stop(mut self) {
        self.signal("TERM");
        let status = self.ended().await;
        assert!(status.success(), "{status}");
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let end = log.len().saturating_sub(6_000);
            let end = (end..log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(end);
            eprintln!("--- the log of process {} ends\n{}", self.id(), &log[end..]);
        }
        let _ = (self.child.kill(), self.child.wait(), fs::remove_dir_all(&self.files));
    }
}

/// A gateway as a process, with the permissions of the chart. It is ready when started.
pub struct Gateway {
    /// The process.
    pub binary: Binary,
    /// Where webhooks are sent, without a path.
    pub url: String,
}

impl Gateway {
    /// Of the apps of one namespace.
    pub async fn start(namespace: &str, benchling: &Benchling) -> Self {
        Self::with(namespace, benchling, &[], &[]).await
    }

    /// The same with these flags and environment variables.
    pub async fn with(namespace: &str, benchling: &Benchling, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let (public, admin, urls) = (free_address(), free_address(), benchling.urls());
        let arguments: [&[&str]; 4] = [
            &["gateway", "--drain-seconds=0", "--log=debug"],
            &["--listen", &public, "--admin-listen", &admin, "--watch-namespaces", namespace],
            &["--benchling-url", &urls.tenant, "--benchling-keys-url", &urls.keys],
            flags,
        ];
        let binary = Binary::start(&Bed::get().gateway_kubeconfig(), &arguments, environment);
        let (url, ready) = (format!("http://{public}"), format!("http://{public}/ready"));
        until_within(Duration::from_mins(1), "the gateway is ready", || async {
            reqwest::get(&ready).await.ok().filter(|answer| answer.status() == 200)
        })
        .await;
        Self { binary, url }
    }
}
