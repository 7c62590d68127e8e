#!/usr/bin/env python3
"""`make demo`: a control plane, an AWS stand-in and the operator; Benchling's events in a queue, a Lambda function and a log group.

`demo.py up` leaves all running, to play with; `demo.py down` ends it; `demo.py check` tests every example, from `kubectl apply -k` on.
`demo.py webhook`: from a signed webhook of a Benchling App to a row in PostgreSQL; ends by itself.
"""
import json
import secrets
import sys
import time

import check
import table
from stage import ROOT, STATE, Stage, bed, condition, end, operator_pid, until
from world import KINDS, World

SHOWN = ["benchling-entity-to-sqs", "benchling-request-to-lambda", "benchling-catch-all-to-logs"]
SHORT = "bsub,ebus,erule,esink"


def say(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def start(*flags):
    bed("up")
    stage = Stage()
    if not operator_pid():
        say("Install the chart: CRDs, a ServiceAccount and its rights (no node runs here, so the operator is started beside it)")
        stage.install()
        stage.start_operator(*flags)
        stage.start_gateway()
    return stage


def apply(world):
    say(f"Apply the account, then examples/{', '.join(SHOWN)}")
    world.cloud.make_function("handle-request", "benchling-request-to-lambda")
    world.stage.accounts("examples/account")
    for folder in SHOWN:
        world.stage.kubectl("apply", "-k", f"examples/{folder}")


def subscribe(world):
    """Until each source has its bus. Benchling is played once; a second `up` finds it done."""
    stage, missing = world.stage, [example for example in world.partners() if world.state(example) != "ACTIVE"]
    if not missing:
        return
    absent = [example for example in missing if not world.state(example)]
    if absent:
        say("Nobody has subscribed in Benchling yet: the subscriptions wait, and say what a tenant admin has to do")
        until(lambda: all(stage.ready("bsub", "lims", e.namespace)[1] == "SourceNotFound" for e in absent), 30, "the subscriptions wait")
        stage.kubectl("get", "bsub", "-A")
        print("\n" + stage.ready("bsub", "lims", absent[0].namespace)[2])
    say("The stand-in plays Benchling and makes the partner event sources. In AWS they would expire if nobody took them")
    for example in absent:
        world.benchling.subscribe(example.source, example.account)
        print(f"  {example.source}  {world.state(example)}")
    began = time.monotonic()

    def taken():
        for example in [e for e in missing if world.state(e) == "ACTIVE"]:
            print(f"  {example.source}  ACTIVE, {time.monotonic() - began:.1f} s later", flush=True)
            missing.remove(example)
        return not missing
    until(taken, 30, "all sources are taken")


def wait(world):
    say("Wait until all are Ready (a new permission of a function or log group gets 10 s to work before anything relies on it)")

    def ready():
        return all(condition(obj)[0] == "True" for e in world.examples for obj in world.stage.objects(KINDS, e.namespace))
    until(ready, 90, "all are Ready")
    world.stage.kubectl("get", SHORT, "-A")


def publish(world):
    value = secrets.token_hex(4)
    say(f"Benchling sends an event to each bus, with a value chosen now: {value}")
    sent = [(example, world.send(example, example.wanted, value)) for example in world.examples]
    for example, made in sent:
        print(f"  {made['detail-type']}  to  {example.source}")
    for example, made in sent:
        for sink in example.everywhere():
            say(f"Read {sink}")
            expected, found = sink.shape(made), []

            def arrived():
                found.extend(sink.read())
                return expected in found
            until(arrived, 20, f"the event with {value} in {sink}")
            print(found[found.index(expected)] if isinstance(expected, str) else json.dumps(found[found.index(expected)], indent=2))
    say(f"All arrived, with {value}: in a queue, in a function's own output, and in log groups.")


def up():
    world = World(start(), SHOWN)
    apply(world)
    subscribe(world)
    wait(world)
    publish(world)
    folder = STATE.relative_to(ROOT) if STATE.is_relative_to(ROOT) else STATE
    print(f"""
It goes on running. To look around:

  export KUBECONFIG={world.stage.bed['kubeconfig']} PATH={world.stage.bed['bin']}:$PATH
  kubectl get {SHORT},awsacct -A
  kubectl describe bsub lims -n {world.examples[0].namespace}
  python3 tests/bed/aws.py journal --endpoint {world.stage.bed['aws']}       every AWS call that was made
  less {folder}/operator.log

`make demo` again publishes again; `make demo-down` ends all.""")


def main():
    action = sys.argv[1] if len(sys.argv) > 1 else "up"
    if action == "up":
        try:
            return up()
        except TimeoutError as error:
            sys.exit(f"demo: {error}. See {STATE}/operator.log and `kubectl get tributary -A`")
    if action == "down":
        return end()
    if action not in ("check", "webhook"):
        sys.exit(__doc__)
    if (STATE / "bed.json").exists():
        sys.exit(f"demo: something is up in {STATE}; `demo.py down` ends it, TRIBUTARY_DEMO_STATE names another place")
    if action == "webhook":
        try:
            stage = start()
            stage.accounts("examples/account")
            return table.run(stage, say)
        except TimeoutError as error:
            sys.exit(f"demo: {error}. See {STATE}/*.log")
        finally:
            end()
    try:
        good = check.run(start(*check.SOON)).end()
    finally:
        end()
    sys.exit(not good)


if __name__ == "__main__":
    main()
