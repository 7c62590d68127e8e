"""Strict stand-in: may EventBridge deliver to this target? Resource policies and roles, as AWS evaluates them."""
import json
import time
from contextvars import ContextVar

from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge as eb, firehose, iam, kinesis, kms, sns, sqs

import logpolicies
import permissions
from answers import as_policy

SERVICE = "events.amazonaws.com"
# The account that put the rule of the present delivery on a bus of another one: a role of it serves too (RT22).
_CREATOR = ContextVar("creator", default=None)
ACTIONS = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction", "states": "states:StartExecution",
           "kinesis": "kinesis:PutRecord", "firehose": "firehose:PutRecord", "ecs": "ecs:RunTask", "batch": "batch:SubmitJob",
           "execute-api": "execute-api:Invoke", "appsync": "appsync:GraphQL", "ssm": "ssm:SendCommand", "sagemaker": "sagemaker:StartPipelineExecution",
           "redshift": "redshift-data:ExecuteStatement", "redshift-serverless": "redshift-data:ExecuteStatement"}
# Where a resource policy alone is enough, inside the account.
BY_POLICY = {"sqs", "sns", "lambda"}


def _condition_key(key, context, inner=evaluator._resolve_condition_key):
    """`aws:PrincipalArn` of a session is the ARN of its role, with the path (IAM user guide, "AWS global condition context keys")."""
    if key.lower() == "aws:principalarn" and ":assumed-role/" in context.principal_arn:
        role = iam._roles.get_scoped(context.principal_arn.split(":")[4], None, context.principal_arn.split("/")[1])
        return role["Arn"] if role else context.principal_arn
    return inner(key, context)


evaluator._resolve_condition_key = _condition_key


class Undeliverable(Exception):
    """Why a delivery fails; `code` is what a dead-letter message carries as ERROR_CODE."""
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def _denied(message):
    return Undeliverable("NO_PERMISSIONS", message)


def _context(principal, action, resource, source, account=None, **more):
    known = dict(more)
    if source:
        known.update({"aws:sourcearn": source, "aws:sourceaccount": get_account_id()})
    return evaluator.EvalContext(principal_arn=principal, principal_type="AssumedRole", principal_account=account or get_account_id(), action=action,
                                 resource_arn=resource, region=get_region(), service_context=known, secure_transport=True)


def allows(policy, action, resource, source, principal="aws-service", service=SERVICE):
    """Whether a resource policy lets EventBridge (or another service, or, given one, a role) act for the rule `source`."""
    document = as_policy(policy)
    if not document:
        return False
    document = json.loads(json.dumps(document))
    for statement in _statements(document):
        who = statement.get("Principal")
        if isinstance(who, str) and who != "*":         # an account or ARN without its {"AWS": ...}
            statement["Principal"] = {"AWS": who}
    context = _context(principal, action, resource, source)
    return evaluator.evaluate_resource_policy(document, context, service=service if principal == "aws-service" else None).decision == "Allow"


def _statements(document):
    found = document.get("Statement") or []
    return found if isinstance(found, list) else [found]


def queue_policy(queue):
    """The policy that counts now: one set a moment ago may not yet (setting policyDelaySeconds)."""
    current = None
    for since, policy in queue.get("policies", []):
        if since <= time.time():
            current = policy
    return current


def role_may(role_arn, action, resource):
    """Whether a function's execution role may do this, by its own policies."""
    if ":role/" not in role_arn or role_arn.split(":")[4] != get_account_id():
        return False
    name = role_arn.rsplit("/", 1)[-1]
    session = f"arn:aws:sts::{get_account_id()}:assumed-role/{name}/lambda"
    policies = evaluator._gather_role_policies(name, get_account_id())
    return evaluator.evaluate(_context(session, action, resource, None), policies).decision == "Allow"


def _role_decision(session, action, resource, policy, required=False, **more):
    """What the role's policies, its boundary and the resource's policy amount to. `required`: that policy has to allow it too."""
    account, name = session.split(":")[4], session.split("/")[1]
    context = _context(session, action, resource, None, account=account, **more)
    limits = evaluator._permissions_boundary(iam._roles, name, account)
    own = evaluator.evaluate(context, evaluator._gather_role_policies(name, account), *limits)
    return evaluator.combine_resource_policy(own, context, as_policy(policy) or {}, account, required, tuple(limits)).decision


