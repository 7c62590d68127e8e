//! Condition `Deliverable` of targets that have a policy of their own and are reached with a role, and of FIFO queues. What arrives decides.

use serde_json::{Value, json};
use tributary_testkit::{World, reconcile_now};

use super::causes::{Rig, arn, document, make_key, set_queue};

fn statement(effect: &str, principal: &Value, action: &str) -> Value {
    json!({"Sid": "p", "Effect": effect, "Principal": principal, "Action": action, "Resource": "*"})
}

async fn may(world: &World, actions: &[&str]) {
    let statement = json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
    let document = document(&[statement]);
    world.aws.query("iam", &[("Action", "PutRolePolicy"), ("RoleName", "mine"), ("PolicyName", "p"), ("PolicyDocument", &document)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_with_a_role_is_judged_for_the_role() {
    let make = async |world: &World| {
        world.aws.sqs("CreateQueue", json!({"QueueName": "q"})).await;
        let role = world.aws.make_role("mine", "events.amazonaws.com").await;
        json!({"sqs": {"existing": {"arn": arn(world, "sqs", "q")}}, "roleArn": role})
    };
    let rig = Rig::new("deliver-sqs-role", make, false).await;
    let account = json!({"AWS": format!("arn:aws:iam::{}:root", rig.world.aws.account)});
    let role = json!({"AWS": format!("arn:aws:iam::{}:role/mine", rig.world.aws.account)});
    let policy = async |statements: &[Value]| {
        let text = if statements.is_empty() { String::new() } else { document(statements) };
        set_queue(&rig.world, "q", json!({"Policy": text})).await;
    };
    may(&rig.world, &["sqs:SendMessage"]).await;
    rig.is_fine("the role's own permission").await;
    let sink = rig.world.get("EventSink", "s").await.unwrap();
    let warning = sink.data["status"]["warnings"][0].as_str().unwrap_or_default();
    assert!(warning.starts_with("spec.roleArn: AWS advises against"), "{warning}");
    for (what, principal) in [("everyone", &json!("*")), ("the account", &account), ("the role", &role)] {
        policy(&[statement("Deny", principal, "sqs:SendMessage")]).await;
        rig.is_broken(&format!("a denial of {what} in the queue's policy"), "ExplicitDeny", "\"p\"").await;
    }
    policy(&[statement("Deny", &json!({"Service": "events.amazonaws.com"}), "sqs:*")]).await;
    rig.is_fine("a denial of the service, which does not come itself").await;
    may(&rig.world, &["sqs:ReceiveMessage"]).await;
    policy(&[statement("Allow", &json!({"Service": "events.amazonaws.com"}), "sqs:SendMessage")]).await;
    rig.is_broken("a permission for the service only", "RoleLacksRight", "sqs:SendMessage").await;
    policy(&[statement("Allow", &role, "sqs:SendMessage")]).await;
    rig.is_fine("the queue's permission for the role").await;
    may(&rig.world, &["sqs:SendMessage"]).await;
    let service = statement("Allow", &json!({"Service": "events.amazonaws.com"}), "kms:*");
    let key = make_key(&rig.world, Some(service)).await;
    set_queue(&rig.world, "q", json!({"KmsMasterKeyId": key})).await;
    rig.is_broken("a key for the service, and not for the role", "KeyNotUsable", "kms:Decrypt").await;
    may(&rig.world, &["sqs:SendMessage", "kms:Decrypt", "kms:GenerateDataKey"]).await;
    rig.is_fine("a key for both").await;
    let key = make_key(&rig.world, None).await;
    set_queue(&rig.world, "q", json!({"KmsMasterKeyId": key})).await;
    rig.is_open("a key for the role only", "advises against a role").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifo_queue_needs_content_based_deduplication() {
    let make = async |world: &World| {
        world.aws.sqs("CreateQueue", json!({"QueueName": "q.fifo", "Attributes": {"FifoQueue": "true"}})).await;
        json!({"sqs": {"existing": {"arn": arn(world, "sqs", "q.fifo")}, "messageGroupId": "g"}})
    };
    let rig = Rig::new("deliver-fifo", make, false).await;
    rig.is_broken("an existing queue without it", "FifoNotUsable", "ContentBasedDeduplication").await;
    set_queue(&rig.world, "q.fifo", json!({"ContentBasedDeduplication": "true"})).await;
    rig.is_fine("with it").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_with_another_path_is_another_role() {
    let make = async |world: &World| {
        let (machine, role) = (world.aws.make_machine("m").await, world.aws.make_role("mine", "events.amazonaws.com").await);
        json!({"stateMachine": {"existing": {"arn": machine}}, "roleArn": role.replace(":role/", ":role/elsewhere/")})
    };
    let world = World::start("deliver-path").await;
    let spec = make(&world).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "s", spec).await;
    let target = json!({"name": "t", "sinkRef": {"name": "s"}});
    world.apply("EventRule", "r", json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["test"]}, "targets": [target]})).await;
    let said =
        |object: Option<&kube::api::DynamicObject>| tributary_testkit::condition(object?, "Deliverable").filter(|c| c.1 == "RoleNotFound");
    reconcile_now(&world, "EventRule", "r").await;
    assert_eq!(world.wait("EventRule", "r", "RoleNotFound", said).await.0, "False");
}
