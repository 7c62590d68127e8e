//! What `EventBridge` stores of a rule's target. Data only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use tributary_pattern::transform::Input;

use crate::steps::{FieldOf, HttpSettings, TARGET_PARAMETERS, TaskSettings, strip};

/// Path of the whole event, which is sent without a path too.
const WHOLE_EVENT: &str = "$";
/// Seconds for which AWS retries a delivery by default.
const DEFAULT_EVENT_AGE: i32 = 86_400;
/// How often AWS retries a delivery by default.
const DEFAULT_RETRY_ATTEMPTS: i32 = 185;

/// The settings of a target, all replaced by `PutTargets`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetSettings {
    /// Id of the target, unique in its rule.
    pub id: String,
    /// ARN of the resource that receives events.
    pub arn: String,
    /// ARN of the role that `EventBridge` assumes.
    pub role_arn: Option<String>,
    /// Constant input, parsed.
    pub input: Option<Value>,
    /// JSON path of the part of the event that is sent.
    pub input_path: Option<String>,
    /// Paths by placeholder, and the template.
    pub transformer: Option<(BTreeMap<String, String>, String)>,
    /// Message group of a FIFO queue.
    pub message_group_id: Option<String>,
    /// JSON path of the partition key for a data stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_key_path: Option<String>,
    /// Parameters of an API destination's requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSettings>,
    /// The task that a cluster runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskSettings>,
    /// The job that an AWS Batch queue runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchSettings>,
    /// The SQL that the Redshift Data API runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redshift: Option<RedshiftSettings>,
    /// Parameters of a SageMaker pipeline's execution: value by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pipeline_parameters: BTreeMap<String, String>,
    /// The mutation that AWS AppSync runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graphql: Option<GraphqlSettings>,
    /// The instances on which Run Command runs a document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandSettings>,
    /// How long delivery is retried, in seconds.
    pub maximum_event_age_seconds: Option<i32>,
    /// How often delivery is retried.
    pub maximum_retry_attempts: Option<i32>,
    /// ARN of the queue for events that cannot be delivered.
    pub dead_letter_arn: Option<String>,
}

impl TargetSettings {
    /// Returns whether another target means the same: defaults of AWS may be given or not
    /// (EventBridge API reference, `RetryPolicy`; docs/aws-facts.md, DL1).
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }

    fn canonical(&self) -> Self {
        Self {
            // Other tools give ARNs of log groups with `:*` (CloudFormation User Guide, return values of log groups).
            arn: self.arn.trim_end_matches(":*").to_owned(),
            input_path: self.input_path.clone().filter(|path| path != WHOLE_EVENT),
            maximum_event_age_seconds: self.maximum_event_age_seconds.filter(|age| *age != DEFAULT_EVENT_AGE),
            maximum_retry_attempts: self.maximum_retry_attempts.filter(|attempts| *attempts != DEFAULT_RETRY_ATTEMPTS),
            ..self.clone()
        }
    }

    /// Returns the ARNs of the resources that receive events: the target and its dead-letter queue.
    pub fn uses(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.arn).chain(&self.dead_letter_arn)
    }

    /// Returns what the target receives for an event.
    pub fn received_input(&self) -> Input {
        match (&self.input, &self.input_path, &self.transformer) {
            (Some(constant), ..) => Input::Constant(constant.to_string()),
            (_, Some(path), _) => Input::Path(path.clone()),
            (.., Some((paths, template))) => Input::Transformer { paths: paths.clone(), template: template.clone() },
            (None, None, None) => Input::Event,
        }
    }
}

/// The job that an AWS Batch queue runs for each event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchSettings {
    /// ARN of the job definition.
    pub definition_arn: String,
    /// Name of the job.
    pub name: String,
    /// Number of child jobs; `None` for a job that is no array job.
    pub array_size: Option<i32>,
    /// Number of attempts; `None` for those of the job definition.
    pub attempts: Option<i32>,
}

/// The SQL that the Redshift Data API runs for each event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedshiftSettings {
    /// Name of the database.
    pub database: String,
    /// Database user; `None` for that of the secret or of the role.
    pub db_user: Option<String>,
    /// ARN of the secret with the credentials.
    pub secret_arn: Option<String>,
    /// The statement, unless there are several.
    pub sql: Option<String>,
    /// The statements of a transaction, in order.
    pub sqls: Vec<String>,
    /// Name of the statement.
    pub statement_name: Option<String>,
    /// Whether Redshift sends an event when the SQL has run.
    pub with_event: bool,
}

