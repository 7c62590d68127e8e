"""kustomize/: each base is the chart with the same values, and the generated one is up to date."""
import subprocess
import unittest

import bases
import chart
from bases import olm, program
from chart import yaml

# Base, and the values of the chart that it stands for.
BASES = {"default": {}, "pod-identity": {}, "namespaced": {"watchNamespaces": ["orders", "integrations-*"]},
         "irsa": {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/tributary"}}}}


def by_kind(objects):
    """Objects with the variables of containers in any order."""
    found = {}
    for one in objects:
        for container in one.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            container["env"] = sorted(container["env"], key=lambda entry: entry["name"])
        found[one["kind"], one["metadata"]["name"]] = one
    return found


class Bases(unittest.TestCase):
    def test_the_generated_base_is_up_to_date(self):
        self.assertEqual(bases.text(), bases.FILE.read_text(), "run `make generate`")

    def test_each_base_is_the_chart_with_the_same_values(self):
        folder = chart.ROOT / "kustomize"
        self.assertEqual(set(BASES), {path.name for path in folder.iterdir() if path.is_dir()})
        for base, values in BASES.items():
            done = subprocess.run([program("kubectl"), "kustomize", str(folder / base)], capture_output=True, text=True, check=True)
            found = by_kind(olm.documents(done.stdout))
            namespace = found.pop(("Namespace", "tributary-system"))
            self.assertEqual({"pod-security.kubernetes.io/enforce": "restricted"}, namespace["metadata"]["labels"])
            wanted = chart.template(chart.CHART, {"crds": {"install": False}, "fullnameOverride": "tributary", "namespaceOverride": "tributary-system", **values})
            text = yaml.safe_dump_all(olm.without_helm(one) for one in wanted)
            # The name of the release is a label.
            self.assertEqual(by_kind(olm.documents(text.replace("instance: t\n", "instance: tributary\n"))), found, base)


if __name__ == "__main__":
    unittest.main()
