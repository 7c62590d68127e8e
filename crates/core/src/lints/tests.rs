//! Each lint, with what triggers it and what is close to it and does not.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use strum::IntoEnumIterator;

use super::*;

const PARTNER: &str = "aws.partner/benchling.com/acme/lims";

fn identity(bus: &str) -> Identity {
    Identity {
        account_id: "111122223333".into(),
        partition: "aws".into(),
        region: "eu-west-1".into(),
        bus: Some(bus.into()),
        ..Identity::default()
    }
}

fn on(bus: &str, facts: BusContext, pattern: &Value) -> Vec<String> {
    let identity = identity(bus);
    let context = Context { field: "spec.eventPattern", identity: &identity, state: RuleState::Enabled, bus: facts };
    check(pattern.as_object().unwrap(), &context)
}

/// On a custom bus of which nothing else is known.
fn lints(pattern: &Value) -> Vec<String> {
    on("orders", BusContext::default(), pattern)
}

/// Ids at the end of the warnings.
fn ids(warnings: &[String]) -> Vec<&str> {
    warnings.iter().map(|warning| warning.rsplit_once(" [").unwrap().1.trim_end_matches(']')).collect()
}

/// `(pattern, ids, start and part of the first warning)`.
fn table(rows: Vec<(Value, &[&str], &str, &str)>) {
    for (pattern, expected, start, part) in rows {
        let found = lints(&pattern);
        assert_eq!(ids(&found), expected, "{pattern}: {found:?}");
        let first = found.first().map_or("", String::as_str);
        assert!(first.starts_with(start) && first.contains(part), "{pattern}: {first}");
    }
}

#[test]
fn fields_that_no_event_has_are_named_with_the_one_that_is_meant() {
    let unknown: &[&str] = &["unknown-field"];
    table(vec![
        (json!({"detailType": ["a"]}), unknown, "spec.eventPattern.detailType: ", "Rename it to detail-type."),
        (json!({"Source": ["a"]}), unknown, "spec.eventPattern.Source: ", "Rename it to source."),
        (json!({"detail_type": ["a"]}), unknown, "spec.eventPattern.detail_type: ", "Rename it to detail-type."),
        (json!({"acount": ["a"]}), unknown, "spec.eventPattern.acount: ", "Rename it to account."),
        (json!({"bucket": {"name": ["a"]}}), unknown, "spec.eventPattern.bucket: ", "Move it into detail"),
        (json!({"$or": [{"source": ["a"]}, {"type": ["b"]}]}), unknown, "spec.eventPattern.type: ", "Move it into detail"),
        (json!({"replay-name": [{"exists": false}], "detail.state": ["a"], "other": [{"exists": false}]}), &[], "", ""),
    ]);
}

#[test]
fn a_field_inside_and_outside_of_or_is_reported() {
    let twice: &[&str] = &["duplicate-field"];
    table(vec![
        (
            json!({"detail": {"n": [1]}, "$or": [{"detail": {"n": [2]}}, {"source": ["a"]}]}),
            twice,
            "spec.eventPattern.detail.n: ",
            "uses only the last one",
        ),
        (json!({"detail.n": [1], "detail": {"n": [2]}}), twice, "spec.eventPattern.detail.n: ", "only the last one"),
        (json!({"detail": {"m": [1]}, "$or": [{"detail": {"n": [2]}}, {"detail": {"n": [3]}}]}), &[], "", ""),
    ]);
}

