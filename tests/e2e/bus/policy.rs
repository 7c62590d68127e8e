//! The resource policy of a bus (`spec.grants`) and its logging.

use serde_json::{Value, json};
use tributary_testkit::{REGION, World, aws_name, reconcile_now, resource_version};

const THERE: &str = "222233334444";
const ORGANIZATION: &str = "o-abcdefghij";

/// A world whose account lets its namespaces let these in.
async fn open_to(name: &str, principals: &[&str]) -> World {
    let world = World::start(name).await;
    let mut account = world.account_spec();
    account["grants"][0]["principals"] = json!(principals);
    world.apply_account(account).await;
    world
}

async fn statements(world: &World, bus: &str) -> Vec<Value> {
    let have = world.aws.events("DescribeEventBus", json!({"Name": bus})).await;
    let policy = have["Policy"].as_str().map_or(Value::Null, |policy| serde_json::from_str(policy).unwrap());
    policy["Statement"].as_array().cloned().unwrap_or_default()
}

fn who(statements: &[Value]) -> Vec<String> {
    let mut all: Vec<_> = statements
        .iter()
        .map(|s| format!("{} {}", s["Principal"]["AWS"].as_str().unwrap_or("*"), s["Condition"]["StringEquals"]["aws:PrincipalOrgID"]))
        .collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_are_added_kept_and_removed_beside_foreign_ones() {
    let world = open_to("bus-grants", &[THERE, "o-*"]).await;
    let grants = json!([{"name": "orders", "accountId": THERE}, {"name": "all", "organizationId": ORGANIZATION}]);
    world.apply("EventBus", "b", json!({"grants": grants, "deletionPolicy": "Retain"})).await;
    world.ready("EventBus", "b").await;
    let bus = aws_name(&world, "b");
    let account = format!("arn:aws:iam::{THERE}:root null");
    assert_eq!(who(&statements(&world, &bus).await), [format!("* \"{ORGANIZATION}\""), account.clone()]);
    // Somebody adds a statement, and changes ours: the one stays, the other is put back.
    let foreign = json!({"EventBusName": bus, "StatementId": "theirs", "Action": "events:PutEvents", "Principal": "333344445555"});
    world.aws.events("PutPermission", foreign).await;
    let ours = statements(&world, &bus).await.iter().find(|s| s["Principal"] == "*").unwrap()["Sid"].clone();
    let wider = json!({"EventBusName": bus, "StatementId": ours, "Action": "events:PutEvents", "Principal": "*"});
    world.aws.events("PutPermission", wider).await;
    reconcile_now(&world, "EventBus", "b").await;
    let theirs = "arn:aws:iam::333344445555:root null".to_owned();
    assert_eq!(who(&statements(&world, &bus).await), [format!("* \"{ORGANIZATION}\""), account, theirs.clone()]);
    let (before, mark) = (resource_version(&world, "EventBus", "b").await, world.aws.mark().await);
    reconcile_now(&world, "EventBus", "b").await;
    assert_eq!(world.aws.writes(mark).await, Vec::<String>::new(), "of version {before}");
    // What leaves the list leaves the policy; the bus stays when its object goes, and loses ours only.
    world.apply("EventBus", "b", json!({"grants": [grants[1]], "deletionPolicy": "Retain"})).await;
    world.ready("EventBus", "b").await;
    assert_eq!(who(&statements(&world, &bus).await), [format!("* \"{ORGANIZATION}\""), theirs.clone()]);
    world.delete("EventBus", "b").await;
    world.gone("EventBus", "b").await;
    assert_eq!(who(&statements(&world, &bus).await), [theirs]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_bus_loses_its_grants_with_their_object() {
    let world = open_to("default-grants", &[THERE]).await;
    world.apply("EventBus", "d", json!({"name": "default", "grants": [{"name": "orders", "accountId": THERE}]})).await;
    world.ready("EventBus", "d").await;
    assert_eq!(statements(&world, "default").await.len(), 1);
    world.delete("EventBus", "d").await;
    world.gone("EventBus", "d").await;
    assert_eq!(statements(&world, "default").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_principal_gets_access_without_a_grant_of_the_account() {
    let world = World::start("no-principals").await;
    world.apply("EventBus", "b", json!({"grants": [{"name": "orders", "accountId": THERE}]})).await;
    let message = world.not_ready("EventBus", "b", "PrincipalNotPermitted").await;
    assert!(message.contains("spec.grants[0]") && message.contains(THERE) && message.contains("spec.grants[].principals"), "{message}");
    // The bus itself needs no permission: it is there, closed.
    assert_eq!(statements(&world, &aws_name(&world, "b")).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_reaches_the_account_that_allows_it() {
    let from = World::start("cross-from").await;
    let to = open_to("cross-to", &[&from.aws.account]).await;
    let there = format!("arn:aws:events:{REGION}:{}:event-bus/{}", to.aws.account, aws_name(&to, "b"));
    let mut account = from.account_spec();
    account["grants"][0]["arns"].as_array_mut().unwrap().push(json!(there));
    from.apply_account(account).await;
    to.apply("EventBus", "b", json!({})).await;
    to.ready("EventBus", "b").await;
    from.apply("EventBus", "b", json!({})).await;
    from.apply("EventSink", "s", json!({"eventBus": {"existing": {"arn": there}}})).await;
    from.apply("EventRule", "r", tributary_testkit::rule_spec("b", &["s"])).await;
    from.ready("EventRule", "r").await;
    let outcome = async |mark: &str| {
        from.aws.put_event(&aws_name(&from, "b"), "test", "test", &json!({"mark": mark})).await;
        from.aws.deliveries().await.last().unwrap()["outcome"].clone()
    };
    assert_eq!(outcome("one").await, "FAILED", "not let in");
    to.apply("EventBus", "b", json!({"grants": [{"name": "from", "accountId": from.aws.account}]})).await;
    to.ready("EventBus", "b").await;
    assert_eq!(outcome("two").await, "DELIVERED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_are_written_as_they_are_beside_grants_and_those_of_others() {
    let world = open_to("bus-statements", &[THERE, "o-*", "s3.amazonaws.com"]).await;
    let creator = json!({"StringEqualsIfExists": {"events:creatorAccount": "${aws:PrincipalAccount}"}});
    let rules = json!({"name": "rules", "principals": {"aws": [THERE]}, "actions": ["events:PutRule", "events:PutTargets"], "resource": "Rules",
        "condition": creator});
    let service = json!({"name": "s3", "principals": {"services": ["s3.amazonaws.com"]}, "actions": ["events:PutEvents"]});
    let members = json!({"name": "members", "principals": {"aws": ["*"]}, "actions": ["events:PutEvents"],
        "condition": {"StringEquals": {"aws:PrincipalOrgID": [ORGANIZATION]}}});
    let grants = json!([{"name": "orders", "accountId": THERE}]);
    world.apply("EventBus", "b", json!({"grants": grants, "policyStatements": [rules, service, members]})).await;
    world.ready("EventBus", "b").await;
    let bus = aws_name(&world, "b");
    let named = async |end: &str| {
        let all = statements(&world, &bus).await;
        all.into_iter().find(|statement| statement["Sid"].as_str().unwrap().ends_with(end)).unwrap_or_default()
    };
    let put = named("-rules").await;
    let resource = format!("arn:aws:events:{REGION}:{}:rule/{bus}/*", world.aws.account);
    assert_eq!((&put["Resource"], &put["Condition"], &put["Effect"]), (&json!(resource), &creator, &json!("Allow")));
    assert_eq!(put["Principal"], json!({"AWS": [format!("arn:aws:iam::{THERE}:root")]}));
    assert_eq!(named("-s3").await["Principal"], json!({"Service": ["s3.amazonaws.com"]}));
    assert_eq!(named("-members").await["Principal"], json!("*"));
    // Those of others stay, and nothing is written twice.
    let foreign = json!({"EventBusName": bus, "StatementId": "theirs", "Action": "events:PutEvents", "Principal": "333344445555"});
    world.aws.events("PutPermission", foreign).await;
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventBus", "b").await;
    assert_eq!(world.aws.writes(mark).await, Vec::<String>::new());
    world.apply("EventBus", "b", json!({"policyStatements": [service]})).await;
    world.ready("EventBus", "b").await;
    let left = statements(&world, &bus).await;
    assert!(left.len() == 2 && left.iter().any(|statement| statement["Sid"] == "theirs"), "{left:?}");
    // A principal that no grant allows, and everybody without an organization.
    for (principals, refused) in [(json!({"aws": ["arn:aws:iam::999988887777:role/x"]}), "role/x"), (json!({"aws": ["*"]}), "access to *")]
    {
        let statement = json!({"name": "s3", "principals": principals, "actions": ["events:PutEvents"]});
        world.apply("EventBus", "b", json!({"policyStatements": [statement]})).await;
        let message = world.not_ready("EventBus", "b", "PrincipalNotPermitted").await;
        assert!(message.contains("spec.policyStatements[0].principals") && message.contains(refused), "{message}");
        assert_eq!(statements(&world, &bus).await, left, "the statement that was permitted stays");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_is_too_long_for_aws_is_reported_before_any_write() {
    let world = open_to("bus-long", &[THERE]).await;
    let role = |index: usize| format!("arn:aws:iam::{THERE}:role/{}{index}", "x".repeat(500));
    let roles: Vec<_> = (0..20).map(role).collect();
    let statement = |name: &str| json!({"name": name, "principals": {"aws": roles}, "actions": ["events:PutEvents"]});
    world.apply("EventBus", "b", json!({"policyStatements": [statement("one"), statement("two")]})).await;
    let message = world.not_ready("EventBus", "b", "PolicyFull").await;
    assert!(message.contains("10240") && message.contains("spec.policyStatements"), "{message}");
    assert_eq!(world.aws.writes(0).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_level_is_set_changed_and_removed() {
    let world = World::start("bus-log").await;
    let log = async || world.aws.events("DescribeEventBus", json!({"Name": aws_name(&world, "b")})).await["LogConfig"].clone();
    world.apply("EventBus", "b", json!({"log": {"level": "ERROR"}})).await;
    world.ready("EventBus", "b").await;
    assert_eq!(log().await, json!({"Level": "ERROR", "IncludeDetail": "NONE"}));
    world.apply("EventBus", "b", json!({"log": {"level": "TRACE", "includeDetail": "FULL"}})).await;
    world.ready("EventBus", "b").await;
    assert_eq!(log().await, json!({"Level": "TRACE", "IncludeDetail": "FULL"}));
    world.apply("EventBus", "b", json!({})).await;
    world.ready("EventBus", "b").await;
    assert_eq!(log().await, json!({"Level": "OFF", "IncludeDetail": "NONE"}));
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventBus", "b").await;
    assert_eq!(world.aws.writes(mark).await, Vec::<String>::new());
}
