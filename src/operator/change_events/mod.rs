//! Change events: consumes the queue of each account with `changeEvents` in each of its Regions, and queues the objects whose resources
//! others changed. Runs in the leader of the account's shard. Nothing here writes to AWS but the deletion of consumed messages.

mod batch;
mod consumer;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use futures::future::{Either, select};
use tokio::task::{AbortHandle, JoinSet};
use tributary_api::AwsAccount;
use tributary_core::{kinds::change_events, managed::Managed, object::ObjectMetaExt};

use crate::{
    cluster::stores::Queues,
    operator::{context::Context, options::Signal},
};

use consumer::{Consumer, Feed};

/// How often the accounts are compared with the consumers.
const CHECK: Duration = Duration::from_secs(1);

/// The consumers of all accounts.
struct Supervisor {
    context: Arc<Context>,
    queues: Queues,
    long_poll: Duration,
    running: HashMap<Feed, AbortHandle>,
    tasks: JoinSet<()>,
    /// The Regions that each account was last reconciled for.
    requested: HashMap<String, BTreeSet<String>>,
}

/// Runs one consumer for each queue until `stop` completes. `long_poll` is how long a receive waits for messages.
pub(super) async fn run(context: Arc<Context>, queues: Queues, long_poll: Duration, stop: Signal) {
    let (running, tasks, requested) = (HashMap::new(), JoinSet::new(), HashMap::new());
    let mut supervisor = Supervisor { context, queues, long_poll, running, tasks, requested };
    loop {
        supervisor.adjust();
        if let Either::Right(_) = select(std::pin::pin!(tokio::time::sleep(CHECK)), stop.clone()).await {
            return;
        }
    }
}

impl Supervisor {
    /// Starts and stops consumers, and reconciles accounts whose objects use another Region now.
    fn adjust(&mut self) {
        let view = self.context.view();
        let (mut feeds, mut wanted) = (BTreeSet::new(), HashMap::new());
        view.objects.accounts.each(&mut |account| {
            if account.spec.change_events.is_none() || account.is_deleting() || !self.context.shard.owns(account, &view) {
                return;
            }
            feeds.extend(Feed::of(account));
            if change_events::lacks_regions(account, &view) {
                wanted.insert(account.own_name().to_owned(), change_events::regions(account, &view));
            }
        });
        for (account, regions) in &wanted {
            if self.requested.get(account) != Some(regions) {
                self.queues.trigger_object(AwsAccount::KIND, None, account);
            }
        }
        self.requested = wanted;
        self.running.retain(|feed, task| {
            let kept = feeds.contains(feed);
            if !kept {
                task.abort();
                self.context.change_feeds.forget(&feed.account, &feed.region);
            }
            kept
        });
        while self.tasks.try_join_next().is_some() {}
        for feed in feeds {
            self.running.entry(feed.clone()).or_insert_with(|| {
                let consumer = Consumer::new(self.context.clone(), self.queues.clone(), feed, self.long_poll);
                self.tasks.spawn(consumer.run())
            });
        }
    }
}
