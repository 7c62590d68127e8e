"""Stand-in for Benchling: List Events, `GET /TENANT/api/v2/events` (OpenAPI of Benchling's v2 API; fact base 1.7).

Events are listed in the order in which they were added, which is that of processing; `createdAt` may run backwards.
POST /_emu/events {"tenant", "events": [{...}]} or {"tenant", "count", "from": RFC 3339, "everySeconds": 1, "eventType"}: adds; answers their ids.
"""
import datetime

from http_ import error
from tokens import bearer

EVENTS = {}         # tenant: [event]
KNOWN = {"pageSize", "nextToken", "createdAt.gte", "startingAfter", "eventTypes", "poll"}


def _time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def add(request):
    wish = request.json()
    if unknown := set(wish) - {"tenant", "events", "count", "from", "everySeconds", "eventType"}:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    known = EVENTS.setdefault(wish["tenant"], [])
    new = wish.get("events")
    if new is None:
        start, every = _time(wish["from"]), datetime.timedelta(seconds=wish.get("everySeconds", 1))
        new = [{"id": f"evt_{len(known) + n}", "eventType": wish.get("eventType", "v2.entity.registered"), "createdAt": (start + n * every).isoformat(),
                "deprecated": False, "excludedProperties": [], "schema": {"id": "ts_1", "name": "Plasmid"},
                "entity": {"id": f"bfi_{len(known) + n}", "schema": {"id": "ts_1", "name": "Plasmid"}}} for n in range(wish["count"])]
    known.extend(new)
    return {"ids": [event["id"] for event in new]}


def listed(request, tenant):
    app, refused = bearer(request, tenant)
    if refused:
        return refused
    query = request.query
    if unknown := set(query) - KNOWN:
        return error(400, f"Unknown parameters: {', '.join(sorted(unknown))}")
    if not app["permitted"]:
        return {"events": [], "nextToken": ""}      # A new app sees nothing.
    every = EVENTS.get(tenant, [])
    try:
        size = int(query.get("pageSize", 50))
        if not 1 <= size <= 100:
            raise ValueError("pageSize must be between 1 and 100")
        since = _time(query["createdAt.gte"]) if "createdAt.gte" in query else None
        start = 0
        for key in ("startingAfter", "nextToken"):
            if query.get(key):
                ids = [event["id"] for event in every]
                if query[key].removeprefix("next_") not in ids:
                    raise ValueError(f"{key} is unknown")
                start = ids.index(query[key].removeprefix("next_")) + 1
    except ValueError as wrong:
        return error(400, str(wrong))
    types = [text for text in query.get("eventTypes", "").split(",") if text]
    fits = [event for event in every[start:] if (since is None or _time(event["createdAt"]) >= since) and (not types or event.get("eventType") in types)]
    more = len(fits) > size or query.get("poll") == "true"
    page = fits[:size]
    return {"events": page, "nextToken": f"next_{page[-1]['id']}" if more and page else ""}


ROUTES = [("GET", "/(?P<tenant>[^/_][^/]*)/api/v2/events", listed), ("POST", "/_emu/events", add)]
