"""The journal proxy: every fault kind, that faults stay in their account, and what the journal says."""
import concurrent.futures
import http.client
import json
import socket
import threading
import time
import unittest
import urllib.parse

import aws
from harness import BedTest, until


class Faults(BedTest):
    def names(self):
        return [b["Name"] for b in self.client(self.account).call("events", "ListEventBuses")["EventBuses"]]

    def broken(self, operation, **parameters):
        """The call must end without an answer; what the socket said."""
        with self.assertRaises((ConnectionError, urllib.error.URLError, http.client.HTTPException, socket.timeout)) as caught:
            self.events(operation, **parameters)
        return getattr(caught.exception, "reason", caught.exception)

    def test_throttle(self):
        self.faults({"match": "events.*", "kind": "throttle", "times": 1}, {"match": "sqs.*", "kind": "throttle", "times": 1},
                    {"match": "sts.*", "kind": "throttle", "times": 1})
        for service, operation, code in (("events", "ListEventBuses", "ThrottlingException"), ("sqs", "ListQueues", "RequestThrottled"),
                                         ("sts", "GetCallerIdentity", "Throttling")):
            self.refused(service, code, "Rate exceeded", lambda: self.me.call(service, operation))
            self.me.call(service, operation)        # only once
        _, headers, _ = (self.faults({"match": "sqs.*", "kind": "throttle"}), self.me.raw("sqs", "ListQueues"))[1]
        self.assertEqual(headers["x-amzn-query-error"], "RequestThrottled;Sender")
        self.assertEqual([c["fault"] for c in self.journal("events.*")], ["throttle", None])

    def test_error(self):
        self.faults({"match": "*", "kind": "error", "status": 503, "code": "ServiceUnavailable", "message": "m"})
        for service, operation in (("events", "ListRules"), ("sqs", "ListQueues"), ("sts", "GetCallerIdentity"), ("iam", "ListRoles")):
            self.refused(service, "ServiceUnavailable", "m", lambda: self.me.call(service, operation), 503)
        status, headers, body = self.me.raw("events", "ListRules")
        self.assertEqual((headers["x-amzn-errortype"], json.loads(body)), ("ServiceUnavailable", {"__type": "ServiceUnavailable", "message": "m"}))

    def test_latency(self):
        self.faults({"match": "events.ListRules", "kind": "latency", "ms": 300})
        began = time.monotonic()
        self.events("ListRules")
        self.assertGreaterEqual(time.monotonic() - began, 0.3)
        call, = self.journal("events.ListRules")
        self.assertGreaterEqual(call["end"] - call["start"], 0.3)

    def test_hang(self):
        self.faults({"match": "events.ListRules", "kind": "hang", "times": 1})
        with self.assertRaises((TimeoutError, socket.timeout)):
            self.me.call("events", "ListRules", timeout=0.3)
        self.assertEqual(self.journal("events.ListRules")[0]["status"], None)
        until(lambda: self.journal("events.ListRules")[0]["end"])
        self.events("ListRules")

    def test_reset(self):
        self.faults({"match": "events.CreateEventBus", "kind": "reset", "times": 1})
        self.assertIsInstance(self.broken("CreateEventBus", Name="b"), ConnectionResetError)
        self.assertEqual(self.names(), ["default"], "nothing was forwarded")
        self.assertEqual((self.journal("events.CreateEventBus")[0]["status"], self.journal("events.CreateEventBus")[0]["fault"]), (None, "reset"))

    def test_applied_reset(self):
        self.faults({"match": "events.CreateEventBus", "kind": "applied_reset", "times": 1})
        self.assertIsInstance(self.broken("CreateEventBus", Name="b"), ConnectionResetError)
        self.assertEqual(self.names(), ["b", "default"], "it took effect, the answer was lost")
        call, = self.journal("events.CreateEventBus")
        self.assertEqual((call["status"], call["fault"], list(call["response"])), (200, "applied_reset", ["EventBusArn"]))

    def test_applied_hang(self):
        self.faults({"match": "events.CreateEventBus", "kind": "applied_hang", "times": 1})
        with self.assertRaises((TimeoutError, socket.timeout)):
            self.me.call("events", "CreateEventBus", {"Name": "b"}, timeout=0.3)
        self.assertEqual(self.names(), ["b", "default"], "it took effect, the answer never came")
        call, = self.journal("events.CreateEventBus")
        self.assertEqual((call["status"], call["fault"]), (200, "applied_hang"))
        until(lambda: self.journal("events.CreateEventBus")[0]["end"])

    def test_garbage(self):
        self.faults({"match": "*", "kind": "garbage"})
        status, _, body = self.me.raw("events", "ListRules")
        self.assertEqual(status, 200)
        self.assertRaises(ValueError, json.loads, body)
        self.assertFalse(self.me.raw("sts", "GetCallerIdentity")[2].endswith(b">"))

    def test_failed_entry(self):
        self.faults({"match": "events.*", "kind": "failed_entry", "code": "ConcurrentModificationException", "message": "m"})
        self.rule()
        reason = {"ErrorCode": "ConcurrentModificationException", "ErrorMessage": "m"}
        answer = self.events("PutTargets", Rule="rule", Targets=[{"Id": "a", "Arn": "x"}, {"Id": "b", "Arn": "x"}])
        self.assertEqual(answer, {"FailedEntryCount": 2, "FailedEntries": [{"TargetId": i, **reason} for i in "ab"]})
        self.assertEqual(self.events("RemoveTargets", Rule="rule", Ids=["a"])["FailedEntries"], [{"TargetId": "a", **reason}])
        self.assertEqual(self.events("PutEvents", Entries=[{}, {}]), {"FailedEntryCount": 2, "Entries": [reason, reason]})
        self.assertEqual(self.events("ListTargetsByRule", Rule="rule")["Targets"], [])

    def test_page_size(self):
        self.bus("a")
        self.faults({"match": "events.List*", "kind": "page_size"})
        answer = self.events("ListEventBuses", Limit=50)
        self.assertEqual([b["Name"] for b in answer["EventBuses"]], ["a"])
        self.assertIn("NextToken", answer)

    def test_after_times_and_count(self):
        self.faults({"match": "events.ListRules", "kind": "throttle", "after": 1, "times": 2})
        self.assertEqual([self.me.raw("events", "ListRules")[0] for _ in range(5)], [200, 400, 400, 200, 200])
        report, = aws.get_json(f"{self.bed.url}/_faults?account={self.account}")["rules"]
        self.assertEqual((report["injected"], report["seen"]), (2, 5))

    def test_chance_is_seeded(self):
        rounds = []
        for _ in range(2):
            self.faults({"match": "events.ListRules", "kind": "throttle", "p": 0.5}, seed=7)
            rounds.append([self.me.raw("events", "ListRules")[0] for _ in range(24)])
        self.assertEqual(*rounds)
        self.assertEqual(set(rounds[0]), {200, 400})

    def test_faults_stay_in_their_account(self):
        self.faults({"match": "*", "kind": "throttle"})
        self.client("999900001111").call("events", "ListRules")
        aws.request(f"{self.bed.url}/_faults?account={self.account}", "DELETE")
        self.events("ListRules")

    def test_wrong_rules_are_refused(self):
        for rule in ({"match": "*", "kind": "explode"}, {"kind": "reset"}, {"match": "*", "kind": "reset", "time": 3}):
            status, _, _ = aws.request(f"{self.bed.url}/_faults", "POST", json.dumps({"account": self.account, "rules": [rule]}).encode())
            self.assertEqual(status, 400, rule)


