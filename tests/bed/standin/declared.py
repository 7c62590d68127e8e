"""Strict stand-in: resources of services that MiniStack has not, or not as EventBridge reaches them. A test declares that they exist
(POST /_emu/resources), with their ARN and what a delivery depends on; a delivery is the call in the record (GET /_emu/deliveries)."""
from ministack.core.responses import get_account_id, get_region

from grants import Undeliverable

RESOURCES = {}


def declare(wish):
    """A resource exists from now on; with `gone`, no more."""
    scope, arn = (wish["account"], wish.get("region", "us-east-1")), wish["arn"]
    if wish.get("gone"):
        RESOURCES.pop((scope, arn), None)
    else:
        RESOURCES[scope, arn] = wish
    return {"arn": arn}


def need(arn, what):
    found = RESOURCES.get(((get_account_id(), get_region()), arn))
    if found is None:
        raise Undeliverable("NO_RESOURCE", f"{what} {arn} does not exist.")
    return found


def of_type(middle):
    """Declared resources of this account and Region whose ARN has this in it."""
    scope = (get_account_id(), get_region())
    return [wish for (where, arn), wish in RESOURCES.items() if where == scope and middle in arn]
