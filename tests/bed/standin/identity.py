"""Strict stand-in: who calls. Unknown keys are refused, and AssumeRole asks the role's trust policy."""
import re
import time
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.core.router import extract_access_key_id
from ministack.services import iam, sts

from answers import as_policy

_handle = sts.handle_request


def credential_problem(headers, query):
    """(status, code, text) when AWS would not know the key: it is no account id, no live session, no IAM user's key."""
    key = extract_access_key_id(headers, query)
    if not key or re.fullmatch(r"\d{12}", key):
        return None
    session = sts._sessions.get(key)
    service = _service(headers)
    old = service in ("sts", "iam", "sns") or ("x-amz-target" not in headers and service != "lambda")
    status = 403 if service == "lambda" else 400
    if session and time.time() > session.get("Expiration", float("inf")):
        return (403, "ExpiredToken", "The security token included in the request is expired") if old else \
            (status, "ExpiredTokenException", "The security token included in the request is expired")
    if session:
        token = headers.get("x-amz-security-token")
        if token == session.get("SessionToken"):
            return None
    elif evaluator.find_iam_access_key_account(key):
        return None
    text = "The security token included in the request is invalid."
    return (403, "InvalidClientTokenId", text) if old or service == "sqs" else (status, "UnrecognizedClientException", text)


def in_own_account(scope, headers):
    """The request of an IAM user, made in the user's account: MiniStack knows the account of a key only if it is a number or a session."""
    key = extract_access_key_id(headers, {}) or ""
    account = None if re.fullmatch(r"\d{12}", key) or key in sts._sessions else evaluator.find_iam_access_key_account(key) if key else None
    if not account:
        return scope
    raw = [(name, value.replace(f"Credential={key}/".encode(), f"Credential={account}/".encode()) if name.lower() == b"authorization" else value)
           for name, value in scope["headers"]]
    return {**scope, "headers": raw}


def _service(headers):
    return (re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", headers.get("authorization", "")) or [None, ""])[1]


def problem_answer(headers, problem):
    status, code, text = problem
    if "x-amz-target" in headers or _service(headers) == "lambda":
        return error_response_json(code, text, status)
    return iam._error(status, code, text, ns="sts")


def _who(headers, query):
    known = evaluator.resolve_caller_identity(extract_access_key_id(headers, query) or "")
    return known["userArn"] if known else f"arn:aws:iam::{get_account_id()}:root"


def _trusts(role, caller, parameters):
    document = as_policy(role.get("AssumeRolePolicyDocument")) or {}
    statements = document.get("Statement") or []
    kept = []
    for statement in statements if isinstance(statements, list) else [statements]:
        who = statement.get("Principal")
        if isinstance(who, dict):       # MiniStack lets account roots pass for services
            statement = {**statement, "Principal": {k: v for k, v in who.items() if k == "AWS"}}
        kept.append(statement)
    # Absent parameters are absent keys: a trust that asks for an external id then refuses.
    known = {"sts:externalid": parameters.get("ExternalId"), "sts:rolesessionname": parameters.get("RoleSessionName")}
    context = evaluator.EvalContext(
        principal_arn=caller, principal_type="AssumedRole" if ":assumed-role/" in caller else "Root", principal_account=caller.split(":")[4],
        action="sts:AssumeRole", resource_arn=role["Arn"], region=get_region(), service_context={k: v for k, v in known.items() if v is not None})
    return evaluator.evaluate_trust_policy({**document, "Statement": kept}, caller, context)


def _assume_problem(parameters, caller):
    arn, session = parameters.get("RoleArn", ""), parameters.get("RoleSessionName", "")
    named = re.fullmatch(r"arn:aws[a-z-]*:iam::(\d{12}):role/(?:[\w+=,.@-]+/)*([\w+=,.@-]+)", arn)
    if not named:
        return 400, "ValidationError", f"{arn} is invalid"                                      # M11
    if not re.fullmatch(r"[\w+=,.@-]*", session):
        return 400, "ValidationError", (f"1 validation error detected: Value '{session}' at 'roleSessionName' failed to satisfy constraint: "
                                        r"Member must satisfy regular expression pattern: [\w+=,.@-]*")
    if not 2 <= len(session) <= 64:
        return 400, "ValidationError", f"1 validation error detected: Value '{session}' at 'roleSessionName' failed to satisfy constraint: Member must have length between 2 and 64"
    role = iam._roles.get_scoped(named[1], None, named[2])
    if role is None or not _trusts(role, caller, parameters):       # AWS does not tell which
        return 403, "AccessDenied", f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}"
    return None


async def handle_request(method, path, headers, body, query):
    form = {k: v[-1] for k, v in {**query, **(parse_qs(body.decode("utf-8", "replace")) if body else {})}.items()}
    if form.get("Action") == "AssumeRole":
        problem = _assume_problem(form, _who(headers, query))
        if problem:
            status, code, text = problem
            return iam._error(status, code, escape(text), ns="sts")
    return await _handle(method, path, headers, body, query)
