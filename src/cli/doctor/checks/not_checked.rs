//! What the user may not read, so that the report does not claim more than it knows.

use crate::cli::doctor::{
    finding::{Finding, Severity},
    snapshot::Snapshot,
};

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let user = snapshot.user.as_deref().unwrap_or("this user");
    let finding = |not: &crate::cli::doctor::snapshot::NotRead| {
        let message = format!("{} not checked as {user}: {}", not.what, not.why);
        Finding::new("not-checked", Severity::Info, message, "kubectl auth can-i --list")
    };
    snapshot.not_read().into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};

    #[test]
    fn what_could_not_be_read_is_named_with_its_cause() {
        let mut snapshot = healthy();
        snapshot.crds = not_read("CustomResourceDefinitions");
        snapshot.unread.push(not_read::<()>("EventRules").unwrap_err());
        let found = check(&snapshot);
        assert_eq!(ids(found.clone()), ["not-checked", "not-checked"]);
        assert_eq!(found[1].message, "CustomResourceDefinitions not checked as ann: forbidden");
    }
}
