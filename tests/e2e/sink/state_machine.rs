//! Sink `stateMachine`: definition, substitutions, log group, execution role with the permissions that its tasks need, and executions.

use serde_json::{Value, json};
use tributary_testkit::{
    REGION, World, all_ready, assert_reason, aws_name, fast_resync, fault_rule, merged, patch_spec, publish, reconcile_now, rule_spec,
};

/// Publishes one event on the bus `Bus` with its input as detail.
fn publishing() -> Value {
    let entry = json!({"Detail.$": "$.detail", "DetailType": "done", "Source": "workflow", "EventBusName": "${Bus}"});
    let task = json!({"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "Parameters": {"Entries": [entry]}, "End": true});
    json!({"stateMachine": {"managed": {
        "definition": {"StartAt": "tell", "States": {"tell": task}},
        "substitutions": {"Bus": {"busRef": {"name": "out"}}},
    }}})
}

fn arn(world: &World, name: &str) -> String {
    format!("arn:aws:states:{REGION}:{}:stateMachine:{}", world.aws.account, aws_name(world, name))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_execution_role_has_exactly_the_permissions_of_the_tasks() {
    let world = World::with("sfn-made", fast_resync()).await;
    for (bus, name) in [("b", "b"), ("out", "out")] {
        world.apply("EventBus", bus, json!({"name": name})).await;
    }
    world.apply("EventSink", "logs", json!({"logGroup": {"managed": {}}})).await;
    let mut spec = publishing();
    spec["stateMachine"]["managed"]["logging"] = json!({"level": "All", "includeExecutionData": true, "sinkRef": {"name": "logs"}});
    spec["stateMachine"]["managed"]["tracing"] = json!(true);
    world.apply("EventSink", "m", merged(spec.clone(), json!({"deletionPolicy": "Delete"}))).await;
    world.apply("EventRule", "r", rule_spec("b", &["m"])).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
    let done =
        json!({"busRef": {"name": "out"}, "eventPattern": {"source": ["workflow"]}, "targets": [{"name": "q", "sinkRef": {"name": "q"}}]});
    world.apply("EventRule", "done", done).await;
    all_ready(&world, &[("EventSink", "m"), ("EventRule", "r"), ("EventRule", "done")]).await;

    let machine = world.aws.machine(&arn(&world, "m")).await.unwrap();
    let bus = format!("arn:aws:events:{REGION}:{}:event-bus/out", world.aws.account);
    assert!(machine["definition"].as_str().unwrap().contains(&bus), "{machine}");
    assert_eq!(machine["loggingConfiguration"]["level"], "ALL");
    let name = machine["roleArn"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let role = world.aws.role(&name).await.unwrap();
    assert_eq!(role.trust["Statement"][0]["Principal"]["Service"], "states.amazonaws.com");
    assert_eq!(role.trust["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"], arn(&world, "m").as_str());
    let permissions = role.policy["Statement"].as_array().unwrap();
    assert_eq!(permissions[0], json!({"Effect": "Allow", "Action": "events:PutEvents", "Resource": [bus]}));
    let more: Vec<_> =
        permissions[1..].iter().flat_map(|s| s["Action"].as_array().unwrap().clone()).map(|a| a.as_str().unwrap().to_owned()).collect();
    assert!(more.iter().all(|action| action.starts_with("logs:") || action.starts_with("xray:")), "{more:?}");

    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
    let received = world.aws.receive(&aws_name(&world, "q")).await;
    assert_eq!(received[0]["detail"]["mark"], "one");
    // Step Functions says which workflow sent it (docs/aws-facts.md, F18).
    assert_eq!(received[0]["resources"][0], arn(&world, "m").as_str());

    // A changed definition is brought to AWS; a hand's change is undone.
    patch_spec(&world, "EventSink", "m", json!({"stateMachine": {"managed": {"definition": {"Comment": "second"}}}})).await;
    world.ready("EventSink", "m").await;
    let second = world.aws.machine(&arn(&world, "m")).await.unwrap()["definition"].clone();
    assert!(second.as_str().unwrap().contains("second"));
    let other = json!({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}}).to_string();
    world.aws.states("UpdateStateMachine", json!({"stateMachineArn": arn(&world, "m"), "definition": other})).await;
    let undone = || async { (world.aws.machine(&arn(&world, "m")).await.unwrap()["definition"] == second).then_some(()) };
    world.aws.until("the hand's change is undone", undone).await;

    for rule in ["r", "done"] {
        world.delete("EventRule", rule).await;
        world.gone("EventRule", rule).await;
    }
    world.delete("EventSink", "m").await;
    world.gone("EventSink", "m").await;
    assert!(world.aws.machine(&arn(&world, "m")).await.is_none() && world.aws.roles().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_tasks_need_a_named_role_and_permissions_need_a_grant() {
    let world = World::start("sfn-permissions").await;
    let task = |resource: &str, parameters: Value| {
        let task = json!({"Type": "Task", "Resource": resource, "Parameters": parameters, "End": true});
        json!({"stateMachine": {"managed": {"definition": {"StartAt": "t", "States": {"t": task}}}}})
    };
    world.apply("EventSink", "m", task("arn:aws:states:::dynamodb:putItem", json!({}))).await;
    let message = world.not_ready("EventSink", "m", "InvalidSpec").await;
    assert!(message.contains("state \"t\"") && message.contains("roleArn"), "{message}");
    // A workflow is given no right on what its namespace may not name.
    let theirs = "arn:aws:sns:us-east-1:999988887777:theirs";
    world.apply("EventSink", "m", task("arn:aws:states:::sns:publish", json!({"TopicArn": theirs, "Message": "x"}))).await;
    let message = world.not_ready("EventSink", "m", "ArnNotPermitted").await;
    assert!(message.contains(theirs), "{message}");
    let mut unknown = task("arn:aws:states:::sns:publish", json!({"TopicArn": "${Topic}", "Message": "x"}));
    world.apply("EventSink", "m", unknown.clone()).await;
    let message = world.not_ready("EventSink", "m", "InvalidSpec").await;
    assert!(message.contains("${Topic}") && message.contains("substitutions"), "{message}");
    assert_eq!(world.aws.writes(0).await, [""; 0], "nothing was written for any of these");
    unknown["stateMachine"]["managed"]["substitutions"] = json!({"Topic": {"sinkRef": {"name": "t"}}});
    world.apply("EventSink", "m", unknown).await;
    world.not_ready("EventSink", "m", "SinkNotFound").await;
    world.apply("EventSink", "t", json!({"sns": {"managed": {}}})).await;
    world.ready("EventSink", "m").await;
    // A sink that a workflow sends to is in use.
    world.delete("EventSink", "t").await;
    let message =
        world.wait("EventSink", "t", "InUse", |o| tributary_testkit::condition(o?, "Ready").filter(|c| c.1 == "InUse").map(|c| c.2)).await;
    assert!(message.contains("EventSink") && message.contains("/m"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_workflow_in_aws_refers_to_stays_until_the_workflow_is_changed() {
    let world = World::start("sfn-uses").await;
    let task = |resource: &str, parameters: Value, next: Value| {
        merged(json!({"Type": "Task", "Resource": resource, "Parameters": parameters}), next)
    };
    let publish = task("arn:aws:states:::sns:publish", json!({"TopicArn": "${Topic}", "Message": "x"}), json!({"Next": "put"}));
    let entries = json!({"Entries": [{"EventBusName": "${Bus}", "Source": "s", "DetailType": "t", "Detail": {}}]});
    let put = task("arn:aws:states:::events:putEvents", entries, json!({"End": true}));
    let definition = json!({"StartAt": "publish", "States": {"publish": publish, "put": put}});
    let machine = |topic: &str, bus: &str| {
        let substitutions = json!({"Topic": {"sinkRef": {"name": topic}}, "Bus": {"busRef": {"name": bus}}});
        json!({"stateMachine": {"managed": {"definition": definition, "substitutions": substitutions}}, "deletionPolicy": "Delete"})
    };
    for name in ["one", "two"] {
        world.apply("EventSink", name, json!({"sns": {"managed": {}}, "deletionPolicy": "Delete"})).await;
        world.apply("EventBus", name, json!({})).await;
    }
    world.apply("EventSink", "m", machine("one", "one")).await;
    world.ready("EventSink", "m").await;
    // By the spec nothing refers to them any more; AWS has the old definition, and keeps it.
    world.aws.faults(json!([fault_rule("states.UpdateStateMachine", "error", json!({"status": 500}))])).await;
    world.apply("EventSink", "m", machine("two", "two")).await;
    for kind in ["EventSink", "EventBus"] {
        world.delete(kind, "one").await;
        assert_reason(&world, kind, "one", "InUse", &["EventSink", "/m (in AWS)"]).await;
    }
    world.aws.faults(json!([])).await;
    for kind in ["EventSink", "EventBus"] {
        world.gone(kind, "one").await;
    }
    world.delete("EventBus", "two").await;
    assert_reason(&world, "EventBus", "two", "InUse", &["EventSink", "/m"]).await;
    world.delete("EventSink", "m").await;
    world.gone("EventBus", "two").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_that_aws_rejects_is_reported_and_recovers() {
    let world = World::start("sfn-refused").await;
    let spec = |definition: Value| json!({"stateMachine": {"managed": {"definition": definition}}, "deletionPolicy": "Delete"});
    world.apply("EventSink", "m", spec(json!({"StartAt": "nowhere"}))).await;
    let message = world.not_ready("EventSink", "m", "Rejected").await;
    assert!(message.contains("InvalidDefinition") && message.contains("spec.stateMachine.managed.definition"), "{message}");
    world.apply("EventSink", "m", spec(json!({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}}))).await;
    world.ready("EventSink", "m").await;
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventSink", "m").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    // Waiting for a task token takes a Standard workflow, which AWS says by refusing; the type cannot be changed afterwards.
    let refused = world
        .attempt(
            "EventSink",
            "m",
            merged(
                json!({"deletionPolicy": "Delete"}),
                json!({"stateMachine": {"managed": {"type": "Express", "definition": {"States": {}}}}}),
            ),
        )
        .await;
    assert!(refused.unwrap_err().to_string().contains("type is immutable"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_from_a_config_map_is_followed() {
    let world = World::start("sfn-from").await;
    let machine = || async { world.aws.machine(&arn(&world, "m")).await.map(|machine| machine["definition"].as_str().unwrap().to_owned()) };
    let spec = |name: &str, key: &str| {
        let managed =
            json!({"definitionFrom": {"configMapKeyRef": {"name": name, "key": key}}, "substitutions": {"What": {"value": "one"}}});
        json!({"stateMachine": {"managed": managed}})
    };
    let write = |comment: &'static str| {
        let definition = json!({"Comment": comment, "StartAt": "a", "States": {"a": {"Type": "Pass", "Result": "${What}", "End": true}}});
        let data = json!({"data": {"machine.asl.json": definition.to_string(), "broken": "{\"confidential", "list": "[]"}});
        world.apply_in(Some(&world.namespace), "v1", "ConfigMap", "workflow", data)
    };
    world.apply("EventSink", "m", spec("workflow", "machine.asl.json")).await;
    let message = world.not_ready("EventSink", "m", "DefinitionNotFound").await;
    assert!(message.contains(&format!("ConfigMap {}/workflow", world.namespace)) && message.contains("definitionFrom"), "{message}");
    write("first").await;
    world.ready("EventSink", "m").await;
    let first = machine().await.unwrap();
    assert!(first.contains("first") && first.contains("one"), "{first}");
    // A changed ConfigMap is read in the next resync, or at once on request.
    write("second").await;
    reconcile_now(&world, "EventSink", "m").await;
    assert!(machine().await.unwrap().contains("second"));
    // What cannot be used changes nothing in AWS, and is not repeated.
    for (key, reason) in [("none", "DefinitionNotFound"), ("broken", "DefinitionUnusable"), ("list", "DefinitionUnusable")] {
        world.apply("EventSink", "m", spec("workflow", key)).await;
        let message = world.not_ready("EventSink", "m", reason).await;
        assert!(message.contains(key) && !message.contains("confidential"), "{message}");
    }
    assert!(machine().await.unwrap().contains("second"));
    let both = merged(spec("workflow", "broken"), json!({"stateMachine": {"managed": {"definition": {}}}}));
    assert!(world.attempt("EventSink", "both", both).await.unwrap_err().to_string().contains("exactly one of definition"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_is_read_only_where_config_maps_are_allowed() {
    let world = World::with("sfn-from-denied", tributary_testkit::product::Options { arn_from: vec![], ..fast_resync() }).await;
    let data = json!({"data": {"d": json!({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}}).to_string()}});
    world.apply_in(Some(&world.namespace), "v1", "ConfigMap", "workflow", data).await;
    let from = json!({"configMapKeyRef": {"name": "workflow", "key": "d"}});
    world.apply("EventSink", "m", json!({"stateMachine": {"managed": {"definitionFrom": from}}})).await;
    let message = world.not_ready("EventSink", "m", "DefinitionNotPermitted").await;
    assert!(message.contains("arnFrom.allowed"), "{message}");
    assert_eq!(world.aws.writes(0).await, [""; 0]);
}
