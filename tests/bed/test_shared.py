"""The strict stand-in: rules on an event bus of another account, and targets in another account."""
import json
import unittest

import aws
from harness import BedTest
from test_roles import TRUST

MINE = ("PutRule", "DeleteRule", "DescribeRule", "PutTargets", "RemoveTargets", "ListTargetsByRule", "TagResource", "UntagResource", "ListTagsForResource")


class Shared(BedTest):
    def role(self, name, allow):
        self.me.call("iam", "CreateRole", {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(TRUST)})
        self.me.call("iam", "PutRolePolicy", {"RoleName": name, "PolicyName": "p", "PolicyDocument": json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": allow, "Resource": "*"}]})})
        return f"arn:aws:iam::{self.account}:role/{name}"

    def other(self):
        there = str(10**12 - int(self.account)).zfill(12)
        return there, self.client(there)

    def allow(self, far, there, *actions, resource=None):
        root = f"arn:aws:iam::{self.account}:root"
        statement = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": [f"events:{action}" for action in actions],
                     "Resource": resource or f"arn:aws:events:us-east-1:{there}:rule/far/*",
                     "Condition": {"StringEqualsIfExists": {"events:creatorAccount": self.account}}}
        far.call("events", "PutPermission", {"EventBusName": "far", "Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})})

    def test_a_rule_on_a_bus_of_another_account(self):
        there, far = self.other()
        bus = far.call("events", "CreateEventBus", {"Name": "far"})["EventBusArn"]
        far.call("events", "PutRule", {"Name": "theirs", "EventBusName": "far", "EventPattern": '{"source":["test"]}'})
        put = lambda name="r": self.events("PutRule", Name=name, EventBusName=bus, EventPattern='{"source":["test"]}',        # noqa: E731
                                           Tags=[{"Key": "k", "Value": "v"}])
        with self.assertRaisesRegex(Exception, "AccessDenied.*PutRule"):
            put()
        self.allow(far, there, *MINE)
        arn = put()["RuleArn"]
        self.assertEqual(arn, f"arn:aws:events:us-east-1:{there}:rule/far/r", "the account of the bus owns the rule (RT21)")
        self.assertEqual(self.events("DescribeRule", Name="r", EventBusName=bus)["CreatedBy"], self.account)
        self.assertEqual(self.events("ListTagsForResource", ResourceARN=arn)["Tags"], [{"Key": "k", "Value": "v"}])
        for name, refused in (("theirs", "DescribeRule"), ("theirs", "DeleteRule")):
            with self.assertRaisesRegex(Exception, "AccessDenied"):
                self.events(refused, Name=name, EventBusName=bus)
        with self.assertRaisesRegex(Exception, "AccessDenied"):
            put("theirs")
        for refused in ("ListRules",):
            with self.assertRaisesRegex(Exception, "AccessDenied"):
                self.events(refused, EventBusName=bus)
        with self.assertRaisesRegex(Exception, "AccessDenied.*DescribeEventBus"):
            self.events("DescribeEventBus", Name=bus)
        self.allow(far, there, *MINE, "DescribeEventBus", resource="*")
        self.assertEqual(self.events("DescribeEventBus", Name=bus)["Arn"], bus)

        _, queue = self.queue()
        with self.assertRaisesRegex(Exception, "not an event bus"):
            self.events("PutTargets", Rule="r", EventBusName=bus, Targets=[{"Id": "t", "Arn": queue}])
        self.bus("own")
        own = f"arn:aws:events:us-east-1:{self.account}:event-bus/own"
        role = self.role("send", "events:PutEvents")
        self.events("PutTargets", Rule="r", EventBusName=bus, Targets=[{"Id": "t", "Arn": own, "RoleArn": role}])
        entry = {"EventBusName": "far", "Source": "test", "DetailType": "x", "Detail": "{}"}
        far.call("events", "PutEvents", {"Entries": [entry]})
        record = aws.get_json(f"{self.bed.emulator}/_emu/deliveries?account={there}")
        self.assertEqual(record[-1]["outcome"], "DELIVERED", f"by the role of the account that made the rule (RT22): {record[-1]}")
        self.events("RemoveTargets", Rule="r", EventBusName=bus, Ids=["t"])
        self.events("DeleteRule", Name="r", EventBusName=bus)
        left = far.call("events", "ListRules", {"EventBusName": "far"})["Rules"]
        self.assertEqual([rule["Name"] for rule in left], ["theirs"])

    def test_a_queue_of_another_account_names_the_role(self):
        there, far = self.other()
        queue, role = f"arn:aws:sqs:us-east-1:{there}:q", self.role("send", "sqs:SendMessage")
        url = far.call("sqs", "CreateQueue", {"QueueName": "q"})["QueueUrl"]
        self.rule()
        self.events("PutTargets", Rule="rule", Targets=[{"Id": "t", "Arn": queue, "RoleArn": role}])
        self.send()
        self.assertEqual(self.deliveries()[-1]["code"], "NO_PERMISSIONS", "the queue's policy has to allow it too")
        for arn, outcome in ((f"{role}x", "FAILED"), (role, "DELIVERED")):
            statement = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{self.account}:root"}, "Action": "sqs:SendMessage",
                         "Resource": queue, "Condition": {"ArnEquals": {"aws:PrincipalArn": arn}}}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            far.call("sqs", "SetQueueAttributes", {"QueueUrl": url, "Attributes": {"Policy": policy}})
            self.send()
            self.assertEqual(self.deliveries()[-1]["outcome"], outcome, arn)


if __name__ == "__main__":
    unittest.main()
