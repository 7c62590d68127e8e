"""GitOps, the environments of examples/gitops: an AWS account each, with the role that the operator assumes, its journal and its Benchling tenant."""
import json
import re
import sys

from repository import ROOT

sys.path.insert(0, str(ROOT / "tests/bed"))
import aws  # noqa: E402

# Whose keys the operator itself has. It owns nothing.
OPERATOR = "777788889999"
ROLE = "tributary-lims"


class Environment:
    def __init__(self, bed, name, number, region, tenant, app):
        self.name, self.number, self.region, self.tenant, self.bed = name, number, region, tenant, bed
        self.namespace = self.account = f"lims-{name}"
        self.source = f"aws.partner/benchling.com/{tenant}/{app}"
        self.queue = self.rule = f"{self.namespace}-registered"
        self.client = aws.Client(bed["emulator"], number, region)
        self.partner = aws.Client(bed["emulator"], aws.PARTNER_ACCOUNT, region)
        self.role = f"arn:aws:iam::{number}:role/{ROLE}"
        trust = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{OPERATOR}:root"}}]}
        self.client.call("iam", "CreateRole", {"RoleName": ROLE, "AssumeRolePolicyDocument": json.dumps(trust)})

    def assume(self, role=None, by=None):
        """A client with the role's keys. By default the environment's own role, assumed by the operator."""
        by = by or aws.Client(self.bed["emulator"], OPERATOR, self.region)
        text = by.call("sts", "AssumeRole", {"RoleArn": role or self.role, "RoleSessionName": "test"})
        key, secret, token = (re.search(f"<{tag}>([^<]+)</{tag}>", text)[1] for tag in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        return aws.Client(self.bed["emulator"], self.number, self.region, access_key=key, secret=secret, token=token)

    def subscribe(self):
        """What a tenant admin does in Benchling."""
        self.partner.call("events", "CreatePartnerEventSource", {"Name": self.source, "Account": self.number})

    def send(self, event_type, mark):
        """An event of Benchling (docs, Events Reference), with the mark in its id."""
        resource = event_type.split(".")[1]
        detail = {"id": f"evt_{mark}", "createdAt": "2026-01-01T00:00:00.000000+00:00", "eventType": event_type, "deprecated": False,
                  "excludedProperties": [], "schema": None, resource: {"id": f"obj_{mark}", "schema": None}}
        entry = {"Source": self.source, "DetailType": event_type, "Detail": json.dumps(detail)}
        answer = self.partner.call("events", "PutPartnerEvents", {"Entries": [entry]})
        assert answer["FailedEntryCount"] == 0, answer

    def queue_url(self, name=None):
        return self.client.call("sqs", "GetQueueUrl", {"QueueName": name or self.queue})["QueueUrl"]

    def receive(self):
        """Marks of the events in the queue, which are then deleted."""
        url, found = self.queue_url(), []
        for message in self.client.call("sqs", "ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": 10}).get("Messages", []):
            self.client.call("sqs", "DeleteMessage", {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]})
            found.append(json.loads(message["Body"])["detail"]["id"].removeprefix("evt_"))
        return sorted(found)

    def waiting(self, name=None):
        """Messages in the queue."""
        wanted = {"QueueUrl": self.queue_url(name), "AttributeNames": ["ApproximateNumberOfMessages"]}
        return int(self.client.call("sqs", "GetQueueAttributes", wanted)["Attributes"]["ApproximateNumberOfMessages"])

    def event_types(self):
        """What the rule in AWS matches; None without a rule."""
        rules = self.client.call("events", "ListRules", {"EventBusName": self.source})["Rules"]
        found = [json.loads(rule["EventPattern"])["detail-type"] for rule in rules if rule["Name"] == self.rule]
        return sorted(found[0]) if found else None

    def source_state(self):
        sources = self.client.call("events", "ListEventSources", {"NamePrefix": self.source})["EventSources"]
        return next((source["State"] for source in sources if source["Name"] == self.source), None)

    def journal(self, since=0):
        return aws.get_json(f"{self.bed['aws']}/_journal?since={since}&account={self.number}")

    def mark(self):
        return self.journal(1 << 40)["next"]

    def calls(self, since):
        return self.journal(since)["calls"]

    def writes(self, since):
        """Names of the calls since then that change something."""
        read = ("Get", "List", "Describe", "Test", "Filter", "AssumeRole")
        return [call["op"] for call in self.calls(since) if not call["op"].startswith(read)]


def environments(bed):
    """As examples/gitops has them."""
    return [Environment(bed, "dev", "444455556666", "eu-west-1", "acme-dev", "lims-dev"),
            Environment(bed, "test", "555566667777", "eu-west-1", "acme-test", "lims-test"),
            Environment(bed, "prod", "666677778888", "us-east-1", "acme", "lims")]
