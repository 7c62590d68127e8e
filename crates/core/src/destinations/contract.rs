//! The contract of a destination type: what its folder implements, and no other code does.
//!
//! [`Destination`] is the type: it resolves the spec of a sink. [`State`] is the desired state: it
//! compares, plans and reports. Several types can share a state, such as queues with different
//! consumers, and all types that require a role.

use std::{collections::BTreeSet, fmt::Debug, time::Duration};

use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::{DeletionPolicy, EventSink, EventSinkStatus, Identity, Tags};

use crate::{
    destinations::shared::{
        context::{ExistingArn, ResolveContext},
        grants::Grants,
        role::DesiredRole,
        task::{Rights, Task},
    },
    error::{Reason, ReconcileError},
    feature::{Feature, Use},
    names::Arn,
    plan::PlanContext,
    recorded_call::ServiceCalls,
    settings::Settings,
    steps::{Redelivery, SecretRefs, Step, TargetSettings},
};

/// An IAM action, and alternative resources: the permission for one of them is sufficient.
pub(crate) type Call = (&'static str, Vec<String>);

/// A resource of a sink that consumers reach by a URL, which only AWS knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumed {
    /// Begins the keys of its values in an export. Empty for the destination itself.
    pub prefix: &'static str,
    /// Name of the resource.
    pub name: String,
    /// ARN of the resource.
    pub arn: String,
}

/// How a delivery uses the encryption key of its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyUse {
    /// KMS actions that the sender needs. None if the target uses the key with a grant of its own.
    pub(crate) actions: &'static [&'static str],
    /// Condition keys of these calls, in lower case, with their values.
    pub(crate) context: Vec<(&'static str, String)>,
}

/// A type of destination: a field of `EventSink.spec`.
pub(crate) trait Destination {
    /// Desired state.
    type Desired: State;

