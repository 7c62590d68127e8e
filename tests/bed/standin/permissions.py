"""Strict stand-in: who may invoke a function. Every version and alias has a policy of its own (L4)."""
import json
import re
import time

from ministack.core.responses import new_uuid
from ministack.services import lambda_svc as ls

import lambdas
import settings
from answers import Constraints, Refused
from lambdas import handler, missing, wrong_value

LIMIT = 20480       # bytes of a whole policy
PATTERNS = (        # parameter, whether it must be there, pattern, longest
    ("StatementId", True, r"([a-zA-Z0-9-_]+)", 100), ("Action", True, r"(lambda:[*]|lambda:[a-zA-Z]+|[*])", 10000), ("Principal", True, r"[^\s]+", 2048),
    ("SourceAccount", False, r"\d{12}", 12), ("PrincipalOrgID", False, r"o-[a-z0-9]{10,32}", 34), ("EventSourceToken", False, r"[a-zA-Z0-9._\-]+", 256),
    ("SourceArn", False, r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)", 10000))


def _check(data):
    wrong = Constraints()
    for key, needed, pattern, longest in PATTERNS:
        where = key[0].lower() + key[1:]
        if data.get(key) is None:
            if needed:
                wrong.found.append(f"Value null at '{where}' failed to satisfy constraint: Member must not be null")
        else:
            wrong.text(data[key], where, pattern=pattern, longest=longest)                      # L11
    wrong.check()


def _principal(who):
    """L3, L10."""
    if who == "*":
        return "*"
    if re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?|alexa-appkit\.amazon\.com", who):
        return {"Service": who}
    if re.fullmatch(r"\d{12}", who):
        return {"AWS": f"arn:aws:iam::{who}:root"}
    if re.fullmatch(r"arn:aws[a-z-]*:(iam|sts)::\d{12}:.+", who):
        return {"AWS": who}
    raise wrong_value("The provided principal was invalid. Please check the principal and try again.")


def _condition(data):
    """L2."""
    equals = {key: data[name] for key, name in (("AWS:SourceAccount", "SourceAccount"), ("aws:PrincipalOrgID", "PrincipalOrgID"),
              ("lambda:EventSourceToken", "EventSourceToken"), ("lambda:FunctionUrlAuthType", "FunctionUrlAuthType")) if data.get(name)}
    return {**({"StringEquals": equals} if equals else {}), **({"ArnLike": {"AWS:SourceArn": data["SourceArn"]}} if data.get("SourceArn") else {})}


def _holder(func, qualifier):
    """What carries the RevisionId that function, version or alias and their policy have in common (L15)."""
    if not qualifier:
        return func["config"]
    return func["aliases"][qualifier] if qualifier in func["aliases"] else func["versions"][qualifier]["config"]


def _same_revision(func, qualifier, wanted):
    if wanted and wanted != _holder(func, qualifier)["RevisionId"]:                             # L14
        raise Refused("PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. "
                      "Call the GetPolicy API to retrieve the latest Revision Id", 412)


def _changed(func, qualifier):
    holder = _holder(func, qualifier)
    old, holder["RevisionId"] = holder["RevisionId"], new_uuid()
    for version in func["versions"].values():       # a permission is no change that PublishVersion would publish
        if version.get("function_revision") == old:
            version["function_revision"] = holder["RevisionId"]


def _text(statements):
    """L5."""
    return json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": statements}, separators=(",", ":"))


def _statements(func, qualifier):
    return func.setdefault("policies", {}).setdefault(qualifier or "", [])


@handler(201)
def add(name, data, query=None, path_qualifier=None):
    qualifier = lambdas.qualifier_of(path_qualifier, query)
    _check(data)
    if qualifier == "$LATEST":                                                                  # L9
        raise wrong_value("We currently do not support adding policies for $LATEST.")
    principal, func, sid = _principal(data["Principal"]), lambdas.need(name, qualifier), data["StatementId"]
    _same_revision(func, qualifier, data.get("RevisionId"))
    have = _statements(func, qualifier)
    if any(entry["statement"]["Sid"] == sid for entry in have):                                 # L7
        raise Refused("ResourceConflictException", f"The statement id ({sid}) provided already exists. "
                      "Please provide a new statement id, or remove the existing statement.", 409)
    statement = {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": data["Action"],            # L1
                 "Resource": lambdas.arn_of(name, qualifier), **({"Condition": _condition(data)} if _condition(data) else {})}
    size = len(_text([entry["statement"] for entry in have] + [statement]).encode())
    if size > LIMIT:
        raise Refused("PolicyLengthExceededException", f"The final policy size ({size}) is bigger than the limit ({LIMIT}).")
    have.append({"since": time.time() + settings.get("permissionDelaySeconds"), "statement": statement})
    _changed(func, qualifier)
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


@handler(204)
def remove(name, sid, query, path_qualifier=None):
    qualifier = lambdas.qualifier_of(path_qualifier, query)
    if not lambdas.exists(name, qualifier):                                                     # L13
        raise missing(f"No policy found for: {lambdas.arn_of(name, qualifier)}")
    func = ls._functions[name]
    have = _statements(func, qualifier) if qualifier != "$LATEST" else []
    if not have:
        raise missing("No policy is associated with the given resource.")
    found = [entry for entry in have if entry["statement"]["Sid"] == sid]
    if not found:                                                                               # L12
        raise missing(f"Statement {sid} is not found in resource policy.")
    _same_revision(func, qualifier, ls._qp_first(query or {}, "RevisionId"))
    have.remove(found[0])
    _changed(func, qualifier)


@handler(200)
def get(name, query=None, path_qualifier=None):
    qualifier = lambdas.qualifier_of(path_qualifier, query)
    func = ls._functions.get(name) if lambdas.exists(name, qualifier) and qualifier != "$LATEST" else None
    have = _statements(func, qualifier) if func else []
    if not have:                                                                                # L6
        raise missing("The resource you requested does not exist.")
    return {"Policy": _text([entry["statement"] for entry in have]), "RevisionId": _holder(func, qualifier)["RevisionId"]}


def policy_now(arn):
    """The policy of exactly the function, version or alias that an ARN names, as deliveries go by it: what was added a moment ago may
    not count yet (setting permissionDelaySeconds)."""
    func, qualifier = lambdas.by_arn(arn)
    have = (func or {}).get("policies", {}).get(qualifier or "", [])
    return {"Version": "2012-10-17", "Statement": [entry["statement"] for entry in have if entry["since"] <= time.time()]}


def _owned(arn):
    """For MiniStack's own callers."""
    return policy_now(arn), arn.split(":")[4]


HANDLERS = {"_add_permission": add, "_remove_permission": remove, "_get_policy": get, "function_policy_for_arn": _owned}
