"""The strict stand-in: asynchronous invocations and where their results go; event source mappings of queues."""
import json
import unittest

from harness import until
from test_lambda import CONFLICT, GONE, MISSING, VALUE, LambdaTest

WORKS = "def handler(event, context):\n    return {'got': event}\n"
FAILS = "def handler(event, context):\n    raise ValueError('no luck')\n"
READS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


class Invokes(LambdaTest):
    def put(self, **more):
        return self.call("PutFunctionEventInvokeConfig", FunctionName="f", **more)

    def test_config(self):
        arn = self.function()
        none = f"The function {arn}:$LATEST doesn't have an EventInvokeConfig"
        for operation, more in (("Get", {}), ("Update", {"MaximumRetryAttempts": 1}), ("Delete", {})):
            self.refused("none", MISSING, none, lambda: self.call(f"{operation}FunctionEventInvokeConfig", FunctionName="f", **more), 404)
        self.refused("nothing", VALUE, "You must specify at least one of error handling or destination setting.", self.put)
        self.refused("range", "ValidationException", "1 validation error detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: "
                     "Member must have value less than or equal to 2", lambda: self.put(MaximumRetryAttempts=3))
        queue = self.queue("dead")[1]
        to = {"DestinationConfig": {"OnFailure": {"Destination": queue}}}
        text = f"The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination={queue})) is invalid."
        refusal = text + " The function's execution role does not have permissions to call SendMessage on SQS."
        self.refused("no role", VALUE, refusal, lambda: self.put(**to))
        self.role("sqs:ReceiveMessage")
        self.refused("role may not", VALUE, refusal, lambda: self.put(**to))
        self.role("sqs:SendMessage")
        bad = self.arn("kinesis", "stream/s")
        self.refused("service", VALUE, text.replace(queue, bad), lambda: self.put(DestinationConfig={"OnFailure": {"Destination": bad}}))
        put = self.put(MaximumRetryAttempts=0, MaximumEventAgeInSeconds=60, **to)
        put.pop("LastModified")
        self.assertEqual(put, {"FunctionArn": f"{arn}:$LATEST", "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60,
                               "DestinationConfig": {"OnSuccess": {}, "OnFailure": {"Destination": queue}}})
        changed = self.call("UpdateFunctionEventInvokeConfig", FunctionName="f", MaximumRetryAttempts=1)
        changed.pop("LastModified")
        self.assertEqual(changed, {**put, "MaximumRetryAttempts": 1}, "merged")
        self.assertEqual(set(self.put(MaximumRetryAttempts=2)), {"FunctionArn", "LastModified", "MaximumRetryAttempts", "DestinationConfig"}, "replaced whole")
        self.assertEqual(self.call("GetFunctionEventInvokeConfig", FunctionName="f")["DestinationConfig"], {"OnSuccess": {}, "OnFailure": {}})
        self.assertEqual(self.me.raw("lambda", "DeleteFunctionEventInvokeConfig", {"FunctionName": "f"})[0], 204)
        self.refused("none", MISSING, none, lambda: self.call("GetFunctionEventInvokeConfig", FunctionName="f"), 404)

    def test_failure_reaches_its_destination(self):
        arn, rule, (url, queue) = self.function(source=FAILS), self.rule(), self.queue("dead")
        self.permit(SourceArn=rule)
        self.role("sqs:SendMessage")
        self.put(MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": queue}})
        self.events("PutTargets", Rule="rule", Targets=[{"Id": "t", "Arn": arn}])
        event = self.send(detail='{"a":1}')
        self.assertEqual(self.deliveries()[-1]["outcome"], "DELIVERED", "a function that fails is not EventBridge's failure")
        told = json.loads(self.receive(url, wait=15)[0]["Body"])
        self.assertEqual(set(told), {"version", "timestamp", "requestContext", "requestPayload", "responseContext", "responsePayload"})
        context = told["requestContext"]
        self.assertEqual((context["functionArn"], context["condition"], context["approximateInvokeCount"]), (f"{arn}:$LATEST", "RetriesExhausted", 2))
        self.assertEqual((told["requestPayload"]["id"], told["requestPayload"]["detail"]), (event, {"a": 1}))
        self.assertEqual((told["version"], told["responseContext"]["functionError"]), ("1.0", "Unhandled"))
        self.assertIn("no luck", told["responsePayload"]["errorMessage"])
        entry, = self.invocations()
        self.assertEqual((entry["function"], entry["outcome"], entry["attempts"]), (arn, "FAILED", 2))
        self.assertEqual((entry["destination"], entry["destinationOutcome"]), (queue, "DELIVERED"))
        self.role("sqs:SendMessage", effect="Deny")
        self.send()
        until(lambda: len(self.invocations()) == 2, 15)
        self.assertIn("is not allowed sqs:SendMessage", self.invocations()[-1]["destinationOutcome"])

    def test_success(self):
        arn, rule = self.function(source=WORKS), self.rule()
        self.permit(SourceArn=rule)
        self.assertEqual(self.call("Invoke", FunctionName="f", Payload={"x": 1}), {"got": {"x": 1}})
        self.assertEqual(self.delivered(arn)["outcome"], "DELIVERED")
        entry, = until(self.invocations, 15)
        self.assertEqual((entry["outcome"], entry["attempts"], entry["destination"]), ("OK", 1, None))


class Mappings(LambdaTest):
    def rig(self, source=None, **more):
        self.url, self.source = self.queue()
        self.role(*READS)
        self.function(source=source, **more)

    def create(self, **more):
        return self.call("CreateEventSourceMapping", FunctionName="f", EventSourceArn=self.source, **more)

    def state(self, uuid):
        return self.call("GetEventSourceMapping", UUID=uuid)["State"]

    def settled(self, uuid, state="Enabled"):
        until(lambda: self.state(uuid) == state, 5)

    def test_life(self):
        self.rig()
        self.settings(mappingDelaySeconds=0.6)
        status, _, body = self.me.raw("lambda", "CreateEventSourceMapping", {"FunctionName": "f", "EventSourceArn": self.source, "Tags": {"k": "v"}})
        made = json.loads(body)
        uuid, arn = made["UUID"], self.arn("lambda", "function:f")
        made.pop("LastModified")
        self.assertEqual((status, made), (202, {
            "UUID": uuid, "EventSourceArn": self.source, "FunctionArn": arn, "StateTransitionReason": "USER_INITIATED", "BatchSize": 10,
            "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": [], "State": "Creating",
            "EventSourceMappingArn": self.arn("lambda", f"event-source-mapping:{uuid}")}))
        busy = "Cannot update the event source mapping because it is not in the correct state for update"
        update = lambda **more: self.call("UpdateEventSourceMapping", UUID=uuid, **more)     # noqa: E731
        delete = lambda: self.call("DeleteEventSourceMapping", UUID=uuid)     # noqa: E731
        self.refused("Creating", "ResourceInUseException", busy, lambda: update(BatchSize=5))
        self.refused("Creating", "ResourceInUseException", "Cannot delete the event source mapping because it is in use.", delete)
        self.refused("again", CONFLICT, f'An event source mapping with SQS arn (" {self.source} ") and function (" f ") already exists. '
                     f"Please update or delete the existing mapping with UUID {uuid}", self.create, 409)
        self.settled(uuid)
        self.assertEqual(update(BatchSize=5, Enabled=False, ScalingConfig={"MaximumConcurrency": 2})["State"], "Disabling")
        self.settled(uuid, "Disabled")
        have = self.call("GetEventSourceMapping", UUID=uuid)
        self.assertEqual((have["BatchSize"], have["ScalingConfig"]), (5, {"MaximumConcurrency": 2}))
        self.assertEqual(update(ScalingConfig={})["State"], "Updating")
        self.settled(uuid, "Disabled")
        self.assertNotIn("ScalingConfig", self.call("GetEventSourceMapping", UUID=uuid))
        self.assertEqual(delete()["State"], "Deleting")
        self.refused("Deleting", "ResourceInUseException", busy, lambda: update(BatchSize=5))
        until(lambda: self.me.raw("lambda", "GetEventSourceMapping", {"UUID": uuid})[0] == 404, 5)
        for call in (delete, lambda: update(BatchSize=1)):
            self.refused("gone", MISSING, GONE, call, 404)
        self.assertEqual(self.call("ListEventSourceMappings")["EventSourceMappings"], [])

    def test_tags_and_lists(self):
        self.rig()
        self.function("g")
        first = self.create(Tags={"k": "v", "l": "w"})
        second = self.call("CreateEventSourceMapping", FunctionName="g", EventSourceArn=self.source)
        arn = first["EventSourceMappingArn"]
        self.assertEqual(self.call("ListTags", Resource=arn), {"Tags": {"k": "v", "l": "w"}})
        self.assertEqual(self.me.raw("lambda", "TagResource", {"Resource": arn, "Tags": {"m": "x"}})[0], 204)
        self.assertEqual(self.me.raw("lambda", "UntagResource", {"Resource": arn, "TagKeys": ["k", "l"]})[0], 204)
        self.assertEqual(self.call("ListTags", Resource=arn), {"Tags": {"m": "x"}})
        uuids = lambda **more: [m["UUID"] for m in self.call("ListEventSourceMappings", **more)["EventSourceMappings"]]     # noqa: E731
        both = sorted([first["UUID"], second["UUID"]])
        self.assertEqual(uuids(EventSourceArn=self.source), both)
        self.assertEqual(uuids(FunctionName="g"), [second["UUID"]])
        self.assertEqual(uuids(FunctionName=self.arn("lambda", "function:g"), EventSourceArn=self.source), [second["UUID"]])
        self.assertEqual(uuids(EventSourceArn=self.source + "x"), [])
        self.faults({"match": "lambda.ListEventSourceMappings", "kind": "page_size"})
        page = self.call("ListEventSourceMappings", MaxItems=50)
        self.assertEqual([m["UUID"] for m in page["EventSourceMappings"]], both[:1])
        self.assertEqual(uuids(Marker=page["NextMarker"]), both[1:])

    def test_refusals(self):
        self.source = self.arn("sqs", "nope")
        self.refused("function", MISSING, f"Function not found: {self.arn('lambda', 'function:f')}", self.create, 404)
        self.function(Timeout=60)
        self.refused("queue", VALUE, "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
                     "SQS Error Message: The specified queue does not exist.", self.create)
        self.url, self.source = self.queue()
        for i, action in enumerate(("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")):
            self.role(*(READS[:i] or ("sqs:SendMessage",)))
            self.refused("role", VALUE, f"The provided execution role does not have permissions to call {action} on SQS", self.create)
        self.role(*READS)
        self.refused("timeout", VALUE, "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds", self.create)
        self.sqs("SetQueueAttributes", QueueUrl=self.url, Attributes={"VisibilityTimeout": "60"})
        self.refused("window", VALUE, "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
                     lambda: self.create(BatchSize=11))
        for key, value, where, limit in (("BatchSize", 10001, "batchSize", "less than or equal to 10000"),
                                         ("BatchSize", 0, "batchSize", "greater than or equal to 1"),
                                         ("MaximumBatchingWindowInSeconds", 301, "maximumBatchingWindowInSeconds", "less than or equal to 300")):
            self.refused(key, "ValidationException", f"1 validation error detected: Value '{value}' at '{where}' failed to satisfy constraint: "
                         f"Member must have value {limit}", lambda: self.create(**{key: value}))
        for value, limit in ((1, "greater than or equal to 2"), (1001, "less than or equal to 1000")):
            self.refused("concurrency", "ValidationException", f"1 validation error detected: Value '{value}' at 'scalingConfig.maximumConcurrency' failed to "
                         f"satisfy constraint: Member must have value {limit}", lambda: self.create(ScalingConfig={"MaximumConcurrency": value}))
        self.refused("types", "ValidationException", "1 validation error detected: Value 'X' at 'functionResponseTypes.1.member' failed to satisfy constraint: "
                     "Member must satisfy enum value set: [ReportBatchItemFailures]", lambda: self.create(FunctionResponseTypes=["X"]))
        self.create(BatchSize=11, MaximumBatchingWindowInSeconds=1, FunctionResponseTypes=["ReportBatchItemFailures"],
                    ScalingConfig={"MaximumConcurrency": 1000})

    def test_messages_reach_the_function(self):
        self.rig(source="import json\ndef handler(event, context):\n"
                        "    bad = [r['messageId'] for r in event['Records'] if r['body'] == 'bad']\n"
                        "    return {'batchItemFailures': [{'itemIdentifier': i} for i in bad]}\n")
        self.sqs("SetQueueAttributes", QueueUrl=self.url, Attributes={"VisibilityTimeout": "5"})
        made = self.create(FunctionResponseTypes=["ReportBatchItemFailures"])
        self.assertEqual(made["State"], "Creating")
        for body in ("good", "bad"):
            self.sqs("SendMessage", QueueUrl=self.url, MessageBody=body)
        left = lambda: sum(int(self.attributes(self.url)[f"ApproximateNumberOfMessages{k}"]) for k in ("", "NotVisible"))     # noqa: E731
        until(lambda: left() == 1, 20)

if __name__ == "__main__":
    unittest.main()
