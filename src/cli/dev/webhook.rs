//! `tributary dev webhook`: its flags, and what it prints.

use std::{
    io::{IsTerminal, Write, stdout},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, ValueEnum};
use k8s_openapi::jiff::{Timestamp, tz::TimeZone};
use secrecy::SecretString;
use serde_json::json;
use tokio::net::TcpListener;

use tributary_api::BenchlingApp;
use tributary_benchling::AppClient;
use tributary_core::object::key_of;

use crate::{
    cli::{
        Error,
        dev::{
            database_url,
            objects::{self, App, Problems, SchemaFlag},
        },
        gateway::BenchlingUrls,
        logs,
    },
    dev::{self, DevObjects, DevOptions, Line, Report, Style},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Runs until it is interrupted. A webhook is answered with 200 only after its row is committed.
///
/// The client of the app is read from the environment: `BENCHLING_CLIENT_ID` and `BENCHLING_CLIENT_SECRET`.
#[derive(Args, Debug)]
pub(super) struct Webhook {
    /// Files and folders with manifests: `BenchlingApp`, `EventRule` and `EventSink` with `postgres`. `-` reads standard input.
    #[arg(short = 'f', long = "file", value_name = "PATH", required_unless_present = "tenant", conflicts_with_all = ["tenant", "event_types", "schemas"])]
    files: Vec<PathBuf>,
    /// Tenant, such as `acme` for acme.benchling.com, in place of manifests.
    #[arg(long, requires = "app_definition_id")]
    tenant: Option<String>,
    /// App Definition ID in Benchling's Developer Console, such as `appdef_Fn1OZVKR`. Replaces that of the manifests if they have one app.
    #[arg(long, env = "BENCHLING_APP_DEFINITION_ID")]
    app_definition_id: Option<String>,
    /// Event type to match, with --tenant. Can be repeated.
    #[arg(long = "event-type", value_name = "TYPE", default_value = "v2.entity.registered")]
    event_types: Vec<String>,
    /// Schema to sync, and the field for the value column, with --tenant. Can be repeated. Defaults to all schemas.
    #[arg(long = "schema", value_name = "ID[=FIELD]")]
    schemas: Vec<SchemaFlag>,
    /// Database of all postgres sinks: postgresql://USER:PASSWORD@HOST:PORT/DATABASE. TLS is verified unless the host is this machine or sslmode is disable.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// Listen address for webhooks and /health.
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Public URL of the tunnel to the listen address, to print the Webhook URL for Benchling.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    #[command(flatten)]
    benchling: BenchlingUrls,
    /// Format of the lines on standard output.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Filter of the log on standard error, such as `info` or `tributary=debug`.
    #[arg(long, env = "TRIBUTARY_LOG", default_value = "warn,tributary::gateway::handle=error,tributary::sync::dead_letter=error")]
    log: String,
}

impl Webhook {
    pub(super) async fn run(self) -> Result<ExitCode, Error> {
        logs::init_text(&self.log)?;
        let client = client()?;
        let address = database_url::parse(&self.database_url)?;
        let objects = match self.objects()? {
            Ok(objects) => objects,
            Err(Problems(problems)) => {
                for problem in problems {
                    eprintln!("tributary: {problem}");
                }
                return Ok(ExitCode::from(2));
            }
        };
        let listener = TcpListener::bind(self.listen).await.map_err(|error| format!("--listen {}: {error}", self.listen))?;
        let output = self.output;
        announce(output, &objects.apps, listener.local_addr()?, self.public_url.as_deref())?;
        let is_colored = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let report: Report = Arc::new(move |line| print(output, &line, Style { is_colored }));
        let options = DevOptions { objects, client, address, urls: self.benchling.urls(), report };
        dev::run(options, listener, logs::terminated()?).await?;
        Ok(ExitCode::SUCCESS)
    }

    fn objects(&self) -> Result<Result<DevObjects, Problems>, Error> {
        let Some(tenant) = &self.tenant else {
            let mut objects = objects::of_files(&self.files);
            if let (Ok(objects), Some(definition)) = (&mut objects, &self.app_definition_id) {
                let [app] = objects.apps.as_mut_slice() else {
                    return Err("--app-definition-id: the manifests have several BenchlingApps. Set spec.appDefinitionId of each.".into());
                };
                app.spec.app_definition_id.clone_from(definition);
            }
            return Ok(objects);
        };
        let definition = self.app_definition_id.clone().unwrap_or_default();
        let app = App { tenant: tenant.clone(), definition, event_types: self.event_types.clone(), schemas: self.schemas.clone() };
        Ok(Ok(objects::of_flags(&app)?))
    }
}

/// Returns the client of the app. Its secret is no flag: flags are visible to other processes.
fn client() -> Result<AppClient, Error> {
    let read = |name: &str| {
        let value = std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        value.ok_or_else(|| format!("{name} is not set. Copy it from Benchling's Developer Console into the environment of this command."))
    };
    Ok(AppClient { id: read("BENCHLING_CLIENT_ID")?, secret: SecretString::from(read("BENCHLING_CLIENT_SECRET")?) })
}

/// Prints where webhooks are received, and what to enter in Benchling.
fn announce(output: Output, apps: &[BenchlingApp], address: SocketAddr, public_url: Option<&str>) -> Result<(), Error> {
    let local = format!("http://{address}");
    let mut out = stdout().lock();
    for app in apps {
        let (key, path) = (key_of(app), &app.spec.path);
        let webhook_url = public_url.map(|url| format!("{}{path}", url.trim_end_matches('/')));
        match output {
            Output::Json => {
                let line = json!({"type": "listening", "time": Timestamp::now().to_string(), "app": key, "localUrl": format!("{local}{path}"),
                    "webhookUrl": webhook_url, "health": format!("{local}/health")});
                writeln!(out, "{line}")?;
            }
            Output::Text => {
                let (tenants, definition) = (app.spec.tenants.join(", "), &app.spec.app_definition_id);
                writeln!(out, "BenchlingApp {key}: definition {definition}, tenants {tenants}")?;
                writeln!(out, "  local URL    {local}{path} (health: {local}/health)")?;
                let next = match webhook_url {
                    Some(url) => format!("{url}\n               Enter it as Webhook URL in Benchling's Developer Console."),
                    None => format!(
                        "https://TUNNEL{path}\n               Start a tunnel to {local}, and enter its URL with this path in Benchling's Developer Console."
                    ),
                };
                writeln!(out, "  webhook URL  {next}")?;
            }
        }
    }
    if output == Output::Text {
        writeln!(out, "Press Ctrl-C to stop.")?;
    }
    Ok(())
}

fn print(output: Output, line: &Line, style: Style) {
    let now = Timestamp::now();
    let text = match output {
        Output::Json => line.json(&now.to_string()).to_string(),
        Output::Text => line.text(&now.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string(), style),
    };
    // A reader that went away does not stop the process: rows are written nevertheless.
    let _ = writeln!(stdout().lock(), "{text}");
}
