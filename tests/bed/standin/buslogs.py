"""Strict stand-in: what an event bus logs. A record goes where the delivery of its log type leads, if the bus has a level and the log group's
policy lets CloudWatch Logs write (LD1, LD3). Fields are those of the guide's schema (BL1 to BL6); which step has which level is a guess
but for those of BL8, and so is the order of steps."""
import base64
import json
import time
from contextvars import ContextVar

from ministack.core.responses import get_account_id, new_uuid
from ministack.services import cloudwatch_logs as logs, eventbridge as eb, firehose

import grants
import logobjects

STREAM, SERVICE = "EventBridgeEventBusLogs", "delivery.logs.amazonaws.com"                      # BL7
RANK = {"OFF": 0, "ERROR": 1, "INFO": 2, "TRACE": 3}
LEVELS = {"EVENT_RECEIPT": "TRACE", "EVENT_INGEST_SUCCESS": "INFO", "RULE_MATCH_START": "TRACE", "RULE_MATCH": "INFO", "NO_STANDARD_RULES_MATCHED": "INFO",
          "INVOCATION_START": "TRACE", "INVOCATION_ATTEMPT_START": "TRACE", "INVOCATION_ATTEMPT_SUCCESS": "TRACE",
          "INVOCATION_ATTEMPT_PERMANENT_FAILURE": "ERROR", "INVOCATION_ATTEMPT_RETRYABLE_FAILURE": "ERROR", "INVOCATION_ATTEMPT_THROTTLE": "ERROR",
          "INVOCATION_SUCCESS": "INFO", "INVOCATION_FAILURE": "ERROR", "INVOCATION_DLQ": "ERROR"}
# As the error of a record names the service that was called. Guesses but for Lambda's.
SERVICES = {"sqs": "AmazonSQS", "sns": "AmazonSNS", "lambda": "AWSLambda", "states": "AWSStepFunctions", "logs": "AWSLogs", "events": "AmazonCloudWatchEvents"}
STATUSES = {"NO_PERMISSIONS": 403, "NO_RESOURCE": 404}
# Of the event that is being matched: the invocation of each target, by rule and id.
_INVOCATIONS = ContextVar("invocations", default=None)


def _bus(name):
    return eb._event_buses.get(name) or {}


def _level(bus):
    return (bus.get("LogConfig") or {}).get("Level") or "OFF"


def _full(bus):
    return (bus.get("LogConfig") or {}).get("IncludeDetail") == "FULL"


def emit(name, kind, event, details, invocation=None, error=None, request=None):
    """One record of the bus, to every delivery of its log type."""
    bus = _bus(name)
    level = LEVELS[kind]
    if not bus or RANK[level] > RANK[_level(bus)]:
        return
    record = {"resource_arn": bus["Arn"], "message_timestamp_ms": int(time.time() * 1000), "event_bus_name": name, "request_id": request or new_uuid(),
              "event_id": event.get("EventId"), **({"invocation_id": invocation} if invocation else {}), "message_type": kind, "log_level": level,
              "details": {k: v for k, v in details.items() if v is not None}, **({"error": error} if error else {})}
    for source in [s for s in logs._delivery_sources.values() if s["resourceArns"] == [bus["Arn"]] and s["logType"] == f"{level}_LOGS"]:
        arns = [d["deliveryDestinationArn"] for d in logs._deliveries.values() if d["deliverySourceName"] == source["name"]]
        for destination in [d for d in logs._delivery_destinations.values() if d["arn"] in arns]:
            _write(destination, source, json.dumps(record))


def _write(destination, source, text):
    arn = destination["deliveryDestinationConfiguration"]["destinationResourceArn"]
    if destination["deliveryDestinationType"] == "CWL":
        group = arn.split(":log-group:")[1].removesuffix(":*")
        try:
            grants.check_logs(f"{arn.removesuffix(':*')}:log-stream:{STREAM}", source["arn"], SERVICE)
        except grants.Undeliverable:
            return
        if group in logs._log_groups:
            logs._create_log_stream({"logGroupName": group, "logStreamName": STREAM})
            logs._put_log_events({"logGroupName": group, "logStreamName": STREAM, "logEvents": [{"timestamp": int(time.time() * 1000), "message": text}]})
    elif destination["deliveryDestinationType"] == "FH" and arn.rsplit("/", 1)[1] in firehose._streams:
        firehose._put_record({"DeliveryStreamName": arn.rsplit("/", 1)[1], "Record": {"Data": base64.b64encode(text.encode()).decode()}})
    elif destination["deliveryDestinationType"] == "S3":
        logobjects.write(arn, text)


def _since(event):
    """Milliseconds of the event's own time, which has whole seconds."""
    return int(eb._coerce_timestamp(event.get("Time") or time.time())) * 1000


def _about(event, bus):
    return {"caller_account_id": event.get("Account") or get_account_id(), "source_time_ms": _since(event), "source": event["Source"],
            "detail_type": event["DetailType"], "resources": event.get("Resources") or [], "event_detail": event["Detail"] if _full(bus) else None}


