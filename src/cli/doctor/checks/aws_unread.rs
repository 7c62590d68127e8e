//! What could not be read in AWS, so that the report does not claim more than it knows.

use crate::cli::doctor::{
    aws_facts::AwsFacts,
    finding::{Finding, Severity},
    snapshot::Snapshot,
};

pub(super) fn check(facts: &AwsFacts, _: &Snapshot) -> Vec<Finding> {
    let finding = |(what, why): (&String, &String)| {
        Finding::new("not-checked", Severity::Info, format!("{what} not checked in AWS: {why}"), "aws sts get-caller-identity")
    };
    facts.unread.iter().map(|not| (&not.what, &not.why)).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};
    use crate::cli::doctor::checks::{names, run};

    #[test]
    fn what_could_not_be_read_is_named_with_its_cause() {
        let unread = vec![not_read::<()>("AwsAccount prod").unwrap_err()];
        let snapshot = Snapshot { aws: Some(AwsFacts { unread, ..AwsFacts::default() }), ..healthy() };
        let found = run(&snapshot);
        assert_eq!(found[0].message, "AwsAccount prod not checked in AWS: forbidden");
        assert_eq!(ids(found), ["not-checked"]);
        assert_eq!((names(&snapshot).len(), names(&healthy()).len()), (23, 18));
    }
}
