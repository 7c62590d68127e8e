//! Where the records of an event bus's log go.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    DeletionPolicy, LogGroupClass, SinkRef, Tags,
    sink::{RETENTION_MESSAGE, RETENTION_RULE},
};

/// Destination of the log of an event bus. Exactly one of `logGroup`, `firehose`, and `s3` is set.
///
/// The operator creates a delivery source for each log type of the level, a delivery destination,
/// and the deliveries between them, and removes them with the field or the object.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(
    validation = Rule::new("[has(self.logGroup), has(self.firehose), has(self.s3)].filter(x, x).size() == 1").message("log.delivery must set exactly one of logGroup, firehose, and s3.")
)]
#[serde(rename_all = "camelCase")]
pub struct BusLogDelivery {
    /// CloudWatch Logs log group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<BusLogGroup>,
    /// Existing Amazon Data Firehose delivery stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firehose: Option<BusLogStream>,
    /// Existing Amazon S3 bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<BusLogBucket>,
}

impl BusLogDelivery {
    /// Returns the sink that the log goes to.
    pub fn sink_ref(&self) -> Option<&SinkRef> {
        self.log_group.as_ref()?.sink_ref.as_ref()
    }

    /// Returns whether the records can be read by their text. Those of the class `INFREQUENT_ACCESS`
    /// can not (CloudWatch Logs User Guide, "Log classes").
    pub fn is_readable(&self) -> bool {
        let group = self.log_group.as_ref();
        let class = group.and_then(|group| group.managed.as_ref()?.class);
        group.is_some() && class != Some(LogGroupClass::InfrequentAccess)
    }
}

/// Log group for the log of an event bus. Exactly one of `managed` and `sinkRef` is set.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.managed) != has(self.sinkRef)").message("log.delivery.logGroup must set exactly one of managed and sinkRef.")
)]
#[serde(rename_all = "camelCase")]
pub struct BusLogGroup {
    /// Log group that the operator creates for the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedBusLogGroup>,
    /// `EventSink` with a log group as its destination, in the account and Region of the bus. The
    /// operator adds a statement to the log resource policy of the installation, unless the sink has
    /// `permissions: External`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink_ref: Option<SinkRef>,
}

/// Log group that the operator creates for an event bus.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedBusLogGroup {
    /// Name of the log group. Defaults to `/aws/vendedlogs/events/event-bus/<bus>`, with the name of
    /// the bus in AWS. With another name the log goes to another log group, and `deletionPolicy` says
    /// what happens to the former one. Maximum 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[.\-_/#A-Za-z0-9]+$"))]
    pub name: Option<String>,
    /// Retention of log events in days: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545,
    /// 731, 1096, 1827, 2192, 2557, 2922, 3288, or 3653. Defaults to no expiration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(RETENTION_RULE).message(RETENTION_MESSAGE))]
    pub retention_days: Option<i32>,
    /// Log class: `STANDARD`, or `INFREQUENT_ACCESS` with a lower price and fewer features.
    /// Defaults to `STANDARD`. CloudWatch Logs cannot change the class of an existing log group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<LogGroupClass>,
    /// ARN of the KMS key that encrypts the log group. The key policy must allow CloudWatch Logs in
    /// the Region to use it. Defaults to encryption by CloudWatch Logs. Maximum 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^arn:aws[a-z-]*:kms:.+$"))]
    pub kms_key_arn: Option<String>,
    /// AWS tags of the log group. They override `spec.defaultTags` of the `AwsAccount`. Defaults to
    /// none. Maximum 40 tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
    /// What happens to the log group in AWS when the object is deleted or the log goes elsewhere.
    /// `Delete` deletes it with its events. `Retain` keeps it. Defaults to `Retain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
}

/// Amazon Data Firehose delivery stream for the log of an event bus.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusLogStream {
    /// ARN of the delivery stream, in the account and Region of the bus. `spec.grants[].arns` of the
    /// `AwsAccount` must allow it. Maximum 200 characters.
    #[schemars(length(max = 200), regex(pattern = r"^arn:aws[a-z-]*:firehose:[a-z0-9-]+:[0-9]{12}:deliverystream/[A-Za-z0-9_.-]+$"))]
    pub arn: String,
}

/// Amazon S3 bucket for the log of an event bus.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusLogBucket {
    /// ARN of the bucket, such as `arn:aws:s3:::logs`, optionally with a prefix, such as
    /// `arn:aws:s3:::logs/buses`. `spec.grants[].arns` of the `AwsAccount` must allow it. The bucket
    /// policy must allow `delivery.logs.amazonaws.com` to write; see "Logs sent to Amazon S3" in the
    /// CloudWatch Logs User Guide. Maximum 256 characters.
    #[schemars(length(max = 256), regex(pattern = r"^arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.()-]+)*$"))]
    pub arn: String,
}

/// What the operator may have in AWS for the log of an event bus.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusLogDeliveryStatus {
    /// ARN of the log group, delivery stream, or bucket that receives the log. Absent until the
    /// deliveries exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_arn: Option<String>,
    /// Names of delivery sources, including those of writes in progress.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Names of delivery destinations, including those of writes in progress.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<String>,
    /// Managed log groups, including former ones that are still to be deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub log_groups: Vec<BusLogGroupStatus>,
}

impl BusLogDeliveryStatus {
    /// Returns the name of the log group that receives the log; `None` if it is something else.
    pub fn group(&self) -> Option<&str> {
        let (_, name) = self.destination_arn.as_deref()?.split_once(":log-group:")?;
        Some(name.trim_end_matches(":*"))
    }
}

/// Managed log group of an event bus.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusLogGroupStatus {
    /// Name of the log group.
    pub name: String,
    /// Deletion policy of the log group. It also applies after the log goes elsewhere.
    pub deletion_policy: DeletionPolicy,
}
