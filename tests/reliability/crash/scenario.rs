//! The scenario: objects of every kind that together cause every step, through create, update and delete.

use std::{collections::BTreeSet, time::Duration};

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use tributary_testkit::{
    Call, REGION, World, options,
    product::{Options, annotation},
    until_within,
};

use crate::{own_objects, scenario_roles};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Create,
    Update,
    Delete,
}

impl Phase {
    pub const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];

    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|next| *next > self)
    }
}

/// Two scenarios, for a crash in the one has nothing to do with the other, and half a world is made in half the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Story {
    /// Buses, rules, queues and their policies.
    Queues,
    /// A subscription with its children, a function, a queue that feeds functions, log groups.
    Benchling,
    /// Topics, state machines, and the roles by which they and others are reached.
    Roles,
}

impl Story {
    /// In the order in which they are deleted, which is not the order in which they may go.
    fn objects(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Queues => &[
                ("EventBus", "bus"),
                ("EventSink", "dead"),
                ("EventSink", "work"),
                ("EventSink", "old"),
                ("EventSink", "kept"),
                ("EventRule", "rule"),
                ("EventRule", "other"),
                ("EventReplay", "again"),
            ],
            Self::Benchling => &[
                ("BenchlingSubscription", "lims"),
                ("EventSink", "dead"),
                ("EventSink", "function"),
                ("EventSink", "fed"),
                ("EventSink", "logs-a"),
                ("EventSink", "logs-b"),
                ("EventRule", "all"),
            ],
            Self::Roles => scenario_roles::OBJECTS,
        }
    }
}

fn made_something(call: &Call) -> bool {
    (call.op.starts_with("Create") || call.op == "StartReplay") && call.status.is_some_and(|status| status < 300)
}

/// What the programme asks: converged within this time after the restart.
pub const BAR: Duration = Duration::from_secs(90);

pub struct Scenario {
    pub world: World,
    story: Story,
}

impl Scenario {
    pub async fn new(name: &str, story: Story) -> Self {
        let mut world = World::empty(name).await;
        world.timeout = BAR;
        world.permit_config_maps().await;
        world.aws.settings(json!({"queueDeletedSeconds": 0, "replaySeconds": 3600, "connectionDelaySeconds": 0})).await;
        let scenario = Self { world, story };
        match story {
            Story::Queues => scenario.others_queues().await,
            Story::Benchling => scenario.others_functions().await,
            Story::Roles => scenario.others_topic().await,
        }
        scenario
    }

    /// Two queues of somebody else, with a policy of theirs, and a stream for logs.
    async fn others_queues(&self) {
        let world = &self.world;
        let backup = json!({"RoleARN": format!("arn:aws:iam::{}:role/r", world.aws.account), "BucketARN": "arn:aws:s3:::backup"});
        let stream = json!({"DeliveryStreamName": "logs", "S3DestinationConfiguration": backup});
        world.aws.call("firehose", "CreateDeliveryStream", stream).await.unwrap();
        for name in ["theirs-1", "theirs-2"] {
            let arn = format!("arn:aws:sqs:{REGION}:{}:{name}", world.aws.account);
            let statement =
                json!({"Sid": "theirs", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sqs:SendMessage", "Resource": arn});
            let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
            world.aws.sqs("CreateQueue", json!({"QueueName": name, "Attributes": {"Policy": policy}})).await;
        }
    }

    /// Functions of somebody else, one with a statement of theirs; a log resource policy of theirs; what a tenant admin subscribed to.
    async fn others_functions(&self) {
        let world = &self.world;
        for name in ["f", "g"] {
            world.aws.make_function(name).await;
        }
        let body = json!({"StatementId": "theirs", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"});
        world.aws.lambda("POST", "functions/f/policy", Some(body)).await.unwrap();
        let theirs = json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "Theirs", "Effect": "Allow", "Principal": {"Service": "es.amazonaws.com"}, "Action": "logs:PutLogEvents", "Resource": "*"}]});
        world.aws.logs("PutResourcePolicy", json!({"policyName": "theirs", "policyDocument": theirs.to_string()})).await;
        self.world.aws.make_source(&self.source()).await;
    }

    fn source(&self) -> String {
        format!("aws.partner/benchling.com/acme-{}/app", self.world.aws.account)
    }

