"""The strict stand-in against the recorded facts of AWS (docs/aws-facts.md): SQS queues, their attributes and policies."""
import json
import time
import unittest

from harness import BedTest, until


class Queues(BedTest):
    def test_missing(self):                                                                     # Q1
        self.refused("Q1", "QueueDoesNotExist", "The specified queue does not exist.",
                     lambda: self.sqs("GetQueueUrl", QueueName="nope"))
        self.refused("Q1", "QueueDoesNotExist", "The specified queue does not exist.",
                     lambda: self.sqs("GetQueueAttributes", QueueUrl=f"{self.bed.url}/{self.account}/nope", AttributeNames=["All"]))
        _, headers, _ = self.me.raw("sqs", "GetQueueUrl", {"QueueName": "nope"})
        self.assertEqual(headers["x-amzn-query-error"], "AWS.SimpleQueueService.NonExistentQueue;Sender", "fact Q1")

    def test_create_again(self):
        url = self.queue(DelaySeconds="1", VisibilityTimeout="45")[0]
        self.assertEqual(self.queue()[0], url, "fact Q2")
        self.assertEqual(self.queue(VisibilityTimeout="45")[0], url, "fact Q2")
        self.refused("Q3", "QueueNameExists", "A queue already exists with the same name and a different value for attribute DelaySeconds",
                     lambda: self.queue(DelaySeconds="2"))
        _, headers, _ = self.me.raw("sqs", "CreateQueue", {"QueueName": "queue", "Attributes": {"DelaySeconds": "2"}})
        self.assertEqual(headers["x-amzn-query-error"], "QueueAlreadyExists;Sender", "fact Q3")

    def test_refused_attributes(self):
        fifo, plain = self.queue("f.fifo", FifoQueue="true")[0], self.queue("plain")[0]
        put = lambda url, **a: lambda: self.sqs("SetQueueAttributes", QueueUrl=url, Attributes=a)     # noqa: E731
        make = lambda **a: lambda: self.queue("new", **a)                                               # noqa: E731
        sse = "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."
        big = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "x" * 8192}]})
        many = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": str(i)} for i in range(21)]})
        for fact, code, text, call in (
                ("Q4", "InvalidAttributeName", "Unknown Attribute FifoQueue.", make(FifoQueue="false")),
                ("Q4", "InvalidAttributeName", "Unknown Attribute FifoQueue.", put(plain, FifoQueue="false")),
                ("Q4", "InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication.", make(ContentBasedDeduplication="true")),
                ("Q5", "InvalidAttributeName", "You can specify the DeduplicationScope only when FifoQueue is set to true.", make(DeduplicationScope="queue")),
                ("Q6", "InvalidAttributeValue", "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
                 put(fifo, FifoQueue="false")),
                ("Q7", "InvalidAttributeName", sse, make(KmsMasterKeyId="k", SqsManagedSseEnabled="true")),
                ("8 KiB", "InvalidAttributeValue", "Invalid value for the parameter Policy.", put(plain, Policy=big)),
                ("20 statements", "InvalidAttributeValue", "Invalid value for the parameter Policy.", put(plain, Policy=many)),
                ("8 KiB", "InvalidAttributeValue", "Invalid value for the parameter Policy.", make(Policy=big))):
            with self.subTest(fact):
                self.refused(fact, code, text, call)
        put(fifo, FifoQueue="true")()
        for redrive in ({"maxReceiveCount": 3}, {"deadLetterTargetArn": self.arn("sqs", "plain")},
                        {"deadLetterTargetArn": self.arn("sqs", "plain"), "maxReceiveCount": "x"}):
            status, headers, _ = self.me.raw("sqs", "CreateQueue", {"QueueName": "new", "Attributes": {"RedrivePolicy": json.dumps(redrive)}})
            self.assertEqual((status, headers["x-amzn-errortype"]), (400, "InvalidParameterValue"), "fact Q8")

    def test_empty_removes(self):                                                               # Q9
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["sqs:SendMessage"], "Resource": "*"}]})
        url, arn = self.queue("dead")
        url, _ = self.queue(Policy=policy, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 7}))
        have = self.attributes(url)
        self.assertEqual(have["Policy"], policy, "fact Q18")
        self.assertEqual(json.loads(have["RedrivePolicy"])["maxReceiveCount"], 7, "fact Q14")
        self.sqs("SetQueueAttributes", QueueUrl=url, Attributes={"Policy": "", "RedrivePolicy": ""})
        self.assertFalse({"Policy", "RedrivePolicy"} & set(self.attributes(url)), "fact Q9")

    def test_defaults(self):
        standard = {"DelaySeconds": "0", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0",
                    "VisibilityTimeout": "30", "SqsManagedSseEnabled": "true", "ApproximateNumberOfMessages": "0",
                    "ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0"}
        fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}
        for fact, name, given, wanted in (("Q10", "s", {}, standard), ("Q11", "f.fifo", {"FifoQueue": "true"}, {**standard, **fifo})):
            url, arn = self.queue(name, **given)
            have = self.attributes(url)
            self.assertEqual({k: v for k, v in have.items() if "Timestamp" not in k}, {**wanted, "QueueArn": arn}, f"fact {fact}")
            self.assertTrue(have["CreatedTimestamp"].isdigit() and have["LastModifiedTimestamp"].isdigit(), f"fact {fact}")

    def test_encryption(self):
        url, _ = self.queue(KmsMasterKeyId="alias/x")
        have = self.attributes(url)
        self.assertEqual((have["KmsMasterKeyId"], have["SqsManagedSseEnabled"], have["KmsDataKeyReusePeriodSeconds"]), ("alias/x", "false", "300"), "fact Q12")
        self.sqs("SetQueueAttributes", QueueUrl=url, Attributes={"KmsMasterKeyId": ""})
        have = self.attributes(url)
        self.assertFalse([k for k in have if k.startswith("Kms")], "fact Q13")
        self.assertEqual(have["SqsManagedSseEnabled"], "false", "fact Q13")

    def test_permissions(self):
        url, arn = self.queue()
        self.sqs("AddPermission", QueueUrl=url, Label="L", AWSAccountIds=["111122223333"], Actions=["ReceiveMessage"])
        policy = json.loads(self.attributes(url)["Policy"])
        self.assertEqual((policy["Version"], policy["Id"].partition("/")[0]), ("2008-10-17", arn), "fact Q15")
        self.assertEqual((policy["Statement"][0]["Action"], policy["Statement"][0]["Principal"]),
                         ("SQS:ReceiveMessage", {"AWS": "arn:aws:iam::111122223333:root"}), "fact Q15")
        self.refused("Q16", "InvalidParameterValue", "Value L for parameter Label is invalid. Reason: Already exists.",
                     lambda: self.sqs("AddPermission", QueueUrl=url, Label="L", AWSAccountIds=["111122223333"], Actions=["*"]))
        self.refused("Q16", "InvalidParameterValue", "Value M for parameter Label is invalid. Reason: can't find label.",
                     lambda: self.sqs("RemovePermission", QueueUrl=url, Label="M"))
        self.sqs("RemovePermission", QueueUrl=url, Label="L")
        self.assertNotIn("Policy", self.attributes(url), "fact Q17")

    def test_deleted_name_is_blocked_for_a_while(self):
        self.settings(queueDeletedSeconds=1)
        url, _ = self.queue()
        self.sqs("DeleteQueue", QueueUrl=url)
        gone = time.monotonic()
        self.refused("Q24", "QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
                     self.queue)
        until(lambda: self.me.raw("sqs", "CreateQueue", {"QueueName": "queue"})[0] == 200, 5)
        self.assertGreater(time.monotonic() - gone, 0.9, "fact Q24")


if __name__ == "__main__":
    unittest.main()
