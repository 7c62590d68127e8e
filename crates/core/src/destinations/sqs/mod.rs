//! The `sqs` sink: a managed queue with its dead-letter queue, or a statement in the policy of an
//! existing one.

mod attributes;
pub mod change_queue;
pub(crate) mod consumed_queue;
pub mod dead_letter_queue;
mod plan;
pub mod policy;
mod recorded;
mod resolve;
mod rights;
mod state;

pub use state::{DesiredQueue, DesiredSqs, ObservedQueue, ObservedSqs};

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use tributary_api::{EventSink, EventSinkStatus, Identity, ResourceStatus, Tags};

use crate::{
    destinations::{
        contract::{Consumed, Destination, State},
        shared::{
            context::ResolveContext,
            grants::Grants,
            task::{Rights, Task},
        },
        triggers,
    },
    error::{Reason, ReconcileError},
    feature::{Feature, Use},
    names::{Arn, Scope},
    object::key_of,
    plan::PlanContext,
    recorded_call::ServiceCalls,
    settings::Settings,
    steps::{Redelivery, SqsStep, Step, TargetSettings},
};

const RESOURCE_TYPE: &str = "AWS::SQS::Queue";

impl Scope<'_> {
    /// Returns the ARN of a queue.
    pub fn queue(self, name: &str) -> String {
        self.arn("sqs", name)
    }
}

/// The `sqs` type.
pub(crate) struct Sqs;

impl Destination for Sqs {
    type Desired = DesiredSqs;

    const NAME: &'static str = "sqs";
    const RESOURCE_TYPE: &'static str = RESOURCE_TYPE;
    const NEEDS_ROLE: bool = false;
    const ACTIONS: &'static [&'static str] = &["sqs:SendMessage"];
    const READS: &'static [&'static str] = &["sqs:GetQueueUrl", "sqs:GetQueueAttributes"];
    const FEATURES: &'static [Feature] = rights::FEATURES;
    const RECORDED_CALLS: Option<&'static ServiceCalls> = Some(&recorded::CALLS);
    const USES: &'static [Use<EventSink>] = rights::USES;
    const USABLE_KEY: &'static str = "Use a customer managed key, or SSE-SQS.";

    fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
        resolve::identity(context)
    }

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredSqs, ReconcileError> {
        resolve::desired(context, identity)
    }

    fn consumed(sink: &EventSink, identity: &Identity) -> Vec<Consumed> {
        consumed_queue::consumed(sink, identity)
    }

    fn set_parameters(_: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
        target.message_group_id = sink.spec.sqs.as_deref().and_then(|sqs| sqs.message_group_id.clone());
        Ok(())
    }

    fn check_target(field: &str, sink: &EventSink, target: &TargetSettings) -> Result<(), ReconcileError> {
        if !attributes::is_fifo(&target.arn) || target.message_group_id.is_some() {
            return Ok(());
        }
        Err(ReconcileError::blocked(
            Reason::InvalidSpec,
            format!("{field}: EventSink {} is a FIFO queue without spec.sqs.messageGroupId. Set it there.", key_of(sink)),
        ))
    }

    fn redrive(letter: Redelivery) -> Option<Step> {
        Some(SqsStep::SendMessage(letter).into())
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "sqs"
    }

    fn is_delivered_across_accounts(arn: &Arn<'_>) -> bool {
        Self::is_target(arn)
    }

    /// EventBridge sends a message group and no deduplication id, so that a FIFO queue has to have
    /// content-based deduplication (EventBridge API reference, `SqsParameters`; docs/aws-facts.md,
    /// PM1, Q19, Q20).
    fn fifo_obstacle(target: &TargetSettings, deduplicates: bool) -> Option<String> {
        let arn = &target.arn;
        if target.message_group_id.is_none() {
            return Some(format!("{arn} is a FIFO queue, and the target has no message group. Set spec.sqs.messageGroupId on the sink."));
        }
        (!deduplicates).then(|| {
            format!(
                "{arn} is a FIFO queue without content-based deduplication, and EventBridge sends no deduplication ID. Enable ContentBasedDeduplication on the queue."
            )
        })
    }

    fn policy_statement(sid: &str, target_arn: &str, source: &str) -> Option<Value> {
        Some(policy::statement(sid, target_arn, &BTreeSet::from([source.to_owned()])))
    }

    fn task_rights(task: &Task<'_>) -> Result<Option<Vec<Rights>>, String> {
        let ("sqs:sendMessage", _) = task.integration() else { return Ok(None) };
        let url = task.parameter("QueueUrl")?;
        let mut parts = url.rsplit('/');
        let (name, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if account.len() != 12 {
            return Err(format!("QueueUrl {url:?} is not the URL of a queue"));
        }
        Ok(Some(vec![("sqs:SendMessage", vec![Scope { account_id: account, ..task.scope }.queue(name)])]))
    }
}

