//! Resolves a managed state machine from the spec of its sink: definition, logging and execution
//! role.

use std::collections::BTreeMap;

use serde_json::Value;

use tributary_api::{BusRef, EventSink, Identity, MachineType, ManagedStateMachine, SinkRef, Substitution};

use crate::{
    destinations::{
        log_destination,
        shared::{context::ResolveContext, reference::not_ready, role::DesiredRole},
        state_machine::{asl, needs::Needs, state::DesiredMachine},
    },
    error::{Reason, ReconcileError},
    links::Link,
    managed::Managed,
    names::Scope,
    object::key_of,
    steps::{LogDestination, MachineSettings},
};

const FIELD: &str = "spec.stateMachine.managed";

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
    let substitutions = substitutions(machine, context)?;
    let (settings, execution_role, warnings) = workflow(machine, &substitutions, context, identity)?;
    let references = machine.substitutions.iter().filter(|(_, to)| to.sink_ref.is_some() || to.bus_ref.is_some());
    Ok(DesiredMachine {
        name: identity.name.clone(),
        express: machine.type_ == MachineType::Express,
        settings,
        execution_role,
        tags: context.tags(machine.tags.as_ref()),
        references: references.filter_map(|(name, _)| substitutions.get(name).cloned()).collect(),
        warnings,
    })
}

/// Returns the settings of a managed state machine, its execution role unless the spec references
/// one, and warnings about permissions that the role perhaps lacks.
fn workflow(
    machine: &ManagedStateMachine,
    substitutions: &BTreeMap<String, String>,
    context: &ResolveContext<'_>,
    identity: &Identity,
) -> Result<(MachineSettings, Option<DesiredRole>, Vec<String>), ReconcileError> {
    let definition = definition(machine, substitutions, context)?;
    let logs = machine.logging.as_ref().map(|logging| logs(&logging.sink_ref, context)).transpose()?.unwrap_or_default();
    let (role_arn, role, warnings) = if let Some(role) = &machine.role_arn {
        context.permit_role(&format!("{FIELD}.roleArn"), role)?;
        (role.clone(), None, vec![])
    } else {
        let needs = needs(&definition, context, identity)?;
        let description = format!("Execution role of state machine {}. Managed by Tributary", identity.name);
        let role = context.role("states", needs.statements(logs.arn().is_some(), machine.tracing), description, identity);
        let warning = |perhaps: &String| {
            format!("{FIELD}.definition: cannot be derived: {perhaps}. Check it, or set {FIELD}.roleArn to a role with the permissions.")
        };
        (role.arn.clone(), Some(role), needs.perhaps.iter().map(warning).collect())
    };
    let logging = machine.logging.as_ref();
    let settings = MachineSettings {
        definition,
        role_arn,
        log_level: logging.map_or("OFF", |logging| logging.level.into()).into(),
        log_execution_data: logging.is_some_and(|logging| logging.include_execution_data),
        logs,
        tracing: machine.tracing,
    };
    Ok((settings, role, warnings))
}

/// Returns the values of the substitutions, by name.
fn substitutions(machine: &ManagedStateMachine, context: &ResolveContext<'_>) -> Result<BTreeMap<String, String>, ReconcileError> {
    let one = |(name, substitution): (&String, &Substitution)| {
        let field = format!("{FIELD}.substitutions[{name}]");
        Ok((name.clone(), value(substitution, &field, context)?))
    };
    machine.substitutions.iter().map(one).collect()
}

/// Returns the definition with its substitutions.
fn definition(
    machine: &ManagedStateMachine,
    values: &BTreeMap<String, String>,
    context: &ResolveContext<'_>,
) -> Result<Value, ReconcileError> {
    let Some(template) = machine.definition.as_ref().or(context.view.resolved_definition.as_ref()) else {
        return Err(ReconcileError::transient(format!("{FIELD}.definitionFrom: definition is not resolved yet")));
    };
    let (definition, missing) = asl::substitute(template, values);
    if missing.is_empty() {
        return Ok(definition);
    }
    Err(ReconcileError::invalid(
        Reason::InvalidSpec,
        format!("{FIELD}.definition contains ${{{}}}, which {FIELD}.substitutions does not define. Add it there.", missing.join("}, ${")),
    ))
}

/// Returns the permissions that the definition needs.
///
/// # Errors
/// They are not known, or the account's grants do not allow them.
fn needs(definition: &Value, context: &ResolveContext<'_>, identity: &Identity) -> Result<Needs, ReconcileError> {
    let needs = asl::needs(definition, &identity.arn, Scope::of(identity));
    if let Some(unknown) = needs.unknown.first() {
        return Err(ReconcileError::invalid(
            Reason::InvalidSpec,
            format!("{FIELD}.definition: {unknown}. Set {FIELD}.roleArn to a role with the permissions."),
        ));
    }
    let executions = format!("{}:*", identity.arn.replacen(":stateMachine:", ":execution:", 1));
    for (action, arn) in needs.rights.iter().flat_map(|(action, arns)| arns.iter().map(move |arn| (*action, arn))) {
        let field = format!("{FIELD}.definition");
        match action {
            "sts:AssumeRole" => context.permit_role(&field, arn)?,
            _ if *arn == identity.arn || *arn == executions => {}
            _ => permit(&field, arn, context)?,
        }
    }
    Ok(needs)
}

/// Checks that the execution role can use an ARN: that of a bus or sink in the namespace, or one
/// that the account's grants allow.
fn permit(field: &str, arn: &str, context: &ResolveContext<'_>) -> Result<(), ReconcileError> {
    let mut ours = false;
    let (view, namespace) = (context.view, context.sink.metadata.namespace.as_ref());
    view.each_bus_with(Link::Resource(arn), |bus| ours |= bus.metadata.namespace.as_ref() == namespace);
    view.each_sink_with(Link::Resource(arn), |sink| ours |= sink.metadata.namespace.as_ref() == namespace);
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
        ReconcileError::blocked(Reason::BusNotReady, format!("{field}: EventBus {} is not ready; see its conditions", key_of(&*bus)))
    })
}

fn logs(reference: &SinkRef, context: &ResolveContext<'_>) -> Result<LogDestination, ReconcileError> {
    let field = "spec.stateMachine.managed.logging.sinkRef";
    log_destination::of_sink(field, &*context.sink_for(field, reference)?)
}

/// Returns the ARN of a sink.
///
/// # Errors
/// The sink has no usable identity yet.
fn ready_arn(field: &str, sink: &EventSink, identity: Option<&Identity>) -> Result<String, ReconcileError> {
    identity.map(|identity| identity.arn.clone()).ok_or_else(|| not_ready(field, sink, "is not ready"))
}
