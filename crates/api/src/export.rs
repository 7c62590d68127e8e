//! `EventSink.spec.exportTo`: where the operator publishes the values that a consumer of the
//! destination needs, such as the URL of a queue.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the operator publishes how consumers reach the destination.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportTo {
    /// ConfigMap in the namespace of the sink.
    pub config_map: ExportConfigMap,
}

/// ConfigMap that the operator creates, owns and deletes. Its keys are names of environment
/// variables: `TYPE`, `ARN`, `NAME`, `REGION` and `ACCOUNT_ID`; for a queue also `URL` and, with
/// `deadLetter`, `DEAD_LETTER_ARN` and `DEAD_LETTER_URL`. None of the values is confidential.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportConfigMap {
    /// Name of the ConfigMap. If an object of this name exists that the sink does not own, it is
    /// not changed. Maximum 253 characters.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"))]
    pub name: String,
}
