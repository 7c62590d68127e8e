//! The workload: buses, sinks of every type, and rules from any bus to any sink; created, changed, deleted, and waited for together.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};
use tributary_testkit::{World, condition, form};

/// Object of the crowd: kind and name.
pub type Key = (&'static str, String);

pub struct Workload {
    buses: usize,
    queues: usize,
    functions: usize,
    groups: usize,
    rules: usize,
    /// ARNs of the functions, which are somebody else's.
    arns: Vec<String>,
    /// What each object failed at, first failure only.
    pub failed: BTreeMap<Key, String>,
}

/// How long a phase may take. It ends as soon as all are where they should be; a busy machine takes longer, so nothing is judged by it.
pub fn time_limit() -> Duration {
    form(Duration::from_secs(150), Duration::from_mins(15))
}

pub fn is_ready(object: &DynamicObject) -> bool {
    condition(object, "Ready").is_some_and(|c| c.0 == "True")
}

/// Functions, a log policy and a queue of somebody else, with statements of somebody else.
async fn foreign(world: &World, functions: usize) -> Vec<String> {
    let mut arns = vec![];
    for i in 0..functions {
        let name = format!("f{i}");
        arns.push(world.aws.make_function(&name).await);
        let statement = json!({"StatementId": "theirs", "Action": "lambda:InvokeFunction", "Principal": "sns.amazonaws.com"});
        world.aws.lambda("POST", &format!("functions/{name}/policy"), Some(statement)).await.unwrap();
    }
    let theirs = |action: &str, resource: &str| {
        let statement = json!({"Sid": "theirs", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": action, "Resource": resource});
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    };
    let queue = format!("arn:aws:sqs:{}:{}:shared", tributary_testkit::REGION, world.aws.account);
    world.aws.sqs("CreateQueue", json!({"QueueName": "shared", "Attributes": {"Policy": theirs("sqs:SendMessage", &queue)}})).await;
    let statement = json!({"Sid": "theirs", "Effect": "Allow", "Principal": {"Service": "es.amazonaws.com"}, "Action": "logs:PutLogEvents", "Resource": "*"});
    let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    world.aws.logs("PutResourcePolicy", json!({"policyName": "theirs", "policyDocument": document})).await;
    arns
}

impl Workload {
    /// Nothing is applied yet; what is foreign is there.
    pub async fn of(world: &World, n: usize) -> Self {
        let (buses, queues, functions, groups) = (n / 10, n / 5, n / 20, n / 20);
        let arns = foreign(world, functions).await;
        Self { buses, queues, functions, groups, rules: n - buses - queues - functions - groups, arns, failed: BTreeMap::new() }
    }

    fn sinks(&self) -> Vec<String> {
        let names = |prefix: &str, count: usize| (0..count).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>();
        [names("q", self.queues), names("f", self.functions), names("l", self.groups)].concat()
    }

    pub fn keys(&self) -> Vec<Key> {
        let of = |kind: &'static str, prefix: &str, count: usize| (0..count).map(|i| (kind, format!("{prefix}{i}"))).collect::<Vec<_>>();
        let sinks = self.sinks().into_iter().map(|name| ("EventSink", name)).collect();
        [of("EventBus", "b", self.buses), sinks, of("EventRule", "r", self.rules)].concat()
    }

    /// The spec in one of its versions. A function has nothing that could change but its rules.
    fn spec(&self, world: &World, (kind, name): &Key, version: u32) -> Value {
        let i: usize = name[1..].parse().unwrap();
        match (*kind, &name[..1]) {
            ("EventBus", _) => json!({"description": format!("version {version}")}),
            ("EventRule", _) => {
                // In version 2 it sends to another sink, so that a target goes and permissions move.
                let sinks = self.sinks();
                let sink = &sinks[(i + usize::from(version == 2)) % sinks.len()];
                json!({"busRef": {"name": format!("b{}", i % self.buses)}, "eventPattern": {"source": [format!("v{version}")]},
                       "targets": [{"name": sink, "sinkRef": {"name": sink}}]})
            }
            (_, "f") => json!({"lambda": {"existing": {"arn": self.arns[i]}}}),
            (_, "l") => json!({"logGroup": {"managed": {"retentionDays": if version == 1 { 7 } else { 14 }}}, "deletionPolicy": "Delete"}),
            // The first queue is somebody else's.
            _ if i == 0 => {
                json!({"sqs": {"existing": {"arn": format!("arn:aws:sqs:{}:{}:shared", tributary_testkit::REGION, world.aws.account)}}})
            }
            _ => json!({"sqs": {"managed": {"visibilityTimeoutSeconds": 30 + version}}, "deletionPolicy": "Delete"}),
        }
    }

    pub async fn apply(&self, world: &World, version: u32) {
        self.apply_only(world, version, |_| true).await;
    }

    pub async fn apply_only(&self, world: &World, version: u32, which: impl Fn(&Key) -> bool) {
        let keys = self.keys().into_iter().filter(which);
        stream::iter(keys)
            .for_each_concurrent(8, |key| async move { drop(world.apply(key.0, &key.1, self.spec(world, &key, version)).await) })
            .await;
    }

    /// Waits until all are Ready for their present spec; who is not in time has failed.
    pub async fn ready(&mut self, world: &World, phase: &str) {
        let why = |object: Option<&DynamicObject>| {
            object.is_none_or(|o| !is_ready(o)).then(|| object.map_or_else(|| "missing".into(), reason_of))
        };
        self.settle(world, phase, why).await;
    }

    pub async fn delete(&self, world: &World) {
        stream::iter(self.keys()).for_each_concurrent(8, |(kind, name)| async move { world.delete(kind, &name).await }).await;
    }

    pub async fn gone(&mut self, world: &World) {
        self.settle(world, "deleted", |object| object.map(reason_of)).await;
    }

    /// Waits until nobody has an objection; whoever still has one at the end has failed.
    pub async fn settle(&mut self, world: &World, phase: &str, objection: impl Fn(Option<&DynamicObject>) -> Option<String>) {
        let deadline = Instant::now() + time_limit();
        loop {
            let objects = all(world).await;
            let open = |key: &Key| objection(objects.get(key)).map(|why| (key.clone(), format!("{} {}: {phase}: {why}", key.0, key.1)));
            let left: Vec<_> = self.keys().iter().filter_map(open).collect();
            if left.is_empty() {
                return;
            }
            if Instant::now() > deadline {
                for (key, why) in left {
                    self.failed.entry(key).or_insert(why);
                }
                return;
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    }
}

/// All objects of the world's namespace.
pub async fn all(world: &World) -> BTreeMap<Key, DynamicObject> {
    let mut all = BTreeMap::new();
    for kind in ["EventBus", "EventSink", "EventRule"] {
        // The API server is not under test: a request that fails because it is busy is retried.
        let Ok(list) = world.api(kind).list(&ListParams::default()).await else { continue };
        all.extend(list.items.into_iter().map(|object| ((kind, object.metadata.name.clone().unwrap()), object)));
    }
    all
}

/// What the object says of itself.
pub fn reason_of(object: &DynamicObject) -> String {
    condition(object, "Ready")
        .map_or_else(|| "says nothing of its present spec".into(), |(_, reason, message)| format!("{reason}: {message}"))
}

/// The account's contents, so that those of two worlds can be compared: without the names of the world, statements without their ids
/// (hashes of names), lists in order.
pub async fn contents(world: &World) -> BTreeMap<String, Value> {
    fn plain(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("Sid");
                fields.values_mut().for_each(plain);
            }
            Value::Array(rows) => {
                rows.iter_mut().for_each(plain);
                rows.sort_by_key(Value::to_string);
            }
            _ => {}
        }
    }
    let (namespace, account) = (&world.namespace, &world.aws.account);
    let neutral = |text: &str| text.replace(namespace, "NAMESPACE").replace(account, "ACCOUNT");
    let mut all = world.aws.contents().await;
    let groups: Vec<_> = all.keys().filter_map(|key| key.strip_prefix("log group ")).map(|group| world.aws.log_group_arn(group)).collect();
    for (_, statements) in all.iter_mut().filter(|(key, _)| key.starts_with("log policy tributary-")) {
        *statements = let_in(statements, &groups);
    }
    all.into_iter()
        .map(|(key, value)| {
            let mut value = serde_json::from_str(&neutral(&value.to_string())).unwrap();
            plain(&mut value);
            (neutral(&key), value)
        })
        .collect()
}

/// What our log policy comes to: which groups may be written to by whom. A nearly full one gets one statement for all groups, and which of the
/// single ones it stands in for depends on who came first.
fn let_in(statements: &Value, groups: &[String]) -> Value {
    let rows = statements.as_array().unwrap();
    let sids: BTreeSet<_> = rows.iter().map(|row| row["Sid"].to_string()).collect();
    assert_eq!(sids.len(), rows.len(), "a Sid stands there twice: {statements}");
    let may = |group: &String| {
        let speaks = |row: &&Value| row["Resource"].as_str().is_some_and(|r| wildmatch::WildMatch::new(r).matches(&format!("{group}:*")));
        let actions = rows.iter().filter(speaks).map(|row| row["Action"].to_string()).collect::<String>();
        actions.contains("logs:CreateLogStream") && actions.contains("logs:PutLogEvents")
    };
    json!(groups.iter().filter(|group| may(group)).collect::<Vec<_>>())
}

/// What differs, in a line each.
pub fn differences(is: &BTreeMap<String, Value>, should: &BTreeMap<String, Value>) -> Vec<String> {
    let keys: BTreeSet<_> = is.keys().chain(should.keys()).collect();
    let text = |value: Option<&Value>| value.map_or_else(|| "nothing".into(), Value::to_string);
    keys.into_iter()
        .filter(|key| is.get(*key) != should.get(*key))
        .map(|key| format!("{key}: AWS has {}, not {}", text(is.get(key)), text(should.get(key))))
        .collect()
}
