//! Destination `runCommand`: an SSM document that runs on instances for each event.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::existing::existing;

/// SSM document that Run Command runs on instances for each event. The event that the rule sends,
/// such as `input` of the rule, has the parameters of the document, each a list of texts.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.instanceIds) != has(self.tag)").message("spec.runCommand must set exactly one of instanceIds and tag."))]
#[serde(rename_all = "camelCase")]
pub struct RunCommandSink {
    /// Existing document. The ARN of a document of AWS has no account, such as
    /// `arn:aws:ssm:eu-west-1::document/AWS-RunShellScript`.
    pub existing: ExistingDocument,
    /// IDs of the instances, `i-` for Amazon EC2 or `mi-` for managed nodes. `spec.grants[].arns`
    /// of the `AwsAccount` must allow `arn:aws:ec2:<region>:<account>:instance/<id>` or
    /// `arn:aws:ssm:<region>:<account>:managed-instance/<id>`. 1 to 50 entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 50), inner(length(max = 20), regex(pattern = r"^m?i-([0-9a-f]{8}|[0-9a-f]{17})$")))]
    pub instance_ids: Option<Vec<String>>,
    /// Tag of the Amazon EC2 instances. `spec.grants[].arns` of the `AwsAccount` must allow
    /// `arn:aws:ec2:<region>:<account>:instance/*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<InstanceTag>,
}

/// Tag of Amazon EC2 instances.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceTag {
    /// Key of the tag. Maximum 124 characters.
    #[schemars(length(min = 1, max = 124), regex(pattern = r"^[\p{L}\p{Z}\p{N}_.:/=+@-]+$"))]
    pub key: String,
    /// Values of the tag, of which an instance has one. 1 to 50 entries of at most 256 characters.
    #[schemars(length(min = 1, max = 50), inner(length(min = 1, max = 256), regex(pattern = r"^[\p{L}\p{Z}\p{N}_.:/=+@-]+$")))]
    pub values: Vec<String>,
}

existing!(
    ExistingDocument,
    /// Existing document of AWS Systems Manager. The ARN of a document of AWS has no account.
    ,
    256,
    DOCUMENT = r"^arn:aws[a-z-]*:ssm:[a-z0-9-]+:([0-9]{12})?:document/[A-Za-z0-9_.-]{3,128}$"
);
