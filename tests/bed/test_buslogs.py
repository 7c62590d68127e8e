"""The strict stand-in: log deliveries, and what an event bus logs through them."""
import json

import aws
from harness import BedTest, grant

CONFLICT, MISSING, WRONG = "ConflictException", "ResourceNotFoundException", "ValidationException"
GROUP = "/aws/vendedlogs/events/event-bus/bus"
TYPES = ("ERROR_LOGS", "INFO_LOGS", "TRACE_LOGS")


class BusLogs(BedTest):
    def logs(self, operation, **parameters):
        return self.me.call("logs", operation, parameters)

    def allow(self, source="*", service="delivery.logs.amazonaws.com", resource=f"log-group:{GROUP}:log-stream:*"):
        condition = {"StringEquals": {"aws:SourceAccount": self.account}, "ArnLike": {"aws:SourceArn": self.arn("logs", f"delivery-source:{source}")}}
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                     "Resource": self.arn("logs", resource), "Condition": condition}
        self.logs("PutResourcePolicy", policyName="p", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    def source(self, kind, name=None, bus="bus"):
        return self.logs("PutDeliverySource", name=name or f"s-{kind}", resourceArn=self.arn("events", f"event-bus/{bus}"), logType=kind)["deliverySource"]

    def destination(self, name="d", arn=None):
        arn = arn or self.arn("logs", f"log-group:{GROUP}")
        return self.logs("PutDeliveryDestination", name=name, deliveryDestinationConfiguration={"destinationResourceArn": arn})["deliveryDestination"]

    def deliver(self, source, destination):
        return self.logs("CreateDelivery", deliverySourceName=source["name"], deliveryDestinationArn=destination["arn"])["delivery"]

    def rig(self, level="TRACE", detail="FULL", types=TYPES, allow=True):
        self.bus(LogConfig={"Level": level, "IncludeDetail": detail})
        self.logs("CreateLogGroup", logGroupName=GROUP)
        if allow:
            self.allow()
        destination = self.destination()
        return [self.deliver(self.source(kind), destination) for kind in types]

    def records(self):
        return [json.loads(e["message"]) for e in self.logs("FilterLogEvents", logGroupName=GROUP)["events"]]

    def types(self):
        return [record["message_type"] for record in self.records()]


class Records(BusLogs):
    def rig_target(self, policy=True, dead=None):
        self.rule_arn = self.rule(bus="bus")
        _, arn = self.queue("queue", **({"Policy": grant(self.arn("sqs", "queue"), self.rule_arn)} if policy else {}))
        more = {"DeadLetterConfig": {"Arn": dead}} if dead else {}
        self.events("PutTargets", Rule="rule", EventBusName="bus", Targets=[{"Id": "t", "Arn": arn, **more}])
        return arn

    def test_the_life_of_an_event(self):
        self.rig()
        target = self.rig_target()
        event = self.send("bus", '{"a":1}')
        records = self.records()
        self.assertEqual([r["message_type"] for r in records],
                         ["EVENT_RECEIPT", "EVENT_INGEST_SUCCESS", "RULE_MATCH_START", "RULE_MATCH", "INVOCATION_START", "INVOCATION_ATTEMPT_START",
                          "INVOCATION_ATTEMPT_SUCCESS", "INVOCATION_SUCCESS"])
        self.assertEqual({(r["event_id"], r["resource_arn"], r["event_bus_name"]) for r in records}, {(event, self.arn("events", "event-bus/bus"), "bus")})
        matched, last = records[3], records[-1]
        self.assertEqual(matched["details"], {"rule_arn": self.rule_arn, "target_arns": [target], "invocation_ids": [last["invocation_id"]]})
        self.assertEqual((last["details"]["target_arn"], last["details"]["total_attempts"], last["log_level"]), (target, 1, "INFO"))
        self.assertEqual(records[0]["details"]["event_detail"], '{"a":1}')
        self.assertEqual(json.loads(last["details"]["target_input"])["detail"], {"a": 1})
        self.assertNotIn("error", last)
        streams = self.logs("DescribeLogStreams", logGroupName=GROUP)["logStreams"]
        self.assertEqual([s["logStreamName"] for s in streams], ["EventBridgeEventBusLogs"], "fact BL7")

    def objects(self):
        return aws.get_json(f"{self.bed.emulator}/_emu/objects?account={self.account}&bucket=b")

    def test_a_bucket_gets_the_records_as_objects(self):
        self.bus(LogConfig={"Level": "INFO"})
        self.deliver(self.source("INFO_LOGS"), self.destination(arn="arn:aws:s3:::b"))
        self.send("bus")
        self.assertEqual(self.objects(), [], "the bucket does not exist")
        self.declare("arn:aws:s3:::b")
        self.send("bus")
        objects = self.objects()
        types = [json.loads(line)["message_type"] for one in objects for line in one["lines"]]
        self.assertEqual(sorted(types), ["EVENT_INGEST_SUCCESS", "NO_STANDARD_RULES_MATCHED"])
        for one in objects:
            self.assertRegex(one["key"], rf"^AWSLogs/{self.account}/EventBusLogs/us-east-1/\d{{4}}/\d\d/\d\d/", "fact LD11")

    def test_a_prefix_of_the_destination_replaces_the_default_path(self):
        self.bus(LogConfig={"Level": "INFO"})
        self.declare("arn:aws:s3:::b")
        self.deliver(self.source("INFO_LOGS"), self.destination(arn="arn:aws:s3:::b/my/logs"))
        self.send("bus")
        self.assertTrue(all(one["key"].startswith("my/logs/us-east-1/2") for one in self.objects()), "fact LD11")
        self.assertEqual(len(self.objects()), 2)

    def test_a_failure_has_the_error_and_the_dead_letter(self):
        self.rig("ERROR")
        _, dead = self.queue("dead")
        self.rig_target(policy=False, dead=dead)
        self.send("bus")
        failed, over, letter = self.records()
        self.assertEqual([r["message_type"] for r in (failed, over, letter)],
                         ["INVOCATION_ATTEMPT_PERMANENT_FAILURE", "INVOCATION_FAILURE", "INVOCATION_DLQ"])
        self.assertEqual((failed["details"]["invocation_status"], over["details"]["final_invocation_status"]), ("NO_PERMISSIONS", "NO_PERMISSIONS"))
        self.assertEqual((failed["error"]["http_status_code"], failed["error"]["aws_service"]), (403, "AmazonSQS"))
        self.assertIn("does not allow", letter["error"]["error_message"])

    def test_a_dead_letter_that_arrived_has_no_error(self):
        self.rig("ERROR")
        rule = self.arn("events", "rule/bus/rule")
        _, dead = self.queue("dead", Policy=grant(self.arn("sqs", "dead"), rule))
        self.rig_target(policy=False, dead=dead)
        self.send("bus")
        self.assertNotIn("error", self.records()[-1])
        self.assertEqual(self.types()[-1], "INVOCATION_DLQ")

    def test_what_is_retried_has_one_attempt_and_its_error(self):
        """A host that cannot be reached. The setting retriesPending leaves the delivery open."""
        self.rig("ERROR")
        self.settings(retriesPending=1)
        self.rule(bus="bus")
        basic = {"BasicAuthParameters": {"Username": "ada", "Password": "secret"}}
        connection = self.events("CreateConnection", Name="c", AuthorizationType="BASIC", AuthParameters=basic)["ConnectionArn"]
        arn = self.events("CreateApiDestination", Name="d", ConnectionArn=connection, InvocationEndpoint="https://nowhere.example.com/",
                          HttpMethod="POST")["ApiDestinationArn"]
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        rights = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": arn}]}
        self.me.call("iam", "CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": json.dumps(trust)})
        self.me.call("iam", "PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": json.dumps(rights)})
        self.events("PutTargets", Rule="rule", EventBusName="bus", Targets=[{"Id": "t", "Arn": arn, "RoleArn": f"arn:aws:iam::{self.account}:role/r"}])
        self.send("bus")
        record, = self.records()
        self.assertEqual((record["message_type"], record["details"]["invocation_status"]), ("INVOCATION_ATTEMPT_RETRYABLE_FAILURE", "CONNECTION_FAILURE"))
        self.assertEqual(self.deliveries()[-1]["outcome"], "RETRYING")

    def test_the_level_and_the_log_types_decide(self):
        self.rig("INFO")
        self.send("bus")
        self.assertEqual(self.types(), ["EVENT_INGEST_SUCCESS", "NO_STANDARD_RULES_MATCHED"], "fact BL8")
        self.events("UpdateEventBus", Name="bus", LogConfig={"Level": "OFF", "IncludeDetail": "NONE"})
        self.send("bus")
        self.assertEqual(len(self.types()), 2)

    def test_a_log_type_carries_its_own_level_only(self):
        self.rig("TRACE", types=["INFO_LOGS"])
        self.send("bus")
        self.assertEqual(self.types(), ["EVENT_INGEST_SUCCESS", "NO_STANDARD_RULES_MATCHED"], "fact BL8")

    def test_details_only_if_asked_for(self):
        self.rig("TRACE", "NONE")
        self.rig_target()
        self.send("bus", '{"secret":"x"}')
        self.assertNotIn("secret", json.dumps(self.records()))

    def test_the_policy_of_the_log_group_decides(self):
        self.rig("INFO", allow=False)
        self.send("bus")
        for source, service in (("other", "delivery.logs.amazonaws.com"), ("*", "events.amazonaws.com")):
            self.allow(source, service)
            self.send("bus")
        self.assertEqual(self.records(), [])
        self.allow("s-INFO_LOGS")
        self.send("bus")
        self.assertEqual(len(self.records()), 2, "fact LD3")

    def test_events_of_aws_that_match_nothing_are_not_logged(self):
        import aws
        self.events("UpdateEventBus", Name="default", LogConfig={"Level": "TRACE", "IncludeDetail": "FULL"})
        self.logs("CreateLogGroup", logGroupName=GROUP)
        self.allow()
        destination = self.destination()
        for kind in TYPES:
            self.deliver(self.source(kind, bus="default"), destination)
        entry = {"Source": "aws.ec2", "DetailType": "t", "Detail": "{}"}
        aws.post_json(f"{self.bed.emulator}/_emu/emit", {"account": self.account, "entry": entry})
        self.assertEqual(self.types(), [], "fact BL6")
        self.rule(EventPattern='{"source":["aws.ec2"]}')
        aws.post_json(f"{self.bed.emulator}/_emu/emit", {"account": self.account, "entry": entry})
        self.assertIn("RULE_MATCH", self.types())


    def test_events_of_partners_that_match_nothing_are_logged(self):
        name, partner = "aws.partner/example.com/a/b", self.client("999900001111")
        partner.call("events", "CreatePartnerEventSource", {"Name": name, "Account": self.account})
        self.bus(name, EventSourceName=name, LogConfig={"Level": "INFO", "IncludeDetail": "NONE"})
        self.logs("CreateLogGroup", logGroupName=GROUP)
        self.allow()
        self.deliver(self.source("INFO_LOGS", bus=name), self.destination())
        partner.call("events", "PutPartnerEvents", {"Entries": [{"Source": name, "DetailType": "t", "Detail": "{}"}]})
        self.assertEqual(self.types(), ["EVENT_INGEST_SUCCESS", "NO_STANDARD_RULES_MATCHED"], "fact BL6")


