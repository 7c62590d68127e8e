"""Strict stand-in: Lambda's way to answer and to name things. The parts: permissions.py, invokes.py, mappings.py; functions are MiniStack's."""
import functools
import json
import re

from ministack.services import lambda_svc as ls

from answers import Refused

# Exceptions whose text the API model calls Message; in all others it is message.
CAPITAL = {"ResourceNotFoundException", "ResourceInUseException", "ServiceException"}
_handle, _get_function, _get_configuration = ls.handle_request, ls._get_function, ls._get_function_config
_get_alias, _delete_alias, _delete_function = ls._get_alias, ls._delete_alias, ls._delete_function


def arn_of(name, qualifier=None):
    return name if name.startswith("arn:") else ls._func_arn(name) + (f":{qualifier}" if qualifier else "")


def missing(text):
    return Refused("ResourceNotFoundException", text, 404)


def wrong_value(text):
    return Refused("InvalidParameterValueException", text)


def answer(status, value):
    return status, {"Content-Type": "application/json"}, json.dumps(value, separators=(",", ":")).encode() if value is not None else b""


def error(code, text, status):
    body = {"Type": "User", "Message" if code in CAPITAL else "message": text}
    return status, {"Content-Type": "application/json", "x-amzn-errortype": code}, json.dumps(body).encode()


def handler(status):
    """A handler returns its answer as a dict, or None for an empty one, or raises Refused."""
    def wrap(function):
        @functools.wraps(function)
        def run(*arguments, **options):
            try:
                return answer(status, function(*arguments, **options))
            except Refused as no:
                return error(no.code, no.message, no.status)
        return run
    return wrap


def qualifier_of(path_qualifier, query):
    """From the name or from the query, which must not disagree."""
    asked = ls._qp_first(query or {}, "Qualifier") or None
    if path_qualifier and asked and path_qualifier != asked:
        raise wrong_value("The derived qualifier from the function name does not match the specified qualifier.")
    return path_qualifier or asked


def exists(name, qualifier):
    return ls._function_qualifier_exists(ls._functions.get(name), qualifier)


def need(name, qualifier=None):
    """The record of a function that has this version or alias (L8, L16)."""
    func = ls._functions.get(name)
    if func is None or (not exists(name, qualifier) and qualifier.isdigit()):
        raise missing(f"Function not found: {arn_of(name, qualifier)}")
    if not exists(name, qualifier):
        raise missing(f"Cannot find alias arn: {arn_of(name, qualifier)}")
    return func


def by_arn(arn):
    """(record, qualifier) of a function of any account and Region, or (None, qualifier)."""
    spec = ls.parse_arn(arn)
    name, qualifier = ls._lambda_function_name_and_qualifier_from_arn(arn)
    func = ls._functions.get_scoped(spec.account_id, spec.region, name)
    return (func if ls._function_qualifier_exists(func, qualifier) else None), qualifier


def _checked(inner):
    @handler(200)
    def check(name, qualifier=None, *_):
        need(name, qualifier)

    def run(name, qualifier=None, *more):
        refusal = check(name, qualifier)
        return inner(name, qualifier, *more) if refusal[0] == 200 else refusal
    return run


@handler(200)
def get_alias(name, alias):
    if alias not in need(name)["aliases"]:
        raise missing(f"Cannot find alias arn: {arn_of(name, alias)}")
    return json.loads(_get_alias(name, alias)[2])


def delete_alias(name, alias):
    """What hangs on the alias goes with it."""
    done = _delete_alias(name, alias)
    if done[0] == 204:
        for store in ("policies", "event_invoke_configs"):
            ls._functions[name].get(store, {}).pop(alias, None)
    return done


def delete_function(name, query, path_qualifier=None):
    """Of a version, its policy goes too; of a function all goes by itself, but not its event source mappings."""
    done, version = _delete_function(name, query, path_qualifier), ls._qualifier_from_path_or_query(path_qualifier, query)
    if done[0] == 204 and version:
        for store in ("policies", "event_invoke_configs"):
            (ls._functions.get(name) or {}).get(store, {}).pop(version, None)
    return done


async def handle_request(method, path, headers, body, query):
    """MiniStack has no UpdateFunctionEventInvokeConfig, and its errors are not in Lambda's shape."""
    import invokes
    found = method == "POST" and re.fullmatch(r"/[\d-]+/functions/([^/]+)/event-invoke-config/?", ls.unquote(path))
    if found:
        name, qualifier = ls._resolve_request_scoped_name_and_qualifier(found[1])
        try:
            return invokes.update(name, ls._qualifier_from_path_or_query(qualifier, query), json.loads(body or b"{}"))
        except ValueError:
            return error("InvalidRequestContentException", "Could not parse request body into json.", 400)
    status, extra, text = await _handle(method, path, headers, body, query)
    if status >= 400 and b"__type" in text:
        told = json.loads(text)
        return error(told["__type"], told.get("message") or "", status)
    return status, extra, text


HANDLERS = {"_get_function": _checked(_get_function), "_get_function_config": _checked(_get_configuration), "_get_alias": get_alias,
            "_delete_alias": delete_alias, "_delete_function": delete_function}
