"""Journal proxy, part 2: which fault a call gets, and what a faked answer looks like in each AWS protocol. No I/O."""
import fnmatch
import json
import random
import urllib.parse
import uuid

import cbor
import rest
import wire

KINDS = ("throttle", "error", "latency", "hang", "reset", "applied_reset", "applied_hang", "garbage", "failed_entry", "page_size")
FIELDS = {"match", "kind", "times", "p", "ms", "status", "code", "message", "after"}
# Operations that can fail in part with HTTP 200, and where their entries stand.
PARTIAL = {"events.PutTargets": "Targets", "events.RemoveTargets": "Ids", "events.PutEvents": "Entries"}

# Lists that do not say so in their name.
LISTS = {"logs.DescribeLogGroups", "logs.DescribeLogStreams", "logs.DescribeResourcePolicies"}


class Rule:
    def __init__(self, spec, seed):
        if not isinstance(spec, dict) or spec.get("kind") not in KINDS or not spec.get("match"):
            raise ValueError(f"a fault needs match and a kind of {', '.join(KINDS)}: {json.dumps(spec)}")
        if unknown := set(spec) - FIELDS:
            raise ValueError(f"unknown field {', '.join(sorted(unknown))} in {json.dumps(spec)}")
        self.spec, self.match, self.kind = spec, spec["match"], spec["kind"]
        self.after, self.times, self.p = int(spec.get("after", 0)), spec.get("times"), spec.get("p")
        self.seen = self.injected = 0
        self.dice = random.Random(seed)

    def fires(self, call):
        if not fnmatch.fnmatchcase(call.name, self.match):
            return False
        if self.kind == "failed_entry" and call.name not in PARTIAL:
            return False
        if self.kind == "page_size" and not ((call.op.startswith("List") or call.name in LISTS) and isinstance(call.request, dict)):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.injected >= self.times):
            return False
        if self.p is not None and self.dice.random() >= self.p:
            return False
        self.injected += 1
        return True

    def report(self):
        return {**self.spec, "seen": self.seen, "injected": self.injected}


class Faults:
    """Rules per account; those of "*" hold for every account, after its own. The first rule that fires decides."""
    def __init__(self):
        self._rules = {}

    def replace(self, account, specs, seed=None):
        self._rules[account] = [Rule(spec, f"{seed}/{i}" if seed is not None else None) for i, spec in enumerate(specs)]

    def clear(self, account=None):
        if account is None:
            self._rules.clear()
        else:
            self._rules.pop(account, None)

    def report(self, account=None):
        return [{"account": key, **rule.report()} for key, rules in self._rules.items() if account in (None, key) for rule in rules]

    def pick(self, account, call):
        for key in (account, "*"):
            for rule in self._rules.get(key, ()):
                if rule.fires(call):
                    return rule
        return None


def throttled(call, spec):
    if call.service == "lambda":
        return failed(call, spec.get("status", 429), spec.get("code", "TooManyRequestsException"), spec.get("message", "Rate exceeded"))
    code = {"query": "Throttling"}.get(call.protocol, "RequestThrottled" if call.service == "sqs" else "ThrottlingException")
    return failed(call, spec.get("status", 400), spec.get("code", code), spec.get("message", "Rate exceeded"))


def failed(call, status, code, message):
    """An error answer as the caller's protocol wants it. SQS still carries the code of its old protocol in a header."""
    request_id = str(uuid.uuid4())
    side = "Sender" if status < 500 else "Receiver"
    if call.protocol == "query":
        text = (f"<ErrorResponse><Error><Type>{side}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
                f"<RequestId>{request_id}</RequestId></ErrorResponse>")
        return wire.answer(status, text.encode(), "text/xml", (f"x-amzn-requestid: {request_id}",))
    extra = [f"x-amzn-requestid: {request_id}", f"x-amzn-errortype: {code}"]
    if call.protocol == "rest":         # the code stands in the header only
        kind = {"Sender": "User", "Receiver": "Service"}[side]
        return wire.answer(status, json.dumps({"Type": kind, "message": message}).encode(), "application/json", extra)
    if call.protocol == "cbor":
        extra += [f"x-amzn-query-error: {code};{side}", "smithy-protocol: rpc-v2-cbor"]
        return wire.answer(status, cbor.dumps({"__type": code, "message": message}), "application/cbor", extra)
    if call.service == "sqs":
        extra.append(f"x-amzn-query-error: {code};{side}")
    return wire.answer(status, json.dumps({"__type": code, "message": message}).encode(), call.content_type, extra)


def error(call, spec):
    code = "ServiceException" if call.service == "lambda" else "InternalException"
    return failed(call, int(spec.get("status", 500)), spec.get("code", code), spec.get("message", "injected by the test bed"))


def garbage(call):
    if call.protocol == "cbor":
        return wire.answer(200, b"\xbfdName", "application/cbor", ("smithy-protocol: rpc-v2-cbor",))
    body = b"<GetCallerIdentityResponse><GetCaller" if call.protocol == "query" else b'{"Rules": [{"Name": "tru'
    return wire.answer(200, body, {"query": "text/xml", "rest": "application/json"}.get(call.protocol, call.content_type))


def failed_entries(call, spec):
    """HTTP 200, and every entry failed."""
    code, message = spec.get("code", "InternalException"), spec.get("message", "injected by the test bed")
    entries = (call.request or {}).get(PARTIAL[call.name]) or []
    reason = {"ErrorCode": code, "ErrorMessage": message}
    if call.op == "PutEvents":
        body = {"FailedEntryCount": len(entries), "Entries": [reason for _ in entries]}
    else:
        ids = [e["Id"] if isinstance(e, dict) else e for e in entries]
        body = {"FailedEntryCount": len(ids), "FailedEntries": [{"TargetId": i, **reason} for i in ids]}
    return wire.answer(200, json.dumps(body).encode(), call.content_type)


def one_per_page(call, message):
    if call.protocol == "rest":
        return message.with_body(message.body, rest.with_query(message.first[1], MaxItems=1))
    if call.protocol == "query":
        return message.with_body(urllib.parse.urlencode({**call.request, "MaxItems": 1}).encode())
    key = {"sqs": "MaxResults", "logs": "limit"}.get(call.service, "Limit")
    return message.with_body(json.dumps({**call.request, key: 1}).encode())
