//! The checks: pure functions of what was read, one small module each.

mod accounts;
mod apps;
mod aws_clock;
mod aws_permissions;
mod aws_queues;
mod aws_quotas;
mod aws_unread;
mod clock;
mod crds;
mod dead_letters;
mod deletions;
mod delivery;
mod deployments;
mod events;
mod iam;
mod leader;
mod not_checked;
mod paused;
mod rights;
mod sources;
mod stale;
mod stalled;
mod sync;

#[cfg(test)]
pub(super) mod tests;

use crate::cli::doctor::{
    aws_facts::AwsFacts,
    finding::{Finding, Severity},
    snapshot::Snapshot,
};

/// A check. Its name is in the JSON output.
struct Check {
    name: &'static str,
    run: fn(&Snapshot) -> Vec<Finding>,
}

/// A check of what AWS says.
struct AwsCheck {
    name: &'static str,
    run: fn(&AwsFacts, &Snapshot) -> Vec<Finding>,
}

const fn aws_check(name: &'static str, run: fn(&AwsFacts, &Snapshot) -> Vec<Finding>) -> AwsCheck {
    AwsCheck { name, run }
}

const fn check(name: &'static str, run: fn(&Snapshot) -> Vec<Finding>) -> Check {
    Check { name, run }
}

/// All checks. Of findings of the same weight, those of earlier checks come first: causes before effects.
const CHECKS: [Check; 18] = [
    check("clock", clock::check),
    check("crds", crds::check),
    check("deployments", deployments::check),
    check("operator-rights", rights::check),
    check("leader", leader::check),
    check("accounts", accounts::check),
    check("iam", iam::check),
    check("event-sources", sources::check),
    check("delivery", delivery::check),
    check("dead-letters", dead_letters::check),
    check("stalled", stalled::check),
    check("deletions", deletions::check),
    check("stale-status", stale::check),
    check("apps", apps::check),
    check("sync", sync::check),
    check("paused", paused::check),
    check("events", events::check),
    check("not-checked", not_checked::check),
];

/// The checks of `--aws`.
const AWS_CHECKS: [AwsCheck; 5] = [
    aws_check("aws-clock", aws_clock::check),
    aws_check("aws-permissions", aws_permissions::check),
    aws_check("aws-queues", aws_queues::check),
    aws_check("aws-quotas", aws_quotas::check),
    aws_check("aws-not-checked", aws_unread::check),
];

/// Names of the checks that are made, in their order.
pub(super) fn names(snapshot: &Snapshot) -> Vec<&'static str> {
    let of_aws = AWS_CHECKS.iter().filter(|_| snapshot.aws.is_some()).map(|check| check.name);
    CHECKS.iter().map(|check| check.name).chain(of_aws).collect()
}

/// Drops the Events of objects whose state is reported anyway.
fn drop_repeated_events(all: &mut Vec<Finding>) {
    let reported: Vec<_> = all.iter().filter(|of| of.severity > Severity::Info).filter_map(|of| of.object.clone()).collect();
    all.retain(|of| of.id != events::ID || of.object.as_ref().is_none_or(|object| !reported.contains(object)));
}

/// Runs all checks. The weightiest findings come first.
pub(super) fn run(snapshot: &Snapshot) -> Vec<Finding> {
    let mut all: Vec<_> = CHECKS.iter().flat_map(|check| (check.run)(snapshot)).collect();
    if let Some(facts) = &snapshot.aws {
        all.extend(AWS_CHECKS.iter().flat_map(|check| (check.run)(facts, snapshot)));
    }
    drop_repeated_events(&mut all);
    // Stable, so that the order of the checks remains.
    all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    all
}
