//! The members of each step's request that AWS limits, under the names that they have in AWS.

use serde_json::{Map, Value, json};

use tributary_api::Tags;

use crate::steps::{
    ApiDestinationStep, ArchiveSettings, ArchiveStep, Authorization, BusSettings, BusStep, ConnectionSettings, ConnectionStep,
    DestinationSettings, EventsStep, FunctionRef, HttpSettings, HttpValue, HttpValues, IamStep, InvokeSettings, LambdaStep, LogsStep,
    MachineSettings, MappingSettings, ReplayStep, RuleStep, SnsStep, SqsStep, StatesStep, Step, TagStep, TargetSettings,
};

/// Returns the request of a step without the members that AWS does not limit; `None` for a step in
/// Kubernetes.
pub(super) fn of(step: &Step) -> Option<Value> {
    let mut request = match step {
        Step::Events(step) => events(step),
        Step::Sqs(step) => sqs(step),
        Step::Lambda(step) => lambda(step),
        Step::Logs(step) => logs(step),
        Step::Sns(step) => sns(step),
        Step::States(step) => states(step),
        Step::Iam(step) => iam(step),
        Step::Child(_) => return None,
    };
    strip(&mut request);
    Some(request)
}

/// Returns a target as an entry of `events:PutTargets`.
pub(super) fn target(target: &TargetSettings) -> Value {
    let transformer = target.transformer.as_ref();
    let mut value = json!({
        "Id": target.id,
        "Arn": target.arn,
        "RoleArn": target.role_arn,
        "Input": target.input.as_ref().map(ToString::to_string),
        "InputPath": target.input_path,
        "InputTransformer": transformer.map(|(paths, template)| json!({"InputPathsMap": paths, "InputTemplate": template})),
        "SqsParameters": target.message_group_id.as_ref().map(|id| json!({"MessageGroupId": id})),
        "KinesisParameters": target.partition_key_path.as_ref().map(|path| json!({"PartitionKeyPath": path})),
        "HttpParameters": target.http.as_ref().map(http),
        "EcsParameters": target.task.as_ref().map(|task| json!({
            "TaskDefinitionArn": task.definition_arn, "TaskCount": task.count, "LaunchType": task.launch_type,
        })),
        "RetryPolicy": {
            "MaximumRetryAttempts": target.maximum_retry_attempts, "MaximumEventAgeInSeconds": target.maximum_event_age_seconds,
        },
        "DeadLetterConfig": {"Arn": target.dead_letter_arn},
    });
    strip(&mut value);
    value
}

/// Removes absent members, which have no limits.
fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn http(http: &HttpSettings) -> Value {
    json!({"HeaderParameters": http.headers, "QueryStringParameters": http.query, "PathParameterValues": http.path})
}

/// Tags as a list, as most services take them.
fn tag_list(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
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
            "Rule": rule, "EventBusName": bus, "Targets": targets.iter().map(target).collect::<Vec<_>>(),
        }),
        RuleStep::RemoveTargets { bus, rule, ids } => json!({"Rule": rule, "EventBusName": bus, "Ids": ids}),
    }
}

