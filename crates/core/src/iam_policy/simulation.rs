//! Simulations of IAM policies: which actions on which ARNs an object needs, and what IAM's answers say about them.
//!
//! IAM evaluates identity-based policies, the permissions boundary and service control policies. It does not evaluate session policies,
//! resource control policies and the policies of VPC endpoints (IAM API reference, `SimulatePrincipalPolicy`).

use std::collections::BTreeSet;

use tributary_api::matches;

use super::{Asked, Feature, Place, Statement};
use crate::names::Arn;

/// What the operator does with an object's resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads only: `managementPolicy: Observe`.
    Read,
    /// All but deletions: `deletionPolicy: Retain`.
    Keep,
    /// Everything.
    Manage,
}

impl Access {
    fn needs(self, action: &str, asked: Asked) -> bool {
        let operation = action.split_once(':').map_or(action, |(_, operation)| operation);
        let is_read = ["Get", "List", "Describe"].iter().any(|prefix| operation.starts_with(prefix));
        match self {
            Self::Read => is_read && asked == Asked::ByCall,
            Self::Keep => !operation.starts_with("Delete"),
            Self::Manage => true,
        }
    }
}

/// An object's resources in AWS.
#[derive(Clone, Debug)]
pub struct Resources {
    /// Account and Region. The prefix is the name of the object's main resource.
    pub place: Place,
    /// Known ARNs of the object.
    pub arns: BTreeSet<String>,
    /// What the operator does with them.
    pub access: Access,
}

/// One statement, for one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulation {
    /// Name of the feature.
    pub feature: &'static str,
    /// Id of the statement.
    pub sid: &'static str,
    /// Actions.
    pub actions: Vec<&'static str>,
    /// ARNs, of which one has to be allowed; `*` for all resources.
    pub arns: Vec<String>,
    /// Operator, key and value of the statement's condition.
    pub condition: Option<(&'static str, &'static str, String)>,
}

/// Returns the simulations of a feature for an object. Skips a statement about resources that only the user can name if the object
/// has no such ARN.
pub fn simulations(feature: &'static Feature, resources: &Resources) -> Vec<Simulation> {
    feature.statements.iter().filter_map(|statement| simulation(feature.name, statement, resources)).collect()
}

fn simulation(feature: &'static str, statement: &'static Statement, resources: &Resources) -> Option<Simulation> {
    let actions: Vec<_> = statement.actions.iter().copied().filter(|action| resources.access.needs(action, statement.asked)).collect();
    let arns: BTreeSet<String> = statement.resources.iter().flat_map(|template| resources.matching(template)).collect();
    let condition = match &statement.condition {
        None => None,
        Some(condition) => {
            let filled = |value: &&str| if value.starts_with("arn:") { resources.matching(value) } else { vec![(*value).to_owned()] };
            let value = condition.values.iter().flat_map(filled).next()?;
            Some((condition.operator, condition.key, value))
        }
    };
    (!actions.is_empty() && !arns.is_empty()).then(|| Simulation {
        feature,
        sid: statement.sid,
        actions,
        arns: arns.into_iter().collect(),
        condition,
    })
}

/// Placeholder of what the user names.
const NAME: &str = "NAME";
/// Account of a bus that another account owns.
const OTHER_ACCOUNT: &str = "444455556666";

impl Resources {
    /// Returns the object's ARNs that the template of a statement matches. Without one, returns the ARN of a resource with the object's
    /// name if the template has a prefix for it.
    fn matching(&self, template: &str) -> Vec<String> {
        if template == "*" {
            return vec![template.to_owned()];
        }
        let is_foreign = template.contains(OTHER_ACCOUNT);
        let pattern = self.filled(template, "").replace(NAME, "*").replace(OTHER_ACCOUNT, "*");
        let fits = |arn: &&String| {
            let is_of_another = Arn::parse(arn).is_some_and(|arn| !arn.account_id.is_empty() && arn.account_id != self.place.account_id);
            matches(std::slice::from_ref(&pattern), arn) && is_foreign == is_of_another
        };
        let known: Vec<_> = self.arns.iter().filter(fits).cloned().collect();
        if known.is_empty() && template.contains("{prefix}*") && !template.contains(NAME) {
            return vec![self.filled(template, &self.place.prefix).replace('*', "")];
        }
        known
    }

    fn filled(&self, template: &str, prefix: &str) -> String {
        Place { prefix: prefix.to_owned(), ..self.place.clone() }.fill(template)
    }
}

/// What IAM says about one action on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The action.
    pub action: String,
    /// ARN of the resource, or `*`.
    pub arn: String,
    /// The decision.
    pub decision: Decision,
    /// Condition keys of the policies that the simulation has no value of.
    pub missing_keys: Vec<String>,
}

/// IAM's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
pub enum Decision {
    /// The action is allowed.
    Allowed,
    /// No policy of the identity allows it.
    NotAllowed,
    /// A policy of the identity denies it.
    Denied,
    /// Its permissions boundary does not allow it.
    PermissionsBoundary,
    /// A service control policy of the organization does not allow it.
    ServiceControlPolicy,
}

