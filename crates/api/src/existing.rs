//! What an `EventSink` only refers to, one type a destination: by its ARN, or by an object that tells the ARN.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventSinkSpec;

/// A field of another object of the sink's namespace that holds the ARN, such as the status of a queue of ACK or Crossplane. The operator
/// reads it where who runs it allows the kind (`arnFrom.allowed` of the chart), and it is read again in each sweep.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArnFrom {
    /// Such as `sqs.services.k8s.aws/v1alpha1`.
    #[schemars(length(max = 317), regex(pattern = r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[0-9]+((alpha|beta)[0-9]+)?$"))]
    pub api_version: String,
    /// Such as `Queue`.
    #[schemars(length(max = 63), regex(pattern = r"^[A-Z][A-Za-z0-9]*$"))]
    pub kind: String,
    /// Name of the object.
    #[schemars(length(max = 253), regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"))]
    pub name: String,
    /// Names of fields, with dots between them, such as `status.ackResourceMetadata.arn`. A number is an index into a list.
    #[schemars(length(max = 256), regex(pattern = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"))]
    pub field_path: String,
}

impl ArnFrom {
    /// The API group and version that it names; the group of `v1` is empty.
    pub fn group_version(&self) -> (&str, &str) {
        self.api_version.split_once('/').unwrap_or(("", &self.api_version))
    }
}

macro_rules! existing {
    ($name:ident, $(#[$doc:meta])*, $max:literal, $pattern:ident = $is:literal $(, $rule:expr)?) => {
        const $pattern: &str = $is;

        $(#[$doc])*
        #[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
        #[x_kube(validation = Rule::new("has(self.arn) != has(self.arnFrom)").message("set exactly one of arn and arnFrom"))]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// Must be allowed by a grant of the `AwsAccount`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(length(max = $max), regex(pattern = $pattern))]
            #[x_kube(validation = Rule::new("self == oldSelf").message("arn is immutable: make another EventSink") $(, validation = $rule)?)]
            pub arn: Option<String>,
            /// Where the ARN is read. It must be allowed by a grant of the `AwsAccount`, as any other.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[x_kube(validation = Rule::new("self == oldSelf").message("arnFrom is immutable: make another EventSink"))]
            pub arn_from: Option<ArnFrom>,
        }
    };
}

/// ARNs of destinations that have a field of their own.
const OTHER_FIELD: &str = "^arn:aws[a-z-]*:((sqs|sns|lambda|logs|states|kinesis|firehose|ecs):|.*:(event-bus|api-destination)/)";

existing!(
    ExistingQueue,
    /// A queue that somebody else made.
    ,
    256,
    QUEUE = r"^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+(\.fifo)?$"
);
existing!(
    ExistingFunction,
    /// A function, one of its versions (`:7`) or an alias (`:live`).
    ,
    256,
    FUNCTION = r"^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?$"
);
existing!(
    ExistingLogGroup,
    /// A log group that somebody else made. Its ARN may have `:*` at its end.
    ,
    600,
    LOG_GROUP = r"^arn:aws[a-z-]*:logs:[a-z0-9-]+:[0-9]{12}:log-group:[.\-_/#A-Za-z0-9]+(:\*)?$"
);
existing!(
    ExistingTopic,
    /// A topic that somebody else made.
    ,
    320,
    TOPIC = r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$"
);
existing!(
    ExistingStateMachine,
    /// A state machine that somebody else made.
    ,
    256,
    STATE_MACHINE = r"^arn:aws[a-z-]*:states:[a-z0-9-]+:[0-9]{12}:stateMachine:[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?$"
);
existing!(
    ExistingBus,
    /// A bus. One of another account must let this account in by its own policy.
    ,
    400,
    BUS = r"^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[/.\-_A-Za-z0-9]+$"
);
existing!(
    ExistingApiDestination,
    /// An API destination that somebody else made.
    ,
    400,
    API_DESTINATION = r"^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:api-destination/[.\-_A-Za-z0-9]+(/[A-Za-z0-9-]+)?$"
);
existing!(
    ExistingStream,
    /// A stream that somebody else made.
    ,
    256,
    STREAM = r"^arn:aws[a-z-]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[A-Za-z0-9_.-]+$"
);
existing!(
    ExistingDeliveryStream,
    /// A delivery stream that somebody else made.
    ,
    256,
    DELIVERY_STREAM = r"^arn:aws[a-z-]*:firehose:[a-z0-9-]+:[0-9]{12}:deliverystream/[A-Za-z0-9_.-]+$"
);
existing!(
    ExistingTarget,
    /// A target that has no field of its own in spec.
    ,
    1600,
    TARGET = r"^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$",
    Rule::new(format!("!self.matches('{OTHER_FIELD}')")).message("this destination has a field of its own in spec: use that instead of arn")
);

/// What a sink refers to, whichever destination it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Existing<'a> {
    /// The field, such as `spec.sqs.existing`; the ARN is in its `arn` or told by its `arnFrom`.
    pub field: &'static str,
    pub arn: Option<&'a String>,
    pub arn_from: Option<&'a ArnFrom>,
    /// What an ARN of this destination looks like.
    pub pattern: &'static str,
}

impl Existing<'_> {
    /// Whether it is an ARN of this destination, as admission asks it of one that is written in the spec. What an object tells is not to
    /// mean many things at once either.
    pub fn fits(&self, arn: &str) -> bool {
        let is = |pattern: &str| regex_lite::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(arn));
        let other = || self.pattern == TARGET && (is(OTHER_FIELD) || arn.contains(['*', '?']));
        is(self.pattern) && !other() && !arn.chars().any(|c| c.is_whitespace() || c.is_control())
    }
}

impl EventSinkSpec {
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
    fn what_is_told_has_to_be_an_arn_of_the_destination_and_of_one_thing() {
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
