//! Seed specs: one for each kind and sink type, with as many fields as can be Ready together.

use serde_json::{Value, json};
use tributary_testkit::{REGION, World};

pub struct Seed {
    pub kind: &'static str,
    pub variant: &'static str,
}

pub const SEEDS: [Seed; 25] = [
    Seed { kind: "AwsAccount", variant: "account" },
    Seed { kind: "EventBus", variant: "bus" },
    Seed { kind: "EventRule", variant: "pattern" },
    Seed { kind: "EventRule", variant: "benchling" },
    Seed { kind: "EventSink", variant: "queue" },
    Seed { kind: "EventSink", variant: "fifo" },
    Seed { kind: "EventSink", variant: "existing-queue" },
    Seed { kind: "EventSink", variant: "function" },
    Seed { kind: "EventSink", variant: "log-group" },
    Seed { kind: "EventSink", variant: "existing-log-group" },
    Seed { kind: "EventSink", variant: "topic" },
    Seed { kind: "EventSink", variant: "workflow" },
    Seed { kind: "EventSink", variant: "task" },
    Seed { kind: "EventSink", variant: "job" },
    Seed { kind: "EventSink", variant: "sql" },
    Seed { kind: "EventSink", variant: "pipeline" },
    Seed { kind: "EventSink", variant: "mutation" },
    Seed { kind: "EventSink", variant: "command" },
    Seed { kind: "EventSink", variant: "command-tag" },
    Seed { kind: "EventSink", variant: "gateway" },
    Seed { kind: "EventSink", variant: "api" },
    Seed { kind: "EventSink", variant: "managed-api" },
    Seed { kind: "EventSink", variant: "table" },
    Seed { kind: "BenchlingSubscription", variant: "subscription" },
    Seed { kind: "BenchlingApp", variant: "app" },
];

impl Seed {
    /// What the seed refers to.
    pub async fn prepare(&self, lane: &World) {
        let aws = &lane.aws;
        match self.variant {
            "bus" => dead_letters(lane).await,
            "pattern" => {
                dead_letters(lane).await;
                lane.apply("EventBus", "bus", json!({})).await;
                lane.ready("EventBus", "bus").await;
            }
            "app" => {
                lane.apply("EventBus", "bus", json!({})).await;
                lane.ready("EventBus", "bus").await;
            }
            "table" => {
                lane.apply("EventBus", "bus", json!({})).await;
                let app = json!({"tenants": [tenant(lane)], "appDefinitionId": format!("appdef_{}", lane.aws.account), "busRef": {"name": "bus"}});
                lane.apply("BenchlingApp", "lims", app).await;
                lane.ready("BenchlingApp", "lims").await;
            }
            "benchling" => {
                dead_letters(lane).await;
                self.source(lane).await;
                lane.apply("BenchlingSubscription", "lims", json!({"tenant": tenant(lane), "appName": "app"})).await;
                lane.ready("BenchlingSubscription", "lims").await;
            }
            "queue" => drop(aws.make_function("f").await),
            "function" => {
                dead_letters(lane).await;
                aws.make_function("f").await;
            }
            "workflow" => {
                lane.apply("EventBus", "bus", json!({})).await;
                lane.apply("EventSink", "log", json!({"logGroup": {"managed": {}}, "deletionPolicy": "Delete"})).await;
                lane.ready("EventSink", "log").await;
            }
            "managed-api" => {
                lane.permit_secrets().await;
                lane.user_secret("login", json!({"k": "v"})).await;
            }
            "existing-queue" => drop(aws.sqs("CreateQueue", json!({"QueueName": "theirs"})).await),
            "existing-log-group" => drop(aws.logs("CreateLogGroup", json!({"logGroupName": "/theirs"})).await),
            "subscription" => {
                dead_letters(lane).await;
                self.source(lane).await;
            }
            _ => {}
        }
    }

    async fn source(&self, lane: &World) {
        lane.aws.make_source(&format!("aws.partner/benchling.com/{}/app", tenant(lane))).await;
    }

