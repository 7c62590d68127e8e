"""Strict stand-in: event buses and their policies."""
import json

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge as eb

import partner
import settings
import shared
from answers import TOO_MANY, Constraints, Refused, handler, invalid, not_found, page, present

OPTIONS = ("Description", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")
POLICY_LENGTH = 10240


def name_of(reference):
    """A bus may be named by its ARN everywhere; nothing given means `default`, as in AWS."""
    return (reference or "default").split(":event-bus/")[-1]


def arn_of(name):
    return f"arn:aws:events:{get_region()}:{get_account_id()}:event-bus/{name}"


def lagging(record):
    return eb._now_ts() - record.get("CreationTime", 0) < settings.get("readLagSeconds")


def need(reference):
    name = name_of(reference)
    bus = eb._event_buses.get(name)
    if bus is None or (name != "default" and lagging(bus)):
        raise not_found(f"Event bus {name} does not exist.")                                    # E2
    return bus


def changeable(bus):
    """A bus that AWS made for itself is not its customer's to change."""
    if bus and bus.get("ManagedBy"):
        raise Refused("OperationDisabledException", f"Event bus {bus['Name']} is managed by {bus['ManagedBy']}.")
    return bus


def _options_ok(data, wrong):
    if data.get("Description") is not None:
        wrong.text(data["Description"], "description", longest=512)
    dead = (data.get("DeadLetterConfig") or {}).get("Arn")
    if dead is not None:
        wrong.text(dead, "deadLetterConfig.arn", longest=1600)
    wrong.check()
    if dead and (dead.split(":")[2:4] != ["sqs", get_region()] or dead.endswith(".fifo")):
        raise invalid(f"Parameter DeadLetterConfig.Arn is not valid. Reason: {dead} is not a standard SQS queue in this Region.")


@handler
def create(data):
    name, source = data.get("Name") or "", data.get("EventSourceName")
    wrong = Constraints()
    wrong.text(name, "name", pattern=r"[/\.\-_A-Za-z0-9]+", shortest=1, longest=256)
    _options_ok(data, wrong)
    if source is None and "/" in name:
        raise invalid(f"Parameter Name is not valid. Reason: {name} names no partner event source.")
    if source is not None:
        partner.check_association(name, source)
    if name in eb._event_buses:
        raise Refused("ResourceAlreadyExistsException", f"Event bus {name} already exists.")    # E1
    if sum(1 for n in eb._event_buses if n != "default") >= settings.get("busLimit"):
        raise Refused("LimitExceededException", TOO_MANY)
    now = eb._now_ts()
    bus = {"Name": name, "Arn": arn_of(name), "CreationTime": now, "LastModifiedTime": now, **present(data, *OPTIONS)}
    if source is not None:
        bus["EventSourceName"] = source
        partner.associate(source)
    eb._event_buses[name] = bus
    if data.get("Tags"):
        eb._tags[bus["Arn"]] = {t["Key"]: t["Value"] for t in data["Tags"]}
    return {"EventBusArn": bus["Arn"], **present(bus, *OPTIONS)}                                # S1


@handler
def update(data):
    bus = changeable(need(data.get("Name")))
    _options_ok(data, Constraints())
    for key in OPTIONS:
        if key in data:
            bus[key] = data[key]        # an empty value takes it away: present() then leaves it out
    bus["LastModifiedTime"] = eb._now_ts()
    return {"Arn": bus["Arn"], "Name": bus["Name"], **present(bus, *OPTIONS)}


def _row(bus):
    row = present(bus, "Arn", "CreationTime", "Description", "LastModifiedTime", "ManagedBy", "Name")       # S2
    policy = eb._event_bus_policies.get(bus["Name"])
    if policy:
        row["Policy"] = json.dumps(policy)
    return row


@handler
def describe(data):
    bus = need(data.get("Name"))
    return {**_row(bus), **present(bus, *OPTIONS)}


@handler
def list_buses(data):
    prefix = data.get("NamePrefix") or ""
    return page([_row(b) for n, b in sorted(eb._event_buses.items()) if n.startswith(prefix)], "EventBuses", data)


@handler
def delete(data):
    name = name_of(data.get("Name"))
    if name == "default":
        raise invalid("Cannot delete event bus default.")                                       # E3
    changeable(eb._event_buses.get(name))
    if any(rule["EventBusName"] == name for rule in eb._rules.values()):
        raise invalid(f"Event bus {name} can't be deleted since it has rules.")
    bus = eb._event_buses.pop(name, None)
    if bus:                                     # a missing bus is deleted with success (E2)
        eb._tags.pop(bus["Arn"], None)
        eb._event_bus_policies.pop(name, None)
        partner.dissociate(name)


@handler
def put_permission(data):
    bus = need(data.get("EventBusName"))                                                        # E13
    name = bus["Name"]
    if data.get("Policy") is not None:                                                          # I7: whole, as sent
        try:
            policy = json.loads(data["Policy"])
            if not isinstance(policy, dict) or not isinstance(policy.get("Statement"), (list, dict)):
                raise ValueError
        except ValueError:
            raise invalid("Parameter Policy is not valid. Reason: The policy is not well formed.") from None
        statements = policy["Statement"]
    else:
        wrong = Constraints()
        for key, pattern, longest in (("StatementId", r"[a-zA-Z0-9-_]+", 64), ("Principal", r"(\d{12}|\*)", 12), ("Action", r"events:[a-zA-Z]+", 64)):
            wrong.text(data.get(key) or "", key[0].lower() + key[1:], pattern=pattern, longest=longest)
        wrong.check()
        who = data["Principal"]                                                                 # I6
        statement = {"Sid": data["StatementId"], "Effect": "Allow", "Action": data["Action"], "Resource": bus["Arn"],
                     "Principal": "*" if who == "*" else {"AWS": f"arn:aws:iam::{who}:root"}}
        if data.get("Condition"):
            condition = data["Condition"]
            statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
        policy = eb._event_bus_policies.get(name) or {"Version": "2012-10-17", "Statement": []}
        kept = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
        statements = [s for s in kept if s.get("Sid") != statement["Sid"]] + [statement]
    policy = {**policy, "Statement": statements}
    if len(json.dumps(policy)) > POLICY_LENGTH:
        raise Refused("PolicyLengthExceededException", "The event bus policy is too long.")
    eb._event_bus_policies[name] = policy


@handler
def remove_permission(data):
    name = need(data.get("EventBusName"))["Name"]
    policy = eb._event_bus_policies.get(name)
    if data.get("RemoveAllPermissions"):
        if not policy:
            raise not_found("EventBus does not have a policy.")                                 # I5
        eb._event_bus_policies.pop(name)
        return
    statements = (policy or {}).get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    kept = [s for s in statements if s.get("Sid") != data.get("StatementId")]
    if len(kept) == len(statements):
        raise not_found("Statement with the provided id does not exist.")                       # E14
    if kept:
        eb._event_bus_policies[name] = {**policy, "Statement": kept}
    else:
        eb._event_bus_policies.pop(name)


HANDLERS = {"_create_event_bus": create, "_update_event_bus": update, "_describe_event_bus": shared.across("DescribeEventBus", describe), "_list_event_buses": list_buses,
            "_delete_event_bus": delete, "_put_permission": put_permission, "_remove_permission": remove_permission}
