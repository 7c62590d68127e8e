"""Strict stand-in: deliver an event to a target, or record why not, and hand it to the dead-letter queue if that is allowed.

MiniStack would deliver to anything; here every delivery passes grants.check first. GET /_emu/deliveries shows all of them.
"""
import base64
import json
import time
import uuid
from collections import deque
from datetime import datetime, timezone

from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import batch, cloudwatch_logs, ecs, eventbridge as eb, firehose, kinesis, lambda_svc, sns, sqs, stepfunctions

import buslogs
import connections
import declared
import grants
import invokes
import settings
import transform
import workflows
from grants import Undeliverable

RECORD = deque(maxlen=50000)
# Events of partner sources that arrived: (account, region, source, time).
PARTNER_EVENTS = deque(maxlen=50000)
# Error codes of failures that EventBridge retries (user guide, "Retrying event delivery").
RETRIED = ("CONNECTION_FAILURE", "INTERNAL_ERROR", "THROTTLING")
_original = {name: getattr(eb, name) for name in ("_dispatch_to_sns", "_dispatch_to_stepfunctions", "_archive_event")}


def invoke(target, event, rule, view=None):
    """Stands where MiniStack invokes a target."""
    spec, view = parse_arn(target["Arn"]), view or eb._pattern_event_view(event)
    entry = {"time": time.time(), "account": get_account_id(), "region": get_region(), "rule": rule["Arn"], "target": target["Id"],
             "arn": target["Arn"], "event": event["EventId"], "outcome": "DELIVERED", "code": None, "message": None, "deadLetter": None}
    payload = None
    try:
        payload = _payload(target, rule, view)
        session = grants.check(target, spec, rule["Arn"], rule.get("CreatedBy"))
        if spec.service == "events" and spec.resource.startswith("event-bus/"):
            _to_bus(target, spec, event, rule, session)
        else:
            with request_scope(spec.account_id or get_account_id(), spec.region):
                call = _send(target, spec, payload, view, event)
                if call:
                    entry["call"] = call
    except Undeliverable as no:
        entry.update(outcome="FAILED", code=no.code, message=str(no))
        if settings.get("retriesPending") and no.code in RETRIED and (target.get("RetryPolicy") or {}).get("MaximumRetryAttempts") != 0:
            entry["outcome"] = "RETRYING"
        else:
            entry["deadLetter"] = _dead_letter(target, rule, json.dumps(envelope(view)), no, event.get("TraceHeader"))
    RECORD.append(entry)
    buslogs.invoked(target, event, rule, entry, payload)


ORDER = ("version", "id", "detail-type", "source", "account", "time", "region", "replay-name", "resources")


def envelope(view):
    """The event as targets get it: keys in AWS's order (D4, D6), detail last."""
    event = view.event_with_detail()
    return {**{k: event[k] for k in ORDER if k in event}, "detail": event["detail"]}


def _payload(target, rule, view):
    event = envelope(view)
    received = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        text = transform.evaluate(target, event, rule["Arn"], rule["Name"], received)
    except transform.Undeliverable as no:
        raise Undeliverable("INVALID_JSON", str(no)) from None
    return json.dumps(event) if text is None else text


def _dynamic(path, event):
    """The text of a value of the event, as the parameters of targets take it."""
    value = transform.follow(path, event)
    return str(None if value is transform.MISSING else value)


def _send(target, spec, payload, view, event):
    """The call as a dict, where the record of deliveries is all that shows it."""
    arn = target["Arn"]
    if spec.service == "sqs":
        send_to_queue(arn, payload, group=(target.get("SqsParameters") or {}).get("MessageGroupId"), trace=event.get("TraceHeader"))
    elif spec.service == "sns":
        if sns._topic_by_arn_any_scope(arn) is None:
            raise Undeliverable("NO_RESOURCE", f"Topic {arn} does not exist.")
        _original["_dispatch_to_sns"](arn, payload)
    elif spec.service == "lambda":
        if not lambda_svc._get_func_record_for_ref(arn)[0]:
            raise Undeliverable("NO_RESOURCE", f"Function {arn} does not exist.")
        invokes.send(arn, payload)
    elif spec.service == "states":
        if stepfunctions._resolve_state_machine_arn(arn) is None:
            raise Undeliverable("NO_RESOURCE", f"State machine {arn} does not exist.")
        workflows.start_for_event(arn, payload, event["EventId"])
    elif spec.service == "logs":
        group, stream = arn.split(":log-group:")[1].removesuffix(":*"), str(uuid.uuid4())
        if group not in cloudwatch_logs._log_groups:
            raise Undeliverable("NO_RESOURCE", f"Log group {group} does not exist.")
        cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
        cloudwatch_logs._put_log_events({"logGroupName": group, "logStreamName": stream,
                                         "logEvents": [{"timestamp": int(time.time() * 1000), "message": payload}]})
    elif spec.service in STREAMS:
        return STREAMS[spec.service](target, payload, view)
    elif spec.service == "events":
        http = eb._resolve_http_parameters(target.get("HttpParameters") or {}, view.event_with_detail())
        connections.deliver(arn, payload, {**target, "HttpParameters": http})
    else:
        raise Undeliverable("NO_RESOURCE", f"Delivery to {spec.service} is not modelled here.")
    return None


