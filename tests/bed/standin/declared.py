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


def instances(block):
    """The instances that one of RunCommandTargets means: by ID, where each must exist, or by tag."""
    here = [wish for (scope, _), wish in RESOURCES.items() if scope == (get_account_id(), get_region())]
    if block["Key"] == "InstanceIds":
        found = {wish["arn"].rsplit("/", 1)[1]: wish for wish in here if "instance/" in wish["arn"]}
        missing = [i for i in block["Values"] if i not in found]
        if missing:
            raise Undeliverable("NO_RESOURCE", f"Instances {missing} are not in a valid state.")
        return [found[i] for i in block["Values"]]
    key = block["Key"].removeprefix("tag:")
    return [wish for wish in here if wish.get("tags", {}).get(key) in block["Values"]]
