//! Existing resources that an `EventSink` references, by ARN or by an object that contains the ARN.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OTHER_FIELD;

/// Reference to a field that contains the ARN, in another object of the sink's namespace, such as
/// the status of an ACK or Crossplane queue.
///
/// The operator can read only kinds that the chart value `arnFrom.allowed` lists. It reads the
/// field again in each resync.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArnFrom {
    /// API version of the object, such as `eventbridge.services.k8s.aws/v1alpha1`. Maximum 317
    /// characters.
    #[schemars(length(max = 317), regex(pattern = r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[0-9]+((alpha|beta)[0-9]+)?$"))]
    pub api_version: String,
    /// Kind of the object, such as `EventBus`. Maximum 63 characters.
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

/// Generates the reference to an existing resource: `Name, its description, longest ARN, PATTERN = regular expression of the ARN`.
macro_rules! existing {
    ($name:ident, $(#[$doc:meta])*, $max:literal, $pattern:ident = $is:literal $(, $rule:expr)?) => {
        pub(crate) const $pattern: &str = $is;

        $(#[$doc])*
        #[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
        #[x_kube(
            validation = Rule::new("has(self.arn) != has(self.arnFrom)").message("existing must set exactly one of arn and arnFrom."),
        )]
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
            pub arn_from: Option<$crate::ArnFrom>,
        }

        impl $name {
            /// Returns the reference, with the path of its field.
            pub(crate) fn referred(&self, field: &'static str) -> $crate::Existing<'_> {
                $crate::Existing { field, arn: self.arn.as_ref(), arn_from: self.arn_from.as_ref(), pattern: $pattern }
            }
        }
    };
}
pub(crate) use existing;

existing!(
    ExistingBus,
    /// Existing event bus. The resource policy of a bus in another account must allow this account.
    ,
    400,
    BUS = r"^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[/.\-_A-Za-z0-9]+$"
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
    /// Path of the field, such as `spec.eventBus.existing`. Its `arn` or its `arnFrom` is set.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn existing(pattern: &'static str) -> Existing<'static> {
        Existing { field: "spec", arn: None, arn_from: None, pattern }
    }

    #[test]
    fn an_arn_is_single_and_of_the_target_type() {
        assert!(existing(BUS).fits("arn:aws:events:eu-west-1:111122223333:event-bus/orders.v1"));
        assert!(existing(TARGET).fits("arn:aws:batch:eu-west-1:111122223333:job-queue/high"));
        for (pattern, bad) in [
            (BUS, "arn:aws:logs:eu-west-1:111122223333:event-bus/orders"),
            (BUS, "arn:aws:events:eu-west-1:111122223333:event-bus/*"),
            (BUS, "arn:aws:events:eu-west-1:111122223333:event-bus/orders\n"),
            (BUS, ""),
            (TARGET, "arn:aws:events:eu-west-1:111122223333:event-bus/b"),
            (TARGET, "arn:aws:batch:eu-west-1:111122223333:job-queue/*"),
            (TARGET, "arn:aws:batch:eu-west-1:111122223333:a b"),
        ] {
            assert!(!existing(pattern).fits(bad), "{bad:?}");
        }
    }
}
