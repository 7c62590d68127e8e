//! Sync: from a sink to all that its worker needs: queue, account, app, Secrets, database. An error is trouble that says what is missing.

use tributary_api::{
    AwsAccount, BenchlingApp, EntityKind, EventSink, PostgresSecretRef, PostgresSink, PostgresTlsMode, annotation, matches,
};
use tributary_aws::Sessions;
use tributary_benchling::{AppClient, Urls};
use tributary_core::{destinations::sqs::dead_letter_name, error::ReconcileError, guarded::Guarded, names, object::key_of};

use crate::{
    cluster::{error::api_error, secrets::Secrets, user_secrets},
    sync::{
        database::{Address, Trust},
        kinds::Kind,
        message::{Schema, Scope},
        poison::{Trouble, TroubleReason},
        reader::Reader,
        table::{Columns, Table},
        work::{Job, queue_trouble},
    },
};

use std::{collections::HashMap, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use secrecy::SecretString;
use tokio::sync::Mutex;

/// What all sinks of the process share.
pub struct Shared {
    pub client: Client,
    pub sessions: Sessions,
    pub secrets: Secrets,
    pub urls: Urls,
    /// Requests in 30 seconds to Benchling, per app and tenant.
    pub budget: u32,
    /// Hosts of databases that may be connected to; `*` stands for any text.
    pub databases: Vec<String>,
    /// Names this process, and no other that ever was, in claims.
    pub holder: String,
    readers: Mutex<HashMap<String, Arc<Reader>>>,
}

/// Hidden for so long unless the spec says otherwise; extended while they are in hand.
const HIDDEN: Duration = Duration::from_mins(1);

impl Shared {
    pub fn new(client: Client, sessions: Sessions, namespace: &str, urls: Urls, budget: u32, databases: Vec<String>) -> Self {
        let secrets = Secrets::new(client.clone(), namespace);
        let holder = format!("{:016x}", fastrand::u64(..));
        Self { client, sessions, secrets, urls, budget, databases, holder, readers: Mutex::default() }
    }

    pub async fn resolve(&self, sink: &EventSink) -> Result<(Job, Address), Trouble> {
        let spec = sink.spec.postgres.as_ref().ok_or_else(|| not_ready("it is no postgres sink any more"))?;
        let namespace = sink.metadata.namespace.clone().unwrap_or_default();
        let identity = at_work(sink)?;
        let queue = &identity.name;
        let account = self.account(&identity.account, &namespace).await?;
        let halted = |halt: ReconcileError| queue_trouble(&halt);
        let keys = self.secrets.keys_of(&account).await.map_err(halted)?;
        let session = self.sessions.open(&account, &identity.region, keys).await.map_err(halted)?;
        let app = self.app(&namespace, "spec.postgres", &spec.app_ref.name).await?;
        let (tenant, client) = self.client_of(&app, "spec.postgres", spec.tenant.as_ref()).await?;
        let address = self.address(&namespace, spec).await?;
        let visible = spec.queue.visibility_timeout_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let job = Job {
            key: key_of(sink),
            scope: scope(spec, &tenant),
            table: table(spec),
            reader: self.reader(&tenant, client).await?,
            queue: session.queue_to_read(queue).await.map_err(halted)?,
            dead_letter: session.queue_to_read(&dead_letter_name(queue)).await.map_err(halted)?,
            session,
            hidden: visible.map_or(HIDDEN, Duration::from_secs).max(Duration::from_secs(5)),
            attempts: u32::try_from(spec.attempts).unwrap_or(1),
            activity: spec.activity_log.as_ref().map(|log| log.app_id.clone()),
        };
        Ok((job, address))
    }

    async fn account(&self, name: &str, namespace: &str) -> Result<AwsAccount, Trouble> {
        let found =
            Api::<Guarded<AwsAccount>>::all(self.client.clone()).get_opt(name).await.map_err(|error| queue_trouble(&api_error(error)))?;
        let account = found.and_then(|account| account.0.ok()).ok_or_else(|| not_ready(&format!("AwsAccount {name} is not there")))?;
        if account.spec.grants.iter().any(|grant| matches(&grant.namespaces, namespace)) {
            return Ok(account);
        }
        Err(not_ready(&format!("AwsAccount {name} does not let namespace {namespace} use it any more")))
    }

    /// The app that an object of the namespace names at `field`.
    pub(super) async fn app(&self, namespace: &str, field: &str, name: &str) -> Result<BenchlingApp, Trouble> {
        let missing = |what: String| Trouble::new(TroubleReason::AppNotFound, what);
        let found = Api::<Guarded<BenchlingApp>>::namespaced(self.client.clone(), namespace).get_opt(name).await;
        let found = found.map_err(|error| missing(format!("BenchlingApp {namespace}/{name}: {error}")))?;
        let app = found.ok_or_else(|| {
            missing(format!("{field}.appRef: there is no BenchlingApp {namespace}/{name}. Create it, or correct the reference"))
        })?;
        app.0.map_err(|error| missing(format!("BenchlingApp {namespace}/{name} cannot be read: {error}")))
    }

    /// Tenant and client of the app, for an object of its namespace.
    pub(super) async fn client_of(
        &self,
        app: &BenchlingApp,
        field: &str,
        tenant: Option<&String>,
    ) -> Result<(String, (AppClient, String)), Trouble> {
        let (key, namespace) = (key_of(app), app.metadata.namespace.as_deref().unwrap_or_default());
        let not_ready = |what: String| Trouble::new(TroubleReason::AppNotReady, what);
        let tenant = match (tenant, app.spec.tenants.as_slice()) {
            (Some(tenant), all) if all.contains(tenant) => tenant.clone(),
            (None, [only]) => only.clone(),
            (Some(tenant), _) => {
                return Err(not_ready(format!(
                    "{field}.tenant: {tenant} is none of the tenants of BenchlingApp {key}. Correct one or the other"
                )));
            }
            (None, _) => {
                return Err(not_ready(format!("BenchlingApp {key} has several tenants: say in {field}.tenant which one is meant")));
            }
        };
        let credentials = app.spec.credentials.as_ref().ok_or_else(|| {
            not_ready(format!(
                "BenchlingApp {key} has no spec.credentials, and Benchling is read as the app. Name the Secret of its client there"
            ))
        })?;
        let secret = &credentials.secret_ref.name;
        let client = AppClient::of_secret(&self.secret_to_send(namespace, secret).await?);
        let client =
            client.map_err(|what| Trouble::new(TroubleReason::SecretNotFound, format!("Secret {namespace}/{secret} {what}. Add it")))?;
        Ok((tenant, client))
    }

    pub(super) async fn reader(&self, tenant: &str, (client, version): (AppClient, String)) -> Result<Arc<Reader>, Trouble> {
        let key = format!("{tenant}/{}/{version}", client.id);
        let mut readers = self.readers.lock().await;
        if let Some(reader) = readers.get(&key) {
            return Ok(reader.clone());
        }
        let reader = Reader::new(self.urls.clone(), tenant.to_owned(), client, self.budget);
        let reader = reader.map_err(|error| Trouble::new(TroubleReason::BenchlingUnavailable, error))?;
        readers.retain(|_, reader| Arc::strong_count(reader) > 1);
        readers.insert(key, reader.clone());
        Ok(reader)
    }

    async fn address(&self, namespace: &str, spec: &PostgresSink) -> Result<Address, Trouble> {
        let database = &spec.database;
        if !matches(&self.databases, &database.host) {
            return Err(Trouble::new(
                TroubleReason::DatabaseNotPermitted,
                format!(
                    "spec.postgres.database.host: {} is none of the hosts that --database-hosts lets sync connect to. Have who runs Tributary add it, or name another",
                    database.host
                ),
            ));
        }
        let password = &database.password_secret_ref;
        let key = password.key.as_deref().unwrap_or("password");
        let secret = self.secret_to_send(namespace, &password.name).await?;
        let password = text_of(&secret, key).ok_or_else(|| lacks(namespace, &password.name, key))?;
        let tls = match database.tls.mode {
            PostgresTlsMode::Disable => None,
            PostgresTlsMode::VerifyFull => Some(Trust {
                ca: match &database.tls.ca_secret_ref {
                    Some(reference) => Some(self.certificates(namespace, reference).await?),
                    None => None,
                },
            }),
        };
        Ok(Address {
            host: database.host.clone(),
            port: u16::try_from(database.port).unwrap_or(5432),
            database: database.name.clone(),
            user: database.user.clone(),
            password: SecretString::from(password),
            tls,
        })
    }

    /// They are sent to nobody, so the Secret's type does not matter.
    async fn certificates(&self, namespace: &str, reference: &PostgresSecretRef) -> Result<String, Trouble> {
        let key = reference.key.as_deref().unwrap_or("ca.crt");
        let secret = self.secret(namespace, &reference.name).await?;
        text_of(&secret, key).ok_or_else(|| lacks(namespace, &reference.name, key))
    }

    async fn secret_to_send(&self, namespace: &str, name: &str) -> Result<Secret, Trouble> {
        let secret = self.secret(namespace, name).await?;
        match user_secrets::kept_back(&secret) {
            None => Ok(secret),
            Some(why) => Err(Trouble::new(TroubleReason::SecretUnusable, format!("Secret {namespace}/{name} {why}"))),
        }
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Secret, Trouble> {
        let trouble = |what: String| Trouble::new(TroubleReason::SecretNotFound, what);
        if self.secrets.is_own(namespace) {
            return Err(trouble(format!(
                "Secret {namespace}/{name} is of the operator's own namespace, of which nothing is sent anywhere. Make the object and its Secrets in another namespace"
            )));
        }
        match Api::<Secret>::namespaced(self.client.clone(), namespace).get_opt(name).await {
            Ok(Some(secret)) => Ok(secret),
            Ok(None) => Err(trouble(format!("Secret {namespace}/{name} does not exist. Create it, or correct the reference"))),
            Err(kube::Error::Api(status)) if status.code == 403 => Err(trouble(format!(
                "sync may not read Secret {namespace}/{name}. Add {namespace} to the chart's value sync.secretNamespaces, or bind its Role there"
            ))),
            Err(error) => Err(trouble(format!("Secret {namespace}/{name} could not be read: {error}. It is tried again by itself"))),
        }
    }
}

fn text_of(secret: &Secret, key: &str) -> Option<String> {
    let bytes = secret.data.as_ref()?.get(key)?;
    String::from_utf8(bytes.0.clone()).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn lacks(namespace: &str, name: &str, key: &str) -> Trouble {
    Trouble::new(TroubleReason::SecretNotFound, format!("Secret {namespace}/{name} has no {key}. Add it"))
}

fn not_ready(what: &str) -> Trouble {
    Trouble::new(TroubleReason::SinkNotReady, format!("{what}; see the sink's other conditions"))
}

/// Reasons of `Ready` for which the sink is not worked any more, although it was: somebody withdrew a permission, or asked for a pause.
const STOPPED: [&str; 9] = [
    "Paused",
    "Deleting",
    "AccountNotFound",
    "AccountNotPermitted",
    "ArnNotPermitted",
    "NotOwned",
    "IdentityChanged",
    "WrongAccount",
    "UnreadableObject",
];

/// Where the sink's queue is, if it may be worked off.
pub fn at_work(sink: &EventSink) -> Result<&tributary_api::Identity, Trouble> {
    let paused = sink.metadata.annotations.as_ref().is_some_and(|all| all.get(annotation::PAUSED).is_some_and(|value| value == "true"));
    if paused {
        return Err(not_ready("the sink is paused"));
    }
    if sink.metadata.deletion_timestamp.is_some() {
        return Err(not_ready("the sink is being deleted"));
    }
    let common = sink.status.as_ref().map(|status| &status.common).ok_or_else(|| not_ready("the operator has not seen the sink yet"))?;
    if let Some(ready) = common.condition("Ready").filter(|ready| ready.status != "True" && STOPPED.contains(&ready.reason.as_str())) {
        return Err(not_ready(&format!("the operator has stopped the sink ({})", ready.reason)));
    }
    let identity = common.identity.as_ref().ok_or_else(|| not_ready("the queue is not there yet"))?;
    let dead_letter = dead_letter_name(&identity.name);
    let there =
        |name: &str| common.resources.iter().any(|resource| names::Arn::parse(&resource.arn).is_some_and(|arn| arn.resource == name));
    if there(&identity.name) && there(&dead_letter) { Ok(identity) } else { Err(not_ready("the queue is not there yet")) }
}

fn kind(kind: EntityKind) -> Kind {
    match kind {
        EntityKind::CustomEntity => Kind::CustomEntity,
        EntityKind::DnaSequence => Kind::DnaSequence,
        EntityKind::RnaSequence => Kind::RnaSequence,
        EntityKind::AaSequence => Kind::AaSequence,
        EntityKind::Oligo => Kind::Oligo,
    }
}

fn scope(spec: &PostgresSink, tenant: &str) -> Scope {
    let schemas =
        spec.schemas.iter().map(|schema| Schema { id: schema.id.clone(), kind: schema.kind.map(kind), field: schema.field.clone() });
    Scope { tenant: tenant.to_owned(), schemas: schemas.collect() }
}

fn table(spec: &PostgresSink) -> Table {
    let (table, names, standard) = (&spec.table, &spec.table.columns, Columns::default());
    let or = |name: &Option<String>, standard: String| name.clone().unwrap_or(standard);
    Table {
        schema: table.schema.clone(),
        name: table.name.clone(),
        manage: table.manage,
        columns: Columns {
            id: or(&names.id, standard.id),
            name: or(&names.name, standard.name),
            value: or(&names.value, standard.value),
            synced_at: or(&names.synced_at, standard.synced_at),
            modified_at: or(&names.modified_at, standard.modified_at),
            archived: or(&names.archived_reason, standard.archived),
            schema: or(&names.schema_id, standard.schema),
        },
    }
}
