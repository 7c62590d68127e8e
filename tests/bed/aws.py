#!/usr/bin/env python3
"""Test bed, for hands and shells: a tiny AWS client (stdlib only) that talks to the bed, and asks it what happened.

  aws.py put-events [FILE...]            entries as JSON (one, a list, or {"Entries": [...]}); no FILE: from stdin
  aws.py receive QUEUE [--wait S] [--max N] [--keep]     one JSON line a message; QUEUE is a name or a URL
  aws.py partner create NAME | delete NAME | put NAME [FILE...] | list      play the partner towards --account; files as for put-events,
                                         or whole events as a target gets them
  aws.py fire RULE                       fire a schedule rule of the default bus once
  aws.py journal [--since N] [--match GLOB] [--json]     every AWS call that was made
  aws.py deliveries                      what EventBridge delivered, or why not
  aws.py call SERVICE OPERATION [JSON]   any operation of a JSON service (events, sqs, logs), or one of lambda that rest.py lists

Common: --endpoint URL (default: from bed.json), --bed FILE, --account 12 digits, --region NAME.
"""
import argparse
import datetime
import hashlib
import hmac
import json
import math
import os
import pathlib
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import cbor
import rest

DEFAULT_ACCOUNT, DEFAULT_REGION = "111122223333", "us-east-1"
PARTNER_ACCOUNT = "999900001111"        # whose calls a partner's are: not the customer's
TARGETS = {"events": ("AWSEvents", "1.1"), "sqs": ("AmazonSQS", "1.0"), "logs": ("Logs_20140328", "1.1"), "states": ("AWSStepFunctions", "1.0"),
           "kms": ("TrentService", "1.1"), "kinesis": ("Kinesis_20131202", "1.1"), "firehose": ("Firehose_20150804", "1.1"), "ecs": ("AmazonEC2ContainerServiceV20141113", "1.1")}
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))     # the bed is on loopback


class AwsError(Exception):
    def __init__(self, status, code, message):
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message


