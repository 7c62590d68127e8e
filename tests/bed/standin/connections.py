"""Strict stand-in: connections and API destinations, and the HTTP requests that deliver to them.

Nothing leaves this machine: an https:// host is a name that a test has told us of (POST /_emu/hosts), and stands for a plain HTTP server of the
test's on loopback. A host that nobody told of cannot be reached. Facts (docs/aws-facts.md): E28 to E33, S17 to S23.
"""
import json
import time
import urllib.parse
import uuid

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge as eb

import settings
from answers import Constraints, Refused, handler, invalid, not_found, page, present
from archives import key_ok
from grants import Undeliverable

NAME = r"[\.\-_A-Za-z0-9]+"
KINDS = ["BASIC", "OAUTH_CLIENT_CREDENTIALS", "API_KEY"]
METHODS = ["HEAD", "POST", "PATCH", "DELETE", "PUT", "GET", "OPTIONS"]
CONNECTION = r"^arn:aws([a-z]|\-)*:events:([a-z]|\d|\-)*:([0-9]{12})?:connection\/[\.\-_A-Za-z0-9]+\/[\-A-Za-z0-9]+$"
LISTS = ("HeaderParameters", "QueryStringParameters", "BodyParameters")
PARTS = {"BASIC": ("BasicAuthParameters", ("Username", "Password")), "API_KEY": ("ApiKeyAuthParameters", ("ApiKeyName", "ApiKeyValue")),
         "OAUTH_CLIENT_CREDENTIALS": ("OAuthParameters", ("AuthorizationEndpoint", "HttpMethod", "ClientParameters"))}
HOSTS = {}
_open = eb._http_open


def tell_host(wish):
    """{"host", "port"}: https://host stands for http://127.0.0.1:port from now on."""
    host, port = wish["host"], wish["port"]
    if not isinstance(port, int):
        raise ValueError("port must be a number")
    HOSTS[host] = port
    return {"host": host, "port": port}


def open_mapped(request, timeout=5):
    url = urllib.parse.urlsplit(request.full_url)
    if url.scheme != "https" or url.hostname not in HOSTS:
        raise OSError(f"{url.hostname} cannot be reached from here")
    request.add_unredirected_header("Host", url.netloc)
    request.full_url = urllib.parse.urlunsplit(("http", f"127.0.0.1:{HOSTS[url.hostname]}", url.path, url.query, ""))
    return _open(request, timeout)


def _arn(kind, name):
    return f"arn:aws:events:{get_region()}:{get_account_id()}:{kind}/{name}/{uuid.uuid4()}"


