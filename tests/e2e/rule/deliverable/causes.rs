//! Condition `Deliverable`: each way to break delivery by hand is reported with its cause, and a working rule raises no alarm. What arrives
//! decides.
//!
//! Policies belong to another owner here (`permissions: External`, `roleArn`), so that the operator repairs nothing meanwhile.

use serde_json::{Value, json};
use tributary_testkit::{REGION, World, all_ready, aws_name, condition, publish, reconcile_now};

/// A world in which rule `r` sends to sink `s`.
pub struct Rig {
    pub world: World,
    rule: String,
}

impl Rig {
    pub async fn new(name: &str, sink: impl AsyncFnOnce(&World) -> Value, dead_letter: bool) -> Self {
        let world = World::start(name).await;
        let spec = sink(&world).await;
        world.apply("EventBus", "b", json!({"name": "b"})).await;
        world.apply("EventSink", "s", spec).await;
        let mut target = json!({"name": "t", "sinkRef": {"name": "s"}});
        if dead_letter {
            world.aws.sqs("CreateQueue", json!({"QueueName": "dead"})).await;
            world
                .apply("EventSink", "d", json!({"sqs": {"existing": {"arn": arn(&world, "sqs", "dead")}}, "permissions": "External"}))
                .await;
            target["deadLetter"] = json!({"sinkRef": {"name": "d"}});
        }
        let rule = json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["test"]}, "targets": [target]});
        world.apply("EventRule", "r", rule).await;
        all_ready(&world, &[("EventSink", "s"), ("EventRule", "r")]).await;
        let rule = format!("arn:aws:events:{REGION}:{}:rule/b/{}", world.aws.account, aws_name(&world, "r"));
        Self { world, rule }
    }

    /// What the rule says after a look, and what came of an event.
    async fn verdict(&self) -> (String, String, String, Value) {
        reconcile_now(&self.world, "EventRule", "r").await;
        let (status, reason, message) = condition(&self.world.get("EventRule", "r").await.unwrap(), "Deliverable").unwrap();
        (status, reason, message, publish(&self.world, "x").await)
    }

    pub async fn is_fine(&self, what: &str) {
        let (status, reason, message, outcome) = self.verdict().await;
        assert_eq!((status.as_str(), reason.as_str()), ("True", "Deliverable"), "{what}: {message}");
        assert_eq!(outcome["outcome"], "DELIVERED", "{what}: {outcome}");
    }

    /// `word` has to be in the message: what is missing, or where.
    async fn is_broken(&self, what: &str, want: &str, word: &str) {
        let (status, reason, message, outcome) = self.verdict().await;
        assert_eq!((status.as_str(), reason.as_str()), ("False", want), "{what}: {message}");
        assert!(message.contains("target t") && message.contains(word), "{what}: {message}");
        assert_eq!(outcome["outcome"], "FAILED", "{what}: {outcome}");
    }

    fn allow(&self, action: &str, resource: &str) -> Value {
        json!({"Sid": "a", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": action, "Resource": resource,
               "Condition": {"ArnLike": {"aws:SourceArn": self.rule}}})
    }
}

pub fn arn(world: &World, service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{}:{resource}", world.aws.account)
}

pub fn document(statements: &[Value]) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

#[allow(clippy::needless_pass_by_value)] // A table reads better without a reference in each row.
pub fn with(mut statement: Value, more: Value) -> Value {
    statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    statement
}

