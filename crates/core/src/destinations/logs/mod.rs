//! The `logGroup` sink: a log group, and statements in the log resource policy of the installation.
//!
//! EventBridge needs `logs:CreateLogStream` and `logs:PutLogEvents` from a resource policy and does
//! not accept a role. AWS allows 10 such policies per account and Region, for all services
//! together, with 5,120 characters each (CloudWatch Logs user guide, "Using resource-based
//! policies"; docs/aws-facts.md, G9 to G12, PM4). So one policy serves all log groups of the
//! installation in an account and Region. If it is nearly full, one statement for all of
//! `/aws/events/*`, as the console creates it, replaces those of the single groups.

pub(crate) mod log_destination;
mod plan;
mod policy;
mod recorded;
mod rights;
mod state;

pub(crate) use plan::group_steps;
pub(crate) use policy::{FRAME, POLICY_CHARACTERS, is_wide, plain_sid};
pub use policy::{granted, needed_by_others, policy_name, statements};
pub use state::{DesiredLogGroup, DesiredLogs, ObservedLogGroup, ObservedLogs};

use std::collections::BTreeSet;

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use serde_json::Value;

use tributary_api::{EventSink, EventSinkStatus, Identity, Tags};

use crate::{
    destinations::{
        contract::{Call, Destination, State},
        shared::{context::ResolveContext, grants::Grants},
    },
    error::ReconcileError,
    feature::{Feature, Use},
    names::{Arn, Scope},
    plan::PlanContext,
    recorded_call::ServiceCalls,
    steps::{Step, TargetSettings},
};

impl Scope<'_> {
    /// Returns the ARN of a log group as EventBridge accepts it as a target: without the `:*` that
    /// `DescribeLogGroups` adds (docs/aws-facts.md, G4, D9).
    pub fn log_group(self, group: &str) -> String {
        self.arn("logs", &format!("log-group:{group}"))
    }
}

/// Returns whether names of log groups may contain the character (AWS API reference,
/// `CreateLogGroup`).
pub fn log_group_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '#')
}

/// The `logGroup` type.
pub(crate) struct LogGroup;

impl Destination for LogGroup {
    type Desired = DesiredLogs;

    const NAME: &'static str = "logGroup";
    const RESOURCE_TYPE: &'static str = "AWS::Logs::LogGroup";
    const READS: &'static [&'static str] = &["logs:DescribeLogGroups", "logs:DescribeResourcePolicies"];
    const FEATURES: &'static [Feature] = rights::FEATURES;
    const RECORDED_CALLS: Option<&'static ServiceCalls> = Some(&recorded::CALLS);
    const USES: &'static [Use<EventSink>] = rights::USES;
    const NEEDS_ROLE: bool = false;

    fn existing<'a>(context: &ResolveContext<'a>) -> Result<Option<(String, &'a str)>, ReconcileError> {
        // Users copy the ARN with or without `:*`.
        Ok(context.existing()?.map(|(field, arn)| (field, arn.trim_end_matches(":*"))))
    }

    fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
        if let Some(existing) = Self::existing(context)? {
            return context.named_identity(&existing, "log-group:", |scope, name| scope.log_group(name));
        }
        let managed = context.sink.spec.log_group.as_deref().and_then(|logs| logs.managed.as_ref());
        let own = managed.and_then(|managed| managed.name.clone());
        let name = own.unwrap_or_else(|| context.default_name(policy::PREFIX, 500, log_group_character, ""));
        Ok(context.identity(name, |scope, name| scope.log_group(name)))
    }

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredLogs, ReconcileError> {
        let managed = context.sink.spec.log_group.as_deref().and_then(|spec| spec.managed.as_ref());
        Ok(DesiredLogs {
            name: identity.name.clone(),
            managed: managed.map(|managed| DesiredLogGroup {
                class: managed.class.map(|class| class.to_string()),
                retention_days: managed.retention_days,
                kms_key_arn: managed.kms_key_arn.clone(),
                tags: context.tags(managed.tags.as_ref()),
            }),
            grants: context.grants(identity),
            policy: policy_name(&context.view.settings.installation_id),
        })
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "logs"
    }

    /// Returns the calls of a delivery. Policies have the resource with `:*`, or with a log stream.
    fn calls(target: &TargetSettings) -> Vec<Call> {
        let group = target.arn.trim_end_matches(":*");
        let resources = || vec![format!("{group}:*"), format!("{group}:log-stream:stream")];
        vec![("logs:CreateLogStream", resources()), ("logs:PutLogEvents", resources())]
    }

    fn policy_statement(sid: &str, target_arn: &str, source: &str) -> Option<Value> {
        Some(Value::Array(statements(sid, target_arn.trim_end_matches(":*"), &BTreeSet::from([source.to_owned()]))))
    }
}

impl State for DesiredLogs {
    type Observed = ObservedLogs;

    fn plan(desired: Option<&Self>, observed: Option<&ObservedLogs>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
        plan::plan(desired, observed, context)
    }

    fn grants(&self) -> &Grants {
        &self.grants
    }

    fn live(observed: &ObservedLogs) -> &BTreeSet<String> {
        &observed.live
    }

    fn tags(&self) -> Option<&Tags> {
        self.managed.as_ref().map(|group| &group.tags)
    }

    fn resources(&self, _: &EventSink, _: Option<&ObservedLogs>) -> Vec<(&'static str, String)> {
        vec![(LogGroup::RESOURCE_TYPE, self.grants.arn.clone())]
    }

    fn sources_in_policy(&self, observed: Option<&ObservedLogs>) -> BTreeSet<String> {
        policy::sources_in_policy(self, observed)
    }

    fn permission_steps(&self, observed: Option<&ObservedLogs>, _: &PlanContext<'_>) -> Result<Option<Vec<Step>>, ReconcileError> {
        let nothing = ObservedLogs::default();
        Ok(Some(policy::policy_step(self, observed.unwrap_or(&nothing))?.into_iter().collect()))
    }

    fn required_statements(&self) -> Vec<Value> {
        statements(&self.grants.sid, &self.grants.arn, &self.grants.sources)
    }

    fn record_observed(observed: &ObservedLogs, status: &mut EventSinkStatus) {
        let last = observed.group.as_ref().and_then(|group| group.last_event);
        if let Some(last) = last.and_then(|milliseconds| Timestamp::from_second(milliseconds / 1_000).ok()) {
            status.last_event_time = Some(Time(last));
        }
    }
}
