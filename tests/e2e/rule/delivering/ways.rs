//! The table of ways in which a delivery fails in fact. Each row has a rule of its own that works until its fault occurs.

use serde_json::{Value, json};
use tributary_testkit::{REGION, Receiver, World, merged};

/// What breaks a row.
pub enum Break {
    /// A call of a JSON service: service, operation, request.
    Call(&'static str, &'static str, Value),
    /// A call of a query service: service, parameters.
    Query(&'static str, Vec<(&'static str, String)>),
    /// A call of Lambda: method, path.
    Lambda(&'static str, String),
    /// A declared resource is gone.
    Gone(String),
    /// Only the next event: its detail.
    Event(Value),
}

/// A row of the table.
pub struct Way {
    pub name: &'static str,
    /// Spec of the sink.
    pub sink: Value,
    /// More fields of the target.
    pub target: Value,
    pub faults: Vec<Break>,
    /// Reason of the condition afterwards.
    pub reason: &'static str,
}

fn way(name: &'static str, sink: Value, faults: Vec<Break>) -> Way {
    Way { name, sink, target: json!({}), faults, reason: "InvocationsFailed" }
}

pub fn arn(world: &World, service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{}:{resource}", world.aws.account)
}

fn document(statement: Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": action, "Resource": resource})
}

/// A queue that takes what any rule sends.
async fn queue(world: &World, name: &str, attributes: Value) -> (Value, String) {
    let arn = arn(world, "sqs", name);
    let open = json!({"Policy": document(allow("sqs:SendMessage", &arn))});
    let made = world.aws.sqs("CreateQueue", json!({"QueueName": name, "Attributes": merged(open, attributes)})).await;
    (json!({"sqs": {"existing": {"arn": arn}}, "permissions": "External"}), made["QueueUrl"].as_str().unwrap().to_owned())
}

fn set(url: &str, attributes: Value) -> Break {
    Break::Call("sqs", "SetQueueAttributes", json!({"QueueUrl": url, "Attributes": attributes}))
}

fn delete(url: &str) -> Break {
    Break::Call("sqs", "DeleteQueue", json!({"QueueUrl": url}))
}

async fn queues(world: &World) -> Vec<Way> {
    let mut ways = vec![];
    let key = |service: bool| {
        let all = json!({"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{}:root", world.aws.account)}, "Action": "kms:*", "Resource": "*"});
        let events = json!({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"});
        let statements: Vec<_> = [all].into_iter().chain(service.then_some(events)).collect();
        json!({"Version": "2012-10-17", "Statement": statements}).to_string()
    };
    let made = world.aws.call("kms", "CreateKey", json!({"Policy": key(true)})).await.unwrap();
    let key_id = made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let denial = |name: &str| json!({"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": arn(world, "sqs", name)});
    for (name, attributes) in
        [("queue-deleted", json!({})), ("queue-closed", json!({})), ("queue-denies", json!({})), ("queue-key-of-aws", json!({}))]
    {
        let (sink, url) = queue(world, name, attributes).await;
        let fault = match name {
            "queue-deleted" => delete(&url),
            "queue-closed" => set(&url, json!({"Policy": ""})),
            "queue-denies" => set(&url, json!({"Policy": document(denial(name))})),
            _ => set(&url, json!({"KmsMasterKeyId": "alias/aws/sqs"})),
        };
        ways.push(way(name, sink, vec![fault]));
    }
    let (sink, _) = queue(world, "queue-key-disabled", json!({"KmsMasterKeyId": key_id})).await;
    ways.push(way("queue-key-disabled", sink, vec![Break::Call("kms", "DisableKey", json!({"KeyId": key_id}))]));
    let fifo = json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"});
    let (sink, url) = queue(world, "fifo.fifo", fifo).await;
    let sink = merged(sink, json!({"sqs": {"messageGroupId": "g"}}));
    ways.push(way("fifo-without-deduplication", sink, vec![set(&url, json!({"ContentBasedDeduplication": "false"}))]));
    ways
}

