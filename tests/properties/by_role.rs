//! The model and the properties of what is reached by a role: roles, topics, state machines.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{option, prelude::*};
use serde_json::{Value, json};
use tributary_testkit::product::{
    EventSink, Tags,
    plan::{
        Desired, DesiredByRole, DesiredMachine, DesiredRole, DesiredSink, DesiredSns, DesiredStateMachine, DesiredTopic, IamStep,
        InlinePolicy, LogDestination, MachineSettings, Observed, ObservedByRole, ObservedMachine, ObservedRole, ObservedSink, ObservedSns,
        ObservedStateMachine, ObservedTopic, SnsStep, StatesStep,
    },
};

use super::{
    GROUP_ARN, converges, grants,
    model::{Model, put_statement, remove_statement},
    sink, tags,
};

/// What AWS holds of all that has a role.
#[derive(Clone, Debug, Default)]
pub struct ByRole {
    pub roles: BTreeMap<String, ObservedRole>,
    pub topic: Option<ObservedTopic>,
    pub machine: Option<ObservedMachine>,
}

impl ByRole {
    pub fn iam(&mut self, step: &IamStep) -> Result<(), String> {
        let none = || "NoSuchEntity".to_owned();
        let roles = &mut self.roles;
        match step.clone() {
            IamStep::CreateRole { name, path, trust, boundary, tags, .. } => {
                let role = ObservedRole {
                    name: name.clone(),
                    arn: format!("{path}{name}"),
                    trust,
                    policy: InlinePolicy::Absent,
                    boundary,
                    boundary_is_ours: true,
                    tags,
                };
                if roles.insert(name, role).is_some() {
                    return Err("EntityAlreadyExists".into());
                }
            }
            IamStep::UpdateAssumeRolePolicy { name, trust } => roles.get_mut(&name).ok_or_else(none)?.trust = trust,
            IamStep::PutRolePolicy { name, policy } => {
                if policy["Statement"].as_array().is_none_or(Vec::is_empty) {
                    return Err("MalformedPolicyDocument".into());
                }
                roles.get_mut(&name).ok_or_else(none)?.policy = InlinePolicy::Present(policy);
            }
            IamStep::DeleteRolePolicy { name } => roles.get_mut(&name).ok_or_else(none)?.policy = InlinePolicy::Absent,
            IamStep::PutRolePermissionsBoundary { name, boundary } => roles.get_mut(&name).ok_or_else(none)?.boundary = Some(boundary),
            IamStep::DeleteRolePermissionsBoundary { name } => roles.get_mut(&name).ok_or_else(none)?.boundary = None,
            IamStep::TagRole { name, tags } => roles.get_mut(&name).ok_or_else(none)?.tags.extend(tags),
            IamStep::UntagRole { name, keys } => roles.get_mut(&name).ok_or_else(none)?.tags.retain(|key, _| !keys.contains(key)),
            IamStep::DeleteRole { name } => {
                if roles.remove(&name).ok_or_else(none)?.policy != InlinePolicy::Absent {
                    return Err("DeleteConflict".into());
                }
            }
        }
        let longest = roles.values().map(|role| role.trust.to_string().len()).max().unwrap_or_default();
        if longest > 2_048 { Err(format!("a trust policy has {longest} characters")) } else { Ok(()) }
    }

    pub fn sns(&mut self, step: &SnsStep) -> Result<(), String> {
        let none = || "NotFound".to_owned();
        let topic = &mut self.topic;
        match step.clone() {
            SnsStep::CreateTopic { attributes, tags, .. } => {
                if topic.replace(ObservedTopic { attributes, tags: Some(tags) }).is_some() {
                    return Err("it exists".into());
                }
            }
            SnsStep::SetTopicAttribute { name, value, .. } => {
                topic.as_mut().ok_or_else(none)?.attributes.insert(name, value);
            }
            SnsStep::PutTopicStatement { statement, .. } => {
                put_statement(&mut topic.as_mut().ok_or_else(none)?.attributes, statement);
            }
            SnsStep::RemoveTopicStatement { sid, .. } => remove_statement(&mut topic.as_mut().ok_or_else(none)?.attributes, &sid),
            SnsStep::TagTopic { tags, .. } => topic.as_mut().and_then(|topic| topic.tags.as_mut()).ok_or_else(none)?.extend(tags),
            SnsStep::UntagTopic { keys, .. } => {
                topic.as_mut().and_then(|topic| topic.tags.as_mut()).ok_or_else(none)?.retain(|key, _| !keys.contains(key));
            }
            SnsStep::Publish(_) => return Err("messages are in no model".into()),
            SnsStep::DeleteTopic { .. } => drop(topic.take().ok_or_else(none)?),
        }
        Ok(())
    }

    pub fn states(&mut self, step: &StatesStep) -> Result<(), String> {
        let none = || "StateMachineDoesNotExist".to_owned();
        let machine = &mut self.machine;
        match step.clone() {
            StatesStep::CreateStateMachine { express, settings, tags, .. } => {
                if !self.roles.values().any(|role| role.arn == settings.role_arn) {
                    return Err("the role cannot be assumed".into());
                }
                if machine.replace(ObservedMachine { express, settings, tags: Some(tags) }).is_some() {
                    return Err("it exists".into());
                }
            }
            StatesStep::UpdateStateMachine { settings, .. } => machine.as_mut().ok_or_else(none)?.settings = settings,
            StatesStep::StartExecution(_) => return Err("executions are in no model".into()),
            StatesStep::DeleteStateMachine { .. } => drop(machine.take().ok_or_else(none)?),
            StatesStep::TagStateMachine { tags, .. } => machine.as_mut().and_then(|m| m.tags.as_mut()).ok_or_else(none)?.extend(tags),
            StatesStep::UntagStateMachine { keys, .. } => {
                machine.as_mut().and_then(|m| m.tags.as_mut()).ok_or_else(none)?.retain(|key, _| !keys.contains(key));
            }
        }
        Ok(())
    }

