"""The path to the next API version (docs/operations/api-versions.md), on a real API server, with a v1beta1 that is made here.

The tests run in the order of their numbers.
"""
import copy
import json
import re
import unittest

from release import CHART, RECORDED, ROOT, SYSTEM, Account, Release, chart, namespace

OLD, NEW = "v1alpha1", "v1beta1"
PAGE = (ROOT / "docs/operations/api-versions.md").read_text()


class Versions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.release = Release()
        cls.addClassCleanup(cls.release.stop)
        cls.own = [chart.yaml.safe_load(file.read_text()) for file in sorted((CHART / "files/crds").glob("*.yaml"))]
        cls.names = [crd["metadata"]["name"] for crd in cls.own]
        code, said = cls.define(lambda one: [one])
        assert code == 0, said
        cls.release.apply(namespace(SYSTEM), namespace("recorded"))
        cls.release.apply(*RECORDED)
        cls.release.run("helm", "upgrade", "--install", "tributary", str(CHART), "-n", SYSTEM, "--set", "crds.install=false,awsSecrets={keys-versions}")
        cls.before = cls.read(OLD)

    @classmethod
    def define(cls, versions):
        """Applies the CRDs. `versions`: what becomes of the only version."""
        crds = copy.deepcopy(cls.own)
        for crd in crds:
            crd["spec"]["versions"] = versions(crd["spec"]["versions"][0])
        done = cls.release.attempt("apply", "--server-side", "--force-conflicts", "-f", "-", text="\n---\n".join(map(json.dumps, crds)))
        cls.release.kubectl("wait", "--for=condition=Established", "crd", *cls.names, "--timeout=60s")
        return done

    @classmethod
    def read(cls, version):
        """Spec and status of every object, read in this version."""
        found = {}
        for name in cls.names:
            plural, group = name.split(".", 1)
            for one in json.loads(cls.release.kubectl("get", f"{plural}.{version}.{group}", "-A", "-o", "json"))["items"]:
                assert one["apiVersion"] == f"{group}/{version}", one
                found[one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]] = (one["spec"], one.get("status"))
        return found

    def stored(self):
        return {name: one["status"]["storedVersions"] for name, one in self.release.definitions().items()}

    @staticmethod
    def both(one, stored=OLD, **old):
        return [{**one, "storage": stored == OLD, **old}, {**one, "name": NEW, "storage": stored == NEW}]

    def test_1_both_versions_show_the_same_objects(self):
        self.assertEqual((0, ""), self.define(self.both))
        self.assertGreater(len(self.before), 50)
        self.assertEqual(self.before, self.read(OLD))
        self.assertEqual(self.before, self.read(NEW))

    def test_2_an_object_of_the_new_version_is_reconciled_by_this_operator(self):
        cls = type(self)
        cls.account = Account(self.release, "versions", "555500000002")
        objects = [{**one, "apiVersion": f"tributary.dev/{NEW}"} for one in (self.account.bus(), *self.account.pair("pair-0"))]
        self.release.apply(*objects)
        self.release.start(self.account)
        self.account.settle(3)
        self.release.stop()
        cls.mark, cls.contents, cls.before = self.account.mark(), self.account.contents(), self.read(OLD)
        self.assertEqual(self.before, self.read(NEW))

    def test_3_the_new_version_is_stored(self):
        code, said = self.define(lambda one: self.both(one, NEW, deprecated=True, deprecationWarning="tributary.dev/v1alpha1 is deprecated. Use tributary.dev/v1beta1."))
        self.assertEqual((0, ""), (code, said))
        self.assertEqual({(OLD, NEW)}, {tuple(versions) for versions in self.stored().values()})
        self.assertEqual(self.before, self.read(NEW))
        self.assertIn("Use tributary.dev/v1beta1", self.release.attempt("get", "eventbuses.v1alpha1.tributary.dev", "-A")[1])
        # An operator that reads the old version still works, as after a rollback.
        self.release.start(self.account)
        wrote = self.release.in_sync(self.account, self.mark, "pair-0")
        self.release.stop()
        type(self).before = self.read(NEW)
        self.assertEqual(self.before, self.read(OLD))
        self.assertEqual([], wrote)

    def commands(self, heading):
        return re.search(rf"### {heading}\n.*?```shell\n(.*?)```", PAGE, re.S)[1]

    def test_4_the_old_version_goes_when_nothing_is_stored_in_it(self):
        def alone(one):
            return [{**one, "name": NEW}]
        code, said = self.define(alone)
        self.assertEqual(1, code)
        self.assertIn("status.storedVersions", said)
        self.assertEqual(self.before, self.read(NEW))
        # The commands of the page.
        self.release.run("bash", "-euo", "pipefail", "-c", self.commands("Rewrite the stored objects"))
        self.release.run("bash", "-euo", "pipefail", "-c", self.commands("Remove v1alpha1 from the stored versions"))
        self.assertEqual({(NEW,)}, {tuple(versions) for versions in self.stored().values()})
        self.assertEqual((0, ""), self.define(alone))
        self.assertEqual(self.before, self.read(NEW))
        self.assertEqual(1, self.release.attempt("get", "eventbuses.v1alpha1.tributary.dev", "-A")[0])
        self.assertEqual(([], self.contents), (self.account.writes(self.mark), self.account.contents()))


if __name__ == "__main__":
    unittest.main()
