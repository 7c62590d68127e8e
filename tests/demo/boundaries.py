"""Demo, what does not get through: from tenant to tenant, and what a function fails to work off."""
import secrets

from checks import equal
from play import payload

API = "tributary.dev/v1alpha1"
DEV, PROD = "benchling-dev", "benchling-prod"


def only_dev(world):
    """Before anything is sent by the other tenants."""
    dev, *others = [example for example in world.examples if example.folder == "benchling-tenants"]
    one = world.send(dev, dev.wanted)
    for sink in dev.everywhere():
        world.checks.arrives(f"{dev.namespace}: an event of dev in {sink}", sink, [one])
    for example in others:
        for sink in example.everywhere():
            world.checks.arrives(f"{example.namespace}: not in {sink}", sink, [], 0)


def failing_function(world):
    """The event lacks what the function needs: Lambda tries three times, then onFailure takes it."""
    example = next(e for e in world.examples if e.folder == "benchling-request-to-lambda")
    detail = payload("v2.request.created", secrets.token_hex(4), schema="Validated Request", left_out=["request"])
    example.publish(world, {"detail-type": "v2.request.created", "detail": detail})

    def taken():
        (body, _), = world.cloud.receive("integrations-requests-failed")
        equal((body["requestPayload"]["detail"], body["requestContext"]["condition"]), (detail, "RetriesExhausted"))
        assert f"{detail['id']} came without ['request']" in body["responsePayload"]["errorMessage"], body["responsePayload"]
    world.checks.that(f"{example.namespace}: what the function fails to work off is in onFailure", taken)


def boundaries(world):
    """dev tries to use what is prod's."""
    meta = {"namespace": DEV, "name": "curious"}
    rule = {"busRef": {"kind": "BenchlingSubscription", "name": "lims"}, "benchling": {},
            "targets": [{"name": "queue", "sinkRef": {"name": "registered", "namespace": PROD}}]}
    tries = [("may not use the account of prod", "EventSink", {"accountRef": {"name": "prod"}, "sqs": {"managed": {}}}, "AccountNotPermitted"),
             ("may not use the account default", "EventSink", {"sqs": {"managed": {}}}, "AccountNotPermitted"),
             ("may not send to the queue of prod", "EventRule", rule, "ReferenceNotPermitted"),
             ("may not read the bus of prod", "EventRule", {**rule, "busRef": {**rule["busRef"], "namespace": PROD}}, "ReferenceNotPermitted"),
             ("may not name the queue of prod", "EventSink", {"accountRef": {"name": "dev"}, "sqs": {"existing": {
                 "arn": "arn:aws:sqs:eu-west-1:333344445555:benchling-prod-registered"}}}, "ArnNotPermitted")]
    for what, kind, spec, reason in tries:
        world.stage.apply({"apiVersion": API, "kind": kind, "metadata": meta, "spec": spec})
        world.checks.that(f"{DEV}: {what}: {reason}", lambda k=kind, r=reason: equal(world.stage.ready(k, "curious", DEV)[:2], ("False", r)))
        world.stage.quietly("delete", kind, "curious", "-n", DEV)
