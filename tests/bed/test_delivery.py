"""The strict stand-in: what is delivered and what is not, dead letters, schedules, partner sources."""
import json
import time
import unittest

import aws
from harness import BedTest, grant, until


class Delivery(BedTest):
    def rig(self, policy=True, target=None, name="queue", attributes=None, **rule):
        """A rule on a bus of its own with one queue as target; `policy`: True for the right one, None for none, or a text."""
        if not hasattr(self, "rule_arn"):
            self.bus()
            self.rule_arn = self.rule(bus="bus", **rule)
        url, arn = self.queue(name, **(attributes or {}), **({"Policy": grant(self.arn("sqs", name), self.rule_arn)} if policy is True else
                                                            {"Policy": policy} if policy else {}))
        self.events("PutTargets", Rule="rule", EventBusName="bus", Targets=[{"Id": "t", "Arn": arn, **(target or {})}])
        return url, arn

    def outcome(self, event):
        entry, = [d for d in self.deliveries() if d["event"] == event]
        return entry

    def assert_refused(self, event, url, code="NO_PERMISSIONS"):
        entry = self.outcome(event)
        self.assertEqual((entry["outcome"], entry["code"]), ("FAILED", code), entry)
        self.assertEqual(self.receive(url, wait=0), [])

    def test_envelope(self):
        url, _ = self.rig()
        event = self.send("bus", '{"a":1}', Time=1640995200.7, Resources=["r"])
        body = json.loads(self.receive(url)[0]["Body"])
        self.assertEqual(list(body), ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"], "fact D4")
        self.assertEqual(body, {"version": "0", "id": event, "detail-type": "t", "source": "test", "account": self.account, "region": "us-east-1",
                                "time": "2022-01-01T00:00:00Z", "resources": ["r"], "detail": {"a": 1}}, "facts D4, P8, P9")
        self.assertEqual(self.outcome(event)["outcome"], "DELIVERED")

    def test_trace_header_goes_beside_the_event(self):
        url, _ = self.rig()
        for sent, arrives in (("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1", True), ("Root=1-x", False), (None, False)):
            self.send("bus", **({"TraceHeader": sent} if sent else {}))
            message, = self.receive(url)
            self.assertEqual(message["Attributes"].get("AWSTraceHeader"), sent if arrives else None, "TH1")
            self.assertNotIn("5759e988", message["Body"], "it is not part of the event")
            self.sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def test_policy_decides(self):
        self.bus()
        self.rule_arn = self.rule(bus="bus")
        arn = self.arn("sqs", "q")
        right = json.loads(grant(arn, self.rule_arn))["Statement"][0]
        for what, policy in (("no policy", None), ("another rule", grant(arn, self.rule_arn + "x")), ("another queue", grant(arn + "x", self.rule_arn)),
                             ("another action", grant(arn, self.rule_arn, Action="sqs:ReceiveMessage")),
                             ("another service", grant(arn, self.rule_arn, Principal={"Service": "sns.amazonaws.com"})),
                             ("account root only", grant(arn, self.rule_arn, Principal={"AWS": f"arn:aws:iam::{self.account}:root"})),
                             ("denied", json.dumps({"Version": "2012-10-17", "Statement": [right, {**right, "Effect": "Deny"}]}))):
            with self.subTest(what):
                url, _ = self.rig(name="q")
                self.sqs("SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy or ""})
                self.assert_refused(self.send("bus"), url)
                self.sqs("DeleteQueue", QueueUrl=url)
                self.settings(queueDeletedSeconds=0)

    def test_other_forms_of_a_right_policy(self):
        self.bus()
        self.rule_arn = self.rule(bus="bus")
        arn = self.arn("sqs", "queue")
        url, _ = self.rig(policy=None)
        for condition in ({"ArnLike": {"aws:SourceArn": self.rule_arn.replace("rule/bus/rule", "rule/bus/*")}},
                          {"ArnEquals": {"AWS:SourceArn": ["arn:aws:events:us-east-1:1:rule/x", self.rule_arn]}},
                          {"StringEquals": {"aws:SourceAccount": self.account}}, {}):
            self.sqs("SetQueueAttributes", QueueUrl=url, Attributes={"Policy": grant(arn, "", Condition=condition)})
            self.assertEqual(self.outcome(self.send("bus"))["outcome"], "DELIVERED", condition)

    def test_set_policy_settles_late_and_created_policy_at_once(self):
        self.settings(policyDelaySeconds=1.5)
        url, arn = self.rig()
        self.assertEqual(self.outcome(self.send("bus"))["outcome"], "DELIVERED", "CreateQueue")
        self.sqs("SetQueueAttributes", QueueUrl=url, Attributes={"Policy": ""})
        self.assertNotIn("Policy", self.attributes(url))
        self.assertEqual(self.outcome(self.send("bus"))["outcome"], "DELIVERED", "the old one still counts")
        until(lambda: self.outcome(self.send("bus"))["outcome"] == "FAILED", 8)
        began = time.monotonic()
        self.sqs("SetQueueAttributes", QueueUrl=url, Attributes={"Policy": grant(arn, self.rule_arn)})
        self.assertEqual(self.outcome(self.send("bus"))["outcome"], "FAILED", "the new one does not count yet")
        until(lambda: self.outcome(self.send("bus"))["outcome"] == "DELIVERED", 8)
        self.assertGreater(time.monotonic() - began, 1.4)

    def test_dead_letters(self):
        dead_url, dead = self.queue("dead")
        url, arn = self.rig(policy=None, target={"DeadLetterConfig": {"Arn": dead}})
        self.assertIn("does not allow", self.outcome(self.send("bus"))["deadLetter"])
        self.assertEqual(self.receive(dead_url, 0), [], "a dead-letter queue needs a policy of its own")
        self.sqs("SetQueueAttributes", QueueUrl=dead_url, Attributes={"Policy": grant(dead, self.rule_arn)})
        event = self.send("bus", '{"a":1}')
        self.assertEqual(self.outcome(event)["deadLetter"], "DELIVERED")
        message, = self.receive(dead_url)
        told = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
        self.assertEqual((told["RULE_ARN"], told["TARGET_ARN"], told["ERROR_CODE"]), (self.rule_arn, arn, "NO_PERMISSIONS"))
        self.assertEqual(json.loads(message["Body"])["id"], event)

    def test_queue_that_is_gone(self):
        url, _ = self.rig()
        self.sqs("DeleteQueue", QueueUrl=url)
        self.assertEqual(self.outcome(self.send("bus"))["outcome"], "FAILED", "fact P7")

    def test_disabled_rule(self):
        url, _ = self.rig()
        self.events("DisableRule", Name="rule", EventBusName="bus")
        self.send("bus")
        self.assertEqual((self.deliveries(), self.receive(url, 0)), ([], []))

    def test_fifo(self):
        fifo = {"name": "q.fifo", "target": {"SqsParameters": {"MessageGroupId": "g"}}}
        url, _ = self.rig(**fifo, attributes={"FifoQueue": "true"})
        self.assert_refused(self.send("bus"), url, "INVALID_PARAMETER")        # Q20: no content-based deduplication
        self.sqs("SetQueueAttributes", QueueUrl=url, Attributes={"ContentBasedDeduplication": "true"})
        self.send("bus")
        self.assertEqual(self.receive(url)[0]["Attributes"]["MessageGroupId"], "g")

    def test_input(self):
        url, _ = self.rig()
        arn = self.arn("sqs", "queue")
        for fact, target, wanted in (
                ("Input", {"Input": '{"x":1}'}, '{"x":1}'), ("X1", {"InputPath": "$.detail.a"}, '"foo"'),
                ("X3", {"InputTransformer": {"InputPathsMap": {"a": "$.detail.a"}, "InputTemplate": '{"v": <a>, "w": "-<a>-"}'}}, '{"v":"foo","w":"-foo-"}'),
                ("X5", {"InputTransformer": {"InputTemplate": '"<aws.events.rule-name>"'}}, '"rule"')):
            self.events("PutTargets", Rule="rule", EventBusName="bus", Targets=[{"Id": "t", "Arn": arn, **target}])
            self.send("bus", '{"a":"foo"}')
            message, = self.receive(url)
            self.sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            self.assertEqual(message["Body"], wanted, f"fact {fact}")
        self.events("PutTargets", Rule="rule", EventBusName="bus", Targets=[{"Id": "t", "Arn": arn, "InputTransformer": {
            "InputPathsMap": {"a": "$.detail"}, "InputTemplate": '{"v": "x <a>", "w": "<a>"}'}}])
        self.assert_refused(self.send("bus", '{"a":"foo"}'), url, "INVALID_JSON")              # X4

    def test_schedule(self):
        arn = self.rule("s", ScheduleExpression="rate(1 day)")
        url, queue = self.queue(Policy=grant(self.arn("sqs", "queue"), arn))
        self.events("PutTargets", Rule="s", Targets=[{"Id": "t", "Arn": queue}])
        fire = lambda: aws.post_json(f"{self.bed.emulator}/_emu/fire", {"account": self.account, "rule": "s"})      # noqa: E731
        self.assertTrue(fire()["fired"])
        message, = self.receive(url)
        body = json.loads(message["Body"])
        self.assertEqual((body["source"], body["detail-type"], body["resources"], body["detail"]), ("aws.events", "Scheduled Event", [arn], {}), "fact D3")
        self.events("DisableRule", Name="s")
        self.assertFalse(fire()["fired"])

    def test_partner_source(self):
        name = "aws.partner/benchling.com/acme/app"
        state = lambda: self.events("DescribeEventSource", Name=name)["State"]       # noqa: E731
        self.refused("source", "ResourceNotFoundException", f"Event source {name} does not exist.",
                     lambda: self.events("CreateEventBus", Name=name, EventSourceName=name))
        self.events("CreatePartnerEventSource", Name=name, Account=self.account)
        self.assertEqual((state(), self.events("ListEventSources", NamePrefix="aws.partner/b")["EventSources"][0]["Name"]), ("PENDING", name))
        self.events("CreateEventBus", Name=name, EventSourceName=name)
        self.assertEqual(state(), "ACTIVE")
        rule = self.rule("r", bus=name, EventPattern=json.dumps({"source": [name]}))
        self.assertEqual(rule, self.arn("events", f"rule/{name}/r"))
        self.assertEqual(self.events("ListTagsForResource", ResourceARN=rule), {"Tags": []})
        url, queue = self.queue(Policy=grant(self.arn("sqs", "queue"), rule))
        self.events("PutTargets", Rule="r", EventBusName=name, Targets=[{"Id": "t", "Arn": queue}])
        self.events("PutPartnerEvents", Entries=[{"Source": name, "DetailType": "d", "Detail": '{"p":1}'}])
        self.assertEqual(json.loads(self.receive(url)[0]["Body"])["detail"], {"p": 1})
        status, headers, _ = self.me.raw("events", "PutEvents", {"Entries": [{"EventBusName": name, "Source": "x", "DetailType": "d", "Detail": "{}"}]})
        self.assertEqual((status, headers["x-amzn-errortype"]), (400, "ValidationException"), "PutEvents cannot address a partner bus")
        self.events("RemoveTargets", Rule="r", EventBusName=name, Ids=["t"])
        self.events("DeleteRule", Name="r", EventBusName=name)
        self.events("DeleteEventBus", Name=name)
        self.assertEqual(state(), "PENDING")


if __name__ == "__main__":
    unittest.main()
