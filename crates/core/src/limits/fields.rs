//! Which field of a spec a member of a request comes from.

use crate::steps::{FieldOf, Step, TargetSettings};

/// Those of the calls of `EventBridge`. The first that matches counts.
const FIELDS: &[FieldOf] = &[
    ("events.CreateEventBus", "Name", "spec.name"),
    ("events.CreateEventBus", "Description", "spec.description"),
    ("events.UpdateEventBus", "Description", "spec.description"),
    ("events.CreateEventBus", "KmsKeyIdentifier", "spec.kmsKeyId"),
    ("events.UpdateEventBus", "KmsKeyIdentifier", "spec.kmsKeyId"),
    ("events.PutRule", "Name", "spec.name"),
    ("events.PutRule", "Description", "spec.description"),
    ("events.PutRule", "EventPattern", "spec.eventPattern"),
    ("events.PutRule", "ScheduleExpression", "spec.schedule"),
    ("events.CreateArchive", "Description", "spec.archives[].description"),
    ("events.UpdateArchive", "Description", "spec.archives[].description"),
    ("events.CreateArchive", "EventPattern", "spec.archives[].eventPattern"),
    ("events.UpdateArchive", "EventPattern", "spec.archives[].eventPattern"),
    ("events.CreateArchive", "KmsKeyIdentifier", "spec.archives[].kmsKeyArn"),
    ("events.UpdateArchive", "KmsKeyIdentifier", "spec.archives[].kmsKeyArn"),
    ("events.CreateConnection", "KmsKeyIdentifier", "spec.apiDestination.managed.connection.kmsKeyArn"),
    ("events.UpdateConnection", "KmsKeyIdentifier", "spec.apiDestination.managed.connection.kmsKeyArn"),
    ("events.*", "InvocationConnectivityParameters", "spec.apiDestination.managed.connection.privateEndpoint.resourceConfigurationArn"),
    ("events.StartReplay", "Description", "spec.description"),
    ("events.*", "AuthParameters.BasicAuthParameters", "spec.apiDestination.managed.connection.basic.username"),
    ("events.*", "AuthParameters.ApiKeyAuthParameters", "spec.apiDestination.managed.connection.apiKey.name"),
    (
        "events.*",
        "AuthParameters.OAuthParameters.ClientParameters",
        "spec.apiDestination.managed.connection.oauthClientCredentials.clientId",
    ),
    ("events.*", "AuthParameters.OAuthParameters", "spec.apiDestination.managed.connection.oauthClientCredentials"),
    ("events.*", "AuthParameters.InvocationHttpParameters", "spec.apiDestination.managed.connection.invocationHttp"),
    ("events.*", "InvocationEndpoint", "spec.apiDestination.managed.endpoint"),
];

/// Returns the field that a member comes from; of a target the part below it. `None` if the
/// operator makes the value itself.
pub(super) fn field(call: &str, member: &str) -> Option<&'static str> {
    let service = call.split('.').next().unwrap_or_default();
    if member.to_ascii_lowercase().starts_with("tag") && !member.starts_with("Targets") {
        return Some("spec.tags");
    }
    let of = |pattern: &str| pattern == call || pattern.strip_suffix(".*") == Some(service);
    FIELDS
        .iter()
        .chain(TargetSettings::FIELDS)
        .chain(Step::fields())
        .find(|(pattern, prefix, _)| of(pattern) && member.starts_with(prefix))
        .map(|(_, _, field)| *field)
}
