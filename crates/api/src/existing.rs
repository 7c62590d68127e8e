//! Existing resources that an `EventSink` references, by ARN or by an object that contains the ARN.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventSinkSpec;

/// Reference to a field that contains the ARN, in another object of the sink's namespace, such as
/// the status of an ACK or Crossplane queue.
///
/// The operator can read only kinds that the chart value `arnFrom.allowed` lists. It reads the
/// field again in each resync.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArnFrom {
    /// API version of the object, such as `sqs.services.k8s.aws/v1alpha1`. Maximum 317 characters.
    #[schemars(length(max = 317), regex(pattern = r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[0-9]+((alpha|beta)[0-9]+)?$"))]
    pub api_version: String,
    /// Kind of the object, such as `Queue`. Maximum 63 characters.
    #[schemars(length(max = 63), regex(pattern = r"^[A-Z][A-Za-z0-9]*$"))]
    pub kind: String,
    /// Name of the object. Maximum 253 characters.
    #[schemars(length(max = 253), regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"))]
    pub name: String,
    /// Field names separated by dots, such as `status.ackResourceMetadata.arn`. A number is an
    /// index into a list. Maximum 256 characters.
    #[schemars(length(max = 256), regex(pattern = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"))]
    pub field_path: String,
}

impl ArnFrom {
    /// Returns the API group and the version. The group of `v1` is empty.
    pub fn group_version(&self) -> (&str, &str) {
        self.api_version.split_once('/').unwrap_or(("", &self.api_version))
    }
}

