"""Demo, the others: Benchling, the owner of the AWS accounts, and what has arrived where. None of it goes through the operator or its journal."""
import base64
import io
import json
import sys
import time
import urllib.parse
import zipfile

from stage import BED, ROOT

sys.path.insert(0, str(BED))
import aws  # noqa: E402  the bed's own small client

REGION = "eu-west-1"
ACCOUNT = "111122223333"
BASIC = {"Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}


class Benchling:
    """Calls of the partner, from an account of its own."""
    def __init__(self, bed):
        self.client = aws.Client(bed["emulator"], aws.PARTNER_ACCOUNT, REGION)

    def subscribe(self, source, account):
        """What pressing + in the console does."""
        self.client.call("events", "CreatePartnerEventSource", {"Name": source, "Account": account})

    def send(self, source, event_type, detail):
        entry = {"Source": source, "DetailType": event_type, "Detail": json.dumps(detail)}
        answer = self.client.call("events", "PutPartnerEvents", {"Entries": [entry]})
        assert answer["FailedEntryCount"] == 0, answer


def payload(event_type, mark, schema=None, updates=None, left_out=(), **fields):
    """`detail` of an event (Benchling docs, Events Reference); `mark` is in the ids of the event and of its object."""
    schema = {"id": f"ts_{schema.lower().replace(' ', '')}", "name": schema} if schema else None
    resource = event_type.split(".")[1]
    now = time.strftime("%Y-%m-%dT%H:%M:%S.123456+00:00", time.gmtime())
    detail = {"id": f"evt_{mark}", "createdAt": now, "eventType": event_type, "deprecated": False, "excludedProperties": list(left_out),
              "schema": schema}
    if updates:
        detail["updates"] = updates
    return detail if resource in left_out else {**detail, resource: {"id": f"obj_{mark}", "schema": schema, **fields}}


class Cloud:
    """One AWS account, as somebody who owns it sees it."""
    def __init__(self, bed, account=ACCOUNT):
        self.bed, self.account = bed, account
        self.client = aws.Client(bed["emulator"], account, REGION)
        self.call = self.client.call

    def events(self, operation, **parameters):
        return self.call("events", operation, parameters)

    def source_state(self, source):
        sources = self.events("ListEventSources", NamePrefix=source)["EventSources"]
        return next((s["State"] for s in sources if s["Name"] == source), None)

    def queue_url(self, name):
        return self.call("sqs", "GetQueueUrl", {"QueueName": name})["QueueUrl"]

    def attributes(self, queue):
        return self.call("sqs", "GetQueueAttributes", {"QueueUrl": self.queue_url(queue), "AttributeNames": ["All"]})["Attributes"]

    def set_policy(self, queue, policy):
        self.call("sqs", "SetQueueAttributes", {"QueueUrl": self.queue_url(queue), "Attributes": {"Policy": policy}})

    def receive(self, queue):
        """(body, attributes) of the messages that are there, which are then deleted."""
        url, found = self.queue_url(queue), []
        answer = self.call("sqs", "ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0, "MessageAttributeNames": ["All"]})
        for message in answer.get("Messages", []):
            self.call("sqs", "DeleteMessage", {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]})
            found.append((json.loads(message["Body"]), {k: v["StringValue"] for k, v in message.get("MessageAttributes", {}).items()}))
        return found

    def log_group(self, name):
        groups = self.call("logs", "DescribeLogGroups", {"logGroupNamePrefix": name})["logGroups"]
        return next((g for g in groups if g["logGroupName"] == name), None)

    def logged(self, group):
        """(key, message) of all that a log group has."""
        if not self.log_group(group):
            return []
        events = self.call("logs", "FilterLogEvents", {"logGroupName": group})["events"]
        return [((e["logStreamName"], e["timestamp"], e["message"]), e["message"]) for e in events]

    def log_policies(self):
        return self.call("logs", "DescribeResourcePolicies")["resourcePolicies"]

    def function_policy(self, name):
        try:
            return json.loads(self.call("lambda", "GetPolicy", {"FunctionName": name})["Policy"])["Statement"]
        except aws.AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
            return []

    def emulator(self, path, **query):
        return aws.get_json(f"{self.bed['emulator']}/_emu/{path}?{urllib.parse.urlencode({'account': self.account, **query})}")

    def declare(self, service, rest, **more):
        """A resource of a service that the stand-in has not exists from now on."""
        aws.post_json(f"{self.bed['emulator']}/_emu/resources", {
            "account": self.account, "region": REGION, "arn": f"arn:aws:{service}:{REGION}:{self.account}:{rest}", **more})

    def fire(self, rule):
        answer = aws.post_json(f"{self.bed['emulator']}/_emu/fire", {"account": self.account, "region": REGION, "rule": rule})
        assert answer["fired"], answer

    def emit(self, source, detail_type, detail):
        """An event that an AWS service publishes on the default bus, which PutEvents may not."""
        answer = aws.post_json(f"{self.bed['emulator']}/_emu/emit", {"account": self.account, "region": REGION, "entry": {
            "Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}})
        assert answer["FailedEntryCount"] == 0, answer

    def make_function(self, name, folder):
        """The function of an example, with the role that its README makes; it really runs."""
        if any(f["FunctionName"] == name for f in self.call("lambda", "ListFunctions")["Functions"]):
            return
        files = ROOT / "examples" / folder / "function"
        granted = json.loads((files / "policy.json").read_text())
        granted["Statement"].append(BASIC)      # in AWS the managed policy AWSLambdaBasicExecutionRole
        self.call("iam", "CreateRole", {"RoleName": name, "AssumeRolePolicyDocument": (files / "trust.json").read_text()})
        self.call("iam", "PutRolePolicy", {"RoleName": name, "PolicyName": "queues", "PolicyDocument": json.dumps(granted)})
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.write(files / "main.py", "main.py")
        self.call("lambda", "CreateFunction", {
            "FunctionName": name, "Runtime": "python3.12", "Handler": "main.lambda_handler", "Timeout": 10, "MemorySize": 128,
            "Role": f"arn:aws:iam::{self.account}:role/{name}", "Code": {"ZipFile": base64.b64encode(archive.getvalue()).decode()}})
