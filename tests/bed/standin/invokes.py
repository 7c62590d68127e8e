"""Strict stand-in: asynchronous invocations, their settings (event invoke configs) and where their results go. GET /_emu/invocations.

EventBridge hands an event over to Lambda's queue and is done: that the function fails is not EventBridge's failure. Retries are immediate here.
"""
import contextvars
import json
import threading
import time
from collections import deque

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_region, new_uuid, request_scope
from ministack.services import lambda_svc as ls, sns

import lambdas
from answers import Constraints
from lambdas import handler, missing, wrong_value

ACTIONS = {"sqs": ("sqs:SendMessage", "SendMessage on SQS"), "sns": ("sns:Publish", "Publish on SNS"),
           "lambda": ("lambda:InvokeFunction", "InvokeFunction on Lambda"), "events": ("events:PutEvents", "PutEvents on EventBridge")}
SETTINGS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
RECORD = deque(maxlen=50000)


def _configs(func):
    return func.setdefault("event_invoke_configs", {})


def _key(qualifier):
    return qualifier or "$LATEST"


def _java(config):
    """A destination config as AWS's complaints print it."""
    def side(name, value):
        arn = (value or {}).get("Destination")
        return f"{name}(destination={arn})" if arn else "null"
    return f"DestinationConfig(onSuccess={side('OnSuccess', config.get('OnSuccess'))}, onFailure={side('OnFailure', config.get('OnFailure'))})"


def _check(data, role):
    wrong = Constraints()
    wrong.number(data.get("MaximumRetryAttempts"), "maximumRetryAttempts", 0, 2)
    wrong.number(data.get("MaximumEventAgeInSeconds"), "maximumEventAgeInSeconds", 60, 21600)
    wrong.check()
    if not any(data.get(key) is not None for key in SETTINGS):
        raise wrong_value("You must specify at least one of error handling or destination setting.")
    config = data.get("DestinationConfig") or {}
    for side in ("OnSuccess", "OnFailure"):
        arn = (config.get(side) or {}).get("Destination")
        if not arn:
            continue
        begin = f"The provided destination config {_java(config)} is invalid."
        try:
            spec = parse_arn(arn)
        except ArnParseError:
            raise wrong_value(begin) from None
        if spec.service not in ACTIONS or spec.region != get_region() or arn.endswith(".fifo"):
            raise wrong_value(begin)
        if not _may_send(role, arn):
            raise wrong_value(f"{begin} The function's execution role does not have permissions to call {ACTIONS[spec.service][1]}.")


def _may_send(role, arn):
    import grants       # which asks permissions.py
    return grants.role_may(role, ACTIONS[parse_arn(arn).service][0], arn)


def _write(func, name, qualifier, wanted):
    kept = {side: value for side, value in (wanted.get("DestinationConfig") or {}).items() if (value or {}).get("Destination")}
    config = {**{key: wanted[key] for key in SETTINGS[:2] if wanted.get(key) is not None}, "LastModified": time.time(),
              "FunctionArn": lambdas.arn_of(name, _key(qualifier)), "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}, **kept}}
    _configs(func)[_key(qualifier)] = config
    return config


def _need(name, qualifier):
    func = ls._functions.get(name) if lambdas.exists(name, qualifier) else None
    if not func or _key(qualifier) not in _configs(func):
        raise missing(f"The function {lambdas.arn_of(name, _key(qualifier))} doesn't have an EventInvokeConfig")
    return func


def _role(name, qualifier):
    return (ls._get_func_record_for_qualifier(name, qualifier)[1] or {}).get("Role") or ""


@handler(200)
def put(name, qualifier, data):
    """Replaces the whole: what is not given is gone."""
    if not lambdas.exists(name, qualifier):
        raise missing("The function doesn't exist.")
    _check(data, _role(name, qualifier))
    return _write(ls._functions[name], name, qualifier, data)


@handler(200)
def update(name, qualifier, data):
    func = _need(name, qualifier)
    _check(data, _role(name, qualifier))
    return _write(func, name, qualifier, {**_configs(func)[_key(qualifier)], **{k: data[k] for k in SETTINGS if data.get(k) is not None}})


@handler(200)
def get(name, qualifier=None):
    return _configs(_need(name, qualifier))[_key(qualifier)]


@handler(204)
def delete(name, qualifier=None):
    _configs(_need(name, qualifier)).pop(_key(qualifier))


def send(arn, payload):
    """EventBridge's hand-over. `payload` is text; whether the function exists was looked at before."""
    try:
        event = json.loads(payload)
    except ValueError:
        event = {"body": payload}
    func, config, _ = ls._get_func_record_for_ref(arn)
    record = ls._execution_record_for_config(func, config)
    record["config"] = {**config, "FunctionArn": arn}
    start(record, event)


def start(record, event):
    """Stands where MiniStack retries and routes; the record's FunctionArn says through which qualifier the call came."""
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_run, record, event), daemon=True).start()