#[test]
fn what_no_event_can_have_is_reported_by_value_and_for_the_pattern() {
    let never: &[&str] = &["impossible-value", "never-matches"];
    let value: &[&str] = &["impossible-value"];
    table(vec![
        (json!({"account": [111_122_223_333_u64]}), never, "spec.eventPattern.account[0]: ", "Write \"111122223333\""),
        (json!({"account": ["12345"]}), never, "spec.eventPattern.account[0]: ", "account IDs have 12 digits"),
        (json!({"account": ["111122223333", "1111-2222-3333"]}), value, "spec.eventPattern.account[1]: ", "12 digits"),
        (json!({"account": [{"prefix": "acct"}]}), never, "spec.eventPattern.account[0]: ", "12 digits"),
        (json!({"region": ["Ireland"]}), never, "spec.eventPattern.region[0]: ", "no name of a Region"),
        (json!({"region": ["eu-west-1a"]}), never, "spec.eventPattern.region[0]: ", "no name of a Region"),
        (json!({"version": ["1"]}), never, "spec.eventPattern.version[0]: ", "Remove version"),
        (json!({"version": [0]}), never, "spec.eventPattern.version[0]: ", "Write \"0\""),
        (json!({"source": [null]}), never, "spec.eventPattern.source[0]: ", "Write a string"),
        (json!({"source": [{"exists": false}]}), never, "spec.eventPattern.source[0]: ", "every event has source"),
        (json!({"source": {"name": ["a"]}}), never, "spec.eventPattern.source.name[0]: ", "source is no object"),
        (json!({"detail": ["a"]}), never, "spec.eventPattern.detail[0]: ", "detail is an object"),
        (json!({"resources": [1]}), never, "spec.eventPattern.resources[0]: ", "a string"),
        (json!({"$or": [{"account": ["1"]}, {"version": ["1"]}]}), &["impossible-value", "impossible-value", "never-matches"], "", ""),
        (json!({"$or": [{"account": ["1"]}, {"source": ["a"]}]}), value, "", ""),
    ]);
}

#[test]
fn possible_values_have_no_warning() {
    for pattern in [
        json!({"version": ["0"], "account": ["111122223333", {"prefix": "1111"}, {"wildcard": "1*3*4"}], "region": ["us-gov-west-1", {"prefix": "eu-"}, {"equals-ignore-case": "EU-WEST-1"}, {"prefix": {"equals-ignore-case": "EU"}}]}),
        json!({"account": [{"anything-but": "111122223333"}], "region": [{"anything-but": ["eu-west-1"]}]}),
        json!({"resources": [{"prefix": "arn:"}], "time": [{"prefix": "2026-"}], "id": [{"exists": true}]}),
        json!({"resources": [{"exists": false}], "detail": [{"exists": false}]}),
        json!({"source": ["lims", {"equals-ignore-case": "Lims"}], "detail": {"n": [1, {"numeric": [">", 5]}], "s": ["5"]}}),
        json!({"source": ["a"], "$or": [{"detail": {"n": [1]}}, {"detail": {"m": [null]}}]}),
    ] {
        assert_eq!(lints(&pattern), [""; 0], "{pattern}");
    }
}

#[test]
fn a_source_whose_events_do_not_reach_the_bus_is_reported() {
    let foreign = json!({"source": ["aws.s3"], "detail-type": ["Object Created"]});
    assert_eq!(ids(&lints(&foreign)), ["foreign-source", "never-matches", "must-be-enabled"]);
    for facts in
        [BusContext { others_publish: true, ..BusContext::default() }, BusContext { is_forwarded_to: true, ..BusContext::default() }]
    {
        assert_eq!(ids(&on("orders", facts, &foreign)), ["must-be-enabled"], "{facts:?}");
    }
    assert_eq!(ids(&on("default", BusContext::default(), &foreign)), ["must-be-enabled"]);
    let partner = |pattern: Value| on(PARTNER, BusContext::default(), &pattern);
    let other = partner(json!({"source": [PARTNER, "aws.partner/benchling.com/acme/old"]}));
    assert_eq!(ids(&other), ["foreign-source"]);
    assert!(other[0].contains("is from aws.partner/benchling.com/acme/old. Write aws.partner/benchling.com/acme/lims"), "{other:?}");
    assert_eq!(ids(&partner(json!({"source": [{"prefix": "aws.partner/other.com"}]}))), ["foreign-source", "never-matches"]);
    assert_eq!(partner(json!({"source": [{"prefix": "aws.partner/benchling.com"}]})), [""; 0]);
}

