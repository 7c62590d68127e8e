"""GitOps: commits to examples/gitops, applied by Flux's own kustomize-controller, with three AWS accounts that share nothing.

The tests are the life of one repository and run in the order of their numbers.
Run: bed.py run -- python3 -m unittest discover -s tests/gitops
"""
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

from environments import OPERATOR, aws, environments
from flux import Flux, condition, until
from repository import ROOT, Repository

STATE = pathlib.Path(os.environ["TRIBUTARY_BED"]).parent
# The operator's own identity, and where the demo's stage finds the bed.
os.environ |= {"TRIBUTARY_DEMO_STATE": str(STATE), "AWS_ACCESS_KEY_ID": OPERATOR, "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
sys.path += [str(ROOT / "tests/demo"), str(ROOT / "tests/chart")]
import argocd  # noqa: E402
from stage import Stage  # noqa: E402

# Resyncs must not fall into a test: an environment that a commit does not concern makes no call.
FLAGS = ["--resync-seconds", "3600", "--full-resync-seconds", "31536000", "--source-poll-seconds", "1", "--policy-settle-seconds", "0",
         "--permission-settle-seconds", "0"]
KINDS = "benchlingsubscriptions,eventbuses,eventrules,eventsinks"
REGISTERED, REQUESTED = "v2.entity.registered", "v2.request.created"
SINK = """apiVersion: tributary.dev/v1alpha1
kind: EventSink
metadata:
  name: orders
spec:
  accountRef: {name: lims-dev}
  region: eu-west-1
  sqs: {managed: {name: orders}}
"""
LAST = "      - {op: add, path: /spec/region, value: eu-west-1}"
FOREIGN = LAST + """
  - target: {kind: EventSink, name: foreign}
    patch: |-
      - {op: replace, path: /spec/accountRef/name, value: lims-prod}"""


class Promotion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="tributary-gitops-"))
        cls.addClassCleanup(shutil.rmtree, scratch, True)
        cls.stage = Stage()
        cls.flux = Flux(cls.stage.quietly, cls.stage.bed["kubeconfig"], scratch)
        cls.addClassCleanup(cls.flux.end)
        cls.stage.install()
        cls.stage.start_operator(*FLAGS)
        cls.addClassCleanup(cls.stage.stop_operator)
        cls.environments = environments(cls.stage.bed)
        cls.dev, cls.test, cls.prod = cls.environments
        cls.repository = Repository(scratch, cls.flux.announce)
        cls.addClassCleanup(cls.repository.end)
        for name in ("dev", "test", "prod"):
            cls.repository.edit(f"platform/{name}.yaml", ("  region:", f"  endpoint: {cls.stage.bed['aws']}\n  region:"))
        # Patience of tests: a health check that waits for good ends soon, and what failed is tried again soon.
        cls.repository.edit("flux/tenant/lims.yaml", ("timeout: 5m", "timeout: 25s"), ("retryInterval: 1m", "retryInterval: 2s"))
        cls.repository.edit("flux/platform.yaml", ("retryInterval: 1m", "retryInterval: 2s"))

    def objects(self, environment, kinds=KINDS):
        return self.stage.objects(kinds, environment.namespace)

    def one(self, environment, kind, name):
        return next(one for one in self.objects(environment, kind) if one["metadata"]["name"] == name)

    def applied(self, revision, *environments):
        for environment in environments or self.environments:
            self.flux.applied(environment.namespace, revision)

    def overlay(self, environment, *changes):
        self.repository.edit(f"overlays/{environment.name}/kustomization.yaml", *changes)

    def arrives(self, environment):
        """The types of a requested and a registered entity that are in the queue. All versions match the second, and events come in order."""
        found = []
        for event_type in (REQUESTED, REGISTERED):
            environment.send(event_type, event_type)
        until(lambda: found.extend(environment.receive()) or REGISTERED in found, f"an event arrives in {environment.name}")
        return sorted(found)

    def test_01_one_commit_makes_three_environments_in_any_order(self):
        for environment in (self.test, self.prod):
            environment.subscribe()
        # The source comes first: a GitRepository without a status has no artifact.
        self.stage.quietly("apply", "-k", str(self.repository.folder / "flux"))
        revision = self.repository.commit("three environments")
        self.flux.applied("flux-system", revision)
        self.applied(revision, self.test, self.prod)
        # Nobody has subscribed in Benchling's dev tenant: the commit is not healthy before all of it is.
        until(lambda: [condition(one)[1] for one in self.objects(self.dev, "benchlingsubscriptions")] == ["SourceNotFound"], "the subscription waits")
        self.assertNotEqual(condition(self.flux.kustomization(self.dev.namespace))[0], "True")
        self.dev.subscribe()
        self.applied(revision, self.dev)
        for environment in self.environments:
            objects = self.objects(environment)
            self.assertEqual(len(objects), 4, "a subscription and its bus, a rule, a sink")
            self.assertEqual({condition(one)[:2] for one in objects}, {("True", "InSync")})
            self.assertEqual({one["status"]["identity"]["accountId"] for one in objects}, {environment.number})
            self.assertEqual(self.arrives(environment), [REGISTERED])
            self.assertEqual({found["argoCD"]["status"] for found in argocd.judged(objects)}, {"Healthy"})

    def test_02_a_role_reaches_its_own_account_only(self):
        for own in self.environments:
            session = own.assume()
            self.assertEqual(session.call("sqs", "GetQueueUrl", {"QueueName": own.queue})["QueueUrl"], own.queue_url())
            keys = {call["access_key"] for call in own.calls(0) if call["service"] != "sts"}
            self.assertTrue(keys and not any(key.isdigit() for key in keys), f"{own.name}: with keys of the role only: {keys}")
            for other in self.environments:
                if other is own:
                    continue
                with self.assertRaisesRegex(aws.AwsError, "AccessDenied"):
                    own.assume(other.role, by=session)
                bus = f"arn:aws:events:{other.region}:{other.number}:event-bus/{other.source}"
                for operation, request in (("DescribeEventBus", {"Name": bus}), ("ListRules", {"EventBusName": bus}),
                                           ("DeleteRule", {"Name": other.rule, "EventBusName": bus})):
                    with self.assertRaisesRegex(aws.AwsError, "AccessDenied"):
                        session.call("events", operation, request)
                # The stand-in's SQS does not ask who calls: no call of this role may name anything of the other account.
                self.assertNotIn(other.number, json.dumps([call["request"] for call in own.calls(0)]))
        calls = aws.get_json(f"{self.stage.bed['aws']}/_journal?since=0&account={OPERATOR}")["calls"]
        self.assertEqual({call["op"] for call in calls} - {"GetCallerIdentity"}, {"AssumeRole"}, "with its own keys the operator does nothing else")

    def test_03_a_change_is_promoted_by_three_commits(self):
        shutil.copytree(self.repository.folder / "base/v1", self.repository.folder / "base/v2")
        self.repository.edit("base/v2/subscription.yaml", (f"- {REGISTERED}", f"- {REGISTERED}\n    - {REQUESTED}"))
        self.repository.edit("base/v2/rule.yaml", (f"      - {REGISTERED}\n  targets", f"      - {REGISTERED}\n      - {REQUESTED}\n  targets"),
                             ("expect: NoMatch", "expect: Match"))
        for count, environment in enumerate(self.environments, 1):
            others = [other for other in self.environments if other is not environment]
            marks = [other.mark() for other in others]
            self.overlay(environment, ("base/v1", "base/v2"))
            self.applied(self.repository.commit(f"{environment.name}: v2"))
            for other, mark in zip(others, marks, strict=True):
                self.assertEqual(other.writes(mark), [], f"{other.name} while {environment.name} changes")
            changed = [REGISTERED, REQUESTED]
            for number, each in enumerate(self.environments, 1):
                self.assertEqual(each.event_types(), changed if number <= count else [REGISTERED])
                self.assertEqual(self.arrives(each), changed if number <= count else [REGISTERED])

    def test_04_a_broken_change_stops_in_dev(self):
        shutil.copytree(self.repository.folder / "base/v2", self.repository.folder / "base/v3")
        self.repository.edit("base/v3/rule.yaml", (f"      - {REQUESTED}\n  targets", "  targets"))
        self.overlay(self.dev, ("base/v2", "base/v3"))
        marks = {environment: environment.mark() for environment in self.environments}
        revision = self.repository.commit("dev: v3, which lost a type")
        message = self.flux.refused(self.dev.namespace, revision, "HealthCheckFailed")
        self.assertIn("failed early due to stalled resources: [EventRule/lims-dev/registered status: 'Failed'", message)
        rule = self.one(self.dev, "eventrules", "registered")
        status, reason, why = condition(rule)
        self.assertEqual((status, reason), ("False", "TestFailed"))
        self.assertIn("another type", why)
        [found] = argocd.judged([rule])
        self.assertEqual((found["kstatus"], found["argoCD"]), ({"status": "Failed", "message": why}, {"status": "Degraded", "message": why}))
        self.applied(revision, self.test, self.prod)
        for environment, mark in marks.items():
            self.assertEqual(environment.writes(mark), [], environment.name)
            self.assertEqual(environment.event_types(), [REGISTERED, REQUESTED])
        self.applied(self.repository.revert())
        for environment, mark in marks.items():
            self.assertEqual(environment.writes(mark), [], f"{environment.name} after the revert")

    def test_05_an_overlay_reaches_neither_another_account_nor_its_own_grants(self):
        overlay = self.repository.folder / "overlays/dev"
        (overlay / "foreign.yaml").write_text(SINK.replace("orders", "foreign"))
        self.overlay(self.dev, ("resources:", "resources:\n  - foreign.yaml"), (LAST, FOREIGN))
        mark = self.prod.mark()
        message = self.flux.refused(self.dev.namespace, self.repository.commit("dev: a queue in prod"), "HealthCheckFailed")
        self.assertIn("EventSink/lims-dev/foreign status: 'Failed'", message)
        self.assertEqual(condition(self.one(self.dev, "eventsinks", "foreign"))[1], "AccountNotPermitted")
        self.assertEqual(self.prod.writes(mark), [])
        self.assertNotIn("foreign", json.dumps(self.prod.calls(mark)))
        self.applied(self.repository.revert())
        until(lambda: [one["metadata"]["name"] for one in self.objects(self.dev, "eventsinks")] == ["registered"], "the sink is pruned")
        account = self.repository.folder / "platform/dev.yaml"
        (overlay / "account.yaml").write_text(account.read_text().partition("---\n")[2].replace("[lims-dev]", "['*']"))
        self.overlay(self.dev, ("resources:", "resources:\n  - account.yaml"))
        message = self.flux.refused(self.dev.namespace, self.repository.commit("dev: its account for all"), "ReconciliationFailed")
        self.assertRegex(message, "(?s)AwsAccount/lims-dev.*forbidden")
        self.applied(self.repository.revert())

    def test_06_pruned_objects_leave_the_bus_and_the_queue_with_its_data(self):
        self.dev.send(REGISTERED, "kept")
        (self.repository.folder / "overlays/dev/note.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: note}\n")
        self.overlay(self.dev, ("../../base/v2", "note.yaml"))
        mark = self.dev.mark()
        self.applied(self.repository.commit("dev: nothing left"))
        until(lambda: not self.objects(self.dev), "all objects are pruned")
        self.assertEqual(self.dev.event_types(), None, "the rule is deleted")
        self.assertEqual((self.dev.source_state(), self.dev.waiting()), ("ACTIVE", 1))
        writes = self.dev.writes(mark)
        self.assertFalse({"DeleteEventBus", "DeleteQueue", "PurgeQueue", "DeactivateEventSource", "DeletePartnerEventSource"} & set(writes), writes)
        mark = self.dev.mark()
        self.applied(self.repository.revert())
        self.assertFalse({"CreateEventBus", "CreateQueue"} & set(self.dev.writes(mark)), self.dev.writes(mark))
        self.dev.send(REGISTERED, "new")
        found = []
        until(lambda: found.extend(self.dev.receive()) or "new" in found, "the new event arrives")
        self.assertEqual(sorted(found), ["kept", "new"])

    def test_07_a_suspended_environment_stays_as_it_is(self):
        # As `flux suspend` does: under another name the Kustomization of the platform would undo it.
        suspend = ("patch", "kustomizations.kustomize.toolkit.fluxcd.io", "lims", "-n", self.dev.namespace, "--type=merge", "--field-manager=flux", "-p")
        self.stage.quietly(*suspend, '{"spec": {"suspend": true}}')
        mark = self.dev.mark()
        self.overlay(self.dev, ("base/v2", "base/v1"))
        revision = self.repository.commit("dev: back to v1")
        self.applied(revision, self.test, self.prod)
        self.flux.reconcile(self.dev.namespace)
        self.assertEqual((self.dev.writes(mark), self.dev.event_types()), ([], [REGISTERED, REQUESTED]))
        self.stage.quietly(*suspend, '{"spec": {"suspend": false}}')
        self.applied(revision, self.dev)
        self.assertEqual(self.dev.event_types(), [REGISTERED])

    def test_08_a_rule_that_is_paused_in_git_waits(self):
        paused = "patches:\n  - target: {kind: EventRule}\n    patch: |-\n      - {op: add, path: /metadata/annotations, value: {tributary.dev/paused: \"true\"}}"
        self.overlay(self.test, ("base/v2", "base/v1"), ("patches:", paused))
        mark = self.test.mark()
        revision = self.repository.commit("test: v1, with a paused rule")
        message = self.flux.refused(self.test.namespace, revision, "HealthCheckFailed")
        self.assertIn("timeout waiting for: [EventRule/lims-test/registered status: 'InProgress'", message)
        self.applied(revision, self.dev, self.prod)
        self.assertEqual((self.test.writes(mark), self.test.event_types()), ([], [REGISTERED, REQUESTED]))
        [found] = argocd.judged([self.one(self.test, "eventrules", "registered")])
        self.assertEqual((found["argoCD"]["status"], found["actions"]), ("Suspended", {"reconcile": False}))
        self.overlay(self.test, (paused, "patches:"))
        self.applied(self.repository.commit("test: resumed"))
        self.assertEqual(self.test.event_types(), [REGISTERED])

    def test_09_a_pause_by_hand_lasts_if_it_has_a_field_manager_of_its_own(self):
        def annotated():
            return self.one(self.dev, "eventrules", "registered")["metadata"].get("annotations", {}).get("tributary.dev/paused")
        annotate = ("annotate", "eventrule", "registered", "-n", self.dev.namespace)
        self.stage.quietly(*annotate, "tributary.dev/paused=true", "--field-manager=oncall")
        self.flux.kubectl("wait", "--for=condition=Ready=false", "eventrule/registered", "-n", self.dev.namespace, "--timeout=60s")
        mark = self.dev.mark()
        self.overlay(self.dev, ("base/v1", "base/v2"))
        revision = self.repository.commit("dev: v2 again")
        self.flux.refused(self.dev.namespace, revision, "HealthCheckFailed")
        self.assertEqual((annotated(), self.dev.writes(mark), self.dev.event_types()), ("true", [], [REGISTERED]))
        self.stage.quietly(*annotate, "tributary.dev/paused-", "--field-manager=oncall")
        self.applied(revision)
        self.assertEqual(self.dev.event_types(), [REGISTERED, REQUESTED])
        # Flux undoes what kubectl did under its own name.
        self.stage.quietly(*annotate, "tributary.dev/paused=true")
        self.flux.reconcile(self.dev.namespace)
        until(lambda: annotated() is None, "Flux has removed it")
        self.applied(revision)

    def test_10_an_existing_queue_is_adopted_and_outlives_its_object(self):
        queue = self.dev.client.call("sqs", "CreateQueue", {"QueueName": "orders"})["QueueUrl"]
        self.dev.client.call("sqs", "SendMessage", {"QueueUrl": queue, "MessageBody": "kept"})
        self.repository.edit("platform/dev.yaml", ("[lims-dev]", "[lims-dev]\n      arns: ['arn:aws:sqs:eu-west-1:444455556666:orders']"))
        revision = self.repository.commit("platform: dev may adopt a queue")
        self.flux.applied("flux-system", revision)
        self.applied(revision)
        # First by hand, then from Git: Flux takes the object over, and nothing is written to AWS again.
        adopted = SINK.replace("name: orders\nspec", "name: orders\n  annotations: {tributary.dev/adopt: \"true\"}\nspec")
        mark = self.dev.mark()
        self.stage.quietly("apply", "-n", self.dev.namespace, "-f", "-", input=adopted)
        self.stage.quietly("wait", "--for=condition=Ready", "eventsink/orders", "-n", self.dev.namespace, "--timeout=60s")
        self.assertFalse({"CreateQueue", "DeleteQueue", "PurgeQueue"} & set(self.dev.writes(mark)), self.dev.writes(mark))
        (self.repository.folder / "overlays/dev/orders.yaml").write_text(SINK)
        self.overlay(self.dev, ("resources:", "resources:\n  - orders.yaml"))
        mark = self.dev.mark()
        self.applied(self.repository.commit("dev: the queue is in Git"))
        self.assertEqual(self.dev.writes(mark), [])
        self.assertIsNone(self.one(self.dev, "eventsinks", "orders")["metadata"].get("annotations"), "the annotation was not in Git")
        self.applied(self.repository.revert())
        until(lambda: len(self.objects(self.dev, "eventsinks")) == 1, "the sink is pruned")
        self.assertEqual(self.dev.waiting("orders"), 1)

    def test_11_argo_cd_customizations_are_merged_and_reconcile_works(self):
        self.stage.quietly("create", "namespace", "argocd")
        self.stage.quietly("create", "configmap", "argocd-cm", "-n", "argocd", "--from-literal=url=https://argocd.example.com")
        guide = (ROOT / "docs/how-to/deploy-with-gitops.md").read_text()
        [commands] = [block for block in re.findall(r"```shell\n(.*?)```", guide, re.S) if "patch configmap argocd-cm" in block]
        self.stage.run("bash", "-e", "-c", commands, capture_output=True)
        merged = json.loads(self.stage.quietly("get", "configmap", "argocd-cm", "-n", "argocd", "-o", "json"))["data"]
        self.assertEqual(merged.pop("url"), "https://argocd.example.com")
        self.assertEqual(merged, argocd.data())
        objects = [*self.objects(self.dev), *self.stage.objects("awsaccounts")]
        for one, judged in zip(objects, argocd.judged(objects, merged), strict=True):
            self.assertEqual(judged["argoCD"]["status"], "Healthy", one)
            if one["metadata"].get("ownerReferences"):      # a child gets the annotation from its subscription
                continue
            at = judged["results"]["reconcile"]["metadata"]["annotations"]["tributary.dev/reconcile-at"]
            where = [one["kind"], one["metadata"]["name"], *(["-n", self.dev.namespace] if "namespace" in one["metadata"] else [])]
            patch = json.dumps({"metadata": {"annotations": {"tributary.dev/reconcile-at": at}}})
            self.stage.quietly("patch", *where, "--type=merge", "-p", patch, "--field-manager=argocd-server")
            handled = ("get", *where, "-o", "jsonpath={.status.lastHandledReconcileAt}")
            until(lambda h=handled, a=at: self.stage.quietly(*h) == a, f"{one['kind']} {one['metadata']['name']} was reconciled")


if __name__ == "__main__":
    unittest.main()
