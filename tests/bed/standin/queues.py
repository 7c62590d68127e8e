"""Strict stand-in: SQS queues."""
import json
import re
import time

from ministack.core.responses import get_account_id, get_region
from ministack.services import sqs

import settings
from answers import as_policy

NUMBERS = tuple(sqs._NUMERIC_ATTR_RANGES)
FIFO_ONLY = ("FifoQueue", "ContentBasedDeduplication")
FIFO_TUNING = ("DeduplicationScope", "FifoThroughputLimit")
DOCUMENTS = ("Policy", "RedrivePolicy", "RedriveAllowPolicy")
SETTABLE = {*NUMBERS, *FIFO_ONLY, *FIFO_TUNING, *DOCUMENTS, "KmsMasterKeyId", "SqsManagedSseEnabled"}
READ_ONLY = {"QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", "ApproximateNumberOfMessages",
             "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"}
POLICY_BYTES, POLICY_STATEMENTS = 8192, 20
_deleted = {}       # (account, region, name) -> when
_delete, _get_q, _redrive_ok = sqs._act_delete_queue, sqs._get_q, sqs._validate_redrive_policy
_xml_error = sqs._xml_err_resp


def refused(code, message, status=400):
    return sqs._Err(code, message, status)


def _check(attributes, fifo):
    for name in attributes:
        if name not in SETTABLE:
            raise refused("InvalidAttributeName", f"Unknown Attribute {name}.")
    if not fifo:
        for name in FIFO_ONLY:                                                                  # Q4
            if name in attributes:
                raise refused("InvalidAttributeName", f"Unknown Attribute {name}.")
        for name in FIFO_TUNING:                                                                # Q5
            if name in attributes:
                raise refused("InvalidAttributeName", f"You can specify the {name} only when FifoQueue is set to true.")
    if attributes.get("KmsMasterKeyId") and attributes.get("SqsManagedSseEnabled") == "true":   # Q7
        raise refused("InvalidAttributeName", "You can use one type of server-side encryption (SSE) at one time. "
                      "You can either enable KMS SSE or SQS SSE.")
    sqs._validate_numeric_attrs({k: v for k, v in attributes.items() if k in NUMBERS})
    policy = attributes.get("Policy")
    if policy:
        statements = (as_policy(policy) or {}).get("Statement")
        if not statements or len(policy.encode()) > POLICY_BYTES or (isinstance(statements, list) and len(statements) > POLICY_STATEMENTS):
            raise refused("InvalidAttributeValue", "Invalid value for the parameter Policy.")
    redrive = attributes.get("RedrivePolicy")
    if redrive:
        parsed = as_policy(redrive) or {}
        count = str(parsed.get("maxReceiveCount", ""))
        if not parsed.get("deadLetterTargetArn") or not count.isdigit():                        # Q8
            raise refused("InvalidParameterValue", f"Value {redrive} for parameter RedrivePolicy is invalid. "
                          "Reason: Redrive policy does not contain mandatory attributes deadLetterTargetArn and maxReceiveCount.")
        _redrive_ok(redrive)
        if parsed["deadLetterTargetArn"].endswith(".fifo") != fifo:
            raise refused("InvalidParameterValue", f"Value {redrive} for parameter RedrivePolicy is invalid. "
                          "Reason: Dead-letter queue must be of the same type as the source queue.")


def _same(name, left, right):
    if name in DOCUMENTS and left and right:
        return as_policy(left) == as_policy(right)
    return str(left or "") == str(right or "")


def _encryption(attributes, wanted):
    """Q12, Q13: a KMS key turns SQS's own encryption off, and taking the key away does not turn it on again."""
    if wanted.get("KmsMasterKeyId"):
        attributes["SqsManagedSseEnabled"] = "false"
        attributes.setdefault("KmsDataKeyReusePeriodSeconds", "300")
    elif wanted.get("SqsManagedSseEnabled") == "true" or "KmsMasterKeyId" in wanted:
        attributes.pop("KmsMasterKeyId", None)
        attributes.pop("KmsDataKeyReusePeriodSeconds", None)


