//! `AwsAccount`: nothing is made in AWS for it; it is in sync when the credentials really are of that account. Pure.

use serde::Serialize;

use tributary_api::{
    AccountRef, AwsAccount, AwsAccountStatus, BenchlingApp, BenchlingSubscription, CommonStatus, DeletionPolicy, EventBus, EventReplay,
    EventReplayStatus, EventRule, EventSink, Identity, ManagementPolicy, matches,
};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    managed::{Managed, Report},
    object::key_of,
    plan::PlanContext,
    steps::Step,
    view::View,
};

/// The account that the credentials must be of.
#[derive(Debug, Serialize)]
pub struct DesiredAccount {
    pub account_id: String,
}

/// What `sts:GetCallerIdentity` answers.
#[derive(Clone, Debug, PartialEq)]
pub struct CallerIdentity {
    pub account_id: String,
    pub arn: String,
}

impl CallerIdentity {
    /// No write is made with credentials of another account than the one that was named.
    pub fn check(&self, account_id: &str) -> Result<(), ReconcileError> {
        if self.account_id == account_id {
            return Ok(());
        }
        Err(ReconcileError::new(
            RetryClass::Refused,
            Reason::WrongAccount,
            format!(
                "the credentials are of account {} ({}), but spec.accountId is {account_id}. Nothing is written with them; correct spec.credentials",
                self.account_id, self.arn
            ),
        ))
    }
}

impl Managed for AwsAccount {
    type Status = AwsAccountStatus;
    type Desired = DesiredAccount;
    type Observed = CallerIdentity;

    const KIND: &'static str = "AwsAccount";

    fn current(&self) -> Option<&AwsAccountStatus> {
        self.status.as_ref()
    }
    fn common(status: &AwsAccountStatus) -> &CommonStatus {
        &status.common
    }
    fn common_mut(status: &mut AwsAccountStatus) -> &mut CommonStatus {
        &mut status.common
    }
    fn management(&self) -> ManagementPolicy {
        ManagementPolicy::Manage
    }
    fn deletion(&self) -> DeletionPolicy {
        DeletionPolicy::Retain
    }

    fn identity(&self, _: &View) -> Result<Identity, ReconcileError> {
        Ok(crate::view::identity(self, None, self.spec.account_id.clone(), |scope, _| {
            format!("arn:{}:iam::{}:root", scope.partition, scope.account_id)
        }))
    }

    fn desired(&self, _: &View, _: &Identity) -> Result<DesiredAccount, ReconcileError> {
        Ok(DesiredAccount { account_id: self.spec.account_id.clone() })
    }

    fn in_use(&self, view: &View) -> Vec<String> {
        let me = self.metadata.name.as_deref().unwrap_or_default();
        let mut users = Vec::new();
        let mut add = |kind: &str, key: String, named: Option<&AccountRef>, pinned: Option<&Identity>| {
            let name = pinned.map_or_else(|| named.map_or("default", |r| r.name.as_str()), |identity| identity.account.as_str());
            // Whom the account never let use it cannot hold it up.
            let namespace = key.split('/').next().unwrap_or_default();
            let known = pinned.is_some() || self.spec.grants.iter().any(|grant| matches(&grant.namespaces, namespace));
            if name == me && known {
                users.push(format!("{kind} {key}"));
            }
        };
        view.each_bus(|o| add(EventBus::KIND, key_of(o), o.spec.account_ref.as_ref(), pinned(o)));
        view.each_subscription(|o| add(BenchlingSubscription::KIND, key_of(o), o.spec.account_ref.as_ref(), pinned(o)));
        view.each_app(|o| {
            if let Some(identity) = pinned(o) {
                add(BenchlingApp::KIND, key_of(o), None, Some(identity));
            }
        });
        view.each_sink(|o| add(EventSink::KIND, key_of(o), o.spec.account_ref.as_ref(), pinned(o)));
        view.each_rule(|o| {
            if let Some(identity) = pinned(o) {
                add(EventRule::KIND, key_of(o), None, Some(identity));
            }
        });
        view.each_replay(|o| {
            if let Some(identity) = pinned(o).filter(|_| !o.status.as_ref().is_some_and(EventReplayStatus::finished)) {
                add(EventReplay::KIND, key_of(o), None, Some(identity));
            }
        });
        users
    }

    fn plan(_: Option<&DesiredAccount>, _: Option<&CallerIdentity>, _: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
        Ok(vec![])
    }

    fn report(&self, status: &mut AwsAccountStatus, report: &Report<'_, Self>) {
        status.caller_arn = report.observed.map(|caller| caller.arn.clone());
    }
}

fn pinned<K: Managed>(object: &K) -> Option<&Identity> {
    object.current().and_then(|status| K::common(status).identity.as_ref())
}
