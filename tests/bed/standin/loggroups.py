"""Strict stand-in: log groups and streams. What is not here is MiniStack's, with its texts put right."""
import json
import re
import time

from ministack.services import cloudwatch_logs as logs

import logdeliveries
import logpolicies
from answers import Constraints, Refused, handler, not_found

NAME = r"[\.\-_/#A-Za-z0-9]+"
CLASSES = ["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"]
RETENTION = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
KEY = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/.+"
NO_GROUP = "The specified log group does not exist."
# MiniStack adds which one, AWS does not (G1, G2).
_WORDY = re.compile(r"(The specified log (?:group|stream) (does not exist|already exists)): .*", re.DOTALL)
_handle, _streams = logs.handle_request, logs._describe_log_streams


def refused(text):
    return Refused("InvalidParameterException", text)


def _constraint(wrong):
    """Logs has a code of its own for what others call a ValidationException."""
    if wrong.found:
        raise refused(f"{len(wrong.found)} validation error{'s' if len(wrong.found) > 1 else ''} detected: {'; '.join(wrong.found)}")


def _group(data, key="logGroupName"):
    named = data.get(key) or ""
    name = logs._log_group_name_from_identifier_arn(named) if named.startswith("arn:") else named
    if name not in logs._log_groups:
        raise not_found(NO_GROUP)                                                               # G2
    return logs._log_groups[name]


def _key_ok(key):
    if not re.fullmatch(KEY, key):
        raise refused(f"The specified KMS key does not exist or is not allowed to be used with this log group: {key}")


@handler
def create(data):
    name, kind = data.get("logGroupName") or "", data.get("logGroupClass")
    if len(name) > 512:                                                                         # G3
        raise refused("Invalid LogGroup or LogStream, both must have length less than or equal to 512.")
    wrong = Constraints()
    wrong.text(name, "logGroupName", pattern=NAME, shortest=1)
    wrong.enum(kind, "logGroupClass", CLASSES)
    _constraint(wrong)
    if data.get("kmsKeyId"):
        _key_ok(data["kmsKeyId"])
    if name in logs._log_groups:                                                                # G1
        raise Refused("ResourceAlreadyExistsException", "The specified log group already exists")
    logs._log_groups[name] = {"arn": logs._make_group_arn(name), "creationTime": int(time.time() * 1000), "retentionInDays": None,
                              "logGroupClass": kind or "STANDARD", "kmsKeyId": data.get("kmsKeyId"), "tags": dict(data.get("tags") or {}),
                              "deletionProtectionEnabled": bool(data.get("deletionProtectionEnabled")), "subscriptionFilters": {}, "streams": {}}


def _row(name, by_pattern):
    group = logs._log_groups[name]
    row = {"logGroupName": name, "arn": group["arn"], "logGroupArn": group["arn"].removesuffix(":*"), "creationTime": group["creationTime"],
           "metricFilterCount": sum(1 for key in logs._metric_filters if key[0] == name), "logGroupClass": group.get("logGroupClass") or "STANDARD",
           "deletionProtectionEnabled": bool(group.get("deletionProtectionEnabled"))}
    if not by_pattern:                                                                          # G6
        row["storedBytes"] = sum(len(e.get("message", "")) for s in group["streams"].values() for e in s["events"])
    return {**row, **{k: group[k] for k in ("retentionInDays", "kmsKeyId") if group.get(k)}}


@handler
def describe(data):
    prefix, pattern, exact = (data.get(k) for k in ("logGroupNamePrefix", "logGroupNamePattern", "logGroupIdentifiers"))
    if prefix and pattern:                                                                      # G6
        raise refused("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    wrong = Constraints()
    wrong.number(data.get("limit"), "limit", 1, 50)
    _constraint(wrong)
    exact = exact and {logs._log_group_name_from_identifier_arn(n) if n.startswith("arn:") else n for n in exact}
    names = [n for n in sorted(logs._log_groups) if n.startswith(prefix or "") and (pattern or "") in n and (not exact or n in exact)       # G5
             and data.get("logGroupClass") in (None, logs._log_groups[n].get("logGroupClass") or "STANDARD")]
    start, limit = logs._decode_token(data.get("nextToken")), data.get("limit") or 50
    answer = {"logGroups": [_row(n, bool(pattern)) for n in names[start:start + limit]]}                                                    # G4
    if start + limit < len(names):
        answer["nextToken"] = logs._encode_token(start + limit)
    return answer


@handler
def put_retention(data):
    days = data.get("retentionInDays")
    wrong = Constraints()
    if days not in RETENTION:
        wrong.add(days, "retentionInDays", f"Member must satisfy enum value set: {RETENTION}")
    _constraint(wrong)
    _group(data)["retentionInDays"] = days                                                      # G7


def _keyed(data):
    return _group(data, "logGroupName" if data.get("logGroupName") else "resourceIdentifier")


@handler
def associate_key(data):
    group = _keyed(data)
    _key_ok(data.get("kmsKeyId") or "")
    group["kmsKeyId"] = data["kmsKeyId"]


@handler
def dissociate_key(data):
    _keyed(data)["kmsKeyId"] = None


def describe_streams(data):
    refusal = _check_streams(data)
    name = data.get("logGroupName") or data.get("logGroupIdentifier") or ""
    name = logs._log_group_name_from_identifier_arn(name) if name.startswith("arn:") else name
    return refusal if refusal[0] != 200 else _streams({**data, "logGroupName": name})


@handler
def _check_streams(data):
    _group(data, "logGroupName" if data.get("logGroupName") else "logGroupIdentifier")
    wrong = Constraints()
    wrong.number(data.get("limit"), "limit", 1, 50)
    wrong.enum(data.get("orderBy"), "orderBy", ["LogStreamName", "LastEventTime"])
    _constraint(wrong)
    if data.get("orderBy") == "LastEventTime" and data.get("logStreamNamePrefix"):
        raise refused("Cannot order by LastEventTime with a logStreamNamePrefix.")


async def handle_request(method, path, headers, body, query):
    mine = HANDLERS.get(headers.get("x-amz-target", "").rpartition(".")[2])
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        data = None
    if mine and isinstance(data, dict):
        return mine(data)
    status, extra, text = await _handle(method, path, headers, body, query)
    if status == 400 and isinstance(text, bytes):
        told = json.loads(text)
        wordy = _WORDY.fullmatch(told.get("message") or "")
        if wordy:
            told["message"] = wordy[1] + ("." if wordy[2] == "does not exist" else "")
            text = json.dumps(told).encode()
    return status, extra, text


HANDLERS = {"CreateLogGroup": create, "DescribeLogGroups": describe, "PutRetentionPolicy": put_retention, "AssociateKmsKey": associate_key,
            "DisassociateKmsKey": dissociate_key, "DescribeLogStreams": describe_streams, **logpolicies.HANDLERS, **logdeliveries.HANDLERS}
