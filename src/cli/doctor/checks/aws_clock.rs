//! The clocks of the API server and of this machine, against that of AWS.

use k8s_openapi::jiff::SignedDuration;

use crate::cli::doctor::{
    aws_facts::{AccountFacts, AwsFacts},
    finding::{Finding, Severity},
    object::span,
    snapshot::Snapshot,
};

/// Early enough to act.
const LARGEST: SignedDuration = SignedDuration::from_secs(60);
/// AWS rejects signatures that are older than this (IAM user guide, "Signing AWS API requests").
const REJECTED: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn check(facts: &AwsFacts, snapshot: &Snapshot) -> Vec<Finding> {
    facts.accounts.iter().find_map(|account| of_account(account, snapshot)).into_iter().collect()
}

fn of_account(account: &AccountFacts, snapshot: &Snapshot) -> Option<Finding> {
    let clock = account.clock?;
    let local = clock.local.duration_since(clock.aws);
    // Both differences to this machine: what is between AWS and the API server.
    let server = local + snapshot.now.duration_since(snapshot.local);
    let wrong = [("the API server", server), ("this machine", local)].map(|(name, skew)| (name, skew.abs()));
    let (name, skew) = wrong.into_iter().find(|(_, skew)| *skew > LARGEST)?;
    let is_rejected = name == "the API server" && skew > REJECTED;
    let severity = if is_rejected { Severity::Critical } else { Severity::Warning };
    let message = format!(
        "the clock of {name} differs from that of AWS by {}. AWS rejects requests whose time is wrong by more than 5 minutes. Synchronize the clocks of the nodes.",
        span(skew)
    );
    Some(Finding::new("aws-clock-skew", severity, message, "date -u").of(account.object.clone()))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};
    use crate::cli::doctor::aws_facts::Clock;

    fn found(aws: i64, local: i64, server: i64) -> Vec<(Severity, String)> {
        let account = AccountFacts { clock: Some(Clock { aws: at(aws), local: at(local) }), ..AccountFacts::default() };
        let snapshot = Snapshot { local: at(0), now: at(server), ..healthy() };
        let facts = AwsFacts { accounts: vec![account], ..AwsFacts::default() };
        check(&facts, &snapshot).into_iter().map(|finding| (finding.severity, finding.message)).collect()
    }

    #[test]
    fn the_clock_that_is_wrong_is_named() {
        assert_eq!(found(5, 5, 0), []);
        assert_eq!(found(65, 5, 0).len(), 0);
        let (severity, message) = found(5, 66, 0).remove(0);
        assert!(
            severity == Severity::Warning && message.starts_with("the clock of the API server differs from that of AWS by 61s."),
            "{message}"
        );
        assert_eq!(found(5, 5, 301)[0].0, Severity::Critical);
        let (severity, message) = found(5, 405, -400).remove(0);
        assert!(severity == Severity::Warning && message.starts_with("the clock of this machine "), "{message}");
    }
}
