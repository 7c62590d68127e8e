//! Whether ages can be trusted: the clock of this machine against that of the API server.

use k8s_openapi::jiff::SignedDuration;

use crate::cli::doctor::{
    finding::{Finding, Severity},
    object::span,
    snapshot::Snapshot,
};

/// AWS rejects signatures that are older than five minutes (IAM user guide, "Signing AWS API requests"); a minute is early enough to act.
const LARGEST: SignedDuration = SignedDuration::from_secs(60);

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let difference = snapshot.local.duration_since(snapshot.now).abs();
    if difference <= LARGEST {
        return vec![];
    }
    let message = format!(
        "the clocks of this machine and of the API server differ by {}. Ages in this report follow the API server. Synchronize the clocks: AWS rejects requests with a wrong time.",
        span(difference)
    );
    vec![Finding::new("clock-skew", Severity::Warning, message, "date -u")]
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};

    #[test]
    fn a_skew_above_a_minute_is_found() {
        let mut snapshot = healthy();
        snapshot.local = at(60);
        assert_eq!(ids(check(&snapshot)), [""; 0]);
        snapshot.local = at(-61);
        assert_eq!(ids(check(&snapshot)), ["clock-skew"]);
    }
}