fn archive(step: &ArchiveStep) -> Value {
    let settings = |settings: &ArchiveSettings| {
        json!({
            "Description": settings.description, "RetentionDays": settings.retention_days,
            "EventPattern": settings.pattern.as_ref().map(ToString::to_string),
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

fn sqs(step: &SqsStep) -> Value {
    match step {
        SqsStep::CreateQueue { name, attributes, .. } => json!({"QueueName": name, "Attributes": attributes}),
        SqsStep::SetQueueAttributes { attributes, .. } => json!({"Attributes": attributes}),
        SqsStep::PutStatement { .. }
        | SqsStep::RemoveStatement { .. }
        | SqsStep::TagQueue { .. }
        | SqsStep::UntagQueue { .. }
        | SqsStep::DeleteQueue { .. } => json!({}),
    }
}

fn function(function: &FunctionRef) -> Value {
    json!({"FunctionName": function.arn, "Qualifier": function.qualifier})
}

fn mapping(settings: &MappingSettings) -> Value {
    json!({
        "BatchSize": settings.batch_size, "MaximumBatchingWindowInSeconds": settings.maximum_batching_window_seconds,
        "ScalingConfig": {"MaximumConcurrency": settings.maximum_concurrency},
    })
}

fn lambda(step: &LambdaStep) -> Value {
    match step {
        LambdaStep::AddPermission { function: of, sid, source } => {
            with(function(of), json!({"StatementId": sid, "SourceArn": source, "Action": "lambda:InvokeFunction"}))
        }
        LambdaStep::RemovePermission { function: of, sid } => with(function(of), json!({"StatementId": sid})),
        LambdaStep::PutFunctionEventInvokeConfig { function: of, settings } => {
            let InvokeSettings { on_failure, on_success, maximum_event_age_seconds, maximum_retry_attempts } = settings;
            let destinations = json!({"OnFailure": {"Destination": on_failure}, "OnSuccess": {"Destination": on_success}});
            let limits = json!({"MaximumEventAgeInSeconds": maximum_event_age_seconds, "MaximumRetryAttempts": maximum_retry_attempts});
            with(with(function(of), limits), json!({"DestinationConfig": destinations}))
        }
        LambdaStep::DeleteFunctionEventInvokeConfig { function: of } => function(of),
        LambdaStep::CreateEventSourceMapping { queue_arn, function, settings, tags } => {
            with(mapping(settings), json!({"EventSourceArn": queue_arn, "FunctionName": function.whole(), "Tags": tags}))
        }
        LambdaStep::UpdateEventSourceMapping { uuid, function, settings } => {
            with(mapping(settings), json!({"UUID": uuid, "FunctionName": function.whole()}))
        }
        LambdaStep::DeleteEventSourceMapping { uuid, .. } => json!({"UUID": uuid}),
        LambdaStep::TagEventSourceMapping { arn, tags } => json!({"Resource": arn, "Tags": tags}),
    }
}

fn logs(step: &LogsStep) -> Value {
    match step {
        LogsStep::CreateLogGroup { name, class, kms_key_arn, tags } => {
            json!({"logGroupName": name, "logGroupClass": class, "kmsKeyId": kms_key_arn, "tags": tags})
        }
        LogsStep::PutRetentionPolicy { name, .. }
        | LogsStep::DeleteRetentionPolicy { name }
        | LogsStep::DisassociateKmsKey { name }
        | LogsStep::DeleteLogGroup { name } => json!({"logGroupName": name}),
        LogsStep::AssociateKmsKey { name, kms_key_arn } => json!({"logGroupName": name, "kmsKeyId": kms_key_arn}),
        LogsStep::TagLogGroup { arn, tags } => json!({"resourceArn": arn, "tags": tags}),
        LogsStep::UntagLogGroup { arn, keys } => json!({"resourceArn": arn, "tagKeys": keys}),
        LogsStep::PutPolicyStatements { .. } | LogsStep::RemovePolicyStatements { .. } => json!({}),
    }
}

fn sns(step: &SnsStep) -> Value {
    match step {
        SnsStep::CreateTopic { name, tags, .. } => json!({"Name": name, "Tags": tag_list(tags)}),
        SnsStep::TagTopic { arn, tags } => json!({"ResourceArn": arn, "Tags": tag_list(tags)}),
        SnsStep::UntagTopic { arn, keys } => json!({"ResourceArn": arn, "TagKeys": keys}),
        SnsStep::SetTopicAttribute { .. }
        | SnsStep::PutTopicStatement { .. }
        | SnsStep::RemoveTopicStatement { .. }
        | SnsStep::DeleteTopic { .. } => json!({}),
    }
}

fn states(step: &StatesStep) -> Value {
    let machine = |settings: &MachineSettings| {
        let group = settings.log_group_arn.as_ref().map(|arn| json!([{"cloudWatchLogsLogGroup": {"logGroupArn": format!("{arn}:*")}}]));
        json!({
            "definition": settings.definition.to_string(), "roleArn": settings.role_arn,
            "loggingConfiguration": {"level": settings.log_level, "destinations": group},
        })
    };
    let tag_list = |tags: &Tags| -> Value { tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect() };
    match step {
        StatesStep::CreateStateMachine { name, settings, tags, .. } => {
            with(machine(settings), json!({"name": name, "tags": tag_list(tags)}))
        }
        StatesStep::UpdateStateMachine { arn, settings } => with(machine(settings), json!({"stateMachineArn": arn})),
        StatesStep::DeleteStateMachine { arn } => json!({"stateMachineArn": arn}),
        StatesStep::TagStateMachine { arn, tags } => json!({"resourceArn": arn, "tags": tag_list(tags)}),
        StatesStep::UntagStateMachine { arn, keys } => json!({"resourceArn": arn, "tagKeys": keys}),
    }
}

fn iam(step: &IamStep) -> Value {
    match step {
        IamStep::CreateRole { name, path, trust, boundary, description, tags } => json!({
            "RoleName": name, "Path": path, "AssumeRolePolicyDocument": trust.to_string(), "PermissionsBoundary": boundary,
            "Description": description, "Tags": tag_list(tags),
        }),
        IamStep::UpdateAssumeRolePolicy { name, trust } => json!({"RoleName": name, "PolicyDocument": trust.to_string()}),
        IamStep::PutRolePolicy { name, policy } => json!({"RoleName": name, "PolicyDocument": policy.to_string()}),
        IamStep::PutRolePermissionsBoundary { name, boundary } => json!({"RoleName": name, "PermissionsBoundary": boundary}),
        IamStep::TagRole { name, tags } => json!({"RoleName": name, "Tags": tag_list(tags)}),
        IamStep::UntagRole { name, keys } => json!({"RoleName": name, "TagKeys": keys}),
        IamStep::DeleteRolePolicy { name } | IamStep::DeleteRolePermissionsBoundary { name } | IamStep::DeleteRole { name } => {
            json!({"RoleName": name})
        }
    }
}

/// Returns the members of both objects.
fn with(one: Value, other: Value) -> Value {
    let members = [one, other].into_iter().flat_map(|value| match value {
        Value::Object(members) => members,
        _ => Map::new(),
    });
    Value::Object(members.collect())
}
