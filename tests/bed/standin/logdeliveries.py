"""Strict stand-in: log deliveries of CloudWatch Logs: sources, destinations, deliveries. What an event bus logs through them is in buslogs.py."""
import secrets
import string

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs as logs, eventbridge as eb, firehose

from answers import Refused, handler, invalid, not_found

BUS_TYPES = ("ERROR_LOGS", "INFO_LOGS", "TRACE_LOGS")                                           # LD1
TYPES = {"logs": "CWL", "firehose": "FH", "s3": "S3"}


def _conflict(text):
    return Refused("ConflictException", text)


def _arn(kind, name):
    return f"arn:aws:logs:{get_region()}:{get_account_id()}:{kind}:{name}"


def _parts(arn, what):
    parts = (arn or "").split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        raise invalid(f"Invalid ARN provided: {what}.")
    return parts


def _shown(row, *without):
    return {key: value for key, value in row.items() if key not in without and value not in (None, {}, [])}


def _check_source(arn, kind):
    _, _, service, region, account, rest = _parts(arn, "resourceArn")
    if region != get_region():
        raise invalid("Cross-region Delivery Source is not supported. Please use a different region.")
    if account != get_account_id():
        raise invalid("Account id from identity does not match the resourceArn.")
    if service != "events" or not rest.startswith("event-bus/"):
        raise not_found("Cannot access provided service.")
    if rest.split("/", 1)[1] not in eb._event_buses:
        raise not_found(f"Resource {arn} does not exist.")
    if kind not in BUS_TYPES:
        raise invalid(f"Log type {kind} is not supported for the resource.")


@handler
def put_source(data):
    name, arn, kind = data["name"], data["resourceArn"], data["logType"]
    _check_source(arn, kind)
    have = logs._delivery_sources.get(name)
    if have and have["resourceArns"] != [arn]:                                                  # LD5
        raise _conflict("Update to existing Delivery Source with new ResourceId is not allowed. Please create a new Delivery Source instead.")
    if any(n != name and s["resourceArns"] == [arn] and s["logType"] == kind for n, s in logs._delivery_sources.items()):          # LD4
        raise _conflict("This ResourceId has already been used in another Delivery Source in this account.")
    tags = data.get("tags") or (have or {}).get("tags") or {}
    logs._delivery_sources[name] = row = {"name": name, "arn": _arn("delivery-source", name), "resourceArns": [arn], "service": "events",
                                          "logType": kind, "tags": dict(tags)}
    return {"deliverySource": _shown(row)}


def _check_destination(arn):
    _, _, service, region, account, rest = _parts(arn, "destinationResourceArn")
    if service not in TYPES:
        raise invalid("Delivery Destination Resource ARN is of unsupported service.")
    if service == "s3":
        if region or account or not rest:
            raise invalid("Invalid ARN provided.")
        return TYPES[service]
    if (region, account) != (get_region(), get_account_id()):
        raise invalid("Region or account id from identity does not match the Destination Resource ARN.")
    name = rest.split(":", 1)[1].removesuffix(":*") if service == "logs" else rest.split("/", 1)[-1]
    if name not in (logs._log_groups if service == "logs" else firehose._streams):
        raise not_found(f"Destination resource {arn} does not exist.")
    return TYPES[service]


@handler
def put_destination(data):
    name, arn = data["name"], (data.get("deliveryDestinationConfiguration") or {}).get("destinationResourceArn")
    kind, have = _check_destination(arn), logs._delivery_destinations.get(name) or {}
    logs._delivery_destinations[name] = row = {
        "name": name, "arn": _arn("delivery-destination", name), "deliveryDestinationType": kind, "outputFormat": data.get("outputFormat"),
        "deliveryDestinationConfiguration": {"destinationResourceArn": arn}, "tags": dict(data.get("tags") or have.get("tags") or {})}
    return {"deliveryDestination": _shown(row)}


@handler
def create(data):
    source, arn = data["deliverySourceName"], data["deliveryDestinationArn"]
    if source not in logs._delivery_sources:
        raise not_found("Requested Delivery Source does not exist in this account.")
    found = [d for d in logs._delivery_destinations.values() if d["arn"] == arn]
    if not found:
        raise not_found("Requested Delivery Destination does not exist in this account.")
    kind = found[0]["deliveryDestinationType"]
    if any(d["deliverySourceName"] == source and d["deliveryDestinationType"] == kind for d in logs._deliveries.values()):
        raise _conflict("Delivery already exists for the provided Delivery Source and Delivery Destination type.")
    ident = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(16))
    logs._deliveries[ident] = row = {"id": ident, "arn": _arn("delivery", ident), "deliverySourceName": source, "deliveryDestinationArn": arn,
                                     "deliveryDestinationType": kind, "tags": dict(data.get("tags") or {})}
    return {"delivery": _shown(row)}


def _need(store, key, what):
    if key not in store:
        raise not_found(f"Requested {what} does not exist in this account.")
    return store[key]


@handler
def delete(data):
    _need(logs._deliveries, data["id"], "Delivery")
    del logs._deliveries[data["id"]]


@handler
def delete_source(data):                                                                        # LD6
    _need(logs._delivery_sources, data["name"], "Delivery Source")
    if any(d["deliverySourceName"] == data["name"] for d in logs._deliveries.values()):
        raise _conflict("Cannot delete a Delivery Source that is used in a Delivery.")
    del logs._delivery_sources[data["name"]]


@handler
def delete_destination(data):
    row = _need(logs._delivery_destinations, data["name"], "Delivery Destination")
    if any(d["deliveryDestinationArn"] == row["arn"] for d in logs._deliveries.values()):
        raise _conflict("Cannot delete a Delivery Destination that is used in a Delivery.")
    del logs._delivery_destinations[data["name"]]


def _lists(key, store):
    @handler
    def answer(data):
        """Without tags: whether AWS lists them is not established."""
        rows = [_shown(row, "tags") for _, row in sorted(store.items())]
        start, limit = logs._decode_token(data.get("nextToken")), data.get("limit") or 50
        return {key: rows[start:start + limit], **({"nextToken": logs._encode_token(start + limit)} if start + limit < len(rows) else {})}
    return answer


HANDLERS = {"PutDeliverySource": put_source, "PutDeliveryDestination": put_destination, "CreateDelivery": create, "DeleteDelivery": delete,
            "DeleteDeliverySource": delete_source, "DeleteDeliveryDestination": delete_destination,
            "DescribeDeliveries": _lists("deliveries", logs._deliveries), "DescribeDeliverySources": _lists("deliverySources", logs._delivery_sources),
            "DescribeDeliveryDestinations": _lists("deliveryDestinations", logs._delivery_destinations)}
