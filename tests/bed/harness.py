"""Tests of the bed itself: one stand-in and one proxy for the whole test process, an account of its own for each test."""
import atexit
import json
import pathlib
import random
import shutil
import tempfile
import time
import unittest

import acquire
import aws
from cloud import Cloud
from parts import Parts

_bed = None


def bed():
    global _bed
    if _bed is None:
        state = pathlib.Path(tempfile.mkdtemp(prefix="tributary-bed-test-"))
        parts = Parts(state, tied=True)
        atexit.register(shutil.rmtree, state, True)
        atexit.register(parts.stop)
        _bed = Cloud(parts, acquire.python(print))
        _bed.start()
        _bed.wait()
    return _bed


def until(check, seconds=10, every=0.02):
    """The first true answer of `check`; fails at the deadline. Never a fixed sleep."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {seconds} s: last answer {found!r}")
        time.sleep(every)
    return found


def grant(queue_arn, rule_arn, **more):
    """A queue policy as EventBridge needs it for one rule."""
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue_arn,
         "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}}, **more}]})


class BedTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.bed = bed()
        self.account = f"{random.randrange(10**11, 10**12)}"
        self.me = self.client()
        self.addCleanup(aws.request, f"{self.bed.url}/_faults?account={self.account}", "DELETE")

    def client(self, account=None, **more):
        return aws.Client(self.bed.url, account or self.account, **more)

    def events(self, operation, **parameters):
        return self.me.call("events", operation, parameters)

    def sqs(self, operation, **parameters):
        return self.me.call("sqs", operation, parameters)

    def settings(self, **wish):
        aws.post_json(f"{self.bed.emulator}/_emu/settings", {"account": self.account, **wish})

    def declare(self, arn, **more):
        aws.post_json(f"{self.bed.emulator}/_emu/resources", {"account": self.account, "arn": arn, **more})

    def faults(self, *rules, **more):
        aws.post_json(f"{self.bed.url}/_faults", {"account": self.account, "rules": rules, **more})

    def journal(self, match=None, since=0):
        more = f"&match={match}" if match else ""
        return aws.get_json(f"{self.bed.url}/_journal?account={self.account}&since={since}{more}")["calls"]

    def deliveries(self):
        return aws.get_json(f"{self.bed.emulator}/_emu/deliveries?account={self.account}")

    def refused(self, fact, code, message, call, status=400):
        """The call must fail with exactly this; the fact id leads the message of a failure."""
        try:
            answer = call()
        except aws.AwsError as error:
            self.assertEqual((error.status, error.code, error.message), (status, code, message), f"fact {fact}")
        else:
            self.fail(f"fact {fact}: was not refused but answered {answer!r}")

    def arn(self, service, rest, region="us-east-1"):
        return f"arn:aws:{service}:{region}:{self.account}:{rest}"

    def bus(self, name="bus", **more):
        return self.events("CreateEventBus", Name=name, **more)["EventBusArn"]

    def rule(self, name="rule", bus="default", **more):
        more = more or {"EventPattern": '{"source":["test"]}'}
        return self.events("PutRule", Name=name, EventBusName=bus, **more)["RuleArn"]

    def queue(self, name="queue", **attributes):
        return self.sqs("CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"], self.arn("sqs", name)

    def attributes(self, url, *names):
        return self.sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=list(names or ["All"]))["Attributes"]

    def send(self, bus="default", detail="{}", **more):
        answer = self.events("PutEvents", Entries=[{"EventBusName": bus, "Source": "test", "DetailType": "t", "Detail": detail, **more}])
        self.assertEqual(answer["FailedEntryCount"], 0, answer)
        return answer["Entries"][0]["EventId"]

    def receive(self, url, wait=1):
        return self.sqs("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait,
                        MessageAttributeNames=["All"], AttributeNames=["All"]).get("Messages", [])
