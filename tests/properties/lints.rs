//! Lints against the matcher: a pattern that is reported as `never-matches` matches no event, and no pattern that matches a public
//! case is reported.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tributary_api::RuleState;
use tributary_pattern::Pattern;
use tributary_testkit::product::{
    Identity,
    lints::{BusContext, Context, check},
};

const PARTNER: &str = "aws.partner/benchling.com/acme/lims";
const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];
const REGIONS: [&str; 3] = ["eu-west-1", "us-gov-west-1", "ap-southeast-2"];
const TYPES: [&str; 3] = ["Order Placed", "v2.entity.registered", "5"];

/// The same patterns and events in each run.
struct Random(fastrand::Rng);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0.usize(..limit)
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// An element of a field's list: often one that an event can have.
    fn element(&mut self) -> Value {
        let text = self.pick(&[
            "111122223333",
            "1111",
            "0",
            "1",
            "eu-west-1",
            "eu-",
            "EU",
            PARTNER,
            "aws.",
            "orders",
            "Order Placed",
            "",
            "5",
            "x*",
        ]);
        match self.below(14) {
            0..=4 => json!(text),
            5 => json!({"prefix": text}),
            6 => json!({"suffix": text}),
            7 => json!({"equals-ignore-case": text}),
            8 => json!({"wildcard": self.pick(&["*", "1*3", "eu-*-1", "*x*", "0"])}),
            9 => json!({"anything-but": [text]}),
            10 => json!({"exists": self.below(2) == 0}),
            11 => json!({"numeric": [">", 3]}),
            12 => json!({"prefix": {"equals-ignore-case": text}}),
            _ => self.pick(&[json!(5), json!(111_122_223_333_u64), json!(null), json!(true)]),
        }
    }

    fn list(&mut self) -> Value {
        (0..=self.below(3)).map(|_| self.element()).collect()
    }

    fn pattern(&mut self, depth: usize) -> Map<String, Value> {
        let names = ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"];
        let mut pattern = Map::new();
        for _ in 0..=self.below(2) {
            let (name, shape) = (self.pick(&names), self.below(12));
            let value = match shape {
                0..=2 => json!({"n": self.list()}),
                3 => json!({"n": self.list(), "s": self.list()}),
                _ => self.list(),
            };
            pattern.insert(name.into(), value);
        }
        if depth > 0 && self.below(3) == 0 {
            let branches: Vec<Value> = (0..2).map(|_| self.pattern(depth - 1).into()).collect();
            pattern.insert("$or".into(), branches.into());
        }
        pattern
    }

    /// An event as EventBridge passes it to the rules of this bus.
    fn event(&mut self, bus: &str) -> Value {
        let source = match bus {
            "default" => self.pick(&["orders", "aws.ec2"]),
            "orders" => self.pick(&["orders", "lims"]),
            partner => partner,
        };
        let leaf = |random: &mut Self| random.pick(&[json!(5), json!("5"), json!(null), json!("orders"), json!(["0", 1]), json!({"x": 1})]);
        let detail = match self.below(3) {
            0 => json!({}),
            1 => json!({"n": leaf(self)}),
            _ => json!({"n": leaf(self), "s": leaf(self)}),
        };
        let resources = self.pick(&[json!([]), json!(["arn:aws:x"]), json!(["orders", "5"])]);
        json!({
            "version": "0", "id": "6a7e8feb-b491", "detail-type": self.pick(&TYPES), "source": source, "account": self.pick(&ACCOUNTS),
            "time": "2026-05-01T09:00:00Z", "region": self.pick(&REGIONS), "resources": resources, "detail": detail,
        })
    }
}

fn lints(pattern: &Map<String, Value>, bus: &str) -> Vec<String> {
    let identity = Identity {
        account_id: ACCOUNTS[0].into(),
        region: REGIONS[0].into(),
        partition: "aws".into(),
        bus: Some(bus.into()),
        ..Identity::default()
    };
    let context = Context { field: "spec.eventPattern", identity: &identity, state: RuleState::Enabled, bus: BusContext::default() };
    let warnings = check(pattern, &context);
    warnings.iter().filter_map(|warning| Some(warning.rsplit_once('[')?.1.trim_end_matches(']').to_owned())).collect()
}

#[test]
fn what_never_matches_by_the_lint_matches_no_event() {
    let mut random = Random(fastrand::Rng::with_seed(0x11_4715));
    let mut counts: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for round in 0..3_000 {
        let bus = ["default", "orders", PARTNER][round % 3];
        let pattern = random.pattern(2);
        let text = Value::Object(pattern.clone()).to_string();
        let Ok(compiled) = Pattern::compile(&text) else { continue };
        let never = lints(&pattern, bus).iter().any(|id| id == "never-matches");
        let events: Vec<Value> = (0..20).map(|_| random.event(bus)).collect();
        let matching = events.iter().find(|event| compiled.matches(&event.to_string()) == Ok(true));
        assert!(!never || matching.is_none(), "on {bus}: {text} is said to match nothing, but matches {matching:?}");
        *counts.entry((bus, never)).or_default() += 1;
    }
    assert!(counts.len() == 6 && counts.values().all(|count| *count > 50), "{counts:?}");
}

#[test]
fn no_public_case_that_matches_is_linted_as_never_matching() {
    let mut matching = 0;
    for line in include_str!("../../crates/pattern/tests/data/cases.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let text = case["pattern"].as_str().unwrap_or_default();
        if case["expected"] != "match" {
            continue;
        }
        let Ok(Value::Object(pattern)) = serde_json::from_str::<Value>(text) else { continue };
        matching += 1;
        let ids = lints(&pattern, "default");
        assert!(!ids.iter().any(|id| id == "never-matches" || id == "impossible-value"), "{}: {text}: {ids:?}", case["id"]);
    }
    assert!(matching > 500, "{matching} cases");
}
