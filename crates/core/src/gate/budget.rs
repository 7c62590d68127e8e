//! The deletion budget of an account: which plans it counts, and whether it has room. What it counted is in the status of the account, so
//! that it survives restarts and changes of the leader.

use std::collections::BTreeSet;

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use kube_core::Resource;
use tributary_api::{
    AwsAccount, BenchlingApp, BenchlingSubscription, CountedDeletion, DeletionBudget, EventBus, EventRedrive, EventReplay, EventRule,
    EventSink,
};

use super::Purpose;
use crate::{
    error::Reason,
    for_each_kind,
    links::Link,
    managed::Managed,
    object::{ObjectMetaExt, key_of},
    steps::{Deletes, Step},
    view::View,
};

/// Objects that a budget counts at most, so that the status of the account stays small.
const MAX_COUNTED: usize = 500;
/// Length of the window by default.
const WINDOW_SECONDS: u32 = 3_600;

/// Whether the budget counts an object with this plan. A change of a spec counts if it deletes data: anything else comes back with the
/// earlier spec.
pub(super) fn counts(purpose: Purpose, steps: &[Step]) -> bool {
    let mut deleted = steps.iter().filter_map(Step::deletes);
    match purpose {
        Purpose::Delete { retain: false } => deleted.next().is_some(),
        Purpose::Delete { retain: true } | Purpose::Converge => deleted.any(|what| what == Deletes::Data),
        Purpose::Withdraw => false,
    }
}

/// Proof that an object is counted.
#[derive(Debug)]
pub struct Receipt(());

/// A budget without room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Deletions that the budget allows within its window.
    pub allowed: usize,
    /// Deletions that were made within the window.
    pub made: usize,
    /// Length of the window.
    pub window_seconds: u32,
    /// When the next deletion has room; `None` if the budget allows none.
    pub free_at: Option<Timestamp>,
}

/// What a budget decides about one object.
#[derive(Debug)]
pub enum Admission {
    /// It is counted already, or there is no budget any more.
    Counted(Receipt),
    /// There is room. The receipt is good once the deletions are in the status of the account.
    Room(Vec<CountedDeletion>, Receipt),
    /// There is no room.
    Exceeded(Exceeded),
}

/// Decides about the object by the present state of the account. `present` are the UIDs of the account's objects.
pub fn admit(account: &AwsAccount, object: &CountedDeletion, present: &BTreeSet<String>) -> Admission {
    let Some(budget) = &account.spec.deletion_budget else { return Admission::Counted(Receipt(())) };
    let now = object.time.0;
    let mut counted = within_window(account, budget, now);
    if counted.iter().any(|entry| entry.uid == object.uid) {
        return Admission::Counted(Receipt(()));
    }
    let gone = counted.iter().filter(|entry| !present.contains(&entry.uid)).count();
    let allowed = allowed(budget, present.len() + gone);
    if counted.len() < allowed {
        counted.push(object.clone());
        return Admission::Room(counted, Receipt(()));
    }
    counted.sort_by_key(|entry| entry.time.0);
    let window_seconds = window_seconds(budget);
    let last_in_the_way = counted.len().checked_sub(allowed).filter(|_| allowed > 0).and_then(|index| counted.get(index));
    let free_at = last_in_the_way.and_then(|entry| entry.time.0.checked_add(SignedDuration::from_secs(i64::from(window_seconds))).ok());
    Admission::Exceeded(Exceeded { allowed, made: counted.len(), window_seconds, free_at })
}

/// The entry of an object.
pub fn entry<K: Managed>(object: &K, now: Timestamp) -> CountedDeletion {
    CountedDeletion { object: title(object), uid: object.meta().uid.clone().unwrap_or_default(), time: Time(now) }
}

fn title<K: Managed>(object: &K) -> String {
    format!("{} {}", K::KIND, key_of(object))
}

fn window_seconds(budget: &DeletionBudget) -> u32 {
    budget.window_seconds.unwrap_or(WINDOW_SECONDS)
}

/// Number of deletions that the budget allows within its window, of this many objects.
fn allowed(budget: &DeletionBudget, objects: usize) -> usize {
    let by_percent = budget.max_percent.map(|percent| (objects * percent as usize).div_ceil(100));
    let by_number = budget.max_objects.map(|most| most as usize);
    [by_percent, by_number].into_iter().flatten().fold(MAX_COUNTED, usize::min)
}

fn within_window(account: &AwsAccount, budget: &DeletionBudget, now: Timestamp) -> Vec<CountedDeletion> {
    let window = SignedDuration::from_secs(i64::from(window_seconds(budget)));
    let all = account.status.iter().flat_map(|status| &status.deletions);
    all.filter(|entry| now.duration_since(entry.time.0) < window).cloned().collect()
}

/// UIDs of the objects that may have something in AWS in this account. Nothing for a budget without a percentage, which does not
/// depend on them.
pub fn objects_of(account: &AwsAccount, view: &View) -> BTreeSet<String> {
    let mut uids = BTreeSet::new();
    if account.spec.deletion_budget.as_ref().is_none_or(|budget| budget.max_percent.is_none()) {
        return uids;
    }
    each(account, view, |_, uid, _| {
        uids.insert(uid.to_owned());
    });
    uids
}

/// The objects of the account that wait for its budget, as `kind namespace/name`.
pub fn waiting(account: &AwsAccount, view: &View) -> Vec<String> {
    let mut waiting = Vec::new();
    if account.spec.deletion_budget.is_some() {
        each(account, view, |title, _, is_waiting| {
            if is_waiting {
                waiting.push(title());
            }
        });
    }
    waiting.sort();
    waiting
}

/// Whether the object waits for the budget of its account.
pub fn is_waiting<K: Managed>(object: &K) -> bool {
    let ready = object.current().and_then(|status| K::common(status).condition("Ready"));
    ready.is_some_and(|ready| ready.reason == <&str>::from(Reason::DeletionBudgetExceeded))
}

/// Calls `f` for each object of the account, with its title, its UID, and whether it waits.
fn each(account: &AwsAccount, view: &View, mut f: impl FnMut(&dyn Fn() -> String, &str, bool)) {
    let name = account.own_name();
    macro_rules! each_kind {
        ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {$(
            if $kind::KIND != AwsAccount::KIND {
                view.objects.$plural.each_linked(Link::Account(name), &mut |object: &$kind| {
                    let is_of_account = object.pinned_identity().is_some_and(|identity| identity.account == name);
                    if is_of_account && !object.composed() && object.may_be_in_aws() {
                        f(&|| title(object), object.meta().uid.as_deref().unwrap_or_default(), is_waiting(object));
                    }
                });
            }
        )*};
    }
    for_each_kind!(each_kind);
}

#[cfg(test)]
mod tests;
