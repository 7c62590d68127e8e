"""Strict stand-in: partner event sources and their clock. What a partner sends while its source is not ACTIVE is dropped.

Where sources disagree about AWS, a setting chooses: both must be playable. The states and how they are left are in ../README.md.
"""
import re
import time

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge as eb

import settings
from answers import Refused, handler, invalid, not_found, page

NAME = re.compile(r"aws\.partner(/[\.\-_A-Za-z0-9]+){2,}")
SOURCES = {}        # (customer's account, region, name) -> source
STATES = ("PENDING", "ACTIVE", "DELETED")


def find(account, region, name):
    """The source, unless its time is over: nothing runs in the background, so expiry shows when someone looks."""
    source = SOURCES.get((account, region, name))
    if source and source["State"] == "PENDING" and source["ExpirationTime"] <= time.time():
        SOURCES.pop((account, region, name), None)      # its bus and rules stay
        return None
    return source


def _mine(name):
    return find(get_account_id(), get_region(), name)


def _need(name):
    source = _mine(name)
    if source is None:
        raise not_found(f"Event source {name} does not exist.")
    return source


def _wait(source, seconds=None):
    """PENDING from now on, with a new time to expire."""
    seconds = settings.get("partnerExpirySeconds") if seconds is None else seconds
    source.update(State="PENDING", ExpirationTime=time.time() + seconds)


def _wrong_state(source):
    return Refused("InvalidStateException", f"Event source {source['Name']} is in state {source['State']}.")


def _enabled(least):
    if settings.get("partnersDisabled") >= least:
        raise Refused("OperationDisabledException", "Partner event sources are not available in this Region.")


def check_association(bus, source):
    _enabled(1)
    found = _mine(source)
    if found is None or found["State"] == "DELETED":
        raise not_found(f"Event source {source} does not exist.")
    if bus != source:
        raise invalid("Partner event bus name must match the event source name.")
    if found["State"] == "ACTIVE" and bus not in eb._event_buses:       # a bus we do not see holds it
        raise _wrong_state(found)


def associate(source):
    _mine(source).update(State="ACTIVE", needsNewBus=False)


def dissociate(bus):
    """The bus is gone: the source waits again, unless the partner has deleted it, or the setting takes it away."""
    source = _mine(bus)
    if source is None:
        return
    if source["State"] == "DELETED":
        SOURCES.pop((get_account_id(), get_region(), bus))
    elif settings.get("busDeletionDeletesSource"):
        source["State"] = "DELETED"
    else:
        if source["State"] == "ACTIVE":
            _wait(source)
        source["needsNewBus"] = False


@handler
def create(data):
    """The partner's call. Its customer may still have a bus of that name, from before."""
    name, account = data.get("Name") or "", data.get("Account") or ""
    if not NAME.fullmatch(name) or len(name) > 256 or not re.fullmatch(r"\d{12}", account):
        raise invalid(f"Parameter Name is not valid. Reason: {name} is no partner event source of an account.")
    with request_scope(account, get_region()):      # the settings are the customer's
        old = _mine(name)
        if old and old["State"] != "DELETED":
            raise Refused("ResourceAlreadyExistsException", f"Event source {name} already exists.")
        source = {"Arn": f"arn:aws:events:{get_region()}::event-source/{name}", "CreatedBy": name.split("/")[1], "CreationTime": int(time.time()),
                  "Name": name, "needsNewBus": name in eb._event_buses and bool(settings.get("recreatedNeedsNewBus"))}
        _wait(source)
        SOURCES[account, get_region(), name] = source
    return {"EventSourceArn": source["Arn"]}


@handler
def delete(data):
    key = (data.get("Account"), get_region(), data.get("Name"))
    source = find(*key)
    if source and source["State"] == "ACTIVE":
        source["State"] = "DELETED"                 # its bus and rules stay
    else:
        SOURCES.pop(key, None)


@handler
def describe(data):
    _enabled(2)
    return _row(_need(data.get("Name")))


@handler
def list_sources(data):
    _enabled(2)
    me, prefix = (get_account_id(), get_region()), data.get("NamePrefix") or ""
    names = sorted(name for *who, name in list(SOURCES) if tuple(who) == me and name.startswith(prefix))
    return page([_row(source) for source in map(_mine, names) if source], "EventSources", data)


def _row(source):
    row = {k: v for k, v in source.items() if k != "needsNewBus"}
    if row["State"] != "PENDING":       # only what waits expires
        row.pop("ExpirationTime", None)
    return row


@handler
def activate(data):
    """For a source that was deactivated, or made again by its partner: the bus is there already."""
    _enabled(2)
    source = _need(data.get("Name"))
    if source["State"] != "PENDING" or source["Name"] not in eb._event_buses or source["needsNewBus"]:
        raise _wrong_state(source)
    source["State"] = "ACTIVE"


@handler
def deactivate(data):
    _enabled(2)
    source = _need(data.get("Name"))
    if source["State"] != "ACTIVE" or source["Name"] not in eb._event_buses:
        raise _wrong_state(source)
    _wait(source)


def control(wish):
    """POST /_emu/partner: what only AWS or time can do. Answers the source as DescribeEventSource would."""
    unknown = wish.keys() - {"account", "region", "name", "state", "expiresIn", "managedBus"}
    if unknown:
        raise ValueError(f"unknown field {', '.join(sorted(unknown))}")
    with request_scope(wish["account"], wish.get("region", "us-east-1")):
        name = wish["name"]
        source = _mine(name)
        if source is None:
            raise ValueError(f"no event source {name} in {get_account_id()}, {get_region()}")
        if "state" in wish and wish["state"] not in STATES:
            raise ValueError(f"state must be one of {', '.join(STATES)}")
        if "managedBus" in wish:
            _managed(source, wish["managedBus"])
        if wish.get("state") == "PENDING":
            _wait(source)
        elif "state" in wish:
            source["State"] = wish["state"]
        if "expiresIn" in wish:
            _wait(source, float(wish["expiresIn"]))
        return _row(source)


def _managed(source, owner):
    """The bus that AWS makes for its newer kind of bus (owner: "events.amazonaws.com"), or, without owner, its end."""
    import buses        # which imports this module
    name = source["Name"]
    if owner:
        now = eb._now_ts()
        bus = {"Name": name, "Arn": buses.arn_of(name), "CreationTime": now, "LastModifiedTime": now, "EventSourceName": name}
        eb._event_buses[name] = {**bus, **(eb._event_buses.get(name) or {}), "ManagedBy": owner}
        source["State"] = "ACTIVE"
    elif (eb._event_buses.get(name) or {}).get("ManagedBy"):
        eb._event_buses.pop(name)
        _wait(source)


HANDLERS = {"_create_partner_event_source": create, "_delete_partner_event_source": delete, "_describe_event_source": describe,
            "_list_event_sources": list_sources, "_activate_event_source": activate, "_deactivate_event_source": deactivate}
