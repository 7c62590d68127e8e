//! Which permissions the objects of an account need, as simulations of IAM policies. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tributary_api::Identity;
use tributary_core::{
    iam_policy::{
        FEATURES, Place, needed,
        simulation::{Access, Decision, Evaluation, Resources, Simulation, simulations},
    },
    names::Arn,
};

use crate::cli::doctor::{
    aws::queues,
    aws_facts::MissingPermission,
    finding::ObjectRef,
    object::Object,
    snapshot::{NotRead, Snapshot},
};

/// Objects whose ARNs are simulated for one statement: names in AWS begin with the namespace, so that a few of each say enough.
const OBJECTS: usize = 20;

/// What one call simulates: a statement, for several objects.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Actions and ARNs of all objects.
    pub(super) simulation: Simulation,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    object: ObjectRef,
    region: String,
    simulation: Simulation,
}

/// Returns what to simulate for the objects of an account.
pub(super) fn groups(snapshot: &Snapshot, account: &str) -> Vec<Group> {
    let mut groups: BTreeMap<(&'static str, Option<String>), Group> = BTreeMap::new();
    for (object, identity) in spread(snapshot, account) {
        let resources = resources(object, identity, snapshot);
        for feature in needed(&object.kind, &as_manifest(object)) {
            let Some(feature) = FEATURES.iter().find(|one| one.name == feature) else { continue };
            for simulation in simulations(feature, &resources) {
                let key = (simulation.sid, simulation.condition.as_ref().map(|(.., value)| value.clone()));
                let part = Part { object: object.reference(), region: identity.region.clone(), simulation: simulation.clone() };
                groups.entry(key).or_insert_with(|| Group { simulation, parts: vec![] }).add(part);
            }
        }
    }
    groups.into_values().collect()
}

/// The objects with an identity in the account: the first of each namespace, then the second, and so on.
fn spread<'a>(snapshot: &'a Snapshot, account: &str) -> Vec<(&'a Object, &'a Identity)> {
    let mut seen: BTreeMap<(&str, Option<&str>), usize> = BTreeMap::new();
    let identities = snapshot.objects.iter().filter_map(|object| Some((object, object.status.identity.as_ref()?)));
    let mut all: Vec<_> = identities
        .filter(|(object, identity)| identity.account == account && !object.is_paused())
        .map(|(object, identity)| {
            let count = seen.entry((&object.kind, object.meta.namespace.as_deref())).or_default();
            *count += 1;
            (*count, object, identity)
        })
        .collect();
    all.sort_by_key(|(count, ..)| *count);
    all.into_iter().map(|(_, object, identity)| (object, identity)).collect()
}

fn as_manifest(object: &Object) -> Value {
    json!({
        "apiVersion": format!("{}/{}", tributary_api::GROUP, tributary_api::VERSION), "kind": object.kind,
        "metadata": {"name": object.name(), "namespace": object.meta.namespace},
        "spec": object.data["spec"], "status": object.data["status"],
    })
}

fn resources(object: &Object, identity: &Identity, snapshot: &Snapshot) -> Resources {
    let mut arns = BTreeSet::from([identity.arn.clone()]);
    for part in ["spec", "status"] {
        collect(&object.data[part], &mut arns);
    }
    arns.extend(queues::referenced(object, snapshot).into_iter().map(|queue| queue.arn));
    let policy = |name: &str| object.data["spec"][name].as_str();
    let access = match (policy("managementPolicy"), policy("deletionPolicy")) {
        (Some("Observe"), _) => Access::Read,
        (_, Some("Delete")) => Access::Manage,
        (_, None) if object.is("EventRule") => Access::Manage,
        // The default of kinds that hold data.
        _ => Access::Keep,
    };
    let place = Place {
        partition: identity.partition.clone(),
        region: identity.region.clone(),
        account_id: identity.account_id.clone(),
        prefix: identity.name.clone(),
    };
    Resources { place, arns, access }
}

/// Collects all ARNs, except those of patterns and messages.
fn collect(value: &Value, arns: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if Arn::parse(text).is_some() && !text.contains(char::is_whitespace) => drop(arns.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| collect(item, arns)),
        Value::Object(map) => {
            let fields = map.iter().filter(|(name, _)| !["eventPattern", "conditions", "requiredStatement"].contains(&name.as_str()));
            fields.for_each(|(_, value)| collect(value, arns));
        }
        _ => {}
    }
}

impl Group {
    fn add(&mut self, part: Part) {
        if self.parts.len() == OBJECTS {
            return;
        }
        for arn in &part.simulation.arns {
            if !self.simulation.arns.contains(arn) {
                self.simulation.arns.push(arn.clone());
            }
        }
        for action in &part.simulation.actions {
            if !self.simulation.actions.contains(action) {
                self.simulation.actions.push(*action);
            }
        }
        self.parts.push(part);
    }

