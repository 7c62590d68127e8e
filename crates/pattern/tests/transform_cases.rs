//! What AWS documents, and what was recorded against AWS, of input paths and input transformers. Each case names its page.
#![allow(clippy::unwrap_used)]
use serde_json::Value;
use tributary_pattern::transform::{Context, Input, NotDelivered};

const CASES: &str = include_str!("data/transform.jsonl");
const CONTEXT: Context<'_> = Context {
    rule_arn: "arn:aws:events:us-east-2:123456789012:rule/example",
    rule_name: "example",
    ingestion_time: "2015-11-11T21:29:55Z",
};

fn input(case: &Value) -> Input {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let given = &case["input"];
    if let Some(transformer) = given.get("InputTransformer") {
        let paths = transformer["InputPathsMap"].as_object().unwrap().iter().map(|(name, path)| (name.clone(), text(path))).collect();
        return Input::Transformer { paths, template: text(&transformer["InputTemplate"]) };
    }
    match (given.get("Input"), given.get("InputPath")) {
        (Some(constant), _) => Input::Constant(text(constant)),
        (_, Some(path)) => Input::Path(text(path)),
        _ => Input::Event,
    }
}

/// What comes out: the verdict, and the text or the reason.
fn outcome(case: &Value) -> (&'static str, String) {
    let compiled = match input(case).compile() {
        Ok(compiled) => compiled,
        Err(error) => {
            let at = error.position.map(|(line, column)| serde_json::json!([line, column]));
            if case.get("at").is_some_and(|wanted| Some(wanted) != at.as_ref()) {
                return ("refused elsewhere", error.to_string());
            }
            return ("refused", error.aws_message("t").unwrap_or_else(|| error.to_string()));
        }
    };
    match compiled.evaluate(case["event"].as_str().unwrap(), &CONTEXT) {
        Ok(delivered) => ("delivered", delivered.text),
        Err(NotDelivered::Event(error)) => ("event_error", error.to_string()),
        Err(error) => ("not_delivered", error.to_string()),
    }
}

#[test]
fn documented_cases_agree() {
    let (mut wrong, mut documented) = (Vec::new(), 0);
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (verdict, text) = outcome(&case);
        let wanted = case.get("output").or(case.get("error")).and_then(Value::as_str);
        if verdict != case["expected"] || wanted.is_some_and(|wanted| wanted != text) {
            wrong.push(format!(
                "{} ({}): {verdict} {text}\n  expected {} {wanted:?}\n  {}",
                case["id"], case["page"], case["expected"], case["input"]
            ));
        }
        assert!(case["page"].as_str().is_some_and(|page| !page.is_empty()), "{line}: names no page");
        documented += usize::from(case.get("guess").is_none());
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(documented >= 60, "{documented} cases come from AWS's documentation");
}
