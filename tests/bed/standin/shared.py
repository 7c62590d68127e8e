"""Strict stand-in: rules on event buses of other accounts, named by the ARN of the bus (RT20 to RT23 of docs/aws-facts.md).

A call that names a bus, or tags a rule, of another account acts there, if the policy of the bus allows the caller the action on the rule.
"""
from contextvars import ContextVar

from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge as eb

from answers import Refused, as_policy, invalid

_CALLER = ContextVar("caller", default=None)


def caller():
    """The account that calls; inside a call across accounts another one than get_account_id()."""
    return _CALLER.get() or get_account_id()


def _owner(reference):
    """(account, bus) of an ARN of another account's bus, else None. The Region of the endpoint counts, not that of the ARN."""
    parts = (reference or "").split(":", 5)
    if len(parts) < 6 or not parts[5].startswith("event-bus/") or parts[4] == get_account_id():
        return None
    return parts[4], parts[5].removeprefix("event-bus/")


def _rule_of(arn):
    """(account, bus, rule) of a rule's ARN of another account, else None."""
    parts = (arn or "").split(":", 5)
    if len(parts) < 6 or not parts[5].startswith("rule/") or parts[4] == get_account_id():
        return None
    bus, _, rule = parts[5].removeprefix("rule/").rpartition("/")
    return parts[4], bus or "default", rule


def _may(action, owner, bus, resource, creator):
    policy = as_policy(eb._event_bus_policies.get_scoped(owner, get_region(), bus))
    known = {"events:creatoraccount": creator} if creator else {}
    context = evaluator.EvalContext(principal_arn=f"arn:aws:iam::{get_account_id()}:root", principal_type="AssumedRole", principal_account=get_account_id(),
                                    action=f"events:{action}", resource_arn=resource, region=get_region(), service_context=known, secure_transport=True)
    return bool(policy) and evaluator.evaluate_resource_policy(policy, context).decision == "Allow"


def _check(action, owner, bus, rule):
    """Refuses what the policy of the bus does not allow. Without `rule` the call is about the bus itself."""
    kind = f"rule/{bus}/{rule}" if bus != "default" else f"rule/{rule}"
    resource = f"arn:aws:events:{get_region()}:{owner}:" + (f"event-bus/{bus}" if rule is None else kind)
    with request_scope(owner, get_region()):
        there = eb._rules.get(eb._rule_key(rule, bus)) if rule else None
    if not _may(action, owner, bus, resource, there and there["CreatedBy"]):
        raise Refused("AccessDeniedException", f"User: arn:aws:iam::{get_account_id()}:root is not authorized to perform: events:{action} on resource: "
                      f"{resource} because no resource-based policy allows the events:{action} action")


def across(action, inner, key=None, tagged=False):
    """The handler `inner` for buses of other accounts too. `key` names the parameter with the rule; without one the call is about a bus,
    whose parameter is `Name`. `tagged`: the resource is given by its ARN."""
    def answer(data):
        own = get_account_id()
        try:
            if tagged:
                found = _rule_of(data.get("ResourceARN"))
            else:
                found = _owner(data.get("EventBusName") if key else data.get("Name"))
                found = found and (*found, data.get(key) if key else None)
            if not found:
                return inner(data)
            owner, bus, rule = found
            _check(action, owner, bus, rule)
        except Refused as no:
            from ministack.core.responses import error_response_json
            return error_response_json(no.code, no.message, no.status)
        token = _CALLER.set(own)
        try:
            with request_scope(owner, get_region()):
                return inner(data)
        finally:
            _CALLER.reset(token)
    return answer


def not_across(inner):
    """The handler `inner` for own buses only: AWS knows no resource that a policy could allow another account (RT20)."""
    def answer(data):
        found = _owner(data.get("EventBusName"))
        if not found:
            return inner(data)
        from ministack.core.responses import error_response_json
        return error_response_json("AccessDeniedException", f"User: arn:aws:iam::{get_account_id()}:root is not authorized to perform this action on "
                                   f"{data['EventBusName']}", 400)
    return answer


def check_targets(targets):
    """Of a rule that another account puts on a bus, the targets can only be event buses."""
    for target in targets:
        if caller() != get_account_id() and ":event-bus/" not in target["Arn"]:
            raise invalid(f"Target {target['Id']} is not an event bus, which is not supported for a rule on an event bus of another account.")