def check_role(role_arn, action, resource, source, policy=None, **more):
    """`source` counts for the assumption of the role only: the role's own calls do not carry it. `policy` is the resource's."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get_scoped(account, None, name)
    if role is None or account not in (get_account_id(), _CREATOR.get()):
        raise _denied(f"Role {role_arn} does not exist in account {get_account_id()}.")
    trust = as_policy(role.get("AssumeRolePolicyDocument")) or {}
    trust = {**trust, "Statement": [{**s, "Resource": "*"} for s in _statements(trust)]}
    if not allows(trust, "sts:AssumeRole", "*", source):
        raise _denied(f"{SERVICE} may not assume {role_arn} for {source}.")
    session = f"arn:aws:sts::{account}:assumed-role/{name}/events"
    if _role_decision(session, action, resource, policy, **more) != "Allow":
        raise _denied(f"{role_arn} is not allowed {action} on {resource}.")
    return session


def _policy_of(arn, service):
    if service == "sqs":
        queue = sqs._queue_by_arn(arn)
        return queue and queue_policy(queue)
    if service == "sns":
        topic = sns._topic_by_arn_any_scope(arn)
        return topic and topic["attributes"].get("Policy")
    return permissions.policy_now(arn)


def _check_stream_key(arn, service, session):
    """Kinesis calls KMS for the role, in the stream's encryption context; Firehose has a grant of its own. Either key has to be enabled."""
    name = arn.rsplit("/", 1)[-1]
    stream = (kinesis if service == "kinesis" else firehose)._streams.get(name) or {}
    key_name = stream.get("KeyId") if service == "kinesis" else (stream.get("encryption") or {}).get("KeyARN")
    if not key_name or key_name.startswith("alias/aws/"):
        return
    key = kms._resolve_key(key_name)
    if key is None or key.get("KeyState", "Enabled") != "Enabled":
        raise _denied(f"The key {key_name} is not there or not enabled.")
    known = {"kms:encryptioncontext:aws:kinesis:arn": arn, "kms:viaservice": f"kinesis.{get_region()}.amazonaws.com"}
    if service == "kinesis" and _role_decision(session, "kms:GenerateDataKey", key["Arn"], key.get("Policy"), required=True, **known) != "Allow":
        raise _denied(f"{session} is not allowed kms:GenerateDataKey on key {key_name}.")


def check_key(name, session=None):
    """A customer's key has to let EventBridge, or the role, use it; AWS's own let roles only."""
    if not name:
        return
    if name.startswith("alias/aws/"):
        if session:
            return
        raise _denied(f"{SERVICE} may not use the key {name}, which AWS keeps.")
    key = kms._resolve_key(name)
    if key is None or key.get("KeyState", "Enabled") != "Enabled":
        raise _denied(f"The key {name} is not there or not enabled.")
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        if session and _role_decision(session, action, key["Arn"], key.get("Policy"), required=True) != "Allow":
            raise _denied(f"{session} is not allowed {action} on key {name}.")
        if not session and not allows(key.get("Policy"), action, key["Arn"], None):
            raise _denied(f"The policy of key {name} does not allow {SERVICE} {action}.")


def _key_of(arn, service):
    if service == "sqs":
        queue = sqs._queue_by_arn(arn)
        return queue and queue["attributes"].get("KmsMasterKeyId")
    if service == "sns":
        topic = sns._topic_by_arn_any_scope(arn)
        return topic and topic["attributes"].get("KmsMasterKeyId")
    return None


def check(target, spec, source, creator=None):
    """Raise Undeliverable unless the rule `source`, which the account `creator` made, may reach the target."""
    _CREATOR.set(creator)
    arn, role, service = target["Arn"], target.get("RoleArn"), spec.service
    action = ACTIONS.get(service)
    if service == "events":
        action = "events:InvokeApiDestination" if spec.resource.startswith("api-destination/") else "events:PutEvents"
    if service == "logs":
        return check_logs(arn.removesuffix(":*") + ":*", source)
    if action is None:
        raise _denied(f"Nothing is known here about permissions of {service}.")
    away = spec.account_id != get_account_id()
    if spec.region != get_region() and service != "events":
        raise Undeliverable("NO_RESOURCE", f"{arn} is in another Region.")
    session = CHECKS.get(service, _check_target)(role, action, target, source) if role else None
    if service in BY_POLICY and (away or not role):
        # A topic policy with conditions never matches for EventBridge: it is called without source keys.
        told = None if service == "sns" else source
        if not allows(_policy_of(arn, service), action, arn, told, principal=session or "aws-service"):
            raise _denied(f"The resource policy of {arn} does not allow {session or SERVICE} {action} for {source}.")
    elif not role:
        raise _denied(f"Target {arn} needs a RoleArn.")
    check_key(_key_of(arn, service), session)
    if service in ("kinesis", "firehose"):
        _check_stream_key(arn, service, session)
    return session


