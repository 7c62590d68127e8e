"""Strict stand-in: log resource policies, of the account and of single log groups."""
import json
import time

from ministack.services import cloudwatch_logs as logs

import settings
from answers import Refused, as_policy, handler, not_found

LENGTH, COUNT = 5120, 10
_put, _delete = logs._put_resource_policy, logs._delete_resource_policy


def refused(text):
    return Refused("InvalidParameterException", text)


def _too_much():
    return Refused("LimitExceededException", "Resource limit exceeded.")                        # G12


def put(data):
    """A policy of one log group is MiniStack's, revisions and all."""
    document, group = data.get("policyDocument") or "", data.get("resourceArn")
    store, key = (logs._log_group_policies, logs._resolve_group_by_arn(group)) if group else (logs._resource_policies, data.get("policyName"))
    before, done = (store.get(key or "") or {}).get("history", []), _check(document)
    if done[0] == 200:
        done = _put(data) if group else _put_account(data)
    if done[0] == 200:
        store[key]["history"] = [*before, (time.time() + settings.get("permissionDelaySeconds"), document)]
    return done


@handler
def _check(document):
    statements = (as_policy(document) or {}).get("Statement")
    if not statements or not isinstance(statements, (list, dict)):
        raise refused("Policy document is not valid JSON with a Statement.")
    if len(document) > LENGTH:
        raise _too_much()


@handler
def _put_account(data):
    name = data.get("policyName")
    if not name:
        raise refused("PutResourcePolicy request must contain policy name or resource arn.")
    if data.get("expectedRevisionId"):      # the model lets it through, but a policy of the account shows no revision (G9)
        raise refused("Expected revision id is only supported with resource arn.")
    if name not in logs._resource_policies and len(logs._resource_policies) >= COUNT:                                   # G11: replacing is always possible
        raise _too_much()
    logs._resource_policies[name] = policy = {"policyName": name, "policyDocument": data["policyDocument"], "policyScope": "ACCOUNT",
                                              "lastUpdatedTime": int(time.time() * 1000)}
    return {"resourcePolicy": _shown(policy, policy["policyDocument"])}                         # G9


def _shown(policy, document):
    row = {k: policy[k] for k in ("policyName", "lastUpdatedTime", "policyScope", "resourceArn") if policy.get(k)}
    if policy["policyScope"] == "RESOURCE":
        row["revisionId"] = policy["revisionId"]
    return {**row, "policyDocument": document}


def _formatted(text):
    """G10: AWS gives back its own form of the document."""
    document = as_policy(text)
    document = {"Version": document.get("Version", "2008-10-17"), **document}
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    for statement in statements:
        who = statement.get("Principal")
        if isinstance(who, dict) and isinstance(who.get("Service"), list) and len(who["Service"]) == 1:
            who["Service"] = who["Service"][0]
    return json.dumps({**document, "Statement": statements}, separators=(",", ":"))


@handler
def describe(data):
    scope, group = data.get("policyScope") or "ACCOUNT", data.get("resourceArn")
    if scope not in ("ACCOUNT", "RESOURCE"):
        raise refused(f"1 validation error detected: Value '{scope}' at 'policyScope' failed to satisfy constraint: "
                      "Member must satisfy enum value set: [ACCOUNT, RESOURCE]")
    if group:
        found = [logs._log_group_policies.get(logs._resolve_group_by_arn(group) or "")]
    else:
        found = [p for _, p in sorted((logs._log_group_policies if scope == "RESOURCE" else logs._resource_policies).items())]
    rows = [_shown(p, _formatted(p["policyDocument"])) for p in found if p]
    start, limit = logs._decode_token(data.get("nextToken")), min(data.get("limit") or 50, 50)
    return {"resourcePolicies": rows[start:start + limit], **({"nextToken": logs._encode_token(start + limit)} if start + limit < len(rows) else {})}


def delete(data):
    return _delete(data) if data.get("resourceArn") else _delete_account(data)


@handler
def _delete_account(data):
    if logs._resource_policies.pop(data.get("policyName") or "", None) is None:                 # G13
        raise not_found(f"Policy with name [{data.get('policyName')}] does not exist.")


def documents_now(group):
    """What deliveries to a log group go by: of each policy the text that counts by now (setting permissionDelaySeconds)."""
    found = []
    for policy in [*logs._resource_policies.values(), logs._log_group_policies.get(group)]:
        counting = [text for since, text in (policy or {}).get("history", []) if since <= time.time()]
        found += counting[-1:]
    return found


HANDLERS = {"PutResourcePolicy": put, "DescribeResourcePolicies": describe, "DeleteResourcePolicy": delete}
