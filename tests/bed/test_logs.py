"""The strict stand-in: log groups, log resource policies, and what of them counts when EventBridge delivers."""
import json
import time
import unittest

from harness import BedTest, until

MISSING, WRONG, LIMIT = "ResourceNotFoundException", "InvalidParameterException", "LimitExceededException"
NO_GROUP, NO_STREAM = "The specified log group does not exist.", "The specified log stream does not exist."
RETENTION = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]


class LogsTest(BedTest):
    def logs(self, operation, **parameters):
        return self.me.call("logs", operation, parameters)

    def group(self, name="/aws/events/x", **more):
        self.logs("CreateLogGroup", logGroupName=name, **more)
        return self.arn("logs", f"log-group:{name}")

    def row(self, name="/aws/events/x"):
        row, = [g for g in self.logs("DescribeLogGroups", logGroupNamePrefix=name)["logGroups"] if g["logGroupName"] == name]
        return row

    def allow(self, group="*", effect="Allow", service="events.amazonaws.com"):
        return {"Effect": effect, "Principal": {"Service": service}, "Resource": group, "Action": ["logs:CreateLogStream", "logs:PutLogEvents"]}

    def put(self, *statements, name="p", **more):
        return self.logs("PutResourcePolicy", policyName=name, policyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}), **more)

    def policies(self, **more):
        return self.logs("DescribeResourcePolicies", **more)["resourcePolicies"]