/// What is missing for one simulation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Actions that are not allowed, and why.
    pub denied: Vec<(&'static str, Decision)>,
    /// Actions whose decision depends on these condition keys.
    pub unknown: Vec<(&'static str, Vec<String>)>,
}

impl Simulation {
    /// Returns what is missing by the evaluations, which may be of other simulations too. An action is allowed if it is on one of the ARNs.
    pub fn missing(&self, evaluations: &[Evaluation]) -> Missing {
        let mut missing = Missing::default();
        for action in &self.actions {
            let of_action = |one: &&Evaluation| one.action == *action && self.arns.contains(&one.arn);
            let found: Vec<_> = evaluations.iter().filter(of_action).collect();
            if found.is_empty() || found.iter().any(|one| one.decision == Decision::Allowed) {
                continue;
            }
            let keys: BTreeSet<_> = found.iter().flat_map(|one| &one.missing_keys).cloned().collect();
            if keys.is_empty() {
                missing.denied.extend(found.iter().map(|one| one.decision).max().map(|decision| (*action, decision)));
            } else {
                missing.unknown.push((*action, keys.into_iter().collect()));
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam_policy::FEATURES;

    fn resources(name: &str, arns: &[&str]) -> Resources {
        let place = Place { account_id: "111122223333".into(), region: "eu-west-1".into(), prefix: name.into(), ..Place::default() };
        Resources { place, arns: arns.iter().map(|arn| (*arn).to_owned()).collect(), access: Access::Manage }
    }

    fn of(feature: &str, resources: &Resources) -> Vec<Simulation> {
        simulations(FEATURES.iter().find(|one| one.name == feature).unwrap(), resources)
    }

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:prod-orders";
    const ROLE: &str = "arn:aws:iam::111122223333:role/tributary/prod-orders";

    #[test]
    fn a_statement_is_simulated_on_the_arns_of_the_object_that_it_covers() {
        let mut queue = resources("prod-orders", &[QUEUE, ROLE]);
        let found = of("queues", &queue);
        assert_eq!((found.len(), found[0].arns.as_slice(), found[0].actions.len()), (1, [QUEUE.to_owned()].as_slice(), 8));
        let found = of("roles", &queue);
        assert_eq!(found.iter().map(|one| one.arns[0].as_str()).collect::<Vec<_>>(), [ROLE, ROLE]);
        assert_eq!(found[1].condition, Some(("StringEquals", "iam:PassedToService", "events.amazonaws.com".into())));
        queue.access = Access::Keep;
        assert!(!of("queues", &queue)[0].actions.contains(&"sqs:DeleteQueue"));
        queue.access = Access::Read;
        assert_eq!(of("queues", &queue)[0].actions, ["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ListQueueTags"]);
        assert_eq!(of("roles", &queue).len(), 1, "a role that is only read is not passed");
        assert_eq!(of("rules", &resources("r", &[]))[0].arns, ["*"], "ListRules has no resources");
    }

    #[test]
    fn an_arn_that_is_not_known_has_the_name_of_the_object_and_what_users_name_is_left_out() {
        let found = of("queues", &resources("prod-orders", &[]));
        assert_eq!(found[0].arns, [QUEUE]);
        assert_eq!(of("existing-queues", &resources("prod-orders", &[])), []);
        assert_eq!(of("existing-queues", &resources("orders", &[QUEUE]))[0].arns, [QUEUE]);
        let function = "arn:aws:lambda:eu-west-1:111122223333:function:f";
        let found = of("triggers", &resources("prod-orders", &[QUEUE, function]));
        let condition = found.iter().find(|one| one.sid == "Triggers").unwrap().condition.clone();
        assert_eq!(condition, Some(("StringLike", "lambda:FunctionArn", function.into())));
        assert!(!of("triggers", &resources("prod-orders", &[QUEUE])).iter().any(|one| one.sid == "Triggers"));
        let foreign = "arn:aws:events:eu-west-1:999988887777:event-bus/shared";
        let found = of("existing-buses", &resources("shared", &[foreign]));
        assert_eq!(found.iter().map(|one| one.sid).collect::<Vec<_>>(), ["SharedBuses"]);
    }

    #[test]
    fn what_is_denied_on_all_arns_is_missing_with_its_cause() {
        let simulation = &of("queues", &resources("prod-orders", &[QUEUE, "arn:aws:sqs:eu-west-1:111122223333:b"]))[0];
        let of = |action: &str, arn: &str, decision, keys: &[&str]| Evaluation {
            action: action.into(),
            arn: arn.into(),
            decision,
            missing_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        };
        let missing = simulation.missing(&[
            of("sqs:GetQueueUrl", QUEUE, Decision::NotAllowed, &[]),
            of("sqs:GetQueueUrl", "arn:aws:sqs:eu-west-1:111122223333:b", Decision::Allowed, &[]),
            of("sqs:CreateQueue", QUEUE, Decision::NotAllowed, &[]),
            of("sqs:CreateQueue", "arn:aws:sqs:eu-west-1:111122223333:b", Decision::ServiceControlPolicy, &[]),
            of("sqs:DeleteQueue", QUEUE, Decision::Denied, &["aws:RequestTag/team"]),
            of("sqs:TagQueue", "arn:aws:sqs:eu-west-1:111122223333:of-another-object", Decision::NotAllowed, &[]),
        ]);
        assert_eq!(missing.denied, [("sqs:CreateQueue", Decision::ServiceControlPolicy)]);
        assert_eq!(missing.unknown, [("sqs:DeleteQueue", vec!["aws:RequestTag/team".to_owned()])]);
    }
}
