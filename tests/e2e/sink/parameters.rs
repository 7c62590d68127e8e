//! What holds for each sink with parameters of its own in the target: shared by the files of these types.

use serde_json::{Value, json};
use tributary_testkit::{REGION, World, all_ready, aws_name, publish, reconcile_now, rule_spec};

/// An action and the resource on which the role needs it.
pub type Right = (&'static str, String);

/// A sink, and what AWS has to hold for it: the parameters of the target, and the statements of the role.
pub struct Wanted {
    pub spec: Value,
    pub parameters: Value,
    pub statements: Value,
    /// Constant input of the rule's target.
    pub input: Option<Value>,
}

/// Statement of a role.
pub fn allow(action: &str, resources: &[String]) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resources})
}

/// ARN in the account and Region of the world.
pub fn arn(world: &World, service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{}:{rest}", world.aws.account)
}

/// From spec to delivery: rule `r` sends to the sink. What is changed by hand is put back; without the objects, target and role are gone.
/// Returns the call of the delivery.
pub async fn delivers(name: &str, member: &str, prepare: impl AsyncFnOnce(&World) -> Wanted) -> Value {
    let world = World::start(name).await;
    let Wanted { spec, parameters, statements, input } = prepare(&world).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "s", spec).await;
    world.apply("EventRule", "r", rule(input)).await;
    all_ready(&world, &[("EventSink", "s"), ("EventRule", "r")]).await;
    let target = world.aws.targets("b", &aws_name(&world, "r")).await[0].clone();
    assert_eq!(target[member], parameters);
    assert_eq!(world.aws.role_like(&aws_name(&world, "s")).await.unwrap().1.policy["Statement"], statements);
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0], "what was written is read back as the same");
    let record = publish(&world, "one").await;
    assert_eq!(record["outcome"], "DELIVERED", "{record}");

    let mut foreign = target.clone();
    foreign[member] = changed(&parameters).expect("a text to change");
    let rule = aws_name(&world, "r");
    world.aws.events("PutTargets", json!({"EventBusName": "b", "Rule": rule, "Targets": [foreign]})).await;
    reconcile_now(&world, "EventRule", "r").await;
    assert_eq!(world.aws.targets("b", &rule).await, [target], "the target is put back");
    let sender = world.aws.role_like(&aws_name(&world, "s")).await.unwrap().0;
    world.aws.query("iam", &[("Action", "DeleteRolePolicy"), ("RoleName", &sender), ("PolicyName", "tributary")]).await;
    assert_eq!(publish(&world, "two").await["code"], "NO_PERMISSIONS");
    reconcile_now(&world, "EventSink", "s").await;
    assert_eq!(publish(&world, "three").await["outcome"], "DELIVERED", "the rights are put back");

    for (kind, name) in [("EventRule", "r"), ("EventSink", "s")] {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    assert!(world.aws.rule("b", &rule).await.is_none());
    assert!(world.aws.role_like(&aws_name(&world, "s")).await.is_none());
    record["call"].clone()
}

/// Rule on bus `b` that sends to sink `s`.
fn rule(input: Option<Value>) -> Value {
    let mut spec = rule_spec("b", &["s"]);
    if let Some(input) = input {
        spec["targets"][0]["input"] = input;
    }
    spec
}

/// The parameters with one text in them changed; `None` if there is none.
fn changed(parameters: &Value) -> Option<Value> {
    match parameters {
        Value::Object(members) => {
            let mut members = members.clone();
            let (key, value) = members.iter().find_map(|(key, value)| Some((key.clone(), changed(value)?)))?;
            members.insert(key, value);
            Some(Value::Object(members))
        }
        Value::Array(items) => {
            let mut items = items.clone();
            let (index, value) = items.iter().enumerate().find_map(|(index, item)| Some((index, changed(item)?)))?;
            items[index] = value;
            Some(Value::Array(items))
        }
        Value::String(text) if text == "InstanceIds" => None,
        // In GraphQL a comment.
        Value::String(text) if text.contains('{') => Some(json!(format!("{text}#x"))),
        Value::String(text) => Some(json!(format!("{text}x"))),
        _ => None,
    }
}

/// With a role of the user's: `Deliverable` is false without any one of the rights, says which, and is what EventBridge does.
pub async fn needs(name: &str, prepare: impl AsyncFnOnce(&World) -> (Value, Vec<Right>, Option<Value>)) {
    let world = World::start(name).await;
    let role = world.aws.make_role("given", "events.amazonaws.com").await;
    let (mut spec, rights, input) = prepare(&world).await;
    spec["roleArn"] = json!(role);
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "s", spec).await;
    world.apply("EventRule", "r", rule(input)).await;
    all_ready(&world, &[("EventSink", "s"), ("EventRule", "r")]).await;
    for missing in rights.iter().map(Some).chain([None]) {
        let held = rights.iter().filter(|right| Some(*right) != missing);
        let mut statements: Vec<_> =
            held.map(|(action, resource)| json!({"Effect": "Allow", "Action": action, "Resource": resource})).collect();
        statements.push(json!({"Effect": "Allow", "Action": "tag:GetResources", "Resource": "*"}));
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let put = [("Action", "PutRolePolicy"), ("RoleName", "given"), ("PolicyName", "p"), ("PolicyDocument", &policy)];
        world.aws.query("iam", &put).await;
        reconcile_now(&world, "EventRule", "r").await;
        let row = world.get("EventRule", "r").await.unwrap().data["status"]["targets"][0].clone();
        let record = publish(&world, "one").await;
        let Some((action, resource)) = missing else {
            // Unknown where the operator does not read the resource itself.
            assert!(row["deliverable"] != "No" && record["outcome"] == "DELIVERED", "{row} {record}");
            continue;
        };
        assert_eq!((&row["deliverable"], &record["code"]), (&json!("No"), &json!("NO_PERMISSIONS")), "{action} {resource}: {row} {record}");
        let says = format!("no permission for {action} on {resource}");
        assert!(row["deliverableMessage"].as_str().unwrap().contains(&says), "{says}: {row}");
    }
}
