//! Dropping cached facts after own writes.

use tributary_core::{
    names::Scope,
    steps::{ConnectionStep, EventsStep, LogsStep, StatesStep, Step},
};

use crate::client::session::Session;

impl Session {
    /// Drops the facts that the step may have changed, so that the next reader sees its effect.
    pub async fn forget_facts(&self, step: &Step, partition: &str, region: &str) {
        let scope = Scope { partition, region, account_id: &self.caller.account_id };
        let facts = &self.shared.caches.facts;
        match step {
            Step::Sqs(step) => facts.targets.forget(&scope.queue(step.queue())).await,
            Step::Sns(step) => {
                let arn = |name: &str| scope.topic(name);
                facts.targets.forget(&step.topic(arn)).await;
            }
            Step::Lambda(step) => {
                if let Some(function) = step.permission_of() {
                    facts.targets.forget(&function.whole()).await;
                }
            }
            Step::Logs(LogsStep::CreateLogGroup { name, .. } | LogsStep::DeleteLogGroup { name }) => {
                facts.targets.forget(&scope.log_group(name)).await;
            }
            Step::States(StatesStep::CreateStateMachine { name, .. }) => {
                facts.targets.forget(&scope.state_machine(name)).await;
            }
            Step::States(StatesStep::DeleteStateMachine { arn }) => facts.targets.forget(arn).await,
            Step::Iam(step) => {
                facts.roles.forget(step.role()).await;
                facts.role_policies.forget(step.role()).await;
            }
            // AWS generates part of the ARN of an API destination, so that the step does not have it.
            Step::Events(
                EventsStep::ApiDestination(_)
                | EventsStep::Connection(ConnectionStep::CreateConnection { .. } | ConnectionStep::UpdateConnection { .. }),
            ) => facts.targets.forget_matching(":api-destination/").await,
            Step::Logs(_) | Step::States(_) | Step::Events(_) | Step::Child(_) => {}
        }
    }
}
