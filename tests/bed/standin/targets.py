"""Strict stand-in: the targets of a rule. Existence of what a target names is not checked, as in AWS (D14)."""
import graphql
from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge as eb

import settings
import shared
import transform
from answers import TOO_MANY, Constraints, Refused, handler, invalid, page
from rules import changeable, need as need_rule

ID = r"[\.\-_A-Za-z0-9]+"
# Services that EventBridge can reach through a role only.
ROLE_ONLY = {"states", "kinesis", "firehose", "ecs", "batch", "codepipeline", "codebuild", "redshift", "redshift-serverless", "sagemaker", "execute-api", "appsync", "ssm"}
# Services whose targets say nothing without their parameters.
REQUIRED = {"ssm": "RunCommandParameters", "appsync": "AppSyncParameters", "redshift": "RedshiftDataParameters", "redshift-serverless": "RedshiftDataParameters"}


def _constraints(targets):
    wrong = Constraints()
    if not targets:
        wrong.add("[]", "targets", "Member must have length greater than or equal to 1")
    for i, target in enumerate(targets, 1):
        at = f"targets.{i}.member"
        wrong.text(target.get("Id") or "", f"{at}.id", pattern=ID, longest=64)                  # E9, E10
        wrong.text(target.get("Arn") or "", f"{at}.arn", shortest=1, longest=1600)
        wrong.text(target.get("Input") or "", f"{at}.input", longest=8192)
        wrong.text(target.get("InputPath") or "", f"{at}.inputPath", longest=256)
        wrong.text((target.get("InputTransformer") or {}).get("InputTemplate") or "", f"{at}.inputTransformer.inputTemplate", longest=8192)
        retry = target.get("RetryPolicy") or {}
        wrong.number(retry.get("MaximumRetryAttempts"), f"{at}.retryPolicy.maximumRetryAttempts", 0, 185)
        wrong.number(retry.get("MaximumEventAgeInSeconds"), f"{at}.retryPolicy.maximumEventAgeInSeconds", 60, 86400)
        if "BatchParameters" in target:                                                         # PM12
            _batch(wrong, target["BatchParameters"], f"{at}.batchParameters")
    wrong.check()


def _batch(wrong, given, at):
    wrong.text(given.get("JobDefinition") or "", f"{at}.jobDefinition", shortest=1)
    wrong.text(given.get("JobName") or "", f"{at}.jobName", shortest=1)
    wrong.number((given.get("ArrayProperties") or {}).get("Size"), f"{at}.arrayProperties.size", 2, 10000)
    wrong.number((given.get("RetryStrategy") or {}).get("Attempts"), f"{at}.retryStrategy.attempts", 1, 10)


def _input_ok(target):
    name = target["Id"]
    if sum(k in target for k in ("Input", "InputPath", "InputTransformer")) > 1:                # E11
        raise invalid(f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}.")
    try:
        transform.check(target)
    except transform.Refused as no:
        raise invalid(str(no).replace("{}", name, 1)) from None


def mutation_fields(target, refuse):
    """The fields of the mutation, at its top; `refuse` makes the error of an operation that is none."""
    text = (target.get("AppSyncParameters") or {}).get("GraphQLOperation") or ""
    try:
        found = [d for d in graphql.parse(text).definitions if isinstance(d, graphql.OperationDefinitionNode)]
    except graphql.GraphQLError as error:
        raise refuse(f"GraphQLOperation of target {target['Id']} is not valid: {error.message}") from None
    if [d.operation.value for d in found] != ["mutation"]:
        raise refuse(f"GraphQLOperation of target {target['Id']} must be a mutation.")
    return [field.name.value for field in found[0].selection_set.selections if isinstance(field, graphql.FieldNode)]


