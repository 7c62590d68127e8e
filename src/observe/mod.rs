//! Reads what AWS holds for each kind, as closely as a [`Depth`] requires. Nothing here writes; `operator/apply.rs` does.

mod account;
mod app;
mod bus;
mod bus_logs;
pub(crate) mod change_feeds;
mod delivery;
mod destinations;
pub(crate) mod dry_run;
mod export;
pub(crate) mod observations;
mod redrive;
mod replay;
mod rule;
mod sink;
mod subscription;

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};

use tributary_api::{AwsAccount, Identity};
use tributary_aws::{Priority, Session, Sessions};
use tributary_benchling::Benchling;
use tributary_core::{error::ReconcileError, export::ObservedExport, managed::Managed, plan::Depth, view::View};

use change_feeds::ChangeFeeds;
use dry_run::DryRun;
use observations::Observations;

pub(crate) use redrive::Redrives;

use crate::cluster::secrets::Secrets;

/// A kind whose state in AWS can be read.
pub(crate) trait Observe: Managed {
    /// Reads what AWS holds at the identity. Returns `None` where there is nothing. `desired` is `None` for a deletion.
    ///
    /// # Errors
    /// AWS, the API server or Benchling could not be read.
    fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        desired: Option<&Self::Desired>,
        depth: Depth,
    ) -> impl Future<Output = Result<Option<Self::Observed>, ReconcileError>> + Send;

    /// Reads the ConfigMaps with these names, and what the object exports to one of them.
    ///
    /// # Errors
    /// AWS or the API server could not be read.
    fn observe_export(
        &self,
        _: &Cloud<'_>,
        _: &Identity,
        _: &BTreeSet<String>,
    ) -> impl Future<Output = Result<ObservedExport, ReconcileError>> + Send {
        std::future::ready(Ok(ObservedExport::default()))
    }
}

/// Access to AWS for one reconcile of one object. Opens no session before one is needed.
pub(crate) struct Cloud<'a> {
    /// Reads other objects of the cluster.
    pub client: &'a kube::Client,
    /// Opens sessions in the account.
    pub sessions: &'a Sessions,
    /// Reads the Secrets that specs refer to.
    pub secrets: &'a Secrets,
    /// Reads Benchling.
    pub benchling: &'a Benchling,
    /// Letters that redrives hold.
    pub redrives: &'a Redrives,
    /// The objects of all kinds.
    pub view: View,
    /// The account of the object's identity.
    pub account: Arc<AwsAccount>,
    /// AWS Region of the object's identity.
    pub region: String,
    /// How old a shared list may be in a quick resync.
    pub quick_age: Duration,
    /// How old the facts that decide deliverability may be: each policy is read once per resync, however many rules need it.
    pub fact_age: Duration,
    /// What triggered the reconcile, and so how much of what was read before may be reused.
    pub trigger: Trigger,
    /// Where a deletion learns what AWS holds of the object.
    pub source: Source,
    /// What the consumers of change events have seen.
    pub change_feeds: &'a ChangeFeeds,
    /// What a dry run knows; `None` in the operator.
    pub dry_run: Option<&'a DryRun>,
    /// What was read last of deliveries.
    pub observations: &'a Observations,
}

/// Where a deletion learns what AWS holds of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From AWS.
    Aws,
    /// From the object's status, where a list that many objects share does not contradict it.
    Status,
}

/// What triggered a reconcile, where an object waits for something in AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// A poll is due and nothing else changed: only what all waiting objects share is read, by one list for all.
    Poll,
    /// A resync: what many objects share is read as well.
    Resync,
    /// The first reconcile, a changed spec or a request of the user: everything is read.
    Change,
}

/// How old a list may be in a poll. All waiting objects poll at the same moment, so a list this young is of the same poll. An older one,
/// read for another reason just before a source appeared, would delay the source by a whole poll.
const SOURCE_AGE: Duration = Duration::from_millis(500);

impl Cloud<'_> {
    /// Opens a session whose priority follows from the read depth.
    ///
    /// # Errors
    /// The account's credentials cannot be read or used.
    pub(crate) async fn session(&self, depth: Depth) -> Result<Session, ReconcileError> {
        self.session_in(&self.region, depth).await
    }

    /// Opens a session in another Region of the account.
    ///
    /// # Errors
    /// The account's credentials cannot be read or used.
    pub(crate) async fn session_in(&self, region: &str, depth: Depth) -> Result<Session, ReconcileError> {
        let keys = self.secrets.keys_of(&self.account).await?;
        let session = self.sessions.open(&self.account, region, keys).await?;
        Ok(session.at(if depth < Depth::Owner { Priority::Resync } else { Priority::Change }))
    }

    /// How old a shared list may be.
    pub(crate) fn list_age(&self, depth: Depth) -> Duration {
        // A dry run writes nothing that would outdate a list.
        if depth < Depth::Owner || self.dry_run.is_some() { self.quick_age } else { self.quick_age.min(Duration::from_secs(5)) }
    }

    /// How old the list of event sources may be.
    pub(crate) fn source_age(&self, depth: Depth) -> Duration {
        let age = self.list_age(depth);
        if self.trigger == Trigger::Poll { age.min(SOURCE_AGE) } else { age }
    }
}
