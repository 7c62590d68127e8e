//! What has to hold of the sinks and of what others have in AWS.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use tributary_testkit::product::{
    OWNER_TAG,
    api::Permissions,
    plan::{InlinePolicy, key_of, ownership, sid_of},
};

use super::world::{Kind, World};
use crate::model::statements_in;

impl World {
    fn statements(&self) -> Vec<Value> {
        match self.kind {
            Kind::Lambda => self.model.function.clone(),
            Kind::LogGroup => self.model.log_policy.clone(),
            Kind::Sqs => statements_in(&self.model.queues["q"].attributes),
            Kind::Topic | Kind::TopicByRole => statements_in(&self.model.by_role.topic.as_ref().unwrap().attributes),
            Kind::Machine => vec![],
        }
    }

    /// Statements of the operator for this sink.
    fn ours(&self, n: usize) -> Vec<String> {
        let hash = ownership::sid(&self.owner(n)).replace("tributary-", "");
        let sids = self.statements().iter().filter_map(|statement| sid_of(statement).map(str::to_owned)).collect::<Vec<_>>();
        sids.into_iter().filter(|sid| sid.to_lowercase().starts_with("tributary") && sid.contains(&hash)).collect()
    }

    /// Nothing of others is gone, and nothing of the operator is unknown.
    pub fn check(&self) -> Result<(), TestCaseError> {
        let sids: BTreeSet<_> = self.statements().iter().filter_map(|s| sid_of(s).map(str::to_owned)).collect();
        let here =
            |sid: &&String| self.kind != Kind::Machine && (sid.as_str() != "Theirs") == (self.kind != Kind::LogGroup) || sid.contains('-');
        for sid in self.foreign.iter().filter(here).filter(|sid| sid.as_str() == "theirs" || sid.as_str() == "Theirs") {
            prop_assert!(sids.contains(sid), "{sid} of others is gone: {sids:?}");
        }
        for sid in self.foreign.iter().filter(|sid| !sid.to_lowercase().starts_with("theirs")) {
            prop_assert!(sids.contains(sid), "the required statement {sid} of others is gone: {sids:?}");
        }
        if let Some(theirs) = &self.theirs {
            prop_assert_eq!(self.model.invoke.on_failure.as_ref(), Some(theirs), "somebody's failure destination");
        }
        Ok(())
    }

    /// After reconciles without a failure.
    pub fn check_settled(&self) -> Result<(), TestCaseError> {
        for (n, sink) in self.sinks.iter().enumerate() {
            let status = sink.status.clone().unwrap_or_default();
            let external = sink.spec.permissions == Permissions::External;
            if self.deleted[n] || external {
                prop_assert!(self.ours(n).is_empty(), "{:?} is left of {}", self.ours(n), key_of(sink));
                let role = self.model.by_role.roles.values().find(|role| role.tags.get(OWNER_TAG) == Some(&self.owner(n)));
                prop_assert!(role.is_none(), "{role:?}");
            }
            if external && !self.deleted[n] {
                prop_assert!(!status.has_written(), "{status:?}");
            }
        }
        for (name, boundary) in &self.narrowed {
            let Some(role) = self.model.by_role.roles.get(name) else { continue };
            prop_assert!(role.boundary.is_some(), "{boundary} of others is gone: {role:?}");
            prop_assert!(role.policy != InlinePolicy::NotRead);
        }
        Ok(())
    }
}