def request(url, method="GET", body=None, headers=None, timeout=40):
    """(status, headers, body); an HTTP error is an answer like any other."""
    call = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with _DIRECT.open(call, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


class Client:
    """Calls AWS operations as one account. Keys default to the account id, which the bed takes for the account itself."""
    def __init__(self, endpoint, account=DEFAULT_ACCOUNT, region=DEFAULT_REGION, access_key=None, secret="test", token=None):
        self.endpoint, self.account, self.region = endpoint.rstrip("/"), account, region
        self.access_key, self.secret, self.token = access_key or account, secret, token

    def _signed(self, service, body, headers, method="POST", target="/"):
        """Signature Version 4 over host, date and token; the bed reads the scope and does not verify the rest."""
        now = datetime.datetime.now(datetime.timezone.utc)
        day, stamp = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
        headers = {**headers, "host": urllib.parse.urlsplit(self.endpoint).netloc, "x-amz-date": stamp}
        if self.token:
            headers["x-amz-security-token"] = self.token
        names = ";".join(sorted(headers))
        path, _, query = target.partition("?")
        canonical = "\n".join([method, path, query, *(f"{k}:{headers[k]}" for k in sorted(headers)), "", names, hashlib.sha256(body).hexdigest()])
        scope = f"{day}/{self.region}/{service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{self.secret}".encode()
        for part in (day, self.region, service, "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        headers.pop("host")
        return headers

    def raw(self, service, operation, parameters=None, timeout=40):
        """(status, headers, body) of one call; REST for Lambda and Batch, CBOR for CloudWatch, query protocol for services that TARGETS does not know."""
        if service == "lambda":
            method, target, body = rest.request(operation, parameters or {})
            headers = {"content-type": "application/json"}
            return request(self.endpoint + target, method, body or None, self._signed(service, body, headers, method, target), timeout)
        if service == "batch":
            body, target = json.dumps(parameters or {}).encode(), f"/v1/{operation.lower()}"
            headers = {"content-type": "application/json"}
            return request(self.endpoint + target, "POST", body, self._signed(service, body, headers, "POST", target), timeout)
        if service == "cloudwatch":
            body, target = cbor.dumps(parameters or {}), f"/service/GraniteServiceVersion20100801/operation/{operation}"
            headers = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
            return request(self.endpoint + target, "POST", body, self._signed("monitoring", body, headers, "POST", target), timeout)
        if service in TARGETS:
            prefix, version = TARGETS[service]
            body = json.dumps(parameters or {}).encode()
            headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": f"{prefix}.{operation}"}
        else:
            version = {"sts": "2011-06-15", "iam": "2010-05-08", "sns": "2010-03-31"}.get(service, "2012-11-05")
            body = urllib.parse.urlencode({"Action": operation, "Version": version, **(parameters or {})}).encode()
            headers = {"content-type": "application/x-www-form-urlencoded"}
        return request(self.endpoint + "/", "POST", body, self._signed(service, body, headers), timeout)

    def call(self, service, operation, parameters=None, timeout=40):
        """The parsed answer of a JSON service; raises AwsError."""
        status, headers, body = self.raw(service, operation, parameters, timeout)
        if service == "cloudwatch":
            value = cbor.loads(body)
            if status >= 400:
                raise AwsError(status, value["__type"], value["message"])
            return value
        if service not in TARGETS and service not in ("lambda", "batch"):
            text = body.decode()
            if status >= 400:
                raise AwsError(status, _between(text, "Code"), _between(text, "Message"))
            return text
        value = json.loads(body) if body else {}
        if status >= 400:
            code = (headers.get("x-amzn-errortype") or value.get("__type", "")).rpartition("#")[2]
            raise AwsError(status, code, value.get("message") or value.get("Message") or "")
        return value


def _between(text, tag):
    return text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0].replace("&apos;", "'").replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def get_json(url):
    status, _, body = request(url)
    if status >= 400:
        raise SystemExit(f"{url}: {status} {body.decode(errors='replace')}")
    return json.loads(body)


def post_json(url, value):
    status, _, body = request(url, "POST", json.dumps(value).encode(), {"content-type": "application/json"})
    if status >= 400:
        raise SystemExit(f"{url}: {status} {body.decode(errors='replace')}")
    return json.loads(body)


def read_entries(files):
    """Entries of PutEvents, however they were written down."""
    entries = []
    for text in [pathlib.Path(f).read_text() for f in files] or [sys.stdin.read()]:
        value = json.loads(text)
        value = value.get("Entries", value) if isinstance(value, dict) else value
        for entry in value if isinstance(value, list) else [value]:
            if "detail-type" in entry:                          # an event as it is delivered
                entry = {"Source": entry.get("source"), "DetailType": entry["detail-type"], "Detail": entry.get("detail"),
                         "Resources": entry.get("resources", [])}
            if not isinstance(entry.get("Detail"), str):        # kinder to write by hand
                entry = {**entry, "Detail": json.dumps(entry.get("Detail", {}))}
            entries.append(entry)
    return entries


def put_events(client, entries, operation="PutEvents"):
    failed = 0
    for start in range(0, len(entries), 10):
        answer = client.call("events", operation, {"Entries": entries[start:start + 10]})
        failed += answer["FailedEntryCount"]
        for entry in answer["Entries"]:
            print(json.dumps(entry))
    return 1 if failed else 0


def partner(client, verb, name, files):
    """A partner's calls come from its own account and name the customer's; `list` is what the customer sees."""
    theirs = Client(client.endpoint, PARTNER_ACCOUNT, client.region)
    if verb == "put":
        return put_events(theirs, [{**entry, "Source": name} for entry in read_entries(files)], "PutPartnerEvents")
    if verb == "list":
        answer = client.call("events", "ListEventSources", {"NamePrefix": name} if name else {})
        for row in answer["EventSources"]:
            print(json.dumps(row))
    else:
        answer = theirs.call("events", f"{verb.title()}PartnerEventSource", {"Name": name, "Account": client.account})
        if answer:
            print(json.dumps(answer))
    return 0


def receive(client, queue, wait, most, keep):
    url = queue if "://" in queue else client.call("sqs", "GetQueueUrl", {"QueueName": queue})["QueueUrl"]
    deadline, found = time.monotonic() + wait, 0
    while found < most:
        left = max(0, deadline - time.monotonic())
        answer = client.call("sqs", "ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": min(10, most - found),
                                                       "WaitTimeSeconds": min(20, math.ceil(left)), "MessageAttributeNames": ["All"]})
        for message in answer.get("Messages", []):
            found += 1
            try:
                body = json.loads(message["Body"])
            except ValueError:
                body = message["Body"]
            attributes = {k: v.get("StringValue") for k, v in message.get("MessageAttributes", {}).items()}
            print(json.dumps({"body": body, "attributes": attributes} if attributes else body), flush=True)
            if not keep:
                client.call("sqs", "DeleteMessage", {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]})
        if not answer.get("Messages") and left <= 0:
            break
    return 0 if found else 1


