//! The gate between a plan and its writes (ADR 0039). A plan passes it as [`PermittedSteps`], and nothing else can be applied: only this
//! module makes them.
//!
//! [`review`] decides by the approvals that an account requires ([`approval`]), by its change windows ([`window`]) in their time zone ([`time_zone`]),
//! and by its deletion budget ([`budget`]). Whether a plan is made at all (pause, `managementPolicy: Observe`, orphaned deletions) is decided before.

mod approval;
pub mod budget;
pub mod time_zone;
mod window;

use k8s_openapi::jiff::Timestamp;
use tributary_api::{ApprovalPolicy, AwsAccount, CommonStatus, Identity, annotation};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    object::ObjectMetaExt,
    plan::Whole,
    steps::Step,
};

use approval::PlanId;
use budget::{Exceeded, Receipt};

pub use approval::finish;

/// A step that may be made.
#[derive(Debug)]
pub struct PermittedStep(Step);

impl PermittedStep {
    /// The step.
    pub fn step(&self) -> &Step {
        &self.0
    }

    /// The step, once it is made.
    pub fn into_step(self) -> Step {
        self.0
    }
}

/// Steps that may be made, in their order.
#[derive(Debug, Default)]
pub struct PermittedSteps(Vec<PermittedStep>);

impl PermittedSteps {
    fn new(steps: Vec<Step>) -> Self {
        Self(steps.into_iter().map(PermittedStep).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The steps.
    pub fn iter(&self) -> impl Iterator<Item = &Step> {
        self.0.iter().map(PermittedStep::step)
    }

    /// These steps, and then the others.
    #[must_use]
    pub fn then(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }
}

impl IntoIterator for PermittedSteps {
    type Item = PermittedStep;
    type IntoIter = std::vec::IntoIter<PermittedStep>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// What the steps are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// AWS is to match the spec.
    Converge,
    /// The object is deleted.
    Delete {
        /// Whether its resource stays in AWS.
        retain: bool,
    },
    /// Its owner no longer permits what the object uses (ADR 0026).
    Withdraw,
}

/// A plan to review.
#[derive(Debug)]
pub struct Request<'a> {
    /// The account that is written to.
    pub account: &'a AwsAccount,
    /// Kind of the object.
    pub kind: &'a str,
    /// `namespace/name` of the object.
    pub key: &'a str,
    /// Where the object lives in AWS.
    pub identity: &'a Identity,
    /// Hash of the desired state.
    pub desired_hash: &'a str,
    /// What the steps are for.
    pub purpose: Purpose,
    /// Value of the annotation that approves a plan.
    pub approved: Option<&'a str>,
    /// What is approved in place of single steps.
    pub whole: Option<Whole>,
    /// Whether the steps are only recorded, as in a dry run.
    pub is_simulated: bool,
    /// The time now.
    pub now: Timestamp,
}

/// What becomes of a plan.
#[derive(Debug)]
pub enum Decision {
    /// The steps may be made.
    Permit(PermittedSteps),
    /// The steps may be made if the deletion budget of the account has room.
    Count(Uncounted),
    /// The steps wait. Nothing may be written.
    Wait(ReconcileError),
    /// The steps of a dry run, which in the operator wait.
    Simulate(PermittedSteps, ReconcileError),
}

/// Steps that wait for the deletion budget.
#[derive(Debug)]
pub struct Uncounted {
    steps: Vec<Step>,
    purpose: Purpose,
    hash: String,
    account: String,
}

impl Uncounted {
    /// The steps, once the object is counted.
    pub fn permit(self, _: &Receipt, status: &mut CommonStatus) -> PermittedSteps {
        approval::clear(status);
        PermittedSteps::new(self.steps)
    }

    /// Why the steps wait, if the budget has no room.
    pub fn exceeded(&self, exceeded: &Exceeded) -> ReconcileError {
        let what = match self.purpose {
            Purpose::Delete { .. } => "deletion",
            Purpose::Converge | Purpose::Withdraw => "the change deletes resources that hold data, and",
        };
        let Exceeded { allowed, made, window_seconds, free_at } = exceeded;
        let next = free_at.map_or_else(|| "It continues".to_owned(), |time| format!("It continues at {time:.0}, or at once"));
        let message = format!(
            "{what} is blocked by spec.deletionBudget of AwsAccount {}: {made} of {allowed} deletions within {window_seconds} seconds were \
             made. Nothing was deleted. {next} with the annotation {}={}.",
            self.account,
            annotation::APPROVED_PLAN,
            self.hash
        );
        let class = free_at.map_or(RetryClass::Blocked, RetryClass::Until);
        ReconcileError::new(class, Reason::DeletionBudgetExceeded, message)
    }
}

/// Decides whether the steps may be made. Records in `status` the plan that waits, or that is approved.
pub fn review(request: &Request<'_>, status: &mut CommonStatus, steps: Vec<Step>) -> Decision {
    let spec = &request.account.spec;
    let is_guarded = spec.approval == ApprovalPolicy::Required || spec.deletion_budget.is_some() || !spec.change_windows.is_empty();
    // Kubernetes has its own way back, and a withdrawal is the decision of the owner.
    let is_exempt = request.purpose == Purpose::Withdraw || steps.iter().all(|step| matches!(step, Step::Child(_)));
    if is_exempt || !is_guarded {
        if request.purpose != Purpose::Withdraw && (steps.is_empty() || !is_exempt) {
            approval::clear(status);
        }
        return Decision::Permit(PermittedSteps::new(steps));
    }
    let plan = PlanId::new(request, status, &steps);
    let is_approved = approval::is_approved(request, &plan, status);
    if let Some(error) = held(request, &plan, is_approved, steps.len()) {
        if request.is_simulated {
            return Decision::Simulate(PermittedSteps::new(steps), error);
        }
        approval::record(status, plan, &error);
        return Decision::Wait(error);
    }
    if !is_approved && !request.is_simulated && spec.deletion_budget.is_some() && budget::counts(request.purpose, &steps) {
        let account = request.account.own_name().to_owned();
        let hash = approval::hold(status, plan);
        return Decision::Count(Uncounted { steps, purpose: request.purpose, hash, account });
    }
    if !is_approved {
        approval::clear(status);
    }
    Decision::Permit(PermittedSteps::new(steps))
}

/// Why a plan of this many writes waits. An approved plan waits for a change window too.
fn held(request: &Request<'_>, plan: &PlanId, is_approved: bool, writes: usize) -> Option<ReconcileError> {
    if !is_approved && request.account.spec.approval == ApprovalPolicy::Required {
        return Some(approval::required(request, plan, writes));
    }
    window::closed(request)
}

/// Checks that a [`Whole`] may be written, before AWS is read for it.
///
/// # Errors
/// It waits: for an approval, or for a change window.
pub fn review_whole(request: &Request<'_>, status: &mut CommonStatus) -> Result<(), ReconcileError> {
    if request.whole.is_none() || request.is_simulated {
        return Ok(());
    }
    let plan = PlanId::new(request, status, &[]);
    let is_approved = approval::is_approved(request, &plan, status);
    let Some(error) = held(request, &plan, is_approved, plan.lines()) else { return Ok(()) };
    approval::record(status, plan, &error);
    Err(error)
}

#[cfg(test)]
mod tests;
