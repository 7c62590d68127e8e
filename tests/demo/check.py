"""Demo, the test: every example from `kubectl apply -k` to its events in its sinks; then without its grants, then repaired, then removed."""
import json
import time
import traceback

from boundaries import boundaries, failing_function, only_dev
from checks import Checks, equal
from examples import PLATFORM, approved
from held import SETTINGS
from play import REGION, Cloud
from sinks import LogGroup
from stage import ROOT, condition
from world import KINDS, World

SOON = ("--resync-seconds", "4", "--full-resync-seconds", "8", "--source-poll-seconds", "1", "--policy-settle-seconds", "0",
        "--permission-settle-seconds", "0")


def run(stage):
    world = World(stage)
    world.checks = Checks()
    for phase in (apply, subscribe, hold, deliver, refuse, repair, remove, again):
        began = time.monotonic()
        print(f"\n{phase.__doc__}", flush=True)
        try:
            phase(world)
        except Exception as error:      # noqa: BLE001  a phase that cannot go on is a failure; the others are tried
            traceback.print_exc()
            world.checks.fail(f"the phase {phase.__name__}", error)
        print(f"  {time.monotonic() - began:.0f} s")
    return world.checks


def apply(world):
    """Apply: every folder as it stands; what needs Benchling waits, and says what a tenant admin must do."""
    there = sorted(file.parent.name for file in (ROOT / "examples").glob("*/kustomization.yaml"))
    world.checks.that("each folder is tested", lambda: equal(there, sorted(["account", *world.folders])))
    for folder in PLATFORM:
        world.stage.accounts(f"examples/{folder}")
    world.cloud.make_function("handle-request", "benchling-request-to-lambda")
    world.cloud.make_function("work-off", "benchling-queue-to-lambda")
    world.cloud.make_function("say-hello", "stepfunctions-put-events")
    world.cloud.make_function("handle-upload", "s3-object-to-lambda")
    world.cloud.call("batch", "CreateJobQueue", {"jobQueueName": "sequencing", "priority": 1, "computeEnvironmentOrder": []})
    world.cloud.call("batch", "RegisterJobDefinition", {"jobDefinitionName": "align-reads", "type": "container"})
    world.cloud.declare("sagemaker", "pipeline/train")
    world.cloud.declare("appsync", "endpoints/graphql-api/liveendpoint", apiArn=f"arn:aws:appsync:{REGION}:{world.cloud.account}:apis/liveapi")
    world.cloud.declare("ec2", "instance/i-0123456789abcdef0", tags={"Role": "importer"})
    world.cloud.declare("redshift", "cluster:lab")
    for name in ("audit", "returns"):
        world.cloud.call("sqs", "CreateQueue", {"QueueName": name})
    world.cloud.call("events", "CreateEventBus", {"Name": "central"})
    for folder in world.folders:
        world.checks.that(f"{folder}: applies", lambda f=folder: world.stage.quietly("apply", "-k", f"examples/{f}"), 0)
    for example in world.partners():
        world.checks.that(f"{example.namespace}: waits for Benchling, and says what to enter there", lambda e=example: waits(world, e))


def waits(world, example):
    status, reason, message = world.stage.ready("bsub", "lims", example.namespace)
    equal((status, reason), ("False", "SourceNotFound"))
    for part in (f"https://{example.tenant}.benchling.com/event-subscriptions", f"AWS Account ID {example.account}", f"Region {REGION}",
                 f"App Name {example.app}"):
        assert part in message, f"no {part!r} in {message}"


def subscribe(world):
    """Benchling makes the event sources: each is taken, and all becomes Ready."""
    for example in world.partners():
        world.benchling.subscribe(example.source, example.account)
    for example in world.partners():
        world.checks.that(f"{example.namespace}: the source is taken", lambda e=example: equal(world.state(e), "ACTIVE"), 10)
    for example in world.examples:
        world.checks.that(f"{example.namespace}: all is Ready, without a warning", lambda e=example: ready(world, e), 30)


# Types of sinks whose resources the operator does not read: it cannot tell whether they exist.
UNREAD = ("redshiftData", "sageMakerPipeline", "appSync", "runCommand")


def deliverable(example, objects):
    """Status and reason of the condition on the rules of an example."""
    if example.external and not example.permitted:
        return "False", "PermissionMissing"
    unread = any(kind in obj["spec"] for obj in objects if obj["kind"] == "EventSink" for kind in UNREAD)
    return ("Unknown", "CannotTell") if unread else ("True", "Deliverable")


TO_SET_UP = ("[needs-cloudtrail]", "[must-be-enabled]")


def ready(world, example):
    objects = world.stage.objects(KINDS, example.namespace)
    assert objects, "nothing is there"
    for obj in objects:
        equal((obj["kind"], obj["metadata"]["name"], *condition(obj)[:2]), (obj["kind"], obj["metadata"]["name"], "True", "InSync"))
        # What is to be set up in AWS beside the manifests is said of every such rule, and is no fault of the example.
        equal([warning for warning in obj["status"].get("warnings", []) if not warning.endswith(TO_SET_UP)], [])
        if obj["kind"] == "EventRule":      # no false alarm; a queue whose owner has not permitted it yet is one to say
            told = next((c for c in obj["status"]["conditions"] if c["type"] == "Deliverable"), {})
            equal((told.get("status"), told.get("reason")), deliverable(example, objects))


def hold(world):
    """AWS holds what the examples say."""
    for folder, rows in SETTINGS.items():
        for what, probe in rows:
            world.checks.that(f"{folder}: {what}", lambda p=probe: equal(*p(world.cloud)), 5)


