//! The scenario of roles: topics, a state machine, a stream, an API destination with its connection, and the rules that send there.

use serde_json::{Value, json};
use tributary_testkit::{REGION, aws_name, until_within};

use crate::scenario::Scenario;

/// In the order in which they are deleted, which is not the order in which they may go.
pub const OBJECTS: &[(&str, &str)] = &[
    ("EventBus", "bus"),
    ("EventSink", "topic"),
    ("EventSink", "theirs"),
    ("EventSink", "machine"),
    ("EventSink", "plain"),
    ("EventSink", "stream"),
    ("EventSink", "api"),
    ("EventRule", "rule"),
    ("EventRule", "other"),
];

const BOUNDARY: &str = "arn:aws:iam::aws:policy/PowerUserAccess";

impl Scenario {
    /// A topic of somebody else, whose policy has AWS's own statement.
    pub async fn others_topic(&self) {
        self.world.aws.make_topic("theirs").await;
        self.world.permit_secrets().await;
        self.login("first").await;
        self.tags("team").await;
    }

    async fn login(&self, password: &str) {
        self.world.user_secret("login", json!({"password": password})).await;
    }

    /// The account's tags stand on everything that is made, roles and state machines among it; and a boundary may be named.
    async fn tags(&self, key: &str) {
        let mut account = self.world.account_spec();
        account["defaultTags"] = json!({key: "e2e"});
        account["grants"][0]["arns"].as_array_mut().unwrap().push(json!(BOUNDARY));
        self.world.apply_account(account).await;
    }

    pub async fn prepare_roles(&self, new: bool) {
        let world = &self.world;
        let pick = |before: Value, after: Value| if new { after } else { before };
        if new {
            self.tags("squad").await;
            self.login("second").await;
        }
        let arn = |service: &str, resource: &str| format!("arn:aws:{service}:{REGION}:{}:{resource}", world.aws.account);
        world.apply("EventBus", "bus", json!({})).await;
        let topic = json!({"displayName": pick(json!("old"), json!("new"))});
        world.apply("EventSink", "topic", json!({"deletionPolicy": "Delete", "sns": {"managed": topic}})).await;
        world.apply("EventSink", "theirs", json!({"sns": {"existing": {"arn": arn("sns", "theirs")}}})).await;
        let entry = json!({"Detail": {}, "DetailType": "x", "Source": "y", "EventBusName": "${Bus}"});
        let task =
            json!({"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "Parameters": {"Entries": [entry]}, "End": true});
        let pass = json!({"Type": "Pass", "End": true});
        let machine = json!({"definition": {"StartAt": "a", "States": {"a": task}}, "substitutions": {"Bus": {"busRef": {"name": "bus"}}},
            "tracing": pick(json!(false), json!(true))});
        let role = pick(json!({}), json!({"permissionsBoundaryArn": BOUNDARY}));
        let machine = json!({"deletionPolicy": "Delete", "stateMachine": {"managed": machine}, "invocationRole": role});
        world.apply("EventSink", "machine", machine).await;
        // In its second version it needs no right any more.
        let plain = json!({"definition": {"StartAt": "a", "States": {"a": pick(task, pass)}}, "substitutions": {"Bus": {"busRef": {"name": "bus"}}}});
        world.apply("EventSink", "plain", json!({"deletionPolicy": "Delete", "stateMachine": {"managed": plain}})).await;
        let role = pick(json!({"permissionsBoundaryArn": BOUNDARY}), json!({}));
        let stream = json!({"kinesis": {"existing": {"arn": arn("kinesis", "stream/s")}}, "invocationRole": role});
        world.apply("EventSink", "stream", stream).await;
        let login = json!({"basic": {"username": "ada", "passwordSecretRef": {"name": "login", "key": "password"}}});
        let api = json!({"endpoint": pick(json!("https://example.com/old"), json!("https://example.com/new")), "connection": login});
        world.apply("EventSink", "api", json!({"apiDestination": {"managed": api}})).await;
        let to = |name: &str| json!({"name": name, "sinkRef": {"name": name}});
        let sends = |targets: Value| json!({"busRef": {"name": "bus"}, "eventPattern": {"source": ["a"]}, "targets": targets});
        world.apply("EventRule", "rule", sends(json!([to("topic"), to("machine"), to("stream"), to("api")]))).await;
        world.apply("EventRule", "other", sends(pick(json!([to("theirs"), to("stream")]), json!([to("machine")])))).await;
    }

    /// An unused statement and its entry in the trust policy are removed a moment after the rule is Ready.
    pub async fn roles_settled(&self) {
        let (world, aws) = (&self.world, &self.world.aws);
        let topic = format!("arn:aws:sns:{REGION}:{}:theirs", aws.account);
        let left = || async { (aws.topic_policy(&topic).await.len() == 1).then_some(()) };
        until_within(world.timeout, "the topic's statement is withdrawn", &mut { left }).await;
        let head = format!("{}-stream-", world.namespace);
        let narrow = || async {
            let (_, role) = aws.role_like(&head).await?;
            let sources = role.trust["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"].clone();
            (sources.as_array().map_or(1, Vec::len) == 1).then_some(())
        };
        until_within(world.timeout, "the stream's trust is narrowed", &mut { narrow }).await;
        for name in ["theirs", "stream"] {
            world.ready("EventSink", name).await;
        }
        // Bus and rule have the spec that they had: nothing but the tags of the account tells when they are done.
        let bus = aws_name(world, "bus");
        let done = || async {
            let rule = aws.rule(&bus, &aws_name(world, "rule")).await?["Arn"].clone();
            for arn in [rule, json!(format!("arn:aws:events:{REGION}:{}:event-bus/{bus}", aws.account))] {
                let tags = aws.events("ListTagsForResource", json!({"ResourceARN": arn})).await;
                tags["Tags"].as_array()?.iter().find(|tag| tag["Key"] == "squad")?;
            }
            Some(())
        };
        until_within(world.timeout, "bus and rule have the new tags", &mut { done }).await;
    }
}