def _brief(value, width=60):
    text = json.dumps(value, separators=(",", ":"))
    return text if len(text) <= width else text[:width - 1] + "…"


def journal(endpoint, account, since, match, as_json):
    query = {k: v for k, v in (("since", since), ("account", account), ("match", match)) if v is not None}
    answer = get_json(f"{endpoint}/_journal?{urllib.parse.urlencode(query)}")
    if as_json:
        print(json.dumps(answer, indent=1))
        return 0
    for c in answer["calls"]:
        took = f"{(c['end'] - c['start']) * 1000:.0f} ms" if c["end"] else "open"
        print(f"{c['n']:>6}  {time.strftime('%H:%M:%S', time.localtime(c['start']))}  {c['account'] or '-':12}  {c['service']}.{c['op']:32} "
              f"{c['status'] or '-'} {c['error'] or 'ok':32} {took:>8}  {c['fault'] or '':14} {_brief(c['request'])}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--bed", default=os.environ.get("TRIBUTARY_BED") or str(pathlib.Path(__file__).resolve().parents[2] / ".bed/bed.json"))
    common.add_argument("--endpoint")
    common.add_argument("--account")
    common.add_argument("--region", default=os.environ.get("AWS_REGION", DEFAULT_REGION))
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("put-events", parents=[common]).add_argument("files", nargs="*")
    play = verbs.add_parser("partner", parents=[common])
    play.add_argument("what", choices=("create", "delete", "put", "list"))
    play.add_argument("name", nargs="?")
    play.add_argument("files", nargs="*")
    get = verbs.add_parser("receive", parents=[common])
    get.add_argument("queue")
    get.add_argument("--wait", type=float, default=5)
    get.add_argument("--max", type=int, default=10)
    get.add_argument("--keep", action="store_true", help="do not delete what was received")
    verbs.add_parser("fire", parents=[common]).add_argument("rule")
    show = verbs.add_parser("journal", parents=[common])
    show.add_argument("--since", type=int)
    show.add_argument("--match")
    show.add_argument("--json", action="store_true")
    verbs.add_parser("deliveries", parents=[common])
    any_call = verbs.add_parser("call", parents=[common])
    any_call.add_argument("service", choices=sorted([*TARGETS, "lambda"]))
    any_call.add_argument("operation")
    any_call.add_argument("parameters", nargs="?", default="{}")
    chosen = parser.parse_args()
    endpoint = chosen.endpoint
    bed = json.loads(pathlib.Path(chosen.bed).read_text()) if os.path.exists(chosen.bed) else {}
    endpoint = endpoint or bed.get("aws")
    emulator = endpoint if chosen.endpoint else bed.get("emulator")
    if not endpoint:
        raise SystemExit(f"no bed is up ({chosen.bed}): start one with bed.py up, or give --endpoint")
    client = Client(endpoint, chosen.account or DEFAULT_ACCOUNT, chosen.region)
    try:
        if chosen.verb == "put-events":
            return put_events(client, read_entries(chosen.files))
        if chosen.verb == "partner":
            if not chosen.name and chosen.what != "list":
                parser.error(f"partner {chosen.what} needs the NAME of a source, as aws.partner/benchling.com/acme/events")
            return partner(client, chosen.what, chosen.name, chosen.files)
        if chosen.verb == "receive":
            return receive(client, chosen.queue, chosen.wait, chosen.max, chosen.keep)
        if chosen.verb == "fire":
            answer = post_json(f"{emulator}/_emu/fire", {"account": client.account, "region": client.region, "rule": chosen.rule})
            print(json.dumps(answer, indent=1))
            return 0 if answer["fired"] else 1
        if chosen.verb == "journal":
            return journal(endpoint, chosen.account, chosen.since, chosen.match, chosen.json)
        if chosen.verb == "deliveries":
            for entry in get_json(f"{emulator}/_emu/deliveries" + (f"?account={chosen.account}" if chosen.account else "")):
                print(f"{time.strftime('%H:%M:%S', time.localtime(entry['time']))}  {entry['outcome']:9} {entry['rule']} -> {entry['target']} "
                      f"{entry['arn']}" + (f"\n          {entry['code']}: {entry['message']}; dead letter: {entry['deadLetter']}" if entry["code"] else ""))
            return 0
        print(json.dumps(client.call(chosen.service, chosen.operation, json.loads(chosen.parameters)), indent=1))
        return 0
    except AwsError as error:
        print(f"aws.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
