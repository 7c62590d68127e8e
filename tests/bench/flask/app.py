"""Benchmark, the gateway's peer: a Flask app that verifies a webhook with Benchling's own SDK, and does nothing else. BENCH_KEYS_URL: of the key set.

Kinder to it than the SDK's default, which fetches the keys for each webhook: here once.
"""
import functools
import os

from benchling_sdk.apps.helpers import webhook_helpers
from flask import Flask, request

app = Flask(__name__)


@functools.cache
def keys(definition):
    return webhook_helpers.jwks_by_app_definition(definition, jwk_url_provider=lambda name: os.environ["BENCH_KEYS_URL"].replace("{app_definition_id}", name))


@app.post("/<path:_path>")
def webhook(_path):
    try:
        webhook_helpers.verify(request.get_json()["appDefinition"]["id"], request.get_data(as_text=True), request.headers, keys)
    except webhook_helpers.WebhookVerificationError as refused:
        return str(refused), 401
    return "ok"
