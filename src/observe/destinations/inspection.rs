//! One inspection of one sink, and what the states have in common.

use std::collections::BTreeSet;

use tributary_api::{EventSink, Identity, WrittenType};
use tributary_aws::Session;
use tributary_core::{
    destinations::{Desired, shared::role::ObservedRole},
    error::ReconcileError,
    links::Link,
    managed::Managed,
    names,
    object::key_of,
    ownership,
    plan::Depth,
    view::View,
};

use crate::observe::Cloud;

/// One inspection of one sink.
pub(crate) struct Inspection<'a> {
    pub(crate) sink: &'a EventSink,
    pub(crate) cloud: &'a Cloud<'a>,
    pub(crate) session: Session,
    pub(crate) identity: &'a Identity,
    pub(crate) purpose: Purpose<'a>,
    pub(crate) depth: Depth,
}

/// What is planned from what an inspection reads.
#[derive(Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// The way to this desired state.
    Converge(&'a Desired),
    /// The removal of what the operator wrote, because the owner of the resource manages it now.
    HandOver,
    /// The deletion of the sink.
    Delete,
}

impl<'a> Inspection<'a> {
    pub(crate) fn target(&self) -> Option<&'a Desired> {
        match self.purpose {
            Purpose::Converge(target) => Some(target),
            Purpose::HandOver | Purpose::Delete => None,
        }
    }

    /// Returns the prefix of the `Sid`s of the operator's statements.
    pub(crate) fn sid(&self) -> String {
        let owner = ownership::owner(&self.cloud.view.settings.installation_id, EventSink::KIND, &key_of(self.sink));
        ownership::sid(&owner)
    }

    /// Returns what the operator has written of this type, according to status.
    pub(crate) fn wrote(&self, type_: WrittenType) -> BTreeSet<String> {
        self.sink.status.iter().flat_map(|status| status.wrote(type_)).cloned().collect()
    }

    /// Reads one of the operator's roles by its ARN. Below `Depth::Full` only what `GetRole` returns: its trust policy.
    pub(crate) async fn role(&self, arn: Option<&String>) -> Result<Option<ObservedRole>, ReconcileError> {
        let Some(name) = arn.map(|arn| role_name(arn)) else { return Ok(None) };
        let role = if self.depth >= Depth::Full { self.session.role_with_policy(name).await } else { self.session.role(name).await };
        Ok(role?.map(|role| {
            let boundaries = self.wrote(WrittenType::PermissionsBoundary);
            let boundary_is_ours = role.boundary.as_ref().is_some_and(|boundary| boundaries.contains(boundary));
            ObservedRole { boundary_is_ours, ..role }
        }))
    }

    /// Reads the roles of this type that the operator has written, except the one with the ARN `current`.
    pub(crate) async fn former_roles(&self, type_: WrittenType, current: Option<&String>) -> Result<Vec<ObservedRole>, ReconcileError> {
        let current = current.map(|arn| role_name(arn).to_owned());
        let mut former = Vec::new();
        for arn in self.wrote(type_).iter().filter(|arn| Some(role_name(arn)) != current.as_deref()) {
            former.extend(self.role(Some(arn)).await?);
        }
        Ok(former)
    }

    /// Returns those rules and buses without an object that AWS still has with this target or dead letter, of those that the policy has
    /// `granted` or status lists. Without their permission a rule that was retained or orphaned would match events and drop them.
    pub(crate) async fn still_sending(&self, granted: &BTreeSet<String>) -> Result<BTreeSet<String>, ReconcileError> {
        let mut live = BTreeSet::new();
        let mut candidates = granted.clone();
        let rows = self.sink.status.iter().flat_map(|status| &status.grants);
        candidates.extend(rows.map(|grant| grant.source.clone()));
        let skipped = match self.purpose {
            Purpose::Converge(target) => target.grants().sources.clone(),
            Purpose::HandOver => return Ok(live),
            // Those that have an object block the deletion themselves.
            Purpose::Delete => candidates.iter().filter(|source| has_object(source, &self.cloud.view)).cloned().collect(),
        };
        let (arn, age) = (&self.identity.arn, self.cloud.list_age(self.depth));
        // AWS adds an ID to the ARN of an API destination.
        let is_ours = |target: &str| target.strip_prefix(arn.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let is_planned = |source: &&String| self.cloud.dry_run.is_some_and(|dry_run| dry_run.settles(source));
        for source in candidates.difference(&skipped).filter(|source| !is_planned(source)) {
            if let Some(bus) = names::bus_of(source) {
                let bus = self.session.bus(bus).await?;
                if bus.is_some_and(|bus| bus.settings.dead_letter_arn.as_ref() == Some(arn)) {
                    live.insert(source.clone());
                }
                continue;
            }
            let reference = names::rule_reference(source, &self.identity.account_id);
            let Some((bus, rule)) = reference.filter(|(_, rule)| *rule != "*") else { continue };
            if self.session.rule(&bus, rule, age).await?.is_none() {
                continue;
            }
            let targets = self.session.targets(&bus, rule).await?;
            if targets.iter().any(|target| is_ours(&target.arn) || target.dead_letter_arn.as_ref() == Some(arn)) {
                live.insert(source.clone());
            }
        }
        Ok(live)
    }
}

/// Returns whether the rule or bus with this ARN has an object.
fn has_object(arn: &str, view: &View) -> bool {
    let mut found = false;
    view.each_rule_with(Link::Resource(arn), |_| found = true);
    view.each_bus_with(Link::Resource(arn), |_| found = true);
    found
}

fn role_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
