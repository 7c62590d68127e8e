"""Journal proxy, part 1b: Lambda's REST calls by name. A table of paths, read both ways: by the proxy, and by the client in aws.py."""
import json
import re
import urllib.parse

_FUNCTION = "functions/{FunctionName}"
_POLICY, _ALIASES, _INVOKE = f"2015-03-31/{_FUNCTION}/policy", f"2015-03-31/{_FUNCTION}/aliases", f"2019-09-25/{_FUNCTION}/event-invoke-config"
_MAPPINGS, _TAGS, _PAGES = "2015-03-31/event-source-mappings", "2017-03-31/tags/{Resource}", ("Marker", "MaxItems")
# operation: method, path, and the parameters that stand in the query; all others are the JSON body.
OPERATIONS = {
    "AddPermission": ("POST", _POLICY, ("Qualifier",)),
    "GetPolicy": ("GET", _POLICY, ("Qualifier",)),
    "RemovePermission": ("DELETE", _POLICY + "/{StatementId}", ("Qualifier", "RevisionId")),
    "CreateFunction": ("POST", "2015-03-31/functions", ()),
    "ListFunctions": ("GET", "2015-03-31/functions", ("MasterRegion", "FunctionVersion", *_PAGES)),
    "GetFunction": ("GET", f"2015-03-31/{_FUNCTION}", ("Qualifier",)),
    "DeleteFunction": ("DELETE", f"2015-03-31/{_FUNCTION}", ("Qualifier",)),
    "GetFunctionConfiguration": ("GET", f"2015-03-31/{_FUNCTION}/configuration", ("Qualifier",)),
    "UpdateFunctionConfiguration": ("PUT", f"2015-03-31/{_FUNCTION}/configuration", ()),
    "UpdateFunctionCode": ("PUT", f"2015-03-31/{_FUNCTION}/code", ()),
    "Invoke": ("POST", f"2015-03-31/{_FUNCTION}/invocations", ("Qualifier",)),
    "PublishVersion": ("POST", f"2015-03-31/{_FUNCTION}/versions", ()),
    "ListVersionsByFunction": ("GET", f"2015-03-31/{_FUNCTION}/versions", _PAGES),
    "CreateAlias": ("POST", _ALIASES, ()),
    "ListAliases": ("GET", _ALIASES, ("FunctionVersion", *_PAGES)),
    "GetAlias": ("GET", _ALIASES + "/{Name}", ()),
    "UpdateAlias": ("PUT", _ALIASES + "/{Name}", ()),
    "DeleteAlias": ("DELETE", _ALIASES + "/{Name}", ()),
    "PutFunctionEventInvokeConfig": ("PUT", _INVOKE, ("Qualifier",)),
    "UpdateFunctionEventInvokeConfig": ("POST", _INVOKE, ("Qualifier",)),
    "GetFunctionEventInvokeConfig": ("GET", _INVOKE, ("Qualifier",)),
    "DeleteFunctionEventInvokeConfig": ("DELETE", _INVOKE, ("Qualifier",)),
    "ListFunctionEventInvokeConfigs": ("GET", _INVOKE + "/list", _PAGES),
    "CreateEventSourceMapping": ("POST", _MAPPINGS, ()),
    "ListEventSourceMappings": ("GET", _MAPPINGS, ("EventSourceArn", "FunctionName", *_PAGES)),
    "GetEventSourceMapping": ("GET", _MAPPINGS + "/{UUID}", ()),
    "UpdateEventSourceMapping": ("PUT", _MAPPINGS + "/{UUID}", ()),
    "DeleteEventSourceMapping": ("DELETE", _MAPPINGS + "/{UUID}", ()),
    "TagResource": ("POST", _TAGS, ()),
    "UntagResource": ("DELETE", _TAGS, ("TagKeys",)),
    "ListTags": ("GET", _TAGS, ()),
    "PutFunctionConcurrency": ("PUT", f"2017-10-31/{_FUNCTION}/concurrency", ()),
    "DeleteFunctionConcurrency": ("DELETE", f"2017-10-31/{_FUNCTION}/concurrency", ()),
    "GetFunctionConcurrency": ("GET", f"2019-09-30/{_FUNCTION}/concurrency", ()),
    "GetAccountSettings": ("GET", "2016-08-19/account-settings", ()),
}
_WIRE = {"TagKeys": "tagKeys"}      # the one name that the query spells in its own way
_NAMES = {wire: name for name, wire in _WIRE.items()}
_LISTS = {"TagKeys"}


def _pattern(path):
    """The version of the API is not looked at: SDKs differ in it. Names come percent-encoded, so no slash stands in them."""
    return re.compile(r"/\d{4}-\d\d-\d\d/" + re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path.partition("/")[2]) + "/?")


_PATTERNS = [(method, _pattern(path), name) for name, (method, path, _) in OPERATIONS.items()]


def recognise(method, target, body):
    """(operation, parameters) of a request, or None. `body` is parsed JSON; what path and query say is merged into it."""
    path, _, query = target.partition("?")
    for verb, pattern, name in _PATTERNS:
        found = verb == method and pattern.fullmatch(path)
        if found:
            told = {k: urllib.parse.unquote(v) for k, v in found.groupdict().items()}
            for key, values in urllib.parse.parse_qs(query, keep_blank_values=True).items():
                key = _NAMES.get(key, key)
                told[key] = values if key in _LISTS else values[-1]
            if name == "Invoke":            # its body is the function's, not Lambda's
                return name, {**told, "Payload": body}
            return name, {**(body if isinstance(body, dict) else {}), **told}
    return None


def request(operation, parameters):
    """(method, target, body) of a call: what the client sends."""
    method, path, in_query = OPERATIONS[operation]
    left = dict(parameters)
    quoted = re.sub(r"{(\w+)}", lambda name: urllib.parse.quote(str(left.pop(name[1])), safe=""), path)
    query = urllib.parse.urlencode([(_WIRE.get(k, k), v) for k in in_query if k in left for v in _many(left.pop(k))])
    if operation == "Invoke":
        left = left.get("Payload", {})
    return method, f"/{quoted}" + (f"?{query}" if query else ""), json.dumps(left).encode() if method in ("POST", "PUT") else b""


def _many(value):
    return value if isinstance(value, list) else [value]


def with_query(target, **more):
    """The same target with some query parameters replaced."""
    path, _, query = target.partition("?")
    kept = [(k, v) for k, v in urllib.parse.parse_qsl(query, keep_blank_values=True) if k not in more]
    return f"{path}?{urllib.parse.urlencode(kept + list(more.items()))}"
