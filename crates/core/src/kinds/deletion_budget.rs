//! What an `AwsAccount` with `deletionBudget` reports: whether objects wait for it. What it counts is decided in `crate::gate::budget`.

use tributary_api::{AwsAccount, AwsAccountStatus, annotation};

use crate::{conditions, error::Reason, managed::Report, plan::WarningEvent};

/// Type of the condition that reports whether objects wait for the deletion budget.
pub const TYPE: &str = "WithinDeletionBudget";

/// How many of the waiting objects the message lists.
const LISTED: usize = 5;

/// The reasons of the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumIter, strum::IntoStaticStr)]
pub enum DeletionBudgetReason {
    /// No object waits.
    NoDeletionsWaiting,
    /// Objects wait.
    DeletionsWaiting,
}

/// Whether objects wait for the budget of the account, as its status says.
pub fn is_exceeded(account: &AwsAccount) -> bool {
    account.status.as_ref().is_some_and(reports_exceeded)
}

fn reports_exceeded(status: &AwsAccountStatus) -> bool {
    status.common.condition(TYPE).is_some_and(|condition| condition.status == "False")
}

/// Sets the condition; removes it without a budget.
pub(super) fn report(account: &AwsAccount, status: &mut AwsAccountStatus, report: &Report<'_, AwsAccount>) {
    let waiting = report.desired.map(|desired| desired.waiting_deletions.as_slice()).unwrap_or_default();
    let state = account.spec.deletion_budget.is_some().then(|| state(waiting));
    conditions::set(&mut status.common.conditions, TYPE, state, account.metadata.generation, report.now);
}

fn state(waiting: &[String]) -> (&'static str, String, String) {
    if waiting.is_empty() {
        return ("True", DeletionBudgetReason::NoDeletionsWaiting.to_string(), "no object waits for spec.deletionBudget".into());
    }
    let listed = waiting.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if waiting.len() > LISTED { " and others" } else { "" };
    let objects = if waiting.len() == 1 { "1 object waits".to_owned() } else { format!("{} objects wait", waiting.len()) };
    let message = format!(
        "{objects} to delete AWS resources: {listed}{more}. status.deletions lists those that spec.deletionBudget has counted. To let \
         one continue, set its annotation {} to its status.approval.planHash; to let all continue, raise the budget.",
        annotation::APPROVED_PLAN
    );
    ("False", DeletionBudgetReason::DeletionsWaiting.to_string(), message)
}

/// Warns once, when the first object waits.
pub(super) fn warning_events(before: &AwsAccountStatus, now: &AwsAccountStatus) -> Vec<WarningEvent> {
    let message = now.common.condition(TYPE).filter(|_| reports_exceeded(now) && !reports_exceeded(before)).map(|c| c.message.clone());
    message.map(|message| WarningEvent { reason: Reason::DeletionBudgetExceeded.into(), message }).into_iter().collect()
}
