"""Strict stand-in: iam:SimulatePrincipalPolicy, by the identity-based policies and the permissions boundary of a role or user.

As AWS documents it (IAM API reference, SimulatePrincipalPolicy): resource policies, session policies and resource control policies do not count, and
there are no organizations here. A condition key has the value that the request gives it, or none. The texts of refusals are guesses.
"""
import re

from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

import limits

DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny", "ImplicitDeny": "implicitDeny"}
# From the most restrictive to the least: the decision on several resources together.
ORDER = ["explicitDeny", "implicitDeny", "allowed"]
# What the simulator knows of the identity itself.
KNOWN = ("aws:principal", "aws:currenttime", "aws:epochtime")
ACTION = re.compile(r"[a-zA-Z0-9-]+:[a-zA-Z0-9]+")


class _Wrong(Exception):
    def __init__(self, status, code, text):
        super().__init__(text)
        self.answer = iam._error(status, code, text, ns="iam")


def _identity(arn):
    """(policies, limits) of the user or role with exactly this ARN."""
    found = re.fullmatch(r"arn:aws[a-z-]*:iam::(\d{12}):(role|user)/(?:.+/)?([\w+=,.@-]+)", arn or "")
    if not found or found[1] != get_account_id():
        raise _Wrong(400, "InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    store, gather = (iam._roles, evaluator._gather_role_policies) if found[2] == "role" else (iam._users, evaluator._gather_user_policies)
    entity = store.get_scoped(found[1], None, found[3])
    if entity is None or entity["Arn"] != arn:
        raise _Wrong(404, "NoSuchEntity", f"The {found[2]} with name {found[3]} cannot be found.")
    return gather(found[3], found[1]), evaluator._permissions_boundary(store, found[3], found[1])


def _missing(policies, context, given):
    """Condition keys of the statements about this action and resource, for which the request has no value."""
    keys = set()
    for statement in (one for policy in policies for one in policy):
        if evaluator._action_matches(context.action, statement.actions, statement.not_actions) and evaluator._resource_matches(
                context.resource_arn, statement.resources, statement.not_resources):
            keys.update(key for of_operator in statement.conditions.values() for key in of_operator)
    return sorted(key for key in keys if key.lower() not in given and not key.lower().startswith(KNOWN))


def _members(values):
    return "".join(f"<member>{value}</member>" for value in values)


def _evaluation(identity, action, resources, given):
    policies, bounds = _identity(identity)
    found, missing, decisions = "", set(), set()
    for resource in resources:
        context = evaluator.EvalContext(
            principal_arn=identity, principal_type="AssumedRole" if ":role/" in identity else "User", principal_account=get_account_id(),
            action=action, resource_arn=resource, region=get_region(), service_context=given)
        decision = DECISIONS[evaluator.evaluate(context, policies, *bounds).decision]
        keys = _missing(policies, context, given)
        boundary = ""
        if any(bounds):
            allowed = all(evaluator.evaluate(context, limit).decision == "Allow" for limit in bounds if limit)
            boundary = (f"<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>{str(allowed).lower()}</AllowedByPermissionsBoundary>"
                        "</PermissionsBoundaryDecisionDetail>")
        found += (f"<member><EvalResourceName>{resource}</EvalResourceName><EvalResourceDecision>{decision}</EvalResourceDecision>"
                  f"<MissingContextValues>{_members(keys)}</MissingContextValues>{boundary}</member>")
        missing.update(keys)
        decisions.add(decision)
    specific = f"<ResourceSpecificResults>{found}</ResourceSpecificResults>" if resources != ["*"] else ""
    return (f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>*</EvalResourceName>"
            f"<EvalDecision>{min(decisions, key=ORDER.index)}</EvalDecision><MatchedStatements></MatchedStatements>"
            f"<MissingContextValues>{_members(sorted(missing))}</MissingContextValues>{boundary if resources == ['*'] else ''}{specific}</member>")


def _simulate(request):
    actions, resources = request.get("ActionNames") or [], request.get("ResourceArns") or ["*"]
    for action in actions:
        if not ACTION.fullmatch(action):
            raise _Wrong(400, "InvalidInput", f"Invalid Input {action} is not a valid action name.")
    for resource in resources:
        if resource != "*" and not re.fullmatch(r"arn:[^:]*:[^:]*:[^:]*:[^:]*:.+", resource):
            raise _Wrong(400, "InvalidInput", f"Invalid Input {resource} is not a valid ARN.")
    given = {}
    for entry in request.get("ContextEntries") or []:
        values = entry.get("ContextKeyValues") or []
        given[entry["ContextKeyName"].lower()] = values if entry.get("ContextKeyType", "").endswith("List") else values[0]
    first, most = int(request.get("Marker") or 0), int(request.get("MaxItems") or 100)
    rows = [_evaluation(request.get("PolicySourceArn"), action, resources, given) for action in actions]
    behind = first + most
    more = f"<IsTruncated>true</IsTruncated><Marker>{behind}</Marker>" if behind < len(rows) else "<IsTruncated>false</IsTruncated>"
    return iam._xml(200, "SimulatePrincipalPolicyResponse", f"<SimulatePrincipalPolicyResult><EvaluationResults>{''.join(rows[first:behind])}"
                    f"</EvaluationResults>{more}</SimulatePrincipalPolicyResult>", ns="iam")


def _answer(parameters):
    request = limits.from_form({name: value[0] if isinstance(value, list) else value for name, value in parameters.items()})
    try:
        return _simulate(request)
    except _Wrong as wrong:
        return wrong.answer


HANDLERS = {"SimulatePrincipalPolicy": _answer}
