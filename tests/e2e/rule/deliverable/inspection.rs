//! Condition `Deliverable`: what the rule reports, what cannot be inspected, and what inspection may cost and block.

use serde_json::{Value, json};
use tributary_testkit::{World, condition, fast_resync, publish, reconcile_now};

use super::causes::{Rig, arn, document, set_queue, with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_rule_and_facts_that_cannot_be_read() {
    let make = async |_: &World| json!({"sqs": {"managed": {}}});
    let rig = Rig::new("deliver-rule", make, false).await;
    rig.is_fine("a managed sink").await;
    let silent = rig.world.aws.mark().await;
    reconcile_now(&rig.world, "EventRule", "r").await;
    assert_eq!(rig.world.aws.writes(silent).await, [""; 0]);
    let target = json!({"name": "t", "sinkRef": {"name": "s"}});
    let rule = |more: Value| with(json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["test"]}, "targets": [target]}), more);
    let says = async |reason: &str| {
        let said = |object: Option<&kube::api::DynamicObject>| condition(object?, "Deliverable").filter(|c| c.1 == reason);
        rig.world.wait("EventRule", "r", reason, said).await
    };
    rig.world.apply("EventRule", "r", rule(json!({"state": "Disabled"}))).await;
    assert_eq!(says("RuleDisabled").await.0, "False");
    rig.world.apply("EventRule", "r", rule(json!({"targets": []}))).await;
    assert_eq!(says("NoTargets").await.0, "False");
    rig.world.apply("EventRule", "r", rule(json!({"targets": [{"name": "t", "sinkRef": {"name": "nobody"}}]}))).await;
    assert_eq!(says("TargetNotInPlace").await.0, "False");
    // The sink takes its statement back meanwhile, and gives it again.
    reconcile_now(&rig.world, "EventSink", "s").await;
    rig.world.apply("EventRule", "r", rule(json!({}))).await;
    rig.world.ready("EventRule", "r").await;
    assert_eq!(says("Deliverable").await.0, "True");
    rig.world
        .aws
        .faults(json!([{"match": "sqs.GetQueueAttributes", "kind": "error", "status": 400, "code": "AccessDenied", "message": "no"}]))
        .await;
    reconcile_now(&rig.world, "EventRule", "r").await;
    let (status, _, message) = says("CannotTell").await;
    assert!(status == "Unknown" && message.contains("sqs:GetQueueAttributes"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_grant_is_noticed_by_a_resync_with_one_read_for_many_rules() {
    let world = World::with("deliver-sweep", fast_resync()).await;
    world.aws.sqs("CreateQueue", json!({"QueueName": "q"})).await;
    let queue = arn(&world, "sqs", "q");
    let all = json!({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue});
    set_queue(&world, "q", json!({"Policy": document(&[all])})).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "s", json!({"sqs": {"existing": {"arn": queue}}, "permissions": "External"})).await;
    let names: Vec<_> = (0..20).map(|n| format!("r{n}")).collect();
    for name in &names {
        world
            .apply(
                "EventRule",
                name,
                json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["x"]}, "targets": [{"name": "t", "sinkRef": {"name": "s"}}]}),
            )
            .await;
    }
    let all_say = async |status: &str| {
        for name in &names {
            let said = |object: Option<&kube::api::DynamicObject>| condition(object?, "Deliverable").filter(|c| c.0 == status).map(drop);
            world.wait("EventRule", name, status, said).await;
        }
    };
    all_say("True").await;
    let (mark, start) = (world.aws.mark().await, std::time::Instant::now());
    set_queue(&world, "q", json!({"Policy": ""})).await;
    all_say("False").await;
    let reads = world.aws.journal(mark).await.0.iter().filter(|call| call.op == "GetQueueAttributes").count();
    let sweeps = usize::try_from(start.elapsed().as_secs()).unwrap() + 2;
    assert!(reads <= sweeps, "{reads} reads in {sweeps} sweeps of 20 rules");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_without_a_response_blocks_no_rule() {
    let world = World::empty("deliver-hang").await;
    let (machine, role) = (world.aws.make_machine("m").await, world.aws.make_role("mine", "events.amazonaws.com").await);
    world.aws.faults(json!([{"match": "iam.*", "kind": "hang"}])).await;
    let mut world = world;
    world.run(tributary_testkit::options()).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "s", json!({"stateMachine": {"existing": {"arn": machine}}, "roleArn": role})).await;
    let spec = json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["test"]}, "targets": [{"name": "t", "sinkRef": {"name": "s"}}]});
    world.apply("EventRule", "r", spec).await;
    world.ready("EventRule", "r").await;
    assert_eq!(publish(&world, "x").await["outcome"], "DELIVERED");
    let (status, reason, _) = condition(&world.get("EventRule", "r").await.unwrap(), "Deliverable").unwrap();
    assert_eq!((status.as_str(), reason.as_str()), ("Unknown", "NotEvaluated"));
    world.aws.faults(json!([])).await;
    reconcile_now(&world, "EventRule", "r").await;
    assert_eq!(condition(&world.get("EventRule", "r").await.unwrap(), "Deliverable").unwrap().0, "True");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_managed_role_costs_three_reads_per_resync() {
    let world = World::with("proof-role", fast_resync()).await;
    let machine = world.aws.make_machine("theirs").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "s", json!({"stateMachine": {"existing": {"arn": machine}}})).await;
    world
        .apply(
            "EventRule",
            "r",
            json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["x"]}, "targets": [{"name": "t", "sinkRef": {"name": "s"}}]}),
        )
        .await;
    let says = async |status: &str| {
        let said = |object: Option<&kube::api::DynamicObject>| condition(object?, "Deliverable").filter(|c| c.0 == status).map(drop);
        world.wait("EventRule", "r", status, said).await;
    };
    says("True").await;
    let mark = world.aws.mark().await;
    let counted = async |op: &str| world.aws.journal(mark).await.0.iter().filter(|call| call.op == op).count();
    let seen = || async { (counted("GetRolePolicy").await >= 4).then_some(()) };
    world.aws.until("four sweeps", seen).await;
    assert!(counted("ListRolePolicies").await <= 1 && counted("ListAttachedRolePolicies").await <= 1);
    // What somebody takes away is noticed all the same.
    let (name, _) = world.aws.roles().await.into_iter().find(|(name, _)| name.contains("proof-role")).unwrap();
    world
        .aws
        .faults(json!([{"match": "iam.PutRolePolicy", "kind": "error", "status": 403, "code": "AccessDenied", "message": "no"}]))
        .await;
    world.aws.query("iam", &[("Action", "DeleteRolePolicy"), ("RoleName", &name), ("PolicyName", "tributary")]).await;
    says("False").await;
}