    pub fn by_role(&self) -> ObservedByRole {
        ObservedByRole { role: self.roles.get("events").cloned(), ..ObservedByRole::default() }
    }
}

#[allow(clippy::unnecessary_wraps)] // As `converges` wants it.
fn observed_role(model: &Model) -> Option<ObservedSink> {
    Some(Observed::ByRole(model.by_role.by_role()))
}

#[allow(clippy::unnecessary_wraps)]
fn observed_topic(model: &Model) -> Option<ObservedSink> {
    Some(Observed::Sns(ObservedSns { topic: model.by_role.topic.clone(), by: model.by_role.by_role() }))
}

#[allow(clippy::unnecessary_wraps)]
fn observed_machine(model: &Model) -> Option<ObservedSink> {
    let by_role = &model.by_role;
    let (machine, execution_role) = (by_role.machine.clone(), by_role.roles.get("states").cloned());
    Some(Observed::StateMachine(ObservedStateMachine { machine, execution_role, by: by_role.by_role() }))
}

pub fn role(name: &'static str) -> impl Strategy<Value = DesiredRole> {
    (tags(), option::of("[xy]"), 0..3_usize).prop_map(move |(tags, boundary, rights)| DesiredRole {
        name: name.into(),
        path: "/tributary/".into(),
        arn: format!("/tributary/{name}"),
        account_id: "111122223333".into(),
        rights: vec![json!({"Effect": "Allow", "Action": "a:B", "Resource": "*"}); rights],
        boundary,
        description: String::new(),
        tags,
    })
}

fn by_role() -> impl Strategy<Value = DesiredByRole> {
    (grants(GROUP_ARN), role("events")).prop_map(|(grants, role)| DesiredByRole {
        resource_type: "t",
        grants,
        role: Some(role),
        ..DesiredByRole::default()
    })
}

fn topic() -> impl Strategy<Value = DesiredSink> {
    (by_role(), any::<bool>(), option::of("[xy]"), tags()).prop_map(|(mut by, by_policy, display, tags): (_, _, _, Tags)| {
        if by_policy {
            by.role = None;
        }
        let attributes = display.map(|name| ("DisplayName".to_owned(), name)).into_iter().collect();
        sink(Desired::Sns(DesiredSns { managed: Some(DesiredTopic { name: "t".into(), attributes, tags }), by, by_policy }))
    })
}

fn machine() -> impl Strategy<Value = DesiredSink> {
    (by_role(), role("states"), "[xy]", tags(), any::<bool>()).prop_map(|(by, role, definition, tags, tracing)| {
        let settings = MachineSettings {
            definition: Value::String(definition),
            role_arn: role.arn.clone(),
            log_level: "OFF".into(),
            log_execution_data: false,
            logs: LogDestination::default(),
            tracing,
        };
        let machine = DesiredMachine {
            name: "m".into(),
            express: false,
            settings,
            execution_role: Some(role),
            tags,
            references: BTreeSet::new(),
            warnings: vec![],
        };
        sink(Desired::StateMachine(DesiredStateMachine { managed: Some(machine), by }))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn a_role_converges_its_trust_fits_and_it_is_there_only_while_somebody_sends(before in by_role(), want in by_role()) {
        let mut model = Model::default();
        let wanted = !want.grants.sources.is_empty();
        converges::<EventSink>(Some(&sink(Desired::ByRole(before))), &mut model, observed_role, 1)?;
        converges::<EventSink>(Some(&sink(Desired::ByRole(want))), &mut model, observed_role, 1)?;
        prop_assert_eq!(model.by_role.roles.contains_key("events"), wanted);
        converges::<EventSink>(None, &mut model, observed_role, 1)?;
        prop_assert!(model.by_role.roles.is_empty());
    }

    // How a topic is reached is immutable, so the other way is not tried on the same one.
    #[test]
    fn a_topic_converges_and_is_deleted(want in topic(), again in topic()) {
        let mut model = Model::default();
        converges::<EventSink>(Some(&want), &mut model, observed_topic, 1)?;
        let by_policy = |sink: &DesiredSink| matches!(&sink.target, Desired::Sns(sns) if sns.by_policy);
        if by_policy(&want) == by_policy(&again) {
            converges::<EventSink>(Some(&again), &mut model, observed_topic, 1)?;
        }
        converges::<EventSink>(None, &mut model, observed_topic, 1)?;
        prop_assert!(model.by_role.topic.is_none() && model.by_role.roles.is_empty());
    }

    #[test]
    fn a_state_machine_has_its_role_before_it_is_made_and_goes_with_both(before in machine(), want in machine()) {
        let mut model = Model::default();
        converges::<EventSink>(Some(&before), &mut model, observed_machine, 1)?;
        converges::<EventSink>(Some(&want), &mut model, observed_machine, 1)?;
        converges::<EventSink>(None, &mut model, observed_machine, 1)?;
        prop_assert!(model.by_role.machine.is_none() && model.by_role.roles.is_empty());
    }
}