macro_rules! existing {
    ($name:ident, $(#[$doc:meta])*, $max:literal, $pattern:ident = $is:literal $(, $rule:expr)?) => {
        const $pattern: &str = $is;

        $(#[$doc])*
        #[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
        #[x_kube(validation = Rule::new("has(self.arn) != has(self.arnFrom)").message("existing must set exactly one of arn and arnFrom."))]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// ARN of the resource. Immutable. `spec.grants[].arns` of the `AwsAccount` must allow
            /// it.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(length(max = $max), regex(pattern = $pattern))]
            #[x_kube(validation = Rule::new("self == oldSelf").message("existing.arn is immutable. Delete and recreate the object.") $(, validation = $rule)?)]
            pub arn: Option<String>,
            /// Field that contains the ARN, in another object of the namespace, such as the status
            /// of an ACK or Crossplane queue. Immutable. The chart value `arnFrom.allowed` must list
            /// the kind of the object, and `spec.grants[].arns` of the `AwsAccount` must allow the
            /// ARN.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[x_kube(validation = Rule::new("self == oldSelf").message("existing.arnFrom is immutable. Delete and recreate the object."))]
            pub arn_from: Option<ArnFrom>,
        }
    };
}

/// Pattern of ARNs whose target type has a separate field in spec.
const OTHER_FIELD: &str = "^arn:aws[a-z-]*:((sqs|sns|lambda|logs|states|kinesis|firehose|ecs):|.*:(event-bus|api-destination)/)";

existing!(
    ExistingQueue,
    /// Existing SQS queue.
    ,
    256,
    QUEUE = r"^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+(\.fifo)?$"
);
existing!(
    ExistingFunction,
    /// Existing Lambda function, version (`:7`), or alias (`:live`).
    ,
    256,
    FUNCTION = r"^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?$"
);
existing!(
    ExistingLogGroup,
    /// Existing log group. Its ARN can end in `:*`.
    ,
    600,
    LOG_GROUP = r"^arn:aws[a-z-]*:logs:[a-z0-9-]+:[0-9]{12}:log-group:[.\-_/#A-Za-z0-9]+(:\*)?$"
);
existing!(
    ExistingTopic,
    /// Existing SNS standard topic.
    ,
    320,
    TOPIC = r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$"
);
existing!(
    ExistingStateMachine,
    /// Existing state machine, version, or alias.
    ,
    256,
    STATE_MACHINE = r"^arn:aws[a-z-]*:states:[a-z0-9-]+:[0-9]{12}:stateMachine:[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?$"
);
existing!(
    ExistingBus,
    /// Existing event bus. The resource policy of a bus in another account must allow this account.
    ,
    400,
    BUS = r"^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[/.\-_A-Za-z0-9]+$"
);
existing!(
    ExistingApiDestination,
    /// Existing API destination.
    ,
    400,
    API_DESTINATION = r"^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:api-destination/[.\-_A-Za-z0-9]+(/[A-Za-z0-9-]+)?$"
);
existing!(
    ExistingStream,
    /// Existing Kinesis data stream.
    ,
    256,
    STREAM = r"^arn:aws[a-z-]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[A-Za-z0-9_.-]+$"
);
existing!(
    ExistingDeliveryStream,
    /// Existing Firehose stream.
    ,
    256,
    DELIVERY_STREAM = r"^arn:aws[a-z-]*:firehose:[a-z0-9-]+:[0-9]{12}:deliverystream/[A-Za-z0-9_.-]+$"
);
existing!(
    ExistingJobQueue,
    /// Existing AWS Batch job queue.
    ,
    256,
    JOB_QUEUE = r"^arn:aws[a-z-]*:batch:[a-z0-9-]+:[0-9]{12}:job-queue/[A-Za-z0-9_-]+$"
);
existing!(
    ExistingWarehouse,
    /// Existing Amazon Redshift cluster or serverless workgroup.
    ,
    256,
    WAREHOUSE = r"^arn:aws[a-z-]*:(redshift:[a-z0-9-]+:[0-9]{12}:cluster:[a-z][a-z0-9-]*|redshift-serverless:[a-z0-9-]+:[0-9]{12}:workgroup/[A-Za-z0-9-]+)$"
);
existing!(
    ExistingPipeline,
    /// Existing Amazon SageMaker pipeline.
    ,
    256,
    PIPELINE = r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:pipeline/[A-Za-z0-9](-*[A-Za-z0-9])*$"
);
existing!(
    ExistingGraphqlApi,
    /// Existing endpoint of an AWS AppSync GraphQL API.
    ,
    256,
    GRAPHQL_API = r"^arn:aws[a-z-]*:appsync:[a-z0-9-]+:[0-9]{12}:endpoints/graphql-api/[A-Za-z0-9-]+$"
);
existing!(
    ExistingDocument,
    /// Existing document of AWS Systems Manager. The ARN of a document of AWS has no account.
    ,
    256,
    DOCUMENT = r"^arn:aws[a-z-]*:ssm:[a-z0-9-]+:([0-9]{12})?:document/[A-Za-z0-9_.-]{3,128}$"
);
existing!(
    ExistingTarget,
    /// Existing target of a type that has no separate field in spec.
    ,
    1600,
    TARGET = r"^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$",
    Rule::new(format!("!self.matches('{OTHER_FIELD}')")).message("spec.arn.existing.arn: this target type has a separate field in spec. Use that field instead of spec.arn.")
);

/// Existing resource that a sink references, independent of its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Existing<'a> {
    /// Path of the field, such as `spec.sqs.existing`. Its `arn` or its `arnFrom` is set.
    pub field: &'static str,
    /// ARN in the spec.
    pub arn: Option<&'a String>,
    /// Reference to the field that contains the ARN.
    pub arn_from: Option<&'a ArnFrom>,
    /// Regular expression that ARNs of the target type match.
    pub pattern: &'static str,
}

impl Existing<'_> {
    /// Returns whether `arn` is a single ARN of the target type.
    ///
    /// Admission applies the same pattern to an ARN in the spec. An ARN from another object can
    /// also contain wildcards or white space, which this function rejects.
    pub fn fits(&self, arn: &str) -> bool {
        let is = |pattern: &str| regex_lite::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(arn));
        let other = || self.pattern == TARGET && (is(OTHER_FIELD) || arn.contains(['*', '?']));
        is(self.pattern) && !other() && !arn.chars().any(|c| c.is_whitespace() || c.is_control())
    }
}