class Groups(LogsTest):
    def test_life(self):
        arn = self.group(tags={"k": "v"})
        self.refused("G1", "ResourceAlreadyExistsException", "The specified log group already exists", self.group)
        row = self.row()
        row.pop("creationTime")
        self.assertEqual(row, {"arn": f"{arn}:*", "logGroupArn": arn, "deletionProtectionEnabled": False, "logGroupClass": "STANDARD",
                               "logGroupName": "/aws/events/x", "metricFilterCount": 0, "storedBytes": 0}, "fact G4")
        self.logs("PutRetentionPolicy", logGroupName="/aws/events/x", retentionInDays=14)
        self.assertEqual(self.row()["retentionInDays"], 14, "fact G7")
        self.logs("DeleteRetentionPolicy", logGroupName="/aws/events/x")
        self.assertNotIn("retentionInDays", self.row(), "fact G7")
        self.assertEqual(self.logs("ListTagsForResource", resourceArn=arn), {"tags": {"k": "v"}}, "fact G8")
        self.logs("TagResource", resourceArn=arn, tags={"l": "w"})
        self.assertEqual(self.logs("ListTagsLogGroup", logGroupName="/aws/events/x"), {"tags": {"k": "v", "l": "w"}}, "fact G8")
        self.logs("UntagResource", resourceArn=arn, tagKeys=["k", "zzz"])
        self.assertEqual(self.logs("ListTagsForResource", resourceArn=arn), {"tags": {"l": "w"}}, "fact G8")
        self.refused("tags", WRONG, f"1 validation error detected: Value '{arn}:*' at 'resourceArn' failed to satisfy constraint: Member must satisfy "
                     r"regular expression pattern: [\w+=/:,.@-]*", lambda: self.logs("TagResource", resourceArn=f"{arn}:*", tags={"a": "b"}))
        self.assertEqual(self.logs("DeleteLogGroup", logGroupName="/aws/events/x"), {})
        self.refused("G2", MISSING, NO_GROUP, lambda: self.logs("DeleteLogGroup", logGroupName="/aws/events/x"))

    def test_refusals(self):
        self.group("g")
        for fact, operation, parameters, code, text in (
                ("G2", "PutRetentionPolicy", {"logGroupName": "n", "retentionInDays": 1}, MISSING, NO_GROUP),
                ("G2", "DeleteRetentionPolicy", {"logGroupName": "n"}, MISSING, NO_GROUP),
                ("G2", "DescribeLogStreams", {"logGroupName": "n"}, MISSING, NO_GROUP),
                ("G2", "CreateLogStream", {"logGroupName": "n", "logStreamName": "s"}, MISSING, NO_GROUP),
                ("G2", "PutLogEvents", {"logGroupName": "g", "logStreamName": "s", "logEvents": []}, MISSING, NO_STREAM),
                ("G2", "AssociateKmsKey", {"logGroupName": "n", "kmsKeyId": self.arn("kms", "key/1")}, MISSING, NO_GROUP),
                ("G3", "CreateLogGroup", {"logGroupName": "x" * 513}, WRONG, "Invalid LogGroup or LogStream, both must have length less than or equal to 512."),
                ("name", "CreateLogGroup", {"logGroupName": "a:b"}, WRONG, "1 validation error detected: Value 'a:b' at 'logGroupName' failed to satisfy "
                 r"constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+"),
                ("class", "CreateLogGroup", {"logGroupName": "h", "logGroupClass": "X"}, WRONG, "1 validation error detected: Value 'X' at 'logGroupClass' "
                 "failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY]"),
                ("days", "PutRetentionPolicy", {"logGroupName": "g", "retentionInDays": 2}, WRONG, "1 validation error detected: Value '2' at "
                 f"'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: {RETENTION}"),
                ("G6", "DescribeLogGroups", {"logGroupNamePrefix": "g", "logGroupNamePattern": "g"}, WRONG,
                 "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."),
                ("key", "CreateLogGroup", {"logGroupName": "h", "kmsKeyId": "alias/x"}, WRONG,
                 "The specified KMS key does not exist or is not allowed to be used with this log group: alias/x"),
                ("G13", "DeleteResourcePolicy", {"policyName": "non-existent"}, MISSING, "Policy with name [non-existent] does not exist.")):
            with self.subTest(fact=fact, operation=operation):
                self.refused(fact, code, text, lambda: self.logs(operation, **parameters))
        self.logs("CreateLogStream", logGroupName="g", logStreamName="s")
        self.refused("G1", "ResourceAlreadyExistsException", "The specified log stream already exists",
                     lambda: self.logs("CreateLogStream", logGroupName="g", logStreamName="s"))
        for days in RETENTION:
            self.logs("PutRetentionPolicy", logGroupName="g", retentionInDays=days)

    def test_class_and_key(self):
        key, other = self.arn("kms", "key/1"), self.arn("kms", "key/2")
        self.group("g", logGroupClass="INFREQUENT_ACCESS", kmsKeyId=key)
        self.assertEqual((self.row("g")["logGroupClass"], self.row("g")["kmsKeyId"]), ("INFREQUENT_ACCESS", key))
        self.logs("AssociateKmsKey", logGroupName="g", kmsKeyId=other)
        self.assertEqual(self.row("g")["kmsKeyId"], other)
        self.logs("DisassociateKmsKey", resourceIdentifier=self.arn("logs", "log-group:g"))
        self.assertNotIn("kmsKeyId", self.row("g"))

    def test_lists(self):
        for name in ("g", "g-1", "G2"):
            self.group(name)
        names = lambda **more: [g["logGroupName"] for g in self.logs("DescribeLogGroups", **more)["logGroups"]]     # noqa: E731
        self.assertEqual(names(logGroupNamePrefix="g"), ["g", "g-1"], "fact G5")
        self.assertEqual(names(logGroupIdentifiers=["g"]), ["g"])
        found, = self.logs("DescribeLogGroups", logGroupNamePattern="-")["logGroups"]
        self.assertNotIn("storedBytes", found, "fact G6")
        self.faults({"match": "logs.Describe*", "kind": "page_size"})
        page = self.logs("DescribeLogGroups", limit=50)
        self.assertEqual([g["logGroupName"] for g in page["logGroups"]], ["G2"])
        self.assertEqual(names(nextToken=page["nextToken"]), ["g"])
        self.put(self.allow(), name="a")
        self.put(self.allow(), name="b")
        page = self.logs("DescribeResourcePolicies")
        self.assertEqual([p["policyName"] for p in page["resourcePolicies"]], ["a"])
        self.assertEqual([p["policyName"] for p in self.policies(nextToken=page["nextToken"])], ["b"])
        self.logs("CreateLogStream", logGroupName="g", logStreamName="s1")
        self.logs("CreateLogStream", logGroupName="g", logStreamName="s2")
        self.assertEqual(len(self.logs("DescribeLogStreams", logGroupName="g")["logStreams"]), 1)

    def test_streams_by_last_event(self):
        self.group("g")
        now = int(time.time() * 1000)
        for name, age in (("a", 3000), ("b", 1000), ("c", 2000)):
            self.logs("CreateLogStream", logGroupName="g", logStreamName=name)
            self.logs("PutLogEvents", logGroupName="g", logStreamName=name, logEvents=[{"timestamp": now - age, "message": name}])
        streams = self.logs("DescribeLogStreams", logGroupName="g", orderBy="LastEventTime", descending=True)["logStreams"]
        self.assertEqual([(s["logStreamName"], s["lastEventTimestamp"]) for s in streams], [("b", now - 1000), ("c", now - 2000), ("a", now - 3000)])
        self.refused("order", WRONG, "Cannot order by LastEventTime with a logStreamNamePrefix.",
                     lambda: self.logs("DescribeLogStreams", logGroupName="g", orderBy="LastEventTime", logStreamNamePrefix="a"))

    def test_faults(self):
        self.faults({"match": "logs.CreateLogGroup", "kind": "throttle", "times": 1}, {"match": "logs.CreateLogGroup", "kind": "error", "times": 1},
                    {"match": "logs.CreateLogGroup", "kind": "applied_reset", "times": 1})
        self.refused("throttle", "ThrottlingException", "Rate exceeded", self.group)
        self.refused("error", "InternalException", "injected by the test bed", self.group, 500)
        self.assertRaises(OSError, self.group)
        self.assertEqual(self.row()["logGroupClass"], "STANDARD")
        self.assertEqual([(c["status"], c["fault"]) for c in self.journal("logs.CreateLogGroup")], [(400, "throttle"), (500, "error"), (200, "applied_reset")])


