//! What the page is told: map, details, what happens to an event.

use super::*;

/// Cells of the rows, by name.
fn rows(map: &Value) -> Vec<String> {
    let name = |at: &Value| usize::try_from(at.as_i64().unwrap()).map_or("-", |at| map["nodes"][at]["name"].as_str().unwrap()).to_owned();
    let row = |row: &Value| row["cells"].as_array().unwrap().iter().map(name).collect::<Vec<_>>().join(" ");
    map["rows"].as_array().unwrap().iter().map(|one| format!("{} {}", one["group"], row(one))).collect()
}

#[tokio::test]
async fn the_map_has_a_row_for_each_target() {
    let map = start().get("api/graph").await;
    assert_eq!(
        rows(&map),
        [
            "0 - empty - - -",
            &format!("1 {PARTNER} lims disabled - -"),
            "1 - lims registered gone -",
            "1 - lims registered queue dead",
            "2 default - - - -",
        ]
    );
    let of = |name: &str| map["nodes"].as_array().unwrap().iter().find(|node| node["name"] == name).unwrap();
    assert_eq!((&of("gone")["origin"], &of("gone")["health"]), (&json!("NotRead"), &json!("Unknown")));
    assert_eq!((&of("registered")["about"], &of("queue")["about"]), (&json!("v2.entity.registered · prod"), &json!("sqs · prod")));
    assert_eq!((&map["version"], &map["scope"]), (&json!(1), &json!("namespace prod")));
}

#[tokio::test]
async fn an_event_reaches_the_targets_of_the_rules_that_match() {
    let all = start();
    let event = json!({"detail-type": "v2.entity.registered", "detail": {"entity": {"id": "bfi_1"}, "schema": {"name": "Plasmid"}}});
    let (_, found) = all.json(&Method::POST, "api/match?bus=EventBus%2Fprod%2Flims", &event.to_string()).await;
    let matched = found["matched"].as_array().unwrap();
    let names: Vec<_> = matched.iter().map(|rule| (rule["id"].as_str().unwrap(), rule["state"].as_str().unwrap())).collect();
    // The event has no source: it gets that of the partner event bus.
    assert_eq!(names, [("EventRule/prod/disabled", "Disabled"), ("EventRule/prod/registered", "Enabled")]);
    assert!(found["added"].as_array().unwrap().contains(&json!("source")), "{found}");
    let targets = matched[1]["targets"].as_array().unwrap();
    assert_eq!(targets[0]["input"], r#"{"id":"bfi_1","rule":"prod-registered"}"#, "{targets:?}");
    assert!(targets[1]["input"].as_str().unwrap().contains(PARTNER), "the whole event: {targets:?}");

    let other = json!({"source": "lims", "detail-type": "v2.entity.registered", "detail": {"schema": {"name": "Primer"}}});
    let (_, found) = all.json(&Method::POST, "api/match", &other.to_string()).await;
    assert_eq!((&found["evaluated"], &found["matched"]), (&json!(2), &json!([])));
    let why = found["missed"].as_array().unwrap().iter().find(|rule| rule["id"] == "EventRule/prod/registered").unwrap();
    assert!(why["why"].as_str().unwrap().contains("Primer"), "{why}");
}

#[tokio::test]
async fn a_type_of_event_has_its_rules() {
    let all = start();
    let found = all.get("api/who?type=v2.entity.registered").await;
    let of = |rule: &Value| format!("{} {} {}", rule["id"].as_str().unwrap(), rule["selection"].as_str().unwrap(), rule["fields"]);
    let rules: Vec<_> = found["rules"].as_array().unwrap().iter().map(of).collect();
    assert_eq!(rules, ["EventRule/prod/disabled All []", r#"EventRule/prod/registered Some ["detail.schema.name"]"#]);
    let near = all.get("api/who?type=v2.entity.registred").await;
    assert_eq!((&near["isKnown"], near["suggestion"].as_str().unwrap().contains("v2.entity.registered")), (&json!(false), true), "{near}");
    let types = all.get("api/types").await;
    assert!(types["types"].as_array().unwrap().contains(&json!("aws.s3/Object Created")));
    assert_eq!(all.get("api/sample?type=aws.s3%2FObject%20Created").await["event"]["source"], "aws.s3");
}

#[tokio::test]
async fn details_say_what_could_not_be_read_and_show_no_secret() {
    let all = start();
    let sink = all.get("api/object/EventSink/prod/queue").await;
    assert!(sink["object"]["yaml"].as_str().unwrap().contains("x-key"), "{sink}");
    assert!(!sink.to_string().contains("canary"), "{sink}");
    assert_eq!(sink["object"]["requiredStatement"], "{\n  \"Effect\": \"Allow\"\n}");
    assert!(sink["events"]["error"].as_str().unwrap().contains("events is forbidden"), "{sink}");
    assert_eq!(sink["from"][0]["id"], "EventRule/prod/registered");
    let rule = all.get("api/object/EventRule/prod/registered").await;
    assert_eq!(rule["commands"][0], "kubectl describe eventrule registered -n prod");
    let missing = all.get("api/object/EventSink/prod/gone").await;
    assert!(missing.get("object").is_none() && !missing["nextSteps"].as_array().unwrap().is_empty(), "{missing}");
    let account = all.get("api/object/AwsAccount/-/default").await;
    assert_eq!(account["node"]["id"], "AwsAccount/default");
}
