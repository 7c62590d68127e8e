"""The life of one installation of the chart against a real control plane: upgrade, rollback, uninstall, and what becomes of objects and of AWS.

The tests run in the order of their numbers. Run: bed.py run -- python3 -m unittest discover -s tests/installation
What runs in pods is tested in tests/pods.
"""
import json
import unittest

from release import ALL_KINDS, CHART, PREVIOUS, RECORDED, RELEASE, SYSTEM, Account, Release, definition, lost, namespace, previous_definition, until

PAIRS, OBJECTS = 3, 7               # with their bus
# As somebody has set them in the previous chart, under the names that it had.
OLD_VALUES = ["--set", "sweepSeconds=600,fullSweepSeconds=7200,sweepQuota=7,quota=30,log.filter=debug", "--set-string", "podLabels.team=lims"]
# What docs/how-to/upgrade.md tells to do.
UPGRADE = ["--reset-then-reuse-values", "--set", "awsSecrets={keys-live}"]


class Life(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.release = Release()
        cls.addClassCleanup(cls.release.stop)
        cls.release.apply(namespace(SYSTEM, enforce="restricted", warn="restricted"), namespace("recorded"))

    def specs(self):
        """Of what was recorded, as the API server answers."""
        found = self.release.all()
        return {key: found[key]["spec"] for key in self.recorded if key in found}

    def environment(self):
        containers = self.release.get("deployments")[0]["spec"]["template"]["spec"]["containers"]
        return {entry["name"]: entry.get("value") for entry in containers[0]["env"]}

    def test_1_the_previous_chart_and_objects_of_its_time(self):
        self.release.helm("install", PREVIOUS, *OLD_VALUES)
        self.release.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        self.release.apply(*RECORDED)
        cls = type(self)
        cls.recorded = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in RECORDED]
        cls.before = self.specs()
        self.assertEqual(set(self.recorded), set(self.before))

    def test_2_upgrade(self):
        said = self.release.helm("upgrade", CHART, *UPGRADE)
        self.assertIn("is installed in namespace tributary-system", said)
        # Values under their old names still apply.
        wanted = {"TRIBUTARY_RESYNC_SECONDS": "600", "TRIBUTARY_FULL_RESYNC_SECONDS": "7200", "TRIBUTARY_RESYNC_QUOTA": "7", "TRIBUTARY_QUOTA": "30", "TRIBUTARY_LOG": "debug"}
        self.assertEqual(wanted, {name: value for name, value in self.environment().items() if name in wanted})
        for name, one in self.release.definitions().items():
            self.assertEqual([version["name"] for version in definition(name)["spec"]["versions"] if version["served"]], one["status"]["storedVersions"])
        # Stored objects are what they were, and the new definitions accept each of them as it is.
        self.assertEqual([], lost(*({" ".join(map(str, key)): spec for key, spec in specs.items()} for specs in (self.before, self.specs()))))
        found = self.release.all()
        stored = [{key: value for key, value in found[key_].items() if key != "status"} for key_ in self.recorded]
        for one in stored:
            one["metadata"] = {key: value for key, value in one["metadata"].items() if key in ("name", "namespace", "resourceVersion")}
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": stored})
        self.assertEqual((0, ""), self.release.attempt("replace", "--dry-run=server", "--validate=strict", "-f", "-", text=text))
        # The account of `make kind` is one that this version accepts.
        self.assertEqual((0, ""), self.release.attempt("apply", "--dry-run=server", "--validate=strict", "-f", "packaging/dev/account.yaml"))
        # The chart's rights are those that the operator needs now.
        cls = type(self)
        cls.live = Account(self.release, "live", "555500000001")
        self.release.apply(self.live.bus(), *(one for n in range(PAIRS) for one in self.live.pair(f"pair-{n}")))
        self.release.start(self.live)
        self.live.settle(OBJECTS)
        cls.mark, cls.contents = self.live.mark(), self.live.contents()
        self.assertEqual(PAIRS, len(self.contents[0]))

    def test_3_rollback_and_upgrade_again(self):
        self.release.stop()
        rule = self.live.pair("pair-0")[0]
        rule["spec"]["tests"] = [{"name": "one", "event": {"source": "pair-0", "detail-type": "t", "detail": {}}, "expect": "Match"}]
        self.release.apply(rule)
        key = ("EventRule", "live", "pair-0")
        self.assertIn("tests", self.release.all()[key]["spec"])
        self.release.run("helm", "rollback", RELEASE, "1", "-n", SYSTEM)
        # The definitions are the old ones again. Kinds that the old chart does not know stay, with their objects.
        for name, one in self.release.definitions().items():
            old = previous_definition(name) or definition(name)
            self.assertEqual(old["spec"]["versions"][0]["schema"], one["spec"]["versions"][0]["schema"], name)
        self.assertEqual(self.before, self.specs())
        self.assertNotIn("TRIBUTARY_RESYNC_SECONDS", self.environment())
        # A newer field is not shown, and nothing has removed it from storage as long as nobody writes the object.
        self.assertNotIn("tests", self.release.all()[key]["spec"])
        self.release.helm("upgrade", CHART, *UPGRADE)
        self.assertIn("tests", self.release.all()[key]["spec"])
        self.assertEqual(self.contents, self.live.contents())
        self.release.start(self.live)
        self.assertEqual([], self.release.in_sync(self.live, self.mark, *(f"pair-{n}" for n in range(PAIRS))))

    def test_4_uninstall_with_live_objects(self):
        self.release.stop()
        before, mark = self.release.all(), self.live.mark()
        self.assertEqual([], self.live.writes(self.mark), "written late, after the second upgrade")
        self.release.run("helm", "uninstall", RELEASE, "-n", SYSTEM, "--wait", "--timeout", "60s")
        for kinds in ("deployments,serviceaccounts,roles,rolebindings,poddisruptionbudgets", "clusterroles,clusterrolebindings"):
            self.assertEqual([], json.loads(self.release.kubectl("get", kinds, "-n", SYSTEM, "-l", f"app.kubernetes.io/instance={RELEASE}", "-o", "json"))["items"])
        self.assertEqual(before, self.release.all())
        # A deletion waits for an operator, and AWS keeps everything.
        self.release.kubectl("delete", "eventrule", "pair-1", "-n", "live", "--wait=false")
        self.assertIn("deletionTimestamp", self.release.all()["EventRule", "live", "pair-1"]["metadata"])
        self.assertEqual(([], self.contents), (self.live.writes(mark), self.live.contents()))

    def test_5_install_again(self):
        mark = self.live.mark()
        self.release.helm("install", CHART, "--set", "awsSecrets={keys-live}")
        self.release.start(self.live)
        until(lambda: ("EventRule", "live", "pair-1") not in self.release.all(), "the deletion is carried out")
        wrote = self.release.in_sync(self.live, mark, "pair-0", "pair-2")
        self.assertEqual(self.contents[0][:1] + self.contents[0][2:], self.live.contents()[0])
        self.assertEqual([], [call for call in wrote if "pair-1" not in json.dumps(call["request"])])

    def test_6_deleted_definitions_take_objects_with_them_but_not_aws(self):
        self.release.stop()
        self.release.run("helm", "uninstall", RELEASE, "-n", SYSTEM, "--wait", "--timeout", "60s")
        mark, contents = self.live.mark(), self.live.contents()
        self.release.kubectl("delete", "crd", "eventrules.tributary.dev", "--wait=false")
        rules = until(lambda: [one for one in self.release.get("eventrules", "live") if "deletionTimestamp" in one["metadata"]], "the rules are being deleted")
        self.assertTrue(all(one["metadata"]["finalizers"] for one in rules))
        self.assertIn("deletionTimestamp", self.release.definitions()["eventrules.tributary.dev"]["metadata"])
        # docs/how-to/uninstall.md: who means it removes the finalizers.
        for one in rules:
            self.release.kubectl("patch", "eventrule", one["metadata"]["name"], "-n", "live", "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
        until(lambda: "eventrules.tributary.dev" not in self.release.definitions(), "the definition is gone")
        self.assertEqual(([], contents), (self.live.writes(mark), self.live.contents()))
        self.assertLessEqual({"EventBus", "EventSink"}, {kind for kind, _, _ in self.release.all(ALL_KINDS.replace("eventrules,", ""))})


if __name__ == "__main__":
    unittest.main()
