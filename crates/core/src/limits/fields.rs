//! Which field of a spec a member of a request comes from.

/// Call, member, and field; `*` for every call of a service. The first that matches counts.
const FIELDS: &[(&str, &str, &str)] = &[
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
    ("events.StartReplay", "Description", "spec.description"),
    ("events.PutTargets", "Targets[].InputTransformer.InputPathsMap", ".inputTransformer.inputPathsMap"),
    ("events.PutTargets", "Targets[].InputTransformer.InputTemplate", ".inputTransformer.inputTemplate"),
    ("events.PutTargets", "Targets[].InputPath", ".inputPath"),
    ("events.PutTargets", "Targets[].Input", ".input"),
    ("events.PutTargets", "Targets[].RetryPolicy", ".retry"),
    ("events.PutTargets", "Targets[].Id", ".name"),
    ("events.PutTargets", "Targets[].HttpParameters.HeaderParameters", ".sinkRef: spec.apiDestination.http.headers of the sink"),
    ("events.PutTargets", "Targets[].HttpParameters.QueryStringParameters", ".sinkRef: spec.apiDestination.http.query of the sink"),
    ("events.PutTargets", "Targets[].HttpParameters.PathParameterValues", ".sinkRef: spec.apiDestination.http.path of the sink"),
    ("events.PutTargets", "Targets[].SqsParameters", ".sinkRef: spec.sqs.messageGroupId of the sink"),
    ("events.PutTargets", "Targets[].KinesisParameters", ".sinkRef: spec.kinesis.partitionKeyPath of the sink"),
    ("events.PutTargets", "Targets[]", ".sinkRef"),
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
    ("sqs.CreateQueue", "QueueName", "spec.sqs.managed.name"),
    ("sns.CreateTopic", "Name", "spec.sns.managed.name"),
    ("logs.*", "logGroupName", "spec.logGroup.managed.name"),
    ("logs.*", "kmsKeyId", "spec.logGroup.managed.kmsKeyArn"),
    ("states.*", "name", "spec.stateMachine.managed.name"),
    ("states.*", "definition", "spec.stateMachine.managed.definition"),
    ("states.*", "roleArn", "spec.stateMachine.managed.executionRole"),
    ("states.*", "loggingConfiguration", "spec.stateMachine.managed.logging.sinkRef"),
    ("iam.*", "Path", "path of the role"),
    ("iam.*", "PermissionsBoundary", "permissionsBoundaryArn of the role"),
    ("lambda.*", "Qualifier", "spec.lambda.existing.arn"),
    ("lambda.*", "DestinationConfig", "spec.lambda.onFailure.sinkRef"),
    ("lambda.*", "ScalingConfig", "spec.sqs.triggers[].maximumConcurrency"),
];

/// Returns the field that a member comes from; of a target the part below it. `None` if the
/// operator makes the value itself.
pub(super) fn field(call: &str, member: &str) -> Option<&'static str> {
    let service = call.split('.').next().unwrap_or_default();
    if member.to_ascii_lowercase().starts_with("tag") && !member.starts_with("Targets") {
        return Some("spec.tags");
    }
    let of = |pattern: &str| pattern == call || pattern.strip_suffix(".*") == Some(service);
    FIELDS.iter().find(|(pattern, prefix, _)| of(pattern) && member.starts_with(prefix)).map(|(_, _, field)| *field)
}
