//! What all reconciles of a leadership term share.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tributary_api::{Identity, annotation};
use tributary_aws::Sessions;
use tributary_benchling::Benchling;
use tributary_core::{
    error::{Reason, ReconcileError},
    shard::Shard,
    view::View,
};

use crate::{
    cluster::{arn_from::ArnSources, deletions::DeletionCounter, secrets::Secrets},
    observe::{Cloud, Redrives, Source, Trigger, change_feeds::ChangeFeeds, dry_run::DryRun, observations::Observations},
    operator::{
        app_configuration::AppConfigurations,
        audit::AuditLog,
        changes::NotedChanges,
        clock::Clock,
        events::Recorder,
        fault_points::FaultPoints,
        name_locks::NameLocks,
        state::{ReconcileState, ResyncSchedule},
    },
    telemetry::metrics::Metrics,
};

/// For how long a new object may wait for another one before its conditions report it.
pub(super) const QUIET_PERIOD: Duration = Duration::from_secs(2);

/// What all reconciles of a leadership term share.
pub(super) struct Context {
    pub(super) client: Client,
    /// The shard that the term is of: its accounts are written to, those of others never.
    pub(super) shard: Shard,
    pub(super) view: View,
    pub(super) sessions: Sessions,
    pub(super) secrets: Secrets,
    pub(super) arn_sources: ArnSources,
    pub(super) recorder: Recorder,
    pub(super) metrics: Arc<Metrics>,
    pub(super) state: ReconcileState,
    pub(super) changes: NotedChanges,
    pub(super) names: NameLocks,
    pub(super) deletions: DeletionCounter,
    pub(super) resyncs: ResyncSchedule,
    pub(super) fault_points: Arc<dyn FaultPoints>,
    pub(super) audit: Option<Arc<AuditLog>>,
    pub(super) clock: Clock,
    pub(super) benchling: Benchling,
    pub(super) redrives: Redrives,
    pub(super) app_configurations: AppConfigurations,
    pub(super) change_feeds: ChangeFeeds,
    pub(super) observations: Observations,
    /// The resourceVersion at the beginning of the leadership term, once it was read.
    pub(super) term_version: Arc<OnceLock<u64>>,
    /// What a dry run knows; `None` in the operator.
    pub(super) dry_run: Option<Arc<DryRun>>,
}

impl Context {
    /// The time now. A dry run has one time for all objects.
    pub(super) fn now(&self) -> Timestamp {
        self.dry_run.as_ref().map_or_else(|| self.clock.now(), |dry_run| dry_run.now)
    }

    /// Whether this version of an object was written in the present leadership term. Since then only this process removes finalizers, so
    /// that an object with one exists, whatever the store has missed.
    pub(super) fn is_of_this_term(&self, version: Option<&str>) -> bool {
        let version = version.and_then(|text| text.parse::<u64>().ok());
        version.zip(self.term_version.get()).is_some_and(|(version, began)| version > *began)
    }

    /// The view at this moment.
    pub(super) fn view(&self) -> View {
        View { now: self.now(), ..self.view.clone() }
    }

    /// Access to AWS for one reconcile of the object with this identity.
    ///
    /// # Errors
    /// The identity's `AwsAccount` does not exist, or is another AWS account now. Or the account belongs to another shard.
    pub(super) fn cloud(&self, view: &View, identity: &Identity, trigger: Trigger) -> Result<Cloud<'_>, ReconcileError> {
        self.shard.permit(identity)?;
        let account = view.account(&identity.account).ok_or_else(|| {
            ReconcileError::blocked(
                Reason::AccountNotFound,
                format!(
                    "status.identity: AwsAccount {:?} not found. Create it, or keep what is in AWS with the annotation {}=true.",
                    identity.account,
                    annotation::ORPHAN
                ),
            )
        })?;
        if account.spec.account_id != identity.account_id {
            return Err(ReconcileError::invalid(
                Reason::IdentityChanged,
                format!(
                    "status.identity is in account {}, but AwsAccount {} now is account {}. No changes were made. \
                     Correct the AwsAccount, or delete and recreate this object.",
                    identity.account_id, identity.account, account.spec.account_id
                ),
            ));
        }
        Ok(Cloud {
            client: &self.client,
            view: view.clone(),
            trigger,
            source: Source::Aws,
            sessions: &self.sessions,
            secrets: &self.secrets,
            benchling: &self.benchling,
            redrives: &self.redrives,
            account,
            region: identity.region.clone(),
            quick_age: self.resyncs.list_age(),
            fact_age: self.resyncs.quick,
            change_feeds: &self.change_feeds,
            dry_run: self.dry_run.as_deref(),
            observations: &self.observations,
        })
    }
}
