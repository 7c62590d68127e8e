//! Quotas that are nearly used up (`EventBridge` User Guide, "Amazon EventBridge quotas").

use crate::cli::doctor::{
    aws_facts::{AccountFacts, AwsFacts},
    finding::{Finding, ObjectRef, Severity},
    snapshot::Snapshot,
};

/// Rules per event bus.
const RULES: usize = 300;
/// Rules per event bus in [`SMALL_REGIONS`].
const FEW_RULES: usize = 100;
const SMALL_REGIONS: [&str; 2] = ["af-south-1", "eu-south-1"];
/// Event buses per account and Region.
const BUSES: usize = 100;

pub(super) fn check(facts: &AwsFacts, _: &Snapshot) -> Vec<Finding> {
    facts.accounts.iter().flat_map(of_account).collect()
}

fn of_account(account: &AccountFacts) -> Vec<Finding> {
    let rules = account.buses.iter().filter_map(|bus| {
        let quota = if SMALL_REGIONS.contains(&bus.region.as_str()) { FEW_RULES } else { RULES };
        let what = format!("event bus {} has {} rules", bus.name, bus.rules);
        near(&what, bus.rules, quota, &bus.region, &bus.object)
    });
    let buses = account.regions.iter().filter_map(|region| {
        let what = format!("account {} has {} event buses in {}", account.account_id, region.buses, region.region);
        near(&what, region.buses, BUSES, &region.region, &account.object)
    });
    rules.chain(buses).collect()
}

/// Above its default, a quota was raised to a number that is not known.
fn near(what: &str, used: usize, quota: usize, region: &str, object: &ObjectRef) -> Option<Finding> {
    if used > quota || used * 10 < quota * 8 {
        return None;
    }
    let message = format!("{what}; the default quota is {quota}. Request a higher quota, unless it was raised already.");
    let command = format!("aws service-quotas list-service-quotas --service-code events --region {region}");
    Some(Finding::new("quota-near", Severity::Warning, message, command).of(object.clone()))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};
    use crate::cli::doctor::aws_facts::{BusUse, RegionUse};

    fn found(region: &str, rules: usize, buses: usize) -> Vec<String> {
        let bus = BusUse { object: ObjectRef::default(), name: "orders".into(), region: region.into(), rules };
        let region = RegionUse { region: region.into(), buses };
        let account =
            AccountFacts { buses: vec![bus], regions: vec![region], account_id: "111122223333".into(), ..AccountFacts::default() };
        check(&AwsFacts { accounts: vec![account], ..AwsFacts::default() }, &healthy()).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn four_fifths_of_a_default_quota_are_reported() {
        assert_eq!(found("eu-west-1", 239, 79), [""; 0]);
        let messages = found("eu-west-1", 240, 80);
        assert_eq!(
            messages[0],
            "event bus orders has 240 rules; the default quota is 300. Request a higher quota, unless it was raised already."
        );
        assert!(messages[1].starts_with("account 111122223333 has 80 event buses in eu-west-1; the default quota is 100."), "{messages:?}");
        assert_eq!(found("eu-south-1", 80, 0).len(), 1);
        assert_eq!(found("eu-west-1", 301, 101), [""; 0], "a quota that was raised is not known");
    }
}
