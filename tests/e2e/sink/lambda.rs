//! Sink `lambda`: the permission statement, qualifiers, the failure destination; and triggers, by which a queue invokes a function.

use serde_json::{Value, json};
use tributary_testkit::{
    REGION, World, all_ready, assert_reason, condition, event_notes, fast_resync,
    partner::{detail, marks, rule, source, subscription},
    status,
};

/// A statement of somebody else's in the function's policy.
async fn foreign(world: &World, function: &str) {
    let body = json!({"StatementId": "theirs", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"});
    world.aws.lambda("POST", &format!("functions/{function}/policy"), Some(body)).await.unwrap();
}

fn sids(policy: &[Value]) -> Vec<String> {
    let mut sids: Vec<_> = policy.iter().map(|s| s["Sid"].as_str().unwrap().to_owned()).collect();
    sids.sort();
    sids
}

/// A world with an active subscription `lims`.
async fn lims(name: &str) -> World {
    let world = World::with(name, fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    world
}

async fn request(world: &World, mark: &str) {
    world.aws.partner_event(&source(world), "v2.request.created", &detail("v2.request.created", "request", json!(null), &[], mark)).await;
}

async fn outcome(world: &World) -> Value {
    world.aws.deliveries().await.last().cloned().unwrap_or_default()
}

fn requests(sinks: &[&str]) -> Value {
    rule(json!({"eventTypes": ["v2.request.created"]}), sinks)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_statements_survive_create_update_and_delete_and_own_ones_are_removed() {
    let world = lims("fn-policy").await;
    let arn = world.aws.make_function("f").await;
    foreign(&world, "f").await;
    world.apply("EventSink", "f", json!({"lambda": {"existing": {"arn": arn}}})).await;
    world.apply("EventRule", "r", requests(&["f"])).await;
    all_ready(&world, &[("EventRule", "r"), ("EventSink", "f")]).await;
    let policy = world.aws.function_policy("f").await;
    assert_eq!(policy.len(), 2, "{policy:?}");
    let ours = policy.iter().find(|s| s["Sid"] != "theirs").unwrap();
    let rule_arn = format!("arn:aws:events:{REGION}:{}:rule/{}/{}-r", world.aws.account, source(&world), world.namespace);
    assert_eq!(ours["Condition"]["ArnLike"]["AWS:SourceArn"], json!(rule_arn));
    request(&world, "one").await;
    assert_eq!(outcome(&world).await["outcome"], "DELIVERED");

    // A second rule adds its own statement; the first loses it with the rule.
    world.apply("EventRule", "s", requests(&["f"])).await;
    all_ready(&world, &[("EventRule", "s")]).await;
    assert_eq!(world.aws.function_policy("f").await.len(), 3);
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.aws.until("the first statement leaves", || async { (world.aws.function_policy("f").await.len() == 2).then_some(()) }).await;

    // What somebody takes away is put back; where it is missing, AWS refuses the delivery.
    let mine = sids(&world.aws.function_policy("f").await).into_iter().find(|sid| sid != "theirs").unwrap();
    let mut world = world;
    world.stop().await;
    world.aws.lambda("DELETE", &format!("functions/f/policy/{mine}"), None).await.unwrap();
    request(&world, "two").await;
    assert_eq!(outcome(&world).await["code"], "NO_PERMISSIONS");
    world.run(fast_resync()).await;
    world.aws.until("it is put back", || async { (world.aws.function_policy("f").await.len() == 2).then_some(()) }).await;
    request(&world, "three").await;
    assert_eq!(outcome(&world).await["outcome"], "DELIVERED");
    world.delete("EventRule", "s").await;
    world.gone("EventRule", "s").await;
    world.delete("EventSink", "f").await;
    world.gone("EventSink", "f").await;
    assert_eq!(sids(&world.aws.function_policy("f").await), ["theirs"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_function_is_reported_and_found_once_it_is_deployed() {
    let world = lims("fn-missing").await;
    world.apply("EventSink", "f", json!({"lambda": {"existing": {"arn": world.aws.function_arn("late")}}})).await;
    world.apply("EventRule", "r", requests(&["f"])).await;
    assert_reason(&world, "EventSink", "f", "TargetNotFound", &["spec.lambda.existing: AWS", "function:late", "Deploy it"]).await;
    world.not_ready("EventRule", "r", "SinkNotReady").await;
    world.aws.make_function("late").await;
    all_ready(&world, &[("EventSink", "f"), ("EventRule", "r")]).await;
    request(&world, "now").await;
    assert_eq!(outcome(&world).await["outcome"], "DELIVERED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alias_has_a_policy_of_its_own() {
    let world = lims("fn-alias").await;
    let arn = world.aws.make_function("f").await;
    let version = world.aws.lambda("POST", "functions/f/versions", Some(json!({}))).await.unwrap()["Version"].clone();
    world.aws.lambda("POST", "functions/f/aliases", Some(json!({"Name": "live", "FunctionVersion": version}))).await.unwrap();
    world.apply("EventSink", "f", json!({"lambda": {"existing": {"arn": format!("{arn}:live")}}})).await;
    world.apply("EventRule", "r", requests(&["f"])).await;
    all_ready(&world, &[("EventRule", "r")]).await;
    assert!(world.aws.function_policy("f").await.is_empty(), "the function itself is not opened");
    request(&world, "one").await;
    assert_eq!(outcome(&world).await["outcome"], "DELIVERED");
    world.apply("EventSink", "gone", json!({"lambda": {"existing": {"arn": format!("{arn}:nobody")}}})).await;
    world.apply("EventRule", "s", requests(&["gone"])).await;
    assert_reason(&world, "EventSink", "gone", "TargetNotFound", &["f:nobody", "alias must exist too"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_rules_fit_and_a_policy_full_of_foreign_statements_is_reported() {
    let world = lims("fn-full").await;
    let arn = world.aws.make_function("f").await;
    foreign(&world, "f").await;
    world.apply("EventSink", "f", json!({"lambda": {"existing": {"arn": arn}}})).await;
    for n in 0..60 {
        world.apply("EventRule", &format!("r{n:02}"), requests(&["f"])).await;
    }
    for n in 0..60 {
        world.ready("EventRule", &format!("r{n:02}")).await;
    }
    let policy = world.aws.function_policy("f").await;
    assert!(json!(policy).to_string().len() < 20_480 && sids(&policy).contains(&"theirs".to_owned()), "{}", policy.len());
    request(&world, "one").await;
    assert!(world.aws.deliveries().await.iter().all(|delivery| delivery["outcome"] == "DELIVERED"));

    let other = world.aws.make_function("crowded").await;
    for n in 0..80 {
        let body = json!({"StatementId": format!("theirs-{n}"), "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com",
            "SourceArn": format!("arn:aws:events:{REGION}:{}:rule/{}", world.aws.account, "x".repeat(40))});
        if world.aws.lambda("POST", "functions/crowded/policy", Some(body)).await.is_err() {
            break;
        }
    }
    world.apply("EventSink", "crowded", json!({"lambda": {"existing": {"arn": other}}})).await;
    world.apply("EventRule", "late", requests(&["crowded"])).await;
    assert_reason(&world, "EventSink", "crowded", "PolicyFull", &["function crowded", "20,480", "External"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_failure_destination_is_set_kept_apart_and_removed() {
    let world = lims("fn-failure").await;
    let arn = world.aws.make_function("f").await;
    world.aws.lambda("PUT", "functions/f/event-invoke-config", Some(json!({"MaximumRetryAttempts": 1}))).await.unwrap();
    world.apply("EventSink", "failed", json!({"sqs": {"managed": {}}})).await;
    let sink = |on_failure: Value| json!({"lambda": {"existing": {"arn": arn}, "onFailure": on_failure}});
    world.apply("EventSink", "f", sink(json!({"sinkRef": {"name": "failed"}}))).await;
    world.apply("EventRule", "r", requests(&["f"])).await;
    all_ready(&world, &[("EventSink", "f"), ("EventRule", "r")]).await;
    let config = || async { world.aws.lambda("GET", "functions/f/event-invoke-config", None).await.unwrap_or_default() };
    let queue = format!("arn:aws:sqs:{REGION}:{}:{}-failed", world.aws.account, world.namespace);
    assert_eq!(config().await["DestinationConfig"]["OnFailure"]["Destination"], json!(queue));
    assert_eq!(config().await["MaximumRetryAttempts"], 1, "what others set stays");
    // The queue may not go while the function sends there.
    world.delete("EventSink", "failed").await;
    assert_reason(&world, "EventSink", "failed", "InUse", &["EventSink", "/f"]).await;
    world.apply("EventSink", "f", json!({"lambda": {"existing": {"arn": arn}}})).await;
    world.gone("EventSink", "failed").await;
    assert_eq!(config().await["DestinationConfig"]["OnFailure"]["Destination"], Value::Null);
    assert_eq!(config().await["MaximumRetryAttempts"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_failure_destination_is_not_replaced_without_adoption_and_does_not_block_the_permission() {
    let world = lims("fn-theirs").await;
    let arn = world.aws.make_function("f").await;
    world.aws.sqs("CreateQueue", json!({"QueueName": "theirs"})).await;
    let theirs = format!("arn:aws:sqs:{REGION}:{}:theirs", world.aws.account);
    let body = json!({"DestinationConfig": {"OnFailure": {"Destination": theirs}}});
    world.aws.lambda("PUT", "functions/f/event-invoke-config", Some(body)).await.unwrap();
    world.apply("EventSink", "failed", json!({"sqs": {"managed": {}}})).await;
    world.apply("EventSink", "f", json!({"lambda": {"existing": {"arn": arn}, "onFailure": {"sinkRef": {"name": "failed"}}}})).await;
    assert_reason(&world, "EventSink", "f", "NotOwned", &["spec.lambda.onFailure", ":theirs", "tributary.dev/adopt"]).await;
    world.annotate("EventSink", "f", "tributary.dev/adopt", Some("true")).await;
    all_ready(&world, &[("EventSink", "f")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_role_without_permissions_blocks_only_the_trigger() {
    let world = lims("trigger-role").await;
    let arn = world.aws.make_function("f").await;
    world.aws.allow_function("f", "arn:aws:sqs:*:*:other").await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}, "triggers": [{"functionArn": arn}]}})).await;
    world.apply("EventRule", "r", requests(&["q"])).await;
    assert_reason(
        &world,
        "EventSink",
        "q",
        "Rejected",
        &["CreateEventSourceMapping", "execution role", "to the function's execution role"],
    )
    .await;
    all_ready(&world, &[("EventRule", "r")]).await;
    request(&world, "kept").await;
    assert_eq!(marks(&world.aws.receive(&format!("{}-q", world.namespace)).await), ["kept"]);
    world.aws.allow_function("f", "*").await;
    all_ready(&world, &[("EventSink", "q")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_feeds_its_function_with_batch_settings_and_a_foreign_mapping_stays() {
    let world = lims("trigger").await;
    let (f, g) = (world.aws.make_function("f").await, world.aws.make_function("g").await);
    let sink = |batch: i32| {
        let trigger = json!({"functionArn": f, "batchSize": batch, "maximumBatchingWindowSeconds": 1, "reportBatchItemFailures": true});
        json!({"deletionPolicy": "Delete", "sqs": {"managed": {}, "triggers": [trigger]}})
    };
    world.apply("EventSink", "q", sink(5)).await;
    world.apply("EventRule", "r", requests(&["q"])).await;
    all_ready(&world, &[("EventSink", "q"), ("EventRule", "r")]).await;
    let queue = format!("arn:aws:sqs:{REGION}:{}:{}-q", world.aws.account, world.namespace);
    let mapping = world.aws.mappings(&queue).await.remove(0);
    assert_eq!((&mapping["State"], &mapping["BatchSize"]), (&json!("Enabled"), &json!(5)), "{mapping}");
    assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    request(&world, "fed").await;
    // The function takes every message out of the queue.
    assert_eq!(outcome(&world).await["outcome"], "DELIVERED");
    let url = world.aws.queue_url(&format!("{}-q", world.namespace)).await.unwrap();
    let drained = || async {
        let answer = world.aws.sqs("GetQueueAttributes", json!({"QueueUrl": url, "AttributeNames": ["All"]})).await;
        let count = |name: &str| answer["Attributes"][name].as_str().unwrap_or("?").to_owned();
        (count("ApproximateNumberOfMessages") == "0" && count("ApproximateNumberOfMessagesNotVisible") == "0").then_some(())
    };
    world.aws.until("the function worked the queue off", drained).await;

    // Somebody else's mapping on the queue, and a change of ours behind our back.
    world.aws.lambda("POST", "event-source-mappings", Some(json!({"EventSourceArn": queue, "FunctionName": g}))).await.unwrap();
    world.apply("EventSink", "q", sink(7)).await;
    all_ready(&world, &[("EventSink", "q")]).await;
    let rows = world.aws.mappings(&queue).await;
    assert!(rows.iter().any(|row| row["BatchSize"] == 7) && rows.len() == 2, "{rows:?}");
    world.apply("EventSink", "q", json!({"deletionPolicy": "Delete", "sqs": {"managed": {}}})).await;
    all_ready(&world, &[("EventSink", "q")]).await;
    let left = || async {
        let rows = world.aws.mappings(&queue).await;
        (rows.len() == 1 && rows[0]["FunctionArn"] == json!(g)).then_some(())
    };
    world.aws.until("only the other's mapping is left", left).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unconfirmed_mapping_is_removed_when_it_leaves_the_spec() {
    let world = lims("unconfirmed").await;
    let arn = world.aws.make_function("f").await;
    world.apply("EventSink", "failed", json!({"sqs": {"managed": {}}})).await;
    all_ready(&world, &[("EventSink", "failed")]).await;
    // Both take effect, and the operator is never told.
    let lost = |call: &str| json!({"match": call, "kind": "applied_reset"});
    let reads = json!({"match": "lambda.ListEventSourceMappings", "kind": "error", "after": 1});
    let config = json!({"match": "lambda.GetFunctionEventInvokeConfig", "kind": "error", "after": 1});
    let create = lost("lambda.CreateEventSourceMapping");
    world.aws.faults(json!([create, lost("lambda.PutFunctionEventInvokeConfig"), reads, config])).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}, "triggers": [{"functionArn": arn}]}})).await;
    world.apply("EventSink", "f", json!({"lambda": {"existing": {"arn": arn}, "onFailure": {"sinkRef": {"name": "failed"}}}})).await;
    let queue = format!("arn:aws:sqs:{REGION}:{}:{}-q", world.aws.account, world.namespace);
    let destination = || async {
        let config = world.aws.lambda("GET", "functions/f/event-invoke-config", None).await.unwrap_or_default();
        config["DestinationConfig"]["OnFailure"]["Destination"].as_str().map(str::to_owned)
    };
    world
        .aws
        .until("both are there", || async { (!world.aws.mappings(&queue).await.is_empty()).then_some(()).and(destination().await) })
        .await;
    world.not_ready("EventSink", "q", "Unavailable").await;
    world.not_ready("EventSink", "f", "Unavailable").await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
    world.apply("EventSink", "f", json!({"lambda": {"existing": {"arn": arn}}})).await;
    world.aws.faults(json!([])).await;
    all_ready(&world, &[("EventSink", "q"), ("EventSink", "f")]).await;
    world.aws.until("the mapping is gone", || async { world.aws.mappings(&queue).await.is_empty().then_some(()) }).await;
    assert_eq!(destination().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_of_a_missing_function_is_reported_and_created_once_it_is_deployed() {
    let world = lims("trigger-missing").await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}, "triggers": [{"functionArn": world.aws.function_arn("late")}]}})).await;
    assert_reason(&world, "EventSink", "q", "TargetNotFound", &["spec.sqs.triggers", "function:late", "Deploy it"]).await;
    world.aws.make_function("late").await;
    all_ready(&world, &[("EventSink", "q")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_replaces_the_statement() {
    let world = lims("fn-role").await;
    let arn = world.aws.make_function("f").await;
    let role = format!("arn:aws:iam::{}:role/deliver", world.aws.account);
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    world.aws.query("iam", &[("Action", "CreateRole"), ("RoleName", "deliver"), ("AssumeRolePolicyDocument", &trust.to_string())]).await;
    let rights = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn}]});
    let put = [("Action", "PutRolePolicy"), ("RoleName", "deliver"), ("PolicyName", "p"), ("PolicyDocument", &rights.to_string())];
    world.aws.query("iam", &put).await;
    world.apply("EventSink", "f", json!({"lambda": {"existing": {"arn": arn}}, "roleArn": role})).await;
    world.apply("EventRule", "r", requests(&["f"])).await;
    all_ready(&world, &[("EventRule", "r")]).await;
    assert!(world.aws.function_policy("f").await.is_empty());
    request(&world, "by role").await;
    assert_eq!(outcome(&world).await["outcome"], "DELIVERED");
    let other = "arn:aws:iam::999988887777:role/theirs";
    world.apply("EventSink", "g", json!({"lambda": {"existing": {"arn": arn}}, "roleArn": other})).await;
    assert_reason(&world, "EventSink", "g", "ArnNotPermitted", &["spec.roleArn", other, "roles"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn external_permissions_write_nothing_to_lambda_and_show_the_statement() {
    let world = lims("fn-external").await;
    let arn = world.aws.make_function("f").await;
    world.apply("EventSink", "f", json!({"lambda": {"existing": {"arn": arn}}, "permissions": "External"})).await;
    world.apply("EventRule", "r", requests(&["f"])).await;
    all_ready(&world, &[("EventRule", "r"), ("EventSink", "f")]).await;
    let needed = |object: Option<&kube::api::DynamicObject>| status(object?)["requiredStatement"].as_str().map(str::to_owned);
    let statement: Value = serde_json::from_str(&world.wait("EventSink", "f", "what is needed", needed).await).unwrap();
    request(&world, "refused").await;
    assert_eq!(outcome(&world).await["code"], "NO_PERMISSIONS");
    let body = json!({"StatementId": statement["Sid"], "Action": statement["Action"], "Principal": "events.amazonaws.com",
        "SourceArn": statement["Condition"]["ArnLike"]["AWS:SourceArn"]});
    world.aws.lambda("POST", "functions/f/policy", Some(body)).await.unwrap();
    request(&world, "allowed").await;
    assert_eq!(outcome(&world).await["outcome"], "DELIVERED");
    // Reads are for the rule's `Deliverable` only.
    assert!(!world.aws.journal(0).await.0.iter().any(|call| call.service == "lambda" && call.is_write()));
    assert!(event_notes(&world, "EventSink", "f", "Applied").await.is_empty());
    assert_eq!(condition(&world.get("EventSink", "f").await.unwrap(), "Ready").unwrap().0, "True");
}
