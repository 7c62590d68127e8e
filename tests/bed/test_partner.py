"""The strict stand-in: the life of a partner event source, with its clock and with what sources disagree about."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import unittest

import aws
from harness import BedTest, grant, until

NAME = "aws.partner/benchling.com/acme/app"
MISSING, STATE, OFF = "ResourceNotFoundException", "InvalidStateException", "OperationDisabledException"
GONE = f"Event source {NAME} does not exist."


class Partner(BedTest):
    def create(self):
        """The partner's call: from its own account, towards ours."""
        return self.client(aws.PARTNER_ACCOUNT).call("events", "CreatePartnerEventSource", {"Name": NAME, "Account": self.account})

    def delete(self):
        self.client(aws.PARTNER_ACCOUNT).call("events", "DeletePartnerEventSource", {"Name": NAME, "Account": self.account})

    def publish(self):
        """Whether an event of the partner reached the rule of made()."""
        before = len(self.deliveries())
        answer = self.client(aws.PARTNER_ACCOUNT).call("events", "PutPartnerEvents", {"Entries": [{"Source": NAME, "DetailType": "d", "Detail": "{}"}]})
        self.assertEqual(answer["FailedEntryCount"], 0)
        return len(self.deliveries()) > before

    def made(self):
        self.create()
        self.bus(NAME, EventSourceName=NAME)
        rule = self.rule("r", bus=NAME, EventPattern=json.dumps({"source": [NAME]}))
        self.events("PutTargets", Rule="r", EventBusName=NAME, Targets=[{"Id": "t", "Arn": self.queue(Policy=grant(self.arn("sqs", "queue"), rule))[1]}])

    def emptied(self):
        self.events("RemoveTargets", Rule="r", EventBusName=NAME, Ids=["t"])
        self.events("DeleteRule", Name="r", EventBusName=NAME)

    def control(self, **wish):
        return aws.post_json(f"{self.bed.emulator}/_emu/partner", {"account": self.account, "name": NAME, **wish})

    def source(self):
        return self.events("DescribeEventSource", Name=NAME)

    def listed(self):
        return [(s["Name"], s["State"]) for s in self.events("ListEventSources")["EventSources"]]

    def activate(self):
        return self.events("ActivateEventSource", Name=NAME)

    def test_offered(self):
        self.refused("missing", MISSING, GONE, lambda: self.bus(NAME, EventSourceName=NAME))
        self.create()
        source = self.source()
        self.assertEqual(set(source), {"Arn", "CreatedBy", "CreationTime", "ExpirationTime", "Name", "State"})
        self.assertEqual((source["Arn"], source["CreatedBy"]), (f"arn:aws:events:us-east-1::event-source/{NAME}", "benchling.com"))
        self.assertAlmostEqual(source["ExpirationTime"], time.time() + 14 * 86400, delta=60)
        self.refused("again", "ResourceAlreadyExistsException", f"Event source {NAME} already exists.", self.create)
        self.refused("both equal", "ValidationException", "Partner event bus name must match the event source name.",
                     lambda: self.bus("other", EventSourceName=NAME))
        self.refused("no bus", STATE, f"Event source {NAME} is in state PENDING.", self.activate)
        self.delete()
        self.assertEqual(self.listed(), [], "a source that waits is gone when its partner deletes it")

    def test_active(self):
        self.made()
        self.assertEqual(self.source()["State"], "ACTIVE")
        self.assertNotIn("ExpirationTime", self.source())
        self.assertTrue(self.publish())
        self.refused("E1", "ResourceAlreadyExistsException", f"Event bus {NAME} already exists.", lambda: self.bus(NAME, EventSourceName=NAME))
        self.refused("active already", STATE, f"Event source {NAME} is in state ACTIVE.", self.activate)
        self.assertEqual(self.client(aws.PARTNER_ACCOUNT).call("events", "PutPartnerEvents", {"Entries": [{"Source": NAME, "DetailType": "d"}]})
                         ["FailedEntryCount"], 1, "an entry without Detail")

    def test_deactivated(self):
        self.made()
        self.settings(partnerExpirySeconds=1000)
        self.events("DeactivateEventSource", Name=NAME)
        self.assertEqual(self.source()["State"], "PENDING")
        self.assertAlmostEqual(self.source()["ExpirationTime"], time.time() + 1000, delta=30)
        self.assertFalse(self.publish())
        self.refused("twice", STATE, f"Event source {NAME} is in state PENDING.", lambda: self.events("DeactivateEventSource", Name=NAME))
        self.activate()
        self.assertTrue(self.publish())
        for call in ("ActivateEventSource", "DeactivateEventSource", "DescribeEventSource"):
            self.refused("missing", MISSING, "Event source aws.partner/x/y does not exist.", lambda: self.events(call, Name="aws.partner/x/y"))

    def test_expired(self):
        self.made()
        self.events("DeactivateEventSource", Name=NAME)
        self.assertAlmostEqual(self.control(expiresIn=0.3)["ExpirationTime"], time.time(), delta=2)
        until(lambda: self.listed() == [])
        self.refused("expired", MISSING, GONE, self.source)
        self.refused("expired", MISSING, GONE, self.activate)
        self.assertFalse(self.publish())
        self.assertEqual(self.events("ListRules", EventBusName=NAME)["Rules"][0]["Name"], "r", "bus and rules stay")
        self.create()
        self.activate()
        self.assertTrue(self.publish(), "and work again")

    def test_offer_expires(self):
        self.settings(partnerExpirySeconds=0.2)
        self.create()
        until(lambda: self.listed() == [])
        self.refused("expired", MISSING, GONE, lambda: self.bus(NAME, EventSourceName=NAME))

    def test_deleted_by_partner_and_made_again(self):
        self.made()
        self.delete()
        self.assertEqual(self.listed(), [(NAME, "DELETED")])
        self.assertNotIn("ExpirationTime", self.source())
        self.assertFalse(self.publish())
        self.refused("deleted", STATE, f"Event source {NAME} is in state DELETED.", self.activate)
        self.refused("deleted", MISSING, GONE, lambda: self.bus(NAME, EventSourceName=NAME))
        self.create()
        self.assertEqual(self.source()["State"], "PENDING")
        self.assertFalse(self.publish())
        self.refused("E1", "ResourceAlreadyExistsException", f"Event bus {NAME} already exists.", lambda: self.bus(NAME, EventSourceName=NAME))
        self.activate()
        self.assertTrue(self.publish())

    def test_made_again_takes_only_a_new_bus(self):
        self.settings(recreatedNeedsNewBus=1)
        self.made()
        self.delete()
        self.create()
        self.refused("setting", STATE, f"Event source {NAME} is in state PENDING.", self.activate)
        self.emptied()
        self.events("DeleteEventBus", Name=NAME)
        self.bus(NAME, EventSourceName=NAME)
        self.assertEqual(self.source()["State"], "ACTIVE")

    def test_bus_deleted(self):
        for setting, state in ((0, "PENDING"), (1, "DELETED")):
            self.settings(busDeletionDeletesSource=setting)
            if setting == 0:
                self.create()
            self.bus(NAME, EventSourceName=NAME)
            self.events("DeleteEventBus", Name=NAME)
            self.assertEqual(self.listed(), [(NAME, state)])
        self.refused("DELETED", MISSING, GONE, lambda: self.bus(NAME, EventSourceName=NAME))
        self.create()
        self.bus(NAME, EventSourceName=NAME)
        self.assertEqual(self.source()["State"], "ACTIVE")
        self.delete()
        self.events("DeleteEventBus", Name=NAME)
        self.assertEqual(self.listed(), [], "deleted on both sides")

    def test_a_region_without_partners(self):
        self.create()
        self.settings(partnersDisabled=1)
        text = "Partner event sources are not available in this Region."
        self.refused("setting", OFF, text, lambda: self.bus(NAME, EventSourceName=NAME))
        self.assertEqual(len(self.listed()), 1)
        self.bus("own")
        self.settings(partnersDisabled=2)
        for call in (self.listed, self.source, self.activate):
            self.refused("setting", OFF, text, call)

    def test_a_bus_that_aws_manages(self):
        self.create()
        self.control(managedBus="events.amazonaws.com")
        self.assertEqual(self.source()["State"], "ACTIVE")
        self.assertEqual(self.events("DescribeEventBus", Name=NAME)["ManagedBy"], "events.amazonaws.com")
        rows = {b["Name"]: b.get("ManagedBy") for b in self.events("ListEventBuses")["EventBuses"]}
        self.assertEqual(rows, {NAME: "events.amazonaws.com", "default": None})
        arn = self.arn("events", f"event-bus/{NAME}")
        for operation, wish in (("UpdateEventBus", {"Name": NAME, "Description": "x"}), ("DeleteEventBus", {"Name": NAME}),
                                ("TagResource", {"ResourceARN": arn, "Tags": [{"Key": "k", "Value": "v"}]}),
                                ("UntagResource", {"ResourceARN": arn, "TagKeys": ["k"]})):
            self.refused(operation, OFF, f"Event bus {NAME} is managed by events.amazonaws.com.", lambda: self.events(operation, **wish))
        self.control(managedBus=None)
        self.assertEqual((self.source()["State"], len(self.events("ListEventBuses")["EventBuses"])), ("PENDING", 1))

    def test_a_bus_we_do_not_see(self):
        self.create()
        self.control(state="ACTIVE")
        self.refused("held", STATE, f"Event source {NAME} is in state ACTIVE.", lambda: self.bus(NAME, EventSourceName=NAME))
        self.assertEqual(self.control(state="DELETED")["State"], "DELETED")
        for wish in ({"state": "GONE"}, {"name": "aws.partner/x/y"}, {"expire": 1}):
            status, _, _ = aws.request(f"{self.bed.emulator}/_emu/partner", "POST", json.dumps({"account": self.account, "name": NAME, **wish}).encode())
            self.assertEqual(status, 400, wish)

    def test_only_the_partner_sends(self):
        self.made()
        self.refused("PutPermission", "ValidationException", f"1 validation error detected: Value '{NAME}' at 'eventBusName' failed to satisfy "
                     r"constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+", lambda: self.events(
                         "PutPermission", EventBusName=NAME, StatementId="s", Principal="*", Action="events:PutEvents"))
        pattern = r"(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[\.\-_A-Za-z0-9]+"
        for bus in (NAME, self.arn("events", f"event-bus/{NAME}")):
            self.refused("PutEvents", "ValidationException", f"1 validation error detected: Value '{bus}' at 'entries.1.member.eventBusName' failed to "
                         f"satisfy constraint: Member must satisfy regular expression pattern: {pattern}", lambda: self.send(bus))

    def test_by_hand(self):
        def hand(*words):
            done = subprocess.run([sys.executable, pathlib.Path(aws.__file__), "partner", *words, "--endpoint", self.bed.url, "--account", self.account],
                                  capture_output=True, text=True, timeout=20, env={**os.environ, "TRIBUTARY_BED": "/nonexistent"})
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout
        hand("create", NAME)
        self.assertEqual(json.loads(hand("list"))["State"], "PENDING")
        self.bus(NAME, EventSourceName=NAME)
        rule = self.rule("r", bus=NAME, EventPattern=json.dumps({"source": [NAME]}))
        url, queue = self.queue(Policy=grant(self.arn("sqs", "queue"), rule))
        self.events("PutTargets", Rule="r", EventBusName=NAME, Targets=[{"Id": "t", "Arn": queue}])
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump([{"DetailType": "v2.entry.created", "Detail": {"n": 1}}, {"detail-type": "v2.entry.created", "source": "x", "detail": {"n": 2}}], file)
            file.flush()
            hand("put", NAME, file.name)
        bodies = [json.loads(m["Body"]) for m in self.receive(url)]
        self.assertEqual(sorted((b["source"], b["detail"]["n"]) for b in bodies), [(NAME, 1), (NAME, 2)])
        hand("delete", NAME)
        self.assertEqual(json.loads(hand("list"))["State"], "DELETED")


if __name__ == "__main__":
    unittest.main()
