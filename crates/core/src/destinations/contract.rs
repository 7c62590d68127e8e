//! The contract of a destination type: what its folder implements, and nothing outside of it does.
//!
//! [`Destination`] is the type: it resolves the spec of a sink. [`State`] is what AWS should hold of it: it compares, plans and reports.
//! Two types can have one state, as queues of two consumers do, and all types that only a role reaches.

use std::{collections::BTreeSet, fmt::Debug, time::Duration};

use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::{DeletionPolicy, EventSink, EventSinkStatus, Identity, Tags};

use crate::{
    destinations::shared::{
        context::{ExistingArn, ResolveContext},
        grants::Grants,
        role::DesiredRole,
    },
    error::{Reason, ReconcileError},
    names::Arn,
    plan::PlanContext,
    settings::Settings,
    steps::{SecretRefs, Step, TargetSettings},
};

/// An IAM action and the resources of which one has to be allowed.
pub(crate) type Call = (&'static str, Vec<String>);

/// A type of destination: a field of `EventSink.spec`.
pub(crate) trait Destination {
    /// What AWS should hold of it.
    type Desired: State;

    /// The field of the spec, and `status.type`.
    const NAME: &'static str;
    /// CloudFormation's type of the resource that takes the events.
    const RESOURCE_TYPE: &'static str;
    /// Whether EventBridge needs a role, and the resource has no policy that could allow the delivery.
    const NEEDS_ROLE: bool = true;
    /// IAM actions that the role needs on the resource.
    const ACTIONS: &'static [&'static str] = &[];

    /// Whether EventBridge sends the ARN of the rule with a delivery, so that a policy can have conditions on it.
    const SENDS_SOURCE: bool = true;

    /// Returns field and ARN of the resource that the spec refers to, if it does not create one.
    ///
    /// # Errors
    /// The ARN is not known yet.
    fn existing<'a>(context: &ResolveContext<'a>) -> Result<Option<ExistingArn<'a>>, ReconcileError> {
        context.existing()
    }

    /// Returns the identity of the resource, known before it exists.
    ///
    /// # Errors
    /// A reference is not permitted, or names nothing.
    fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
        match Self::existing(context)? {
            Some(existing) => context.local_identity(&existing),
            // Admission refuses it.
            None => Err(ReconcileError::invalid(Reason::InvalidSpec, format!("spec.{}.existing: required", Self::NAME))),
        }
    }

    /// Returns what AWS should hold.
    ///
    /// # Errors
    /// A reference is not permitted, names nothing, or is not ready.
    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<Self::Desired, ReconcileError>;

    /// Returns the statements of the role that EventBridge delivers with (EventBridge user guide, "Permissions for EventBridge to access
    /// targets using IAM roles").
    fn role_statements(sink: &EventSink, arn: &str) -> Vec<Value> {
        let _ = sink;
        vec![json!({"Effect": "Allow", "Action": Self::ACTIONS, "Resource": arn})]
    }

    /// Returns the ARN that rules put, if it is known.
    fn target_arn(sink: &EventSink) -> Option<&String> {
        sink.status.as_ref()?.common.identity.as_ref().map(|identity| &identity.arn)
    }

    /// Sets the parameters of the type in the target of a rule. `field` names the reference to the sink.
    ///
    /// # Errors
    /// A parameter that AWS requires is missing.
    fn set_parameters(field: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
        let _ = (field, sink, target);
        Ok(())
    }

    /// Whether a rule at `identity` may change the events that it sends (API reference, `Target`).
    fn accepts_transformed_events(target_arn: &str, identity: &Identity) -> bool {
        let _ = (target_arn, identity);
        true
    }

    /// Whether an ARN in a target is one of this type.
    fn is_target(arn: &Arn<'_>) -> bool {
        let _ = arn;
        false
    }

    /// Returns action and resources of each call that a delivery consists of. The permission for one of the resources is enough.
    fn calls(target: &TargetSettings) -> Vec<Call> {
        Self::ACTIONS.first().map(|action| (*action, vec![target.arn.clone()])).into_iter().collect()
    }

    /// Returns the statement of the target's policy that allows a rule, for a type that has such a policy.
    fn policy_statement(sid: &str, target_arn: &str, source: &str) -> Option<Value> {
        let _ = (sid, target_arn, source);
        None
    }

    /// What deletion of the sink does to AWS where the spec does not say it.
    fn default_deletion_policy(sink: &EventSink) -> DeletionPolicy {
        let _ = sink;
        DeletionPolicy::Retain
    }
}