/// The GraphQL mutation that AWS AppSync runs for each event.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GraphqlSettings {
    /// The operation.
    pub operation: String,
    /// ARNs of the fields that the role must be allowed to run. AWS does not store them, so they are
    /// not compared.
    #[serde(default)]
    pub field_arns: Vec<String>,
}

impl PartialEq for GraphqlSettings {
    fn eq(&self, other: &Self) -> bool {
        let Self { operation, field_arns: _ } = self;
        *operation == other.operation
    }
}

/// The instances on which Run Command runs a document for each event.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CommandSettings {
    /// `InstanceIds`, or `tag:` and the key of a tag.
    pub key: String,
    /// IDs of instances, or values of the tag.
    pub values: Vec<String>,
    /// Account id of the instances. AWS does not store it, so it is not compared.
    #[serde(default)]
    pub account_id: String,
}

impl PartialEq for CommandSettings {
    fn eq(&self, other: &Self) -> bool {
        let Self { key, values, account_id: _ } = self;
        (key, values) == (&other.key, &other.values)
    }
}

impl TargetSettings {
    /// Which field of a rule or sink a member comes from. The first that matches counts. Those of parameters come first.
    pub(super) const FIELDS: &'static [FieldOf] = &[
        ("events.PutTargets", "Targets[].InputTransformer.InputPathsMap", ".inputTransformer.inputPathsMap"),
        ("events.PutTargets", "Targets[].InputTransformer.InputTemplate", ".inputTransformer.inputTemplate"),
        ("events.PutTargets", "Targets[].InputPath", ".inputPath"),
        ("events.PutTargets", "Targets[].Input", ".input"),
        ("events.PutTargets", "Targets[].RetryPolicy", ".retry"),
        ("events.PutTargets", "Targets[].RedshiftDataParameters", ".sinkRef: spec.redshiftData of the sink"),
        ("events.PutTargets", "Targets[].SageMakerPipelineParameters", ".sinkRef: spec.sageMakerPipeline.parameters of the sink"),
        ("events.PutTargets", "Targets[].AppSyncParameters", ".sinkRef: spec.appSync.operation of the sink"),
        ("events.PutTargets", "Targets[].RunCommandParameters", ".sinkRef: spec.runCommand of the sink"),
        ("events.PutTargets", "Targets[].Id", ".name"),
        ("events.PutTargets", "Targets[]", ".sinkRef"),
    ];

    /// Returns the members of an entry of `events:PutTargets` that AWS limits, in the names of AWS.
    pub(crate) fn limited(&self) -> Value {
        let transformer = self.transformer.as_ref();
        let mut value = json!({
            "Id": self.id,
            "Arn": self.arn,
            "RoleArn": self.role_arn,
            "Input": self.input.as_ref().map(ToString::to_string),
            "InputPath": self.input_path,
            "InputTransformer": transformer.map(|(paths, template)| json!({"InputPathsMap": paths, "InputTemplate": template})),
            "RetryPolicy": {
                "MaximumRetryAttempts": self.maximum_retry_attempts, "MaximumEventAgeInSeconds": self.maximum_event_age_seconds,
            },
            "DeadLetterConfig": {"Arn": self.dead_letter_arn},
        });
        for parameters in TARGET_PARAMETERS {
            value[parameters.member] = (parameters.limited)(self);
        }
        self.limit_parameters(&mut value);
        strip(&mut value);
        value
    }

    /// Adds the parameters of the types whose limits admission checks too. It counts characters, and AWS UTF-16 code units.
    fn limit_parameters(&self, value: &mut Value) {
        let sql = self.redshift.as_ref().map(|sql| {
            json!({
                "SecretManagerArn": sql.secret_arn, "Database": sql.database, "DbUser": sql.db_user, "Sql": sql.sql, "Sqls": sql.sqls,
                "StatementName": sql.statement_name,
            })
        });
        let pipeline: Vec<_> = self.pipeline_parameters.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let command = self.command.as_ref().map(|command| json!([{"Key": command.key, "Values": command.values}]));
        value["RedshiftDataParameters"] = json!(sql);
        value["SageMakerPipelineParameters"] = json!({"PipelineParameterList": pipeline});
        value["AppSyncParameters"] = json!({"GraphQLOperation": self.graphql.as_ref().map(|graphql| &graphql.operation)});
        value["RunCommandParameters"] = json!({"RunCommandTargets": command});
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_group_may_be_given_with_its_streams() {
        let target = |arn: &str| TargetSettings { id: "t".into(), arn: arn.into(), ..TargetSettings::default() };
        let group = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/events/orders";
        assert!(target(group).is_equivalent(&target(&format!("{group}:*"))));
        assert!(!target(group).is_equivalent(&target(&format!("{group}-2"))));
    }
}