    /// Name of the field in the spec, and value of `status.type`.
    const NAME: &'static str;
    /// CloudFormation type of the resource that receives the events.
    const RESOURCE_TYPE: &'static str;
    /// Whether EventBridge requires a role. If not, a policy of the resource can allow the
    /// delivery.
    const NEEDS_ROLE: bool = true;
    /// IAM actions on the resource that a delivery needs. The first is the call of the delivery.
    const ACTIONS: &'static [&'static str] = &[];

    /// IAM actions of the reads that the condition `Deliverable` makes of a target.
    const READS: &'static [&'static str] = &[];
    /// Features and the IAM permissions of the operator that they need.
    const FEATURES: &'static [Feature] = &[];
    /// The calls of the type's service that CloudTrail records, and the resources that they change.
    const RECORDED_CALLS: Option<&'static ServiceCalls> = None;
    /// Which sinks need which features.
    const USES: &'static [Use<EventSink>] = &[];

    /// Whether EventBridge sends the ARN of the rule with a delivery (`aws:SourceArn`), for
    /// conditions in policies.
    const SENDS_SOURCE: bool = true;

    /// What to do if the resource has an AWS managed key, which EventBridge cannot use.
    const USABLE_KEY: &'static str = "Use a customer managed key.";

    /// Whether what a sink wrote to the resource depends on the other sinks of the resource.
    const DEPENDS_ON_OTHER_SINKS: bool = false;

    /// Whether a statement of the resource's policy can have any condition.
    const POLICY_HAS_CONDITIONS: bool = true;

    /// Returns field and ARN of the existing resource that the spec references, if any.
    ///
    /// # Errors
    /// The ARN is not resolved yet.
    fn existing<'a>(context: &ResolveContext<'a>) -> Result<Option<ExistingArn<'a>>, ReconcileError> {
        context.existing()
    }

    /// Returns the identity of the resource, known before it exists.
    ///
    /// # Errors
    /// A reference is not permitted, or its object does not exist.
    fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
        match Self::existing(context)? {
            Some(existing) => context.local_identity(&existing),
            // Rejected by admission.
            None => Err(ReconcileError::invalid(Reason::InvalidSpec, format!("spec.{}.existing: required", Self::NAME))),
        }
    }

    /// Returns the desired state.
    ///
    /// # Errors
    /// A reference is not permitted, its object does not exist, or is not ready.
    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<Self::Desired, ReconcileError>;

    /// Returns the statements of the role that EventBridge delivers with (EventBridge user guide,
    /// "Permissions for EventBridge to access targets using IAM roles").
    fn role_statements(sink: &EventSink, arn: &str) -> Vec<Value> {
        let _ = sink;
        vec![json!({"Effect": "Allow", "Action": Self::ACTIONS, "Resource": arn})]
    }

    /// Returns the ARN that rules have in their targets, if it is known.
    fn target_arn(sink: &EventSink) -> Option<&String> {
        sink.status.as_ref()?.common.identity.as_ref().map(|identity| &identity.arn)
    }

    /// Sets the parameters of the type in the target of a rule, from a spec that was admitted. Not
    /// called for a spec that was not: rules use what this returned for the last one. `field` names
    /// the reference to the sink.
    ///
    /// # Errors
    /// A parameter that AWS requires is missing.
    fn set_parameters(field: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
        let _ = (field, sink, target);
        Ok(())
    }

    /// Returns the step that sends a dead letter to such a target again; `None` for a type that receives events from `EventBridge`
    /// only.
    fn redrive(letter: Redelivery) -> Option<Step> {
        let _ = letter;
        None
    }

    /// Checks that AWS accepts the target. `field` names the reference to the sink.
    ///
    /// # Errors
    /// A parameter that AWS requires is missing.
    fn check_target(field: &str, sink: &EventSink, target: &TargetSettings) -> Result<(), ReconcileError> {
        let _ = (field, sink, target);
        Ok(())
    }

    /// Returns whether a rule with this identity can transform the events that it sends (AWS API
    /// reference, `Target`).
    fn accepts_transformed_events(target_arn: &str, identity: &Identity) -> bool {
        let _ = (target_arn, identity);
        true
    }

    /// Returns whether an ARN in a target has this type.
    fn is_target(arn: &Arn<'_>) -> bool {
        let _ = arn;
        false
    }

    /// Returns whether EventBridge delivers to the resource with this ARN in another account than
    /// that of the rule, with a role (EventBridge user guide, "Sending events to an AWS service in
    /// another account").
    fn is_delivered_across_accounts(arn: &Arn<'_>) -> bool {
        let _ = arn;
        false
    }

    /// Returns the field of the spec that changes more of the resource than its policy, which the
    /// operator cannot do in another account.
    fn not_across_accounts(sink: &EventSink) -> Option<&'static str> {
        let _ = sink;
        None
    }

    /// Returns the calls that a delivery makes.
    fn calls(target: &TargetSettings) -> Vec<Call> {
        Self::ACTIONS.first().map(|action| (*action, vec![target.arn.clone()])).into_iter().collect()
    }

    /// Returns the condition keys and values of the calls, in lower case: the permission must hold
    /// for each set of them.
    fn contexts(target: &TargetSettings) -> Vec<Vec<(String, String)>> {
        let _ = target;
        vec![vec![]]
    }

    /// Returns how a delivery uses the customer managed key of the target with this ARN.
    fn key_use(target_arn: &str) -> KeyUse {
        let _ = target_arn;
        KeyUse { actions: &["kms:Decrypt", "kms:GenerateDataKey"], context: vec![] }
    }

    /// Returns the ARN of another resource that the target names and a delivery needs, such as a task definition.
    fn named(target: &TargetSettings) -> Option<&String> {
        let _ = target;
        None
    }

    /// Returns why EventBridge cannot send to a target that is a FIFO queue or topic.
    /// `deduplicates`: whether it has content-based deduplication.
    fn fifo_obstacle(target: &TargetSettings, deduplicates: bool) -> Option<String> {
        let _ = (target, deduplicates);
        None
    }

    /// Returns the statement of the target's policy that allows a rule; `None` for a type without
    /// such a policy.
    fn policy_statement(sid: &str, target_arn: &str, source: &str) -> Option<Value> {
        let _ = (sid, target_arn, source);
        None
    }

    /// Returns the permissions that a task of a state machine needs to call a resource of the type; `None` for a task that calls
    /// another type.
    ///
    /// # Errors
    /// The resource is computed at run time, or is not valid.
    fn task_rights(task: &Task<'_>) -> Result<Option<Vec<Rights>>, String> {
        let _ = task;
        Ok(None)
    }

    /// Returns the resources that consumers reach by a URL.
    fn consumed(sink: &EventSink, identity: &Identity) -> Vec<Consumed> {
        let _ = (sink, identity);
        vec![]
    }

    /// Returns the default of `spec.deletionPolicy`.
    fn default_deletion_policy(sink: &EventSink) -> DeletionPolicy {
        let _ = sink;
        DeletionPolicy::Retain
    }
}

