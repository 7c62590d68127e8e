//! A real PostgreSQL server (`tests/bed/postgres/serve.py`), with a database for each test.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde_json::Value;
use tokio_postgres::{Client, Config, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

struct Server {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// A PostgreSQL server; it ends with the last handle, or with this process.
#[derive(Clone)]
pub struct Postgres {
    server: Arc<Mutex<Server>>,
    /// Its port, user, password and CA, as the script reports them.
    pub about: Value,
}

impl Postgres {
    /// The one that tests share; it lives as long as this process.
    pub async fn shared() -> Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        tokio::task::spawn_blocking(|| SHARED.get_or_init(Self::start).clone()).await.unwrap()
    }

    /// One of the test's own, which it may kill.
    pub async fn own() -> Self {
        tokio::task::spawn_blocking(Self::start).await.unwrap()
    }

    fn start() -> Self {
        let script = crate::root().join("tests/bed/postgres/serve.py");
        let mut child = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (commands, mut answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let about = serde_json::from_str(&line).expect("PostgreSQL comes up");
        Self { server: Arc::new(Mutex::new(Server { child, commands, answers })), about }
    }

    /// `kill`, `start` or `stop`; returns when it is done.
    pub async fn tell(&self, verb: &'static str) {
        let server = self.server.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut server = server.lock().unwrap();
            writeln!(server.commands, "{verb}").unwrap();
            let mut line = String::new();
            server.answers.read_line(&mut line).unwrap();
            line.trim().to_owned()
        });
        assert_eq!(done.await.unwrap(), verb);
    }

    /// This property as text, such as `password`.
    pub fn text(&self, key: &str) -> &str {
        self.about[key].as_str().unwrap()
    }

    /// A connection of the superuser to this database.
    pub async fn connect(&self, database: &str) -> Client {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.text("ca").as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = MakeRustlsConnect::new(tls.with_root_certificates(roots).with_no_client_auth());
        let mut config = Config::new();
        config.host("localhost").port(u16::try_from(self.about["port"].as_u64().unwrap()).unwrap()).user(self.text("user"));
        config.password(self.text("password")).dbname(database).ssl_mode(SslMode::Require);
        let (client, connection) = config.connect(tls).await.unwrap();
        tokio::spawn(async move { drop(connection.await) });
        client
    }

    /// Creates the database and connects to it.
    pub async fn make_database(&self, name: &str) -> Client {
        self.connect("postgres").await.batch_execute(&format!("CREATE DATABASE \"{name}\"")).await.unwrap();
        self.connect(name).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends, and removes its files, when its standard input does; a kill would leave them behind.
        let _ = self.commands.flush();
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}
