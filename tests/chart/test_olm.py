"""The bundle for the Operator Lifecycle Manager: valid for the Operator Framework's own validator, and the same installation as the chart."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import chart
from chart import acquire, yaml

sys.path.append(str(chart.ROOT / "packaging"))
import olm  # noqa: E402


class Bundle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.objects = olm.rendered(shutil.which("helm") or str(acquire.binaries(print) / "helm"))
        cls.files = olm.bundle(cls.objects)
        cls.csv = yaml.safe_load(cls.files["manifests/tributary.clusterserviceversion.yaml"])

    def verified(self, files):
        """What the validator finds."""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            # The validator has the API server's code of Kubernetes 1.20, which cannot read null among the values of an enum. Ours does.
            (folder / name).write_text(re.sub(r"^ *- null\n", "", text, flags=re.M))
        done = subprocess.run([acquire.operator_verify(print), "manifests", "--operatorhub_validate", "--object_validate", str(folder / "manifests")],
                              capture_output=True, text=True)
        return done.stdout + done.stderr

    def test_the_validator_finds_nothing(self):
        self.assertEqual("", self.verified(self.files))

    def test_the_validator_finds_what_is_broken(self):
        name = "manifests/tributary.clusterserviceversion.yaml"
        without = {key: text for key, text in self.files.items() if "eventbuses" not in key}
        for files, words in ((without, "EventBus"), ({**self.files, name: self.files[name].replace("supported: true", "supported: false")}, "InstallMode"),
                             ({**self.files, name: self.files[name].replace("Streaming & Messaging", "Rivers")}, "Rivers")):
            self.assertIn(words, self.verified(files))

    def test_it_installs_the_operator_of_the_chart(self):
        chart_has = {(found["kind"], found["metadata"]["name"]): found for found in self.objects}
        install = self.csv["spec"]["install"]["spec"]
        [deployment] = install["deployments"]
        wanted = chart_has["Deployment", "tributary"]["spec"]
        self.assertEqual(wanted["template"]["spec"], deployment["spec"]["template"]["spec"])
        self.assertEqual((wanted["replicas"], wanted["selector"], wanted["strategy"]), tuple(deployment["spec"][key] for key in ("replicas", "selector", "strategy")))
        for field, kind in (("clusterPermissions", "ClusterRole"), ("permissions", "Role")):
            self.assertEqual([{"serviceAccountName": "tributary", "rules": chart_has[kind, "tributary"]["rules"]}], install[field])
        # Each object of the chart is in the bundle, or is made by OLM from the permissions.
        inside = {(found["kind"], found["metadata"]["name"]) for name, text in self.files.items() if name.startswith("manifests/") for found in [yaml.safe_load(text)]}
        by_olm = {("Deployment", "tributary"), ("ServiceAccount", "tributary"), *((kind, "tributary") for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"))}
        self.assertEqual(set(chart_has), {key for key in inside if key[0] not in ("CustomResourceDefinition", "ClusterServiceVersion")} | by_olm)

    def test_kinds_have_their_definition_and_an_example(self):
        kinds = {}
        for file in (chart.ROOT / "crds").glob("*.yaml"):
            crd = yaml.safe_load(file.read_text())
            self.assertEqual(crd["spec"], yaml.safe_load(self.files[f"manifests/{crd['metadata']['name']}.crd.yaml"])["spec"])
            kinds[crd["metadata"]["name"]] = crd["spec"]["names"]["kind"]
        self.assertEqual(kinds, {one["name"]: one["kind"] for one in self.csv["spec"]["customresourcedefinitions"]["owned"]})
        self.assertEqual(sorted(kinds.values()), [one["kind"] for one in yaml.safe_load(self.csv["metadata"]["annotations"]["alm-examples"])])

    def test_labels_of_the_image_are_the_annotations(self):
        labels = dict(re.findall(r"^LABEL (\S+)=(\S+)$", self.files["bundle.Dockerfile"], re.M))
        self.assertEqual(yaml.safe_load(self.files["metadata/annotations.yaml"])["annotations"], labels)
        self.assertNotIn("helm.sh", "".join(self.files.values()))


if __name__ == "__main__":
    unittest.main()
