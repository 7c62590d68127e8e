//! Targets in another account: a role delivers, and the owner of the target adds the statement in `status.requiredStatement`.

use serde_json::{Value, json};
use tributary_testkit::{Aws, Bed, REGION, World, all_ready, assert_reason, aws_name, condition, merged, options, rule_spec};

/// A world whose account allows every ARN of another account, and that account.
async fn two_accounts(name: &str) -> (World, Aws) {
    let mut world = World::empty(name).await;
    let there = Aws::new(Bed::get());
    let mut account = world.account_spec();
    account["grants"][0]["arns"].as_array_mut().unwrap().push(json!(format!("arn:aws:*:*:{}:*", there.account)));
    world.apply_account(account).await;
    world.run(options()).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    (world, there)
}

async fn statement(world: &World, sink: &str) -> Value {
    let sink = world.get("EventSink", sink).await.unwrap();
    serde_json::from_str(sink.data["status"]["requiredStatement"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_of_another_account_is_reached_once_its_owner_allows_the_role() {
    let (world, there) = two_accounts("across-queue").await;
    let url = there.sqs("CreateQueue", json!({"QueueName": "audit"})).await["QueueUrl"].clone();
    let arn = format!("arn:aws:sqs:{REGION}:{}:audit", there.account);
    world.apply("EventSink", "audit", json!({"sqs": {"existing": {"arn": arn}}})).await;
    world.apply("EventRule", "r", rule_spec("b", &["audit"])).await;
    all_ready(&world, &[("EventSink", "audit"), ("EventRule", "r")]).await;
    let target = world.aws.targets("b", &aws_name(&world, "r")).await[0].clone();
    assert_eq!(target["Arn"], arn);
    let role = target["RoleArn"].as_str().unwrap().to_owned();
    let object = world.get("EventRule", "r").await.unwrap();
    let (status, _, message) = condition(&object, "Deliverable").unwrap();
    assert!(status == "Unknown" && message.contains("another account") && message.contains(&role), "{status}: {message}");
    let send = async |mark: &str| {
        world.aws.put_event("b", "test", "x", &json!({"mark": mark})).await;
        world.aws.deliveries().await.pop().unwrap()
    };
    assert_eq!(send("one").await["code"], "NO_PERMISSIONS", "nothing allows the role there yet");

    let required = statement(&world, "audit").await;
    assert_eq!((&required["Action"], &required["Resource"]), (&json!("sqs:SendMessage"), &json!(arn)));
    assert!(required.to_string().contains(&role) && !required["Sid"].as_str().unwrap().starts_with("tributary"), "{required}");
    let policy = json!({"Version": "2012-10-17", "Statement": [required]}).to_string();
    there.sqs("SetQueueAttributes", json!({"QueueUrl": url, "Attributes": {"Policy": policy}})).await;
    let delivery = send("two").await;
    assert_eq!(delivery["outcome"], "DELIVERED", "{delivery}");
    assert_eq!(there.receive("audit").await.len(), 1);
    let (calls, _) = there.journal(0).await;
    assert!(calls.is_empty(), "the operator makes no calls there: {calls:?}");
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.delete("EventSink", "audit").await;
    world.gone("EventSink", "audit").await;
    assert!(!world.aws.contents().await.keys().any(|key| key.starts_with("role ")), "the role went with the sink");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_of_the_user_guide_is_reached_across_accounts_and_no_other() {
    let (world, there) = two_accounts("across-types").await;
    let arn = |service: &str, resource: &str| format!("arn:aws:{service}:{REGION}:{}:{resource}", there.account);
    let existing = |field: &str, arn: String, more: Value| json!({field: merged(json!({"existing": {"arn": arn}}), more)});
    let all = [
        ("sqs", existing("sqs", arn("sqs", "q"), json!({}))),
        ("sns", existing("sns", arn("sns", "t"), json!({}))),
        ("lambda", existing("lambda", arn("lambda", "function:f"), json!({}))),
        ("kinesis", existing("kinesis", arn("kinesis", "stream/s"), json!({}))),
        ("gateway", existing("arn", arn("execute-api", "a1/prod/POST/x"), json!({"actions": ["execute-api:Invoke"]}))),
        ("bus", existing("eventBus", arn("events", "event-bus/far"), json!({}))),
    ];
    for (name, spec) in &all {
        world.apply("EventSink", name, spec.clone()).await;
        world.apply("EventRule", name, rule_spec("b", &[name])).await;
    }
    for (name, spec) in &all {
        all_ready(&world, &[("EventSink", name), ("EventRule", name)]).await;
        let target = world.aws.targets("b", &aws_name(&world, name)).await[0].clone();
        assert!(spec.to_string().contains(target["Arn"].as_str().unwrap()) && target["RoleArn"].is_string(), "{name}: {target}");
        let required = statement(&world, name).await;
        let role = if *name == "lambda" { &required["Principal"]["AWS"] } else { &required["Condition"]["ArnEquals"]["aws:PrincipalArn"] };
        assert_eq!((role, &required["Resource"]), (&target["RoleArn"], &target["Arn"]), "{name}: {required}");
        let (status, _, message) = condition(&world.get("EventRule", name).await.unwrap(), "Deliverable").unwrap();
        assert!(status == "Unknown" && message.contains("another account"), "{name}: {status} {message}");
    }
    for (name, spec, says) in [
        ("stream", existing("firehose", arn("firehose", "deliverystream/s"), json!({})), "is not in partition"),
        ("build", existing("arn", arn("codebuild", "project/p"), json!({"actions": ["codebuild:StartBuild"]})), "is not in partition"),
        ("far", existing("sqs", arn("sqs", "q").replace(REGION, "us-east-2"), json!({})), "only in the Region of the rule"),
        (
            "failing",
            existing("lambda", arn("lambda", "function:g"), json!({"onFailure": {"sinkRef": {"name": "sqs"}}})),
            "spec.lambda.onFailure",
        ),
        ("external", merged(existing("sqs", arn("sqs", "q2"), json!({})), json!({"permissions": "External"})), "spec.roleArn: required"),
    ] {
        world.apply("EventSink", name, spec).await;
        assert_reason(&world, "EventSink", name, "InvalidSpec", &[says]).await;
    }
    // AWS documents a queue of another account for the dead letters of targets, and not for those of a bus.
    world.apply("EventBus", "dead", json!({"deadLetter": {"sinkRef": {"name": "sqs"}}})).await;
    assert_reason(&world, "EventBus", "dead", "InvalidSpec", &["deadLetter", "another account"]).await;
    assert!(there.journal(0).await.0.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_go_to_another_account_once_its_owner_allows_the_rule() {
    let (world, there) = two_accounts("across-dead").await;
    let url = there.sqs("CreateQueue", json!({"QueueName": "dead"})).await["QueueUrl"].clone();
    let arn = format!("arn:aws:sqs:{REGION}:{}:dead", there.account);
    world.apply("EventSink", "dead", json!({"sqs": {"existing": {"arn": arn}}})).await;
    // A queue whose owner allows nobody, so that each event becomes a dead letter.
    let closed = format!("arn:aws:sqs:{REGION}:{}:closed", world.aws.account);
    world.aws.sqs("CreateQueue", json!({"QueueName": "closed"})).await;
    world.apply("EventSink", "closed", json!({"sqs": {"existing": {"arn": closed}}, "permissions": "External"})).await;
    let mut spec = rule_spec("b", &["closed"]);
    spec["targets"][0]["deadLetter"] = json!({"sinkRef": {"name": "dead"}});
    world.apply("EventRule", "r", spec).await;
    all_ready(&world, &[("EventSink", "dead"), ("EventRule", "r")]).await;
    let target = world.aws.targets("b", &aws_name(&world, "r")).await[0].clone();
    assert_eq!(target["DeadLetterConfig"]["Arn"], arn);

    let rule_arn = world.get("EventRule", "r").await.unwrap().data["status"]["identity"]["arn"].as_str().unwrap().to_owned();
    let required = statement(&world, "dead").await;
    let all = required.as_array().cloned().unwrap_or_else(|| vec![required.clone()]);
    let of_service = all.iter().find(|statement| statement["Principal"]["Service"] == "events.amazonaws.com").unwrap();
    assert!(of_service.to_string().contains(&rule_arn) && of_service["Resource"] == arn, "{required}");
    let send = async || {
        world.aws.put_event("b", "test", "x", &json!({})).await;
        world.aws.deliveries().await.pop().unwrap()
    };
    send().await;
    assert!(there.receive("dead").await.is_empty(), "its owner has allowed nothing yet");
    let policy = json!({"Version": "2012-10-17", "Statement": [of_service]}).to_string();
    there.sqs("SetQueueAttributes", json!({"QueueUrl": url, "Attributes": {"Policy": policy}})).await;
    let delivery = send().await;
    assert_eq!(there.receive("dead").await.len(), 1, "{delivery}");
    assert!(there.journal(0).await.0.is_empty(), "the operator makes no calls there");
}
