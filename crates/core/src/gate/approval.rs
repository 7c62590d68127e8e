//! Approvals: the hash of a plan, and what status records of the plan that waits or was approved. An approval applies once.

use serde::Serialize;
use tributary_api::{ApprovalStatus, CommonStatus, annotation};

use super::Request;
use crate::{
    error::{Reason, ReconcileError},
    names::short_hash,
    object::ObjectMetaExt,
    steps::Step,
};

/// Characters of a hash: 128 bits, so that nobody finds two plans with the same one.
const HASH: usize = 32;
/// Writes that status lists at most.
const MAX_LINES: usize = 50;
/// Characters of a write in status at most.
const MAX_LINE: usize = 300;

/// A plan with its hash.
pub(super) struct PlanId {
    hash: String,
    /// Hash of each write.
    writes: Vec<String>,
    lines: Vec<String>,
}

impl PlanId {
    pub(super) fn new(request: &Request<'_>, status: &CommonStatus, steps: &[Step]) -> Self {
        let (writes, lines) = match &request.whole {
            Some(whole) => (vec![short_hash(&whole.content, HASH)], vec![whole.line.clone()]),
            None => (steps.iter().map(hash_of).collect(), lines(steps)),
        };
        let applied = status.approval.as_ref().map_or(0, |approval| approval.applied_plans);
        let (identity, account) = (request.identity, request.account.own_name());
        let head = [request.kind, request.key, account, &identity.account_id, &identity.arn, &applied.to_string()];
        let all: Vec<&str> = head.into_iter().chain(writes.iter().map(String::as_str)).collect();
        Self { hash: short_hash(&all.join("\n"), HASH), writes, lines }
    }

    /// Number of writes that are shown.
    pub(super) fn lines(&self) -> usize {
        self.lines.len()
    }
}

fn hash_of<S: Serialize>(step: &S) -> String {
    short_hash(&serde_json::to_string(step).unwrap_or_default(), HASH)
}

fn lines(steps: &[Step]) -> Vec<String> {
    let shown = if steps.len() > MAX_LINES { MAX_LINES - 1 } else { MAX_LINES };
    let mut lines: Vec<_> = steps.iter().take(shown).map(|step| cut(&step.to_string())).collect();
    if steps.len() > lines.len() {
        lines.push(format!("and {} more", steps.len() - lines.len()));
    }
    lines
}

fn cut(line: &str) -> String {
    if line.chars().count() <= MAX_LINE {
        return line.to_owned();
    }
    let kept: String = line.chars().take(MAX_LINE - 3).collect();
    format!("{kept}...")
}

/// Whether the plan is approved: by its own hash, or as the rest of a plan whose approval stands. Records the approval.
pub(super) fn is_approved(request: &Request<'_>, plan: &PlanId, status: &mut CommonStatus) -> bool {
    let Some(approved) = request.approved else { return false };
    let before = status.approval.as_deref().cloned().unwrap_or_default();
    let is_rest = before.approved_hash.as_deref() == Some(approved)
        && before.desired_hash.as_deref() == Some(request.desired_hash)
        && plan.writes.iter().all(|write| before.writes.contains(write));
    if !is_rest && approved != plan.hash {
        return false;
    }
    status.plan.clear();
    status.approval = Some(Box::new(if is_rest {
        ApprovalStatus { plan_hash: None, ..before }
    } else {
        ApprovalStatus {
            plan_hash: None,
            approved_hash: Some(plan.hash.clone()),
            desired_hash: Some(request.desired_hash.to_owned()),
            writes: plan.writes.clone(),
            applied_plans: before.applied_plans,
        }
    }));
    true
}

/// Records the plan as waiting. Returns its hash.
pub(super) fn hold(status: &mut CommonStatus, plan: PlanId) -> String {
    let applied_plans = status.approval.as_ref().map_or(0, |approval| approval.applied_plans);
    status.plan = plan.lines;
    status.approval = Some(Box::new(ApprovalStatus { plan_hash: Some(plan.hash.clone()), applied_plans, ..ApprovalStatus::default() }));
    plan.hash
}

/// Records the plan as waiting for what `error` says.
pub(super) fn record(status: &mut CommonStatus, plan: PlanId, error: &ReconcileError) {
    if error.reason == Reason::ApprovalRequired {
        hold(status, plan);
    } else {
        status.plan = plan.lines;
        if let Some(approval) = &mut status.approval {
            approval.plan_hash = None;
        }
    }
}

/// Records that no plan waits. An approved plan whose writes are made is applied.
pub(super) fn clear(status: &mut CommonStatus) {
    status.plan.clear();
    if let Some(approval) = &mut status.approval {
        approval.plan_hash = None;
    }
    finish(status);
}

/// Records that all steps of the approved plan were made, so that its approval is used up.
pub fn finish(status: &mut CommonStatus) {
    let Some(approval) = &mut status.approval else { return };
    let is_in_progress = approval.approved_hash.take().is_some();
    approval.applied_plans += u32::from(is_in_progress);
    approval.desired_hash = None;
    approval.writes.clear();
    if **approval == ApprovalStatus::default() {
        status.approval = None;
    }
}

/// The error of a plan of this many writes that waits for an approval.
pub(super) fn required(request: &Request<'_>, plan: &PlanId, writes: usize) -> ReconcileError {
    let writes = if writes == 1 { "1 AWS write".to_owned() } else { format!("{writes} AWS writes") };
    ReconcileError::blocked(
        Reason::ApprovalRequired,
        format!(
            "AwsAccount {} requires an approval of the plan: {writes}, in status.plan. Nothing was written to AWS. To approve it, set the \
             annotation {}={}.",
            request.account.own_name(),
            annotation::APPROVED_PLAN,
            plan.hash
        ),
    )
}
