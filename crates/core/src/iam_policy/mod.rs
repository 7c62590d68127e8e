//! What the operator has to be allowed in AWS, by feature: the policies of `docs/how-to/set-up-iam.md` and of `tributary iam-policy`. Pure.
//!
//! Held against what is called: a test compares the actions here with the steps and with every call in `src/aws/`, another with the journal
//! of all that the tests made the operator do.

mod features;
mod parts;

use std::collections::BTreeSet;

pub use features::FEATURES;
use serde::Serialize;
use serde_json::Value;

/// Something that users may or may not use, and that needs rights.
#[derive(Debug)]
pub struct Feature {
    /// As on the command line, such as `log-groups`.
    pub name: &'static str,
    /// When it is needed: a line of help.
    pub about: &'static str,
    pub statements: &'static [Statement],
}

/// A statement, with `{partition}`, `{region}`, `{account}` and `{prefix}` in it, and `NAME` for what only the user knows.
#[derive(Debug)]
pub struct Statement {
    pub sid: &'static str,
    pub actions: &'static [&'static str],
    pub resources: &'static [&'static str],
    pub condition: Option<Condition>,
    pub asked: Asked,
}

/// One operator, one key.
#[derive(Debug)]
pub struct Condition {
    pub operator: &'static str,
    pub key: &'static str,
    pub values: &'static [&'static str],
}

/// Why an action is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// We make the call.
    ByCall,
    /// AWS asks for it while it does something else for us, and no call of this name is ever seen.
    ByAws,
}

/// Where the policy is to hold.
#[derive(Clone, Debug)]
pub struct Place {
    pub partition: String,
    pub region: String,
    pub account_id: String,
    /// What all names in AWS begin with.
    pub prefix: String,
}

impl Default for Place {
    /// That of the documentation.
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

#[derive(Debug, Serialize)]
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

/// The policy document that these features need together, as indented JSON.
pub fn document<'a>(features: impl IntoIterator<Item = &'a Feature>, place: &Place) -> Result<String, serde_json::Error> {
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
    let statement = features.into_iter().flat_map(|feature| feature.statements).map(said).collect();
    serde_json::to_string_pretty(&Document { version: "2012-10-17", statement })
}

/// All actions that are needed for this reason.
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
        assert_eq!(sids.iter().collect::<BTreeSet<_>>().len(), sids.len(), "a Sid may stand once in a policy: {sids:?}");
        assert!(sids.iter().all(|sid| sid.chars().all(|c| c.is_ascii_alphanumeric())));
        let place = Place { partition: "aws-cn".into(), ..Place::default() };
        let text = document(FEATURES, &place).unwrap();
        assert!(
            !text.contains('{'.to_string().as_str().repeat(2).as_str()) && !text.contains("{account}") && !text.contains("arn:aws:"),
            "{text}"
        );
    }

    #[test]
    fn every_step_is_among_the_rights() {
        let granted = actions(Asked::ByCall);
        let missing: Vec<_> = crate::steps::actions().into_iter().filter(|action| !granted.contains(action.as_str())).collect();
        assert!(missing.is_empty(), "no feature of src/rights/features.rs has {missing:?}");
    }
}
