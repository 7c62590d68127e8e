"""Strict stand-in: a CloudTrail trail, while the setting `trail` is 1. Publishes the record of each write call that succeeded on the default bus.

In the shape of facts CT1 to CT8. All is in order, at once and never doubled; AWS promises none of that. What is a guess stands in ../README.md.
"""
import json
import sys
import time
import uuid

from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import request_scope
from ministack.services import sts

import events
import limits  # noqa: F401  (it makes wire.py known)
import settings
import wire

GLOBAL_REGION = "us-east-1"         # fact CT6
SERVICES = ("events", "sqs", "lambda", "sns", "iam", "logs", "states")
READS = ("Get", "List", "Describe", "Test", "Filter", "Validate", "Simulate")
# Data events, which a trail records only where it is told to (fact CT8).
DATA = frozenset({"PutEvents", "PutPartnerEvents", "SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch",
                  "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "Publish", "PublishBatch", "Invoke", "PutLogEvents"})
# Names with the version of the API (fact CT7).
VERSIONED = {"AddPermission": "20150331v2", "RemovePermission": "20150331v2", "CreateEventSourceMapping": "20150331",
             "UpdateEventSourceMapping": "20150331", "DeleteEventSourceMapping": "20150331", "CreateFunction": "20150331",
             "DeleteFunction": "20150331", "UpdateFunctionCode": "20150331v2", "UpdateFunctionConfiguration": "20150331v2",
             "TagResource": "20170331v2", "UntagResource": "20170331v2"}
MAPS = frozenset({"attributes", "tags", "tagSet"})      # whose keys are the user's


def _lowered(value):
    """The names of AWS's parameters as CloudTrail writes them: the first letter small."""
    if isinstance(value, dict):
        small = {key[:1].lower() + key[1:]: part for key, part in value.items()}
        return {key: part if key in MAPS else _lowered(part) for key, part in small.items()}
    return [_lowered(part) for part in value] if isinstance(value, list) else value


def _parameters(call):
    request = wire.without_secrets(call.request or {})
    if call.protocol == "query":        # flat: lists and structures have a dot in their names
        request = {key: part for key, part in request.items() if key not in ("Action", "Version") and "." not in key}
    return _lowered(request)


def _account(key):
    if key.isdigit():
        return key
    session = sts._sessions.get(key)
    return session["Arn"].split(":")[4] if session else evaluator.find_iam_access_key_account(key)


def _identity(key, account):
    """The userIdentity element (fact CT5)."""
    known = evaluator.resolve_caller_identity(key) or {}
    arn = known.get("userArn") or f"arn:aws:iam::{account}:root"
    kind = "AssumedRole" if ":assumed-role/" in arn else "IAMUser" if ":user/" in arn else "Root"
    identity = {"type": kind, "principalId": known.get("userId") or account, "arn": arn, "accountId": account, "accessKeyId": key}
    if kind == "IAMUser":
        identity["userName"] = arn.rsplit("/", 1)[1]
    if kind == "AssumedRole":
        name = arn.split("/")[1]
        identity["sessionContext"] = {"sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{account}:role/{name}", "accountId": account, "userName": name}}
    return identity


def call_of(method, target, headers, body):
    """The call that a request makes, or None where nothing is recorded."""
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    call = wire.Call(wire.Message(head.encode("latin-1"), body))
    if call.service not in SERVICES or not call.access_key or call.op.startswith(READS) or call.op in DATA or " " in call.op:
        return None
    account = _account(call.access_key)
    return (call, account) if account and settings.get("trail", account) else None


def publish(call, account, status, answer):
    """The event of a call that was answered."""
    if status >= 400:
        return
    region = GLOBAL_REGION if call.service == "iam" else call.region
    name = call.op + (VERSIONED.get(call.op, "") if call.service == "lambda" else "")
    with request_scope(account, region):
        identity = _identity(call.access_key, account)
    response = wire.parse_json(answer) if call.protocol != "query" else None
    record = {"eventVersion": "1.11", "userIdentity": identity, "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
              "eventSource": f"{call.service}.amazonaws.com", "eventName": name, "awsRegion": region, "sourceIPAddress": "127.0.0.1",
              "userAgent": call.agent, "requestParameters": _parameters(call), "responseElements": _lowered(wire.without_secrets(response or None)),
              "requestID": str(uuid.uuid4()), "eventID": str(uuid.uuid4()), "readOnly": False, "eventType": "AwsApiCall", "managementEvent": True,
              "recipientAccountId": account, "eventCategory": "Management"}
    entry = {"Source": f"aws.{call.service}", "DetailType": "AWS API Call via CloudTrail", "Detail": json.dumps(record)}
    answer = events.emit(account, region, entry)
    if answer["FailedEntryCount"]:
        print(f"trail: {answer}", file=sys.stderr)
