"""Strict stand-in for AWS: MiniStack, a third party's emulator, made to refuse what AWS refuses. This file joins the parts.

usage: main.py --port PORT        (binds 127.0.0.1 only)
Control: GET /_emu/deliveries, GET /_emu/invocations, GET /_emu/objects, GET and POST /_emu/settings, POST /_emu/fire, POST /_emu/emit, POST /_emu/hosts, POST /_emu/partner,
POST /_emu/resources, POST /_emu/metrics; see ../README.md.
"""
import argparse
import json
import os
import sys
import urllib.parse

ARGUMENTS = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ARGUMENTS.add_argument("--port", type=int, required=True)


def configure(port):
    """MiniStack reads all of this when it is imported."""
    os.environ.update(GATEWAY_PORT=str(port), BIND_HOST="127.0.0.1", LOG_LEVEL=os.environ.get("LOG_LEVEL", "WARNING"), PERSIST_STATE="0",
                      # It may only ever act on what it holds itself: no Docker (MiniStack sweeps containers that look like its own) ...
                      DOCKER_HOST="unix:///nonexistent")
    # ... and no AWS credentials of whoever runs the bed.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "MINISTACK_ACCOUNT_ID", "AUTH"):
        os.environ.pop(name, None)


def install():
    """Put the strict handlers in MiniStack's places. A name that is gone there means another version: fail loudly."""
    from ministack.services import cloudwatch, cloudwatch_logs, eventbridge, iam, lambda_svc, sqs, stepfunctions, sts

    import archives
    import buses
    import buslogs
    import connections
    import delivery
    import events
    import identity
    import invokes
    import lambdas
    import logevents
    import loggroups
    import mappings
    import metrics
    import partner
    import permissions
    import queues
    import replays
    import roles
    import rules
    import simulation
    import targets
    import workflows
    for service, parts in ((eventbridge, (buses, rules, targets, partner, events, delivery, buslogs, archives, replays, connections)),
                           (lambda_svc, (lambdas, permissions, invokes, mappings)),
                           (stepfunctions, (workflows,))):
        for name, function in (pair for part in parts for pair in part.HANDLERS.items()):
            if not callable(getattr(service, name, None)):
                raise SystemExit(f"this MiniStack has no {service.__name__}.{name}: the pinned version is in requirements.txt")
            setattr(service, name, function)
    for action, function in queues.HANDLERS.items():
        if action not in sqs._HANDLERS:
            raise SystemExit(f"this MiniStack has no sqs.{action}: the pinned version is in requirements.txt")
        sqs._HANDLERS[action] = function
    iam._IAM_HANDLERS.update({**roles.HANDLERS, **simulation.HANDLERS})
    queues.install()
    workflows.install()
    connections.install()
    sts.handle_request, lambda_svc.handle_request = identity.handle_request, lambdas.handle_request
    loggroups.HANDLERS.update(logevents.HANDLERS)
    cloudwatch_logs.handle_request, cloudwatch.handle_request = loggroups.handle_request, metrics.handle_request


def control(method, path, query, body):
    """(status, value) of a control request, or None when it is not one."""
    import connections
    import declared
    import delivery
    import events
    import invokes
    import logobjects
    import metrics
    import partner
    import settings
    if not path.startswith("/_emu/"):
        return None
    try:
        wish = json.loads(body) if body else {}
        if (method, path) == ("GET", "/_emu/deliveries"):
            return 200, delivery.read(query.get("account"), float(query.get("since", 0)))
        if (method, path) == ("GET", "/_emu/invocations"):
            return 200, invokes.read(query.get("account"), float(query.get("since", 0)))
        if (method, path) == ("GET", "/_emu/objects"):
            return 200, logobjects.read(query["account"], query["bucket"])
        if (method, path) == ("GET", "/_emu/settings"):
            return 200, settings.report(query.get("account", "*"))
        if (method, path) == ("POST", "/_emu/settings"):
            return 200, settings.change(wish)
        if (method, path) == ("POST", "/_emu/fire"):
            return 200, events.fire(wish["account"], wish.get("region", "us-east-1"), wish["rule"])
        if (method, path) == ("POST", "/_emu/emit"):
            return 200, events.emit(wish["account"], wish.get("region", "us-east-1"), wish["entry"])
        if (method, path) == ("POST", "/_emu/hosts"):
            return 200, connections.tell_host(wish)
        if (method, path) == ("POST", "/_emu/partner"):
            return 200, partner.control(wish)
        if (method, path) == ("POST", "/_emu/metrics"):
            return 200, metrics.give(wish)
        if (method, path) == ("POST", "/_emu/resources"):
            return 200, declared.declare(wish)
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        return 400, {"error": f"{type(wrong).__name__}: {wrong}"}
    return 404, {"error": f"no {method} {path} here"}


async def _answer(send, status, body, headers=None):
    raw = [(k.lower().encode(), str(v).encode()) for k, v in (headers or {"content-type": "application/json"}).items() if k.lower() != "content-length"]
    await send({"type": "http.response.start", "status": status, "headers": raw + [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


async def _whole(receive):
    """The body of a request, and a `receive` that gives it again."""
    body, more = b"", True
    while more:
        part = await receive()
        body, more = body + part.get("body", b""), part.get("more_body", False)
    given = [{"type": "http.request", "body": body, "more_body": False}]

    async def again():
        return given.pop() if given else await receive()
    return body, again


def _refused(service, protocol, code, text):
    """(status, headers, body) of a refusal by the API model."""
    from xml.sax.saxutils import escape

    import lambdas
    from ministack.core.responses import error_response_json
    from ministack.services import iam
    if protocol == "cbor":
        import metrics
        return metrics.refuse(code, text)
    if protocol == "query":
        return iam._error(400, code, escape(text), ns=service)
    return lambdas.error(code, text, 400) if service == "lambda" else error_response_json(code, text, 400)


def wrap(inner):
    import identity
    import limits
    import trail

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return await inner(scope, receive, send)
        query = urllib.parse.parse_qs(scope.get("query_string", b"").decode())
        body, receive = await _whole(receive)
        if scope["path"].startswith("/_emu/"):
            status, value = control(scope["method"], scope["path"], {k: v[-1] for k, v in query.items()}, body)
            return await _answer(send, status, json.dumps(value).encode())
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        problem = identity.credential_problem(headers, query)
        if problem:
            status, extra, body = identity.problem_answer(headers, problem)
            return await _answer(send, status, body, extra)
        target = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1") + "?" + scope.get("query_string", b"").decode("latin-1")
        refusal = limits.refusal(scope["method"], target, headers, body)
        if refusal:
            status, extra, body = _refused(*refusal)
            return await _answer(send, status, body, extra)
        recorded = trail.call_of(scope["method"], target, headers, body)
        scope = identity.in_own_account(scope, headers)
        if recorded is None:
            return await inner(scope, receive, send)
        status, answer = 200, b""

        async def overheard(message):
            nonlocal status, answer
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                answer += message.get("body", b"")
            await send(message)
        await inner(scope, receive, overheard)
        trail.publish(*recorded, status, answer)
    return app


if __name__ == "__main__":
    configure(ARGUMENTS.parse_args().port)
    sys.argv[1:] = []
    from ministack import app as ministack_app
    ministack_app._run_init_scripts = lambda: None      # nor scripts that lie about on this machine
    install()
    ministack_app.app = wrap(ministack_app.app)
    ministack_app.main()