    /// The Benchling path: a partner's bus, a function, a queue that feeds functions, two log groups.
    async fn prepare_benchling(&self, new: bool) {
        let world = &self.world;
        let pick = |before: Value, after: Value| if new { after } else { before };
        let spec = json!({"tenant": format!("acme-{}", world.aws.account), "appName": "app", "deletionPolicy": "Delete",
            "bus": {"description": pick(json!("old"), json!("new"))}, "monitoring": {"logGroup": {"retentionDays": 7}}});
        world.apply("BenchlingSubscription", "lims", spec).await;
        let on_failure = pick(json!({"sinkRef": {"name": "dead"}}), Value::Null);
        let function = json!({"lambda": {"existing": {"arn": world.aws.function_arn("f")}, "onFailure": on_failure}});
        world.apply("EventSink", "dead", json!({"deletionPolicy": "Delete", "sqs": {"managed": {}}})).await;
        world.apply("EventSink", "function", function).await;
        let trigger = |name: &str, batch: i32| json!({"functionArn": world.aws.function_arn(name), "batchSize": batch});
        let triggers = pick(json!([trigger("f", 5)]), json!([trigger("f", 7), trigger("g", 1)]));
        world.apply("EventSink", "fed", json!({"deletionPolicy": "Delete", "sqs": {"managed": {}, "triggers": triggers}})).await;
        let key = format!("arn:aws:kms:{REGION}:{}:key/k", world.aws.account);
        let a = pick(json!({"retentionDays": 7, "kmsKeyArn": key, "tags": {"a": "1", "b": "1"}}), json!({"tags": {"a": "2"}}));
        world.apply("EventSink", "logs-a", json!({"deletionPolicy": "Delete", "logGroup": {"managed": a}})).await;
        let b = pick(json!({}), json!({"retentionDays": 7, "kmsKeyArn": key}));
        world.apply("EventSink", "logs-b", json!({"deletionPolicy": "Delete", "logGroup": {"managed": b}})).await;
        let to = |name: &str| json!({"name": name, "sinkRef": {"name": name}});
        let targets = pick(json!([to("function"), to("fed"), to("logs-a"), to("logs-b")]), json!([to("fed"), to("logs-a"), to("logs-b")]));
        let bus = json!({"kind": "BenchlingSubscription", "name": "lims"});
        world.apply("EventRule", "all", json!({"busRef": bus, "benchling": {}, "targets": targets})).await;
    }

    /// What others do while no operator runs: they deactivate the source, and take a tag away.
    async fn meddle(&self) {
        let aws = &self.world.aws;
        aws.events("DeactivateEventSource", json!({"Name": self.source()})).await;
        let queue = format!("arn:aws:sqs:{REGION}:{}:{}-fed", aws.account, self.world.namespace);
        for mapping in aws.mappings(&queue).await {
            let arn = mapping["EventSourceMappingArn"].as_str().unwrap().replace(':', "%3A");
            aws.lambda("DELETE", &format!("tags/{arn}?tagKeys=team"), None).await.unwrap();
        }
    }

    /// Makes the phase's changes in Kubernetes, while no operator runs.
    pub async fn prepare(&self, phase: Phase) {
        let world = &self.world;
        if phase == Phase::Delete {
            for &(kind, name) in self.story.objects() {
                world.delete(kind, name).await;
            }
            return;
        }
        let new = phase == Phase::Update;
        match self.story {
            Story::Benchling => {
                if new {
                    self.meddle().await;
                }
                self.prepare_benchling(new).await;
            }
            Story::Queues => self.prepare_queues(new).await,
            Story::Roles => self.prepare_roles(new).await,
        }
    }

    async fn prepare_queues(&self, new: bool) {
        let world = &self.world;
        let pick = |before: Value, after: Value| if new { after } else { before };
        let existing = |name: &str| json!({"sqs": {"existing": {"arn": format!("arn:aws:sqs:{REGION}:{}:{name}", world.aws.account)}}});
        let tags = pick(json!({"a": "1", "b": "1"}), json!({"a": "2"}));
        let archive = |name: &str, days: i32| json!({"name": name, "retentionDays": days, "deletionPolicy": "Delete"});
        let archives = pick(json!([archive("kept", 1), archive("gone", 1)]), json!([archive("kept", 2)]));
        let description = pick(json!("old"), json!("new"));
        let grant = |name: &str| json!({"name": name, "accountId": "888877776666"});
        let grants = pick(json!([grant("a"), grant("b")]), json!([grant("b"), grant("c")]));
        let group = json!({"managed": {"retentionDays": 7, "deletionPolicy": "Delete"}});
        let stream = json!({"arn": format!("arn:aws:firehose:{REGION}:{}:deliverystream/logs", world.aws.account)});
        let log =
            pick(json!({"level": "INFO", "delivery": {"logGroup": group}}), json!({"level": "ERROR", "delivery": {"firehose": stream}}));
        let bus = json!({"description": description, "log": log, "grants": grants, "deadLetter": {"sinkRef": {"name": "dead"}}, "tags": tags, "archives": archives});
        world.apply("EventBus", "bus", bus).await;
        let export = json!({"configMap": {"name": pick(json!("dead-old"), json!("dead-new"))}});
        world.apply("EventSink", "dead", json!({"deletionPolicy": "Delete", "sqs": {"managed": {}}, "exportTo": export})).await;
        let queue = json!({"visibilityTimeoutSeconds": pick(json!(30), json!(60)), "deadLetter": {"maxReceiveCount": 5}, "tags": tags});
        world.apply("EventSink", "work", json!({"deletionPolicy": "Delete", "sqs": {"managed": queue}})).await;
        world.apply("EventSink", "old", existing("theirs-1")).await;
        world.apply("EventSink", "kept", existing("theirs-2")).await;
        let to_work = json!({"name": "work", "sinkRef": {"name": "work"}, "deadLetter": {"sinkRef": {"name": "dead"}}});
        let targets = pick(
            json!([to_work, {"name": "old", "sinkRef": {"name": "old"}}]),
            json!([to_work, {"name": "detail", "sinkRef": {"name": "work"}, "inputPath": "$.detail"}]),
        );
        let pattern = json!({"source": [pick(json!("a"), json!("b"))]});
        world
            .apply("EventRule", "rule", json!({"busRef": {"name": "bus"}, "eventPattern": pattern, "tags": tags, "targets": targets}))
            .await;
        // It goes on until its object is deleted.
        let replay = json!({"busRef": {"name": "bus"}, "archive": "kept", "rules": ["other"],
            "startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-02T00:00:00Z"});
        world.apply("EventReplay", "again", replay).await;
        let targets = json!([{"name": "kept", "sinkRef": {"name": "kept"}}]);
        world.apply("EventRule", "other", json!({"busRef": {"name": "bus"}, "eventPattern": {"source": ["c"]}, "targets": targets})).await;
    }

