//! `tributary import aws`: what it selects, what it does not import and why, and what it cannot read.

use serde_json::{Value, json};
use tributary_testkit::{Output, World, queue_arn};

/// Buses with rules, of which some cannot be imported.
async fn account(world: &World) {
    let aws = &world.aws;
    aws.sqs("CreateQueue", json!({"QueueName": "orders"})).await;
    let retention = json!({"MessageRetentionPeriod": "1209600"});
    aws.sqs("CreateQueue", json!({"QueueName": "orders-dlq", "Attributes": retention})).await;
    let tags = |team: &str| json!([{"Key": "team", "Value": team}]);
    let statement = json!({"Sid": "partner", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::888877776666:root"}, "Action": "events:PutEvents",
        "Resource": format!("arn:aws:events:eu-west-1:{}:event-bus/shop", aws.account)});
    aws.events("CreateEventBus", json!({"Name": "shop", "Tags": [{"Key": "team", "Value": "a"}]})).await;
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
    aws.events("PutPermission", json!({"EventBusName": "shop", "Policy": policy.to_string()})).await;
    aws.events("CreateEventBus", json!({"Name": "empty"})).await;
    let pattern = json!({"source": ["shop"]}).to_string();
    for (name, team) in [("order-created", "a"), ("order-paid", "b"), ("six-numbers", "a")] {
        let rule = json!({"EventBusName": "shop", "Name": name, "EventPattern": pattern, "Tags": tags(team)});
        aws.events("PutRule", rule).await;
        let mut target = json!({"Id": "q", "Arn": queue_arn(aws, "orders"), "DeadLetterConfig": {"Arn": queue_arn(aws, "orders-dlq")}});
        if name == "six-numbers" {
            target["Input"] = json!("[1, 2, 3, 4, 5, 6]");
        }
        aws.events("PutTargets", json!({"EventBusName": "shop", "Rule": name, "Targets": [target]})).await;
    }
    let owner = json!([{"Key": "tributary.dev/owner", "Value": "e2e/EventRule/shop/owned"}]);
    aws.events("PutRule", json!({"EventBusName": "shop", "Name": "owned", "EventPattern": pattern, "Tags": owner})).await;
    let archive = format!("arn:aws:events:eu-west-1:{}:event-bus/shop", aws.account);
    aws.events("CreateArchive", json!({"ArchiveName": "all-orders", "EventSourceArn": archive})).await;
}

async fn import(world: &World, arguments: &[&str]) -> (Output, Value) {
    let report = std::env::temp_dir().join(format!("{}-{}.json", world.namespace, arguments.len()));
    let all = [&["import", "aws", "--report", report.to_str().unwrap()], arguments].concat();
    let output = world.tributary(&all).await;
    let report = std::fs::read_to_string(&report).map(|text| serde_json::from_str(&text).unwrap()).unwrap_or_default();
    (output, report)
}

fn names(report: &Value) -> Vec<&str> {
    report["objects"].as_array().unwrap().iter().map(|object| object["name"].as_str().unwrap()).collect()
}

fn remark<'a>(report: &'a Value, list: &str, resource: &str) -> &'a str {
    let all = report[list].as_array().unwrap();
    all.iter().find(|one| one["resource"] == resource).unwrap_or_else(|| panic!("{resource}: {report:#}"))["text"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_imported_has_a_reason() {
    let world = World::empty("import-reasons").await;
    account(&world).await;
    let (output, report) = import(&world, &["--all"]).await;
    assert_eq!(output.code, 0, "{}", output.err);
    assert_eq!(names(&report), ["orders", "orders-dlq", "default", "empty", "shop", "order-created", "order-paid"], "{report:#}");
    assert!(remark(&report, "notImported", "rule shop/six-numbers").contains("the input of target q is not a JSON object"));
    assert!(remark(&report, "notImported", "rule shop/Events-Archive-all-orders").contains("archive all-orders"));
    assert_eq!(remark(&report, "notImported", "rule shop/owned"), "it belongs to e2e/EventRule/shop/owned already.");
    assert!(remark(&report, "notes", "event bus shop").contains("its policy stays as it is, and no manifest has its statements: partner."));
    let arns = report["grants"]["arns"].to_string();
    for name in ["orders", "orders-dlq", "event-bus/shop", "rule/shop/order-created"] {
        assert!(arns.contains(&format!("{name}\"")), "{arns}");
    }
    let (output, report) = import(&world, &["--bus", "nowhere"]).await;
    assert_eq!((output.code, output.out.as_str()), (0, ""));
    assert!(remark(&report, "notImported", "event bus nowhere").contains("not found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_selected_by_tag_and_prefix_and_sinks_managed_where_asked() {
    let world = World::empty("import-select").await;
    account(&world).await;
    let (_, report) = import(&world, &["--all", "--tag", "team=b"]).await;
    assert_eq!(names(&report), ["orders", "orders-dlq", "shop", "order-paid"], "{report:#}");
    let (output, _) = import(&world, &["--bus", "shop", "--name-prefix", "order-c", "--manage", "sqs"]).await;
    let objects: Vec<Value> = serde_saphyr::from_multiple(&output.out).unwrap();
    let (sink, rule) = (&objects[0], &objects[3]);
    assert_eq!(sink["spec"]["sqs"], json!({"managed": {"name": "orders"}}), "{}", output.out);
    assert_eq!(sink["metadata"]["annotations"]["tributary.dev/adopt"], "true");
    assert_eq!(rule["spec"]["tags"], json!({"team": "a"}));
    assert_eq!(rule["spec"]["targets"][0]["deadLetter"]["sinkRef"]["name"], "orders-dlq");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_marked_and_the_rest_is_imported() {
    let world = World::empty("import-denied").await;
    account(&world).await;
    let denied = json!({"match": "events.ListTargetsByRule", "kind": "error", "status": 400, "code": "AccessDeniedException",
        "message": "User is not authorized to perform events:ListTargetsByRule", "times": 1});
    world.aws.faults(json!([denied])).await;
    let (output, report) = import(&world, &["--all"]).await;
    assert_eq!(output.code, 1, "a partial import is no success");
    let unread = report["notRead"].as_array().unwrap();
    assert!(unread.len() == 1 && unread[0]["text"].as_str().unwrap().contains("events:ListTargetsByRule"), "{report:#}");
    let rules = |list: &str, field: &str| {
        report[list].as_array().unwrap().iter().filter(|one| one[field].as_str().unwrap().contains("rule shop/")).count()
    };
    assert_eq!(
        rules("objects", "from") + rules("notImported", "resource"),
        5,
        "two sinks and two of three rules, and the archive: {report:#}"
    );
    assert!(!format!("{}{}{report}", output.out, output.err).contains("canary-7Qm2"), "no secret in the output");
}
