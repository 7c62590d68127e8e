"""The strict stand-in against the recorded facts of AWS (docs/aws-facts.md): EventBridge's refusals, and the shapes of its answers."""
import json
import time
import unittest

from harness import BedTest, until

NO_BUS, NO_RULE = "Event bus nope does not exist.", "Rule nope does not exist on EventBus default."
PATTERN = '{"source":["test"]}'
MISSING, INVALID, EXISTS = "ResourceNotFoundException", "ValidationException", "ResourceAlreadyExistsException"
ID = r"[\.\-_A-Za-z0-9]+"
TOO_MANY = "The requested resource exceeds the maximum number allowed."
NO_SUCH_ID = "Statement with the provided id does not exist."

# fact, operation, parameters, code, text. A bus `bus` with a rule `rule` and a target `t` is there; $ARN is the queue's ARN.
REFUSALS = [
    ("E1", "CreateEventBus", {"Name": "bus"}, EXISTS, "Event bus bus already exists."),
    ("E2", "DescribeEventBus", {"Name": "nope"}, MISSING, NO_BUS),
    ("E2u", "UpdateEventBus", {"Name": "nope", "Description": "x"}, MISSING, NO_BUS),
    ("E3", "DeleteEventBus", {"Name": "default"}, INVALID, "Cannot delete event bus default."),
    ("E4", "DescribeRule", {"Name": "nope"}, MISSING, NO_RULE),
    ("E4b", "DescribeRule", {"Name": "nope", "EventBusName": "bus"}, MISSING, "Rule nope does not exist on EventBus bus."),
    ("E4c", "EnableRule", {"Name": "nope"}, MISSING, NO_RULE),
    ("E4d", "DisableRule", {"Name": "nope"}, MISSING, NO_RULE),
    ("E4e", "PutTargets", {"Rule": "nope", "Targets": [{"Id": "t", "Arn": "$ARN"}]}, MISSING, NO_RULE),
    ("E4f", "ListTargetsByRule", {"Rule": "nope"}, MISSING, NO_RULE),
    ("E4g", "PutRule", {"Name": "r", "EventBusName": "nope", "EventPattern": PATTERN}, MISSING, NO_BUS),
    ("E5", "DeleteRule", {"Name": "rule", "EventBusName": "bus"}, INVALID, "Rule can't be deleted since it has targets."),
    ("E6", "PutRule", {"Name": "r", "EventBusName": "bus", "ScheduleExpression": "rate(1 minute)"}, INVALID,
     "ScheduleExpression is supported only on the default event bus."),
    ("E6b", "PutRule", {"Name": "r", "EventBusName": "bus", "EventPattern": PATTERN, "ScheduleExpression": ""}, INVALID,
     "ScheduleExpression is supported only on the default event bus."),
    ("E8", "PutTargets", {"Rule": "rule", "EventBusName": "bus", "Targets": [{"Id": f"x{i}", "Arn": "$ARN"} for i in range(7)]},
     "LimitExceededException", TOO_MANY),
    ("E8b", "PutTargets", {"Rule": "rule", "EventBusName": "bus", "Targets": [{"Id": f"x{i}", "Arn": "$ARN"} for i in range(5)]},
     "LimitExceededException", TOO_MANY),
    ("E9", "PutTargets", {"Rule": "rule", "EventBusName": "bus", "Targets": [{"Id": "!@#$@!#$", "Arn": "$ARN"}]}, INVALID,
     "1 validation error detected: Value '!@#$@!#$' at 'targets.1.member.id' failed to satisfy constraint: "
     "Member must satisfy regular expression pattern: " + ID),
    ("E10", "PutTargets", {"Rule": "rule", "EventBusName": "bus", "Targets": [{"Id": "ok", "Arn": "$ARN"}, {"Id": "a" * 65, "Arn": "$ARN"}]}, INVALID,
     f"1 validation error detected: Value '{'a' * 65}' at 'targets.2.member.id' failed to satisfy constraint: "
     "Member must have length less than or equal to 64"),
    ("E11", "PutTargets", {"Rule": "rule", "EventBusName": "bus", "Targets": [{"Id": "T", "Arn": "$ARN", "InputPath": "$.detail", "Input": "{}"}]},
     INVALID, "Only one of Input, InputPath, or InputTransformer must be provided for target T."),
    ("E12", "PutTargets", {"Rule": "rule", "EventBusName": "bus", "Targets": [
        {"Id": "T", "Arn": "$ARN", "InputTransformer": {"InputPathsMap": {"a": "$.detail"}, "InputTemplate": '"<a> <KEY>"'}}]},
     INVALID, "InputTemplate for target T contains invalid placeholder KEY."),
    ("E13", "PutPermission", {"EventBusName": "nope", "StatementId": "s", "Principal": "*", "Action": "events:PutEvents"}, MISSING, NO_BUS),
    ("E14", "RemovePermission", {"EventBusName": "bus", "StatementId": "s"}, MISSING, NO_SUCH_ID),
    ("E15", "TagResource", {"ResourceARN": "$EV:rule/nope", "Tags": []}, MISSING, NO_RULE),
    ("E15b", "ListTagsForResource", {"ResourceARN": "$EV:rule/bus/nope"}, MISSING, "Rule nope does not exist on EventBus bus."),
    ("E15c", "UntagResource", {"ResourceARN": "$EV:rule/nope", "TagKeys": ["k"]}, MISSING, NO_RULE),
    ("E16", "ListTagsForResource", {"ResourceARN": "$EV:event-bus/nope"}, MISSING, NO_BUS),
    ("E16b", "TagResource", {"ResourceARN": "$EV:event-bus/nope", "Tags": []}, MISSING, NO_BUS),
    ("bus in use", "DeleteEventBus", {"Name": "bus"}, INVALID, "Event bus bus can't be deleted since it has rules."),
    ("role", "PutTargets", {"Rule": "rule", "EventBusName": "bus", "Targets": [{"Id": "T", "Arn": "$SFN"}]}, INVALID, "RoleArn is required for target $SFN."),
    ("FIFO", "PutTargets", {"Rule": "rule", "EventBusName": "bus", "Targets": [{"Id": "T", "Arn": "$ARN.fifo"}]}, INVALID,
     "Parameter(s) SqsParameters must be specified for target: T."),
    ("P3", "PutEvents", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": json.dumps({"x": "y" * (1 << 20)})}]}, INVALID,
     "Total size of the entries in the request is over the limit."),
    ("P4", "PutEvents", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}] * 11}, INVALID,
     "1 validation error detected: Value '[" + ", ".join(
         ["PutEventsRequestEntry(time=null, source=s, resources=null, detailType=d, detail={}, eventBusName=null, traceHeader=null, "
          "kmsKeyIdentifier=null, internalMetadata=null)"] * 11)
     + "]' at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10"),
]

