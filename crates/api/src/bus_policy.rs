//! Who else may send to a bus, and what EventBridge logs of it, as users write them in `EventBus`.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lets another account, or all accounts of an organisation, put events on the bus. One statement of the bus's policy.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.accountId) != has(self.organizationId)").message("set exactly one of accountId and organizationId"))]
#[serde(rename_all = "camelCase")]
pub struct BusGrant {
    /// End of the statement's `Sid`.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: String,
    /// 12-digit id of an account. Must be allowed by a grant of the `AwsAccount` (`principals`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    pub account_id: Option<String>,
    /// Id of an organisation in AWS Organizations. Must be allowed by a grant of the `AwsAccount` (`principals`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^o-[a-z0-9]{10,32}$"))]
    pub organization_id: Option<String>,
}

/// What EventBridge logs of the bus. It goes nowhere until a delivery of `CloudWatch` Logs is made for the bus (EventBridge user guide, "Event bus logs").
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusLog {
    pub level: BusLogLevel,
    /// Left out: `NONE`. `FULL` has the event's detail in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_detail: Option<BusLogDetail>,
}

/// AWS's words.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum BusLogLevel {
    Error,
    Info,
    Trace,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum BusLogDetail {
    None,
    Full,
}
