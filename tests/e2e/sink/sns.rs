//! Sink `sns`: the policy of the topic or a role, statements of other owners, and deletion.

use serde_json::{Value, json};
use tributary_testkit::{REGION, World, all_ready, aws_name, delivery_outcomes, fast_resync, merged, publish, rule_spec};

fn arn(world: &World, name: &str) -> String {
    format!("arn:aws:sns:{REGION}:{}:{name}", world.aws.account)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_managed_topic_is_created_with_its_policy_and_delivers() {
    let world = World::start("sns-made").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "t", json!({"sns": {"managed": {"displayName": "Orders", "tags": {"x": "y"}}}})).await;
    world.apply("EventRule", "r", rule_spec("b", &["t"])).await;
    all_ready(&world, &[("EventSink", "t"), ("EventRule", "r")]).await;
    let topic = arn(&world, &aws_name(&world, "t"));
    let attributes = world.aws.topic(&topic).await.unwrap();
    assert_eq!(attributes["DisplayName"], "Orders");
    let policy = world.aws.topic_policy(&topic).await;
    // AWS's own statement stays, and ours has no Condition: with one, EventBridge is never let in.
    assert_eq!(policy.len(), 2, "{policy:?}");
    let ours = policy.iter().find(|s| s["Principal"]["Service"] == "events.amazonaws.com").unwrap();
    assert!(ours.get("Condition").is_none() && ours["Resource"] == topic.as_str(), "{ours}");

    world.aws.subscribe(&topic, "inbox").await;
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
    let received = world.aws.receive("inbox").await;
    let inner: Value = serde_json::from_str(received[0]["Message"].as_str().unwrap()).unwrap();
    assert_eq!(inner["detail"]["mark"], "one");

    // The statement goes with the last rule, the topic stays, for it is retained.
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.aws.until("our statement leaves", || async { (world.aws.topic_policy(&topic).await.len() == 1).then_some(()) }).await;
    world.delete("EventSink", "t").await;
    world.gone("EventSink", "t").await;
    assert!(world.aws.topic(&topic).await.is_some());
    // Made again with Delete, it is taken back without a write, and then it goes.
    let mark = world.aws.mark().await;
    world
        .apply("EventSink", "t", json!({"sns": {"managed": {"displayName": "Orders", "tags": {"x": "y"}}}, "deletionPolicy": "Delete"}))
        .await;
    world.ready("EventSink", "t").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    world.delete("EventSink", "t").await;
    world.gone("EventSink", "t").await;
    assert!(world.aws.topic(&topic).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_existing_topic_keeps_foreign_statements_and_the_own_one_is_restored() {
    let world = World::with("sns-existing", fast_resync()).await;
    let topic = world.aws.make_topic("theirs").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "t", json!({"sns": {"existing": {"arn": topic}}})).await;
    world.apply("EventRule", "r", rule_spec("b", &["t"])).await;
    all_ready(&world, &[("EventSink", "t"), ("EventRule", "r")]).await;
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
    let before = world.aws.topic_policy(&topic).await;
    let foreign: Vec<_> = before.iter().filter(|s| s["Principal"]["Service"].is_null()).cloned().collect();
    // Somebody takes our statement away: AWS refuses, and the sweep puts it back.
    let document = json!({"Version": "2012-10-17", "Statement": foreign}).to_string();
    let set = [("Action", "SetTopicAttributes"), ("TopicArn", topic.as_str()), ("AttributeName", "Policy"), ("AttributeValue", &document)];
    world.aws.query("sns", &set).await;
    world.aws.until("it is put back", || async { (world.aws.topic_policy(&topic).await.len() == before.len()).then_some(()) }).await;
    assert_eq!(publish(&world, "two").await["outcome"], "DELIVERED");
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.delete("EventSink", "t").await;
    world.gone("EventSink", "t").await;
    assert_eq!(world.aws.topic_policy(&topic).await, foreign);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_by_role_has_no_statement_and_the_role_is_for_this_rule_only() {
    let world = World::start("sns-role").await;
    let topic = world.aws.make_topic("theirs").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    let sink = json!({"sns": {"existing": {"arn": topic}}});
    world.apply("EventSink", "t", merged(sink, json!({"invocationRole": {}}))).await;
    world.apply("EventRule", "r", rule_spec("b", &["t"])).await;
    all_ready(&world, &[("EventSink", "t"), ("EventRule", "r")]).await;
    assert_eq!(world.aws.topic_policy(&topic).await.len(), 1, "the topic's policy is left alone");
    let (_, role) = world.aws.role_like(&aws_name(&world, "t")).await.unwrap();
    let sources = &role.trust["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"];
    assert_eq!(*sources, json!([format!("arn:aws:events:{REGION}:{}:rule/b/{}", world.aws.account, aws_name(&world, "r"))]));
    assert_eq!(role.policy["Statement"][0]["Resource"], topic.as_str());
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
    assert_eq!(delivery_outcomes(&world).await, ["DELIVERED"]);
}
