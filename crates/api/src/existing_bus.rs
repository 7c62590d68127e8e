//! An existing event bus that an `EventBus` references: by name, by ARN, or by an object that contains the ARN.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{ArnFrom, Existing, existing::BUS};

/// Event bus that another tool or team manages.
///
/// The operator reads the bus and manages rules on it. It does not tag, update, or delete the bus.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(
    validation = Rule::new("[has(self.name), has(self.arn), has(self.arnFrom)].filter(x, x).size() == 1").message("spec.existing must set exactly one of name, arn, and arnFrom."),
)]
#[serde(rename_all = "camelCase")]
pub struct ExistingEventBus {
    /// Name of an event bus in this account and Region, such as `default` or
    /// `aws.partner/benchling.com/acme/app`. Immutable. `spec.grants[].arns` of the `AwsAccount` must allow its ARN. Maximum
    /// 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^[/.\-_A-Za-z0-9]+$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("existing.name is immutable. Delete and recreate the object."))]
    pub name: Option<String>,
    /// ARN of an event bus, in this or another account. Its Region is the Region of the object. The
    /// resource policy of a bus in another account must allow this account to manage rules; see
    /// `status.requiredStatement`. Immutable. `spec.grants[].arns` of the `AwsAccount` must allow
    /// it. Maximum 400 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 400), regex(pattern = BUS))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("existing.arn is immutable. Delete and recreate the object."))]
    pub arn: Option<String>,
    /// Field that contains the ARN, in another object of the namespace, such as the status of an
    /// ACK or Crossplane event bus. Immutable. The chart value `arnFrom.allowed` must list the kind
    /// of the object, and `spec.grants[].arns` of the `AwsAccount` must allow the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("existing.arnFrom is immutable. Delete and recreate the object."))]
    pub arn_from: Option<ArnFrom>,
}

impl ExistingEventBus {
    /// Returns the reference by ARN; `None` for a reference by name.
    pub fn by_arn(&self) -> Option<Existing<'_>> {
        let by_arn = self.name.is_none();
        by_arn.then_some(Existing { field: "spec.existing", arn: self.arn.as_ref(), arn_from: self.arn_from.as_ref(), pattern: BUS })
    }
}
