//! `tributary dev webhook` as a process, without a cluster and without AWS: the stand-in for Benchling and a real PostgreSQL.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
};

use serde_json::{Value, json};
use tokio_postgres::Client;
use tributary_testkit::{Bed, Benchling, Postgres, Webhook, executable, free_address, http, until};

pub struct Dev {
    pub benchling: Benchling,
    /// The app as Benchling has it.
    pub app: Value,
    pub postgres: Postgres,
    pub db: Client,
    /// Where the process listens, without a path.
    pub url: String,
    folder: PathBuf,
    database: String,
    running: Option<Running>,
}

struct Running {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    reader: JoinHandle<()>,
}

impl Dev {
    /// An app in a tenant of its own, and a database of its own on this server. Nothing runs yet.
    pub async fn new(postgres: Postgres, tenant: Option<&str>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("dev{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let tenant = tenant.map_or_else(|| name.clone(), str::to_owned);
        let benchling = Benchling { url: Bed::get().benchling.clone(), tenant, http: http() };
        let app = benchling.app(json!({})).await;
        let db = postgres.make_database(&name).await;
        let folder = std::env::temp_dir().join(format!("tributary-{name}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("ca.crt"), postgres.text("ca")).unwrap();
        Self { benchling, app, postgres, db, url: format!("http://{}", free_address()), folder, database: name, running: None }
    }

    /// Starts the process with these arguments, and waits until it listens.
    pub async fn start(&mut self, arguments: &[&str]) {
        let urls = self.benchling.urls();
        let database = format!(
            "postgresql://{}:{}@localhost:{}/{}?sslmode=verify-full&sslrootcert={}",
            self.postgres.text("user"),
            self.postgres.text("password"),
            self.postgres.about["port"],
            self.database,
            self.folder.join("ca.crt").display()
        );
        let text = |key: &str| self.app[key].as_str().unwrap();
        let mut child = Command::new(executable())
            .args(["dev", "webhook", "-o", "json", "--listen", self.url.trim_start_matches("http://")])
            .args(["--app-definition-id", text("appDefinitionId")])
            .args(["--benchling-url", &urls.tenant, "--benchling-keys-url", &urls.keys])
            .args(arguments)
            // Neither a cluster nor an AWS account is at hand.
            .env_clear()
            .env("KUBECONFIG", "/dev/null")
            .env("BENCHLING_CLIENT_ID", text("clientId"))
            .env("BENCHLING_CLIENT_SECRET", text("clientSecret"))
            .env("DATABASE_URL", database)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, out) = (Arc::new(Mutex::new(Vec::new())), child.stdout.take().unwrap());
        let written = lines.clone();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                written.lock().unwrap().push(serde_json::from_str(&line.unwrap()).unwrap());
            }
        });
        self.running = Some(Running { child, lines, reader });
        until("it listens", || async { reqwest::get(format!("{}/health", self.url)).await.ok().filter(|answer| answer.status() == 200) })
            .await;
    }

    /// Writes a file of manifests, and returns its path.
    pub fn write(&self, content: &str) -> String {
        let path = self.folder.join("manifests.yaml");
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The lines of this type.
    pub fn lines(&self, type_: &str) -> Vec<Value> {
        let all = self.running.as_ref().unwrap().lines.lock().unwrap().clone();
        all.into_iter().filter(|line| line["type"] == type_).collect()
    }

    /// Waits for a line of this type that passes the check.
    pub async fn line(&self, type_: &str, check: impl Fn(&Value) -> bool) -> Value {
        until(&format!("a line of type {type_}"), || async { self.lines(type_).into_iter().find(|line| check(line)) }).await
    }

    pub async fn sign(&self, wish: Value) -> Webhook {
        self.benchling.sign(&self.app, wish).await.remove(0)
    }

    pub async fn post(&self, webhook: &Webhook) -> (u16, String) {
        webhook.post(&self.benchling.http, &format!("{}/1/webhooks/event", self.url)).await
    }

    /// Names and values by entity. Empty while there is no table.
    pub async fn rows(&self, table: &str) -> Vec<(String, String, String)> {
        let query = format!("SELECT benchling_api_id, entity_name, coalesce(field_value, '-') FROM {table} ORDER BY 1");
        let rows = self.db.query(&query, &[]).await.unwrap_or_default();
        rows.into_iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    }

    /// Connects to the database again, as after a restart of the server.
    pub async fn reconnect(&mut self) {
        self.db = self.postgres.connect(&self.database).await;
    }

    /// Presses Ctrl-C. Returns whether the process ended with success, and all lines.
    pub fn interrupt(mut self) -> (bool, Vec<Value>) {
        let mut running = self.running.take().unwrap();
        assert!(Command::new("kill").args(["-INT", &running.child.id().to_string()]).status().unwrap().success());
        let status = running.child.wait().unwrap();
        running.reader.join().unwrap();
        let lines = running.lines.lock().unwrap().clone();
        (status.success(), lines)
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            if std::thread::panicking() {
                eprintln!("--- lines of the process\n{:#?}", running.lines.lock().unwrap());
            }
            let _ = (running.child.kill(), running.child.wait());
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
