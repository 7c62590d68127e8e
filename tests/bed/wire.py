"""Journal proxy, part 1: HTTP messages off a stream, and what an AWS request says about itself. No state, no I/O of its own."""
import json
import re
import urllib.parse

import cbor
import rest

CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request")
# What must never be kept, wherever it stands in a body.
SECRETS = frozenset({"SecretAccessKey", "SessionToken", "Password", "ApiKeyValue", "ClientSecret", "WebIdentityToken", "SecretString"})


class Message:
    """One request or response: the first line split at blanks, headers by lower-case name, the body, and the raw bytes."""
    __slots__ = ("first", "headers", "body", "raw")

    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.first = lines[0].split(" ", 2)
        self.headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                self.headers[name.strip().lower()] = value.strip()
        self.body, self.raw = body, head + body

    def with_body(self, body, target=None):
        """The same message with another body (and path and query); content-length follows, and a chunked one becomes plain."""
        kept = "".join(f"{k}: {v}\r\n" for k, v in self.headers.items() if k not in ("content-length", "transfer-encoding"))
        first = [self.first[0], target or self.first[1], *self.first[2:]]
        return Message((" ".join(first) + f"\r\n{kept}content-length: {len(body)}\r\n\r\n").encode("latin-1"), body)


async def read(stream, bodyless=False):
    """The next message, or None when the peer closed between messages. Chunked bodies are joined for us, raw stays as sent."""
    head = await stream.readuntil(b"\r\n\r\n")
    message = Message(head, b"")
    if bodyless or message.first[1] in ("204", "304") or message.first[1].startswith("1"):
        return message
    if "chunked" in message.headers.get("transfer-encoding", "").lower():
        raw, body = [head], []
        while True:
            size = await stream.readuntil(b"\r\n")
            length = int(size.split(b";")[0], 16)
            data = await stream.readexactly(length + 2)
            raw += (size, data)
            body.append(data[:-2])
            if length == 0:
                break
        message.body, message.raw = b"".join(body), b"".join(raw)
        return message
    length = int(message.headers.get("content-length") or 0)
    if length:
        message.body = await stream.readexactly(length)
        message.raw = head + message.body
    return message


BATCH = ("CreateJobQueue", "DescribeJobDefinitions", "DescribeJobQueues", "DescribeJobs", "ListJobs", "RegisterJobDefinition", "SubmitJob")


class Call:
    """What a request is, in AWS's terms: service, operation, region, access key, protocol and the parsed body."""
    __slots__ = ("service", "op", "region", "access_key", "protocol", "request", "agent", "content_type")

    def __init__(self, message):
        signed = CREDENTIAL.search(message.headers.get("authorization", ""))
        self.access_key, self.region, self.service = signed.groups() if signed else (None, None, None)
        self.agent = message.headers.get("user-agent", "")
        self.content_type = message.headers.get("content-type", "application/x-amz-json-1.1")
        target = message.headers.get("x-amz-target")
        if target:
            self.protocol, self.op = "json", target.rpartition(".")[2]
            self.request = parse_json(message.body)
        elif "x-www-form-urlencoded" in self.content_type:
            form = {k: v[-1] for k, v in urllib.parse.parse_qs(message.body.decode("utf-8", "replace"), keep_blank_values=True).items()}
            self.protocol, self.op, self.request = "query", form.get("Action", "?"), form
        elif message.headers.get("smithy-protocol") == "rpc-v2-cbor":
            self.protocol, self.op = "cbor", message.first[1].partition("?")[0].rpartition("/")[2]
            self.request = parse_cbor(message.body)
        else:
            self.protocol, self.op = "rest", f"{message.first[0]} {message.first[1].partition('?')[0]}"
            self.request = parse_json(message.body)
            if self.service == "batch":     # every operation is a path of its own
                self.op = next((op for op in BATCH if message.first[1] == f"/v1/{op.lower()}"), self.op)
            known = self.service == "lambda" and rest.recognise(*message.first[:2], self.request)
            if known:
                self.op, self.request = known
                if "x-amz-invocation-type" in message.headers:
                    self.request["InvocationType"] = message.headers["x-amz-invocation-type"]
        if self.service == "monitoring":    # signs with another name than that of its IAM actions
            self.service = "cloudwatch"
        if self.service is None:            # AssumeRoleWithWebIdentity is not signed
            self.service = "sts" if self.protocol == "query" and self.op.startswith("AssumeRole") else "unsigned"

    @property
    def name(self):
        return f"{self.service}.{self.op}"


def parse_json(body):
    if not body:
        return {}
    try:
        return json.loads(body)
    except ValueError:
        return None


def parse_cbor(body):
    if not body:
        return {}
    try:
        return cbor.loads(body)
    except ValueError:
        return None


def without_secrets(value):
    if isinstance(value, dict):
        # A header, query or body parameter of a connection says by itself that it is one.
        hidden = SECRETS | {"Value"} if value.get("IsValueSecret") else SECRETS
        return {k: "REDACTED" if k in hidden else without_secrets(v) for k, v in value.items()}
    if isinstance(value, list):
        return [without_secrets(v) for v in value]
    return value


def error_code(message, parsed):
    """The error code of an answer, or None: header first, then JSON __type, then XML <Code>; namespaces cut off."""
    if int(message.first[1]) < 400:
        return None
    code = message.headers.get("x-amzn-errortype")
    if not code and isinstance(parsed, dict):
        code = parsed.get("__type") or parsed.get("code") or parsed.get("Code")
    if not code:
        found = re.search(rb"<Code>([^<]*)</Code>", message.body)
        code = found.group(1).decode() if found else None
    return code.rpartition("#")[2].partition(":")[0] if code else message.first[1]


def answer(status, body, content_type="application/json", extra=()):
    lines = [f"HTTP/1.1 {status} {'OK' if status < 400 else 'Error'}", f"content-type: {content_type}", f"content-length: {len(body)}", *extra]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
