//! What the operator admitted of a sink: written to its status when it is applied, and read by
//! rules in place of the spec, which may have been refused since (ADR 0025).

use serde_json::{Map, Value};

use tributary_api::{AdmittedReferences, AdmittedSink, EventSink, Permissions};

use crate::{
    destinations::{Type, shared::reference::not_ready},
    error::ReconcileError,
    managed::Managed,
    steps::TargetSettings,
};

/// An admitted sink, parsed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Admitted {
    /// Who manages the permission of EventBridge to deliver.
    pub(crate) permissions: Permissions,
    /// Whether EventBridge delivers with a role that the operator does not manage.
    pub(crate) existing_role: bool,
    /// Settings of a target, without its ARN.
    pub(crate) settings: TargetSettings,
}

/// Returns the record of a spec that was applied. `role_arn` is the role that EventBridge delivers
/// with.
pub(crate) fn record(sink: &EventSink, role_arn: Option<String>, depends_on: &AdmittedReferences) -> Option<AdmittedSink> {
    let settings = settings(sink, role_arn).ok()?;
    let Ok(Value::Object(settings)) = serde_json::to_value(settings) else { return None };
    Some(AdmittedSink {
        generation: sink.metadata.generation,
        permissions: sink.spec.permissions,
        existing_role: sink.spec.role_arn.is_some(),
        settings: without_empty(settings),
        depends_on: depends_on.clone(),
    })
}

fn settings(sink: &EventSink, role_arn: Option<String>) -> Result<TargetSettings, ReconcileError> {
    let type_ = Type::of(sink)?;
    let arn = type_.target_arn(sink).cloned().unwrap_or_default();
    let mut settings = TargetSettings { arn, role_arn, ..TargetSettings::default() };
    type_.set_parameters("spec", sink, &mut settings)?;
    settings.arn.clear();
    Ok(settings)
}

/// Leaves out what is null or empty: the API server does not keep all of it.
fn without_empty(settings: Map<String, Value>) -> Map<String, Value> {
    let kept = settings.into_iter().filter(|(_, value)| !value.is_null() && value != "");
    kept.map(|(key, value)| (key, if let Value::Object(inner) = value { Value::Object(without_nulls(inner)) } else { value })).collect()
}

fn without_nulls(settings: Map<String, Value>) -> Map<String, Value> {
    settings.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

/// Returns the admitted sink.
///
/// # Errors
/// No spec of the sink was admitted yet.
pub(crate) fn admitted(field: &str, sink: &EventSink) -> Result<Admitted, ReconcileError> {
    let status = sink.status.as_ref();
    if let Some(admitted) = status.and_then(|status| status.admitted.as_ref()) {
        let mut settings = admitted.settings.clone();
        settings.entry("id").or_insert_with(|| "".into());
        settings.entry("arn").or_insert_with(|| "".into());
        let settings = serde_json::from_value(Value::Object(settings))
            .map_err(|error| not_ready(field, sink, &format!("has a status.admitted.settings that cannot be read: {error}")))?;
        return Ok(Admitted { permissions: admitted.permissions, existing_role: admitted.existing_role, settings });
    }
    // A version of the operator without the record found all of this spec ready.
    let common = status.map(|status| &status.common).filter(|common| common.is_ready());
    if common.is_none_or(|common| common.observed_generation != sink.metadata.generation) {
        return Err(not_ready(field, sink, "is not ready"));
    }
    let managed_role = sink.current().and_then(|status| status.invocation_role_arn.clone());
    let settings = settings(sink, sink.spec.role_arn.clone().or(managed_role))?;
    Ok(Admitted { permissions: sink.spec.permissions, existing_role: sink.spec.role_arn.is_some(), settings })
}
