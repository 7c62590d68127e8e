"""Values of the chart that people know from other charts: each reaches every object that it is for, and nothing else."""
import json
import pathlib
import re
import shutil
import tempfile
import unittest

import chart
from test_values import ALL, EVERYTHING, pods

RBAC = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
RIGHTS = {"awsSecrets": ["a"], "sinkSecrets": {"namespaces": ["one"], "allNamespaces": False}, "sinkConfigMaps": {"namespaces": ["one"]},
          "arnFrom": {"allowed": [{"kind": "ConfigMap", "resource": "configmaps", "apiGroup": ""}]},
          "gateway": {"enabled": True, "awsSecrets": ["a"]}, "sync": {"enabled": True, "awsSecrets": ["a"], "secretNamespaces": ["one"]}}
CLUSTER = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}


class Objects(unittest.TestCase):
    def test_without_rbac_there_is_no_role_and_no_binding(self):
        self.assertLess(12, sum(found["kind"] in RBAC for found in chart.render(RIGHTS)))
        left = chart.render(RIGHTS, rbac={"create": False})
        self.assertEqual([], [found for found in left if found["kind"] in RBAC])
        self.assertEqual([found for found in chart.render(RIGHTS) if found["kind"] not in RBAC], left)

    def test_leases_are_named_and_those_of_shards_exist_with_shards_only(self):
        def leases(**values):
            role = next(found for found in chart.of_kind(chart.render(values), "Role") if found["metadata"]["name"] == "t-tributary")
            rules = [rule for rule in role["rules"] if rule["resources"] == ["leases"]]
            [named], [unnamed] = ([rule for rule in rules if ("resourceNames" in rule) == named] for named in (True, False))
            self.assertEqual(["get", "update"], named["verbs"])
            return named["resourceNames"], unnamed["verbs"]

        self.assertEqual((["t-tributary"], ["create"]), leases())
        self.assertEqual(leases(), leases(shards=1))
        names, verbs = leases(shards=3, replicas=2)
        wanted = {"t-tributary", *(f"t-tributary-{what}-{n}" for what in ("shard", "replica") for n in range(3))}
        self.assertEqual((wanted, len(wanted), ["create", "list"]), (set(names), len(names), verbs))
        self.assertNotIn("TRIBUTARY_SHARDS", json.dumps(chart.render({})))
        self.assertIn({"name": "TRIBUTARY_SHARDS", "value": "3"}, pods(chart.render({"shards": 3}))["t-tributary"]["spec"]["containers"][0]["env"])

    def test_all_objects_are_in_the_namespace_that_overrides(self):
        values = {**EVERYTHING, **RIGHTS, "networkPolicy": {"enabled": True}, "argoCD": {"enabled": True}, "replicas": 2}
        text = json.dumps(chart.render(values, namespaceOverride="elsewhere"))
        self.assertNotIn('"system"', text)
        for found in json.loads(text):
            self.assertEqual(found["kind"] in CLUSTER, "namespace" not in found["metadata"], found["kind"])
        self.assertEqual(text.replace('"elsewhere"', '"system"'), json.dumps(chart.render(values)))

    def test_a_parent_chart_can_leave_it_out(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "charts").mkdir()
        shutil.copytree(chart.CHART, folder / "charts/tributary")
        version = re.search(r"^version: (.*)", (chart.CHART / "Chart.yaml").read_text(), re.M)[1]
        (folder / "Chart.yaml").write_text(json.dumps({"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [
            {"name": "tributary", "version": version, "condition": "tributary.enabled"}]}))
        self.assertEqual([], chart.template(folder, {"tributary": {"enabled": False}}))
        shared = {"global": {"imagePullSecrets": [{"name": "registry"}], "imageRegistry": "of another chart"}, "tributary": {"enabled": True}}
        found = pods(chart.template(folder, shared))["t-tributary"]
        self.assertEqual([{"name": "registry"}], found["spec"]["imagePullSecrets"])


