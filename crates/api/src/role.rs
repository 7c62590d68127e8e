//! Destinations that EventBridge reaches with a role, and the options of the role that the operator
//! creates.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ExistingBus, ExistingTarget, HttpParameters, existing::existing};

/// IAM role that the operator creates for EventBridge to deliver events. Its trust policy allows
/// only rules that send to the sink; its permissions allow only the delivery.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvocationRole {
    /// IAM path of the role. Defaults to `/tributary/`. Immutable. Maximum 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = r"^/([A-Za-z0-9_+=,.@-]+/)*$"))]
    pub path: Option<String>,
    /// ARN of the managed policy that is the permissions boundary of the role. `spec.grants[].arns`
    /// of the `AwsAccount` must allow it. Defaults to none. Maximum 320 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 320), regex(pattern = r"^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$"))]
    pub permissions_boundary_arn: Option<String>,
}

/// Another event bus, in the same or another account or Region.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventBusSink {
    /// Existing event bus. The resource policy of a bus in another account must allow this account.
    pub existing: ExistingBus,
}

/// Amazon Kinesis data stream.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KinesisSink {
    /// Existing data stream.
    pub existing: ExistingStream,
    /// JSON path of the partition key in the event, such as `$.detail.id`. Defaults to the ID of
    /// the event. Maximum 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^\$"))]
    pub partition_key_path: Option<String>,
}

/// Amazon Data Firehose stream.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirehoseSink {
    /// Existing Firehose stream.
    pub existing: ExistingDeliveryStream,
}

/// Target of any type that EventBridge reaches with a role and that has no separate field in spec.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("!has(self.http) || !has(self.existing.arn) || self.existing.arn.contains(':execute-api:')").message("spec.arn.http is supported only for an ARN of execute-api. Remove http."))]
#[serde(rename_all = "camelCase")]
pub struct ArnSink {
    /// Existing target.
    pub existing: ExistingTarget,
    /// IAM actions that the invocation role allows on the target, such as `batch:SubmitJob`. Not
    /// needed with `roleArn`. Maximum 5 entries of at most 128 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), inner(length(max = 128), regex(pattern = r"^[a-z0-9-]+:[A-Z][A-Za-z0-9]+$")))]
    pub actions: Vec<String>,
    /// Parameters of the requests to an Amazon API Gateway REST API. Supported only for an ARN of
    /// `execute-api`, such as
    /// `arn:aws:execute-api:eu-west-1:111122223333:a1b2c3d4e5/prod/POST/orders/*`. Defaults to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpParameters>,
}

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