# Refused with E7's text (D1, D2) ...
BAD_SCHEDULES = (
    "rate(10 seconds)", "rate(10 years)", "rate(1 minutes)", "rate(1 hours)", "rate(1 days)", "rate(10 minute)", "rate(10 hour)", "rate(10 day)",
    "", "rate(10)", "rate(10 minutess)", "rate(foo minutes)", "rate(0 minutes)", "rate(-10 minutes)", "rate(10 MINUTES)", "rate( 10 minutes)",
    " rate(10 minutes)", "cron(INVALID)", "cron(0 1 * * * *)", "cron(0 1 ? * NOT *)", "cron(71 8 1 * ? *)", "cron(0 1 1 * ?)", "text")
# ... and taken.
GOOD_SCHEDULES = ("rate(1 minute)", "rate(5 minutes)", "rate(1 day)", "rate(2 hours)", "cron(0 12 * * ? *)", "cron(15 10 ? * 6L 2019-2022)",
                  "cron(0 18 ? * MON-FRI *)", "cron(0/15 * ? * * *)", "cron(0 8 L * ? *)", "cron(0 0 ? * 2#1 *)", "cron(5,35 14 * * ? *)")

# The reasons of T1 to T12, up to the line break; asked of PutRule too, which must not be milder than TestEventPattern.
BAD_PATTERNS = [
    ("T1", '{"key":"value"}', '"key" must be an object or an array'),
    ("T2", '{"key":[]}', "Empty arrays are not allowed"),
    ("T3", '{"key":[{"EXISTS":true}]}', "Unrecognized match type EXISTS"),
    ("T4", '["not","a","dict"]', "Filter is not an object"),
    ("T6", '{"a":[{"numeric":[">",0,">",0]}]}', "Bad numeric range operator: >"),
    ("T7", '{"a":[{"prefix":5}]}', "prefix match pattern must be a string"),
    ("T8", '{"a":[{"cidr":"10.0.0.0"}]}', "Malformed CIDR, one '/' required"),
    ("T9", '{"a":[{"wildcard":"a**b"}]}', "Consecutive wildcard characters at pos 2"),
    ("T10", '{"a":[{"anything-but":null}]}', "Value of anything-but must be an array or single string/number value."),
    ("T12", '{"a":[{"anything-but":{"prefix":""}}]}', "Null prefix/suffix not allowed")]


