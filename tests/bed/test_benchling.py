"""The stand-in for Benchling: tokens, key sets, signed webhooks. Benchling's own SDK, which shares nothing with it, judges what it signs."""
import base64
import http.server
import json
import pathlib
import secrets
import subprocess
import threading
import unittest
import urllib.parse

import acquire
import aws
from harness import bed

SDK = pathlib.Path(__file__).parent / "benchling" / "sdk.py"
VECTOR = {      # Fact base 2.5.
    "definition": "appdef_1", "now": 1767225600,
    "jwks": {"keys": [{"crv": "P-256", "kty": "EC", "x": "THR4hJDNRvFGWDM7QskTpUTZ1TIcL8e4bW6EuOSYTXQ", "y": "_V2JtfSaqweSFsqV_xZ_TlZSj_wpsRZV9iMoEqEkpnY"}]},
    "headers": {"Webhook-Id": "msg_1", "Webhook-Timestamp": "1767225600", "Webhook-Signature":
                "v1der,MEUCIGCcIV1xra69kU7Vcc7P/CsGCMSEseYav1d0k0NeYjleAiEAlYH9iqEYEPX9uCZZczBuW2RCxrO4nxnXR4vo+a+dvpE="},
    "body": '{"version":"0","baseURL":"https://acme.benchling.com","tenantId":"ten_1","app":{"id":"app_1"},"appDefinition":{"id":"appdef_1","versionNumber":"0.0.1"},'
            '"channel":"events","message":{"type":"v2.entity.registered","id":"evt_1","resourceId":"bfi_1","createdAt":"2026-01-01T00:00:00+00:00","deprecated":false,'
            '"schema":{"id":"ts_1"}}}'}


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.append(({k.lower(): v for k, v in self.headers.items()}, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Benchling(unittest.TestCase):
    def setUp(self):
        self.url, self.tenant = bed().benchling, f"t{secrets.token_hex(4)}"

    def emu(self, control, **wish):
        return aws.post_json(f"{self.url}/_emu/{control}", wish)

    def app(self, **wish):
        return self.emu("apps", tenant=self.tenant, **wish)

    def token(self, tenant=None, basic=None, **form):
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if basic:
            headers["authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
        body = urllib.parse.urlencode({"grant_type": "client_credentials", **form}).encode()
        status, about, answer = aws.request(f"{self.url}/{tenant or self.tenant}/api/v2/token", "POST", body, headers)
        return status, json.loads(answer) if about["content-type"] == "application/json" else answer

    def judged(self, *rows):
        done = subprocess.run([str(acquire.python(print)), str(SDK), f"{self.url}/api/v1/apps/{{}}/jwks"], text=True, capture_output=True, check=True,
                              input="".join(json.dumps(row) + "\n" for row in rows), timeout=60)
        return [json.loads(line)["verdict"] for line in done.stdout.splitlines()]

    def signed(self, app, **wish):
        row = self.emu("sign", appDefinitionId=app["appDefinitionId"], **wish)["webhooks"][0]
        return {"definition": app["appDefinitionId"], "headers": row["headers"], "body": row["body"]}

    def test_tokens(self):
        app = self.app(expiresIn=60)
        pair = (app["clientId"], app["clientSecret"])
        for status, answer in (self.token(basic=pair), self.token(client_id=pair[0], client_secret=pair[1])):
            self.assertEqual((status, answer["token_type"], answer["expires_in"]), (200, "Bearer", 60))
        self.assertEqual(self.token(basic=(pair[0], "wrong"))[0], 401)
        self.assertEqual(self.token(basic=("nobody", pair[1]))[0], 401)
        self.assertEqual(self.token(basic=pair, grant_type="password")[1]["error"], "unsupported_grant_type")
        status, page = self.token(tenant="nobody", basic=pair)
        self.assertEqual((status, page[:9]), (404, b"<!doctype"))

    def test_list_events(self):
        app = self.app()
        bearer = {"authorization": "Bearer " + self.token(basic=(app["clientId"], app["clientSecret"]))[1]["access_token"]}

        def listed(query):
            status, _, answer = aws.request(f"{self.url}/{self.tenant}/api/v2/events?{query}", "GET", None, bearer)
            return status, json.loads(answer)
        ids = self.emu("events", tenant=self.tenant, count=5, **{"from": "2026-11-01T00:00:00Z"})["ids"]
        self.emu("events", tenant=self.tenant, events=[{"id": "evt_x", "eventType": "v2.entry.created", "createdAt": "2026-10-31T00:00:00+00:00"}])
        status, first = listed("pageSize=3&createdAt.gte=2026-11-01T00:00:01Z")
        self.assertEqual((status, [e["id"] for e in first["events"]]), (200, ids[1:4]))
        second = listed(f"pageSize=3&createdAt.gte=2026-11-01T00:00:01Z&nextToken={first['nextToken']}")[1]
        self.assertEqual(([e["id"] for e in second["events"]], second["nextToken"]), (ids[4:], ""))
        self.assertEqual([e["id"] for e in listed(f"startingAfter={ids[3]}")[1]["events"]], [ids[4], "evt_x"])
        self.assertEqual([e["id"] for e in listed("eventTypes=v2.entry.created")[1]["events"]], ["evt_x"])
        for wrong in ("pageSize=101", "createdAt.gte=yesterday", "startingAfter=nobody", "until=now"):
            self.assertEqual(listed(wrong)[0], 400, wrong)
        bearer["authorization"] = "Bearer no"
        self.assertEqual(listed("")[0], 401)

    def test_the_sdk_accepts_what_is_good_and_nothing_else(self):
        app = self.app()
        good = [self.signed(app), self.signed(app, skewSeconds=-290), self.signed(app, channel="app_signals", message={"type": "v2.canvas.created"})]
        bad = [self.signed(app, bad=bad) for bad in ("body", "key", "raw", "missing")] + [self.signed(app, skewSeconds=s) for s in (-310, 310)]
        self.assertEqual(self.judged(*good, *bad), ["accepted"] * len(good) + ["refused"] * len(bad))

    def test_the_vector_and_the_sdks_own_bounds(self):
        def at(now):
            return {**VECTOR, "now": now}
        self.assertEqual(self.judged(VECTOR, {**VECTOR, "body": VECTOR["body"] + " "}, at(1767225900), at(1767225901), at(1767225300), at(1767225299)),
                         ["accepted", "refused", "accepted", "refused", "accepted", "refused"])

    def test_rotation(self):
        app = self.app()
        old = self.signed(app)
        self.emu("keys", appDefinitionId=app["appDefinitionId"], action="overlap")
        both = [old, self.signed(app)]
        self.assertEqual(self.judged(*both), ["accepted", "accepted"])
        self.emu("keys", appDefinitionId=app["appDefinitionId"], action="retire")
        self.assertEqual(self.judged(*both), ["refused", "accepted"])
        self.emu("keys", appDefinitionId=app["appDefinitionId"], action="rotate")
        self.assertEqual(self.judged(both[1], self.signed(app)), ["refused", "accepted"])

    def test_a_webhook_is_sent_again_under_its_id(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        server.got, server.answers = [], [500, 503]
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        app = self.app()
        sent = self.emu("webhook", appDefinitionId=app["appDefinitionId"], url=f"http://127.0.0.1:{server.server_port}/1/webhooks", attempts=5, everyMs=10)
        self.assertEqual([a["status"] for a in sent["webhooks"][0]["attempts"]], [500, 503, 200])
        self.assertEqual({headers["webhook-id"] for headers, _ in server.got}, {sent["webhooks"][0]["id"]})
        rows = [{"definition": app["appDefinitionId"], "headers": headers, "body": body.decode()} for headers, body in server.got]
        self.assertEqual(self.judged(*rows), ["accepted"] * 3)

    def test_endpoints_fail_as_they_are_told(self):
        app = self.app()
        path = f"/api/v1/apps/{app['appDefinitionId']}/jwks"
        self.emu("faults", path=path, status=503, times=2)
        self.assertEqual([aws.request(self.url + path)[0] for _ in range(3)], [503, 503, 200])
        asked = aws.get_json(f"{self.url}/_emu/requests?path={urllib.parse.quote(path)}")["requests"]
        self.assertEqual([line["status"] for line in asked], [503, 503, 200])
        self.assertEqual(aws.request(f"{self.url}/_emu/faults?path={urllib.parse.quote(path)}", "DELETE")[0], 200)
        self.assertEqual(aws.request(f"{self.url}/api/v1/apps/nobody/jwks")[0], 404)


if __name__ == "__main__":
    unittest.main()