impl EventSinkSpec {
    /// Returns the existing resource that the sink references by ARN. Returns `None` for managed
    /// destinations and for ECS tasks.
    pub fn existing(&self) -> Option<Existing<'_>> {
        macro_rules! referred {
            ($field:literal, $pattern:ident, $it:expr) => {
                if let Some(it) = $it {
                    return Some(Existing { field: $field, arn: it.arn.as_ref(), arn_from: it.arn_from.as_ref(), pattern: $pattern });
                }
            };
        }
        referred!("spec.sqs.existing", QUEUE, self.sqs.as_ref().and_then(|sqs| sqs.existing.as_ref()));
        referred!("spec.lambda.existing", FUNCTION, self.lambda.as_ref().map(|lambda| &lambda.existing));
        referred!("spec.logGroup.existing", LOG_GROUP, self.log_group.as_ref().and_then(|group| group.existing.as_ref()));
        referred!("spec.sns.existing", TOPIC, self.sns.as_ref().and_then(|sns| sns.existing.as_ref()));
        referred!("spec.stateMachine.existing", STATE_MACHINE, self.state_machine.as_ref().and_then(|machine| machine.existing.as_ref()));
        referred!("spec.eventBus.existing", BUS, self.event_bus.as_ref().map(|bus| &bus.existing));
        referred!("spec.apiDestination.existing", API_DESTINATION, self.api_destination.as_ref().and_then(|api| api.existing.as_ref()));
        referred!("spec.kinesis.existing", STREAM, self.kinesis.as_ref().map(|stream| &stream.existing));
        referred!("spec.firehose.existing", DELIVERY_STREAM, self.firehose.as_ref().map(|stream| &stream.existing));
        referred!("spec.batchJob.existing", JOB_QUEUE, self.batch_job.as_ref().map(|job| &job.existing));
        referred!("spec.redshiftData.existing", WAREHOUSE, self.redshift_data.as_ref().map(|sink| &sink.existing));
        referred!("spec.sageMakerPipeline.existing", PIPELINE, self.sage_maker_pipeline.as_ref().map(|sink| &sink.existing));
        referred!("spec.appSync.existing", GRAPHQL_API, self.app_sync.as_ref().map(|sink| &sink.existing));
        referred!("spec.runCommand.existing", DOCUMENT, self.run_command.as_ref().map(|sink| &sink.existing));
        referred!("spec.arn.existing", TARGET, self.arn.as_ref().map(|target| &target.existing));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn existing(pattern: &'static str) -> Existing<'static> {
        Existing { field: "spec", arn: None, arn_from: None, pattern }
    }

    #[test]
    fn an_arn_is_single_and_of_the_target_type() {
        assert!(existing(QUEUE).fits("arn:aws:sqs:eu-west-1:111122223333:orders.fifo"));
        assert!(existing(LOG_GROUP).fits("arn:aws:logs:eu-west-1:111122223333:log-group:/a/b:*"));
        assert!(existing(TARGET).fits("arn:aws:batch:eu-west-1:111122223333:job-queue/high"));
        for (pattern, bad) in [
            (QUEUE, "arn:aws:sns:eu-west-1:111122223333:orders"),
            (QUEUE, "arn:aws:sqs:eu-west-1:111122223333:*"),
            (QUEUE, "arn:aws:sqs:eu-west-1:111122223333:orders\n"),
            (QUEUE, ""),
            (TARGET, "arn:aws:sqs:eu-west-1:111122223333:orders"),
            (TARGET, "arn:aws:events:eu-west-1:111122223333:event-bus/b"),
            (TARGET, "arn:aws:batch:eu-west-1:111122223333:job-queue/*"),
            (TARGET, "arn:aws:batch:eu-west-1:111122223333:a b"),
        ] {
            assert!(!existing(pattern).fits(bad), "{bad:?}");
        }
    }
}