    /// Waits until the operator has worked everything off.
    pub async fn settle(&self, phase: Phase) {
        for &(kind, name) in self.story.objects() {
            if phase == Phase::Delete {
                self.world.gone(kind, name).await;
            } else if kind == "EventReplay" {
                self.world.not_ready(kind, name, "Replaying").await;
            } else {
                self.world.ready(kind, name).await;
            }
        }
        if phase == Phase::Update {
            // The grant of a target that is gone goes a moment after the rule is Ready.
            let (world, aws) = (&self.world, &self.world.aws);
            match self.story {
                Story::Queues => {
                    let left = || async { (aws.sids("theirs-1").await == ["theirs"]).then_some(()) };
                    until_within(world.timeout, "the released grant is withdrawn", &mut { left }).await;
                    world.ready("EventSink", "old").await;
                }
                Story::Benchling => {
                    let left = || async { (aws.function_policy("f").await.len() == 1).then_some(()) };
                    until_within(world.timeout, "the function's statement is withdrawn", &mut { left }).await;
                    world.ready("EventSink", "function").await;
                }
                Story::Roles => self.roles_settled().await,
            }
        }
    }

    /// A world in which the phases before this one went well, and this one's changes are made.
    pub async fn before(name: &str, story: Story, phase: Phase) -> Self {
        let mut scenario = Self::new(name, story).await;
        for earlier in Phase::ALL.into_iter().filter(|earlier| *earlier < phase) {
            scenario.pass(earlier).await;
        }
        scenario.prepare(phase).await;
        scenario
    }

    /// Starts the operator.
    pub async fn run(&mut self, options: Options) {
        let client = own_objects::client(&self.world).await;
        self.world.run_through(client, options);
    }

    /// The whole phase, with an operator that nothing happens to.
    pub async fn pass(&mut self, phase: Phase) {
        self.prepare(phase).await;
        self.run(options()).await;
        self.settle(phase).await;
        self.world.stop().await;
    }

    /// A close look at every object finds nothing to write.
    pub async fn steady(&self) {
        let since = self.world.aws.mark().await;
        // A replay that is under way is looked at anyway.
        let objects = || self.story.objects().iter().filter(|(kind, _)| *kind != "EventReplay");
        for &(kind, name) in objects() {
            self.world.annotate(kind, name, annotation::RECONCILE_AT, Some("now")).await;
        }
        for &(kind, name) in objects() {
            let looked = |object: &kube::api::DynamicObject| object.data["status"]["lastHandledReconcileAt"] == "now";
            self.world.wait(kind, name, "looked at", |object| object.is_some_and(looked).then_some(())).await;
        }
        let writes = self.world.aws.writes(since).await;
        assert!(writes.is_empty(), "writes although all is in sync: {writes:?}");
    }

    /// Takes the account away, so that later worlds need not list it.
    pub async fn end(&self) {
        let api = self.world.api("AwsAccount");
        let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        api.delete(&self.world.account, &DeleteParams::default()).await.unwrap();
        let _ = api.patch(&self.world.account, &PatchParams::default(), &patch).await;
    }

    /// Nothing was made twice.
    pub async fn nothing_made_twice(&self) {
        let mut made = BTreeSet::new();
        for call in self.world.aws.journal(0).await.0.into_iter().filter(made_something) {
            let names = [
                "Name",
                "name",
                "ArchiveName",
                "ReplayName",
                "QueueName",
                "logGroupName",
                "EventSourceArn",
                "FunctionName",
                "RoleName",
                "deliverySourceName",
                "deliveryDestinationArn",
            ]
            .map(|key| call.request[key].as_str().unwrap_or_default());
            let what = format!("{} {}", call.op, names.join(" ").trim());
            assert!(made.insert(what.clone()), "{what} was made twice");
        }
    }
}
