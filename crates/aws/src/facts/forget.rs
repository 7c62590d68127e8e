//! Dropping cached facts after own writes.

use tributary_core::{
    names::Scope,
    steps::{Changed, Step},
};

use crate::client::session::Session;

impl Session {
    /// Drops the facts that the step may have changed, so that the next reader sees its effect.
    pub async fn forget_facts(&self, step: &Step, partition: &str, region: &str) {
        let scope = Scope { partition, region, account_id: &self.caller.account_id };
        let facts = &self.shared.caches.facts;
        match step.changes(scope) {
            Some(Changed::Target(arn)) => facts.targets.forget(&arn).await,
            Some(Changed::TargetsWith(part)) => facts.targets.forget_matching(part).await,
            Some(Changed::Role(name)) => {
                facts.roles.forget(&name).await;
                facts.role_policies.forget(&name).await;
            }
            None => {}
        }
    }
}
