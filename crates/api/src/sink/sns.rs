//! The `sns` destination of an `EventSink`.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{Tags, existing::existing};

/// Amazon SNS standard topic. Exactly one of `managed` and `existing` is set. EventBridge does not
/// deliver to FIFO topics; see "Amazon EventBridge targets" in the EventBridge User Guide.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.managed) != has(self.existing)").message("spec.sns must set exactly one of managed and existing."),
    validation = Rule::new("has(self.managed) == has(oldSelf.managed)").message("spec.sns: the choice between managed and existing is immutable. Delete and recreate the object.")
)]
#[serde(rename_all = "camelCase")]
pub struct SnsSink {
    /// Topic that the operator creates. The operator does not manage attributes that are not set;
    /// AWS applies its defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedTopic>,
    /// Existing topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingTopic>,
}

/// Topic that the operator creates. The operator does not manage attributes that are not set; AWS
/// applies its defaults.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("spec.sns.managed.name is immutable. Delete and recreate the object."))]
#[serde(rename_all = "camelCase")]
pub struct ManagedTopic {
    /// Name of the topic. Defaults to `<namespace>-<name>`, truncated and suffixed with a hash if
    /// it is longer than 256 characters or `<name>` contains a hyphen. Immutable. Maximum 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: Option<String>,
    /// Sender name in email and SMS messages. Defaults to none. Maximum 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub display_name: Option<String>,
    /// Customer managed KMS key that encrypts messages: key ID, ARN, or alias. Its key policy must
    /// allow `events.amazonaws.com` to use it. EventBridge cannot deliver with `alias/aws/sns`.
    /// Defaults to no KMS encryption. Maximum 2048 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("!self.endsWith('alias/aws/sns')").message("spec.sns.managed.kmsKeyId must not be alias/aws/sns: EventBridge cannot use that key. Set a customer managed key whose policy allows events.amazonaws.com."))]
    pub kms_key_id: Option<String>,
    /// AWS tags of the topic. They override `spec.defaultTags` of the `AwsAccount`. Maximum 40
    /// tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
}

existing!(
    ExistingTopic,
    /// Existing SNS standard topic.
    ,
    320,
    TOPIC = r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$"
);
