//! The consumer of one queue of change events: receives a batch, notes the changes of each object, queues the objects, deletes the batch.
//!
//! A message is deleted after its objects were queued. One that is received again, such as after a crash in between, only causes another
//! reconcile.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::jiff::Timestamp;
use tributary_api::AwsAccount;
use tributary_aws::{Message, Session};
use tributary_core::{
    error::{Reason, ReconcileError},
    managed::Managed,
    names::Arn,
    plan::Depth,
};

use crate::{
    cluster::{stores::Queues, timeouts::Backoff},
    observe::Trigger,
    operator::context::Context,
};

use super::batch::{Batch, Receiver};

/// Messages of a batch at most. A burst of changes to one object is one reconcile for each batch.
const BATCH: usize = 500;
/// Parallel receives while a batch fills up, of at most ten messages each.
const PARALLEL: usize = 4;
/// How long the messages of a batch stay hidden from other consumers, such as a new leader.
const HIDDEN: Duration = Duration::from_mins(1);

/// A queue of change events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Feed {
    /// Name of the `AwsAccount`.
    pub(super) account: String,
    /// Region of the queue.
    pub(super) region: String,
    queue_arn: String,
}

impl Feed {
    /// The queues of the account.
    pub(super) fn of(account: &AwsAccount) -> Vec<Self> {
        let name = account.metadata.name.clone().unwrap_or_default();
        let rows = account.status.iter().flat_map(|status| &status.change_events);
        rows.map(|row| Self { account: name.clone(), region: row.region.clone(), queue_arn: row.queue_arn.clone() }).collect()
    }

    fn queue(&self) -> &str {
        Arn::parse(&self.queue_arn).map_or(self.queue_arn.as_str(), |arn| arn.resource)
    }
}

pub(super) struct Consumer {
    context: Arc<Context>,
    queues: Queues,
    feed: Feed,
    long_poll: Duration,
}

impl Consumer {
    pub(super) fn new(context: Arc<Context>, queues: Queues, feed: Feed, long_poll: Duration) -> Self {
        Self { context, queues, feed, long_poll }
    }

    /// Consumes the queue until the task is canceled.
    pub(super) async fn run(self) {
        let (mut backoff, mut consumed) = (Backoff::default(), false);
        loop {
            let error = Box::pin(self.consume()).await.err();
            let failed = error.is_some();
            // The status lists a queue before it exists.
            let expected = !consumed && error.as_ref().is_some_and(|error| error.reason == Reason::TargetNotFound);
            consumed |= !failed;
            if !expected {
                self.report(error);
            }
            if failed {
                tokio::time::sleep(backoff.wait()).await;
            }
        }
    }

    /// Reports in the status of the account whether the queue can be consumed, if that is new.
    fn report(&self, error: Option<ReconcileError>) {
        let Feed { account, region, queue_arn } = &self.feed;
        let error = error.map(|error| {
            tracing::warn!(%account, %region, %error, "cannot consume change events");
            ReconcileError { message: format!("cannot consume change events of {region} from {queue_arn}: {}", error.message), ..error }
        });
        if self.context.change_feeds.consumed(account, region, error) {
            self.reconcile_account();
        }
    }

    fn reconcile_account(&self) {
        self.queues.trigger_object(AwsAccount::KIND, None, &self.feed.account);
    }

    /// Processes one batch; returns after a while if there is none.
    async fn consume(&self) -> Result<(), ReconcileError> {
        let view = self.context.view();
        let account = view.account(&self.feed.account);
        let Some((account, identity)) = account.as_ref().and_then(|account| Some((account, account.pinned_identity()?))) else {
            // The account is being deleted or recreated, and so is this task.
            tokio::time::sleep(self.long_poll).await;
            return Ok(());
        };
        let cloud = self.context.cloud(&view, identity, Trigger::Resync)?;
        let session = cloud.session_in(&self.feed.region, Depth::Owner).await?;
        let url = session.queue_to_read(self.feed.queue()).await?;
        let messages = self.receive(&session, &url).await?;
        if messages.is_empty() {
            return Ok(());
        }
        let receiver = Receiver {
            account: &self.feed.account,
            account_id: &account.spec.account_id,
            partition: &identity.partition,
            caller_arn: &session.caller.arn,
        };
        let batch = Batch::of(messages.iter().map(|message| message.body.as_str()), &receiver, &view, Instant::now());
        self.hand_over(batch);
        let receipts: Vec<_> = messages.iter().map(|message| message.receipt.as_str()).collect();
        session.delete_messages(&url, &receipts).await.map_err(ReconcileError::from)
    }

    /// Waits for the first messages, and receives what else there is, up to a full batch.
    async fn receive(&self, session: &Session, url: &str) -> Result<Vec<Message>, ReconcileError> {
        let mut all = session.receive(url, self.long_poll, HIDDEN).await?;
        let mut received = all.len();
        while received > 0 && all.len() < BATCH {
            let more = (0..PARALLEL).map(|_| session.receive(url, Duration::ZERO, HIDDEN));
            // What was received so far is processed first; an error recurs.
            let more: Vec<_> = futures::future::join_all(more).await.into_iter().flat_map(Result::unwrap_or_default).collect();
            received = more.len();
            all.extend(more);
        }
        Ok(all)
    }

    /// Notes the changes and queues the objects.
    fn hand_over(&self, batch: Batch) {
        let Feed { account, region, .. } = &self.feed;
        for (outcome, count) in batch.outcomes {
            self.context.metrics.change_events(outcome, count);
        }
        if batch.arrived && self.context.change_feeds.arrived(account, region, Timestamp::now()) {
            self.reconcile_account();
        }
        for (object, changes) in batch.objects {
            tracing::info!(kind = object.kind, object = %object.key, "changed in AWS");
            self.context.changes.note(&format!("{}/{}", object.kind, object.key), changes);
            self.queues.trigger_object(object.kind, object.namespace.as_deref(), &object.name);
        }
    }
}