def _run(record, event):
    arn = record["config"]["FunctionArn"]
    account, region = ls._lambda_function_account_region_from_arn(arn)
    with request_scope(account, region):
        func, qualifier = lambdas.by_arn(arn)
        settings = _configs(func).get(_key(qualifier), {}) if func else {}
        entry = {"time": time.time(), "account": account, "region": region, "function": arn, "requestId": new_uuid(), "outcome": "OK", "attempts": 0,
                 "error": None, "destination": None, "destinationOutcome": None}
        while entry["attempts"] <= settings.get("MaximumRetryAttempts", 2):
            result = ls._execute_function(record, event)
            if result.get("throttle") and time.time() < entry["time"] + 60:      # no attempt: Lambda keeps the event and comes back
                time.sleep(0.05)
                continue
            entry["attempts"] += 1
            if not result.get("error"):
                break
        if result.get("error"):
            body = result.get("body")
            entry.update(outcome="FAILED", error=body.get("errorMessage") if isinstance(body, dict) else str(body))
        side = "OnFailure" if result.get("error") else "OnSuccess"
        entry["destination"] = (settings.get("DestinationConfig") or {}).get(side, {}).get("Destination")
        if entry["destination"]:
            entry["destinationOutcome"] = _route(entry, record["config"], event, result)
        RECORD.append(entry)


def _route(entry, config, event, result):
    """Lambda's own record of the invocation, sent with the execution role. DELIVERED, or why it is lost."""
    import delivery     # which imports this module
    arn, failed = entry["destination"], entry["outcome"] == "FAILED"
    version = config.get("Version") or "$LATEST"
    base = entry["function"] if entry["function"].count(":") > 6 else entry["function"] + ":$LATEST"
    told = {"version": "1.0", "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
            "requestContext": {"requestId": entry["requestId"], "functionArn": base, "condition": "RetriesExhausted" if failed else "Success",
                               "approximateInvokeCount": entry["attempts"]},
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "executedVersion": version,
                                **({"functionError": result.get("function_error") or "Unhandled"} if failed else {})},
            "responsePayload": result.get("body")}
    if not _may_send(config.get("Role") or "", arn):
        return f"{config.get('Role')} is not allowed {ACTIONS[parse_arn(arn).service][0]} on {arn}."
    service = parse_arn(arn).service
    try:
        if service == "sqs":
            delivery.send_to_queue(arn, json.dumps(told))
        elif service == "sns" and sns._topic_by_arn_any_scope(arn):
            delivery._original["_dispatch_to_sns"](arn, json.dumps(told))
        elif service == "lambda" and lambdas.by_arn(arn)[0]:
            send(arn, json.dumps(told))
        elif service == "events":                                                               # D16
            import events
            events.publish_for_lambda(arn, told, "Failure" if failed else "Success", [arn, base])
        else:
            return f"{arn} does not exist."
    except delivery.Undeliverable as no:
        return str(no)
    return "DELIVERED"


def read(account=None, since=0.0):
    return [e for e in list(RECORD) if account in (None, e["account"]) and e["time"] >= since]


HANDLERS = {"_get_event_invoke_config": get, "_put_event_invoke_config": put, "_delete_event_invoke_config": delete, "invoke_async_with_retry": start}