class Refusals(BedTest):
    def test_events(self):
        self.bus()
        self.rule(bus="bus")
        arn = self.queue()[1]
        self.events("PutTargets", Rule="rule", EventBusName="bus", Targets=[{"Id": "t", "Arn": arn}])
        fill = {"$ARN": arn, "$EV": self.arn("events", "")[:-1], "$SFN": self.arn("states", "stateMachine:m")}
        for fact, operation, parameters, code, text in REFUSALS:
            wish = json.dumps([parameters, text])
            for mark, value in fill.items():
                wish = wish.replace(mark, value) if mark != "$ARN" else wish.replace('"$ARN', f'"{value}')
            parameters, text = json.loads(wish)
            with self.subTest(fact=fact):
                self.refused(fact, code, text, lambda: self.events(operation, **parameters))

    def test_a_missing_bus_is_deleted_with_success(self):
        self.assertEqual(self.events("DeleteEventBus", Name="nope"), {}, "fact E2")

    def test_schedules(self):
        for text in BAD_SCHEDULES:
            with self.subTest(text):
                self.refused("E7", INVALID, "Parameter ScheduleExpression is not valid.", lambda: self.rule("s", ScheduleExpression=text))
        for text in GOOD_SCHEDULES:
            with self.subTest(text):
                self.rule("s", ScheduleExpression=text)
                self.assertEqual(self.events("DescribeRule", Name="s")["ScheduleExpression"], text, "fact D2")

    def test_patterns(self):
        event = json.dumps({"id": "1", "account": "1", "source": "s", "time": "2022-07-13T13:48:01Z", "region": "r", "resources": [],
                            "detail-type": "d", "detail": {}})
        for fact, pattern, reason in BAD_PATTERNS:
            text = f"Event pattern is not valid. Reason: {reason}"
            with self.subTest(fact=fact):
                self.refused(fact, "InvalidEventPatternException", text, lambda: self.events("TestEventPattern", EventPattern=pattern, Event=event))
                self.refused(fact, "InvalidEventPatternException", text, lambda: self.rule("p", EventPattern=pattern))

    def test_event_of_test_event_pattern(self):
        whole = {"id": "1", "account": "1", "source": "test", "time": "2022-07-13T13:48:01Z", "region": "r", "detail-type": "d", "detail": {}}
        self.assertEqual(self.events("TestEventPattern", EventPattern=PATTERN, Event=json.dumps(whole)), {"Result": True})
        self.assertEqual(self.events("TestEventPattern", EventPattern='{"source":["x"]}', Event=json.dumps(whole)), {"Result": False})
        for event in ("plain", "[]", *(json.dumps({k: v for k, v in whole.items() if k != key}) for key in whole if key != "detail")):
            self.refused("E34", INVALID, "Parameter Event is not valid.", lambda: self.events("TestEventPattern", EventPattern=PATTERN, Event=event))

    def test_a_bus_just_made_may_not_be_seen_yet(self):
        self.settings(readLagSeconds=1)
        self.bus()
        self.refused("lag", MISSING, "Event bus bus does not exist.", lambda: self.events("DescribeEventBus", Name="bus"))
        self.refused("lag", EXISTS, "Event bus bus already exists.", self.bus)
        until(lambda: self.me.raw("events", "DescribeEventBus", {"Name": "bus"})[0] == 200, 3)

    def test_put_events_entries(self):
        good = {"Source": "s", "DetailType": "d", "Detail": "{}"}
        for key in good:                                                                        # P1
            answer = self.events("PutEvents", Entries=[{k: v for k, v in good.items() if k != key}])
            self.assertEqual(answer, {"FailedEntryCount": 1, "Entries": [
                {"ErrorCode": "InvalidArgument", "ErrorMessage": f"Parameter {key} is not valid. Reason: {key} is a required argument."}]}, "fact P1")
        for detail in ("NotJSON", "[]", "{{}", '"text"'):                                       # P2
            answer = self.events("PutEvents", Entries=[good, {**good, "Detail": detail}])
            self.assertEqual(answer["FailedEntryCount"], 1, "fact P2")
            self.assertEqual(list(answer["Entries"][0]), ["EventId"], "fact P5")
            self.assertEqual(answer["Entries"][1], {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}, "fact P2")
        answer = self.events("PutEvents", Entries=[{**good, "EventBusName": "nope"}])
        self.assertEqual((answer["FailedEntryCount"], list(answer["Entries"][0])), (0, ["EventId"]), "fact P6")

    def test_limits_are_settable(self):
        self.settings(ruleLimit=1, busLimit=1, maxTargets=1)
        arn = self.queue()[1]
        self.bus()
        self.rule(bus="bus")
        self.rule(bus="bus")        # an update is no new rule
        target = lambda name: self.events("PutTargets", Rule="rule", EventBusName="bus", Targets=[{"Id": name, "Arn": arn}])   # noqa: E731
        target("a")
        for call in (lambda: self.bus("more"), lambda: self.rule("more", bus="bus"), lambda: target("b")):
            self.refused("quota", "LimitExceededException", TOO_MANY, call)


