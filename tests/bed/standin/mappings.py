"""Strict stand-in: event source mappings of SQS queues. MiniStack's poller feeds them; those of streams stay MiniStack's own altogether.

A change takes a while (setting mappingDelaySeconds): until it is over the mapping says so in State, and takes no other change.
"""
import time

from ministack.core.responses import get_account_id, get_region, new_uuid, request_scope
from ministack.services import eventbridge as eb, kms, lambda_svc as ls, sqs

import grants
import lambdas
import settings
from answers import Constraints, Refused
from lambdas import handler, missing, wrong_value

NEEDED = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
FIELDS = ("BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes", "ScalingConfig", "FilterCriteria", "KMSKeyArn")
FILTERS = 5         # quota of an account
_create, _iterate = ls._create_esm, ls._iter_all_esms


def _state(esm):
    if time.time() < esm.get("until", 0):
        return esm["change"]
    return "Enabled" if esm.get("Enabled", True) else "Disabled"


def _gone(esm):
    return esm.get("change") == "Deleting" and time.time() >= esm["until"]


def _begin(esm, change):
    esm.update(change=change, until=time.time() + settings.get("mappingDelaySeconds"), LastModified=time.time())


def _need(uuid):
    esm = ls._esms.get(uuid)
    if esm is None or _gone(esm):
        ls._esms.pop(uuid, None)
        raise missing("The resource you requested does not exist.")
    return esm


def _row(esm):
    """Tags are not shown here, nor does a queue's mapping tell what came of its last batch."""
    if ":sqs:" not in esm["EventSourceArn"]:
        return {**{k: v for k, v in ls._esm_response(esm).items() if k not in ("Qualifier", "Tags", "change", "until")}, "State": _state(esm)}
    row = {k: esm[k] for k in ("UUID", "EventSourceArn", "FunctionArn", "LastModified", "StateTransitionReason", *FIELDS) if k in esm}
    return {**row, "State": _state(esm), "EventSourceMappingArn": ls._esm_arn(esm["UUID"])}


def _encrypted(row):
    """Lists leave out filters that a customer's key encrypts (API reference, `FilterCriteria` of GetEventSourceMapping)."""
    return {k: v for k, v in row.items() if k != "FilterCriteria"} if row.get("KMSKeyArn") else row


def _decrypted(row):
    """Who reads one mapping sees its filters, or why KMS refuses. The texts are guesses."""
    key = kms._resolve_key(row["KMSKeyArn"]) if row.get("KMSKeyArn") else None
    if not row.get("KMSKeyArn") or (key and key.get("KeyState", "Enabled") == "Enabled"):
        return row
    code = "KMSDisabledException" if key else "KMSNotFoundException"
    return {**_encrypted(row), "FilterCriteriaError": {"ErrorCode": code, "Message": f"Lambda was unable to decrypt the filter criteria with {row['KMSKeyArn']}."}}


def _filters_ok(data):
    """The texts are guesses; what is refused is told by Lambda's guide on event filtering."""
    filters = (data.get("FilterCriteria") or {}).get("Filters") or []
    if len(filters) > FILTERS:
        raise wrong_value(f"The number of filters exceeds the quota of {FILTERS}.")
    for one in filters:
        if eb._event_pattern_error(one.get("Pattern")):
            raise wrong_value("Invalid filter pattern definition.")
    if data.get("KMSKeyArn") and kms._resolve_key(data["KMSKeyArn"]) is None:
        raise wrong_value(f"The KMS key {data['KMSKeyArn']} does not exist.")


def _constraints(data):
    wrong, scaling = Constraints(), data.get("ScalingConfig") or {}
    wrong.number(data.get("BatchSize"), "batchSize", 1, 10000)
    wrong.number(data.get("MaximumBatchingWindowInSeconds"), "maximumBatchingWindowInSeconds", 0, 300)
    wrong.number(scaling.get("MaximumConcurrency"), "scalingConfig.maximumConcurrency", 2, 1000)
    for i, kind in enumerate(data.get("FunctionResponseTypes") or [], 1):
        wrong.enum(kind, f"functionResponseTypes.{i}.member", ["ReportBatchItemFailures"])
    wrong.check()
    _filters_ok(data)


def _function(reference):
    """(name, qualifier, configuration) of what a mapping shall call."""
    name, qualifier = ls._resolve_request_scoped_name_and_qualifier(reference or "")
    lambdas.need(name, qualifier)
    return name, qualifier, ls._get_func_record_for_qualifier(name, qualifier)[1]