def _matching(event, view, name):
    path = set(event.get("_DispatchPath") or [])
    for key, rule in list(eb._rules.items()):
        if rule.get("EventBusName", "default") == name and key not in path and rule.get("State") == "ENABLED" and rule.get("EventPattern") \
                and eb._matches_pattern_view(rule["EventPattern"], view, f"rule {key}"):
            yield rule, list(eb._targets.get(key) or [])


def dispatch(event, view=None):
    """Stands where MiniStack matches an event with the rules of its bus."""
    name = event.get("EventBusName", "default")
    bus, view = _bus(name), view or eb._pattern_event_view(event)
    if _level(bus) == "OFF":
        return _invoke_all(event, view, [(rule, targets, {}) for rule, targets in _matching(event, view, name)])
    matched = [(rule, targets, {t["Id"]: new_uuid() for t in targets}) for rule, targets in _matching(event, view, name)]
    ours = [found for found in matched if not found[0].get("ManagedBy")]
    # Of AWS's own events only those that match are logged, and managed rules are not (BL6).
    of_aws = event["Source"].startswith("aws.") and not event["Source"].startswith("aws.partner/")
    logged, request = bool(ours) or not of_aws, new_uuid()
    if logged:
        for kind in ("EVENT_RECEIPT", "EVENT_INGEST_SUCCESS", "RULE_MATCH_START"):
            emit(name, kind, event, _about(event, bus), request=request)
        if not ours:
            emit(name, "NO_STANDARD_RULES_MATCHED", event, {}, request=request)
        for rule, targets, ids in ours:
            emit(name, "RULE_MATCH", event, {"rule_arn": rule["Arn"], "target_arns": [t["Arn"] for t in targets],
                                             "invocation_ids": [ids[t["Id"]] for t in targets]}, request=request)
    return _invoke_all(event, view, matched)


def _invoke_all(event, view, matched):
    for rule, targets, ids in matched:
        token = _INVOCATIONS.set({(rule["Arn"], key): value for key, value in ids.items()})
        try:
            for target in targets:
                eb._invoke_target(target, event, rule, view)
        finally:
            _INVOCATIONS.reset(token)


def invoked(target, event, rule, entry, payload):
    """The records of one invocation, whose outcome is `entry` of the record of deliveries. Nothing is retried: one attempt."""
    name = rule.get("EventBusName") or "default"
    bus = _bus(name)
    if _level(bus) == "OFF" or rule.get("ManagedBy"):
        return
    invocation = (_INVOCATIONS.get() or {}).get((rule["Arn"], target["Id"])) or new_uuid()
    took, since = max(1, int((time.time() - entry["time"]) * 1000)), max(1, int(entry["time"] * 1000) - _since(event))
    who = {"rule_arn": rule["Arn"], "role_arn": target.get("RoleArn"), "target_arn": target["Arn"]}
    what = {"target_input": payload, "target_properties": "{}"} if _full(bus) else {}
    say = lambda kind, details, error=None: emit(name, kind, event, {**who, **details}, invocation, error)               # noqa: E731
    say("INVOCATION_START", {"attempt_count": 1, **what})
    say("INVOCATION_ATTEMPT_START", {"attempt_count": 1, **what})
    attempt = {"attempt_type": "FIRST", "attempt_count": 1, "target_duration_ms": took}
    final = {**what, "total_attempts": 1, "ingestion_to_start_latency_ms": since, "ingestion_to_complete_latency_ms": since + took, "target_duration_ms": took}
    if entry["outcome"] == "DELIVERED":
        say("INVOCATION_ATTEMPT_SUCCESS", {**attempt, "invocation_status": "SUCCESS"})
        say("INVOCATION_SUCCESS", {**final, "final_invocation_status": "SUCCESS", "ingestion_to_success_latency_ms": since + took})
        return
    service = target["Arn"].split(":")[2]
    error = {"http_status_code": STATUSES.get(entry["code"], 400), "error_message": entry["message"], "aws_service": SERVICES.get(service, service),
             "request_id": new_uuid()}
    if entry["outcome"] == "RETRYING":                              # setting retriesPending: there is no second attempt yet
        kind = "INVOCATION_ATTEMPT_THROTTLE" if entry["code"] == "THROTTLING" else "INVOCATION_ATTEMPT_RETRYABLE_FAILURE"
        say(kind, {**attempt, "invocation_status": entry["code"]}, error)
        return
    say("INVOCATION_ATTEMPT_PERMANENT_FAILURE", {**attempt, "invocation_status": entry["code"]}, error)
    say("INVOCATION_FAILURE", {**final, "final_invocation_status": entry["code"]}, error)
    if entry["deadLetter"] == "DELIVERED":
        say("INVOCATION_DLQ", {**final, "final_invocation_status": entry["code"]})
    elif entry["deadLetter"]:
        refused = {"http_status_code": 403, "error_message": entry["deadLetter"], "aws_service": SERVICES["sqs"], "request_id": new_uuid()}
        say("INVOCATION_DLQ", {**final, "final_invocation_status": entry["code"]}, refused)


HANDLERS = {"_dispatch_event": dispatch}
