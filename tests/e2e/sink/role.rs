//! The role that the operator creates for EventBridge: its trust policy, permissions, owner and lifetime.

use serde_json::json;
use tributary_testkit::{REGION, World, all_ready, aws_name, condition, fast_resync, merged, publish, reconcile_now, rule_spec};

async fn machine_sink(world: &World) -> String {
    let machine = world.aws.make_machine("theirs").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "m", json!({"stateMachine": {"existing": {"arn": machine}}})).await;
    machine
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_exists_while_rules_send_and_trusts_only_them() {
    let world = World::with("role-life", fast_resync()).await;
    let machine = machine_sink(&world).await;
    world.ready("EventSink", "m").await;
    assert!(world.aws.roles().await.is_empty(), "nobody sends yet");
    for name in ["r", "s"] {
        world.apply("EventRule", name, rule_spec("b", &["m"])).await;
    }
    all_ready(&world, &[("EventRule", "r"), ("EventRule", "s"), ("EventSink", "m")]).await;
    let (name, role) = world.aws.role_like(&aws_name(&world, "m")).await.unwrap();
    assert_eq!(role.path, "/tributary/");
    let arn = |rule: &str| format!("arn:aws:events:{REGION}:{}:rule/b/{}", world.aws.account, aws_name(&world, rule));
    let statement = &role.trust["Statement"][0];
    assert_eq!(statement["Condition"]["ArnLike"]["aws:SourceArn"], json!([arn("r"), arn("s")]));
    assert_eq!(statement["Condition"]["StringEquals"]["aws:SourceAccount"], world.aws.account);
    assert_eq!(role.policy["Statement"], json!([{"Effect": "Allow", "Action": ["states:StartExecution"], "Resource": machine}]));
    assert_eq!(role.tags["team"], "e2e");
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
    let executions = world.aws.executions(&machine).await;
    assert_eq!(executions.len(), 2, "one for each rule");
    let input: serde_json::Value = serde_json::from_str(executions[0]["input"].as_str().unwrap()).unwrap();
    assert!(input["detail"]["mark"] == "one" && executions[0]["name"].as_str().unwrap().starts_with(input["id"].as_str().unwrap()));

    // What somebody changes by hand is put back: trust, rights, tags, the role itself.
    let nobody = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    world.aws.query("iam", &[("Action", "UpdateAssumeRolePolicy"), ("RoleName", &name), ("PolicyDocument", &nobody)]).await;
    assert_eq!(publish(&world, "two").await["code"], "NO_PERMISSIONS");
    let whole = || async {
        let now = world.aws.role(&name).await?;
        (now.trust == role.trust && now.policy == role.policy && now.tags == role.tags).then_some(())
    };
    world.aws.until("the trust is put back", whole).await;
    world.aws.query("iam", &[("Action", "DeleteRolePolicy"), ("RoleName", &name), ("PolicyName", "tributary")]).await;
    world.aws.until("the rights are put back", whole).await;
    // A sweep may put the policy back between the two.
    let removed = || async {
        let _ = world.aws.try_query("iam", &[("Action", "DeleteRolePolicy"), ("RoleName", &name), ("PolicyName", "tributary")]).await;
        world.aws.try_query("iam", &[("Action", "DeleteRole"), ("RoleName", &name)]).await.ok()
    };
    world.aws.until("the role is gone", removed).await;
    world.aws.until("the role is made again", whole).await;
    assert_eq!(publish(&world, "three").await["outcome"], "DELIVERED");

    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    let only_s = || async {
        let role = world.aws.role(&name).await?;
        (role.trust["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"] == json!([arn("s")])).then_some(())
    };
    world.aws.until("the trust is narrowed", only_s).await;
    world.delete("EventRule", "s").await;
    world.gone("EventRule", "s").await;
    world.aws.until("the role goes", || async { world.aws.roles().await.is_empty().then_some(()) }).await;
    world.delete("EventSink", "m").await;
    world.gone("EventSink", "m").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_deleted_with_its_sink_and_reused_after_a_rebuild_without_a_write() {
    let mut world = World::start("role-rebuild").await;
    machine_sink(&world).await;
    world.apply("EventRule", "r", rule_spec("b", &["m"])).await;
    all_ready(&world, &[("EventRule", "r"), ("EventSink", "m")]).await;
    world.stop().await;
    for (kind, name) in [("EventRule", "r"), ("EventSink", "m"), ("EventBus", "b")] {
        tributary_testkit::remove_without_operator(&world, kind, name).await;
    }
    let mark = world.aws.mark().await;
    let machine = format!("arn:aws:states:{REGION}:{}:stateMachine:theirs", world.aws.account);
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "m", json!({"stateMachine": {"existing": {"arn": machine}}})).await;
    world.apply("EventRule", "r", rule_spec("b", &["m"])).await;
    world.run(tributary_testkit::options()).await;
    all_ready(&world, &[("EventRule", "r"), ("EventSink", "m")]).await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    world.delete("EventRule", "r").await;
    world.delete("EventSink", "m").await;
    world.gone("EventSink", "m").await;
    assert!(world.aws.roles().await.is_empty());
    assert!(world.aws.machine(&machine).await.is_some(), "what exists is never deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_role_is_neither_adopted_nor_changed() {
    let mut world = World::start("role-foreign").await;
    machine_sink(&world).await;
    world.apply("EventRule", "r", rule_spec("b", &["m"])).await;
    all_ready(&world, &[("EventRule", "r"), ("EventSink", "m")]).await;
    let (name, _) = world.aws.role_like(&aws_name(&world, "m")).await.unwrap();
    world.stop().await;
    world.aws.query("iam", &[("Action", "UntagRole"), ("RoleName", &name), ("TagKeys.member.1", "tributary.dev/owner")]).await;
    let nobody = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    world.aws.query("iam", &[("Action", "UpdateAssumeRolePolicy"), ("RoleName", &name), ("PolicyDocument", &nobody)]).await;
    let before = world.aws.role(&name).await.unwrap();
    world.run(fast_resync()).await;
    let said = world.not_ready("EventSink", "m", "NotOwned").await;
    assert!(said.contains(&name), "{said}");
    let after = world.aws.role(&name).await.unwrap();
    assert_eq!((before.trust, before.policy, before.tags), (after.trust, after.policy, after.tags));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_the_spec_names_is_used_as_it_is_and_needs_a_grant() {
    let world = World::start("role-named").await;
    let machine = world.aws.make_machine("theirs").await;
    let role = world.aws.make_role("mine", "events.amazonaws.com").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    let sink = json!({"stateMachine": {"existing": {"arn": machine}}});
    world.apply("EventSink", "m", merged(sink.clone(), json!({"roleArn": role}))).await;
    world.apply("EventRule", "r", rule_spec("b", &["m"])).await;
    all_ready(&world, &[("EventRule", "r"), ("EventSink", "m")]).await;
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
    assert!(world.aws.roles().await.is_empty(), "no role of ours");
    let elsewhere = "arn:aws:iam::999988887777:role/theirs";
    world.apply("EventSink", "n", merged(sink, json!({"roleArn": elsewhere}))).await;
    let said = world.not_ready("EventSink", "n", "ArnNotPermitted").await;
    assert!(said.contains(elsewhere) && said.contains("grants[].roles"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn path_and_boundary_match_the_spec() {
    let world = World::start("role-options").await;
    let machine = world.aws.make_machine("theirs").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    let boundary = "arn:aws:iam::aws:policy/PowerUserAccess";
    let sink = |role| json!({"stateMachine": {"existing": {"arn": machine}}, "invocationRole": role});
    world.apply("EventSink", "m", sink(json!({"path": "/team/x/", "permissionsBoundaryArn": boundary}))).await;
    // What bounds a role is for the account's owner to allow.
    let said = world.not_ready("EventSink", "m", "ArnNotPermitted").await;
    assert!(said.contains("permissionsBoundaryArn"), "{said}");
    let mut account = world.account_spec();
    account["grants"][0]["arns"].as_array_mut().unwrap().push(json!(boundary));
    world.apply_account(account).await;
    world.apply("EventRule", "r", rule_spec("b", &["m"])).await;
    all_ready(&world, &[("EventRule", "r"), ("EventSink", "m")]).await;
    let (_, role) = world.aws.role_like(&aws_name(&world, "m")).await.unwrap();
    assert_eq!((role.path.as_str(), role.boundary.as_deref()), ("/team/x/", Some(boundary)));
    world.apply("EventSink", "m", sink(json!({"path": "/team/x/"}))).await;
    world.ready("EventSink", "m").await;
    let (_, role) = world.aws.role_like(&aws_name(&world, "m")).await.unwrap();
    assert_eq!(role.boundary, None);
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventSink", "m").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0], "in sync is silent");
    assert!(condition(&world.get("EventSink", "m").await.unwrap(), "Ready").is_some_and(|c| c.0 == "True"));
}
