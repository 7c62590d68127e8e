"""The strict stand-in: metrics of what was delivered, by GetMetricData."""
import json
import time
import unittest

import aws
import cbor
from harness import BedTest, grant


class Metrics(BedTest):
    def query(self, metric, dimensions, **stat):
        names = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        return {"Id": f"q{metric.lower()}", "ReturnData": True, "MetricStat": {
            "Metric": {"Namespace": "AWS/Events", "MetricName": metric, "Dimensions": names}, "Period": 60, "Stat": "Sum", **stat}}

    def read(self, *queries, minutes=60, **more):
        now = int(time.time()) // 60 * 60 + 60
        return self.me.call("cloudwatch", "GetMetricData", {"MetricDataQueries": list(queries), "StartTime": cbor.Time(now - 60 * minutes), "EndTime": cbor.Time(now), **more})

    def sums(self, *queries, **more):
        return {row["Label"]: sum(row["Values"]) for row in self.read(*queries, **more)["MetricDataResults"]}

    def rig(self):
        """A rule with a queue that takes events and one that nobody may send to, which has a dead-letter queue."""
        self.bus()
        rule = self.rule(bus="bus")
        _, good = self.queue("good", Policy=grant(self.arn("sqs", "good"), rule))
        _, closed = self.queue("closed")
        _, dead = self.queue("dead", Policy=grant(self.arn("sqs", "dead"), rule))
        self.events("PutTargets", Rule="rule", EventBusName="bus", Targets=[
            {"Id": "good", "Arn": good}, {"Id": "closed", "Arn": closed, "DeadLetterConfig": {"Arn": dead}}])
        return {"EventBusName": "bus", "RuleName": "rule"}

    def test_deliveries_failures_and_dead_letters_are_counted_by_rule(self):
        rule = self.rig()
        self.send("bus")
        self.send("bus")
        names = ("SuccessfulInvocationAttempts", "FailedInvocations", "InvocationsSentToDlq", "InvocationsFailedToBeSentToDlq", "RetryInvocationAttempts")
        self.assertEqual(self.sums(*(self.query(name, rule) for name in names)), dict(zip(names, (2, 2, 2, 0, 0))))
        self.assertEqual(self.sums(self.query("FailedInvocations", {**rule, "RuleName": "other"})), {"FailedInvocations": 0})
        self.settings(metricLagSeconds=60)
        self.assertEqual(self.sums(self.query("FailedInvocations", rule)), {"FailedInvocations": 0}, "metrics are late")

    def test_points_of_a_test_and_pages(self):
        rule = self.rig()
        for minutes, value in ((30, 4), (90, 1)):
            aws.post_json(f"{self.bed.emulator}/_emu/metrics", {"account": self.account, "metric": "FailedInvocations", "dimensions": rule,
                                                                     "minutesAgo": minutes, "value": value})
        self.assertEqual(self.sums(self.query("FailedInvocations", rule)), {"FailedInvocations": 4})
        self.settings(metricPageResults=1)
        asked = (self.query("FailedInvocations", rule), self.query("RetryInvocationAttempts", rule))
        first = self.read(*asked)
        second = self.read(*asked, NextToken=first["NextToken"])
        self.assertEqual([row["Label"] for page in (first, second) for row in page["MetricDataResults"]], ["FailedInvocations", "RetryInvocationAttempts"])
        self.assertNotIn("NextToken", second)

    def test_what_would_be_retried_is_pending(self):
        """A connection that is refused is tried again; a missing queue is final."""
        self.settings(retriesPending=1)
        self.bus()
        rule = self.rule(bus="bus")
        self.events("PutTargets", Rule="rule", EventBusName="bus", Targets=[{"Id": "t", "Arn": self.arn("sqs", "none")}])
        self.send("bus")
        self.assertEqual([(entry["outcome"], entry["rule"]) for entry in self.deliveries()], [("FAILED", rule)])

    def test_what_aws_refuses_is_refused(self):
        rule = {"EventBusName": "bus", "RuleName": "rule"}
        good = self.query("FailedInvocations", rule)
        for wrong, text in (([good, good], "not unique"), ([{**good, "Id": "Q"}], "expected pattern"), ([self.query("FailedInvocations", {"Bus": "b"})], "no metric"),
                            ([self.query("FailedInvocations", {"EventBusName": "default", "RuleName": "r"})], "default bus"),
                            ([self.query("FailedInvocations", rule, Period=61)], "Period"), ([self.query("FailedInvocations", rule, Stat="Total")], "Stat"),
                            ([{**good, "Expression": "q + 1"}], "Exactly one"), ([{**good, "Id": f"q{i}"} for i in range(501)], "size greater than 500")):
            with self.subTest(text), self.assertRaisesRegex(aws.AwsError, text):
                self.read(*wrong)
        with self.assertRaisesRegex(aws.AwsError, "StartTime"):
            self.read(good, minutes=0)

    def test_faults_reach_a_caller_that_speaks_cbor(self):
        self.faults({"match": "cloudwatch.GetMetricData", "kind": "error", "status": 400, "code": "AccessDenied", "message": "no"})
        with self.assertRaises(aws.AwsError) as raised:
            self.read(self.query("Events", {"EventSourceName": "s"}))
        self.assertEqual((raised.exception.code, raised.exception.message), ("AccessDenied", "no"))
        call, = self.journal("cloudwatch.*")
        self.assertEqual((call["op"], call["error"], json.dumps(call["request"])[:23]), ("GetMetricData", "AccessDenied", '{"MetricDataQueries": ['))


if __name__ == "__main__":
    unittest.main()