class Shapes(BedTest):
    def test_buses(self):
        key, dead = self.arn("kms", "key/1"), {"Arn": self.arn("sqs", "dead")}
        self.assertEqual(self.events("CreateEventBus", Name="plain"), {"EventBusArn": self.arn("events", "event-bus/plain")}, "fact S1")
        self.assertEqual(self.events("CreateEventBus", Name="full", Description="d", KmsKeyIdentifier=key, DeadLetterConfig=dead,
                                     Tags=[{"Key": "k", "Value": "v"}])["Description"], "d", "fact S1")
        plain = self.events("DescribeEventBus", Name="plain")
        self.assertEqual(set(plain), {"Arn", "CreationTime", "LastModifiedTime", "Name"}, "fact S2")
        full = self.events("DescribeEventBus", Name="full")
        self.assertEqual((full["Description"], full["KmsKeyIdentifier"], full["DeadLetterConfig"]), ("d", key, dead), "fact S2")
        rows = {b["Name"]: set(b) for b in self.events("ListEventBuses")["EventBuses"]}
        self.assertEqual(rows["plain"], {"Arn", "CreationTime", "LastModifiedTime", "Name"}, "fact S2")
        self.assertEqual(list(rows), ["default", "full", "plain"], "fact S10")
        self.events("UpdateEventBus", Name="plain", Description="e", KmsKeyIdentifier=key, DeadLetterConfig=dead)
        after = self.events("DescribeEventBus", Name="plain")
        self.assertEqual((after["Description"], after["KmsKeyIdentifier"], after["DeadLetterConfig"]), ("e", key, dead), "UpdateEventBus")
        self.events("UpdateEventBus", Name="plain", Description="", KmsKeyIdentifier="", DeadLetterConfig={})
        self.assertEqual(set(self.events("DescribeEventBus", Name="plain")), set(plain), "UpdateEventBus takes away")

    def test_rules(self):
        self.assertEqual(self.events("PutRule", Name="r", EventPattern=PATTERN), {"RuleArn": self.arn("events", "rule/r")}, "fact S3")
        self.bus()
        text = '{ "source":["b","a"],  "account":["1"] }'
        arn = self.rule("r", bus="bus", EventPattern=text, Description="d", State="DISABLED", RoleArn=self.arn("iam", "role/x"),
                        Tags=[{"Key": "k", "Value": "v"}])
        self.assertEqual(arn, self.arn("events", "rule/bus/r"), "fact S3")
        self.assertEqual(self.events("DescribeRule", Name="r", EventBusName="bus")["EventPattern"], text, "fact S6")
        self.assertEqual(self.rule("r", bus="bus", EventPattern=PATTERN, Tags=[{"Key": "other", "Value": "v"}]), arn, "fact I1")
        rule = self.events("DescribeRule", Name="r", EventBusName="bus")
        self.assertEqual(rule, {"Arn": arn, "CreatedBy": self.account, "EventBusName": "bus", "EventPattern": PATTERN, "Name": "r",
                                "State": "ENABLED"}, "fact S4; PutRule replaces all")
        self.assertEqual(self.events("ListTagsForResource", ResourceARN=arn), {"Tags": [{"Key": "k", "Value": "v"}]}, "PutRule ignores tags on update")
        row, = self.events("ListRules", EventBusName="bus")["Rules"]
        self.assertEqual(set(row), {"Arn", "EventBusName", "EventPattern", "Name", "State"}, "fact S5")
        self.assertEqual(self.events("ListRules")["Rules"][0]["EventBusName"], "default", "fact S5")
        for call, state in (("DisableRule", "DISABLED"), ("EnableRule", "ENABLED")):
            self.assertEqual(self.events(call, Name="r", EventBusName="bus"), {}, "fact S9")
            self.assertEqual(self.events("DescribeRule", Name="r", EventBusName="bus"), {**rule, "State": state}, "fact I9")

    def test_targets(self):
        self.rule("r")
        arn = self.queue()[1]
        put = lambda **t: self.events("PutTargets", Rule="r", Targets=[{"Id": "t", "Arn": arn, **t}])      # noqa: E731
        done = {"FailedEntries": [], "FailedEntryCount": 0}
        self.assertEqual(put(InputPath="$.a", RetryPolicy={"MaximumRetryAttempts": 3}), done, "fact S7")
        self.assertEqual(put(InputPath="$.b"), done, "fact S7")
        self.assertEqual(self.events("ListTargetsByRule", Rule="r"), {"Targets": [{"Id": "t", "Arn": arn, "InputPath": "$.b"}]}, "facts S8, I2")
        self.events("PutRule", Name="r", EventPattern=PATTERN)
        self.assertEqual(len(self.events("ListTargetsByRule", Rule="r")["Targets"]), 1, "fact I1")
        self.assertEqual(self.events("ListRuleNamesByTarget", TargetArn=arn), {"RuleNames": ["r"]}, "fact S10")
        self.assertEqual(self.events("RemoveTargets", Rule="r", Ids=["t"]), done, "fact S7")
        self.assertEqual(self.events("DeleteRule", Name="r"), {}, "fact S9")

    def test_pages(self):
        for i in range(3):
            self.rule(f"r{i}")
        first = self.events("ListRules", Limit=1)
        second = self.events("ListRules", Limit=2, NextToken=first["NextToken"])
        self.assertEqual([r["Name"] for r in first["Rules"] + second["Rules"]], ["r0", "r1", "r2"], "fact S10")
        self.assertNotIn("NextToken", second, "fact S10")

    def test_tags(self):
        arn = self.bus()
        self.assertEqual(self.events("ListTagsForResource", ResourceARN=arn), {"Tags": []}, "fact S11")
        self.assertEqual(self.events("TagResource", ResourceARN=arn, Tags=[{"Key": "k", "Value": "v"}]), {}, "fact S9")
        self.assertEqual(self.events("UntagResource", ResourceARN=arn, TagKeys=["zzz"]), {}, "fact I3")
        self.assertEqual(self.events("ListTagsForResource", ResourceARN=arn), {"Tags": [{"Key": "k", "Value": "v"}]}, "fact S11")
        self.events("DeleteEventBus", Name="bus")
        self.assertEqual(self.events("ListTagsForResource", ResourceARN=self.bus()), {"Tags": []}, "fact I4")

    def test_permissions(self):
        bus = self.bus()
        policy = lambda: self.events("DescribeEventBus", Name="bus").get("Policy")     # noqa: E731
        self.events("PutPermission", EventBusName="bus", StatementId="s", Principal="111122223333", Action="events:PutEvents")
        self.assertEqual(json.loads(policy())["Statement"], [{
            "Sid": "s", "Effect": "Allow", "Action": "events:PutEvents", "Resource": bus, "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}], "fact I6")
        whole = {"Version": "2012-10-17", "Statement": [{"Sid": "x", "Effect": "Allow", "Principal": {"Service": "a.amazonaws.com"},
                                                         "Action": "events:ListRules", "Resource": "*"}]}
        self.events("PutPermission", EventBusName="bus", Policy=json.dumps(whole))
        self.assertEqual(json.loads(policy()), whole, "fact I7")
        self.refused("E14", MISSING, NO_SUCH_ID, lambda: self.events("RemovePermission", EventBusName="bus", StatementId="s"))
        self.events("RemovePermission", EventBusName="bus", RemoveAllPermissions=True)
        self.assertIsNone(policy(), "fact I5")

    def test_accounts_and_regions_are_apart(self):
        self.bus()
        for other in (self.client("999988887777"), self.client(region="eu-west-1")):
            self.refused("scope", MISSING, "Event bus bus does not exist.", lambda: other.call("events", "DescribeEventBus", {"Name": "bus"}))


class Archives(BedTest):
    def test_refusals(self):
        bus = self.bus()
        self.events("CreateArchive", ArchiveName="a", EventSourceArn=bus)
        arn, now = self.arn("events", "archive/a"), int(time.time())
        replay = {"ReplayName": "r", "EventSourceArn": arn, "EventStartTime": now - 60, "EventEndTime": now, "Destination": {"Arn": bus}}
        for fact, operation, parameters, code, text in (
                ("E17", "CreateArchive", {"ArchiveName": "b", "EventSourceArn": self.arn("events", "event-bus/nope")}, MISSING, NO_BUS),
                ("E17", "ListArchives", {"EventSourceArn": self.arn("events", "event-bus/nope")}, MISSING, NO_BUS),
                ("E18", "CreateArchive", {"ArchiveName": "a", "EventSourceArn": bus}, EXISTS, "Archive a already exists."),
                ("E19", "DescribeArchive", {"ArchiveName": "nope"}, MISSING, "Archive nope does not exist."),
                ("E19", "DeleteArchive", {"ArchiveName": "nope"}, MISSING, "Archive nope does not exist."),
                ("E20", "UpdateArchive", {"ArchiveName": "nope"}, INVALID,
                 "At least one of EventPattern, RetentionDays or Description must be provided."),
                ("E21", "StartReplay", {**replay, "EventEndTime": now - 60}, INVALID,
                 "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime."),
                ("E22", "StartReplay", {**replay, "EventSourceArn": arn + "x"}, INVALID,
                 "Parameter EventSourceArn is not valid. Reason: Archive ax does not exist."),
                ("E23", "StartReplay", {**replay, "Destination": {"Arn": self.arn("events", "event-bus/nope")}}, MISSING, NO_BUS),
                ("E24", "StartReplay", {**replay, "Destination": {"Arn": self.arn("events", "event-bus/default")}}, INVALID,
                 "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted."),
                ("E27", "DescribeReplay", {"ReplayName": "nope"}, MISSING, "Replay nope does not exist.")):
            with self.subTest(fact=fact):
                self.refused(fact, code, text, lambda: self.events(operation, **parameters))

    def test_shapes_and_managed_rule(self):
        bus = self.bus()
        made = self.events("CreateArchive", ArchiveName="a", EventSourceArn=bus, RetentionDays=3)
        self.assertEqual((set(made), made["ArchiveArn"], made["State"]), ({"ArchiveArn", "CreationTime", "State"}, self.arn("events", "archive/a"), "ENABLED"), "fact S12")
        have = self.events("DescribeArchive", ArchiveName="a")
        have.pop("CreationTime")
        self.assertEqual(have, {"ArchiveName": "a", "ArchiveArn": made["ArchiveArn"], "EventCount": 0, "EventSourceArn": bus, "RetentionDays": 3,
                                "SizeBytes": 0, "State": "ENABLED"}, "fact S13")
        row, = self.events("ListArchives")["Archives"]
        self.assertEqual(set(row), {*have, "CreationTime"} - {"ArchiveArn"}, "fact S14")
        rule, = self.events("ListRules", EventBusName="bus")["Rules"]
        self.assertEqual((rule["Name"], rule["ManagedBy"]), ("Events-Archive-a", "prod.vhs.events.aws.internal"))
        self.send("bus")
        self.assertEqual(self.events("DescribeArchive", ArchiveName="a")["EventCount"], 1)
        for call in (lambda: self.rule(rule["Name"], bus="bus"), lambda: self.events("DeleteRule", Name=rule["Name"], EventBusName="bus")):
            self.assertRaisesRegex(Exception, "ManagedRuleException", call)
        self.assertRaisesRegex(Exception, "since it has rules", lambda: self.events("DeleteEventBus", Name="bus"))
        self.events("DeleteArchive", ArchiveName="a")
        self.assertEqual(self.events("DeleteEventBus", Name="bus"), {}, "fact S9")

    def test_replays(self):
        bus, now = self.bus(), int(time.time())
        self.events("CreateArchive", ArchiveName="a", EventSourceArn=bus)
        self.send("bus")
        archive = self.arn("events", "archive/a")

        def start(name):
            return self.events("StartReplay", ReplayName=name, EventSourceArn=archive, EventStartTime=now - 60, EventEndTime=now + 60, Destination={"Arn": bus})

        made = start("r")
        self.assertEqual((set(made), made["State"]), ({"ReplayArn", "ReplayStartTime", "State"}, "STARTING"), "fact S15")
        self.refused("E25", EXISTS, "Replay r already exists.", lambda: start("r"))
        until = time.monotonic() + 10
        while self.events("DescribeReplay", ReplayName="r")["State"] != "COMPLETED" and time.monotonic() < until:
            time.sleep(0.05)
        have = self.events("DescribeReplay", ReplayName="r")
        self.assertEqual(set(have), {"ReplayName", "ReplayArn", "State", "EventSourceArn", "Destination", "EventStartTime", "EventEndTime",
                                     "EventLastReplayedTime", "ReplayStartTime", "ReplayEndTime"}, "fact S16")
        self.assertEqual(self.events("DescribeArchive", ArchiveName="a")["EventCount"], 1, "what is replayed is not archived again")
        self.assertRaisesRegex(Exception, "IllegalStatus", lambda: self.events("CancelReplay", ReplayName="r"))
        for n in range(10):
            start(f"many{n}")
        self.refused("E26", "LimitExceededException", "The requested resource exceeds the maximum number allowed.", lambda: start("eleventh"))
        self.assertEqual(self.events("CancelReplay", ReplayName="many0")["State"], "CANCELLING", "fact S15")


if __name__ == "__main__":
    unittest.main()
