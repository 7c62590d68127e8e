//! One inspection of one sink, and what the states have in common.

use std::collections::BTreeSet;

use tributary_api::{EventSink, Identity};
use tributary_aws::Session;
use tributary_core::{
    destinations::{
        Desired,
        shared::{grants::Grants, role::ObservedRole},
    },
    error::ReconcileError,
    names,
    plan::Depth,
};

use crate::observe::Cloud;

/// One inspection of one sink.
pub(crate) struct Inspection<'a> {
    pub(crate) sink: &'a EventSink,
    pub(crate) cloud: &'a Cloud<'a>,
    pub(crate) session: Session,
    pub(crate) identity: &'a Identity,
    /// `None` while the sink is being deleted.
    pub(crate) target: Option<&'a Desired>,
    pub(crate) depth: Depth,
}

impl Inspection<'_> {
    pub(crate) fn grants(&self) -> Option<&Grants> {
        self.target.map(Desired::grants)
    }

    /// Reads one of the operator's roles by its ARN. Below `Depth::Full` only what `GetRole` returns: its trust policy.
    pub(crate) async fn role(&self, arn: Option<&String>) -> Result<Option<ObservedRole>, ReconcileError> {
        let Some(name) = arn.and_then(|arn| arn.rsplit('/').next()) else { return Ok(None) };
        if self.depth >= Depth::Full { self.session.role_with_policy(name).await } else { self.session.role(name).await }
    }

    /// Returns those of the `granted` rules without an object that AWS still has with this target or dead letter. Without their permission a
    /// rule that was retained or orphaned would match events and drop them.
    pub(crate) async fn still_sending(&self, granted: &BTreeSet<String>) -> Result<BTreeSet<String>, ReconcileError> {
        let mut live = BTreeSet::new();
        let Some(grants) = self.grants() else { return Ok(live) };
        let (arn, age) = (&self.identity.arn, self.cloud.list_age(self.depth));
        for source in granted.iter().filter(|source| !grants.sources.contains(*source)) {
            let Some((bus, rule)) = names::rule_of(source).filter(|(_, rule)| *rule != "*") else { continue };
            if self.session.rule(bus, rule, age).await?.is_none() {
                continue;
            }
            let targets = self.session.targets(bus, rule).await?;
            // AWS adds an ID to the ARN of an API destination.
            let is_ours = |target: &str| target.strip_prefix(arn.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            if targets.iter().any(|target| is_ours(&target.arn) || target.dead_letter_arn.as_ref() == Some(arn)) {
                live.insert(source.clone());
            }
        }
        Ok(live)
    }
}