def _to_kinesis(target, payload, view):
    name = target["Arn"].rsplit("/", 1)[1]
    if name not in kinesis._streams:
        raise Undeliverable("NO_RESOURCE", f"Stream {name} does not exist.")
    path = (target.get("KinesisParameters") or {}).get("PartitionKeyPath")
    event = envelope(view)
    key = _dynamic(path, event) if path else event["id"]
    kinesis._put_record({"StreamName": name, "PartitionKey": key, "Data": base64.b64encode(payload.encode()).decode()})


def _to_firehose(target, payload, _view):
    name = target["Arn"].rsplit("/", 1)[1]
    if name not in firehose._streams:
        raise Undeliverable("NO_RESOURCE", f"Delivery stream {name} does not exist.")
    firehose._put_record({"DeliveryStreamName": name, "Record": {"Data": base64.b64encode(payload.encode()).decode()}})


def _to_ecs(target, payload, _view):
    """Containers cannot run here: cluster and task definition have to exist, and the call stands in the record of deliveries."""
    name, definition = target["Arn"].rsplit("/", 1)[1], (target.get("EcsParameters") or {}).get("TaskDefinitionArn") or ""
    if name not in ecs._clusters:
        raise Undeliverable("NO_RESOURCE", f"Cluster {name} does not exist.")
    found = ecs._task_defs.get(ecs._resolve_td_key(definition.rsplit("/", 1)[-1]))
    if not found or found["status"] != "ACTIVE":
        raise Undeliverable("NO_RESOURCE", f"Task definition {definition} does not exist or is inactive.")
    return {"action": "RunTask", "request": target["EcsParameters"]}


def _to_batch(target, payload, _view):
    """The job succeeds at once: nothing runs here. Its parameters are those of the payload, as AWS takes them."""
    queue, given = target["Arn"].rsplit("/", 1)[1], target.get("BatchParameters") or {}
    if queue not in batch._job_queues:
        raise Undeliverable("NO_RESOURCE", f"Job queue {queue} does not exist.")
    definition = given.get("JobDefinition") or ""
    name, _, revision = definition.rsplit("/", 1)[-1].partition(":")
    if len(batch._job_definitions.get(name) or []) < int(revision or 1):
        raise Undeliverable("NO_RESOURCE", f"Job definition {definition} does not exist.")
    answer = json.loads(batch._submit_job({"jobQueue": target["Arn"], "jobName": given["JobName"], "jobDefinition": definition})[2])
    body = json.loads(payload)
    batch._jobs[answer["jobId"]]["parameters"] = body.get("Parameters") or {} if isinstance(body, dict) else {}


def _to_redshift(target, _payload, _view):
    """Of a cluster, the database has to exist in its declaration if that names any; no SQL runs here."""
    given = target.get("RedshiftDataParameters") or {}
    found = declared.need(target["Arn"], "Cluster or workgroup")
    if given["Database"] not in found.get("databases", [given["Database"]]):
        raise Undeliverable("NO_RESOURCE", f"Database {given['Database']} does not exist.")
    return {"action": "BatchExecuteStatement" if given.get("Sqls") else "ExecuteStatement", "request": given}


def _to_pipeline(target, _payload, view):
    """No pipeline runs here. A value that is a JSON path is that of the event."""
    declared.need(target["Arn"], "Pipeline")
    given = (target.get("SageMakerPipelineParameters") or {}).get("PipelineParameterList") or []
    event = envelope(view)
    value = lambda text: _dynamic(text, event) if text.startswith("$.") else text         # noqa: E731
    return {"action": "StartPipelineExecution", "request": {
        "PipelineName": target["Arn"].rsplit("/", 1)[1], "PipelineParameters": [{"Name": p["Name"], "Value": value(p["Value"])} for p in given]}}


def _to_graphql(target, payload, _view):
    """No resolver runs here. The event has the variables."""
    variables = json.loads(payload)
    if not isinstance(variables, dict):
        raise Undeliverable("INVALID_PARAMETER", "The variables of a GraphQL operation are an object.")
    return {"action": "GraphQL", "request": {"query": target["AppSyncParameters"]["GraphQLOperation"], "variables": variables}}


