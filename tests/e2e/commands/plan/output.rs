//! What a plan says of changes, drift, deletions and of what cannot be read; and its exit code.

use serde_json::{Value, json};
use tributary_testkit::{World, apply_pipeline, aws_name, fault_rule, managed_queue, rule_spec, wait_for_reason};

use super::fixture::{find, made_calls, object, plan, plan_of, planned_calls};

/// The field of this path among the changes of an object.
fn field<'a>(object: &'a Value, path: &str) -> &'a Value {
    let changes = object["changes"].as_array().unwrap().iter();
    let mut fields = changes.flat_map(|change| change["fields"].as_array().unwrap());
    fields.find(|field| field["path"] == path).unwrap_or_else(|| panic!("no {path}: {object:#}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_pipeline_is_planned_as_a_whole_and_references_are_resolved_within_the_input() {
    let world = World::empty("plan-new").await;
    let objects = [
        object(&world, "EventRule", "r", rule_spec("b", &["q"])),
        object(&world, "EventBus", "b", json!({"description": "new"})),
        object(&world, "EventSink", "q", managed_queue()),
    ];
    let output = plan(&world, &["-f", "-", "-o", "json"], &super::fixture::list(&objects)).await;
    assert_eq!(output.code, 2, "{} {}", output.out, output.err);
    let planned = output.json();
    let names: Vec<_> =
        planned["objects"].as_array().unwrap().iter().map(|object| (object["kind"].clone(), object["action"].clone())).collect();
    assert_eq!(
        names,
        ["EventBus", "EventSink", "EventRule"].map(|kind| (json!(kind), json!("create"))),
        "in the order in which they are applied"
    );
    assert_eq!(field(find(&planned, "EventBus", "b"), "settings.description")["after"], "new");
    let permission = &planned["permissionsAdded"][0]["statement"];
    let rule = find(&planned, "EventRule", "r")["arn"].as_str().unwrap().to_owned();
    assert!(permission.to_string().contains(&rule) && permission["Action"] == "sqs:SendMessage", "{planned:#}");
    // A dangling reference is blocked, with the reason and the next step; the rest is still planned.
    let output = plan(&world, &["-f", "-", "-o", "json"], &super::fixture::list(&objects[..2])).await;
    assert_eq!(output.code, 1);
    let planned = output.json();
    assert_eq!(find(&planned, "EventRule", "r")["error"]["reason"], "SinkNotFound");
    assert_eq!(find(&planned, "EventBus", "b")["action"], "create");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cost_of_observed_deliveries_is_planned() {
    let world = World::empty("plan-cost").await;
    let observed = |state: &str| {
        [
            object(&world, "EventBus", "b", json!({"observeDeliveries": state})),
            object(&world, "EventSink", "q", managed_queue()),
            object(&world, "EventRule", "r", rule_spec("b", &["q"])),
            object(&world, "EventRule", "s", rule_spec("b", &["q"])),
        ]
    };
    let planned = plan_of(&world, &observed("Enabled")).await;
    // Three metrics of each rule and one of the bus, 8,760 times a month, for 0.01 USD a thousand.
    assert_eq!(planned["deliveryMetrics"], json!({"rules": 2, "usdPerMonth": 0.61}), "{planned:#}");
    let text = plan(&world, &["-f", "-"], &super::fixture::list(&observed("Enabled"))).await.out;
    assert!(text.contains("observeDeliveries: reading the metrics of 2 rules costs about 0.61 USD a month"), "{text}");
    assert!(plan_of(&world, &observed("Disabled")).await.get("deliveryMetrics").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_and_edits_are_shown_with_the_values_before_and_after() {
    let world = World::start("plan-drift").await;
    apply_pipeline(&world).await;
    let (namespace, mark) = (world.namespace.clone(), world.aws.mark().await);
    let flags = ["-n", namespace.as_str(), "-o", "json"];
    let output = plan(&world, &flags, "").await;
    assert_eq!(output.code, 0, "in sync: {} {}", output.out, output.err);
    let (bus, rule) = (aws_name(&world, "b"), aws_name(&world, "r"));
    let pattern = json!({"source": ["by-hand"]}).to_string();
    world.aws.events("PutRule", json!({"EventBusName": bus, "Name": rule, "EventPattern": pattern})).await;
    let output = plan(&world, &flags, "").await;
    assert_eq!(output.code, 2, "{} {}", output.out, output.err);
    let planned = output.json();
    let pattern = field(find(&planned, "EventRule", "r"), "settings.pattern");
    assert_eq!((&pattern["before"], &pattern["after"]), (&json!({"source": ["by-hand"]}), &json!({"source": ["test"]})));
    // An edit in a manifest; its sink is in the cluster, and has to allow nothing new.
    let edited = object(&world, "EventBus", "b", json!({"description": "edited"}));
    let planned = plan_of(&world, &[edited]).await;
    let calls = planned_calls(&planned);
    assert_eq!(
        (calls.get("events:UpdateEventBus"), calls.get("events:PutRule")),
        (Some(&1), Some(&1)),
        "its rule has drifted: {planned:#}"
    );
    assert_eq!(field(find(&planned, "EventBus", "b"), "settings.description")["after"], "edited");
    // A new rule: the sink that it sends to is in the cluster, and is changed for it.
    let rule = object(&world, "EventRule", "r2", rule_spec("b", &["q"]));
    let planned = plan_of(&world, &[rule]).await;
    let sink = find(&planned, "EventSink", "q");
    assert_eq!((&sink["origin"], &sink["changes"][0]["action"]), (&json!("cluster"), &json!("grant")), "{planned:#}");
    let (added, removed) = (&planned["permissionsAdded"][0]["statement"], &planned["permissionsRemoved"][0]["statement"]);
    let allows = |statement: &Value, rule: &str| statement.to_string().contains(&aws_name(&world, rule));
    assert!(allows(added, "r2") && allows(added, "r") && !allows(removed, "r2"), "{planned:#}");
    assert_eq!(find(&planned, "EventRule", "r2")["action"], "create", "{planned:#}");
    assert!(made_calls(&world, mark).await.is_empty(), "a plan writes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prune_plans_deletions_backwards_and_says_what_stays() {
    let world = World::start("plan-prune").await;
    apply_pipeline(&world).await;
    let bus = world.get("EventBus", "b").await.unwrap();
    let keep = object(&world, "EventBus", "b", bus.data["spec"].clone());
    let planned = plan_of(&world, std::slice::from_ref(&keep)).await;
    assert_eq!(planned["summary"]["delete"], 0, "nothing is deleted unless asked: {planned:#}");
    let output = plan(&world, &["-f", "-", "-o", "json", "--prune"], &super::fixture::list(&[keep])).await;
    let planned = output.json();
    assert_eq!((output.code, &planned["summary"]["delete"]), (2, &json!(2)), "{planned:#} {}", output.err);
    let calls = planned_calls(&planned);
    assert_eq!((calls.get("events:RemoveTargets"), calls.get("events:DeleteRule")), (Some(&1), Some(&1)), "{planned:#}");
    let left = &find(&planned, "EventSink", "q")["leftAlone"];
    assert!(left.to_string().contains("deletionPolicy is Retain"), "the queue holds data: {planned:#}");
    assert_eq!(planned["permissionsRemoved"].as_array().unwrap().len(), 1, "{planned:#}");
    // The bus too: its rule is deleted in the same plan, although AWS still has it.
    let other = object(&world, "EventSink", "other", managed_queue());
    let output = plan(&world, &["-f", "-", "-o", "json", "--prune"], &super::fixture::list(&[other])).await;
    let planned = output.json();
    assert_eq!(output.code, 2, "{planned:#} {}", output.err);
    let last = find(&planned, "EventBus", "b")["changes"].as_array().unwrap().last().unwrap();
    assert_eq!(last["call"], "events:DeleteEventBus", "{planned:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_marked_and_the_rest_is_planned() {
    let world = World::empty("plan-denied").await;
    world.aws.faults(json!([fault_rule("sqs.GetQueueUrl", "error", json!({"code": "AccessDenied", "status": 403}))])).await;
    let objects = [object(&world, "EventBus", "b", json!({})), object(&world, "EventSink", "q", managed_queue())];
    let output = plan(&world, &["-f", "-", "-o", "json"], &super::fixture::list(&objects)).await;
    assert_eq!(output.code, 1);
    let planned = output.json();
    assert_eq!(find(&planned, "EventSink", "q")["action"], "unreadable", "{planned:#}");
    assert!(find(&planned, "EventSink", "q")["error"]["message"].as_str().unwrap().contains("sqs:GetQueueUrl"), "{planned:#}");
    assert_eq!(find(&planned, "EventBus", "b")["action"], "create");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_others_block_is_not_in_the_plan_of_manifests() {
    let mut world = World::start("plan-elsewhere").await;
    // Deleted and in use: in another namespace, and in that of the manifests.
    let neighbour = world.neighbour("other").await;
    for of in [&neighbour, &world] {
        apply_pipeline(of).await;
        of.delete("EventBus", "b").await;
        wait_for_reason(of, "EventBus", "b", "InUse").await;
    }
    // Deleted, and nothing but the operator is missing.
    neighbour.apply("EventBus", "free", json!({"accountRef": {"name": world.account}})).await;
    neighbour.ready("EventBus", "free").await;
    world.stop().await;
    neighbour.delete("EventBus", "free").await;
    assert!(neighbour.get("EventBus", "free").await.is_some(), "it waits for an operator");
    // Applying a sink or a rule wakes everything that is being deleted, in the operator and so in the plan.
    let objects = [
        object(&world, "EventSink", "new", managed_queue()),
        object(&world, "EventBus", "new", json!({})),
        object(&world, "EventRule", "new", rule_spec("new", &["q"])),
    ];
    let output = plan(&world, &["-f", "-", "-o", "json"], &super::fixture::list(&objects)).await;
    let planned = output.json();
    assert_eq!((output.code, &planned["summary"]["blocked"]), (2, &json!(0)), "{planned:#} {}", output.err);
    assert!(!output.out.contains(&format!("{}/", neighbour.namespace)), "{planned:#}");
    // Without manifests, all deletions are planned.
    let output = plan(&neighbour, &["-n", &neighbour.namespace, "-o", "json"], "").await;
    assert_eq!(find(&output.json(), "EventBus", "b")["error"]["reason"], "InUse", "{}", output.out);
}