def create(data, _url):
    name, tags = data.get("QueueName") or "", data.get("tags") or data.get("Tags") or {}
    wanted = {k: str(v) for k, v in (data.get("Attributes") or {}).items()}
    base, fifo = name.removesuffix(".fifo"), name.endswith(".fifo")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", base) or len(name) > 80:
        raise refused("InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
    if fifo and wanted.get("FifoQueue") != "true":
        raise refused("InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
    _check(wanted, fifo)
    have = sqs._queues.get(sqs._queue_url(name))
    if have is not None:
        for key, value in wanted.items():                                                       # Q2, Q3
            if not _same(key, have["attributes"].get(key), value):
                raise refused("QueueNameExists", f"A queue already exists with the same name and a different value for attribute {key}")
        return {"QueueUrl": have["url"]}
    key = (get_account_id(), get_region(), name)
    if time.time() - _deleted.get(key, 0) < settings.get("queueDeletedSeconds"):                # Q24
        raise refused("QueueDeletedRecently",
                      "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
    now = str(int(time.time()))
    attributes = {                                                                              # Q10
        "QueueArn": f"arn:aws:sqs:{get_region()}:{get_account_id()}:{name}", "CreatedTimestamp": now, "LastModifiedTimestamp": now,
        "VisibilityTimeout": "30", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600", "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true"}
    if fifo:                                                                                    # Q11
        attributes.update(FifoQueue="true", ContentBasedDeduplication="false", DeduplicationScope="queue", FifoThroughputLimit="perQueue")
    _encryption(attributes, wanted)
    attributes.update({k: v for k, v in wanted.items() if v != ""})
    url = sqs._queue_url(name)
    sqs._queues[url] = {"name": name, "url": url, "is_fifo": fifo, "attributes": attributes, "messages": [], "tags": dict(tags),
                        "dedup_cache": {}, "fifo_seq": 0, "policies": [(0.0, attributes.get("Policy"))]}
    sqs._queue_name_to_url[name] = url
    return {"QueueUrl": url}


def delete(data, url):
    queue = sqs._get_q(data.get("QueueUrl", url))
    arn = queue["attributes"]["QueueArn"].split(":")
    _deleted[arn[4], arn[3], queue["name"]] = time.time()
    return _delete(data, url)


def get_attributes(data, url):
    queue = sqs._get_q(data.get("QueueUrl", url))
    sqs._refresh_counts(queue)
    names = data.get("AttributeNames") or []        # none asked for, none returned
    for name in names:
        if name not in SETTABLE | READ_ONLY | {"All"}:
            raise refused("InvalidAttributeName", f"Unknown Attribute {name}.")
    return {"Attributes": {k: v for k, v in queue["attributes"].items() if "All" in names or k in names}}


def _set_policy(queue, policy, delay):
    """What Get returns changes at once; what deliveries go by may lag (see grants.queue_policy)."""
    if policy:
        queue["attributes"]["Policy"] = policy
    else:
        queue["attributes"].pop("Policy", None)
    queue.setdefault("policies", []).append((time.time() + delay, policy or None))


def set_attributes(data, url):
    queue = sqs._get_q(data.get("QueueUrl", url))
    wanted = {k: str(v) for k, v in (data.get("Attributes") or {}).items()}
    if queue["is_fifo"] and wanted.get("FifoQueue", "true") != "true":                          # Q6
        raise refused("InvalidAttributeValue", "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")
    _check(wanted, queue["is_fifo"])
    attributes = queue["attributes"]
    _encryption(attributes, wanted)
    for key, value in wanted.items():
        if key == "Policy":
            _set_policy(queue, value, settings.get("policyDelaySeconds"))
        elif value == "":                                                                       # Q9
            attributes.pop(key, None)
        else:
            attributes[key] = value
    attributes["LastModifiedTimestamp"] = str(int(time.time()))
    return {}


def add_permission(data, url):
    queue, label = sqs._get_q(data.get("QueueUrl", url)), data.get("Label") or ""
    arn = queue["attributes"]["QueueArn"]
    policy = as_policy(queue["attributes"].get("Policy")) or {"Version": "2008-10-17", "Id": f"{arn}/SQSDefaultPolicy", "Statement": []}
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    if any(s.get("Sid") == label for s in statements):                                          # Q16
        raise refused("InvalidParameterValue", f"Value {label} for parameter Label is invalid. Reason: Already exists.")
    who = [f"arn:aws:iam::{a}:root" for a in data.get("AWSAccountIds") or []]
    what = [f"SQS:{a}" for a in data.get("Actions") or []]
    one = lambda values: values[0] if len(values) == 1 else values      # noqa: E731
    statements.append({"Sid": label, "Effect": "Allow", "Principal": {"AWS": one(who)}, "Action": one(what), "Resource": arn})      # Q15
    _set_policy(queue, json.dumps({**policy, "Statement": statements}), settings.get("policyDelaySeconds"))
    return {}


def remove_permission(data, url):
    queue, label = sqs._get_q(data.get("QueueUrl", url)), data.get("Label") or ""
    policy = as_policy(queue["attributes"].get("Policy")) or {"Statement": []}
    kept = [s for s in policy["Statement"] if s.get("Sid") != label]
    if len(kept) == len(policy["Statement"]):
        raise refused("InvalidParameterValue", f"Value {label} for parameter Label is invalid. Reason: can't find label.")
    _set_policy(queue, json.dumps({**policy, "Statement": kept}) if kept else None, settings.get("policyDelaySeconds"))     # Q17
    return {}


def _find(url, action=None):
    try:
        return _get_q(url, action)
    except sqs._Err as no:                                                                      # Q1
        raise refused("QueueDoesNotExist", "The specified queue does not exist.") if no.code == "QueueDoesNotExist" else no


def _xml(code, message, status=400):
    """The old protocol says more (Q1)."""
    if code == "QueueDoesNotExist":
        message = "The specified queue does not exist for this wsdl version."
    return _xml_error(code, message, status)


def install():
    sqs._get_q, sqs._xml_err_resp = _find, _xml


HANDLERS = {"CreateQueue": create, "DeleteQueue": delete, "GetQueueAttributes": get_attributes, "SetQueueAttributes": set_attributes,
            "AddPermission": add_permission, "RemovePermission": remove_permission}