def _to_instances(target, payload, _view):
    """Nothing runs here. The event has the parameters of the document, each a list of texts."""
    if target["Arn"].split(":")[4]:         # a document of AWS is always there
        declared.need(target["Arn"], "Document")
    parameters = json.loads(payload)
    if not isinstance(parameters, dict) or any(not isinstance(value, list) for value in parameters.values()):
        raise Undeliverable("INVALID_PARAMETER", "The parameters of a document are lists of texts.")
    instances = declared.instances(target["RunCommandParameters"]["RunCommandTargets"][0])
    return {"action": "SendCommand", "request": {"DocumentName": target["Arn"].rsplit("/", 1)[1], "Parameters": parameters,
                                                 "Targets": target["RunCommandParameters"]["RunCommandTargets"]},
            "instances": sorted(instance["arn"].rsplit("/", 1)[1] for instance in instances)}


def _to_gateway(target, payload, view):
    """No stage runs here. Each * of the path is a value of PathParameterValues."""
    http = eb._resolve_http_parameters(target.get("HttpParameters") or {}, view.event_with_detail())
    path, values = target["Arn"].split(":", 5)[5], list(http.get("PathParameterValues") or [])
    if path.count("*") != len(values):
        raise Undeliverable("INVALID_PARAMETER", "PathParameterValues do not fit the path.")
    for value in values:
        path = path.replace("*", value, 1)
    declared.need(target["Arn"], "API")
    return {"action": "Invoke", "request": {"path": path, "headers": http.get("HeaderParameters") or {}, "query": http.get("QueryStringParameters") or {},
                                            "body": json.loads(payload)}}


STREAMS = {"execute-api": _to_gateway, "ssm": _to_instances, "appsync": _to_graphql, "sagemaker": _to_pipeline, "kinesis": _to_kinesis, "firehose": _to_firehose, "ecs": _to_ecs, "batch": _to_batch, "redshift": _to_redshift,
           "redshift-serverless": _to_redshift}


def send_to_queue(arn, body, group=None, attributes=None, trace=None):
    """Through SendMessage itself, so that FIFO rules hold (Q19, Q20)."""
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        raise Undeliverable("NO_RESOURCE", f"Queue {arn} does not exist.")
    owner = arn.split(":")
    message = {"QueueUrl": queue["url"], "MessageBody": body}
    if group:
        message["MessageGroupId"] = group
    if trace:       # TH1
        message["MessageSystemAttributes"] = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
    if attributes:
        message["MessageAttributes"] = {k: {"DataType": "String", "StringValue": v} for k, v in attributes.items()}
    try:
        with request_scope(owner[4], owner[3]):
            sqs._act_send_message(message, queue["url"])
    except sqs._Err as no:
        raise Undeliverable("INVALID_PARAMETER", no.message) from None


def _to_bus(target, spec, event, rule, session):
    bus, me = spec.resource.split("/", 1)[1], (get_account_id(), get_region())
    owner = (spec.account_id, spec.region)
    if event.get("_DispatchPath"):
        raise Undeliverable("NO_PERMISSIONS", "An event that came from a bus is not passed on to a third one.")
    if not eb._event_buses.contains_scoped(*owner, bus):
        raise Undeliverable("NO_RESOURCE", f"Bus {target['Arn']} does not exist.")
    # A role of the receiving account needs no policy of its bus (RT22).
    if spec.account_id not in (me[0], session.split(":")[4]):
        grants.check_bus(target["Arn"], bus, session, owner)
    # Account and region stay those of the origin; the id changes only between Regions (D7).
    onward = {**event, "EventBusName": bus, "_DispatchPath": [eb._rule_key(rule["Name"], rule["EventBusName"])]}
    if spec.region != me[1]:
        onward["EventId"] = str(uuid.uuid4())
    with request_scope(*owner):
        buslogs.dispatch(onward)
        _original["_archive_event"]({k: v for k, v in onward.items() if k not in ("_DispatchPath", "TraceHeader")})


def _dead_letter(target, rule, body, reason, trace):
    """None: no queue is set. Else DELIVERED, or why the event is lost."""
    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not arn:
        return None
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        return f"Queue {arn} does not exist."
    if not grants.allows(grants.queue_policy(queue), "sqs:SendMessage", arn, rule["Arn"]):
        return f"The policy of {arn} does not allow {grants.SERVICE} for {rule['Arn']}."
    try:
        send_to_queue(arn, body, attributes={"RULE_ARN": rule["Arn"], "TARGET_ARN": target["Arn"], "ERROR_CODE": reason.code,
                                             "ERROR_MESSAGE": str(reason), "RETRY_ATTEMPTS": "0"}, trace=trace)
    except Undeliverable as no:
        return str(no)
    return "DELIVERED"


def read(account=None, since=0.0):
    return [e for e in list(RECORD) if account in (None, e["account"]) and e["time"] >= since]


HANDLERS = {"_invoke_target": invoke}