#[test]
fn operators_that_are_not_necessary_have_a_simpler_form() {
    let wildcard: &[&str] = &["wildcard-for-prefix"];
    table(vec![
        (json!({"detail": {"a": [{"wildcard": "x*"}]}}), wildcard, "spec.eventPattern.detail.a[0]: ", r#"Write {"prefix":"x"}"#),
        (json!({"detail": {"a": [{"wildcard": "*.png"}]}}), wildcard, "", r#"Write {"suffix":".png"}"#),
        (json!({"detail": {"a": [{"wildcard": "x"}]}}), wildcard, "", r#"Write "x""#),
        (json!({"detail": {"a": [{"wildcard": r"x\*"}]}}), wildcard, "", r#"Write "x*""#),
        (json!({"detail": {"a": [{"wildcard": "*"}]}}), wildcard, "", r#"Write {"exists":true}"#),
        (json!({"detail": {"a": [{"anything-but": {"wildcard": "x*"}}]}}), wildcard, "", r#"Write {"anything-but":{"prefix":"x"}}"#),
        (json!({"detail": {"a": [{"wildcard": "x*y"}, {"wildcard": "*x*"}]}}), &[], "", ""),
        (json!({"detail": {"a": [{"prefix": ""}]}}), &["empty-prefix"], "spec.eventPattern.detail.a[0]: ", "matches every string"),
        (json!({"detail": {"a": ["5", {"numeric": [">", 7]}]}}), &["number-as-string"], "spec.eventPattern.detail.a[0]: ", "Write 5."),
        (json!({"detail": {"a": ["5", "x"]}}), &[], "", ""),
        (json!({"detail": {"a": [{"exactly": "x"}]}}), &["ambiguous-pattern"], "spec.eventPattern.detail.a[0]", "does not document"),
        (json!({"detail": {"a": ["10.0.0.1"]}}), &["ambiguous-pattern"], "spec.eventPattern.detail.a[0]", "use cidr"),
        (json!({"detail": {"a": vec!["x".repeat(300); 7]}}), &["pattern-size"], "spec.eventPattern: ", "default quota is 2048"),
    ]);
    let guard = json!({"source": ["aws.guardduty"], "detail": {"severity": ["8"]}});
    assert_eq!(ids(&on("default", BusContext::default(), &guard)), ["number-as-string", "must-be-enabled"]);
}

#[test]
fn events_that_need_something_in_aws_are_reported() {
    let default = |pattern: Value| on("default", BusContext::default(), &pattern);
    let calls =
        |names: &[&str]| json!({"source": ["aws.s3"], "detail-type": ["AWS API Call via CloudTrail"], "detail": {"eventName": names}});
    assert_eq!(ids(&default(calls(&["PutBucketAcl"]))), ["needs-cloudtrail"]);
    let read_only = default(calls(&["GetBucketAcl"]));
    assert_eq!(ids(&read_only), ["needs-cloudtrail", "read-only-events"]);
    assert!(read_only[1].contains("Set spec.state to EnabledWithAllCloudTrailManagementEvents."), "{read_only:?}");
    assert_eq!(ids(&default(json!({"source": ["aws.s3"]}))), ["must-be-enabled"]);
    assert_eq!(default(json!({"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]})), [""; 0]);
}

#[test]
fn a_pattern_that_matches_everything_is_reported_on_shared_buses_only() {
    let shared = BusContext { is_shared: true, ..BusContext::default() };
    for everything in [
        json!({"account": ["111122223333"]}),
        json!({"source": [{"exists": true}], "region": ["eu-west-1", "us-east-1"]}),
        json!({"version": ["0"], "detail": {"x": [{"exists": true}, {"exists": false}]}}),
        json!({"$or": [{"source": ["a"]}, {"detail-type": [{"wildcard": "*"}]}]}),
    ] {
        assert!(ids(&on("orders", shared, &everything)).contains(&"catch-all"), "{everything}");
        assert!(!ids(&on("orders", BusContext::default(), &everything)).contains(&"catch-all"), "{everything}");
    }
    for some in [json!({"source": ["a"]}), json!({"account": ["444455556666"]}), json!({"resources": [{"exists": true}]})] {
        assert_eq!(on("orders", shared, &some), [""; 0], "{some}");
    }
    let own = json!({"account": ["111122223333"]});
    assert_eq!(on("orders", BusContext { others_publish: true, ..shared }, &own), [""; 0], "other accounts publish");
}

#[test]
fn wildcards_beyond_the_quota_of_the_bus_are_reported() {
    let pattern = json!({"detail": {"a": [{"wildcard": "x*y"}]}});
    let with = |wildcard_rules| on("orders", BusContext { wildcard_rules, ..BusContext::default() }, &pattern);
    assert_eq!((ids(&with(30)), ids(&with(31))), (vec![], vec!["wildcard-quota"]));
    assert!(!has_wildcard(json!({"wildcard": ["a"], "detail": {"wildcard": ["b"]}}).as_object().unwrap()), "names of fields");
    assert!(has_wildcard(json!({"detail": {"a": [{"anything-but": {"wildcard": "x*"}}]}}).as_object().unwrap()));
}

#[test]
fn a_rule_that_feeds_its_own_bus_is_found_through_others() {
    let bus = |name: &str| bus_arn(&identity(name)).unwrap();
    let rule = |from: &str, source: &str, to: &[&str]| Forwarding {
        from: bus(from),
        pattern: json!({"source": [source]}).as_object().unwrap().clone(),
        to: to.iter().map(|name| bus(name)).collect(),
    };
    let own = rule("a", "s", &[]);
    let found = |target: &str, others: &[Forwarding]| feeds_own_bus(&own, &[("t", &bus(target))], others);
    assert_eq!(ids(&found("a", &[])), ["feeds-own-bus"], "directly");
    assert_eq!(found("b", &[]), [""; 0]);
    let back = found("b", &[rule("b", "s", &["a"])]);
    assert!(back.len() == 1 && back[0].contains("target t") && back[0].contains(&format!("through {}.", bus("b"))), "{back:?}");
    assert_eq!(found("b", &[rule("b", "other", &["a"])]), [""; 0], "no event matches both");
    let far = found("b", &[rule("b", "s", &["c", "b"]), rule("c", "s", &["b", "a"])]);
    assert!(far.len() == 1 && far[0].contains(&format!("{} and {}", bus("b"), bus("c"))), "{far:?}");
    assert_eq!(found("b", &[rule("b", "s", &["c"]), rule("c", "s", &["b"])]), [""; 0], "a loop of others");
}

#[test]
fn every_lint_has_a_section_in_the_reference() {
    let page = include_str!("../../../../docs/reference/lints.md");
    let sections: BTreeSet<String> = page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    let known: BTreeSet<String> = Lint::iter().map(|lint| lint.to_string()).collect();
    assert_eq!(sections, known);
    for section in page.split("\n## ").skip(1) {
        assert!(section.contains("**Cause:**") && section.contains("**Next step:**"), "{}", section.lines().next().unwrap_or_default());
    }
}

#[test]
fn alternatives_are_bounded() {
    let or: Vec<_> = (0..200).map(|n| json!({"id": [n]})).collect();
    let pattern = json!({"detail": {"$or": or, "entity": {"$or": or}, "entry": {"$or": or}}});
    assert_eq!(alternatives(pattern.as_object().unwrap()).len(), MAX_ALTERNATIVES);
    // A pattern of a megabyte, of which each alternative has a copy.
    let long = json!({"detail": {"$or": or, "entity": {"$or": or}, "s": ["x".repeat(1 << 20)]}, "Source": ["a"]});
    assert_eq!(lints(&long), [""; 0], "AWS refuses its length");
}