class Journal(BedTest):
    def test_entry(self):
        before = time.time()
        self.bus()
        self.me.raw("events", "CreateEventBus", {"Name": "bus"})
        self.me.call("sts", "GetCallerIdentity")
        made, again, who = self.journal()
        self.assertEqual({k: made[k] for k in ("service", "op", "region", "account", "access_key", "status", "error", "fault", "request", "response")}, {
            "service": "events", "op": "CreateEventBus", "region": "us-east-1", "account": self.account, "access_key": self.account, "status": 200,
            "error": None, "fault": None, "request": {"Name": "bus"}, "response": {"EventBusArn": self.arn("events", "event-bus/bus")}})
        self.assertTrue(before <= made["start"] <= made["end"] <= time.time() and made["user_agent"].startswith("Python"))
        self.assertEqual((again["status"], again["error"]), (400, "ResourceAlreadyExistsException"))
        self.assertEqual((who["service"], who["op"], who["request"]["Action"]), ("sts", "GetCallerIdentity", "GetCallerIdentity"))
        answer = aws.get_json(f"{self.bed.url}/_journal?account={self.account}&since={again['n']}&match=s*.*")
        self.assertEqual([c["op"] for c in answer["calls"]], ["GetCallerIdentity"])
        self.assertEqual(answer["inflight"], 0)
        self.assertEqual(self.journal(since=answer["next"]), [])

    def test_secrets_are_left_out(self):
        self.events("CreateConnection", Name="c", AuthorizationType="BASIC",
                    AuthParameters={"BasicAuthParameters": {"Username": "u", "Password": "hunter2-canary"}})
        self.assertNotIn("hunter2-canary", json.dumps(self.journal()))

    def test_kept_alive_chunked_and_many_at_once(self):
        where = urllib.parse.urlsplit(self.bed.url).netloc
        line = http.client.HTTPConnection(where, timeout=10)
        for _ in range(3):                                          # one connection, chunked bodies
            headers = self.me._signed("events", b"", {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSEvents.ListRules"})
            line.request("POST", "/", body=iter([b"{", b"}"]), headers=headers, encode_chunked=True)
            answer = line.getresponse()
            self.assertEqual((answer.status, json.loads(answer.read())), (200, {"Rules": []}))
        line.close()
        gate = threading.Barrier(32)

        def one(i):
            gate.wait()
            return self.client().raw("events", "PutRule", {"Name": f"r{i}", "EventPattern": '{"source":["x"]}'})[0]
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            self.assertEqual(set(pool.map(one, range(32))), {200})
        self.assertEqual(len(self.journal("events.PutRule")), 32)
        numbers = [c["n"] for c in self.journal()]
        self.assertEqual(numbers, sorted(set(numbers)))

    def test_a_stand_in_that_is_gone_is_a_broken_connection(self):
        from proxy import Proxy, Upstream      # in process: the shared stand-in stays up
        import asyncio

        async def go():
            proxy = Proxy(Upstream("127.0.0.1", 1))
            server = await asyncio.start_server(proxy.client, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"POST / HTTP/1.1\r\nx-amz-target: AWSEvents.ListRules\r\ncontent-length: 2\r\n\r\n{}")
            with self.assertRaises(ConnectionResetError):
                await asyncio.wait_for(reader.read(), 5)
            server.close()
            return proxy.journal.read()["calls"]
        call, = asyncio.run(go())
        self.assertEqual((call["status"], call["error"]), (None, "UpstreamLost"))


if __name__ == "__main__":
    unittest.main()
