//! Resolves a managed state machine from the spec of its sink: definition, logging and execution
//! role.

use std::collections::BTreeMap;

use tributary_api::{BusRef, EventSink, Identity, MachineType, ManagedStateMachine, SinkRef, Substitution};

use crate::{
    destinations::{
        shared::{
            context::ResolveContext,
            reference::{exists, not_ready},
            role::DesiredRole,
        },
        state_machine::{asl, state::DesiredMachine},
    },
    error::{Reason, ReconcileError},
    managed::Managed,
    names::Scope,
    object::key_of,
    steps::MachineSettings,
};

/// Returns the state machine to create.
///
/// # Errors
/// A reference is not permitted or not ready, or the permissions that the definition needs are not
/// known.
pub(super) fn machine(
    machine: &ManagedStateMachine,
    context: &ResolveContext<'_>,
    identity: &Identity,
) -> Result<DesiredMachine, ReconcileError> {
    let (settings, execution_role) = workflow(machine, context, identity)?;
    Ok(DesiredMachine {
        name: identity.name.clone(),
        express: machine.type_ == MachineType::Express,
        settings,
        execution_role,
        tags: context.tags(machine.tags.as_ref()),
    })
}

/// Returns the settings of a managed state machine, and its execution role unless the spec
/// references one.
fn workflow(
    machine: &ManagedStateMachine,
    context: &ResolveContext<'_>,
    identity: &Identity,
) -> Result<(MachineSettings, Option<DesiredRole>), ReconcileError> {
    let mut values = BTreeMap::new();
    for (name, substitution) in &machine.substitutions {
        let field = format!("spec.stateMachine.managed.substitutions[{name}]");
        values.insert(name.clone(), value(substitution, &field, context)?);
    }
    let field = "spec.stateMachine.managed";
    let (definition, missing) = asl::substitute(&machine.definition, &values);
    if !missing.is_empty() {
        return Err(ReconcileError::invalid(
            Reason::InvalidSpec,
            format!(
                "{field}.definition contains ${{{}}}, which {field}.substitutions does not define. Add it there.",
                missing.join("}, ${")
            ),
        ));
    }
    let log_group_arn = machine.logging.as_ref().map(|logging| log_group(&logging.sink_ref, context)).transpose()?;
    let (role_arn, role) = if let Some(role) = &machine.role_arn {
        context.permit_role(&format!("{field}.roleArn"), role)?;
        (role.clone(), None)
    } else {
        let needs = asl::needs(&definition, Scope::of(identity));
        if let Some(unknown) = needs.unknown.first() {
            return Err(ReconcileError::invalid(
                Reason::InvalidSpec,
                format!("{field}.definition: {unknown}. Set {field}.roleArn to a role with the permissions."),
            ));
        }
        for arn in needs.rights.values().flatten() {
            permit(&format!("{field}.definition"), arn, context)?;
        }
        let description = format!("Execution role of state machine {}. Managed by Tributary", identity.name);
        let role = context.role("states", needs.statements(log_group_arn.is_some(), machine.tracing), description, identity);
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

/// Checks that the execution role can use an ARN: that of a bus or sink in the namespace, or one
/// that the account's grants allow.
fn permit(field: &str, arn: &str, context: &ResolveContext<'_>) -> Result<(), ReconcileError> {
    let mut ours = false;
    let (view, namespace) = (context.view, context.sink.metadata.namespace.as_ref());
    view.each_bus(|bus| {
        let identity = bus.status.as_ref().and_then(|status| status.common.identity.as_ref());
        ours |= bus.metadata.namespace.as_ref() == namespace && identity.is_some_and(|identity| identity.arn == arn);
    });
    view.each_sink(|sink| {
        let identity = sink.status.as_ref().and_then(|status| status.common.identity.as_ref());
        ours |= sink.metadata.namespace.as_ref() == namespace && identity.is_some_and(|identity| identity.arn == arn);
    });
    if ours { Ok(()) } else { context.permit_arn(field, arn) }
}

fn value(substitution: &Substitution, field: &str, context: &ResolveContext<'_>) -> Result<String, ReconcileError> {
    if let Some(reference) = &substitution.bus_ref {
        return bus_of(reference, &format!("{field}.busRef"), context);
    }
    let Some(reference) = &substitution.sink_ref else { return Ok(substitution.value.clone().unwrap_or_default()) };
    let field = format!("{field}.sinkRef");
    let sink = context.sink_for(&field, reference)?;
    ready_arn(&field, &sink, sink.current().and_then(|status| status.common.identity.as_ref()))
}

fn bus_of(reference: &BusRef, field: &str, context: &ResolveContext<'_>) -> Result<String, ReconcileError> {
    let bus = context.bus_for(field, reference)?;
    let identity = bus.current().and_then(|status| status.common.identity.as_ref());
    identity.map(|identity| identity.arn.clone()).ok_or_else(|| {
        ReconcileError::blocked(Reason::BusNotReady, format!("{field}: EventBus {} is not ready; see its conditions", key_of(&bus)))
    })
}

fn log_group(reference: &SinkRef, context: &ResolveContext<'_>) -> Result<String, ReconcileError> {
    let field = "spec.stateMachine.managed.logging.sinkRef";
    let sink = context.sink_for(field, reference)?;
    if sink.spec.log_group.is_none() {
        return Err(ReconcileError::blocked(Reason::InvalidSpec, format!("{field}: EventSink {} is not a log group", key_of(&sink))));
    }
    let identity = sink.current().and_then(|status| status.common.identity.as_ref());
    let identity = identity.filter(|identity| exists(&sink, Some(&identity.arn)));
    ready_arn(field, &sink, identity)
}

/// Returns the ARN of a sink.
///
/// # Errors
/// The sink has no usable identity yet.
fn ready_arn(field: &str, sink: &EventSink, identity: Option<&Identity>) -> Result<String, ReconcileError> {
    identity.map(|identity| identity.arn.clone()).ok_or_else(|| not_ready(field, sink, "is not ready"))
}