class Pods(unittest.TestCase):
    def test_pull_secrets_of_the_parent_chart_come_in_addition(self):
        own, shared = {"name": "own"}, {"name": "shared"}
        for pod in pods(chart.render(ALL, imagePullSecrets=[own], **{"global": {"imagePullSecrets": [shared, own]}})).values():
            self.assertEqual([own, shared], pod["spec"]["imagePullSecrets"])
        self.assertTrue(all("imagePullSecrets" not in pod["spec"] for pod in pods(chart.render(ALL)).values()))

    def test_how_pods_are_replaced(self):
        for values, wanted in (({}, {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}),
                               ({"rollingUpdate": {"maxSurge": "50%"}}, {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "50%"}}),
                               ({"type": "Recreate"}, {"type": "Recreate"})):
            found = chart.of_kind(chart.render(ALL, strategy=values), "Deployment")
            self.assertEqual([wanted] * 3, [one["spec"]["strategy"] for one in found])

    def test_volumes_of_each_component_are_its_own(self):
        def values(name):
            return {"extraVolumes": [{"name": name, "emptyDir": {}}], "extraVolumeMounts": [{"name": name, "mountPath": f"/{name}"}]}
        for bundle in ({}, {"configMap": "ca"}):
            found = pods(chart.render({**values("operator"), "awsCaBundle": bundle, "gateway": {"enabled": True, **values("gateway")},
                                       "sync": {"enabled": True, **values("sync")}}))
            for pod, own in (("t-tributary", "operator"), ("t-tributary-gateway", "gateway"), ("t-tributary-sync", "sync")):
                names = [*(["ca"] if bundle else []), own]
                self.assertEqual(names, [volume["name"] for volume in found[pod]["spec"]["volumes"]])
                self.assertEqual(names, [mount["name"] for mount in found[pod]["spec"]["containers"][0]["volumeMounts"]])

    def test_each_service_account_and_its_token(self):
        accounts = {"serviceAccount": {"labels": {"of": "operator"}, "automount": False}, "gateway": {"enabled": True, "serviceAccount": {"labels": {"of": "gateway"}}},
                    "sync": {"enabled": True, "serviceAccount": {"automount": False, "annotations": {"a": "b"}}}}
        objects = chart.render(accounts)
        found = {one["metadata"]["name"]: one for one in chart.of_kind(objects, "ServiceAccount")}
        self.assertEqual({"t-tributary": "operator", "t-tributary-gateway": "gateway", "t-tributary-sync": None},
                         {name: one["metadata"]["labels"].get("of") for name, one in found.items()})
        self.assertEqual({"a": "b"}, found["t-tributary-sync"]["metadata"]["annotations"])
        for name, pod in pods(objects).items():
            wanted = name == "t-tributary-gateway"
            self.assertEqual((wanted, wanted), (found[name]["automountServiceAccountToken"], pod["spec"]["automountServiceAccountToken"]))


class Services(unittest.TestCase):
    def test_a_budget_says_how_many_may_go_or_how_many_must_stay(self):
        for values, wanted in (({}, {"maxUnavailable": 1}), ({"maxUnavailable": "50%"}, {"maxUnavailable": "50%"}), ({"minAvailable": 1}, {"minAvailable": 1})):
            for budget in chart.of_kind(chart.render({"gateway": {"enabled": True}}, podDisruptionBudget=values), "PodDisruptionBudget"):
                self.assertEqual(wanted, {key: value for key, value in budget["spec"].items() if key.endswith("vailable")})

    def test_families_and_labels_of_services(self):
        families = {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6", "IPv4"]}
        values = {"gateway": {"enabled": True, "service": {"labels": {"of": "webhooks"}}}, "metrics": {"service": {"enabled": True, "labels": {"of": "metrics"}}}}
        found = chart.of_kind(chart.render(values, service=families), "Service")
        self.assertEqual(["metrics", "metrics", "webhooks"], sorted(one["metadata"]["labels"]["of"] for one in found))
        self.assertTrue(all(families.items() <= one["spec"].items() for one in found))
        self.assertFalse(any("ipFamilies" in one["spec"] or "ipFamilyPolicy" in one["spec"] for one in chart.of_kind(chart.render(values), "Service")))

    def test_how_prometheus_reads(self):
        drop = [{"action": "drop", "regex": "x"}]
        more = {"namespace": "monitoring", "scrapeTimeout": "5s", "honorLabels": True, "relabelings": drop, "metricRelabelings": drop, "annotations": {"a": "b"}}
        objects = chart.render(ALL, metrics={"serviceMonitor": {"enabled": True, **more}})
        found = chart.of_kind(objects, "ServiceMonitor")
        self.assertEqual(3, len(found))
        for monitor in found:
            self.assertEqual(("monitoring", {"a": "b"}), (monitor["metadata"]["namespace"], monitor["metadata"]["annotations"]))
            self.assertEqual({"matchNames": ["system"]}, monitor["spec"]["namespaceSelector"])
            [endpoint] = monitor["spec"]["endpoints"]
            self.assertEqual({"port": "http", "path": "/metrics", "interval": "30s", "scrapeTimeout": "5s", "honorLabels": True, "relabelings": drop,
                              "metricRelabelings": drop}, endpoint)
        plain = chart.of_kind(chart.render(metrics={"serviceMonitor": {"enabled": True}}), "ServiceMonitor")[0]["spec"]
        self.assertEqual(({"port": "http", "path": "/metrics", "interval": "30s"}, False), (plain["endpoints"][0], "namespaceSelector" in plain))


if __name__ == "__main__":
    unittest.main()
