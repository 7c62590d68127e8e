//! The `stateMachine` sink: a state machine, managed with its execution role or existing, and the
//! role that EventBridge starts it with.

pub(super) mod asl;
mod distributed_map;
mod needs;
mod plan;
mod recorded;
mod resolve;
mod rights;
mod state;

pub use state::{DesiredMachine, DesiredStateMachine, ObservedMachine, ObservedStateMachine};

use std::collections::BTreeSet;

use tributary_api::{EventSink, EventSinkStatus, Identity, Tags};

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
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
    steps::{Redelivery, StatesStep, Step},
};

impl Scope<'_> {
    /// Returns the ARN of a state machine.
    pub fn state_machine(self, name: &str) -> String {
        self.arn("states", &format!("stateMachine:{name}"))
    }
}

/// The `stateMachine` type.
pub(crate) struct StateMachine;

impl Destination for StateMachine {
    type Desired = DesiredStateMachine;

    const NAME: &'static str = "stateMachine";
    const RESOURCE_TYPE: &'static str = "AWS::StepFunctions::StateMachine";
    const READS: &'static [&'static str] = &["states:DescribeStateMachine"];
    const FEATURES: &'static [Feature] = rights::FEATURES;
    const RECORDED_CALLS: Option<&'static ServiceCalls> = Some(&recorded::CALLS);
    const USES: &'static [Use<EventSink>] = rights::USES;
    const ACTIONS: &'static [&'static str] = &["states:StartExecution"];

    fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
        if let Some(existing) = context.existing()? {
            return context.local_identity(&existing);
        }
        let own = context.sink.managed_state_machine().and_then(|machine| machine.name.clone());
        let name = own.unwrap_or_else(|| context.default_name("", 80, names::queue_character, ""));
        Ok(context.identity(name, |scope, name| scope.state_machine(name)))
    }

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredStateMachine, ReconcileError> {
        let by = by_role::desired::<Self>(context, identity)?;
        let managed = context.sink.managed_state_machine();
        let managed = managed.map(|machine| resolve::machine(machine, context, identity)).transpose()?;
        Ok(DesiredStateMachine { managed, by })
    }

    fn redrive(letter: Redelivery) -> Option<Step> {
        Some(StatesStep::StartExecution(letter).into())
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "states"
    }

    fn task_rights(task: &Task<'_>) -> Result<Option<Vec<Rights>>, String> {
        let ("states:startExecution", "" | "waitForTaskToken") = task.integration() else { return Ok(None) };
        Ok(Some(vec![("states:StartExecution", vec![task.parameter("StateMachineArn")?.to_owned()])]))
    }
}

impl State for DesiredStateMachine {
    type Observed = ObservedStateMachine;

    fn plan(
        desired: Option<&Self>,
        observed: Option<&ObservedStateMachine>,
        context: &PlanContext<'_>,
    ) -> Result<Vec<Step>, ReconcileError> {
        plan::plan(desired, observed, context)
    }

    fn grants(&self) -> &Grants {
        &self.by.grants
    }

    fn invocation_role(&self) -> Option<&DesiredRole> {
        self.by.role.as_ref()
    }

    fn execution_role(&self) -> Option<&DesiredRole> {
        self.managed.as_ref()?.execution_role.as_ref()
    }

    fn uses(&self) -> Vec<&String> {
        self.managed.iter().flat_map(|machine| machine.settings.logs.arn().into_iter().chain(&machine.references)).collect()
    }

    fn live(observed: &ObservedStateMachine) -> &BTreeSet<String> {
        &observed.by.live
    }

    fn tags(&self) -> Option<&Tags> {
        self.managed.as_ref().map(|machine| &machine.tags).or_else(|| self.by.tags())
    }

    fn resources(&self, _: &EventSink, observed: Option<&ObservedStateMachine>) -> Vec<(&'static str, String)> {
        [(self.by.resource_type, self.by.grants.arn.clone())].into_iter().chain(roles(self, observed)).collect()
    }

    fn sources_in_policy(&self, observed: Option<&ObservedStateMachine>) -> BTreeSet<String> {
        self.by.sources_in_policy(observed.map(|have| &have.by))
    }

    /// Returns the steps that EventBridge needs to deliver. A managed state machine has to exist
    /// too.
    fn permission_steps(
        &self,
        observed: Option<&ObservedStateMachine>,
        context: &PlanContext<'_>,
    ) -> Result<Option<Vec<Step>>, ReconcileError> {
        let exists = self.managed.is_none() || observed.is_some_and(|have| have.machine.is_some());
        if exists {
            return DesiredByRole::plan(Some(&self.by), observed.map(|have| &have.by), context).map(Some);
        }
        Self::plan(Some(self), observed, context).map(Some)
    }

    fn warnings(&self) -> Vec<String> {
        self.managed.as_ref().map(|machine| machine.warnings.clone()).unwrap_or_default()
    }

    fn record_applied(&self, status: &mut EventSinkStatus) {
        status.execution_role_arn = self.execution_role().map(|role| role.arn.clone());
    }
}