def deliver(world):
    """Deliver: exactly what is wanted arrives, and in the right place."""
    for example in filter(lambda e: e.external, world.examples):
        owner_permits(world, example)
    only_dev(world)
    exactly(world)
    failing_function(world)
    for example in filter(lambda e: e.monitoring, world.partners()):
        world.checks.that(f"{example.namespace}: status tells of the last event", lambda e=example: last_event(world, e))
    boundaries(world)
    denied(world)


def denied(world):
    """The customer whom the workflow denies: told to customer service, and not to the account service."""
    example = next(e for e in world.examples if e.folder == "kyc")
    one = world.send(example, lambda mark: {"detail-type": "New account requested", "detail": {
        "customerName": mark, "customerAddress": "100 Main Street", "flagged": True}})
    log = LogGroup("/aws/events/integrations-identity-denied", shape=lambda made: {**approved(made), "checksPassed": False})
    log.at(world.stage.bed)
    world.checks.arrives(f"{example.namespace}: the workflow was asked", example.sinks[0], [one])
    world.checks.arrives(f"{example.namespace}: a denied customer in {log}", log, [one])
    for sink in example.follow:
        world.checks.that(f"{example.namespace}: and not in {sink}", lambda s=sink: equal(s.read(), []), 0)


def last_event(world, example):
    """Of the subscription, where it has `monitoring`; else of the sink."""
    seen = [o["status"].get("lastEventTime") for o in world.stage.objects("benchlingsubscription,eventsink", example.namespace)]
    assert any(seen), seen


def exactly(world):
    """One event that is not wanted and then one that is, for each example; deliveries here are made in order."""
    sent = [(example, [world.send(example, example.unwanted), world.send(example, example.wanted)]) for example in world.examples]
    for example, (other, one) in sent:
        for sink in example.everywhere():
            expected = [other, one] if sink in example.monitoring else [one]
            world.checks.arrives(f"{example.namespace}: {len(expected)} of 2 events in {sink}", sink, expected)
        for sink in example.others:
            world.checks.arrives(f"{example.namespace}: the other event in {sink}", sink, [other])
        for sink in example.follow:
            world.checks.arrives(f"{example.namespace}: what came of it in {sink}", sink, [one])


def owner_permits(world, example):
    """The owner of an existing queue pastes the statement that status asks for."""
    sink = next(o for o in world.stage.objects("eventsink", example.namespace) if o["metadata"]["name"] == example.external)
    statement = json.loads(sink["status"]["requiredStatement"])
    example.permitted = True
    example.sinks[0].cloud.set_policy(example.sinks[0].name, json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def refuse(world):
    """Refuse: the operator is stopped, and its grants are removed behind its back."""
    world.checks.that("the operator ends in peace", lambda: equal(world.stage.stop_operator(), 0), 0)
    for example in world.examples:
        for sink in example.everywhere():
            sink.revoke()
    began = time.time()
    sent = [(example, world.send(example, example.wanted)) for example in world.examples]
    for example, one in sent:
        for sink in example.everywhere():
            world.checks.that(f"{example.namespace}: {sink} refuses it", lambda s=sink: equal(
                ([d["code"] for d in s.refused(began)], s.read()), (["NO_PERMISSIONS"], [])), 5)
        if example.dead_letter:
            world.checks.that(f"{example.namespace}: the dead letter says why", lambda e=example, o=one: dead(e, o), 5)


def dead(example, made):
    (body, told), = example.dead_letter.cloud.receive(example.dead_letter.name)
    equal((body["detail"], told["ERROR_CODE"], told["TARGET_ARN"]), (made["detail"], "NO_PERMISSIONS", example.sinks[0].arn))


def repair(world):
    """Repair: the operator is started again, and gives back what is its to give."""
    world.stage.start_operator(*SOON)
    for example in world.examples:
        for sink in [] if example.external else example.everywhere():
            world.checks.that(f"{example.namespace}: {sink} is open again", lambda s=sink: equal(s.granted(), True), 30)
    for example in filter(lambda e: e.external, world.examples):
        world.checks.that(f"{example.namespace}: a policy that its owner keeps is left alone",
                          lambda e=example: equal(e.sinks[0].granted(), False), 0)
        owner_permits(world, example)
    exactly(world)


def remove(world):
    """Remove: rules and custom buses go; partner buses, queues and log groups stay."""
    for folder in world.folders:
        world.stage.quietly("delete", "-k", f"examples/{folder}", "--wait=false")
    for example in world.examples:
        world.checks.that(f"{example.namespace}: is gone", lambda e=example: equal(
            [n["metadata"]["name"] for n in world.stage.objects("namespace") if n["metadata"]["name"] == e.namespace], []), 60)
    for example in world.partners():
        cloud = Cloud(world.stage.bed, example.account)
        world.checks.that(f"{example.namespace}: the bus stays, without rules", lambda c=cloud, e=example: equal(
            (c.source_state(e.source), c.events("ListRules", EventBusName=e.source)["Rules"]), ("ACTIVE", [])), 5)
        for sink in example.everywhere():
            world.checks.that(f"{example.namespace}: {sink} stays", lambda s=sink: equal(s.exists(), True), 0)
    buses = [bus["Name"] for bus in world.cloud.events("ListEventBuses")["EventBuses"]]
    # Another tool keeps `central` (examples/existing-bus).
    world.checks.that("custom buses are gone, but that of others", lambda: equal([b for b in buses if not b.startswith("aws.partner/")], ["central", "default"]), 0)
    world.checks.that("no rule is left on the default bus", lambda: equal(world.cloud.events("ListRules")["Rules"], []), 0)


def again(world):
    """Again: the same manifests take back what stayed."""
    for folder in world.folders:
        world.stage.quietly("apply", "-k", f"examples/{folder}")
    for example in world.examples:
        world.checks.that(f"{example.namespace}: all is Ready again", lambda e=example: ready(world, e), 30)
    exactly(world)
