//! Facts about targets and their dead-letter queues.

use std::time::Duration;

use tributary_core::{
    delivery::{DeadLetter, Fact, TargetFacts},
    names::Arn,
};

use crate::{cache::facts::fetched, client::session::Session};

impl Session {
    /// Returns what the target's own service returns about it, no older than `age`; `None` for targets that are not read, such as
    /// those of other accounts.
    pub async fn target_facts(&self, arn: &str, age: Duration) -> Option<Fact<TargetFacts>> {
        let parsed = Arn::parse(arn).filter(|parsed| parsed.account_id == self.caller.account_id)?;
        let read = self.read_target(arn, &parsed)?;
        let fact = self.shared.caches.facts.targets.read(&self.caller.arn, arn, age, || read).await;
        let Fact::Known(facts) = fact else { return Some(fact) };
        // Cached as one list, not with each target.
        match self.shared_policy(parsed.service, age).await {
            Some(policy) => Some(fetched(async { policy.map(|policy| Some(TargetFacts { policy: policy.into(), ..facts })) }).await),
            None => Some(Fact::Known(facts)),
        }
    }

    /// Returns a sample of the messages in a dead-letter queue, no older than `age`.
    pub async fn dead_letters(&self, queue_arn: &str, age: Duration) -> Fact<Vec<DeadLetter>> {
        let name = queue_arn.rsplit(':').next().unwrap_or_default();
        self.shared.caches.facts.dead_letters.read(&self.caller.arn, queue_arn, age, || self.sample_dead_letters(name)).await
    }
}
