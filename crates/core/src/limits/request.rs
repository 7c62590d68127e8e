//! The members of each step's request that AWS limits, under the names that they have in AWS.

use serde_json::{Value, json};

use crate::steps::{
    ApiDestinationStep, ArchiveSettings, ArchiveStep, Authorization, BusSettings, BusStep, ConnectionSettings, ConnectionStep,
    DestinationSettings, EventsStep, HttpValue, HttpValues, ReplayStep, RuleStep, Step, TagStep, TargetSettings, strip, tag_list, with,
};

/// Returns the request of a step without the members that AWS does not limit; `None` for a step in
/// Kubernetes.
pub(super) fn of(step: &Step) -> Option<Value> {
    let mut request = match step {
        Step::Events(step) => events(step),
        Step::Child(_) => return None,
        other => other.limited(),
    };
    strip(&mut request);
    Some(request)
}

fn events(step: &EventsStep) -> Value {
    match step {
        EventsStep::Bus(step) => bus(step),
        EventsStep::Rule(step) => rule(step),
        EventsStep::Archive(step) => archive(step),
        EventsStep::Connection(step) => connection(step),
        EventsStep::ApiDestination(step) => api_destination(step),
        EventsStep::Replay(ReplayStep::StartReplay { name, settings }) => json!({
            "ReplayName": name, "Description": settings.description, "EventSourceArn": settings.archive_arn,
            "Destination": {"Arn": settings.bus_arn, "FilterArns": settings.rules},
        }),
        EventsStep::Replay(ReplayStep::CancelReplay { name }) => json!({"ReplayName": name}),
        EventsStep::Tags(TagStep::TagResource { arn, tags }) => json!({"ResourceARN": arn, "Tags": tag_list(tags)}),
        EventsStep::Tags(TagStep::UntagResource { arn, keys }) => json!({"ResourceARN": arn, "TagKeys": keys}),
    }
}

fn bus(step: &BusStep) -> Value {
    let settings = |settings: &BusSettings| {
        json!({
            "Description": settings.description, "KmsKeyIdentifier": settings.kms_key_id,
            "DeadLetterConfig": {"Arn": settings.dead_letter_arn},
            "LogConfig": settings.log.as_ref().map(|log| json!({"Level": log.level, "IncludeDetail": log.detail})),
        })
    };
    match step {
        BusStep::CreateEventBus { name, source, settings: all, tags } => {
            with(settings(all), json!({"Name": name, "EventSourceName": source, "Tags": tag_list(tags)}))
        }
        BusStep::UpdateEventBus { name, settings: all } => with(settings(all), json!({"Name": name})),
        BusStep::DeleteEventBus { name } | BusStep::ActivateEventSource { name } => json!({"Name": name}),
        BusStep::PutPermission { bus, statement: Some(_), .. } => json!({"EventBusName": bus}),
        BusStep::PutPermission { bus, sid, principal, .. } => json!({
            "EventBusName": bus, "StatementId": sid, "Principal": principal, "Action": "events:PutEvents",
        }),
        BusStep::RemovePermission { bus, sid } => json!({"EventBusName": bus, "StatementId": sid}),
    }
}

fn rule(step: &RuleStep) -> Value {
    match step {
        RuleStep::PutRule { bus, name, settings, tags } => json!({
            "Name": name, "EventBusName": bus, "Description": settings.description, "ScheduleExpression": settings.schedule,
            "EventPattern": settings.pattern.as_ref().map(ToString::to_string), "Tags": tags.as_ref().map(tag_list),
        }),
        RuleStep::DeleteRule { bus, name } => json!({"Name": name, "EventBusName": bus}),
        RuleStep::PutTargets { bus, rule, targets } => json!({
            "Rule": rule, "EventBusName": bus, "Targets": targets.iter().map(TargetSettings::limited).collect::<Vec<_>>(),
        }),
        RuleStep::RemoveTargets { bus, rule, ids } => json!({"Rule": rule, "EventBusName": bus, "Ids": ids}),
    }
}

fn archive(step: &ArchiveStep) -> Value {
    let settings = |settings: &ArchiveSettings| {
        json!({
            "Description": settings.description, "RetentionDays": settings.retention_days,
            "EventPattern": settings.pattern.as_ref().map(ToString::to_string), "KmsKeyIdentifier": settings.kms_key_arn,
        })
    };
    match step {
        ArchiveStep::CreateArchive { name, bus_arn, settings: all } => {
            with(settings(all), json!({"ArchiveName": name, "EventSourceArn": bus_arn}))
        }
        ArchiveStep::UpdateArchive { name, settings: all } => with(settings(all), json!({"ArchiveName": name})),
        ArchiveStep::DeleteArchive { name } => json!({"ArchiveName": name}),
    }
}

/// The values of Secrets are not known to a plan.
fn connection(step: &ConnectionStep) -> Value {
    let (ConnectionStep::CreateConnection { name, settings, mark, .. } | ConnectionStep::UpdateConnection { name, settings, mark, .. }) =
        step
    else {
        return json!({"Name": step_name(step)});
    };
    json!({
        "Name": name, "Description": mark.describe(settings.description.as_deref()),
        "AuthorizationType": settings.authorization.type_(), "AuthParameters": authorization(settings),
        "KmsKeyIdentifier": settings.kms_key_arn,
        "InvocationConnectivityParameters": {"ResourceParameters": {"ResourceConfigurationArn": settings.resource_configuration_arn}},
    })
}

fn step_name(step: &ConnectionStep) -> &str {
    match step {
        ConnectionStep::CreateConnection { name, .. }
        | ConnectionStep::UpdateConnection { name, .. }
        | ConnectionStep::DeleteConnection { name } => name,
    }
}

fn authorization(settings: &ConnectionSettings) -> Value {
    let mut all = match &settings.authorization {
        Authorization::Basic { username } => json!({"BasicAuthParameters": {"Username": username}}),
        Authorization::ApiKey { name } => json!({"ApiKeyAuthParameters": {"ApiKeyName": name}}),
        Authorization::OauthClientCredentials { endpoint, method, client_id, http } => json!({"OAuthParameters": {
            "ClientParameters": {"ClientID": client_id}, "AuthorizationEndpoint": endpoint, "HttpMethod": method,
            "OAuthHttpParameters": http_values(http),
        }}),
        Authorization::Unknown => json!({}),
    };
    all["InvocationHttpParameters"] = http_values(&settings.invocation);
    all
}

fn http_values(http: &HttpValues) -> Value {
    let list = |values: &std::collections::BTreeMap<String, HttpValue>| -> Value {
        let value = |value: &HttpValue| match value {
            HttpValue::Plain(text) => Some(text.clone()),
            HttpValue::Secret => None,
        };
        values.iter().map(|(key, one)| json!({"Key": key, "Value": value(one)})).collect()
    };
    json!({"HeaderParameters": list(&http.headers), "QueryStringParameters": list(&http.query), "BodyParameters": list(&http.body)})
}

fn api_destination(step: &ApiDestinationStep) -> Value {
    match step {
        ApiDestinationStep::CreateApiDestination { name, settings, mark }
        | ApiDestinationStep::UpdateApiDestination { name, settings, mark } => {
            let DestinationSettings { description, endpoint, method, rate_limit } = settings;
            json!({
                "Name": name, "Description": mark.describe(description.as_deref()), "InvocationEndpoint": endpoint,
                "HttpMethod": method, "InvocationRateLimitPerSecond": rate_limit,
            })
        }
        ApiDestinationStep::DeleteApiDestination { name } => json!({"Name": name}),
    }
}
