//! IAM permissions that the operator needs, by feature. Source of the policies in
//! `docs/how-to/set-up-iam.md` and of `tributary iam-policy`. Pure.
//!
//! Tests compare the actions with the steps, with every call in the `aws` crate, and with a journal
//! of all calls that the operator made during the tests.

mod features;
mod needs;
pub mod simulation;

use std::collections::BTreeSet;

pub use crate::feature::{Asked, Condition, Feature, Statement};
pub use features::FEATURES;
pub use needs::needed;
use serde::Serialize;
use serde_json::Value;

/// The account and Region that a policy is for.
#[derive(Clone, Debug)]
pub struct Place {
    /// Partition, such as `aws`.
    pub partition: String,
    /// Region, such as `eu-west-1`.
    pub region: String,
    /// Account id: 12 digits.
    pub account_id: String,
    /// Prefix of all names in AWS.
    pub prefix: String,
}

impl Default for Place {
    /// Returns the values of the examples in the documentation.
    fn default() -> Self {
        let [partition, region, account_id, prefix] = ["aws", "eu-west-1", "111122223333", "orders-"].map(str::to_owned);
        Self { partition, region, account_id, prefix }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    version: &'static str,
    statement: Vec<Said>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Said {
    sid: &'static str,
    effect: &'static str,
    action: Vec<&'static str>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

impl Place {
    fn fill(&self, text: &str) -> String {
        text.replace("{partition}", &self.partition)
            .replace("{region}", &self.region)
            .replace("{account}", &self.account_id)
            .replace("{prefix}", &self.prefix)
    }
}

/// Maximum size of a managed policy without white space, in characters (IAM user guide, "IAM and
/// AWS STS quotas").
pub const MAX_POLICY_SIZE: usize = 6144;

/// Returns the policy document with the statements of the features, as indented JSON.
///
/// # Errors
/// The document cannot be serialized.
pub fn document<'a>(features: impl IntoIterator<Item = &'a Feature>, place: &Place) -> Result<String, serde_json::Error> {
    text(said(features, place))
}

/// Returns as few policy documents as needed, each within [`MAX_POLICY_SIZE`]. A statement is never
/// divided.
///
/// # Errors
/// A document cannot be serialized.
pub fn documents<'a>(features: impl IntoIterator<Item = &'a Feature>, place: &Place) -> Result<Vec<String>, serde_json::Error> {
    let mut all: Vec<Vec<Said>> = Vec::new();
    for statement in said(features, place) {
        let fits = |statements: &Vec<Said>| {
            let together = statements.iter().chain([&statement]).cloned().collect();
            text(together).is_ok_and(|text| size(&text) <= MAX_POLICY_SIZE)
        };
        match all.iter_mut().find(|statements| fits(statements)) {
            Some(statements) => statements.push(statement),
            None => all.push(vec![statement]),
        }
    }
    all.into_iter().map(text).collect()
}

/// Returns the size of a policy as IAM counts it: without white space.
pub fn size(policy: &str) -> usize {
    policy.chars().filter(|c| !c.is_whitespace()).count()
}

fn text(statement: Vec<Said>) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&Document { version: "2012-10-17", statement })
}

fn said<'a>(features: impl IntoIterator<Item = &'a Feature>, place: &Place) -> Vec<Said> {
    let said = |statement: &Statement| Said {
        sid: statement.sid,
        effect: "Allow",
        action: statement.actions.to_vec(),
        resource: statement.resources.iter().map(|resource| place.fill(resource)).collect(),
        condition: statement.condition.as_ref().map(|condition| {
            let values: Vec<_> = condition.values.iter().map(|value| place.fill(value)).collect();
            serde_json::json!({condition.operator: {condition.key: values}})
        }),
    };
    features.into_iter().flat_map(|feature| feature.statements).map(said).collect()
}

/// Returns all actions that are needed for this reason.
pub fn actions(asked: Asked) -> BTreeSet<&'static str> {
    let statements = FEATURES.iter().flat_map(|feature| feature.statements).filter(|statement| statement.asked == asked);
    statements.flat_map(|statement| statement.actions).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sids_are_told_apart_and_places_are_filled_in() {
        let names: BTreeSet<_> = FEATURES.iter().map(|feature| feature.name).collect();
        assert_eq!(names.len(), FEATURES.len());
        let sids: Vec<_> = FEATURES.iter().flat_map(|feature| feature.statements).map(|statement| statement.sid).collect();
        assert_eq!(sids.iter().collect::<BTreeSet<_>>().len(), sids.len(), "a Sid is unique in a policy: {sids:?}");
        assert!(sids.iter().all(|sid| sid.chars().all(|c| c.is_ascii_alphanumeric())));
        let place = Place { partition: "aws-cn".into(), ..Place::default() };
        let text = document(FEATURES.iter(), &place).unwrap();
        assert!(
            !text.contains('{'.to_string().as_str().repeat(2).as_str()) && !text.contains("{account}") && !text.contains("arn:aws:"),
            "{text}"
        );
    }

    #[test]
    fn the_policy_of_all_features_is_divided_into_policies_that_iam_accepts() {
        let place =
            Place { partition: "aws-us-gov".into(), region: "us-gov-west-1".into(), prefix: "integrations-".into(), ..Place::default() };
        let whole = document(FEATURES.iter(), &place).unwrap();
        assert!(size(&whole) > MAX_POLICY_SIZE, "it fits into one, and this test says nothing");
        let parts = documents(FEATURES.iter(), &place).unwrap();
        let statements = |text: &str| serde_json::from_str::<Value>(text).unwrap()["Statement"].as_array().unwrap().clone();
        let mut divided: Vec<_> = parts.iter().flat_map(|part| statements(part)).map(|statement| statement.to_string()).collect();
        let mut all: Vec<_> = statements(&whole).iter().map(ToString::to_string).collect();
        divided.sort();
        all.sort();
        assert_eq!(divided, all, "no statement is lost or repeated");
        assert!(parts.iter().all(|part| size(part) <= MAX_POLICY_SIZE));
        // AWS attaches at most 10 managed policies to a role.
        assert!((2..=4).contains(&parts.len()), "{}", parts.len());
        let few = documents(FEATURES.iter().take(2), &place).unwrap();
        assert_eq!(few, [document(FEATURES.iter().take(2), &place).unwrap()]);
    }

    #[test]
    fn every_step_is_among_the_rights() {
        let granted = actions(Asked::ByCall);
        let missing: Vec<_> = crate::steps::actions().into_iter().filter(|action| !granted.contains(action.as_str())).collect();
        assert!(missing.is_empty(), "no feature of iam_policy or of a destination has {missing:?}");
    }
}
