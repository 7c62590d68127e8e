"""Stand-in for Benchling: entities and their bulk-get, the app's activity log, and rate limits (fact base 2.2, 2.3).

GET /TENANT/api/v2/COLLECTION:bulk-get?IDS=a,b   400 where one id is unknown, as a whole; 403 for an app that was added nowhere
POST /TENANT/api/v2/app-sessions, PATCH /TENANT/api/v2/app-sessions/ID

POST /_emu/entities {"tenant", "collection": "custom-entities", "entities": [{"id", ...}]}: puts them there; what is left out is made up.
POST /_emu/limits {"tenant", "limit": 300, "windowSeconds": 30, "hidden": null}: requests of an app in a window; `hidden`: those of the whole tenant, which
  no header tells of. Windows begin anew.
GET /_emu/sessions?tenant=: what the activity log holds.   GET /_emu/entities?tenant=&id=: how often an entity was read.
"""
import datetime
import secrets
import time

from http_ import Answer, error
from tokens import bearer

COLLECTIONS = {"custom-entities": ("customEntityIds", "customEntities"), "dna-sequences": ("dnaSequenceIds", "dnaSequences"),
               "rna-sequences": ("rnaSequenceIds", "rnaSequences"), "aa-sequences": ("aaSequenceIds", "aaSequences"), "oligos": ("oligoIds", "oligos")}
ENTITIES, SESSIONS, READS = {}, {}, {}      # each by tenant first
LIMITS = {}             # tenant: {"limit", "windowSeconds", "hidden"}
WINDOWS = {}            # what is counted: (begin, requests)


def put(request):
    wish = request.json()
    held = ENTITIES.setdefault(wish["tenant"], {}).setdefault(wish.get("collection", "custom-entities"), {})
    for entity in wish["entities"]:
        number = entity["id"]
        made = {"name": number, "apiURL": f"https://{wish['tenant']}.benchling.com/api/v2/{wish.get('collection', 'custom-entities')}/{number}",
                "webURL": f"https://{wish['tenant']}.benchling.com/x", "schema": {"id": "ts_plasmid", "name": "Plasmid"},
                "fields": {"Notes": {"type": "text", "isMulti": False, "value": f"notes of {number}"}}, "archiveRecord": None,
                "modifiedAt": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds")}
        held[number] = {**held.get(number, made), **entity}
    return {"entities": len(held)}


def reads(request):
    return {"reads": READS.get(request.query["tenant"], {}).get(request.query["id"], 0)}


def bulk_get(request, tenant, collection):
    app, refused = bearer(request, tenant)
    if refused:
        return refused
    if collection not in COLLECTIONS:
        return error(404, f"nothing is at {request.path}")
    if not app["permitted"]:
        return error(403, "The app has no access to this data")
    parameter, name = COLLECTIONS[collection]
    ids = [i for i in request.query.get(parameter, "").split(",") if i]
    if not ids:
        return error(400, f"{parameter} is missing")
    held = ENTITIES.get(tenant, {}).get(collection, {})
    if unknown := [i for i in ids if i not in held]:
        return error(400, f"Invalid ids: {', '.join(unknown)}", invalidIds=unknown)
    seen = READS.setdefault(tenant, {})
    for i in ids:
        seen[i] = seen.get(i, 0) + 1
    return {name: [held[i] for i in ids]}


def open_session(request, tenant):
    app, refused = bearer(request, tenant)
    if refused:
        return refused
    wish = request.json()
    if wish.get("appId") != app["appId"]:
        return error(403, "an app may write its own sessions only")
    if not wish.get("name") or not 1 <= int(wish.get("timeoutSeconds", 0)) <= 2592000:
        return error(400, "name and timeoutSeconds are needed")
    session = {"id": f"ssn_{secrets.token_hex(4)}", "name": wish["name"], "status": "RUNNING", "messages": wish.get("messages", [])}
    SESSIONS.setdefault(tenant, {})[session["id"]] = session
    return Answer(201, session)


def close_session(request, tenant, session):
    _, refused = bearer(request, tenant)
    if refused:
        return refused
    held, wish = SESSIONS.get(tenant, {}).get(session), request.json()
    if not held:
        return error(404, f"no session {session}")
    if held["status"] != "RUNNING":
        return error(400, "the session is closed")
    if wish.get("status") not in ("SUCCEEDED", "FAILED", "COMPLETED_WITH_WARNINGS"):
        return error(400, "status is none that closes a session")
    held.update(status=wish["status"], messages=wish.get("messages", []))
    return held


def sessions(request):
    return {"sessions": list(SESSIONS.get(request.query["tenant"], {}).values())}


def limits(request):
    wish = request.json()
    LIMITS[wish["tenant"]] = {"limit": 300, "windowSeconds": 30, "hidden": None, **wish}
    for key in [key for key in WINDOWS if key[0] == wish["tenant"]]:
        del WINDOWS[key]
    return LIMITS[wish["tenant"]]


def _counted(key, seconds):
    begin, number = WINDOWS.get(key, (time.time(), 0))
    if time.time() - begin >= seconds:
        begin, number = time.time(), 0
    WINDOWS[key] = (begin, number + 1)
    return number + 1, max(0, begin + seconds - time.time())


def _tenant(request):
    parts = request.path.split("/")
    return parts[1] if len(parts) > 4 and parts[2] == "api" and parts[4] != "token" else None


def before(request):
    tenant = _tenant(request)
    if tenant is None:
        return None
    rule = LIMITS.get(tenant, {"limit": 300, "windowSeconds": 30, "hidden": None})
    number, left = _counted((tenant, request.headers.get("authorization")), rule["windowSeconds"])
    request.rate = (rule["limit"], max(0, rule["limit"] - number), left)
    hidden, _ = _counted((tenant, None), rule["windowSeconds"])
    if number > rule["limit"] or (rule["hidden"] is not None and hidden > rule["hidden"]):
        return error(429, "Too many requests")
    return None


def after(request, answer):
    if rate := getattr(request, "rate", None):
        answer.headers.update({"x-rate-limit-limit": rate[0], "x-rate-limit-remaining": rate[1], "x-rate-limit-reset": f"{rate[2]:.3f}"})


_API = "/(?P<tenant>[^/_][^/]*)/api/v2"
ROUTES = [
    ("POST", "/_emu/entities", put), ("GET", "/_emu/entities", reads), ("POST", "/_emu/limits", limits),
    ("GET", "/_emu/sessions", sessions), ("GET", f"{_API}/(?P<collection>[a-z-]+):bulk-get", bulk_get),
    ("POST", f"{_API}/app-sessions", open_session), ("PATCH", f"{_API}/app-sessions/(?P<session>[^/]+)", close_session)]
