"""Stand-in for Benchling: installations of an app and its configuration (OpenAPI of Benchling's v2 API, `apps`, `app-configuration-items`).

GET /TENANT/api/v2/apps?appDefinitionId=   GET /TENANT/api/v2/app-configuration-items?appId=
An app sees itself, and its own configuration. One item a page, so that readers have to follow `nextToken`.
POST /_emu/configuration {"tenant", "appId", "items": [{"path": [...], "type", "value", "name"}]}: what an admin has chosen; null for nothing.
"""
from http_ import error
from tokens import bearer

ITEMS = {}          # (tenant, app id): [item]


def choose(request):
    wish = request.json()
    ITEMS[(wish["tenant"], wish["appId"])] = [
        {"id": f"aci_{number}", "app": {"id": wish["appId"]}, "path": item["path"], "type": item["type"], "value": item.get("value"),
         "linkedResource": {"id": item["value"], "name": item["name"]} if item.get("name") else None}
        for number, item in enumerate(wish["items"])]
    return {"items": len(wish["items"])}


def installations(request, tenant):
    app, refused = bearer(request, tenant)
    if refused:
        return refused
    wanted = request.query.get("appDefinitionId")
    found = [app] if wanted in (None, app["appDefinitionId"]) else []
    return {"apps": [{"id": a["appId"], "name": a["name"], "archiveRecord": None,
                      "appDefinition": {"id": a["appDefinitionId"], "versionNumber": a["versionNumber"]}} for a in found], "nextToken": ""}


def listed(request, tenant):
    app, refused = bearer(request, tenant)
    if refused:
        return refused
    if request.query.get("appId") != app["appId"]:
        return error(404, "The app was not found")
    items = ITEMS.get((tenant, app["appId"]), [])
    start = int(request.query.get("nextToken") or 0)
    return {"appConfigurationItems": items[start:start + 1], "nextToken": str(start + 1) if start + 1 < len(items) else ""}


ROUTES = [("GET", "/(?P<tenant>[^/_][^/]*)/api/v2/apps", installations),
          ("GET", "/(?P<tenant>[^/_][^/]*)/api/v2/app-configuration-items", listed), ("POST", "/_emu/configuration", choose)]