    /// Enters what is missing, by feature and cause, and what IAM could not decide.
    pub(super) fn judge(&self, evaluations: &[Evaluation], missing: &mut Vec<MissingPermission>, unread: &mut Vec<NotRead>) {
        for Part { object, region, simulation } in &self.parts {
            let result = simulation.missing(evaluations);
            for (action, cause) in result.denied {
                let entry = entry(missing, simulation, cause, region);
                entry.actions.insert(action);
                entry.resources.extend(simulation.arns.iter().cloned());
                entry.objects.insert(object.clone());
            }
            for (action, keys) in result.unknown {
                let what = format!("{action} for {object}");
                let why = format!("the policies have conditions on {}, which a simulation has no value of.", keys.join(", "));
                unread.push(NotRead { what, why });
            }
        }
    }
}

/// The entry of this feature, cause and condition. Actions without resources have one of their own.
fn entry<'a>(missing: &'a mut Vec<MissingPermission>, simulation: &Simulation, cause: Decision, region: &str) -> &'a mut MissingPermission {
    let is_of_all = simulation.arns.iter().any(|arn| arn == "*");
    let is_same = |one: &MissingPermission| {
        (one.feature, one.cause, &one.condition) == (simulation.feature, cause, &simulation.condition)
            && one.resources.contains("*") == is_of_all
    };
    let at = missing.iter().position(is_same).unwrap_or(missing.len());
    if at == missing.len() {
        missing.push(MissingPermission {
            feature: simulation.feature,
            cause,
            actions: BTreeSet::new(),
            resources: BTreeSet::new(),
            condition: simulation.condition.clone(),
            objects: BTreeSet::new(),
            region: region.to_owned(),
        });
    }
    &mut missing[at]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::checks::tests::{healthy, object};

    fn rule(name: &str, spec: &Value) -> Object {
        let arn = format!("arn:aws:events:eu-west-1:111122223333:rule/b/{name}");
        let identity =
            json!({"account": "prod", "accountId": "111122223333", "partition": "aws", "region": "eu-west-1", "name": name, "arn": arn});
        let mut all = json!({"busRef": {"name": "b"}, "targets": []});
        for (key, value) in spec.as_object().unwrap() {
            all[key] = value.clone();
        }
        object("EventRule", name, all, json!({"identity": identity}))
    }

    fn evaluations(group: &Group, denied: &str, keys: &[&str]) -> Vec<Evaluation> {
        let Simulation { actions, arns, .. } = &group.simulation;
        let of = |action: &'static str, arn: &String| Evaluation {
            action: action.into(),
            arn: arn.clone(),
            decision: if action == denied { Decision::NotAllowed } else { Decision::Allowed },
            missing_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        };
        actions.iter().flat_map(|action| arns.iter().map(|arn| of(action, arn))).collect()
    }

    #[test]
    fn objects_of_one_feature_are_simulated_together_and_missing_actions_name_them() {
        let rules: Vec<_> = (0..30).map(|number| rule(&format!("r{number}"), &json!({}))).collect();
        let snapshot = Snapshot { objects: rules, ..healthy() };
        assert!(groups(&snapshot, "other").is_empty());
        let all = groups(&snapshot, "prod");
        assert_eq!(all.iter().map(|group| group.simulation.sid).collect::<Vec<_>>(), ["ListRules", "Rules"]);
        let group = &all[1];
        assert_eq!((group.simulation.arns.len(), group.parts.len()), (OBJECTS, OBJECTS));
        let (mut missing, mut unread) = (vec![], vec![]);
        group.judge(&evaluations(group, "events:PutTargets", &[]), &mut missing, &mut unread);
        assert_eq!((missing.len(), unread.len()), (1, 0));
        assert_eq!(missing[0].actions, BTreeSet::from(["events:PutTargets"]));
        assert_eq!((missing[0].objects.len(), missing[0].resources.len(), missing[0].feature), (OBJECTS, OBJECTS, "rules"));
        group.judge(&evaluations(group, "events:PutTargets", &["aws:SourceIp"]), &mut missing, &mut unread);
        assert!(unread[0].why.contains("conditions on aws:SourceIp") && missing.len() == 1, "{unread:?}");
    }

    #[test]
    fn what_an_object_never_does_is_not_needed() {
        let actions = |spec: Value| {
            let snapshot = Snapshot { objects: vec![rule("r", &spec)], ..healthy() };
            groups(&snapshot, "prod").pop().unwrap().simulation.actions
        };
        assert!(actions(json!({})).contains(&"events:DeleteRule"));
        assert!(!actions(json!({"deletionPolicy": "Retain"})).contains(&"events:DeleteRule"));
        assert_eq!(actions(json!({"managementPolicy": "Observe"})), ["events:ListTargetsByRule", "events:ListTagsForResource"]);
    }
}
