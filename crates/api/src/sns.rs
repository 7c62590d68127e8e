//! The `sns` destination of an `EventSink`.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{ExistingTopic, Tags};

/// A standard topic: made, or only referred to. EventBridge delivers to no FIFO topic (user guide, "Amazon EventBridge targets").
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.managed) != has(self.existing)").message("set exactly one of managed and existing"),
    validation = Rule::new("has(self.managed) == has(oldSelf.managed)").message("a managed topic cannot become an existing one, nor the other way round: make another EventSink")
)]
#[serde(rename_all = "camelCase")]
pub struct SnsSink {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedTopic>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingTopic>,
}

/// A topic that the operator makes. Attributes left out keep AWS's defaults, and are then left alone.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("name is immutable"))]
#[serde(rename_all = "camelCase")]
pub struct ManagedTopic {
    /// Name in AWS; left out: `<namespace>-<name>`, cut with a hash at 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: Option<String>,
    /// The sender that subscribers by mail and SMS see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub display_name: Option<String>,
    /// Key that encrypts messages: id, ARN or alias of a customer managed key whose policy lets `events.amazonaws.com` use it. With
    /// `alias/aws/sns` EventBridge cannot deliver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("!self.endsWith('alias/aws/sns')").message("EventBridge cannot deliver to a topic that is encrypted with alias/aws/sns: use a customer managed key whose policy lets events.amazonaws.com use it"))]
    pub kms_key_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
}
