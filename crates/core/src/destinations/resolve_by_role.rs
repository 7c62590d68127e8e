//! What an `EventSink` that is reached by a role wants of AWS: topics, state machines, and everything that exists and has no policy of its own. Pure.

use std::collections::BTreeMap;

use tributary_api::{AwsAccount, BusRef, EventSink, Identity, MachineType, ManagedStateMachine, SinkRef, Substitution, Tags};

use crate::{
    destinations::{
        Desired, Type, asl,
        by_role::{self, DesiredByRole},
        resolve::{ResolveSink, in_place},
        resolve_api::ResolveApi,
        role::{self, DesiredRole},
        sns::{self, DesiredSns, DesiredTopic},
        state_machine::DesiredStateMachine,
        type_of,
    },
    error::{Reason, ReconcileError},
    managed::Managed,
    names,
    object::key_of,
    ownership,
    steps::MachineSettings,
    view::{View, identity},
};

/// IAM allows 64 characters (API reference, `CreateRole`).
const ROLE_NAME: usize = 64;

/// What an `EventSink` that is reached by a role refers to.
pub trait ResolveByRole {
    fn namespace(&self) -> &str;
    /// Where a topic, a state machine, or a target that exists lives; `None` for the other types.
    fn place_by_role(&self, view: &View, account: &AwsAccount) -> Result<Option<Identity>, ReconcileError>;
    /// What is wanted of a topic, a state machine, or a target that exists; `None` for the other types.
    fn desired_by_role(&self, view: &View, account: &AwsAccount, place: &Identity, owner: &str) -> Result<Option<Desired>, ReconcileError>;
    fn by_role(
        &self,
        type_: Type,
        view: &View,
        account: &AwsAccount,
        place: &Identity,
        owner: &str,
    ) -> Result<DesiredByRole, ReconcileError>;
    /// Roles are of the account and not of a Region, so the Region is part of what the name is hashed from.
    fn role(
        &self,
        service: &str,
        rights: Vec<serde_json::Value>,
        description: String,
        account: &AwsAccount,
        place: &Identity,
        owner: &str,
    ) -> DesiredRole;
    /// What a managed state machine does, and the role that it does it with.
    fn workflow(
        &self,
        machine: &ManagedStateMachine,
        view: &View,
        account: &AwsAccount,
        place: &Identity,
        owner: &str,
    ) -> Result<(MachineSettings, Option<DesiredRole>), ReconcileError>;
    /// What a workflow may be given rights on: what this namespace has here, and what the account's grants let it name.
    fn may_reach(&self, field: &str, arn: &str, view: &View, account: &AwsAccount) -> Result<(), ReconcileError>;
    fn value(&self, substitution: &Substitution, field: &str, view: &View) -> Result<String, ReconcileError>;
    fn bus_of(&self, reference: &BusRef, field: &str, view: &View) -> Result<String, ReconcileError>;
    fn log_group(&self, reference: &SinkRef, view: &View) -> Result<String, ReconcileError>;
}