def _endpoint_ok(url, where):
    """https only, as the user guide says; the text is a guess."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or len(url) > 2048 or any(c.isspace() for c in url):
        raise invalid(f"Parameter {where} is not valid. Reason: Must be a valid HTTPS endpoint.")


def _http_ok(http, where):
    wrong = Constraints()
    for key in LISTS:
        given = (http or {}).get(key) or []
        if len(given) > 100:
            wrong.add(f"{len(given)} members", f"{where}.{key}", "Member must have length less than or equal to 100")
        for item in given:
            if not item.get("Key"):
                wrong.add(item.get("Key"), f"{where}.{key}.key", "Member must not be null")
            wrong.text(item.get("Value") or "", f"{where}.{key}.value", longest=512)
            if item.get("IsValueSecret") and not item.get("Value"):
                wrong.add("", f"{where}.{key}.value", "Member must not be null")
    wrong.check()


def _checked(kind, parameters, whole):
    """What AWS checks of AuthParameters; `whole`: everything has to be there."""
    part, needed = PARTS[kind]
    given = (parameters or {}).get(part)
    if not given and whole:
        raise invalid(f"Parameter AuthParameters is not valid. Reason: {part} must be provided for authorization type {kind}.")
    others = [other for k, (other, _) in PARTS.items() if k != kind and (parameters or {}).get(other)]
    if others:
        raise invalid(f"Parameter AuthParameters is not valid. Reason: {others[0]} does not fit authorization type {kind}.")
    wrong = Constraints()
    for field in needed if given and whole else ():
        if not given.get(field):
            wrong.add("null", f"authParameters.{part}.{field}", "Member must not be null")
    client = (given or {}).get("ClientParameters") or {}
    for field in ("ClientID", "ClientSecret") if kind.startswith("OAUTH") and whole else ():
        if not client.get(field):
            wrong.add("null", f"authParameters.{part}.clientParameters.{field}", "Member must not be null")
    for field, value in {**(given or {}), **client}.items():
        if isinstance(value, str) and field != "AuthorizationEndpoint":
            wrong.text(value, f"authParameters.{part}.{field}", pattern=r"[^\x00-\x1F\x7F]+", longest=512)
    wrong.enum((given or {}).get("HttpMethod"), "httpMethod", ["POST", "GET", "PUT"])
    wrong.check()
    if (given or {}).get("AuthorizationEndpoint"):
        _endpoint_ok(given["AuthorizationEndpoint"], "AuthorizationEndpoint")
    _http_ok((given or {}).get("OAuthHttpParameters"), "oAuthHttpParameters")
    _http_ok((parameters or {}).get("InvocationHttpParameters"), "invocationHttpParameters")


def _names(data, kind=None):
    wrong = Constraints()
    wrong.text(data.get("Name") or "", "name", pattern=NAME, longest=64)                        # E31, E32
    wrong.text(data.get("Description") or "", "description", longest=512)
    if kind:
        wrong.enum(data.get("AuthorizationType"), "authorizationType", KINDS)                   # E30
    return wrong


def _need(name):
    record = _connection(name)
    if record is None:
        raise not_found(f"Failed to describe the connection(s). Connection '{name}' does not exist.")          # E28
    return record


def _connection(name):
    record = eb._connections.get(name)
    if record and record["ConnectionState"] == "DELETING" and record["gone_at"] <= time.time():
        eb._connections.pop(name)
        return None
    if record and record["ConnectionState"] == "AUTHORIZING" and record["settles_at"] <= time.time() and not record["asked"]:
        _authorize(record)
    if record and record["ConnectionState"] in ("CREATING", "UPDATING") and record["settles_at"] <= time.time():
        _connect(record)
    return record


def _connect(record):
    """A private endpoint: the resource configuration is associated first (setting privateEndpointFails)."""
    if settings.get("privateEndpointFails"):
        record.update(ConnectionState="FAILED_CONNECTIVITY", StateReason="The resource configuration is not available to this account.")
    else:
        record.update(ConnectionState="AUTHORIZED", LastAuthorizedTime=eb._now_ts())


def _authorize(record):
    """S18: with an endpoint that does not answer it stays AUTHORIZING. That a refusal makes it DEAUTHORIZED is told by the user guide."""
    record["asked"] = True
    try:
        token = eb._fetch_oauth_token(record["AuthParameters"]["OAuthParameters"])
    except eb.urllib.error.HTTPError as no:
        record.update(ConnectionState="DEAUTHORIZED", StateReason=f"The authorization endpoint answered with status {no.code}.")
        return
    except (OSError, ValueError):
        return
    if not token["token"]:
        record.update(ConnectionState="DEAUTHORIZED", StateReason="The authorization endpoint's answer has no access_token.")
        return
    record.update(ConnectionState="AUTHORIZED", LastAuthorizedTime=eb._now_ts())


def _begin(record, connecting):
    oauth = record["AuthorizationType"] == "OAUTH_CLIENT_CREDENTIALS"
    record.pop("StateReason", None)
    if record.get("InvocationConnectivityParameters") and not oauth:
        record.update(ConnectionState=connecting, settles_at=time.time() + settings.get("connectionDelaySeconds"), LastModifiedTime=eb._now_ts())
        return
    record.update(ConnectionState="AUTHORIZING" if oauth else "AUTHORIZED", asked=False,
                  settles_at=time.time() + settings.get("connectionDelaySeconds"), LastModifiedTime=eb._now_ts())
    if not oauth:
        record["LastAuthorizedTime"] = eb._now_ts()


def _brief(record):
    return present(record, "ConnectionArn", "ConnectionState", "CreationTime", "LastModifiedTime", "LastAuthorizedTime")    # S17


@handler
def create(data):
    _names(data, kind=True).check()
    name, kind = data["Name"], data["AuthorizationType"]
    _checked(kind, data.get("AuthParameters"), whole=True)
    if _connection(name):
        raise Refused("ResourceAlreadyExistsException", f"Connection {name} already exists.")
    arn = _arn("connection", name)
    record = {"Name": name, "ConnectionArn": arn, "AuthorizationType": kind, "AuthParameters": data["AuthParameters"], "CreationTime": eb._now_ts(),
              "SecretArn": f"arn:aws:secretsmanager:{get_region()}:{get_account_id()}:secret:events!connection/{name}/{uuid.uuid4()}-{uuid.uuid4().hex[:6]}",   # S20
              **present(data, "Description", "KmsKeyIdentifier", "InvocationConnectivityParameters")}
    key_ok(data.get("KmsKeyIdentifier"))
    _begin(record, "CREATING")
    eb._connections[name] = record
    return _brief(record)


@handler
def update(data):
    _names(data, kind=True).check()
    name = data["Name"]
    record = _need(name)
    if record["ConnectionState"] in ("AUTHORIZING", "DELETING") and not record.get("asked"):
        raise Refused("ConcurrentModificationException", f"Connection {name} is {record['ConnectionState']}.")
    kind = data.get("AuthorizationType") or record["AuthorizationType"]
    given = data.get("AuthParameters") or {}
    _checked(kind, given, whole=kind != record["AuthorizationType"])
    part = PARTS[kind][0]
    kept = record["AuthParameters"] if kind == record["AuthorizationType"] else {}
    # A guess: what is left out stays as it is, at every level.
    own = {**kept.get(part, {}), **given.get(part, {})}
    if "ClientParameters" in own:
        own["ClientParameters"] = {**kept.get(part, {}).get("ClientParameters", {}), **given.get(part, {}).get("ClientParameters", {})}
    http = given.get("InvocationHttpParameters", record["AuthParameters"].get("InvocationHttpParameters"))
    record.update(AuthorizationType=kind, AuthParameters={part: own, **({"InvocationHttpParameters": http} if http is not None else {})})
    key_ok(data.get("KmsKeyIdentifier"))
    for key in ("Description", "KmsKeyIdentifier", "InvocationConnectivityParameters"):
        if data.get(key) is not None:
            record[key] = data[key]
    eb._evict_oauth_token(name)
    _begin(record, "UPDATING")
    return _brief(record)


def _shown_http(http):
    """Secret values never come back."""
    return {key: [{k: v for k, v in item.items() if k != "Value" or not item.get("IsValueSecret")} for item in http[key]]
            for key in LISTS if http.get(key)}


def _shown(parameters):                                                                        # S19
    shown = {}
    if "BasicAuthParameters" in parameters:
        shown["BasicAuthParameters"] = {"Username": parameters["BasicAuthParameters"]["Username"]}
    if "ApiKeyAuthParameters" in parameters:
        shown["ApiKeyAuthParameters"] = {"ApiKeyName": parameters["ApiKeyAuthParameters"]["ApiKeyName"]}
    oauth = parameters.get("OAuthParameters")
    if oauth:
        shown["OAuthParameters"] = {**present(oauth, "AuthorizationEndpoint", "HttpMethod"), "ClientParameters": {"ClientID": oauth["ClientParameters"]["ClientID"]}}
        if oauth.get("OAuthHttpParameters") is not None:
            shown["OAuthParameters"]["OAuthHttpParameters"] = _shown_http(oauth["OAuthHttpParameters"])
    if parameters.get("InvocationHttpParameters") is not None:
        shown["InvocationHttpParameters"] = _shown_http(parameters["InvocationHttpParameters"])
    return shown


@handler
def describe(data):
    record = _need(data.get("Name"))
    return {**_brief(record), **present(record, "Name", "Description", "AuthorizationType", "SecretArn", "StateReason", "KmsKeyIdentifier", "InvocationConnectivityParameters"),
            "AuthParameters": _shown(record["AuthParameters"])}


@handler
def list_all(data):
    prefix, state = data.get("NamePrefix") or "", data.get("ConnectionState")
    rows = [_connection(name) for name in sorted(eb._connections) if name.startswith(prefix)]
    rows = [{**_brief(r), **present(r, "Name", "AuthorizationType", "StateReason")} for r in rows if r and state in (None, r["ConnectionState"])]
    return page(rows, "Connections", data)                                                      # S21


@handler
def delete(data):
    """Asynchronous (S22); a destination that uses it does not hinder it, and is INACTIVE from then on."""
    record = _need(data.get("Name"))
    eb._evict_oauth_token(record["Name"])
    record.update(ConnectionState="DELETING", gone_at=time.time() + settings.get("connectionDelaySeconds"))
    return _brief(record)


@handler
def deauthorize(data):
    record = _need(data.get("Name"))
    eb._evict_oauth_token(record["Name"])
    record.update(ConnectionState="DEAUTHORIZED", StateReason="The connection was deauthorized by a user.", LastModifiedTime=eb._now_ts())
    return _brief(record)


# API destinations

def _connection_of(arn):
    record = _connection(arn.split("/")[1]) if arn.count("/") == 2 else None
    return record if record and record["ConnectionArn"] == arn and record["ConnectionState"] != "DELETING" else None


def _destination_constraints(data, whole):
    wrong = _names(data)
    if whole or "ConnectionArn" in data:
        wrong.text(data.get("ConnectionArn") or "", "connectionArn", pattern=CONNECTION)          # E33
    if whole or "HttpMethod" in data:
        wrong.enum(data.get("HttpMethod") or "null", "httpMethod", METHODS)
    wrong.number(data.get("InvocationRateLimitPerSecond"), "invocationRateLimitPerSecond", 1, 300)
    wrong.check()
    if whole or "InvocationEndpoint" in data:
        _endpoint_ok(data.get("InvocationEndpoint") or "", "InvocationEndpoint")
    if "ConnectionArn" in data and _connection_of(data["ConnectionArn"]) is None:
        raise not_found(f"Connection '{data['ConnectionArn']}' does not exist.")


def _need_destination(name):
    record = eb._api_destinations.get(name)
    if record is None:
        raise not_found(f"Failed to describe the api-destination(s). An api-destination '{name}' does not exist.")     # E29
    return record


def _state(record):
    connection = _connection_of(record["ConnectionArn"])
    return "ACTIVE" if connection and connection["ConnectionState"] == "AUTHORIZED" else "INACTIVE"             # S23


def _brief_destination(record):
    return {**present(record, "ApiDestinationArn", "CreationTime", "LastModifiedTime"), "ApiDestinationState": _state(record)}


@handler
def create_destination(data):
    _destination_constraints(data, whole=True)
    name = data["Name"]
    if name in eb._api_destinations:
        raise Refused("ResourceAlreadyExistsException", f"An api-destination '{name}' already exists.")
    now = eb._now_ts()
    eb._api_destinations[name] = {"ApiDestinationArn": _arn("api-destination", name), "InvocationRateLimitPerSecond": 300, "CreationTime": now, "LastModifiedTime": now,
                                  **present(data, "Name", "Description", "ConnectionArn", "InvocationEndpoint", "HttpMethod", "InvocationRateLimitPerSecond")}
    return _brief_destination(eb._api_destinations[name])


@handler
def update_destination(data):
    record = _need_destination(data.get("Name"))
    _destination_constraints(data, whole=False)
    for key in ("Description", "ConnectionArn", "InvocationEndpoint", "HttpMethod", "InvocationRateLimitPerSecond"):
        if data.get(key) is not None:
            record[key] = data[key]
    record["LastModifiedTime"] = eb._now_ts()
    return _brief_destination(record)


@handler
def describe_destination(data):
    record = _need_destination(data.get("Name"))
    return {**_brief_destination(record), **present(record, "Name", "Description", "ConnectionArn", "InvocationEndpoint", "HttpMethod", "InvocationRateLimitPerSecond")}


@handler
def list_destinations(data):
    prefix, connection = data.get("NamePrefix") or "", data.get("ConnectionArn")
    rows = [{**_brief_destination(r), **present(r, "Name", "ConnectionArn", "InvocationEndpoint", "HttpMethod", "InvocationRateLimitPerSecond")}
            for n, r in sorted(eb._api_destinations.items()) if n.startswith(prefix) and connection in (None, r["ConnectionArn"])]
    return page(rows, "ApiDestinations", data)


@handler
def delete_destination(data):
    eb._api_destinations.pop(_need_destination(data.get("Name"))["Name"])


# Delivery

def deliver(arn, payload, target):
    """The request, at once and once; what EventBridge would try again for 24 hours is a failure here."""
    record = eb._api_destinations.get(arn.split("/")[1])
    if record is None or record["ApiDestinationArn"] != arn:
        raise Undeliverable("NO_RESOURCE", f"API destination {arn} does not exist.")
    connection = _connection_of(record["ConnectionArn"])
    if connection is None or connection["ConnectionState"] != "AUTHORIZED":
        raise Undeliverable("CONNECTION_FAILURE", f"The connection of {arn} is {connection['ConnectionState'] if connection else 'gone'}.")
    request = eb._build_api_destination_request(record, connection, target.get("HttpParameters") or {}, payload)
    key = (get_account_id(), get_region(), connection["Name"])
    try:
        status = eb._api_destination_send_sync(request, eb._connection_auth_headers(connection, key))
        if status in (401, 407) and connection["AuthorizationType"].startswith("OAUTH"):
            status = eb._api_destination_send_sync(request, eb._connection_auth_headers(connection, key, force_refresh=True))
    except (OSError, ValueError) as no:
        raise Undeliverable("CONNECTION_FAILURE", str(no)) from None
    if not 200 <= status < 300:
        raise Undeliverable("SDK_CLIENT_ERROR" if status < 500 else "INTERNAL_ERROR", f"The endpoint answered with status {status}.")


def install():
    eb._http_open = open_mapped
    eb._api_dest_opener = eb.urllib.request.build_opener(eb.urllib.request.ProxyHandler({}), eb._NoFollowRedirect())


HANDLERS = {"_create_connection": create, "_update_connection": update, "_describe_connection": describe, "_list_connections": list_all,
            "_delete_connection": delete, "_deauthorize_connection": deauthorize, "_create_api_destination": create_destination,
            "_update_api_destination": update_destination, "_describe_api_destination": describe_destination,
            "_list_api_destinations": list_destinations, "_delete_api_destination": delete_destination}
