//! `AwsAccount`: creates nothing in AWS; it is in sync when its credentials are of the account that
//! it stands for.

use serde::Serialize;

use tributary_api::{
    AccountRef, AwsAccount, AwsAccountStatus, BenchlingApp, BenchlingSubscription, DeletionPolicy, EventBus, EventRedrive,
    EventRedriveStatus, EventReplay, EventReplayStatus, EventRule, EventSink, Identity, ManagementPolicy,
};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    managed::{Managed, Report},
    object::{ObjectMetaExt, key_of},
    plan::PlanContext,
    steps::Step,
    view::View,
};

/// The account that the credentials must belong to.
#[derive(Debug, Serialize)]
pub struct DesiredAccount {
    /// 12-digit AWS account id.
    pub account_id: String,
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
    type Observed = CallerIdentity;

    const KIND: &'static str = "AwsAccount";

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

    fn referenced_by(&self, view: &View) -> Vec<String> {
        let mut referrers = Vec::new();
        let mut add = |kind: &str, key: String, reference: Option<&AccountRef>, pinned: Option<&Identity>| {
            let name = pinned.map_or_else(|| reference.map_or("default", |r| r.name.as_str()), |identity| identity.account.as_str());
            let namespace = key.split('/').next().unwrap_or_default();
            // Objects in namespaces without a grant cannot block deletion.
            let permitted = pinned.is_some() || self.spec.allows_namespace(namespace);
            if name == self.own_name() && permitted {
                referrers.push(format!("{kind} {key}"));
            }
        };
        view.each_bus(|o| add(EventBus::KIND, key_of(o), o.spec.account_ref.as_ref(), o.pinned_identity()));
        view.each_subscription(|o| add(BenchlingSubscription::KIND, key_of(o), o.spec.account_ref.as_ref(), o.pinned_identity()));
        view.each_app(|o| {
            if let Some(identity) = o.pinned_identity() {
                add(BenchlingApp::KIND, key_of(o), None, Some(identity));
            }
        });
        view.each_sink(|o| add(EventSink::KIND, key_of(o), o.spec.account_ref.as_ref(), o.pinned_identity()));
        view.each_rule(|o| {
            if let Some(identity) = o.pinned_identity() {
                add(EventRule::KIND, key_of(o), None, Some(identity));
            }
        });
        view.each_replay(|o| {
            if let Some(identity) = o.pinned_identity().filter(|_| !o.status.as_ref().is_some_and(EventReplayStatus::finished)) {
                add(EventReplay::KIND, key_of(o), None, Some(identity));
            }
        });
        view.each_redrive(|o| {
            if let Some(identity) = o.pinned_identity().filter(|_| !o.status.as_ref().is_some_and(EventRedriveStatus::finished)) {
                add(EventRedrive::KIND, key_of(o), None, Some(identity));
            }
        });
        referrers
    }

    fn plan(_: Option<&DesiredAccount>, _: Option<&CallerIdentity>, _: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
        Ok(vec![])
    }

    fn report(&self, status: &mut AwsAccountStatus, report: &Report<'_, Self>) {
        status.caller_arn = report.observed.map(|caller| caller.arn.clone());
    }
}