def _check_target(role, action, target, source):
    service = target["Arn"].split(":")[2]
    return check_role(role, action, target["Arn"], source, _policy_of(target["Arn"], service) if service in BY_POLICY else None)


def _check_task(role, action, target, source):
    """ecs:RunTask is granted on the task definition, narrowed to the cluster by a condition."""
    definition = (target.get("EcsParameters") or {}).get("TaskDefinitionArn") or ""
    given = target.get("EcsParameters") or {}
    if given.get("Tags") or given.get("PropagateTags"):
        check_role(role, "ecs:TagResource", target["Arn"].replace(":cluster/", ":task/") + "/0123", source, **{"ecs:createaction": "RunTask"})
    return check_role(role, action, definition, source, **{"ecs:cluster": target["Arn"]})


def _check_job(role, action, target, source):
    """batch:SubmitJob is granted on the job queue and on the job definition."""
    check_role(role, action, (target.get("BatchParameters") or {}).get("JobDefinition") or "", source)
    return check_role(role, action, target["Arn"], source)


def _check_sql(role, action, target, source):
    """Running the SQL is granted on the cluster or workgroup; so are the ways to authenticate, each on its own resource."""
    arn, given = target["Arn"], target.get("RedshiftDataParameters") or {}
    if given.get("SecretManagerArn"):
        check_role(role, "secretsmanager:GetSecretValue", given["SecretManagerArn"], source)
    elif ":workgroup/" in arn:
        check_role(role, "redshift-serverless:GetCredentials", arn, source)
    else:
        for kind, name in (("dbuser", given.get("DbUser") or ""), ("dbname", given["Database"])):
            check_role(role, "redshift:GetClusterCredentials", f"{arn.replace(':cluster:', f':{kind}:')}/{name}", source)
    return check_role(role, "redshift-data:BatchExecuteStatement" if given.get("Sqls") else action, arn, source)


def _check_mutation(role, action, target, source):
    """appsync:GraphQL is granted on each field of the mutation, by the ARN of the API; the target has that of its endpoint."""
    import declared
    from targets import mutation_fields
    api, session = declared.need(target["Arn"], "GraphQL API")["apiArn"], None
    for field in mutation_fields(target, lambda message: Undeliverable("INVALID_PARAMETER", message)):
        session = check_role(role, action, f"{api}/types/Mutation/fields/{field}", source)
    return session


def _check_command(role, action, target, source):
    """ssm:SendCommand is granted on the document and on each instance, which IAM knows by its tags."""
    import declared
    session = check_role(role, action, target["Arn"], source)
    for instance in declared.instances(target["RunCommandParameters"]["RunCommandTargets"][0]):
        tags = {f"ssm:resourcetag/{key.lower()}": value for key, value in instance.get("tags", {}).items()}
        check_role(role, action, instance["arn"], source, **tags)
    return session


CHECKS = {"ssm": _check_command, "appsync": _check_mutation, "ecs": _check_task, "batch": _check_job, "redshift": _check_sql, "redshift-serverless": _check_sql}


def check_bus(arn, bus, session, owner_scope):
    """The receiving bus of another account must name the sender in its policy."""
    policy = eb._event_bus_policies.get_scoped(*owner_scope, bus)
    if not allows(policy, "events:PutEvents", arn, None, principal=session):
        raise _denied(f"The policy of bus {arn} does not allow {session}.")


def check_logs(arn, source, service=SERVICE):
    """All policies together, so that a Deny in one wins over an Allow in another."""
    documents = map(as_policy, logpolicies.documents_now(arn.split(":log-group:")[1].split(":")[0]))
    together = {"Version": "2012-10-17", "Statement": [s for d in documents if d for s in _statements(d)]}
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        if not allows(together, action, arn, source, service=service):
            raise _denied(f"No log resource policy allows {service} {action} on {arn}.")
