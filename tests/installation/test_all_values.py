"""Values of the chart before a real API server: all of them at once, one against the other, and pods in a namespace that enforces `restricted`."""
import json
import os
import subprocess
import unittest

from release import CHART, ROOT, Release, chart, namespace, until

ALL_ON = ROOT / "tests/installation/all-on.yaml"
# Values that exclude one another: what one of them hides.
ALTERNATIVES = [
    {"namespaceOverride": "", "hostNetwork": False, "dnsPolicy": "", "image": {"digest": ""}, "strategy": {"type": "RollingUpdate"}, "podDisruptionBudget": {"minAvailable": ""},
     "sinkSecrets": {"allNamespaces": False}, "sinkConfigMaps": {"allNamespaces": False}, "gateway": {"autoscaling": {"enabled": False}},
     "metrics": {"serviceMonitor": {"namespace": ""}, "dashboards": {"namespace": ""}}, "argoCD": {"namespace": ""}},
    {"serviceAccount": {"create": False}, "gateway": {"serviceAccount": {"create": False}}, "sync": {"serviceAccount": {"create": False}}, "rbac": {"create": False},
     "podDisruptionBudget": {"enabled": False}, "nameOverride": "", "fullnameOverride": ""},
]
# Whoever changes these leaves the level `restricted`.
LEVEL = ("podSecurityContext.runAsNonRoot", "containerSecurityContext.allowPrivilegeEscalation", "containerSecurityContext.capabilities.drop")
PARTS = {"tributary", "tributary-gateway", "tributary-sync"}


def leaves(values, path=()):
    """Each value that is no object with fields of its own."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


def at(values, path):
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return None
        values = values[name]
    return values


class AllOn(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.release = Release()
        cls.release.apply(*(namespace(name) for name in ("all-on", "one", "monitoring")), namespace("restricted", enforce="restricted"))
        cls.release.kubectl("apply", "-f", str(ROOT / "tests/installation/others.yaml"))
        cls.release.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")

    def render(self, *values):
        """The chart's manifests with all-on.yaml and more values, in namespace all-on."""
        files = [word for value in (ALL_ON, *values) for word in ("-f", str(value))]
        return self.release.run("helm", "template", "t", str(CHART), "-n", "all-on", "--kube-version", "1.34.0", *files).stdout

    def test_all_on_is_all(self):
        defaults, changed = chart.yaml.safe_load((CHART / "values.yaml").read_text()), chart.yaml.safe_load(ALL_ON.read_text())
        for path, default in leaves(defaults):
            value, name = at(changed, path), ".".join(path)
            if name in LEVEL:
                self.assertEqual(default, value, name)
            elif isinstance(default, bool):
                self.assertIs(True, value, f"tests/installation/all-on.yaml: switch on {name}")
            else:
                self.assertFalse(value is None or value == default, f"tests/installation/all-on.yaml: set {name} to another value than {default!r}")

    def test_the_api_server_accepts_all_values(self):
        scratch = self.release.scratch / "alternatives.json"
        for number, alternative in enumerate([{}, *ALTERNATIVES]):
            scratch.write_text(json.dumps(alternative))
            manifests = self.render(scratch)
            code, said = self.release.attempt("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-", text=manifests)
            self.assertEqual((0, ""), (code, said), f"alternative {number}")
            kinds = {found["kind"] for found in chart.yaml.safe_load_all(manifests) if found}
            self.assertLess({"Deployment", "Ingress", "HTTPRoute", "NetworkPolicy", "ServiceMonitor", "PrometheusRule", "ConfigMap", "CustomResourceDefinition"}, kinds)

    def test_the_api_server_rejects_what_it_does_not_know(self):
        for before, after in (("honorLabels: true", "honourLabels: true"), ("enableServiceLinks: false", "enableServiceLink: false")):
            manifests = self.render()
            self.assertIn(before, manifests)
            code, said = self.release.attempt("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", text=manifests.replace(before, after))
            self.assertEqual(1, code)
            self.assertRegex(said, "unknown field|field not declared in schema")

    def test_the_manifests_of_make_kind_are_accepted(self):
        folder = ROOT / "packaging/dev"
        self.release.kubectl("create", "namespace", "aws-standin")
        chart_of_kind = self.release.run("helm", "template", "tributary", str(CHART), "-n", "all-on", "--kube-version", "1.34.0", "-f", str(folder / "values.yaml")).stdout
        for text in ((folder / "standin.yaml").read_text(), chart_of_kind):
            said = self.release.attempt("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-", text=text)
            self.assertEqual((0, ""), said)

    def pods(self):
        return {pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in self.release.get("pods", "restricted")}

    def failures(self):
        return {one["metadata"]["labels"]["app.kubernetes.io/name"]: condition["message"] for one in self.release.get("replicasets", "restricted")
                for condition in one.get("status", {}).get("conditions", []) if condition["type"] == "ReplicaFailure"}

    def test_pods_of_all_components_are_admitted_as_restricted(self):
        """By the admission of the API server, when the controllers create them. No node runs them here; tests/pods does."""
        more = ["--set", "crds.install=false,gateway.enabled=true,sync.enabled=true,hostNetwork=false"]
        self.release.run("helm", "install", "plain", str(CHART), "-n", "restricted", "--set", "fullnameOverride=plain", *more)
        until(lambda: self.pods() >= PARTS, "pods of all components are created")
        self.assertEqual({}, self.failures())
        self.release.run("helm", "uninstall", "plain", "-n", "restricted", "--wait")
        until(lambda: not self.release.get("replicasets", "restricted") and not self.release.get("pods", "restricted"), "the release is gone")
        # The host's network is more than the level allows, and the message says so.
        self.release.run("helm", "install", "host", str(CHART), "-n", "restricted", "--set", "fullnameOverride=host", *more, "--set", "hostNetwork=true")
        until(lambda: "tributary" in self.failures(), "the pod is refused")
        self.assertRegex(self.failures()["tributary"], "violates PodSecurity .*hostNetwork=true")
        until(lambda: self.pods() == PARTS - {"tributary"}, "the other components have their pods")
        self.release.run("helm", "uninstall", "host", "-n", "restricted", "--wait")


class Lint(unittest.TestCase):
    def test_helm_finds_nothing(self):
        done = subprocess.run(["helm", "lint", "--strict", "--quiet", "-f", str(ALL_ON), str(CHART)], capture_output=True, text=True, env=os.environ)
        self.assertEqual((0, ""), (done.returncode, (done.stdout + done.stderr).strip()))


if __name__ == "__main__":
    unittest.main()
