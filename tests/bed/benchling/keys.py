"""Stand-in for Benchling: the keys that webhooks are signed with, and their public halves, one set an app definition.

GET /api/v1/apps/DEFINITION/jwks: the set, as Benchling's apps.benchling.com serves it.
POST /_emu/keys {"appDefinitionId", "action": rotate | overlap | retire | add, "curve": P-256 | P-384, "jwk": {...}}
  rotate   a new key signs, the old one is gone from the set; overlap: it is still there until retire; add: puts a foreign jwk, or a key that
           signs nothing, into the set
"""
import base64
import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from http_ import error

CURVES = {"P-256": (ec.SECP256R1, 32), "P-384": (ec.SECP384R1, 48)}
SETS = {}           # definition: [(jwk, private key or None)]; the last with a private key signs


def _base64(number, size):
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()


def _made(curve):
    kind, size = CURVES[curve]
    private = ec.generate_private_key(kind())
    numbers = private.public_key().public_numbers()
    return {"kty": "EC", "crv": curve, "x": _base64(numbers.x, size), "y": _base64(numbers.y, size), "kid": f"key_{secrets.token_hex(4)}"}, private


def ensure(definition, curve="P-256"):
    SETS.setdefault(definition, [_made(curve)])


def sign(definition, data, stranger=False):
    """DER, ECDSA with SHA-256. `stranger`: by a key that is in no set."""
    private = _made("P-256")[1] if stranger else [key for _, key in SETS[definition] if key][-1]
    return private.sign(data, ec.ECDSA(hashes.SHA256()))


def jwks(_request, definition):
    if definition not in SETS:
        return error(404, f"no app definition {definition}")
    return {"keys": [jwk for jwk, _ in SETS[definition]]}


def control(request):
    wish = request.json()
    held, action, fresh = SETS[wish["appDefinitionId"]], wish.get("action", "rotate"), _made(wish.get("curve", "P-256"))
    if action == "rotate":
        held[:] = [fresh]
    elif action == "overlap":
        held.append(fresh)
    elif action == "retire":
        held[:] = held[-1:]
    elif action == "add":
        held.insert(0, (wish["jwk"] if "jwk" in wish else fresh[0], None))
    else:
        raise ValueError(f"no action {action}")
    return {"keys": [jwk for jwk, _ in held]}


ROUTES = [("GET", "/api/v1/apps/(?P<definition>[^/]+)/jwks", jwks), ("POST", "/_emu/keys", control)]