impl ResolveByRole for EventSink {
    fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }

    fn place_by_role(&self, view: &View, account: &AwsAccount) -> Result<Option<Identity>, ReconcileError> {
        let (type_, region) = (type_of(self)?, self.spec.region.as_ref());
        if let Some((field, arn)) = self.existing(view)? {
            view.permit_arn(account, self.namespace(), &field, arn)?;
            let name = names::Arn::parse(arn).map(|arn| arn.resource).unwrap_or_default();
            let name = name.split_once(['/', ':']).map_or(name, |(_, name)| name);
            let place = identity(account, region, name.to_owned(), |_, _, _, _| arn.to_owned());
            // Only events may leave the account and Region, and only to another bus.
            if type_ != Type::EventBus {
                in_place(&field, arn, &place)?;
            }
            return Ok(Some(place));
        }
        let name = self.metadata.name.as_deref().unwrap_or_default();
        Ok(match type_ {
            Type::Sns => {
                let own = self.spec.sns.as_ref().and_then(|sns| sns.managed.as_ref()).and_then(|topic| topic.name.clone());
                let name = own.unwrap_or_else(|| names::default_name(self.namespace(), name, 256, names::queue_character));
                Some(identity(account, region, name, names::topic_arn))
            }
            Type::ApiDestination => {
                let owner = ownership::owner(&view.settings.installation_id, Self::KIND, &key_of(self));
                Some(identity(account, region, self.api_name(&owner), names::api_destination_arn))
            }
            Type::StateMachine => {
                let own = self.managed_state_machine().and_then(|machine| machine.name.clone());
                let name = own.unwrap_or_else(|| names::default_name(self.namespace(), name, 80, names::queue_character));
                Some(identity(account, region, name, names::state_machine_arn))
            }
            _ => None,
        })
    }

    fn desired_by_role(&self, view: &View, account: &AwsAccount, place: &Identity, owner: &str) -> Result<Option<Desired>, ReconcileError> {
        let type_ = type_of(self)?;
        if matches!(type_, Type::Sqs | Type::Postgres | Type::Lambda | Type::LogGroup) {
            return Ok(None);
        }
        let by = self.by_role(type_, view, account, place, owner)?;
        let tags = |own: Option<&Tags>| ownership::tags(&account.spec.default_tags, own, owner);
        Ok(Some(match (type_, self.managed_state_machine()) {
            (Type::Sns, _) => Desired::Sns(DesiredSns {
                managed: self.spec.sns.as_ref().and_then(|sns| sns.managed.as_ref()).map(|topic| DesiredTopic {
                    name: place.name.clone(),
                    attributes: sns::attributes(topic),
                    tags: tags(topic.tags.as_ref()),
                }),
                by_policy: self.spec.role_arn.is_none() && by.role.is_none(),
                by,
            }),
            (Type::StateMachine, Some(machine)) => {
                let (settings, execution_role) = self.workflow(machine, view, account, place, owner)?;
                Desired::StateMachine(Box::new(DesiredStateMachine {
                    name: place.name.clone(),
                    express: machine.type_ == MachineType::Express,
                    settings,
                    execution_role,
                    tags: tags(machine.tags.as_ref()),
                    by,
                }))
            }
            (Type::ApiDestination, _) => match self.managed_api() {
                Some(managed) => Desired::ApiDestination(Box::new(self.desired_api(managed, view, place, owner, by))),
                None => Desired::ByRole(by),
            },
            _ => Desired::ByRole(by),
        }))
    }

    fn by_role(
        &self,
        type_: Type,
        view: &View,
        account: &AwsAccount,
        place: &Identity,
        owner: &str,
    ) -> Result<DesiredByRole, ReconcileError> {
        if let Some(task) = &self.spec.ecs_task {
            view.permit_arn(account, self.namespace(), "spec.ecsTask.taskDefinitionArn", &task.task_definition_arn)?;
            in_place("spec.ecsTask.taskDefinitionArn", &task.task_definition_arn, place)?;
            for (index, role) in task.pass_role_arns.iter().enumerate() {
                view.permit_role(account, self.namespace(), &format!("spec.ecsTask.passRoleArns[{index}]"), role)?;
            }
        }
        let wants = self.spec.role_arn.is_none() && (type_.needs_role() || self.spec.invocation_role.is_some());
        let role = wants.then(|| {
            let description = format!("EventBridge sends to {} with it; kept by Tributary", place.name);
            self.role("events", by_role::rights(type_, self, &place.arn), description, account, place, owner)
        });
        if let Some(boundary) = self.spec.invocation_role.as_ref().and_then(|role| role.permissions_boundary_arn.as_ref()) {
            view.permit_arn(account, self.namespace(), "spec.invocationRole.permissionsBoundaryArn", boundary)?;
        }
        Ok(DesiredByRole { resource_type: by_role::resource_type(type_), grants: self.grants(view, place, owner), role })
    }

    fn role(
        &self,
        service: &str,
        rights: Vec<serde_json::Value>,
        description: String,
        account: &AwsAccount,
        place: &Identity,
        owner: &str,
    ) -> DesiredRole {
        let options = self.spec.invocation_role.clone().unwrap_or_default();
        let path = options.path.unwrap_or_else(|| role::PATH.to_owned());
        let hash = names::short_hash(&format!("{owner} {} {service}", place.region), 8);
        let head = format!("{}-{}", self.namespace(), self.metadata.name.as_deref().unwrap_or_default());
        let head: String = head.chars().take(ROLE_NAME - hash.len() - service.len() - 2).collect();
        let name = format!("{head}-{service}-{hash}");
        DesiredRole {
            arn: format!("arn:{}:iam::{}:role{path}{name}", place.partition, place.account_id),
            name,
            path,
            account_id: place.account_id.clone(),
            rights,
            boundary: options.permissions_boundary_arn,
            description,
            tags: ownership::tags(&account.spec.default_tags, None, owner),
        }
    }

    fn workflow(
        &self,
        machine: &ManagedStateMachine,
        view: &View,
        account: &AwsAccount,
        place: &Identity,
        owner: &str,
    ) -> Result<(MachineSettings, Option<DesiredRole>), ReconcileError> {
        let mut values = BTreeMap::new();
        for (name, substitution) in &machine.substitutions {
            let field = format!("spec.stateMachine.managed.substitutions[{name}]");
            values.insert(name.clone(), self.value(substitution, &field, view)?);
        }
        let field = "spec.stateMachine.managed";
        let (definition, missing) = asl::substitute(&machine.definition, &values);
        if !missing.is_empty() {
            return Err(ReconcileError::invalid(
                Reason::InvalidSpec,
                format!(
                    "{field}.definition speaks of ${{{}}}, which {field}.substitutions does not give. Add it there",
                    missing.join("}, ${")
                ),
            ));
        }
        let log_group_arn = machine.logging.as_ref().map(|logging| self.log_group(&logging.sink_ref, view)).transpose()?;
        let (role_arn, role) = if let Some(role) = &machine.role_arn {
            view.permit_role(account, self.namespace(), &format!("{field}.roleArn"), role)?;
            (role.clone(), None)
        } else {
            let home = asl::Home { partition: &place.partition, region: &place.region, account_id: &place.account_id };
            let needs = asl::needs(&definition, home);
            if let Some(unknown) = needs.unknown.first() {
                return Err(ReconcileError::invalid(
                    Reason::InvalidSpec,
                    format!("{field}.definition: {unknown}. Name a role that has the rights in {field}.roleArn"),
                ));
            }
            for arn in needs.rights.values().flatten() {
                self.may_reach(&format!("{field}.definition"), arn, view, account)?;
            }
            let description = format!("State machine {} works as it; kept by Tributary", place.name);
            let role = self.role("states", needs.statements(log_group_arn.is_some(), machine.tracing), description, account, place, owner);
            (role.arn.clone(), Some(role))
        };
        let logging = machine.logging.as_ref();
        let settings = MachineSettings {
            definition,
            role_arn,
            log_level: logging.map_or("OFF", |logging| logging.level.into()).into(),
            log_execution_data: logging.is_some_and(|logging| logging.include_execution_data),
            log_group_arn,
            tracing: machine.tracing,
        };
        Ok((settings, role))
    }

    fn may_reach(&self, field: &str, arn: &str, view: &View, account: &AwsAccount) -> Result<(), ReconcileError> {
        let mut ours = false;
        let namespace = self.metadata.namespace.as_ref();
        view.each_bus(|bus| {
            let identity = bus.status.as_ref().and_then(|status| status.common.identity.as_ref());
            ours |= bus.metadata.namespace.as_ref() == namespace && identity.is_some_and(|identity| identity.arn == arn);
        });
        view.each_sink(|sink| {
            let identity = sink.status.as_ref().and_then(|status| status.common.identity.as_ref());
            ours |= sink.metadata.namespace.as_ref() == namespace && identity.is_some_and(|identity| identity.arn == arn);
        });
        if ours { Ok(()) } else { view.permit_arn(account, self.namespace(), field, arn) }
    }

    fn value(&self, substitution: &Substitution, field: &str, view: &View) -> Result<String, ReconcileError> {
        if let Some(reference) = &substitution.bus_ref {
            return self.bus_of(reference, &format!("{field}.busRef"), view);
        }
        let Some(reference) = &substitution.sink_ref else { return Ok(substitution.value.clone().unwrap_or_default()) };
        let field = format!("{field}.sinkRef");
        let sink = view.sink_for(self.namespace(), &field, reference)?;
        ready_arn(&field, &sink, sink.current().and_then(|status| status.common.identity.as_ref()))
    }

    fn bus_of(&self, reference: &BusRef, field: &str, view: &View) -> Result<String, ReconcileError> {
        let bus = view.bus_for(self.namespace(), field, reference)?;
        let identity = bus.current().and_then(|status| status.common.identity.as_ref());
        identity.map(|identity| identity.arn.clone()).ok_or_else(|| {
            ReconcileError::blocked(Reason::BusNotReady, format!("{field}: EventBus {} is not ready; see its conditions", key_of(&bus)))
        })
    }

    fn log_group(&self, reference: &SinkRef, view: &View) -> Result<String, ReconcileError> {
        let field = "spec.stateMachine.managed.logging.sinkRef";
        let sink = view.sink_for(self.namespace(), field, reference)?;
        if type_of(&sink)? != Type::LogGroup {
            return Err(ReconcileError::blocked(Reason::InvalidSpec, format!("{field}: EventSink {} is no log group", key_of(&sink))));
        }
        let there = sink.current().filter(|_| crate::destinations::reach::exists(&sink));
        ready_arn(field, &sink, there.and_then(|status| status.common.identity.as_ref()))
    }
}

/// The ARN, or that the sink has none that could be used yet.
fn ready_arn(field: &str, sink: &EventSink, identity: Option<&Identity>) -> Result<String, ReconcileError> {
    let why =
        || ReconcileError::blocked(Reason::SinkNotReady, format!("{field}: EventSink {} is not ready; see its conditions", key_of(sink)));
    identity.map(|identity| identity.arn.clone()).ok_or_else(why)
}
