"""The strict stand-in: CloudTrail's events of write calls, as EventBridge delivers them."""
import json
import time
import unittest

import aws
from harness import BedTest, grant


class Trail(BedTest):
    def watched(self):
        """The URL of a queue that gets all events of CloudTrail."""
        rule = self.rule("trail", EventPattern=json.dumps({"detail-type": ["AWS API Call via CloudTrail"]}))
        url, arn = self.queue("trail", Policy=grant(self.arn("sqs", "trail"), rule))
        self.events("PutTargets", Rule="trail", Targets=[{"Id": "t", "Arn": arn}])
        self.settings(trail=1)
        return url

    def received(self, url):
        events, end = [], time.monotonic() + 5
        while not events and time.monotonic() < end:
            messages = self.receive(url)
            for message in messages:
                self.sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            events += [json.loads(message["Body"]) for message in messages]
        return events

    def test_a_write_is_an_event_on_the_default_bus(self):
        url = self.watched()
        self.rule("r", EventPattern='{"source":["x"]}')
        [event] = self.received(url)
        detail = event["detail"]
        self.assertEqual((event["source"], event["detail-type"], event["account"]), ("aws.events", "AWS API Call via CloudTrail", self.account))
        self.assertEqual((detail["eventSource"], detail["eventName"], detail["readOnly"], detail["managementEvent"]),
                         ("events.amazonaws.com", "PutRule", False, True))
        self.assertEqual(detail["requestParameters"]["name"], "r")
        self.assertEqual(detail["responseElements"], {"ruleArn": self.arn("events", "rule/r")})
        self.assertEqual((detail["userIdentity"]["type"], detail["userIdentity"]["arn"]), ("Root", f"arn:aws:iam::{self.account}:root"))

    def test_reads_failures_and_data_are_none(self):
        url = self.watched()
        self.events("ListRules")
        with self.assertRaises(aws.AwsError):
            self.events("PutRule", Name="no pattern")
        self.send()
        other, _ = self.queue("other")
        self.sqs("SendMessage", QueueUrl=other, MessageBody="{}")
        self.assertEqual([event["detail"]["eventName"] for event in self.received(url)], ["CreateQueue"])

    def test_a_user_is_named_and_iam_is_in_one_region(self):
        url = self.watched()
        me = self.client(self.account)
        for operation, parameters in (("CreateUser", {"UserName": "alice"}), ("CreateAccessKey", {"UserName": "alice"})):
            answer = me.call("iam", operation, parameters)
        key = answer.partition("<AccessKeyId>")[2].partition("<")[0]
        aws.Client(me.endpoint, self.account, access_key=key).call("sqs", "CreateQueue", {"QueueName": "q"})
        found = {event["detail"]["eventName"]: event["detail"] for event in self.received(url)}
        self.assertEqual((found["CreateUser"]["awsRegion"], found["CreateUser"]["requestParameters"]), ("us-east-1", {"userName": "alice"}))
        self.assertNotIn("SecretAccessKey", json.dumps(found["CreateAccessKey"]))
        self.assertTrue(self.sqs("GetQueueUrl", QueueName="q")["QueueUrl"], "it acts in its own account")
        identity = found["CreateQueue"]["userIdentity"]
        self.assertEqual((identity["type"], identity["arn"]), ("IAMUser", f"arn:aws:iam::{self.account}:user/alice"))


if __name__ == "__main__":
    unittest.main()