class Policies(LogsTest):
    def test_shapes(self):
        document = '{ "Statement": [{"Effect":"Allow","Principal":{"Service":["events.amazonaws.com"]},"Action":"logs:PutLogEvents","Resource":"*"}] }'
        answer = self.logs("PutResourcePolicy", policyName="p", policyDocument=document)
        self.assertEqual(set(answer), {"resourcePolicy"}, "fact G9")
        self.assertEqual(set(answer["resourcePolicy"]), {"policyName", "policyDocument", "lastUpdatedTime", "policyScope"}, "fact G9")
        self.assertEqual((answer["resourcePolicy"]["policyDocument"], answer["resourcePolicy"]["policyScope"]), (document, "ACCOUNT"), "fact G9")
        have, = self.policies()
        self.assertEqual(json.loads(have["policyDocument"]), {"Version": "2008-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "logs:PutLogEvents", "Resource": "*"}]}, "fact G10")
        time.sleep(0.002)
        self.put(self.allow())
        again, = self.policies()
        self.assertGreater(again["lastUpdatedTime"], have["lastUpdatedTime"], "fact G11")
        self.assertEqual(json.loads(again["policyDocument"])["Version"], "2012-10-17")
        self.logs("DeleteResourcePolicy", policyName="p")
        self.assertEqual(self.policies(), [])

    def test_refusals(self):
        for i in range(10):
            self.put(self.allow(), name=f"p{i}")
        self.refused("G12", LIMIT, "Resource limit exceeded.", lambda: self.put(self.allow(), name="more"))
        self.put(self.allow(), name="p3")                                                       # G11
        self.client(region="eu-west-1").call("logs", "PutResourcePolicy", {"policyName": "there", "policyDocument": json.dumps({"Statement": self.allow()})})
        self.refused("length", LIMIT, "Resource limit exceeded.", lambda: self.put(self.allow("x" * 5120), name="p3"))
        self.refused("document", WRONG, "Policy document is not valid JSON with a Statement.",
                     lambda: self.logs("PutResourcePolicy", policyName="p3", policyDocument="{"))
        self.refused("revision", WRONG, "Expected revision id is only supported with resource arn.",
                     lambda: self.put(self.allow(), name="p3", expectedRevisionId="1"))

    def test_policy_of_one_group(self):
        group = self.group()
        for i in range(10):
            self.put(self.allow("arn:x"), name=f"p{i}")
        text = json.dumps({"Version": "2012-10-17", "Statement": [self.allow(f"{group}:*")]})
        put = lambda **more: self.logs("PutResourcePolicy", resourceArn=group, policyDocument=text, **more)     # noqa: E731
        self.assertEqual(put()["revisionId"], "1", "not counted among the ten")
        self.assertEqual(put(expectedRevisionId="1")["revisionId"], "2")
        self.refused("revision", WRONG, "Invalid ExpectedRevisionId", lambda: put(expectedRevisionId="1"))
        self.assertEqual([(p["policyScope"], p["resourceArn"]) for p in self.policies(resourceArn=group)], [("RESOURCE", group)])
        self.assertEqual(len(self.policies()), 10)
        self.rule()
        self.assertEqual(self.delivered(group)["outcome"], "DELIVERED")
        self.logs("DeleteResourcePolicy", resourceArn=group, expectedRevisionId="2")
        self.assertEqual(self.delivered(group)["code"], "NO_PERMISSIONS")

    def delivered(self, arn):
        self.events("PutTargets", Rule="rule", Targets=[{"Id": "t", "Arn": arn}])
        self.send()
        return self.deliveries()[-1]

    def test_delivery(self):
        self.rule()
        group = self.group(logGroupClass="INFREQUENT_ACCESS")
        for what, statements, outcome in (("nothing", [], "FAILED"), ("another group", [self.allow(group + "y:*")], "FAILED"),
                                          ("another service", [self.allow(f"{group}:*", service="s3.amazonaws.com")], "FAILED"),
                                          ("without :*", [self.allow(group)], "FAILED"), ("right", [self.allow(f"{group}:*")], "DELIVERED"),
                                          ("all of a prefix", [self.allow(self.arn("logs", "log-group:/aws/events/*:*"))], "DELIVERED")):
            with self.subTest(what):
                if statements:
                    self.put(*statements)
                self.assertEqual(self.delivered(group)["outcome"], outcome)
        streams = self.logs("DescribeLogStreams", logGroupName="/aws/events/x", orderBy="LastEventTime", descending=True)["logStreams"]
        event = self.logs("GetLogEvents", logGroupName="/aws/events/x", logStreamName=streams[0]["logStreamName"])["events"][0]
        self.assertEqual(json.loads(event["message"])["source"], "test", "fact D5")
        self.put(self.allow(effect="Deny"), name="q")
        self.assertEqual(self.delivered(group)["code"], "NO_PERMISSIONS", "a Deny in another policy wins")
        self.logs("DeleteResourcePolicy", policyName="q")
        self.logs("DeleteLogGroup", logGroupName="/aws/events/x")
        self.assertEqual(self.delivered(group)["code"], "NO_RESOURCE")

    def test_policy_settles_late(self):
        self.rule()
        group = self.group()
        self.settings(permissionDelaySeconds=1)
        self.put(self.allow())
        self.assertEqual(self.delivered(group)["code"], "NO_PERMISSIONS")
        until(lambda: self.delivered(group)["outcome"] == "DELIVERED", 5, 0.1)
        self.put(self.allow(effect="Deny"))
        self.logs("PutResourcePolicy", resourceArn=group, policyDocument=json.dumps({"Statement": [self.allow(effect="Deny")]}))
        self.assertEqual(self.delivered(group)["outcome"], "DELIVERED", "the old one still counts")
        until(lambda: self.delivered(group)["outcome"] == "FAILED", 5, 0.1)


class FilterEvents(LogsTest):
    def setUp(self):
        super().setUp()
        self.group()
        self.logs("CreateLogStream", logGroupName="/aws/events/x", logStreamName="s")
        now = int(time.time() * 1000)
        events = [{"timestamp": now + i, "message": json.dumps({"id": f"e{i % 5}", "details": {"rule": f"r{i}"}})} for i in range(20)]
        self.logs("PutLogEvents", logGroupName="/aws/events/x", logStreamName="s", logEvents=events)
        self.now = now

    def found(self, pattern=None, **more):
        given = {"filterPattern": pattern} if pattern else {}
        return self.logs("FilterLogEvents", logGroupName="/aws/events/x", **given, **more)

    def test_patterns(self):
        count = lambda pattern, **more: len(self.found(pattern, **more)["events"])             # noqa: E731
        self.assertEqual(count(None), 20)
        self.assertEqual(count('{ $.id = "e1" }'), 4)
        self.assertEqual(count('{ $.id = "e1" || $.details.rule = "r7" }'), 5)
        self.assertEqual(count('{ $.details = "r7" }'), 0)
        self.assertEqual(count('"r19"'), 1)
        self.assertEqual(count(None, startTime=self.now + 5, endTime=self.now + 8), 4)
        for pattern in ("{ $.id = e1 }", "{", '{ $.id = "e*" }', "a b", '{ $.id = "a" && $.id = "b" }'):
            self.refused("pattern", WRONG, "Invalid filter pattern", lambda pattern=pattern: self.found(pattern))
        self.refused("G2", MISSING, NO_GROUP, lambda: self.logs("FilterLogEvents", logGroupName="/no"))

    def test_pages_may_be_empty(self):
        self.settings(logPage=3)
        pages, more = [], {}
        while True:
            page = self.found('{ $.details.rule = "r19" }', **more)
            pages.append(len(page["events"]))
            if "nextToken" not in page:
                break
            more = {"nextToken": page["nextToken"]}
        self.assertEqual(pages, [0, 0, 0, 0, 0, 0, 1])


if __name__ == "__main__":
    unittest.main()
