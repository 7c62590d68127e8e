"""Stand-in for Benchling: tenants, apps, tokens, key sets, signed webhooks. This file joins the parts and serves them.

usage: main.py --port PORT [--host ADDRESS]        (127.0.0.1; a node's address where pods are to reach it)
A tenant is the first word of the path: `/acme/api/v2/token` stands for `https://acme.benchling.com/api/v2/token`. Key sets are at the root, as at
`https://apps.benchling.com`. Controls are below `/_emu/`; see README.md. A part is a module with
  ROUTES   [(method, pattern, handler)]; groups of the pattern are the handler's keywords, after the request
  before   optional: looks at a request first; an Answer of it ends the matter
  after    optional: (request, answer) sees each answer before it is sent, to add headers
"""
import argparse
import asyncio
import inspect
import re
import traceback

from hypercorn.asyncio import serve
from hypercorn.config import Config

import apps
import configuration
import entities
import faults
import keys
import listing
import tokens
import webhooks
from http_ import Answer, Request, error

# One line a part. Faults come first: they decide before anybody looks.
PARTS = (faults, apps, tokens, entities, keys, webhooks, listing, configuration)

ROUTES = [(method, re.compile(pattern), handler) for part in PARTS for method, pattern, handler in part.ROUTES]
BEFORE = [part.before for part in PARTS if hasattr(part, "before")]
AFTER = [part.after for part in PARTS if hasattr(part, "after")]


async def _maybe(value):
    return await value if inspect.isawaitable(value) else value


async def answer(request):
    for before in BEFORE:
        if found := await _maybe(before(request)):
            return found
    found = [(method, pattern.fullmatch(request.path), handler) for method, pattern, handler in ROUTES]
    found = [(method, match, handler) for method, match, handler in found if match]
    for method, match, handler in found:
        if method == request.method:
            return await _maybe(handler(request, **match.groupdict()))
    if found:
        return error(405, f"{request.method} is not for {request.path}")
    return error(404, f"nothing is at {request.path}")


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    if scope["type"] != "http":
        return None
    body, more = b"", True
    while more:
        part = await receive()
        if part["type"] == "http.disconnect":
            return None
        body, more = body + part.get("body", b""), part.get("more_body", False)
    request = Request(scope, body)
    try:
        made = await answer(request)
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        # A wrong wish of a test, or a bug here: both are for who reads the test's output.
        traceback.print_exc()
        made = error(400, f"{type(wrong).__name__}: {wrong}")
    made = made if isinstance(made, Answer) else Answer(200, made)
    for after in AFTER:
        await _maybe(after(request, made))
    raw = [(name.lower().encode(), str(value).encode()) for name, value in made.headers.items()]
    await send({"type": "http.response.start", "status": made.status, "headers": [*raw, (b"content-length", str(len(made.body)).encode())]})
    return await send({"type": "http.response.body", "body": made.body})


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--host", default="127.0.0.1")
    chosen, config = arguments.parse_args(), Config()
    config.bind, config.loglevel, config.backlog = [f"{chosen.host}:{chosen.port}"], "WARNING", 1024
    asyncio.run(serve(app, config))
