//! Resolves a sink to everything that its worker needs: queue, account, app, Secrets and database.

use std::{sync::Arc, time::Duration};

use kube::Api;
use secrecy::SecretString;

use tributary_api::{AccountRef, AwsAccount, BenchlingApp, EventSink, PostgresSink, PostgresTlsMode, matches};
use tributary_benchling::TenantClient;
use tributary_core::{destinations::dead_letter_queue, error::ReconcileError, guarded::Guarded, object::key_of};

use crate::{
    cluster::error::api_error,
    sync::{
        configured,
        context::SyncContext,
        database::{Address, FailureTime},
        error::{SyncError, SyncErrorReason},
        queue::AwsQueue,
        readiness::queue_to_consume,
        secrets::text_of,
        sink_context::{ActivityLog, SinkContext},
        spec::{scope, table},
        tls::Trust,
        view::view,
    },
};

/// Visibility timeout of messages in a batch unless the spec sets one.
const DEFAULT_VISIBILITY_TIMEOUT: Duration = Duration::from_mins(1);
const MIN_VISIBILITY_TIMEOUT: Duration = Duration::from_secs(5);

impl SyncContext {
    /// Resolves all references of the sink.
    ///
    /// # Errors
    /// What is missing or not permitted.
    pub(crate) async fn resolve(&self, sink: &EventSink) -> Result<(SinkContext, Address), SyncError> {
        let spec = sink.spec.postgres.as_deref().ok_or_else(|| SyncError::sink_not_ready("spec.postgres was removed"))?;
        let namespace = sink.metadata.namespace.clone().unwrap_or_default();
        let identity = queue_to_consume(sink)?;
        let queue = &identity.name;
        let account = self.account(&identity.account, &namespace).await?;
        let queue_error = |error: ReconcileError| SyncError::queue(&error);
        let keys = self.secrets.keys_of(&account).await.map_err(queue_error)?;
        let session = self.sessions.open(&account, &identity.region, keys).await.map_err(queue_error)?;
        let app = self.app(&namespace, "spec.postgres", &spec.app_ref.name).await?;
        let (tenant, client) = self.credentials_of(&app, "spec.postgres", spec.tenant.as_ref()).await?;
        let address = self.address(&namespace, spec).await?;
        let visibility = spec.queue.visibility_timeout_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let tenant_client = self.tenant_clients.get(&tenant, client)?;
        let queue = AwsQueue {
            url: session.queue_to_read(queue).await.map_err(queue_error)?,
            dead_letter_url: session.queue_to_read(&dead_letter_queue::name(queue)).await.map_err(queue_error)?,
            session,
            visibility_timeout: visibility.map_or(DEFAULT_VISIBILITY_TIMEOUT, Duration::from_secs).max(MIN_VISIBILITY_TIMEOUT),
        };
        Ok((context(key_of(sink), spec, &app, tenant_client, queue).await?, address))
    }

    async fn account(&self, name: &str, namespace: &str) -> Result<Arc<AwsAccount>, SyncError> {
        let found = Api::<Guarded<AwsAccount>>::all(self.client.clone()).get_opt(name).await;
        let account = found.map_err(|error| SyncError::queue(&api_error(error)))?;
        let reference = AccountRef { name: name.to_owned(), ..AccountRef::default() };
        view(None, account).account_for(namespace, Some(&reference)).map_err(|error| SyncError::sink_not_ready(&error.message))
    }

    async fn address(&self, namespace: &str, spec: &PostgresSink) -> Result<Address, SyncError> {
        let database = &spec.database;
        if !matches(&self.database_hosts, &database.host) {
            return Err(SyncError::new(
                SyncErrorReason::DatabaseNotPermitted,
                format!(
                    "spec.postgres.database.host: {} is not permitted. The administrator of Tributary can add it to sync.databaseHosts of the chart \
                     (--database-hosts).",
                    database.host
                ),
            ));
        }
        let password = &database.password_secret_ref;
        let secret = self.secret_to_send(namespace, &password.name).await?;
        let password = text_of(&secret, namespace, password.key.as_deref().unwrap_or("password"))?;
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
            failures: if self.database_hosts.contains(&database.host) { FailureTime::Own } else { FailureTime::Equal },
        })
    }
}

/// Returns what processing the messages of a sink needs.
///
/// # Errors
/// The configuration of the app in Benchling cannot be read, or lacks a choice.
pub(crate) async fn context<Q>(
    key: String,
    spec: &PostgresSink,
    app: &BenchlingApp,
    tenant_client: Arc<TenantClient>,
    queue: Q,
) -> Result<SinkContext<Q>, SyncError> {
    let mut scope = scope(spec, tenant_client.tenant());
    scope.schemas.extend(configured::schemas(&tenant_client, app, &spec.configured_schemas).await?);
    Ok(SinkContext {
        key,
        scope,
        configured: !spec.configured_schemas.is_empty(),
        table: table(spec),
        tenant_client,
        queue,
        attempts: u32::try_from(spec.attempts).unwrap_or(1),
        activity_log: spec.activity_log.as_ref().map_or(ActivityLog::Off, |log| ActivityLog::On { app_id: log.app_id.clone() }),
    })
}
