"""Demo, the settings: what AWS must hold of what an example says. (have, wanted) each."""
import json

from play import ACCOUNT, REGION
from sinks import hashed


def _arn(service, rest):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def _attributes(cloud, queue, *names):
    have = cloud.attributes(queue)
    return {name: have.get(name) for name in names}


def _redrive(cloud, queue):
    return json.loads(cloud.attributes(queue).get("RedrivePolicy") or "{}")


def _group(cloud, name):
    have = cloud.log_group(name) or {}
    return have.get("retentionInDays"), have.get("logGroupClass", "STANDARD")


def _pattern(cloud, bus, rule):
    return json.loads(cloud.events("DescribeRule", Name=rule, EventBusName=bus)["EventPattern"])


def _mapping(cloud, queue):
    rows = cloud.call("lambda", "ListEventSourceMappings", {"EventSourceArn": _arn("sqs", queue)})["EventSourceMappings"]
    return [{k: row.get(k) for k in ("FunctionArn", "BatchSize", "MaximumBatchingWindowInSeconds", "ScalingConfig", "FunctionResponseTypes", "State")}
            for row in rows]


def _on_failure(cloud, function):
    return cloud.call("lambda", "GetFunctionEventInvokeConfig", {"FunctionName": function})["DestinationConfig"]["OnFailure"]


def _dead_letters(cloud, rule, bus):
    return [t["DeadLetterConfig"]["Arn"] for t in cloud.events("ListTargetsByRule", Rule=rule, EventBusName=bus)["Targets"]]


BUS = "aws.partner/benchling.com/acme/"
SETTINGS = {
    "benchling-entity-to-sqs": [
        ("retention 14 days, visibility 60 s", lambda cloud: (
            _attributes(cloud, "integrations-entities-registered", "MessageRetentionPeriod", "VisibilityTimeout"),
            {"MessageRetentionPeriod": "1209600", "VisibilityTimeout": "60"})),
        ("redrive after 5 receives", lambda cloud: (
            _redrive(cloud, "integrations-entities-registered"),
            {"deadLetterTargetArn": _arn("sqs", "integrations-entities-registered-dlq"), "maxReceiveCount": 5})),
        ("the vendor's pattern", lambda cloud: (
            _pattern(cloud, BUS + "sequence-integrations", "integrations-entities-registered"), {"detail-type": ["v2.entity.registered"]})),
        ("monitoring for 14 days", lambda cloud: (_group(cloud, "/aws/events/" + hashed("integrations-entities", "lims-monitoring")), (14, "STANDARD"))),
    ],
    "benchling-request-to-lambda": [
        ("the vendor's pattern", lambda cloud: (
            _pattern(cloud, BUS + "request-handler", "integrations-requests-validated"),
            {"detail-type": ["v2.request.created"], "detail": {"schema": {"name": ["Validated Request"]}}})),
        ("onFailure queue", lambda cloud: (
            _on_failure(cloud, "handle-request"), {"Destination": _arn("sqs", "integrations-requests-failed")})),
        ("dead letter of the rule", lambda cloud: (
            _dead_letters(cloud, "integrations-requests-validated", BUS + "request-handler"), [_arn("sqs", "integrations-requests-undeliverable")])),
    ],
    "benchling-catch-all-to-logs": [
        ("30 days, class STANDARD", lambda cloud: (_group(cloud, "/aws/events/benchling/acme"), (30, "STANDARD"))),
        ("a pattern for every event", lambda cloud: (
            _pattern(cloud, BUS + "catch-all", "integrations-catch-all-everything"), {"source": [BUS + "catch-all"]})),
    ],
    "benchling-field-update": [
        ("the working form of the vendor's pattern", lambda cloud: (
            _pattern(cloud, BUS + "run-updates", hashed("integrations-runs", "my-field")),
            {"detail-type": ["v2.assayRun.updated.fields"], "detail": {"updates": ["fields.my_field", "fields.Cost Center"]}})),
    ],
    "benchling-queue-to-lambda": [
        ("batch settings", lambda cloud: (_mapping(cloud, "integrations-tasks-work"), [{
            "FunctionArn": _arn("lambda", "function:work-off"), "BatchSize": 10, "MaximumBatchingWindowInSeconds": 5,
            "ScalingConfig": {"MaximumConcurrency": 2}, "FunctionResponseTypes": ["ReportBatchItemFailures"], "State": "Enabled"}])),
    ],
}