async fn topics_functions_and_log_groups(world: &World) -> Vec<Way> {
    let mut ways = vec![];
    for name in ["topic-deleted", "topic-knows-no-rule"] {
        let topic = world.aws.make_topic(name).await;
        let set = |statement: Value| {
            let parameters = [("Action", "SetTopicAttributes"), ("TopicArn", topic.as_str()), ("AttributeName", "Policy")];
            parameters
                .into_iter()
                .map(|(key, value)| (key, value.to_owned()))
                .chain([("AttributeValue", document(statement))])
                .collect::<Vec<_>>()
        };
        let open: Vec<_> = set(allow("sns:Publish", &topic));
        world.aws.query("sns", &open.iter().map(|(key, value)| (*key, value.as_str())).collect::<Vec<_>>()).await;
        let only = json!({"Condition": {"ArnLike": {"aws:SourceArn": arn(world, "events", "rule/b/*")}}});
        let fault = match name {
            "topic-deleted" => vec![("Action", "DeleteTopic".to_owned()), ("TopicArn", topic.clone())],
            _ => set(merged(allow("sns:Publish", &topic), only)),
        };
        let sink = json!({"sns": {"existing": {"arn": topic}}, "permissions": "External"});
        ways.push(way(name, sink, vec![Break::Query("sns", fault)]));
    }
    for (name, path) in [("function-deleted", ""), ("function-closed", "/policy/one")] {
        let function = world.aws.make_function(name).await;
        let permission = json!({"StatementId": "one", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"});
        world.aws.lambda("POST", &format!("functions/{name}/policy"), Some(permission)).await.unwrap();
        let sink = json!({"lambda": {"existing": {"arn": function}}, "permissions": "External"});
        ways.push(way(name, sink, vec![Break::Lambda("DELETE", format!("functions/{name}{path}"))]));
    }
    for name in ["log-group-deleted", "log-group-closed"] {
        let group = format!("/aws/events/{name}");
        world.aws.logs("CreateLogGroup", json!({"logGroupName": group})).await;
        let statement = merged(
            allow("", &format!("{}:*", world.aws.log_group_arn(&group))),
            json!({"Action": ["logs:CreateLogStream", "logs:PutLogEvents"]}),
        );
        world.aws.logs("PutResourcePolicy", json!({"policyName": name, "policyDocument": document(statement)})).await;
        let fault = match name {
            "log-group-deleted" => Break::Call("logs", "DeleteLogGroup", json!({"logGroupName": group})),
            _ => Break::Call("logs", "DeleteResourcePolicy", json!({"policyName": name})),
        };
        let sink = json!({"logGroup": {"existing": {"arn": world.aws.log_group_arn(&group)}}, "permissions": "External"});
        ways.push(way(name, sink, vec![fault]));
    }
    ways
}

/// A role that EventBridge may assume, and the sink that uses it.
async fn by_role(world: &World, name: &str, sink: Value) -> Value {
    let role = world.aws.make_role(name, "events.amazonaws.com").await;
    merged(sink, json!({"roleArn": role}))
}

fn iam(action: &str, role: &str, more: &[(&'static str, String)]) -> Break {
    let own = [("Action", action.to_owned()), ("RoleName", role.to_owned())];
    Break::Query("iam", own.into_iter().chain(more.iter().cloned()).collect())
}

async fn roles(world: &World) -> Vec<Way> {
    let mut ways = vec![];
    let bounds = document(json!({"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}));
    world.aws.query("iam", &[("Action", "CreatePolicy"), ("PolicyName", "bounds"), ("PolicyDocument", &bounds)]).await;
    let others = document(json!({"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}));
    let boundary = format!("arn:aws:iam::{}:policy/bounds", world.aws.account);
    for name in ["machine-deleted", "role-deleted", "role-without-right", "role-of-another-service", "role-within-bounds"] {
        let machine = world.aws.make_machine(name).await;
        let sink = by_role(world, &format!("{name}-mine"), json!({"stateMachine": {"existing": {"arn": machine}}})).await;
        let role = format!("{name}-mine");
        let without = || iam("DeleteRolePolicy", &role, &[("PolicyName", "p".into())]);
        let faults = match name {
            "machine-deleted" => vec![Break::Call("states", "DeleteStateMachine", json!({"stateMachineArn": machine}))],
            "role-deleted" => vec![without(), iam("DeleteRole", &role, &[])],
            "role-without-right" => vec![without()],
            "role-of-another-service" => vec![iam("UpdateAssumeRolePolicy", &role, &[("PolicyDocument", others.clone())])],
            _ => vec![iam("PutRolePermissionsBoundary", &role, &[("PermissionsBoundary", boundary.clone())])],
        };
        ways.push(way(name, sink, faults));
    }
    ways
}

async fn endpoints(world: &World, receiver: &Receiver) -> Vec<Way> {
    let mut ways = vec![];
    for name in [
        "endpoint-answers-500",
        "endpoint-answers-404",
        "endpoint-not-reachable",
        "connection-deauthorized",
        "connection-deleted",
        "destination-deleted",
    ] {
        let key = json!({"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "value"}});
        let connection =
            world.aws.events("CreateConnection", json!({"Name": name, "AuthorizationType": "API_KEY", "AuthParameters": key})).await;
        let request = json!({"Name": name, "ConnectionArn": connection["ConnectionArn"], "InvocationEndpoint": receiver.url("/in"), "HttpMethod": "POST"});
        let made = world.aws.events("CreateApiDestination", request).await;
        let sink = json!({"apiDestination": {"existing": {"arn": made["ApiDestinationArn"]}}});
        let moved = |url: String| Break::Call("events", "UpdateApiDestination", json!({"Name": name, "InvocationEndpoint": url}));
        let named = |op: &'static str| Break::Call("events", op, json!({"Name": name}));
        let fault = match name {
            "endpoint-answers-500" => moved(receiver.url("/status/500")),
            "endpoint-answers-404" => moved(receiver.url("/status/404")),
            "endpoint-not-reachable" => moved("https://nowhere.example.com/".into()),
            "connection-deauthorized" => named("DeauthorizeConnection"),
            "connection-deleted" => named("DeleteConnection"),
            _ => named("DeleteApiDestination"),
        };
        ways.push(way(name, by_role(world, name, sink).await, vec![fault]));
    }
    ways
}

async fn streams_and_tasks(world: &World) -> Vec<Way> {
    let mut ways = vec![];
    let existing = |service: &str, resource: &str| json!({"existing": {"arn": arn(world, service, resource)}});
    world.aws.events("CreateEventBus", json!({"Name": "other"})).await;
    let bus = json!({"eventBus": existing("events", "event-bus/other")});
    ways.push(way(
        "bus-deleted",
        by_role(world, "bus", bus).await,
        vec![Break::Call("events", "DeleteEventBus", json!({"Name": "other"}))],
    ));
    world.aws.call("kinesis", "CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await.unwrap();
    let fault = Break::Call("kinesis", "DeleteStream", json!({"StreamName": "s"}));
    ways.push(way("stream-deleted", by_role(world, "stream", json!({"kinesis": existing("kinesis", "stream/s")})).await, vec![fault]));
    world.aws.call("firehose", "CreateDeliveryStream", json!({"DeliveryStreamName": "s"})).await.unwrap();
    let fault = Break::Call("firehose", "DeleteDeliveryStream", json!({"DeliveryStreamName": "s"}));
    let hose = json!({"firehose": existing("firehose", "deliverystream/s")});
    ways.push(way("delivery-stream-deleted", by_role(world, "hose", hose).await, vec![fault]));
    for name in ["task-definition-inactive", "cluster-deleted"] {
        world.aws.call("ecs", "CreateCluster", json!({"clusterName": name})).await.unwrap();
        let registered = json!({"family": name, "containerDefinitions": [{"name": "work", "image": "work"}]});
        world.aws.call("ecs", "RegisterTaskDefinition", registered).await.unwrap();
        let sink = json!({"ecsTask": {"clusterArn": arn(world, "ecs", &format!("cluster/{name}")), "taskDefinitionArn": arn(world, "ecs", &format!("task-definition/{name}"))}});
        let fault = match name {
            "cluster-deleted" => Break::Call("ecs", "DeleteCluster", json!({"cluster": name})),
            _ => Break::Call("ecs", "DeregisterTaskDefinition", json!({"taskDefinition": format!("{name}:1")})),
        };
        ways.push(way(name, by_role(world, name, sink).await, vec![fault]));
    }
    let (pipeline, warehouse, api) = (
        arn(world, "sagemaker", "pipeline/train"),
        arn(world, "redshift", "cluster:lab"),
        arn(world, "execute-api", "a1/prod/POST/orders"),
    );
    let sql = json!({"existing": {"arn": warehouse}, "database": "dev", "dbUser": "loader", "sql": "call load()"});
    for (name, resource, sink) in [
        ("pipeline-deleted", &pipeline, json!({"sageMakerPipeline": {"existing": {"arn": pipeline}}})),
        ("warehouse-deleted", &warehouse, json!({"redshiftData": sql})),
        ("gateway-api-deleted", &api, json!({"arn": {"existing": {"arn": api}}})),
    ] {
        world.aws.declare(resource, json!({"databases": ["dev"]})).await;
        ways.push(way(name, by_role(world, name, sink).await, vec![Break::Gone(resource.clone())]));
    }
    ways
}

async fn inputs_and_dead_letters(world: &World) -> Vec<Way> {
    let (sink, _) = queue(world, "input", json!({})).await;
    let template = json!({"inputTransformer": {"inputPathsMap": {"x": "$.detail.x"}, "inputTemplate": "{\"text\": \"<x>\"}"}});
    let mut ways = vec![Way { target: template, ..way("input-not-json", sink, vec![Break::Event(json!({"x": {"no": "text"}}))]) }];
    for name in ["dead-lettered", "dead-letter-queue-deleted", "dead-letter-queue-closed"] {
        let (sink, url) = queue(world, name, json!({})).await;
        let (dead, dead_url) = queue(world, &format!("{name}-dead"), json!({})).await;
        world.apply("EventSink", &format!("{name}-dead"), dead).await;
        let fault = match name {
            "dead-letter-queue-deleted" => Some(delete(&dead_url)),
            "dead-letter-queue-closed" => Some(set(&dead_url, json!({"Policy": ""}))),
            _ => None,
        };
        let reason = if fault.is_some() { "DeadLettersLost" } else { "InvocationsFailed" };
        let target = json!({"deadLetter": {"sinkRef": {"name": format!("{name}-dead")}}});
        ways.push(Way { target, reason, ..way(name, sink, [set(&url, json!({"Policy": ""}))].into_iter().chain(fault).collect()) });
    }
    ways
}

/// The table. Everything that the rows need exists in AWS.
pub async fn ways(world: &World, receiver: &Receiver) -> Vec<Way> {
    let mut ways = queues(world).await;
    ways.extend(topics_functions_and_log_groups(world).await);
    ways.extend(roles(world).await);
    ways.extend(endpoints(world, receiver).await);
    ways.extend(streams_and_tasks(world).await);
    ways.extend(inputs_and_dead_letters(world).await);
    ways
}

impl Break {
    /// Breaks the row. Returns the detail of the event that is published then.
    pub async fn apply(&self, world: &World) -> Value {
        match self {
            Self::Call(service, op, request) => {
                world.aws.call(service, op, request.clone()).await.unwrap_or_else(|error| panic!("{service}:{op}: {error}"));
            }
            Self::Query(service, parameters) => {
                let parameters: Vec<_> = parameters.iter().map(|(key, value)| (*key, value.as_str())).collect();
                world.aws.query(service, &parameters).await;
            }
            Self::Lambda(method, path) => {
                world.aws.lambda(method, path, None).await.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
            }
            Self::Gone(arn) => world.aws.declare(arn, json!({"gone": true})).await,
            Self::Event(detail) => return detail.clone(),
        }
        healthy()
    }
}

/// Detail of an event that each row delivers until it is broken.
pub fn healthy() -> Value {
    json!({"x": "text"})
}
