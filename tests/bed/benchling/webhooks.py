"""Stand-in for Benchling: signed webhooks, sent to a URL or handed out to be sent by the test (fact base 2.4 to 2.6).

POST /_emu/sign {...}: {"webhooks": [{"id", "headers", "body"}]}, signed now.
POST /_emu/webhook {..., "url", "attempts": 1, "everyMs": 200}: sends them; those not answered by 2xx are sent again under the same id with a new
  timestamp. {"webhooks": [{"id", "eventId", "attempts": [{"status", "body", "ms"}]}]}; status 0: no answer.
Both take: appDefinitionId, tenant (where the definition is in several), count 1, parallel 16, channel "events", message {...} (its holes are filled),
  id (of the webhook; only with count 1), skewSeconds 0 (of the timestamp), timestamp (its literal text), envelope {...} (replaces parts of it),
  raw (the body's literal text), and `bad`: body | key | raw | missing | truncated | noise.
  body: changed after signing. key: signed by nobody's key. raw: only a `v1,` signature. missing: no signature header. truncated: half of it.
  noise: a good signature among entries that are none.
"""
import asyncio
import base64
import datetime
import json
import secrets
import time
import urllib.error
import urllib.request

import keys
from apps import of_definition

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def envelope(wish, app, event):
    message = {"type": "v2.entity.registered", "id": event, "resourceId": f"bfi_{secrets.token_hex(4)}", "deprecated": False,
               "createdAt": datetime.datetime.now(datetime.timezone.utc).isoformat(), **wish.get("message", {})}
    if message["type"] == "v2.entity.registered":
        message.setdefault("schema", {"id": "ts_plasmid"})
    return {"version": "0", "baseURL": f"https://{app['tenant']}.benchling.com", "tenantId": app["tenantId"], "app": {"id": app["appId"]},
            "appDefinition": {"id": app["appDefinitionId"], "versionNumber": app["versionNumber"]}, "channel": wish.get("channel", "events"),
            "message": message, **wish.get("envelope", {})}


class Webhook:
    def __init__(self, wish):
        self.wish, self.app = wish, of_definition(wish["appDefinitionId"], wish.get("tenant"))
        self.id = wish.get("id") or f"wh_{secrets.token_hex(8)}"
        made = envelope(wish, self.app, f"evt_{secrets.token_hex(6)}")
        self.event = made["message"].get("id") if isinstance(made["message"], dict) else None
        self.body = wish["raw"].encode() if "raw" in wish else json.dumps(made, separators=(",", ":")).encode()

    def request(self):
        """Headers and body of one attempt: its timestamp is of now."""
        bad, stamp = self.wish.get("bad"), self.wish.get("timestamp") or str(int(time.time() + self.wish.get("skewSeconds", 0)))
        der = keys.sign(self.app["appDefinitionId"], f"{self.id}.{stamp}.".encode() + self.body, stranger=bad == "key")
        good = base64.b64encode(der).decode()
        signature = {"raw": f"v1,{good}", "truncated": f"v1der,{good[:len(good) // 8 * 4]}",
                     "noise": f"v1der v1,a,b  nonsense v1der,!!! v1der,{good} v2,x"}.get(bad, f"v1,{base64.b64encode(bytes(64)).decode()} v1der,{good}")
        headers = {"content-type": "application/json", "webhook-id": self.id, "webhook-timestamp": stamp, "webhook-signature": signature}
        if bad == "missing":
            del headers["webhook-signature"]
        return headers, self.body + b" " if bad == "body" else self.body


def _all(wish):
    count = wish.get("count", 1)
    if count != 1 and "id" in wish:
        raise ValueError("an id is for one webhook")
    return [Webhook(wish) for _ in range(count)]


def sign(request):
    made = [(webhook, *webhook.request()) for webhook in _all(request.json())]
    return {"webhooks": [{"id": webhook.id, "eventId": webhook.event, "headers": headers, "body": body.decode()} for webhook, headers, body in made]}


def _post(url, headers, body):
    began = time.monotonic()
    try:
        with _DIRECT.open(urllib.request.Request(url, data=body, headers=headers, method="POST"), timeout=15) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        status, text = answer.code, answer.read()
    except (urllib.error.URLError, OSError, ValueError) as wrong:
        status, text = 0, str(wrong).encode()
    return {"status": status, "body": text.decode(errors="replace"), "ms": round((time.monotonic() - began) * 1000)}


async def _send(webhook, wish, limit):
    attempts = []
    for attempt in range(wish.get("attempts", 1)):
        if attempt:
            await asyncio.sleep(wish.get("everyMs", 200) / 1000)
        async with limit:
            headers, body = webhook.request()
            attempts.append(await asyncio.to_thread(_post, wish["url"], headers, body))
        if 200 <= attempts[-1]["status"] < 300:
            break
    return {"id": webhook.id, "eventId": webhook.event, "attempts": attempts}


async def send(request):
    wish = request.json()
    limit = asyncio.Semaphore(wish.get("parallel", 16))
    return {"webhooks": await asyncio.gather(*(_send(webhook, wish, limit) for webhook in _all(wish)))}


ROUTES = [("POST", "/_emu/sign", sign), ("POST", "/_emu/webhook", send)]
