"""Stand-in for Benchling: OAuth 2 client credentials, `POST /TENANT/api/v2/token` (OpenAPI of Benchling's v2 API; fact base 2.1).

`bearer(request, tenant)` is for the parts that need a token: the app, or the Answer that refuses.
"""
import base64
import binascii
import secrets
import time

from apps import APPS
from http_ import Answer, error

TOKENS = {}         # token: (app, end)


def _refused(status, code, text):
    return Answer(status, {"error": code, "error_description": text})


def _credentials(request, form):
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
            return client, secret
        except (binascii.Error, UnicodeDecodeError):
            return None, None
    return form.get("client_id"), form.get("client_secret")


def token(request, tenant):
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return _refused(400, "invalid_request", "The request is not form-encoded")
    form = request.form()
    if form.get("grant_type") != "client_credentials":
        return _refused(400, "unsupported_grant_type", "Only client_credentials is supported")
    client, secret = _credentials(request, form)
    app = APPS.get((tenant, client))
    if not app or not secrets.compare_digest(app["clientSecret"].encode(), (secret or "").encode()):
        return _refused(401, "invalid_client", "Client authentication failed")
    made = f"at_{secrets.token_hex(16)}"
    TOKENS[made] = (app, time.time() + app["expiresIn"])
    return {"access_token": made, "token_type": "Bearer", "expires_in": app["expiresIn"]}


def bearer(request, tenant):
    """(app, None), or (None, the Answer that refuses)."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    app, end = TOKENS.get(value, (None, 0))
    if scheme.lower() != "bearer" or app is None or app["tenant"] != tenant or time.time() >= end:
        return None, error(401, "Authentication failed: the token is missing, unknown or expired", "authentication_error")
    return app, None


ROUTES = [("POST", "/(?P<tenant>[^/_][^/]*)/api/v2/token", token)]