pub async fn set_queue(world: &World, queue: &str, attributes: Value) {
    let url = world.aws.queue_url(queue).await.unwrap();
    world.aws.sqs("SetQueueAttributes", json!({"QueueUrl": url, "Attributes": attributes})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue() {
    let make = async |world: &World| {
        world.aws.sqs("CreateQueue", json!({"QueueName": "q"})).await;
        json!({"sqs": {"existing": {"arn": arn(world, "sqs", "q")}}, "permissions": "External"})
    };
    let rig = Rig::new("deliver-sqs", make, false).await;
    let queue = arn(&rig.world, "sqs", "q");
    let right = rig.allow("sqs:SendMessage", &queue);
    let deny = |more: Value| with(json!({"Sid": "no", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": queue}), more);
    let insecure = deny(json!({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}));
    let others = json!({"Sid": "o", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sqs:SendMessage", "Resource": queue,
                        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}});
    let wide = with(
        right.clone(),
        json!({"Condition": {"ArnLike": {"aws:SourceArn": format!("arn:aws:events:{REGION}:{}:rule/b/*", rig.world.aws.account)}}}),
    );
    for (what, statements) in [
        ("the right statement", vec![right.clone()]),
        ("a whole bus", vec![wide]),
        ("no condition", vec![with(right.clone(), json!({"Condition": {}}))]),
        ("insecure transport denied", vec![right.clone(), insecure]),
        ("another's statement beside it", vec![others.clone(), right.clone()]),
        ("in capitals", vec![with(right.clone(), json!({"Action": "SQS:SendMessage"}))]),
    ] {
        set_queue(&rig.world, "q", json!({"Policy": document(&statements)})).await;
        rig.is_fine(what).await;
    }
    let missing = "PermissionMissing";
    for (what, statements, reason) in [
        ("no statement for EventBridge", vec![others], missing),
        (
            "another rule",
            vec![with(right.clone(), json!({"Condition": {"ArnLike": {"aws:SourceArn": format!("{}x", rig.rule)}}}))],
            missing,
        ),
        ("another queue", vec![with(right.clone(), json!({"Resource": format!("{queue}x")}))], missing),
        ("another action", vec![with(right.clone(), json!({"Action": "sqs:ReceiveMessage"}))], missing),
        ("another service", vec![with(right.clone(), json!({"Principal": {"Service": "sns.amazonaws.com"}}))], missing),
        (
            "the account only",
            vec![with(right.clone(), json!({"Principal": {"AWS": format!("arn:aws:iam::{}:root", rig.world.aws.account)}}))],
            missing,
        ),
        (
            "another account",
            vec![with(right.clone(), json!({"Condition": {"StringEquals": {"aws:SourceAccount": "999988887777"}}}))],
            missing,
        ),
        (
            "a pattern where none is read",
            vec![with(right.clone(), json!({"Condition": {"StringEquals": {"aws:SourceArn": "arn:aws:events:*"}}}))],
            missing,
        ),
        ("an explicit denial", vec![right.clone(), deny(json!({}))], "ExplicitDeny"),
        (
            "a denial of this rule",
            vec![right.clone(), deny(json!({"Condition": {"ArnEquals": {"aws:SourceArn": rig.rule}}}))],
            "ExplicitDeny",
        ),
        (
            "a denial of all but reading",
            vec![
                right.clone(),
                with(
                    json!({"Sid": "no", "Effect": "Deny", "Principal": "*", "NotAction": "sqs:ReceiveMessage", "Resource": queue}),
                    json!({}),
                ),
            ],
            "ExplicitDeny",
        ),
    ] {
        set_queue(&rig.world, "q", json!({"Policy": document(&statements)})).await;
        rig.is_broken(what, reason, if reason == missing { "sqs:SendMessage" } else { "\"no\"" }).await;
    }
    set_queue(&rig.world, "q", json!({"Policy": ""})).await;
    rig.is_broken("no policy", missing, "Add: {").await;
    set_queue(&rig.world, "q", json!({"Policy": document(&[right]), "KmsMasterKeyId": "alias/aws/sqs"})).await;
    rig.is_broken("a key that AWS keeps", "KeyNotUsable", "customer managed key").await;
    let key = make_key(&rig.world, None).await;
    set_queue(&rig.world, "q", json!({"KmsMasterKeyId": key})).await;
    rig.is_broken("a key without a word for EventBridge", "KeyNotUsable", "kms:Decrypt").await;
    let service = json!({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"});
    let key = make_key(&rig.world, Some(service)).await;
    set_queue(&rig.world, "q", json!({"KmsMasterKeyId": key})).await;
    rig.is_fine("a key that EventBridge may use").await;
    rig.world.aws.call("kms", "DisableKey", json!({"KeyId": key})).await.unwrap();
    rig.is_broken("a key that is disabled", "KeyNotUsable", "disabled").await;
    let url = rig.world.aws.queue_url("q").await.unwrap();
    rig.world.aws.sqs("DeleteQueue", json!({"QueueUrl": url})).await;
    rig.is_broken("no queue", "TargetNotFound", "AWS has no").await;
}

/// A customer's key whose policy lets the account do anything, and this.
async fn make_key(world: &World, more: Option<Value>) -> String {
    let account = json!({"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{}:root", world.aws.account)}, "Action": "kms:*", "Resource": "*"});
    let statements: Vec<_> = [account].into_iter().chain(more).collect();
    let made = world.aws.call("kms", "CreateKey", json!({"Policy": document(&statements)})).await.unwrap();
    made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic() {
    let make = async |world: &World| {
        let topic = world.aws.make_topic("t").await;
        json!({"sns": {"existing": {"arn": topic}}, "permissions": "External"})
    };
    let rig = Rig::new("deliver-sns", make, false).await;
    let topic = arn(&rig.world, "sns", "t");
    let set = async |name: &str, value: &str| {
        let set = [("Action", "SetTopicAttributes"), ("TopicArn", topic.as_str()), ("AttributeName", name), ("AttributeValue", value)];
        rig.world.aws.query("sns", &set).await;
    };
    rig.is_broken("AWS's own policy only", "PermissionMissing", "sns:Publish").await;
    let right = with(rig.allow("sns:Publish", &topic), json!({"Condition": {}}));
    set("Policy", &document(std::slice::from_ref(&right))).await;
    rig.is_fine("the right statement").await;
    for (what, statements, reason) in [
        ("a condition on the rule, which is never told", vec![rig.allow("sns:Publish", &topic)], "PermissionMissing"),
        ("another action", vec![with(right.clone(), json!({"Action": "sns:Subscribe"}))], "PermissionMissing"),
        ("an explicit denial", vec![right.clone(), with(right.clone(), json!({"Sid": "no", "Effect": "Deny"}))], "ExplicitDeny"),
    ] {
        set("Policy", &document(&statements)).await;
        rig.is_broken(what, reason, "sns:Publish").await;
    }
    set("Policy", &document(&[right])).await;
    set("KmsMasterKeyId", "alias/aws/sns").await;
    rig.is_broken("a key that AWS keeps", "KeyNotUsable", "customer managed key").await;
    rig.world.aws.query("sns", &[("Action", "DeleteTopic"), ("TopicArn", &topic)]).await;
    rig.is_broken("no topic", "TargetNotFound", "AWS has no").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function() {
    let make = async |world: &World| {
        let function = world.aws.make_function("f").await;
        json!({"lambda": {"existing": {"arn": function}}, "permissions": "External"})
    };
    let rig = Rig::new("deliver-lambda", make, false).await;
    rig.is_broken("no permission", "PermissionMissing", "lambda:InvokeFunction").await;
    let add = async |id: &str, principal: &str, source: &str| {
        let body = json!({"StatementId": id, "Action": "lambda:InvokeFunction", "Principal": principal, "SourceArn": source});
        rig.world.aws.lambda("POST", "functions/f/policy", Some(body)).await.unwrap();
    };
    add("one", "events.amazonaws.com", &format!("{}x", rig.rule)).await;
    rig.is_broken("another rule", "PermissionMissing", "lambda:InvokeFunction").await;
    add("two", "s3.amazonaws.com", &rig.rule).await;
    rig.is_broken("another service", "PermissionMissing", "lambda:InvokeFunction").await;
    add("three", "events.amazonaws.com", &rig.rule).await;
    rig.is_fine("the right permission").await;
    rig.world.aws.lambda("DELETE", "functions/f", None).await.unwrap();
    rig.is_broken("no function", "TargetNotFound", "AWS has no").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_group() {
    let make = async |world: &World| {
        world.aws.logs("CreateLogGroup", json!({"logGroupName": "/aws/events/g"})).await;
        json!({"logGroup": {"existing": {"arn": world.aws.log_group_arn("/aws/events/g")}}, "permissions": "External"})
    };
    let rig = Rig::new("deliver-logs", make, false).await;
    let group = format!("{}:*", rig.world.aws.log_group_arn("/aws/events/g"));
    let put = async |name: &str, statements: &[Value]| {
        rig.world.aws.logs("PutResourcePolicy", json!({"policyName": name, "policyDocument": document(statements)})).await;
    };
    let missing = "PermissionMissing";
    rig.is_broken("no policy", missing, "logs:CreateLogStream").await;
    let streams = rig.allow("logs:CreateLogStream", &group);
    let streams = with(streams, json!({"Condition": {}}));
    put("one", std::slice::from_ref(&streams)).await;
    rig.is_broken("streams, and no events", missing, "logs:PutLogEvents").await;
    let events = rig.allow("logs:PutLogEvents", &group);
    put(
        "one",
        &[streams.clone(), with(events.clone(), json!({"Resource": format!("{}:*", rig.world.aws.log_group_arn("/aws/events/h"))}))],
    )
    .await;
    rig.is_broken("another group", missing, "logs:PutLogEvents").await;
    put("one", &[streams.clone(), events.clone()]).await;
    rig.is_fine("the right statements").await;
    put("two", &[with(events.clone(), json!({"Sid": "no", "Effect": "Deny"}))]).await;
    rig.is_broken("a denial in another policy", "ExplicitDeny", "\"no\"").await;
    rig.world.aws.logs("DeleteResourcePolicy", json!({"policyName": "two"})).await;
    let all = with(
        streams,
        json!({"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": format!("arn:aws:logs:{REGION}:{}:log-group:/aws/events/*:*", rig.world.aws.account)}),
    );
    put("one", &[all]).await;
    rig.is_fine("the console's statement for all groups").await;
    rig.world.aws.logs("DeleteLogGroup", json!({"logGroupName": "/aws/events/g"})).await;
    rig.is_broken("no group", "TargetNotFound", "AWS has no").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role() {
    let make = async |world: &World| {
        let (machine, role) = (world.aws.make_machine("m").await, world.aws.make_role("mine", "events.amazonaws.com").await);
        json!({"stateMachine": {"existing": {"arn": machine}}, "roleArn": role})
    };
    let rig = Rig::new("deliver-role", make, false).await;
    rig.is_fine("trust and permissions").await;
    let (aws, machine) = (&rig.world.aws, arn(&rig.world, "states", "stateMachine:m"));
    let trust =
        |more: Value| with(json!({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}), more);
    let assume = async |statement: Value| {
        aws.query("iam", &[("Action", "UpdateAssumeRolePolicy"), ("RoleName", "mine"), ("PolicyDocument", &document(&[statement]))]).await;
    };
    let may = async |statements: &[Value]| {
        aws.query(
            "iam",
            &[("Action", "PutRolePolicy"), ("RoleName", "mine"), ("PolicyName", "p"), ("PolicyDocument", &document(statements))],
        )
        .await;
    };
    for (what, statement) in [
        ("trust for another service", trust(json!({"Principal": {"Service": "scheduler.amazonaws.com"}}))),
        ("trust for another rule", trust(json!({"Condition": {"ArnLike": {"aws:SourceArn": format!("{}x", rig.rule)}}}))),
        ("trust for another account", trust(json!({"Condition": {"StringEquals": {"aws:SourceAccount": "999988887777"}}}))),
        ("trust that denies", trust(json!({"Effect": "Deny"}))),
    ] {
        assume(statement).await;
        rig.is_broken(what, "RoleNotAssumable", "sts:AssumeRole").await;
    }
    assume(trust(json!({"Condition": {"ArnLike": {"aws:SourceArn": rig.rule}, "StringEquals": {"aws:SourceAccount": aws.account}}}))).await;
    rig.is_fine("trust for this rule").await;
    let start = |resource: &str| json!({"Effect": "Allow", "Action": "states:StartExecution", "Resource": resource});
    for (what, statements, reason) in [
        ("another right", vec![json!({"Effect": "Allow", "Action": "states:StopExecution", "Resource": "*"})], "RoleLacksRight"),
        ("the right on another state machine", vec![start(&format!("{machine}x"))], "RoleLacksRight"),
        ("a denial", vec![start("*"), json!({"Effect": "Deny", "Action": "states:*", "Resource": machine})], "ExplicitDeny"),
    ] {
        may(&statements).await;
        rig.is_broken(what, reason, "states:StartExecution").await;
    }
    may(&[start(&machine)]).await;
    rig.is_fine("just the right").await;
    let bounds = document(&[json!({"Effect": "Allow", "Action": "sqs:*", "Resource": "*"})]);
    aws.query("iam", &[("Action", "CreatePolicy"), ("PolicyName", "bounds"), ("PolicyDocument", &bounds)]).await;
    let boundary = format!("arn:aws:iam::{}:policy/bounds", aws.account);
    aws.query("iam", &[("Action", "PutRolePermissionsBoundary"), ("RoleName", "mine"), ("PermissionsBoundary", &boundary)]).await;
    rig.is_broken("a boundary that leaves it out", "RoleLacksRight", "boundary").await;
    aws.query("iam", &[("Action", "DeleteRolePermissionsBoundary"), ("RoleName", "mine")]).await;
    // The right may come by an attached policy too.
    let policy = document(&[start(&machine)]);
    aws.query("iam", &[("Action", "CreatePolicy"), ("PolicyName", "start"), ("PolicyDocument", &policy)]).await;
    let attached = format!("arn:aws:iam::{}:policy/start", aws.account);
    aws.query("iam", &[("Action", "DeleteRolePolicy"), ("RoleName", "mine"), ("PolicyName", "p")]).await;
    rig.is_broken("no policy at all", "RoleLacksRight", "states:StartExecution").await;
    aws.query("iam", &[("Action", "AttachRolePolicy"), ("RoleName", "mine"), ("PolicyArn", &attached)]).await;
    rig.is_fine("an attached policy").await;
    aws.states("DeleteStateMachine", json!({"stateMachineArn": machine})).await;
    rig.is_broken("no state machine", "TargetNotFound", "AWS has no").await;
    aws.query("iam", &[("Action", "DetachRolePolicy"), ("RoleName", "mine"), ("PolicyArn", &attached)]).await;
    aws.query("iam", &[("Action", "DeleteRole"), ("RoleName", "mine")]).await;
    aws.make_machine("n").await;
    let (status, _, message, _) = rig.verdict().await;
    assert!(status == "False" && message.contains("target t"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_queue() {
    let make = async |world: &World| {
        world.aws.sqs("CreateQueue", json!({"QueueName": "q"})).await;
        json!({"sqs": {"existing": {"arn": arn(world, "sqs", "q")}}, "permissions": "External"})
    };
    let rig = Rig::new("deliver-dead", make, true).await;
    let queue = |name: &str| arn(&rig.world, "sqs", name);
    set_queue(&rig.world, "q", json!({"Policy": document(&[rig.allow("sqs:SendMessage", &queue("q"))])})).await;
    let right = rig.allow("sqs:SendMessage", &queue("dead"));
    let broken = async |what: &str, word: &str| {
        let (status, reason, message, outcome) = rig.verdict().await;
        assert_eq!((status.as_str(), reason.as_str()), ("False", "DeadLetterNotReachable"), "{what}: {message}");
        assert!(message.contains("is lost") && message.contains(word), "{what}: {message}");
        assert_eq!(outcome["outcome"], "DELIVERED", "{what}: the target itself takes it");
    };
    broken("no policy", "sqs:SendMessage").await;
    set_queue(&rig.world, "dead", json!({"Policy": document(&[with(right.clone(), json!({"Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:events:eu-west-1:111122223333:rule/x"}}}))])})).await;
    broken("another rule", "sqs:SendMessage").await;
    set_queue(&rig.world, "dead", json!({"Policy": document(std::slice::from_ref(&right)), "KmsMasterKeyId": "alias/aws/sqs"})).await;
    broken("a key that AWS keeps", "customer managed key").await;
    set_queue(&rig.world, "dead", json!({"KmsMasterKeyId": "", "SqsManagedSseEnabled": "true"})).await;
    rig.is_fine("the right statement").await;
    let url = rig.world.aws.queue_url("dead").await.unwrap();
    rig.world.aws.sqs("DeleteQueue", json!({"QueueUrl": url})).await;
    broken("no queue", "AWS has no").await;
}
