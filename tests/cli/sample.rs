//! `tributary sample`.

use serde_json::Value;

use crate::{text, tributary};

#[test]
fn each_listed_type_has_an_event() {
    let output = tributary(&["sample", "--list", "-o", "json"]).output().unwrap();
    let all: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(all.len() > 100, "{}", all.len());
    let list = tributary(&["sample", "--list"]).output().unwrap();
    assert_eq!(text(&list.stdout).lines().count(), all.len() + 1, "one line for each type, and a head");
    for type_ in ["v2.entity.registered", "benchling.webhook/v2.entity.registered", "v3.dnaSequence.created", "aws.s3/Object Created"] {
        assert!(all.iter().any(|sample| sample["type"] == type_), "{type_}");
        let event: Value = serde_json::from_slice(&tributary(&["sample", type_]).output().unwrap().stdout).unwrap();
        let detail_type = event["detail-type"].as_str().unwrap();
        assert!(type_.ends_with(detail_type) && event["detail"].is_object(), "{event:#}");
    }
}

#[test]
fn yaml_can_be_pasted_into_a_test() {
    let output = tributary(&["sample", "aws.s3/Object Created", "-o", "yaml"]).output().unwrap();
    assert!(text(&output.stdout).contains("detail-type: Object Created\n"), "{}", text(&output.stdout));
}

#[test]
fn an_unknown_type_suggests_a_known_one() {
    let output = tributary(&["sample", "v2.entity.created"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let expected = "tributary: no sample of type \"v2.entity.created\". Did you mean v2.entity.registered? `tributary sample --list` prints all types.\n";
    assert_eq!(text(&output.stderr), expected);
}