/// Desired state of a destination. `status.applied` records its digest.
pub(crate) trait State: Clone + Debug + Serialize {
    /// Observed state.
    type Observed: Clone + Debug + Default + PartialEq + Serialize;

    /// Returns the steps from `observed` to `desired`; without `desired`, the steps of a deletion.
    ///
    /// # Errors
    /// AWS cannot apply the desired state, or an existing resource has another owner.
    fn plan(desired: Option<&Self>, observed: Option<&Self::Observed>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError>;

    /// Returns the rules and buses that are allowed to send.
    fn grants(&self) -> &Grants;

    /// Returns the managed role that EventBridge delivers with.
    fn invocation_role(&self) -> Option<&DesiredRole> {
        None
    }

    /// Returns the managed role that the resource assumes.
    fn execution_role(&self) -> Option<&DesiredRole> {
        None
    }

    /// Returns the failure destination of a function.
    fn failure_destination(&self) -> Option<&String> {
        None
    }

    /// Returns the ARNs of other objects' resources that AWS holds in the resource, such as the log
    /// group of a state machine. The failure destination of a function is not among them.
    fn uses(&self) -> Vec<&String> {
        vec![]
    }

    /// Returns the rules and buses without an object that AWS still has with this destination.
    fn live(observed: &Self::Observed) -> &BTreeSet<String>;

    /// Returns the references to secret values that the steps need.
    fn secrets(&self) -> Option<&SecretRefs> {
        None
    }

    /// Returns the tags of the resources that the operator creates.
    fn tags(&self) -> Option<&Tags>;

    /// Returns CloudFormation type and ARN of each resource of the sink, as after all steps.
    fn resources(&self, sink: &EventSink, observed: Option<&Self::Observed>) -> Vec<(&'static str, String)>;

    /// Returns the rules and buses that the policy allows after all steps. A bus replaces its rules
    /// if they do not fit.
    fn sources_in_policy(&self, observed: Option<&Self::Observed>) -> BTreeSet<String>;

    /// Returns the steps that EventBridge needs to deliver; `None` if the resource does not exist.
    ///
    /// # Errors
    /// See [`State::plan`].
    fn permission_steps(&self, observed: Option<&Self::Observed>, context: &PlanContext<'_>) -> Result<Option<Vec<Step>>, ReconcileError>;

    /// Returns whether the steps created the resource with its policy, which is then in effect
    /// immediately.
    fn created_with_policy(&self, applied: &[Step]) -> bool {
        let _ = applied;
        false
    }

    /// Returns how long AWS can take until a new permission is in effect.
    fn settle(&self, settings: &Settings) -> Duration {
        settings.permission_settle
    }

    /// Returns the statements that the policy of a resource in another account requires.
    fn statements_there(&self) -> Vec<Value> {
        vec![]
    }

    /// Returns the statements that the policy requires, for users who manage it (`permissions:
    /// External`).
    fn required_statements(&self) -> Vec<Value> {
        vec![]
    }

    /// Returns warnings about permissions that cannot be derived from the spec.
    fn warnings(&self) -> Vec<String> {
        vec![]
    }

    /// Returns what the sink waits for after all steps.
    fn waiting(&self, observed: Option<&Self::Observed>) -> Option<ReconcileError> {
        let _ = observed;
        None
    }

    /// Records observed state that no other status field contains.
    fn record_observed(observed: &Self::Observed, status: &mut EventSinkStatus) {
        let _ = (observed, status);
    }

    /// Records, before the first write, resources that cannot be found by name.
    fn record_intent(&self, status: &mut EventSinkStatus) {
        let _ = status;
    }

    /// Records what exists after all steps.
    fn record_applied(&self, status: &mut EventSinkStatus) {
        let _ = status;
    }

    /// Records, in a dry run, [`KNOWN_AFTER_APPLY`](crate::plan::KNOWN_AFTER_APPLY) in place of what AWS assigns when the
    /// steps are applied and other objects refer to.
    fn record_planned(&self, status: &mut EventSinkStatus) {
        let _ = status;
    }
}

/// Returns CloudFormation type and ARN of the managed roles that exist after all steps.
pub(crate) fn roles<S: State>(state: &S, observed: Option<&S::Observed>) -> Vec<(&'static str, String)> {
    let invocation = state.invocation_role().filter(|_| !state.sources_in_policy(observed).is_empty());
    [state.execution_role(), invocation].into_iter().flatten().map(|role| ("AWS::IAM::Role", role.arn.clone())).collect()
}
