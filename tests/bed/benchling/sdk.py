"""The vendor's own judgement: benchling-sdk's `verify` over a table, for tests. Shares nothing with the stand-in.

usage: sdk.py URL     URL of a key set, with {} for the app definition id; needs the interpreter `python` of bed.json
stdin: a JSON line a webhook, {"definition", "headers", "body", "now": Unix seconds, left out the clock's, "jwks": instead of URL's}
stdout: a JSON line each, {"verdict": accepted | refused | crashed, "why"}; crashed: it raised what an app answers 500 to
"""
import datetime
import json
import sys
from unittest import mock

from benchling_sdk.apps.helpers import webhook_helpers
from jwcrypto import jwk


def keys(row):
    if "jwks" in row:
        return lambda _definition: jwk.JWKSet.from_json(json.dumps(row["jwks"]))
    return lambda definition: webhook_helpers.jwks_by_app_definition(definition, jwk_url_provider=lambda name: sys.argv[1].replace("{}", name))


class Clock(datetime.datetime):
    at = None

    @classmethod
    def now(cls, tz=None):
        return super().now(tz) if cls.at is None else cls.fromtimestamp(cls.at, tz)


def judge(row):
    Clock.at = row.get("now")
    try:
        with mock.patch.object(webhook_helpers, "datetime", Clock):
            webhook_helpers.verify(row["definition"], row["body"], row["headers"], keys(row))
    except webhook_helpers.WebhookVerificationError as refused:
        return {"verdict": "refused", "why": str(refused)}
    except Exception as wrong:      # whatever it is: that is what the table is to show
        return {"verdict": "crashed", "why": f"{type(wrong).__name__}: {wrong}"}
    return {"verdict": "accepted", "why": ""}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)