/// What AWS should hold of a destination. Its digest is kept in `status.applied`.
pub(crate) trait State: Clone + Debug + Serialize {
    /// What AWS holds of it.
    type Observed: Clone + Debug + Default + PartialEq;

    /// Returns the steps from `observed` to `desired`; without `desired`, those of the deletion.
    ///
    /// # Errors
    /// AWS cannot hold what is desired, or what exists has another owner.
    fn plan(desired: Option<&Self>, observed: Option<&Self::Observed>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError>;

    /// Who may send.
    fn grants(&self) -> &Grants;

    /// The role of ours that EventBridge delivers with.
    fn invocation_role(&self) -> Option<&DesiredRole> {
        None
    }

    /// The role of ours that the resource itself assumes.
    fn execution_role(&self) -> Option<&DesiredRole> {
        None
    }

    /// The Secrets whose values the steps need.
    fn secrets(&self) -> Option<&SecretRefs> {
        None
    }

    /// The tags of what the operator creates.
    fn tags(&self) -> Option<&Tags>;

    /// CloudFormation's type and ARN of each resource that stands for the sink once all steps took effect.
    fn resources(&self, sink: &EventSink, observed: Option<&Self::Observed>) -> Vec<(&'static str, String)>;

    /// The rules and buses that the policy allows once all steps took effect; a bus as a whole where its rules do not fit.
    fn sources_in_policy(&self, observed: Option<&Self::Observed>) -> BTreeSet<String>;

    /// The steps without which EventBridge cannot deliver; `None` while the resource does not exist.
    ///
    /// # Errors
    /// As those of [`State::plan`].
    fn permission_steps(&self, observed: Option<&Self::Observed>, context: &PlanContext<'_>) -> Result<Option<Vec<Step>>, ReconcileError>;

    /// Whether the steps created the resource together with its policy, which then is in effect at once.
    fn created_with_policy(&self, applied: &[Step]) -> bool {
        let _ = applied;
        false
    }

    /// How long AWS may take until a new permission is in effect.
    fn settle(&self, settings: &Settings) -> Duration {
        settings.permission_settle
    }

    /// The statements that the policy must have, for whoever keeps it in place of the operator.
    fn required_statements(&self) -> Vec<Value> {
        vec![]
    }

    /// What has to be waited for although all steps took effect.
    fn waiting(&self, observed: Option<&Self::Observed>) -> Option<ReconcileError> {
        let _ = observed;
        None
    }

    /// Copies into status what AWS holds and no other field shows.
    fn record_observed(observed: &Self::Observed, status: &mut EventSinkStatus) {
        let _ = (observed, status);
    }

    /// Records, before the first write, what may come to exist and is not found by its name alone.
    fn record_intent(&self, status: &mut EventSinkStatus) {
        let _ = status;
    }

    /// Records what exists after all steps took effect.
    fn record_applied(&self, status: &mut EventSinkStatus) {
        let _ = status;
    }
}

/// Returns the roles that the operator creates for a destination, as far as they exist after all steps: CloudFormation type and ARN.
pub(crate) fn roles<S: State>(state: &S, observed: Option<&S::Observed>) -> Vec<(&'static str, String)> {
    let invocation = state.invocation_role().filter(|_| !state.sources_in_policy(observed).is_empty());
    [state.execution_role(), invocation].into_iter().flatten().map(|role| ("AWS::IAM::Role", role.arn.clone())).collect()
}