def _arn_ok(target):
    name, arn, role = target["Id"], target["Arn"], target.get("RoleArn")
    try:
        spec = parse_arn(arn)
    except ArnParseError:
        raise invalid(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.") from None
    if spec.service not in eb._SUPPORTED_TARGET_SERVICES:
        raise invalid(f"{spec.service} is not a supported service for a target.")
    away = (spec.account_id, spec.region) != (get_account_id(), get_region())
    if not role and (spec.service in ROLE_ONLY or spec.resource.startswith("api-destination/") or (spec.service == "events" and away)):
        raise invalid(f"RoleArn is required for target {arn}.")
    if role and spec.service == "logs":
        raise invalid(f"RoleArn is not supported for target {arn}.")
    if spec.service == "sqs" and spec.resource.endswith(".fifo") and not (target.get("SqsParameters") or {}).get("MessageGroupId"):
        raise invalid(f"Parameter(s) SqsParameters must be specified for target: {name}.")
    if spec.service == "events" and away and any(k in target for k in ("Input", "InputPath", "InputTransformer")):
        raise invalid(f"Input transformation is not supported for target {name}.")
    for service, parameters in REQUIRED.items():
        if spec.service == service and parameters not in target:
            raise invalid(f"Parameter(s) {parameters} must be specified for target: {name}.")
    sql = target.get("RedshiftDataParameters")
    if sql is not None and (bool(sql.get("Sql")) == bool(sql.get("Sqls")) or (sql.get("DbUser") and sql.get("SecretManagerArn"))):
        raise invalid(f"RedshiftDataParameters of target {name} must have one of Sql and Sqls, and at most one of DbUser and SecretManagerArn.")
    task = target.get("EcsParameters") or {}
    if task.get("LaunchType") and task.get("CapacityProviderStrategy"):
        raise invalid(f"EcsParameters of target {name} must not have both LaunchType and CapacityProviderStrategy.")
    blocks = (target.get("RunCommandParameters") or {}).get("RunCommandTargets") or []
    if len(blocks) > 1 or any(block["Key"] != "InstanceIds" and not block["Key"].startswith("tag:") for block in blocks):
        raise invalid(f"RunCommandTargets of target {name} must have one block, of InstanceIds or of a tag.")
    if spec.service == "appsync":
        mutation_fields(target, invalid)
    dead = (target.get("DeadLetterConfig") or {}).get("Arn")
    if dead and (dead.split(":")[2:4] != ["sqs", get_region()] or dead.endswith(".fifo")):
        raise invalid(f"Parameter DeadLetterConfig.Arn is not valid for target {name}. Reason: {dead} is not a standard SQS queue in this Region.")


@handler
def put(data):
    targets = data.get("Targets") or []
    _constraints(targets)
    rule = changeable(need_rule(data, "Rule"))
    key = eb._rule_key(rule["Name"], rule["EventBusName"])
    have = {t["Id"]: t for t in eb._targets.get(key) or []}
    if len(have.keys() | {t["Id"] for t in targets}) > settings.get("maxTargets"):
        raise Refused("LimitExceededException", TOO_MANY)                                       # E8
    shared.check_targets(targets)
    for target in targets:
        _arn_ok(target)
        _input_ok(target)
    for target in targets:
        have[target["Id"]] = target                                                             # I2: replaced whole
    eb._targets[key] = list(have.values())
    return {"FailedEntries": [], "FailedEntryCount": 0}                                         # S7


@handler
def remove(data):
    rule = changeable(need_rule(data, "Rule"))
    key = eb._rule_key(rule["Name"], rule["EventBusName"])
    have = {t["Id"]: t for t in eb._targets.get(key) or []}
    failed = [{"TargetId": i, "ErrorCode": "ResourceNotFoundException", "ErrorMessage": f"Target {i} does not exist."}
              for i in data.get("Ids") or [] if have.pop(i, None) is None]
    eb._targets[key] = list(have.values())
    return {"FailedEntries": failed, "FailedEntryCount": len(failed)}


@handler
def list_by_rule(data):
    rule = need_rule(data, "Rule")
    return page(eb._targets.get(eb._rule_key(rule["Name"], rule["EventBusName"])) or [], "Targets", data)   # S8


HANDLERS = {"_put_targets": shared.across("PutTargets", put, "Rule"), "_remove_targets": shared.across("RemoveTargets", remove, "Rule"),
            "_list_targets_by_rule": shared.across("ListTargetsByRule", list_by_rule, "Rule")}
