//! `AwsAccount`: in sync when its credentials are of the account that it stands for. Creates nothing in
//! AWS but what `changeEvents` needs.

use serde::Serialize;

use tributary_api::{
    AwsAccount, AwsAccountStatus, BenchlingApp, BenchlingSubscription, DeletionPolicy, EventBus, EventRedrive, EventRedriveStatus,
    EventReplay, EventReplayStatus, EventRule, EventSink, Identity, ManagementPolicy, Tags,
};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    gate::{budget, time_zone},
    kinds::{
        change_events::{self, DesiredChangeEvents, ObservedChangeEvents},
        deletion_budget,
    },
    links::Link,
    managed::{Managed, Report},
    object::{ObjectMetaExt, key_of},
    plan::{PlanContext, WarningEvent},
    steps::Step,
    view::View,
};

/// The account that the credentials must belong to.
#[derive(Debug, Serialize)]
pub struct DesiredAccount {
    /// 12-digit AWS account id.
    pub account_id: String,
    /// Rules and queues for change events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub change_events: Vec<DesiredChangeEvents>,
    /// Objects that wait for the deletion budget.
    #[serde(skip)]
    pub waiting_deletions: Vec<String>,
}

/// What AWS has of the account.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedAccount {
    /// The operator's identity.
    #[serde(flatten)]
    pub caller: CallerIdentity,
    /// Rules and queues for change events, of the Regions of spec and status.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub change_events: Vec<ObservedChangeEvents>,
}

/// The answer of `sts:GetCallerIdentity`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallerIdentity {
    /// 12-digit AWS account id.
    pub account_id: String,
    /// ARN of the principal.
    pub arn: String,
}

impl CallerIdentity {
    /// Checks that the credentials are of the account.
    ///
    /// # Errors
    /// They are of another account. No write may be made with them.
    pub fn check(&self, account_id: &str) -> Result<(), ReconcileError> {
        if self.account_id == account_id {
            return Ok(());
        }
        Err(ReconcileError::new(
            RetryClass::Refused,
            Reason::WrongAccount,
            format!(
                "spec.credentials: they belong to account {} ({}), but spec.accountId is {account_id}. No changes were made. Correct spec.credentials.",
                self.account_id, self.arn
            ),
        ))
    }
}

impl Managed for AwsAccount {
    type Desired = DesiredAccount;
    type Observed = ObservedAccount;

    const KIND: &'static str = "AwsAccount";
    const SHARED_STATUS: &'static [&'static str] = &["deletions"];

    fn management(&self) -> ManagementPolicy {
        ManagementPolicy::Manage
    }
    fn deletion(&self) -> DeletionPolicy {
        DeletionPolicy::Retain
    }

    fn leaves_traces(&self) -> bool {
        self.status.as_ref().is_some_and(|status| !status.change_events.is_empty())
    }

    fn identity(&self, _: &View) -> Result<Identity, ReconcileError> {
        Ok(crate::view::identity(self, None, self.spec.account_id.clone(), |scope, _| {
            format!("arn:{}:iam::{}:root", scope.partition, scope.account_id)
        }))
    }

    fn desired(&self, view: &View, identity: &Identity) -> Result<DesiredAccount, ReconcileError> {
        time_zone::check(&self.spec)?;
        let change_events = change_events::desired(self, view, identity);
        let waiting_deletions = budget::waiting(self, view);
        Ok(DesiredAccount { account_id: self.spec.account_id.clone(), change_events, waiting_deletions })
    }

    fn referenced_by(&self, view: &View) -> Vec<String> {
        let mut referrers = Vec::new();
        let this = Link::Account(self.own_name());
        // Objects that have nothing in AWS, in namespaces without a grant, cannot block deletion.
        let mut add = |kind: &str, key: String, pinned: Option<&Identity>| {
            if pinned.is_some() || self.spec.allows_namespace(key.split('/').next().unwrap_or_default()) {
                referrers.push(format!("{kind} {key}"));
            }
        };
        view.each_bus_with(this, |o| add(EventBus::KIND, key_of(o), o.pinned_identity()));
        view.objects.subscriptions.each_linked(this, &mut |o| add(BenchlingSubscription::KIND, key_of(o), o.pinned_identity()));
        view.objects.apps.each_linked(this, &mut |o| add(BenchlingApp::KIND, key_of(o), o.pinned_identity()));
        view.each_sink_with(this, |o| add(EventSink::KIND, key_of(o), o.pinned_identity()));
        view.each_rule_with(this, |o| add(EventRule::KIND, key_of(o), o.pinned_identity()));
        view.objects.replays.each_linked(this, &mut |o| {
            if !o.status.as_ref().is_some_and(EventReplayStatus::finished) {
                add(EventReplay::KIND, key_of(o), o.pinned_identity());
            }
        });
        view.objects.redrives.each_linked(this, &mut |o| {
            if !o.status.as_ref().is_some_and(EventRedriveStatus::finished) {
                add(EventRedrive::KIND, key_of(o), o.pinned_identity());
            }
        });
        referrers
    }

    fn plan(
        desired: Option<&DesiredAccount>,
        observed: Option<&ObservedAccount>,
        context: &PlanContext<'_>,
    ) -> Result<Vec<Step>, ReconcileError> {
        let want = desired.map(|desired| desired.change_events.as_slice()).unwrap_or_default();
        let have = observed.map(|observed| observed.change_events.as_slice()).unwrap_or_default();
        change_events::plan(want, have, context)
    }

    fn tags(desired: &DesiredAccount) -> Option<&Tags> {
        desired.change_events.first().map(|of_region| &of_region.rule.tags)
    }

    fn waiting(_: &DesiredAccount, observed: Option<&ObservedAccount>, _: &Identity) -> Option<ReconcileError> {
        change_events::unread(&observed?.change_events)
    }

    fn record_intent(&self, status: &mut AwsAccountStatus, desired: &DesiredAccount, _: &[Step]) {
        change_events::record_intent(status, &desired.change_events);
    }

    fn warning_events(&self, before: &AwsAccountStatus, now: &AwsAccountStatus) -> Vec<WarningEvent> {
        deletion_budget::warning_events(before, now)
    }

    fn report(&self, status: &mut AwsAccountStatus, report: &Report<'_, Self>) {
        status.caller_arn = report.observed.map(|observed| observed.caller.arn.clone());
        change_events::report(self, status, report);
        deletion_budget::report(self, status, report);
    }
}
