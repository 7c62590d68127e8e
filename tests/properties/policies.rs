//! The evaluation of IAM policies: a table from AWS's documentation, and random policies compared with a second evaluator, which was
//! written independently. The operator may know less than the second evaluator, and never more.
#![allow(clippy::expect_used)]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tributary_testkit::product::delivery::policy::{Context, Decision, Principal, Request, of_role, on_resource};

#[derive(Deserialize)]
struct Group {
    title: String,
    page: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    name: String,
    /// One statement, or several. In the table each one changes `basis`.
    #[serde(default)]
    statements: Value,
    /// Values of condition keys. `null`: the call does not contain the key. Of other keys nothing is known.
    #[serde(default)]
    context: BTreeMap<String, Value>,
    #[serde(default = "action")]
    action: String,
    #[serde(default = "queue")]
    resource: String,
    /// ARN of the role that calls, otherwise EventBridge itself.
    role: Option<String>,
    /// Id of the account that the policy may delegate to.
    account: Option<String>,
    /// `role`: the statements are those of the role itself.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    want: String,
    /// What the second evaluator regards as possible.
    #[serde(default)]
    possible: Vec<String>,
}

fn action() -> String {
    "sqs:SendMessage".into()
}

fn queue() -> String {
    "arn:aws:sqs:eu-west-1:111122223333:orders".into()
}

fn basis() -> Map<String, Value> {
    let statement = json!({
        "Version": "2012-10-17", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*",
    });
    statement.as_object().expect("an object").clone()
}

/// A statement of the table: `basis` with changes. `null` removes an element.
fn changed(changes: &Value) -> Value {
    let mut statement = basis();
    for (element, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            statement.remove(element);
        } else {
            statement.insert(element.clone(), value.clone());
        }
    }
    statement.into()
}

impl Case {
    fn decide(&self, statements: &[Value]) -> (&'static str, String) {
        let context = self.context.iter().fold(Context::default(), |context, (key, value)| match value {
            Value::Null => context.without(&[key]),
            Value::Array(values) => context.with_values(key, &values.iter().filter_map(Value::as_str).collect::<Vec<_>>()),
            value => context.with(key, value.as_str().expect("a text")),
        });
        let principal = match (&self.role, &self.account) {
            (Some(role), _) => Principal::Role(role),
            (None, Some(account)) => Principal::Account(account),
            (None, None) => Principal::Service("events.amazonaws.com"),
        };
        let request = Request { principal, action: &self.action, resource: &self.resource, context: &context };
        let decision = if self.kind == "role" { of_role(statements, &request) } else { on_resource(statements, &request) };
        match decision {
            Decision::Allowed => ("Allowed", String::new()),
            Decision::Denied(sid) => ("Denied", sid),
            Decision::Silent => ("Silent", String::new()),
            Decision::Unknown(why) => ("Unknown", why),
        }
    }
}

fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join(path).display().to_string()
}

#[test]
fn policies_are_read_as_aws_documents_it() {
    let text = fs::read_to_string(file("tests/fixtures/policies.json")).expect("readable");
    let groups: Vec<Group> = serde_json::from_str(&text).expect("the table");
    let (mut count, mut wrong) = (0, Vec::new());
    for group in &groups {
        assert!(group.page.starts_with("https://docs.aws.amazon.com/"), "{}", group.title);
        for case in &group.cases {
            count += 1;
            let statements: Vec<_> = match &case.statements {
                Value::Array(all) => all.iter().map(changed).collect(),
                one => vec![changed(one)],
            };
            let (found, why) = case.decide(&statements);
            if found != case.want {
                wrong.push(format!("{}: {}: {found} ({why}), and not {}", group.title, case.name, case.want));
            }
        }
    }
    assert!(count >= 150, "{count} cases");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The seed is that of other random tests, or one that is always the same.
#[test]
fn random_policies_are_read_as_a_second_evaluator_reads_them() {
    const CASES: usize = 3000;
    let seed = std::env::var("TRIBUTARY_SEED").ok().and_then(|seed| seed.parse::<u64>().ok()).unwrap_or(1);
    let output = Command::new("python3").arg(file("tests/bed/policy_reference.py")).args([CASES.to_string(), seed.to_string()]).output();
    let output = output.expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (mut wrong, mut certain, mut unsure) = (Vec::new(), 0, 0);
    for line in String::from_utf8(output.stdout).expect("UTF-8").lines() {
        let case: Case = serde_json::from_str(line).expect("a case");
        let statements: Vec<_> = case.statements.as_array().expect("a list").clone();
        let (found, why) = case.decide(&statements);
        certain += usize::from(case.possible.len() == 1);
        unsure += usize::from(case.possible.len() == 1 && found == "Unknown");
        // What is certain here has to be so in every world that is possible.
        if found != "Unknown" && case.possible != [found] {
            wrong.push(format!("{found} ({why}), and not {:?}: {line}", case.possible));
        }
    }
    assert!(certain > CASES / 2, "seed {seed}: {certain} of {CASES} are certain");
    assert!(wrong.is_empty(), "seed {seed}: {} of {CASES} differ:\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
    // Some follow only from several statements together, such as one on a value and one on all others.
    assert!(unsure * 20 < certain, "seed {seed}: {unsure} of {certain} are certain, and unknown here");
}
