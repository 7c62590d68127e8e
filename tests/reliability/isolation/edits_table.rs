//! The sinks that are edited, and the edits: one field each, to what no grant allows.

use serde_json::{Value, json};
use tributary_testkit::{REGION, merged};

/// A sink that is permitted, and edits of one field each.
pub struct Edited {
    pub sink: &'static str,
    pub spec: Value,
    pub edits: Vec<(&'static str, Value)>,
}

fn edited(sink: &'static str, spec: Value, edits: Vec<(&'static str, Value)>) -> Edited {
    Edited { sink, spec, edits }
}

#[allow(clippy::too_many_lines)] // a table
pub fn table(id: &str, there: &str) -> Vec<Edited> {
    let arn = |service: &str, resource: &str| format!("arn:aws:{service}:{REGION}:{id}:{resource}");
    let iam = |what: &str| format!("arn:aws:iam::{id}:{what}");
    let role = || ("EventSink.roleArn", json!({"roleArn": iam("role/theirs")}));
    let existing = |field: &str, path: &'static str, theirs: String| (path, json!({field: {"existing": {"arn": theirs}}}));
    let from = |field: &str, path: &'static str| {
        let from = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "theirs", "fieldPath": "data.arn"});
        (path, json!({field: {"existing": {"arn": null, "arnFrom": from}}}))
    };
    let by_role = |field: &str, more: Value| {
        let mut spec = json!({"roleArn": iam("role/ours")});
        spec[field] = more;
        spec
    };
    let far = |name: &str| json!({"sinkRef": {"name": name, "namespace": there}});
    let account = ("EventSink.accountRef.name", json!({"accountRef": {"name": "theirs"}}));
    let task = json!({"clusterArn": arn("ecs", "cluster/ours"), "taskDefinitionArn": arn("ecs", "task-definition/ours"), "passRoleArns": [iam("role/ours")]});
    let job = json!({"existing": {"arn": arn("batch", "job-queue/ours")}, "jobDefinitionArn": arn("batch", "job-definition/ours"), "jobName": "ours"});
    let definition = json!({"StartAt": "a", "States": {"a": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": "${Topic}", "Message": "x"}, "End": true}}});
    let machine = json!({"managed": {"definition": definition, "substitutions": {"Topic": {"value": arn("sns", "ours")}}, "logging": {"level": "All", "sinkRef": {"name": "logs"}}}});
    let redshift =
        |more: Value| merged(json!({"existing": {"arn": arn("redshift", "cluster:c1")}, "database": "ours", "sql": "select 1"}), more);
    let graphql = json!({"existing": {"arn": arn("appsync", "endpoints/graphql-api/ours")}, "apiArn": arn("appsync", "apis/ours"),
        "operation": "mutation { a }", "fields": ["a"]});
    let substitution = |to: Value| json!({"stateMachine": {"managed": {"substitutions": {"Topic": to}}}});
    let lattice = |id: &str| arn("vpc-lattice", &format!("resourceconfiguration/rcfg-{id}"));
    let connection = |to: Value| json!({"apiDestination": {"managed": {"connection": to}}});
    let logging = |to: Value| json!({"stateMachine": {"managed": {"logging": to}}});
    vec![
        edited(
            "sqs",
            by_role("sqs", json!({"managed": {}})),
            vec![
                role(),
                account,
                ("EventSink.sqs.triggers.functionArn", json!({"sqs": {"triggers": [{"functionArn": arn("lambda", "function:theirs")}]}})),
                (
                    "EventSink.sqs.triggers.kmsKeyArn",
                    json!({"sqs": {"triggers": [{"functionArn": arn("lambda", "function:ours"), "kmsKeyArn": arn("kms", "key/theirs"),
                        "filterCriteria": {"filters": [{"pattern": {"body": {"a": [1]}}}]}}]}}),
                ),
                ("EventSink.sqs.managed.name", json!({"sqs": {"managed": {"name": "theirs"}}})),
            ],
        ),
        edited(
            "sqs-existing",
            json!({"sqs": {"existing": {"arn": arn("sqs", "ours")}}}),
            vec![existing("sqs", "EventSink.sqs.existing.arn", arn("sqs", "theirs")), from("sqs", "EventSink.sqs.existing.arnFrom.name")],
        ),
        edited(
            "lambda",
            by_role("lambda", json!({"existing": {"arn": arn("lambda", "function:ours")}})),
            vec![
                role(),
                existing("lambda", "EventSink.lambda.existing.arn", arn("lambda", "function:theirs")),
                from("lambda", "EventSink.lambda.existing.arnFrom.name"),
                ("EventSink.lambda.onFailure.sinkRef.name", json!({"lambda": {"onFailure": {"sinkRef": {"name": "theirs"}}}})),
                ("EventSink.lambda.onFailure.sinkRef.namespace", json!({"lambda": {"onFailure": far("theirs-queue")}})),
            ],
        ),
        edited(
            "logs",
            json!({"logGroup": {"managed": {"name": "/ours"}}}),
            vec![("EventSink.logGroup.managed.name", json!({"logGroup": {"managed": {"name": "/theirs"}}}))],
        ),
        edited(
            "logs-existing",
            json!({"logGroup": {"existing": {"arn": arn("logs", "log-group:/ours-existing")}}}),
            vec![
                existing("logGroup", "EventSink.logGroup.existing.arn", arn("logs", "log-group:/theirs")),
                from("logGroup", "EventSink.logGroup.existing.arnFrom.name"),
            ],
        ),
        edited(
            "sns",
            json!({"sns": {"managed": {}}, "invocationRole": {"permissionsBoundaryArn": iam("policy/ours")}}),
            vec![
                (
                    "EventSink.invocationRole.permissionsBoundaryArn",
                    json!({"invocationRole": {"permissionsBoundaryArn": iam("policy/theirs")}}),
                ),
                ("EventSink.sns.managed.name", json!({"sns": {"managed": {"name": "theirs"}}})),
            ],
        ),
        edited(
            "sns-existing",
            by_role("sns", json!({"existing": {"arn": arn("sns", "ours")}})),
            vec![
                role(),
                existing("sns", "EventSink.sns.existing.arn", arn("sns", "theirs")),
                from("sns", "EventSink.sns.existing.arnFrom.name"),
            ],
        ),
        edited(
            "machine",
            json!({"stateMachine": machine}),
            vec![
                ("EventSink.stateMachine.managed.name", json!({"stateMachine": {"managed": {"name": "theirs"}}})),
                ("EventSink.stateMachine.managed.roleArn", json!({"stateMachine": {"managed": {"roleArn": iam("role/theirs")}}})),
                ("EventSink.stateMachine.managed.substitutions.value", substitution(json!({"value": arn("sns", "theirs")}))),
                (
                    "EventSink.stateMachine.managed.substitutions.sinkRef.name",
                    substitution(json!({"value": null, "sinkRef": {"name": "theirs"}})),
                ),
                (
                    "EventSink.stateMachine.managed.substitutions.sinkRef.namespace",
                    substitution(json!({"value": null, "sinkRef": far("theirs-queue")["sinkRef"]})),
                ),
                (
                    "EventSink.stateMachine.managed.substitutions.busRef.name",
                    substitution(json!({"value": null, "busRef": {"name": "theirs"}})),
                ),
                (
                    "EventSink.stateMachine.managed.substitutions.busRef.namespace",
                    substitution(json!({"value": null, "busRef": {"name": "theirs-bus", "namespace": there}})),
                ),
                ("EventSink.stateMachine.managed.logging.sinkRef.name", logging(json!({"sinkRef": {"name": "theirs"}}))),
                ("EventSink.stateMachine.managed.logging.sinkRef.namespace", logging(far("theirs-logs"))),
            ],
        ),
        edited(
            "machine-existing",
            by_role("stateMachine", json!({"existing": {"arn": arn("states", "stateMachine:ours")}})),
            vec![
                role(),
                existing("stateMachine", "EventSink.stateMachine.existing.arn", arn("states", "stateMachine:theirs")),
                from("stateMachine", "EventSink.stateMachine.existing.arnFrom.name"),
            ],
        ),
        edited(
            "bus",
            by_role("eventBus", json!({"existing": {"arn": arn("events", "event-bus/ours")}})),
            vec![
                role(),
                existing("eventBus", "EventSink.eventBus.existing.arn", arn("events", "event-bus/theirs")),
                from("eventBus", "EventSink.eventBus.existing.arnFrom.name"),
            ],
        ),
        edited(
            "api",
            by_role("apiDestination", json!({"existing": {"arn": arn("events", "api-destination/ours/1")}})),
            vec![
                role(),
                existing("apiDestination", "EventSink.apiDestination.existing.arn", arn("events", "api-destination/theirs/1")),
                from("apiDestination", "EventSink.apiDestination.existing.arnFrom.name"),
            ],
        ),
        edited(
            "api-managed",
            json!({"apiDestination": {"managed": {"endpoint": "https://ours.test/in", "connection": {
                "basic": {"username": "u", "passwordSecretRef": {"name": "login", "key": "password"}},
                "privateEndpoint": {"resourceConfigurationArn": lattice("ours0123456789abc")}}}}}),
            vec![
                (
                    "EventSink.apiDestination.managed.connection.privateEndpoint.resourceConfigurationArn",
                    connection(json!({"privateEndpoint": {"resourceConfigurationArn": lattice("theirs0123456789a")}})),
                ),
                ("EventSink.apiDestination.managed.connection.kmsKeyArn", connection(json!({"kmsKeyArn": arn("kms", "key/theirs")}))),
            ],
        ),
        edited(
            "kinesis",
            by_role("kinesis", json!({"existing": {"arn": arn("kinesis", "stream/ours")}})),
            vec![
                role(),
                existing("kinesis", "EventSink.kinesis.existing.arn", arn("kinesis", "stream/theirs")),
                from("kinesis", "EventSink.kinesis.existing.arnFrom.name"),
            ],
        ),
        edited(
            "firehose",
            by_role("firehose", json!({"existing": {"arn": arn("firehose", "deliverystream/ours")}})),
            vec![
                role(),
                existing("firehose", "EventSink.firehose.existing.arn", arn("firehose", "deliverystream/theirs")),
                from("firehose", "EventSink.firehose.existing.arnFrom.name"),
            ],
        ),
        edited(
            "task",
            json!({"ecsTask": task}),
            vec![
                ("EventSink.ecsTask.clusterArn", json!({"ecsTask": {"clusterArn": arn("ecs", "cluster/theirs")}})),
                ("EventSink.ecsTask.taskDefinitionArn", json!({"ecsTask": {"taskDefinitionArn": arn("ecs", "task-definition/theirs")}})),
                ("EventSink.ecsTask.passRoleArns", json!({"ecsTask": {"passRoleArns": [iam("role/theirs")]}})),
            ],
        ),
        edited(
            "task-role",
            by_role("ecsTask", task.clone()),
            vec![
                role(),
                ("EventSink.ecsTask.taskDefinitionArn", json!({"ecsTask": {"taskDefinitionArn": arn("ecs", "task-definition/theirs")}})),
            ],
        ),
        edited(
            "job",
            json!({"batchJob": job}),
            vec![
                existing("batchJob", "EventSink.batchJob.existing.arn", arn("batch", "job-queue/theirs")),
                from("batchJob", "EventSink.batchJob.existing.arnFrom.name"),
                ("EventSink.batchJob.jobDefinitionArn", json!({"batchJob": {"jobDefinitionArn": arn("batch", "job-definition/theirs")}})),
            ],
        ),
        edited(
            "job-role",
            by_role("batchJob", job.clone()),
            vec![
                role(),
                ("EventSink.batchJob.jobDefinitionArn", json!({"batchJob": {"jobDefinitionArn": arn("batch", "job-definition/theirs")}})),
            ],
        ),
        edited(
            "redshift",
            by_role("redshiftData", redshift(json!({"dbUser": "ours"}))),
            vec![
                role(),
                existing("redshiftData", "EventSink.redshiftData.existing.arn", arn("redshift", "cluster:theirs")),
                from("redshiftData", "EventSink.redshiftData.existing.arnFrom.name"),
                ("EventSink.redshiftData.database", json!({"redshiftData": {"database": "theirs"}})),
                ("EventSink.redshiftData.dbUser", json!({"redshiftData": {"dbUser": "theirs"}})),
            ],
        ),
        edited(
            "redshift-secret",
            by_role("redshiftData", redshift(json!({"secretArn": arn("secretsmanager", "secret:ours-AbCdEf")}))),
            vec![(
                "EventSink.redshiftData.secretArn",
                json!({"redshiftData": {"secretArn": arn("secretsmanager", "secret:theirs-AbCdEf")}}),
            )],
        ),
        edited(
            "pipeline",
            by_role("sageMakerPipeline", json!({"existing": {"arn": arn("sagemaker", "pipeline/ours")}})),
            vec![
                role(),
                existing("sageMakerPipeline", "EventSink.sageMakerPipeline.existing.arn", arn("sagemaker", "pipeline/theirs")),
                from("sageMakerPipeline", "EventSink.sageMakerPipeline.existing.arnFrom.name"),
            ],
        ),
        edited(
            "graphql",
            by_role("appSync", graphql),
            vec![
                role(),
                existing("appSync", "EventSink.appSync.existing.arn", arn("appsync", "endpoints/graphql-api/theirs")),
                from("appSync", "EventSink.appSync.existing.arnFrom.name"),
                ("EventSink.appSync.apiArn", json!({"appSync": {"apiArn": arn("appsync", "apis/theirs")}})),
            ],
        ),
        edited(
            "command",
            by_role("runCommand", json!({"existing": {"arn": arn("ssm", "document/ours-doc")}, "instanceIds": ["i-0123456789abcdef0"]})),
            vec![
                role(),
                existing("runCommand", "EventSink.runCommand.existing.arn", arn("ssm", "document/theirs")),
                from("runCommand", "EventSink.runCommand.existing.arnFrom.name"),
                ("EventSink.runCommand.instanceIds", json!({"runCommand": {"instanceIds": ["i-0fedcba9876543210"]}})),
                (
                    "EventSink.runCommand.tag.values",
                    json!({"runCommand": {"instanceIds": null, "tag": {"key": "owner", "values": ["theirs"]}}}),
                ),
            ],
        ),
        edited(
            "arn",
            by_role("arn", json!({"existing": {"arn": arn("codebuild", "project/ours")}})),
            vec![
                role(),
                existing("arn", "EventSink.arn.existing.arn", arn("codebuild", "project/theirs")),
                from("arn", "EventSink.arn.existing.arnFrom.name"),
            ],
        ),
    ]
}
