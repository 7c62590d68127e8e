//! The `apiDestination` sink: a connection and an API destination, managed or existing, and the
//! role that EventBridge delivers with.

mod plan;
mod recorded;
mod resolve;
mod rights;
mod state;
mod waiting;

pub use state::{DesiredApi, DesiredApiDestination, ObservedApiDestination, ObservedConnection, ObservedDestination};

use std::collections::BTreeSet;

use serde_json::{Value, json};

use tributary_api::{ConnectionStatus, DeletionPolicy, EventSink, EventSinkStatus, Identity, Tags};

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::{Destination, State, roles},
        shared::{context::ResolveContext, grants::Grants, role::DesiredRole},
    },
    error::ReconcileError,
    feature::{Feature, Use},
    names::{Arn, Scope},
    plan::{KNOWN_AFTER_APPLY, PlanContext},
    recorded_call::ServiceCalls,
    steps::{HttpSettings, SecretRefs, Step, TargetSettings},
};

impl Scope<'_> {
    /// Returns the ARN of an API destination, without the id that AWS appends.
    pub fn api_destination(self, name: &str) -> String {
        self.arn("events", &format!("api-destination/{name}"))
    }
}

/// The `apiDestination` type.
pub(crate) struct ApiDestination;

impl Destination for ApiDestination {
    type Desired = DesiredApiDestination;

    const NAME: &'static str = "apiDestination";
    const RESOURCE_TYPE: &'static str = "AWS::Events::ApiDestination";
    const READS: &'static [&'static str] = &["events:DescribeApiDestination", "events:DescribeConnection"];
    const FEATURES: &'static [Feature] = rights::FEATURES;
    const RECORDED_CALLS: Option<&'static ServiceCalls> = Some(&recorded::CALLS);
    const USES: &'static [Use<EventSink>] = rights::USES;
    const ACTIONS: &'static [&'static str] = &["events:InvokeApiDestination"];

    fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
        match context.existing()? {
            Some(existing) => context.local_identity(&existing),
            None => Ok(context.identity(resolve::api_name(context), |scope, name| scope.api_destination(name))),
        }
    }

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredApiDestination, ReconcileError> {
        let by = by_role::desired::<Self>(context, identity)?;
        let managed = context.sink.managed_api().map(|managed| resolve::api(managed, context, identity)).transpose()?;
        Ok(DesiredApiDestination { managed, by })
    }

    /// Returns the statements of the role. AWS appends an id to the ARN of a managed API
    /// destination.
    fn role_statements(sink: &EventSink, arn: &str) -> Vec<Value> {
        let resource = if sink.managed_api().is_some() { format!("{arn}/*") } else { arn.to_owned() };
        vec![json!({"Effect": "Allow", "Action": Self::ACTIONS, "Resource": resource})]
    }

    fn target_arn(sink: &EventSink) -> Option<&String> {
        let status = sink.status.as_ref()?;
        if sink.managed_api().is_some() {
            return status.api_destination_arn.as_ref();
        }
        status.common.identity.as_ref().map(|identity| &identity.arn)
    }

    fn set_parameters(_: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
        let http = sink.spec.api_destination.as_deref().and_then(|api| api.http.as_ref());
        let http = http.map(|http| HttpSettings { headers: http.headers.clone(), query: http.query.clone(), path: http.path.clone() });
        // AWS does not return parameters that are empty: they would be put again for ever.
        target.http = http.filter(|http| *http != HttpSettings::default());
        Ok(())
    }

    /// Returns `Delete` for a managed API destination, since it stores no data.
    fn default_deletion_policy(sink: &EventSink) -> DeletionPolicy {
        if sink.managed_api().is_some() { DeletionPolicy::Delete } else { DeletionPolicy::Retain }
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "events" && arn.resource.starts_with("api-destination/")
    }
}

impl State for DesiredApiDestination {
    type Observed = ObservedApiDestination;

    fn plan(
        desired: Option<&Self>,
        observed: Option<&ObservedApiDestination>,
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

    fn secrets(&self) -> Option<&SecretRefs> {
        self.managed.as_ref().map(|managed| &managed.secrets)
    }

    fn live(observed: &ObservedApiDestination) -> &BTreeSet<String> {
        &observed.by.live
    }

    fn tags(&self) -> Option<&Tags> {
        self.by.tags()
    }

    fn resources(&self, _: &EventSink, observed: Option<&ObservedApiDestination>) -> Vec<(&'static str, String)> {
        if self.managed.is_none() {
            return [(self.by.resource_type, self.by.grants.arn.clone())].into_iter().chain(roles(self, observed)).collect();
        }
        let connection = observed.and_then(|have| have.connection.as_ref()).map(|it| ("AWS::Events::Connection", it.arn.clone()));
        let destination = observed.and_then(|have| have.destination.as_ref()).map(|it| (self.by.resource_type, it.arn.clone()));
        destination.into_iter().chain(connection).chain(roles(self, observed)).collect()
    }

    fn sources_in_policy(&self, observed: Option<&ObservedApiDestination>) -> BTreeSet<String> {
        self.by.sources_in_policy(observed.map(|have| &have.by))
    }

    fn permission_steps(
        &self,
        observed: Option<&ObservedApiDestination>,
        context: &PlanContext<'_>,
    ) -> Result<Option<Vec<Step>>, ReconcileError> {
        if self.managed.is_some() && observed.is_none_or(|have| have.destination.is_none()) {
            return Ok(None);
        }
        DesiredByRole::plan(Some(&self.by), observed.map(|have| &have.by), context).map(Some)
    }

    fn waiting(&self, observed: Option<&ObservedApiDestination>) -> Option<ReconcileError> {
        waiting::waiting(self.managed.as_ref()?, observed)
    }

    fn record_planned(&self, status: &mut EventSinkStatus) {
        if self.managed.is_some() {
            status.api_destination_arn.get_or_insert_with(|| format!("{}/{KNOWN_AFTER_APPLY}", self.by.grants.arn));
        }
    }

    fn record_observed(observed: &ObservedApiDestination, status: &mut EventSinkStatus) {
        status.api_destination_arn = observed.destination.as_ref().map(|destination| destination.arn.clone());
        status.connection = observed.connection.as_ref().map(|connection| {
            let (arn, state, state_reason) = (connection.arn.clone(), connection.state.clone(), connection.state_reason.clone());
            Box::new(ConnectionStatus { arn, state, state_reason })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_are_empty_are_none() -> Result<(), ReconcileError> {
        for (http, is_some) in [(json!({}), false), (json!({"headers": {}}), false), (json!({"headers": {"a": "b"}}), true)] {
            let spec = json!({"apiDestination": {"existing": {"arn": "a"}, "http": http}});
            let sink = EventSink::new("s", serde_json::from_value(spec).unwrap_or_default());
            let mut target = TargetSettings::default();
            ApiDestination::set_parameters("spec", &sink, &mut target)?;
            assert_eq!(target.http.is_some(), is_some, "{http}");
        }
        Ok(())
    }
}
