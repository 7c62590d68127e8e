"""examples/gitops: what the environments share and what they do not, and the same objects from the chart of the guide."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import chart
from chart import acquire, yaml

EXAMPLE = chart.ROOT / "examples/gitops"
ENVIRONMENTS = ("dev", "test", "prod")


def program(name):
    return shutil.which(name) or str(acquire.binaries(print) / name)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{command}: {done.stderr}")
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def built(folder):
    return run(program("kubectl"), "kustomize", str(EXAMPLE / folder))


def by_kind(objects):
    return {(found["kind"], found["metadata"]["name"]): found["spec"] for found in objects}


def values(environment):
    """What the overlay sets, as values of the chart."""
    spec = by_kind(built(f"overlays/{environment}"))["BenchlingSubscription", "lims"]
    return {"tenant": spec["tenant"], "appName": spec["appName"], "account": spec["accountRef"]["name"], "region": spec["region"]}


class Environments(unittest.TestCase):
    def test_each_has_everything_of_its_own(self):
        accounts = {found["metadata"]["name"]: found["spec"] for found in chart.of_kind(built("platform"), "AwsAccount")}
        for key in ("accountId", "credentials"):
            self.assertEqual(len({str(spec[key]) for spec in accounts.values()}), len(ENVIRONMENTS), key)
        self.assertEqual(len({values(environment)["tenant"] for environment in ENVIRONMENTS}), len(ENVIRONMENTS))
        for environment in ENVIRONMENTS:
            own = values(environment)
            self.assertEqual(accounts[own["account"]]["grants"], [{"namespaces": [f"lims-{environment}"]}])
            self.assertEqual(accounts[own["account"]]["region"], own["region"])
            objects = built(f"overlays/{environment}")
            self.assertEqual({found["metadata"]["namespace"] for found in objects}, {f"lims-{environment}"})
            self.assertEqual({found["spec"].get("accountRef", {}).get("name", own["account"]) for found in objects}, {own["account"]})

    def test_flux_and_argo_cd_apply_the_overlays_that_exist(self):
        objects = built("flux/environments")
        paths = {found["metadata"]["namespace"]: found["spec"]["path"] for found in chart.of_kind(objects, "Kustomization")}
        self.assertEqual(paths, {f"lims-{environment}": f"./overlays/{environment}" for environment in ENVIRONMENTS})
        self.assertFalse([found for found in chart.of_kind(objects, "Kustomization") if "dependsOn" in found["spec"] or not found["spec"]["wait"]])
        # A commit to an overlay acts with the rights of its own namespace, which include no account.
        self.assertEqual({found["spec"].get("serviceAccountName") for found in chart.of_kind(objects, "Kustomization")}, {"flux"})
        self.assertEqual(len(chart.of_kind(objects, "RoleBinding")), len(ENVIRONMENTS))
        [applications] = chart.of_kind(built("argocd"), "ApplicationSet")
        [generator] = applications["spec"]["generators"]
        self.assertEqual([element["environment"] for element in generator["list"]["elements"]], list(ENVIRONMENTS))
        self.assertTrue(all((EXAMPLE / path).is_dir() for path in paths.values()))


class Guide(unittest.TestCase):
    def test_the_chart_of_the_guide_makes_the_same_objects(self):
        page = (chart.ROOT / "docs/how-to/deploy-with-gitops.md").read_text()
        files = dict(re.findall(r"```yaml\n# helm/(\S+)\n(.*?)```", page, re.S))
        self.assertEqual(yaml.safe_load(files["values-prod.yaml"]), values("prod"))
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "templates").mkdir()
            for name, text in files.items():
                (folder / name).write_text(text)
            shutil.copyfile(EXAMPLE / "base/v1/rule.yaml", folder / "templates/rule.yaml")
            for environment in ENVIRONMENTS:
                settings = [word for key, value in values(environment).items() for word in ("--set", f"{key}={value}")]
                rendered = run(program("helm"), "template", "lims", str(folder), "-n", f"lims-{environment}", *settings)
                self.assertEqual(by_kind(rendered), by_kind(built(f"overlays/{environment}")))


if __name__ == "__main__":
    unittest.main()