class Deliveries(BusLogs):
    def test_one_source_for_a_bus_and_log_type(self):
        self.rig(types=["INFO_LOGS"])
        self.refused("LD4", CONFLICT, "This ResourceId has already been used in another Delivery Source in this account.", lambda: self.source("INFO_LOGS", "other"))
        self.assertEqual(self.source("INFO_LOGS")["name"], "s-INFO_LOGS", "the same one again")
        self.bus("other")
        self.refused("LD5", CONFLICT, "Update to existing Delivery Source with new ResourceId is not allowed. Please create a new Delivery Source instead.",
                     lambda: self.source("INFO_LOGS", bus="other"))

    def test_what_has_a_delivery_cannot_be_deleted(self):
        delivery, = self.rig(types=["INFO_LOGS"])
        for what, call in (("Source", lambda: self.logs("DeleteDeliverySource", name="s-INFO_LOGS")), ("Destination", lambda: self.logs("DeleteDeliveryDestination", name="d"))):
            self.refused("LD6", CONFLICT, f"Cannot delete a Delivery {what} that is used in a Delivery.", call)
        self.logs("DeleteDelivery", id=delivery["id"])
        self.logs("DeleteDeliverySource", name="s-INFO_LOGS")
        self.logs("DeleteDeliveryDestination", name="d")
        for key, operation in (("deliveries", "DescribeDeliveries"), ("deliverySources", "DescribeDeliverySources"), ("deliveryDestinations", "DescribeDeliveryDestinations")):
            self.assertEqual(self.logs(operation), {key: []})

    def test_refusals(self):
        self.bus()
        self.logs("CreateLogGroup", logGroupName=GROUP)
        bus = self.arn("events", "event-bus/bus")
        for what, code, call in (
                ("bus", MISSING, lambda: self.source("INFO_LOGS", bus="none")),
                ("type", WRONG, lambda: self.source("ACCESS_LOGS")),
                ("group", MISSING, lambda: self.destination(arn=self.arn("logs", "log-group:none"))),
                ("stream", MISSING, lambda: self.destination(arn=self.arn("firehose", "deliverystream/none"))),
                ("service", WRONG, lambda: self.destination(arn=self.arn("sqs", "q"))),
                ("source", MISSING, lambda: self.logs("CreateDelivery", deliverySourceName="none", deliveryDestinationArn=bus)),
                ("delivery", MISSING, lambda: self.logs("DeleteDelivery", id="abc"))):
            with self.subTest(what):
                self.refused(what, code, None, call)

    def refused(self, fact, code, message, call, status=400):
        if message is not None:
            return super().refused(fact, code, message, call, status)
        import aws
        with self.assertRaises(aws.AwsError) as raised:
            call()
        return self.assertEqual((raised.exception.status, raised.exception.code), (status, code))

    def test_lists_are_paged_and_tags_are_read_by_arn(self):
        for n in range(3):
            self.bus(f"b{n}")
            self.logs("PutDeliverySource", name=f"s{n}", resourceArn=self.arn("events", f"event-bus/b{n}"), logType="INFO_LOGS", tags={"n": str(n)})
        first = self.logs("DescribeDeliverySources", limit=2)
        rest = self.logs("DescribeDeliverySources", limit=2, nextToken=first["nextToken"])
        self.assertEqual([s["name"] for s in first["deliverySources"] + rest["deliverySources"]], ["s0", "s1", "s2"])
        self.assertNotIn("nextToken", rest)
        arn = first["deliverySources"][0]["arn"]
        self.assertEqual(self.logs("ListTagsForResource", resourceArn=arn), {"tags": {"n": "0"}})
        self.logs("TagResource", resourceArn=arn, tags={"m": "1"})
        self.assertEqual(self.logs("ListTagsForResource", resourceArn=arn), {"tags": {"n": "0", "m": "1"}})
