"""Stand-in for Benchling: tenants and the apps installed in them. A test takes a tenant of its own, and so runs beside the others.

POST /_emu/apps {"tenant", ...}: installs an app, or changes the installed one of that clientId; what is left out is made up. Answers the app.
GET /_emu/apps?tenant=: the apps of a tenant.
"""
import secrets

import keys
from http_ import error

APPS = {}           # (tenant, client id): app
FIELDS = ("tenant", "name", "tenantId", "appId", "appDefinitionId", "versionNumber", "clientId", "clientSecret", "permitted", "expiresIn")


def tenants():
    return {tenant for tenant, _ in APPS}


def of_tenant(tenant):
    return [app for (owner, _), app in APPS.items() if owner == tenant]


def of_definition(definition, tenant=None):
    """An app of this definition; the same definition may be installed in several tenants."""
    for app in APPS.values():
        if app["appDefinitionId"] == definition and tenant in (None, app["tenant"]):
            return app
    raise ValueError(f"no app of definition {definition} is installed{f' in {tenant}' if tenant else ''}; POST /_emu/apps")


def install(request):
    wish = request.json()
    if unknown := set(wish) - set(FIELDS) - {"curve"}:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(FIELDS)}, curve")
    key, token = (wish["tenant"], wish.get("clientId") or secrets.token_hex(8)), secrets.token_hex(4)
    app = APPS.setdefault(key, {
        "tenant": key[0], "name": "sequence-integrations", "tenantId": f"ten_{key[0]}", "appId": f"app_{token}", "appDefinitionId": f"appdef_{token}",
        "versionNumber": "0.0.1", "clientId": key[1], "clientSecret": f"cs_{secrets.token_hex(12)}",
        # Whether the app was added to an organisation, team or project: a new app sees nothing.
        "permitted": True, "expiresIn": 900})
    app.update({name: value for name, value in wish.items() if name in FIELDS})
    keys.ensure(app["appDefinitionId"], wish.get("curve", "P-256"))
    return app


def listed(request):
    return {"apps": of_tenant(request.query["tenant"])}


def before(request):
    """A tenant that nobody has answers a page for people, as benchling.com does."""
    first = request.path.split("/")[1]
    if request.path.startswith(f"/{first}/api/") and first not in tenants():
        wrong = error(404, "")
        wrong.headers["content-type"], wrong.body = "text/html", b"<!doctype html><title>Benchling</title><h1>This page does not exist</h1>"
        return wrong
    return None


ROUTES = [("POST", "/_emu/apps", install), ("GET", "/_emu/apps", listed)]