def _fits(esm, config):
    """What Lambda looks at before it takes a mapping as it would be afterwards."""
    fifo = esm["EventSourceArn"].endswith(".fifo")
    if esm["BatchSize"] > 10 and fifo:
        raise wrong_value("Batch size must be less than or equal to 10 for FIFO queues.")
    if esm["BatchSize"] > 10 and esm["MaximumBatchingWindowInSeconds"] < 1:
        raise wrong_value("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
    if fifo and esm["MaximumBatchingWindowInSeconds"]:
        raise wrong_value("Batching window is not supported for FIFO queues")
    queue = sqs._queue_by_arn(esm["EventSourceArn"])
    if queue is None:
        raise wrong_value("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
                          "SQS Error Message: The specified queue does not exist.")
    for action in NEEDED:
        if not grants.role_may(config.get("Role") or "", f"sqs:{action}", esm["EventSourceArn"]):
            raise wrong_value(f"The provided execution role does not have permissions to call {action} on SQS")
    visible, timeout = int(queue["attributes"]["VisibilityTimeout"]), int(config.get("Timeout") or 3)
    if visible < timeout:
        raise wrong_value(f"Queue visibility timeout: {visible} seconds is less than Function timeout: {timeout} seconds")


def _only_one(esm):
    for other in list(ls._esms.values()):
        if other is not esm and other["UUID"] != esm["UUID"] and not _gone(other) and \
                (other["EventSourceArn"], other["FunctionArn"]) == (esm["EventSourceArn"], esm["FunctionArn"]):
            raise Refused("ResourceConflictException", f"An event source mapping with SQS arn (\" {esm['EventSourceArn']} \") and function (\" "
                          f"{esm['FunctionName']} \") already exists. Please update or delete the existing mapping with UUID {other['UUID']}", 409)


def create(data):
    return _create_for_queue(data) if ":sqs:" in (data.get("EventSourceArn") or "") else _create(data)


@handler(202)
def _create_for_queue(data):
    _constraints(data)
    name, qualifier, config = _function(data.get("FunctionName"))
    arn = data["EventSourceArn"]
    if arn.split(":")[2:5] != ["sqs", get_region(), get_account_id()]:
        raise wrong_value(f"The event source ARN {arn} is not a queue of this account and Region.")
    esm = {"UUID": new_uuid(), "EventSourceArn": arn, "FunctionName": name, "Qualifier": qualifier, "FunctionArn": lambdas.arn_of(name, qualifier),
           "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": [], "StateTransitionReason": "USER_INITIATED",
           "Enabled": data.get("Enabled") is not False, "Tags": dict(data.get("Tags") or {}), **{k: data[k] for k in FIELDS if data.get(k) is not None}}
    _only_one(esm)
    _fits(esm, config)
    _begin(esm, "Creating")
    ls._esms[esm["UUID"]] = esm
    ls._ensure_poller()
    return _row(esm)


@handler(200)
def get(uuid):
    return _decrypted(_row(_need(uuid)))


@handler(202)
def update(uuid, data):
    esm = _need(uuid)
    _constraints(data)
    if time.time() < esm.get("until", 0):
        raise Refused("ResourceInUseException", "Cannot update the event source mapping because it is not in the correct state for update")
    new = {**esm, **{k: data[k] for k in FIELDS if data.get(k) is not None}}
    if data.get("FunctionName"):
        new["FunctionName"], new["Qualifier"], _ = _function(data["FunctionName"])
        new["FunctionArn"] = lambdas.arn_of(new["FunctionName"], new["Qualifier"])
    if data.get("Enabled") is not None:
        new["Enabled"] = data["Enabled"]
    for key, empty in (("ScalingConfig", ({},)), ("FilterCriteria", ({}, {"Filters": []})), ("KMSKeyArn", ("",))):       # an empty one takes it away
        if new.get(key) in empty:
            new.pop(key)
    if ":sqs:" in new["EventSourceArn"]:
        _only_one(new)
        _fits(new, ls._get_func_record_for_qualifier(new["FunctionName"], new["Qualifier"])[1] or {})
    change = "Updating" if bool(new["Enabled"]) == bool(esm["Enabled"]) else "Enabling" if new["Enabled"] else "Disabling"
    esm.clear()
    esm.update(new)
    _begin(esm, change)
    return _row(esm)


@handler(202)
def delete(uuid):
    esm = _need(uuid)
    if time.time() < esm.get("until", 0):
        raise Refused("ResourceInUseException", "Cannot delete the event source mapping because it is in use.")
    _begin(esm, "Deleting")
    return _row(esm)


@handler(200)
def list_all(query):
    wanted = {key: ls._qp_first(query, key) for key in ("EventSourceArn", "FunctionName", "Marker")}
    most = int(ls._qp_first(query, "MaxItems") or 100)
    wrong = Constraints()
    wrong.number(most, "maxItems", 1, 10000)
    wrong.check()
    name, qualifier = ls._resolve_request_scoped_name_and_qualifier(wanted["FunctionName"])
    rows = [_encrypted(_row(esm)) for esm in list(ls._esms.values()) if not _gone(esm) and wanted["EventSourceArn"] in ("", esm["EventSourceArn"])
            and (not name or (esm["FunctionName"], esm["Qualifier"]) == (name, qualifier))]
    rows.sort(key=lambda row: row["UUID"])
    left = [row for row in rows if row["UUID"] > wanted["Marker"]]
    answer = {"EventSourceMappings": left[:most]}
    if len(left) > most:
        answer["NextMarker"] = left[most - 1]["UUID"]
    return answer


def polled():
    """What MiniStack's poller looks at: only mappings that are not in the middle of a change; deleted ones are forgotten here."""
    for account, region, esm in _iterate():
        with request_scope(account, region):
            if _gone(esm):
                ls._esms.pop(esm["UUID"], None)
                continue
        if _state(esm) == "Enabled":
            yield account, region, esm


HANDLERS = {"_create_esm": create, "_get_esm": get, "_update_esm": update, "_delete_esm": delete, "_list_esms": list_all, "_iter_all_esms": polled}