impl State for DesiredSqs {
    type Observed = ObservedSqs;

    fn plan(desired: Option<&Self>, observed: Option<&ObservedSqs>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
        plan::plan(desired, observed, context)
    }

    fn grants(&self) -> &Grants {
        &self.grants
    }

    fn live(observed: &ObservedSqs) -> &BTreeSet<String> {
        &observed.live
    }

    fn tags(&self) -> Option<&Tags> {
        self.managed.as_ref().map(|queue| &queue.tags)
    }

    fn resources(&self, sink: &EventSink, observed: Option<&ObservedSqs>) -> Vec<(&'static str, String)> {
        let arn = &self.grants.arn;
        let dead_letter = self.dead_letter.as_ref().map(|queue| queue.arn.clone());
        let former = || dead_letter_queue::was_created(sink, arn).then(|| dead_letter_queue::name(arn));
        let wanted = [Some(arn.clone()), dead_letter].into_iter().flatten().map(|arn| (RESOURCE_TYPE, arn));
        let former = former().filter(|_| self.dead_letter.is_none()).map(|arn| (RESOURCE_TYPE, arn));
        let present = observed.map(|have| have.triggers.as_slice()).unwrap_or_default();
        wanted.chain(triggers::resources(&self.triggers, present)).chain(former).collect()
    }

    fn sources_in_policy(&self, observed: Option<&ObservedSqs>) -> BTreeSet<String> {
        policy::sources_in_policy(self, observed)
    }

    fn permission_steps(&self, observed: Option<&ObservedSqs>, _: &PlanContext<'_>) -> Result<Option<Vec<Step>>, ReconcileError> {
        let Some(have) = observed.filter(|have| have.queue.is_some()) else { return Ok(None) };
        Ok(Some(policy::policy_step(self, Some(have))?.into_iter().collect()))
    }

    fn created_with_policy(&self, applied: &[Step]) -> bool {
        applied.iter().any(|step| matches!(step, Step::Sqs(SqsStep::CreateQueue { name, .. }) if *name == self.name))
    }

    fn settle(&self, settings: &Settings) -> Duration {
        settings.policy_settle
    }

    fn required_statements(&self) -> Vec<Value> {
        vec![policy::statement(&self.grants.sid, &self.grants.arn, &self.grants.sources)]
    }

    fn waiting(&self, observed: Option<&ObservedSqs>) -> Option<ReconcileError> {
        let triggers = observed.map(|have| have.triggers.as_slice()).unwrap_or_default();
        self.refused.clone().or_else(|| triggers::waiting(&self.triggers, triggers))
    }

    fn record_intent(&self, status: &mut EventSinkStatus) {
        for function in self.triggers.iter().map(|trigger| trigger.function.whole()) {
            if !status.triggers.contains(&function) {
                status.triggers.push(function);
            }
        }
        if let Some(queue) = &self.dead_letter
            && !status.common.resources.iter().any(|resource| resource.arn == queue.arn)
        {
            status.common.resources.push(ResourceStatus { type_: RESOURCE_TYPE.into(), arn: queue.arn.clone() });
        }
    }

    fn record_applied(&self, status: &mut EventSinkStatus) {
        status.triggers = self.triggers.iter().map(|trigger| trigger.function.whole()).collect();
    }
}
