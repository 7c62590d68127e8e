"""Strict stand-in: partner event sources. PENDING until a bus of the same name is made; what arrives before that is dropped."""
import re
import time

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge as eb

from answers import Refused, handler, invalid, not_found, page

NAME = re.compile(r"aws\.partner(/[\.\-_A-Za-z0-9]+){2,}")
DAYS_PENDING = 14
SOURCES = {}        # (customer's account, region, name) -> source


def _mine(name):
    return SOURCES.get((get_account_id(), get_region(), name))


def _need(name):
    source = _mine(name)
    if source is None:
        raise not_found(f"Event source {name} does not exist.")
    return source


def check_association(bus, source):
    found = _mine(source)
    if found is None or found["State"] == "DELETED":
        raise not_found(f"Event source {source} does not exist.")
    if bus != source:
        raise invalid("Partner event bus name must match the event source name.")


def associate(source):
    _mine(source)["State"] = "ACTIVE"


def dissociate(bus):
    """The bus is gone: the source waits again, unless the partner has deleted it."""
    source = _mine(bus)
    if source and source["State"] == "ACTIVE":
        source.update(State="PENDING", ExpirationTime=int(time.time()) + DAYS_PENDING * 86400)
    elif source and source["State"] == "DELETED":
        SOURCES.pop((get_account_id(), get_region(), bus))


@handler
def create(data):
    name, account = data.get("Name") or "", data.get("Account") or ""
    if not NAME.fullmatch(name) or len(name) > 256 or not re.fullmatch(r"\d{12}", account):
        raise invalid(f"Parameter Name is not valid. Reason: {name} is no partner event source of an account.")
    key, now = (account, get_region(), name), int(time.time())
    old = SOURCES.get(key)
    if old and old["State"] != "DELETED":
        raise Refused("ResourceAlreadyExistsException", f"Event source {name} already exists.")
    SOURCES[key] = {"Arn": f"arn:aws:events:{get_region()}::event-source/{name}", "CreatedBy": name.split("/")[1], "CreationTime": now,
                    "ExpirationTime": now + DAYS_PENDING * 86400, "Name": name, "State": "PENDING"}
    return {"EventSourceArn": SOURCES[key]["Arn"]}


@handler
def delete(data):
    key = (data.get("Account"), get_region(), data.get("Name"))
    source = SOURCES.get(key)
    if source and source["State"] == "ACTIVE":
        source["State"] = "DELETED"                 # its bus and rules stay
    else:
        SOURCES.pop(key, None)


@handler
def describe(data):
    return _row(_need(data.get("Name")))


@handler
def list_sources(data):
    me, prefix = (get_account_id(), get_region()), data.get("NamePrefix") or ""
    rows = [_row(s) for (*who, name), s in sorted(SOURCES.items()) if tuple(who) == me and name.startswith(prefix)]
    return page(rows, "EventSources", data)


def _row(source):
    row = dict(source)
    if row["State"] != "PENDING":       # only what waits expires
        row.pop("ExpirationTime", None)
    return row


def _switch(before, after):
    @handler
    def switch(data):
        source = _need(data.get("Name"))
        if source["State"] != before or data["Name"] not in eb._event_buses:
            raise Refused("InvalidStateException", f"Event source {data['Name']} is in state {source['State']}.")
        source["State"] = after
    return switch


HANDLERS = {"_create_partner_event_source": create, "_delete_partner_event_source": delete, "_describe_event_source": describe,
            "_list_event_sources": list_sources, "_activate_event_source": _switch("PENDING", "ACTIVE"),
            "_deactivate_event_source": _switch("ACTIVE", "PENDING")}
