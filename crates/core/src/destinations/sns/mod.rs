//! The `sns` sink: a topic, and a statement in its policy or a role.
//!
//! A topic's policy cannot be limited to a rule: EventBridge publishes without a source, and a
//! statement with a `Condition` never matches (EventBridge user guide, "Using resource-based
//! policies"). So one statement allows all rules. A role is preferable.

mod plan;
mod policy;
mod recorded;
mod rights;
mod state;

pub use policy::statement;
pub use state::{DesiredSns, DesiredTopic, ObservedSns, ObservedTopic};

use std::collections::BTreeSet;

use serde_json::Value;

use tributary_api::{EventSink, Identity, ManagedTopic, Tags};

use crate::{
    destinations::{
        by_role,
        contract::{Destination, State, roles},
        shared::{
            context::ResolveContext,
            grants::Grants,
            role::DesiredRole,
            task::{Rights, Task},
        },
    },
    error::ReconcileError,
    feature::{Feature, Use},
    names::{self, Arn, Scope},
    plan::PlanContext,
    recorded_call::ServiceCalls,
    steps::{Redelivery, SnsStep, Step, TargetSettings, TopicAttributes},
};

impl Scope<'_> {
    /// Returns the ARN of a topic.
    pub fn topic(self, name: &str) -> String {
        self.arn("sns", name)
    }
}

/// The `sns` type.
pub(crate) struct Sns;

impl Destination for Sns {
    type Desired = DesiredSns;

    const NAME: &'static str = "sns";
    const RESOURCE_TYPE: &'static str = "AWS::SNS::Topic";
    const NEEDS_ROLE: bool = false;
    const ACTIONS: &'static [&'static str] = &["sns:Publish"];
    const READS: &'static [&'static str] = &["sns:GetTopicAttributes"];
    const FEATURES: &'static [Feature] = rights::FEATURES;
    const RECORDED_CALLS: Option<&'static ServiceCalls> = Some(&recorded::CALLS);
    const USES: &'static [Use<EventSink>] = rights::USES;
    const SENDS_SOURCE: bool = false;

    fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
        if let Some(existing) = context.existing()? {
            return context.local_identity(&existing);
        }
        let own = managed(context.sink).and_then(|topic| topic.name.clone());
        let name = own.unwrap_or_else(|| context.default_name("", 256, names::queue_character, ""));
        Ok(context.identity(name, |scope, name| scope.topic(name)))
    }

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredSns, ReconcileError> {
        let by = by_role::desired::<Self>(context, identity)?;
        Ok(DesiredSns {
            managed: managed(context.sink).map(|topic| DesiredTopic {
                name: identity.name.clone(),
                attributes: attributes(topic),
                tags: context.tags(topic.tags.as_ref()),
            }),
            by_policy: context.sink.spec.role_arn.is_none() && by.role.is_none(),
            by,
        })
    }

    fn redrive(letter: Redelivery) -> Option<Step> {
        Some(SnsStep::Publish(letter).into())
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "sns"
    }

    fn is_delivered_across_accounts(arn: &Arn<'_>) -> bool {
        Self::is_target(arn)
    }

    /// EventBridge does not deliver to FIFO topics (EventBridge user guide, "Amazon EventBridge
    /// targets"; docs/aws-facts.md, PM2).
    fn fifo_obstacle(target: &TargetSettings, _: bool) -> Option<String> {
        Some(format!("{} is a FIFO topic, to which EventBridge does not deliver. Use a standard topic.", target.arn))
    }

    fn policy_statement(sid: &str, target_arn: &str, _: &str) -> Option<Value> {
        Some(statement(sid, target_arn))
    }

    fn task_rights(task: &Task<'_>) -> Result<Option<Vec<Rights>>, String> {
        let ("sns:publish", _) = task.integration() else { return Ok(None) };
        Ok(Some(vec![("sns:Publish", vec![task.parameter("TopicArn")?.to_owned()])]))
    }
}

fn managed(sink: &EventSink) -> Option<&ManagedTopic> {
    sink.spec.sns.as_deref()?.managed.as_ref()
}

fn attributes(spec: &ManagedTopic) -> TopicAttributes {
    let all = [("DisplayName", &spec.display_name), ("KmsMasterKeyId", &spec.kms_key_id)];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect()
}

impl State for DesiredSns {
    type Observed = ObservedSns;

    fn plan(desired: Option<&Self>, observed: Option<&ObservedSns>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
        plan::plan(desired, observed, context)
    }

    fn grants(&self) -> &Grants {
        &self.by.grants
    }

    fn invocation_role(&self) -> Option<&DesiredRole> {
        self.by.role.as_ref()
    }

    fn live(observed: &ObservedSns) -> &BTreeSet<String> {
        &observed.by.live
    }

    fn tags(&self) -> Option<&Tags> {
        self.managed.as_ref().map(|topic| &topic.tags).or_else(|| self.by.tags())
    }

    fn resources(&self, _: &EventSink, observed: Option<&ObservedSns>) -> Vec<(&'static str, String)> {
        [(self.by.resource_type, self.by.grants.arn.clone())].into_iter().chain(roles(self, observed)).collect()
    }

    fn sources_in_policy(&self, observed: Option<&ObservedSns>) -> BTreeSet<String> {
        policy::sources_in_policy(self, observed)
    }

    fn permission_steps(&self, observed: Option<&ObservedSns>, context: &PlanContext<'_>) -> Result<Option<Vec<Step>>, ReconcileError> {
        let nothing = ObservedSns::default();
        policy::permission_steps(self, observed.unwrap_or(&nothing), context).map(Some)
    }

    fn required_statements(&self) -> Vec<Value> {
        vec![statement(&self.by.grants.sid, &self.by.grants.arn)]
    }
}