    pub fn spec(&self, lane: &World) -> Value {
        let aws = &lane.aws;
        let tags = json!({"a": "1", "b": "2"});
        let dead_letter = json!({"sinkRef": {"name": "dead"}});
        let account = json!({"kind": "AwsAccount", "name": lane.account});
        let target = json!({"name": "dead", "sinkRef": {"name": "dead"}, "retry": {"maximumEventAgeSeconds": 600, "maximumRetryAttempts": 3},
            "deadLetter": dead_letter, "inputTransformer": {"inputPathsMap": {"id": "$.id"}, "inputTemplate": "{\"id\": <id>}"}});
        let trigger =
            json!({"functionArn": aws.function_arn("f"), "batchSize": 5, "maximumBatchingWindowSeconds": 1, "maximumConcurrency": 2});
        let sink = |destination: Value, managed: bool| {
            let mut spec = json!({"accountRef": account, "region": REGION, "permissions": "Managed", "allowedNamespaces": ["x-*"],
                "managementPolicy": "Manage", "deletionPolicy": if managed { "Delete" } else { "Retain" }});
            spec.as_object_mut().unwrap().extend(destination.as_object().unwrap().clone());
            spec
        };
        match self.variant {
            "account" => {
                let mut spec = lane.account_spec();
                spec["partition"] = json!("aws");
                spec
            }
            "app" => {
                json!({"tenants": [tenant(lane), "other"], "appDefinitionId": format!("appdef_{}", aws.account), "path": "/1/webhooks",
                "busRef": {"kind": "EventBus", "name": "bus"}})
            }
            "bus" => json!({"accountRef": account, "region": REGION, "description": "a bus", "deadLetter": dead_letter,
                "log": {"level": "INFO", "includeDetail": "FULL", "delivery": {"logGroup": {"managed": {"retentionDays": 7, "class": "STANDARD", "tags": tags, "deletionPolicy": "Delete"}}}}, "grants": [{"name": "a", "accountId": "888877776666"}], "tags": tags,
                "allowedNamespaces": ["x-*"], "deletionPolicy": "Delete", "managementPolicy": "Manage"}),
            "pattern" => json!({"busRef": {"kind": "EventBus", "name": "bus"}, "description": "a rule", "state": "Enabled", "tags": tags,
                "eventPattern": {"source": ["a"], "detail": {"n": [{"numeric": [">", 1]}]}}, "targets": [target], "deletionPolicy": "Delete"}),
            "benchling" => json!({"busRef": {"kind": "BenchlingSubscription", "name": "lims"}, "deletionPolicy": "Delete",
                "benchling": {"eventTypes": ["v2.entity.registered"], "schemas": {"ids": ["ts_1"], "names": ["Plasmid"]}}, "targets": [target]}),
            "queue" => sink(
                json!({"sqs": {"managed": {"delaySeconds": 0, "maximumMessageSize": 1024, "messageRetentionSeconds": 60,
                "receiveWaitTimeSeconds": 1, "visibilityTimeoutSeconds": 30, "encryption": {"sqs": {"enabled": true}},
                "deadLetter": {"maxReceiveCount": 3, "messageRetentionSeconds": 60}, "tags": tags}, "messageGroupId": "g", "triggers": [trigger]}}),
                true,
            ),
            "fifo" => sink(
                json!({"sqs": {"managed": {"fifo": {"deduplicationScope": "messageGroup", "throughputLimit": "perMessageGroupId"}},
                "messageGroupId": "g"}}),
                true,
            ),
            "existing-queue" => sink(json!({"sqs": {"existing": {"arn": format!("arn:aws:sqs:{REGION}:{}:theirs", aws.account)}}}), false),
            "function" => sink(json!({"lambda": {"existing": {"arn": aws.function_arn("f")}, "onFailure": dead_letter}}), false),
            "log-group" => sink(json!({"logGroup": {"managed": {"retentionDays": 7, "class": "STANDARD", "tags": tags}}}), true),
            "topic" => sink(json!({"sns": {"managed": {"displayName": "d", "tags": tags}}, "invocationRole": {"path": "/x/"}}), true),
            "workflow" => {
                let entry = json!({"Detail": {"a": 1}, "DetailType": "${Type}", "Source": "s", "EventBusName": "${Bus}"});
                let task = json!({"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "Parameters": {"Entries": [entry]}, "End": true});
                let machine = json!({"definition": {"StartAt": "a", "States": {"a": task}}, "type": "Standard", "tracing": true, "tags": tags,
                    "substitutions": {"Bus": {"busRef": {"kind": "EventBus", "name": "bus"}}, "Type": {"value": "t"}},
                    "logging": {"level": "All", "includeExecutionData": true, "sinkRef": {"name": "log"}}});
                sink(json!({"stateMachine": {"managed": machine}}), true)
            }
            "task" => {
                let arn = |what: &str| format!("arn:aws:ecs:{REGION}:{}:{what}", aws.account);
                let task = json!({"clusterArn": arn("cluster/c"), "taskDefinitionArn": arn("task-definition/t:1"), "taskCount": 2, "launchType": "FARGATE",
                    "platformVersion": "1.4.0", "group": "g", "referenceId": "r", "tags": {"k": "v"}, "propagateTags": true, "enableExecuteCommand": true,
                    "placementConstraints": [{"type": "memberOf", "expression": "e"}], "placementStrategy": [{"type": "spread", "field": "f"}],
                    "passRoleArns": [format!("arn:aws:iam::{}:role/task", aws.account)],
                    "network": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": true}});
                sink(json!({"ecsTask": task}), false)
            }
            "job" => {
                let arn = |what: &str| format!("arn:aws:batch:{REGION}:{}:{what}", aws.account);
                let job = json!({"existing": {"arn": arn("job-queue/q")}, "jobDefinitionArn": arn("job-definition/d:1"), "jobName": "j",
                    "arraySize": 2, "attempts": 1});
                sink(json!({"batchJob": job}), false)
            }
            "sql" => {
                let arn = |what: &str| format!("arn:aws:redshift:{REGION}:{}:{what}", aws.account);
                let data = json!({"existing": {"arn": arn("cluster:c")}, "database": "d", "dbUser": "u", "sqls": ["s"], "statementName": "n",
                    "withEvent": true});
                sink(json!({"redshiftData": data}), false)
            }
            "pipeline" => {
                let arn = format!("arn:aws:sagemaker:{REGION}:{}:pipeline/p", aws.account);
                let pipeline = json!({"existing": {"arn": arn}, "parameters": [{"name": "a", "value": "b"}]});
                sink(json!({"sageMakerPipeline": pipeline}), false)
            }
            "mutation" => {
                let arn = |what: &str| format!("arn:aws:appsync:{REGION}:{}:{what}", aws.account);
                let api = json!({"existing": {"arn": arn("endpoints/graphql-api/e")}, "apiArn": arn("apis/a"), "operation": "mutation { a }",
                    "fields": ["a"]});
                sink(json!({"appSync": api}), false)
            }
            "command" | "command-tag" => {
                let mut command = json!({"existing": {"arn": format!("arn:aws:ssm:{REGION}:{}:document/Restart", aws.account)}});
                if self.variant == "command" {
                    command["instanceIds"] = json!(["i-00000001"]);
                } else {
                    command["tag"] = json!({"key": "Role", "values": ["web"]});
                }
                sink(json!({"runCommand": command}), false)
            }
            "gateway" => {
                let arn = format!("arn:aws:execute-api:{REGION}:{}:a1/prod/POST/orders/*", aws.account);
                let http = json!({"headers": {"x-a": "$.id"}, "query": {"b": "c"}, "path": ["$.id"]});
                sink(json!({"arn": {"existing": {"arn": arn}, "actions": ["execute-api:Invoke"], "http": http}}), false)
            }
            "api" => {
                let arn = format!("arn:aws:events:{REGION}:{}:api-destination/d/1", aws.account);
                let http = json!({"headers": {"x-a": "$.id"}, "query": {"b": "c"}, "path": ["$.id"]});
                sink(json!({"apiDestination": {"existing": {"arn": arn}, "http": http}}), false)
            }
            "managed-api" => {
                let secret = json!({"name": "login", "key": "k"});
                let values = json!({"a": {"value": "b"}, "c": {"secretRef": secret}});
                let http = json!({"headers": values, "query": values, "body": values});
                let managed = json!({"endpoint": "https://example.com/*", "method": "PUT", "rateLimitPerSecond": 7, "description": "d",
                    "connection": {"apiKey": {"name": "x-k", "valueSecretRef": secret}, "invocationHttp": http}});
                sink(json!({"apiDestination": {"managed": managed, "http": {"path": ["$.id"]}}}), true)
            }
            "table" => {
                let database = json!({"host": "db.example.com", "port": 5433, "name": "lims", "user": "sync", "passwordSecretRef": {"name": "db", "key": "p"},
                    "tls": {"mode": "VerifyFull", "caSecretRef": {"name": "db", "key": "ca"}}});
                let columns = json!({"id": "id", "name": "name", "value": "v", "schemaId": "schema", "modifiedAt": "m", "archivedReason": "a", "syncedAt": "s"});
                let queue = json!({"visibilityTimeoutSeconds": 30, "messageRetentionSeconds": 60, "deadLetter": {"maxReceiveCount": 9}, "tags": tags});
                let postgres = json!({"appRef": {"name": "lims"}, "tenant": tenant(lane), "database": database, "queue": queue, "attempts": 3,
                    "schemas": [{"id": "ts_1", "kind": "DnaSequence", "field": "Notes"}], "activityLog": {"appId": "app_1"},
                    "table": {"schema": "public", "name": "entities", "manage": true, "columns": columns}});
                sink(json!({"postgres": postgres}), true)
            }
            "existing-log-group" => sink(json!({"logGroup": {"existing": {"arn": aws.log_group_arn("/theirs")}}}), false),
            "subscription" => json!({"accountRef": account, "region": REGION, "tenant": tenant(lane), "appName": "app",
                "eventTypes": ["v2.entity.registered"], "deletionPolicy": "Delete", "managementPolicy": "Manage",
                "bus": {"description": "b", "deadLetter": dead_letter, "tags": tags, "allowedNamespaces": ["x-*"]},
                "monitoring": {"logGroup": {"retentionDays": 7, "class": "STANDARD", "tags": tags}}}),
            other => panic!("no seed {other}"),
        }
    }
}

fn tenant(lane: &World) -> String {
    format!("acme-{}", lane.aws.account)
}

/// A queue for dead letters, `dead`.
async fn dead_letters(lane: &World) {
    lane.apply("EventSink", "dead", json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})).await;
    lane.ready("EventSink", "dead").await;
}
