"""Values of the chart: each has a schema and a comment, and does what it says."""
import json
import re
import unittest

import chart
import readme

ALL = {"gateway": {"enabled": True}, "sync": {"enabled": True}}
EVERYTHING = {
    **ALL,
    "networkPolicy": {"enabled": True},
    "metrics": {"service": {"enabled": True}, "serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}},
}


def pods(objects):
    return {found["metadata"]["name"]: found["spec"]["template"] for found in chart.of_kind(objects, "Deployment")}


class Schema(unittest.TestCase):
    def test_every_value_has_a_schema_and_unknown_ones_are_rejected(self):
        schema = json.loads((chart.CHART / "values.schema.json").read_text())
        values = chart.yaml.safe_load((chart.CHART / "values.yaml").read_text())

        def check(values, of, path):
            properties = of.get("properties", {})
            for name, value in values.items():
                self.assertIn(name, properties, ".".join([*path, name]))
                found = properties[name]
                found = schema["definitions"][found["$ref"].rpartition("/")[2]] if "$ref" in found else found
                if isinstance(value, dict) and "properties" in found:
                    # A parent chart may set anything for all its charts.
                    self.assertIs(found.get("additionalProperties"), None if name == "global" else False, name)
                    check(value, found, [*path, name])
        check(values, schema, [])
        for wrong in ({"replica": 2}, {"metrics": {"prometheusRules": {}}}, {"livenessProbe": {"period": 3}}, {"hostNetwork": "yes"}, {"commonLabels": {"a": 1}},
                      {"strategy": {"type": "OnDelete"}}, {"gateway": {"serviceAccount": {"label": {}}}}):
            with self.assertRaises(chart.Rejected, msg=wrong):
                chart.render(wrong)

    def test_every_value_has_a_comment(self):
        lines = (chart.CHART / "values.yaml").read_text().splitlines()
        for number, line in enumerate(lines):
            if re.match(r"[a-zA-Z]\w*:", line):
                block, at = [], number + 1
                while at < len(lines) and (lines[at].startswith((" ", "#")) and not re.match(r"#", lines[at])):
                    block.append(lines[at])
                    at += 1
                before = number - 1
                # Values without a blank line between them share the comment above.
                while before >= 0 and re.match(r"[a-zA-Z]\w*:|\s", lines[before]):
                    before -= 1
                self.assertTrue((before >= 0 and lines[before].startswith("#")) or any("#" in inner for inner in block), line)


class Crds(unittest.TestCase):
    def test_either_chart_installs_all_of_them(self):
        own = {found["metadata"]["name"]: found for found in chart.of_kind(chart.render(crds={"install": True}), "CustomResourceDefinition")}
        apart = {found["metadata"]["name"]: found for found in chart.render(of="tributary-crds")}
        self.assertEqual(apart, own)
        self.assertEqual(len(own), len(list((chart.ROOT / "crds").glob("*.yaml"))))
        for found in own.values():
            self.assertEqual(found["metadata"]["annotations"]["helm.sh/resource-policy"], "keep")

    def test_both_charts_have_the_version_of_the_program(self):
        version = re.search(r'^version = "(.*)"', (chart.ROOT / "Cargo.toml").read_text(), re.M)[1]
        for name in ("tributary", "tributary-crds"):
            found = chart.yaml.safe_load((chart.ROOT / "charts" / name / "Chart.yaml").read_text())
            self.assertEqual((found["version"], found["appVersion"]), (version, version))


class Readme(unittest.TestCase):
    def test_it_lists_every_value(self):
        self.assertEqual((chart.CHART / "README.md").read_text(), readme.text(), "run `make generate`")
        paths, values = {path for path, _, _ in readme.rows()}, chart.yaml.safe_load((chart.CHART / "values.yaml").read_text())

        def leaves(value, path):
            for name, inner in value.items():
                at = f"{path}.{name}".lstrip(".")
                if at not in paths:
                    self.assertIsInstance(inner, dict, at)
                    leaves(inner, at)
        leaves(values, "")


class Manners(unittest.TestCase):
    def test_common_labels_are_on_every_object_and_pod_but_in_no_selector(self):
        objects = chart.render(EVERYTHING, commonLabels={"team": "lims"})
        for found in objects:
            self.assertEqual(found["metadata"]["labels"].get("team"), "lims", f"{found['kind']} {found['metadata']['name']}")
            self.assertNotIn("team", json.dumps(found.get("spec", {}).get("selector", {})))
        self.assertTrue(all(pod["metadata"]["labels"]["team"] == "lims" for pod in pods(objects).values()))

    def test_the_default_pod_is_restricted(self):
        for name, pod in pods(chart.render(ALL)).items():
            spec = pod["spec"]
            self.assertEqual(spec["securityContext"], {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                                                       "seccompProfile": {"type": "RuntimeDefault"}}, name)
            [container] = spec["containers"]
            self.assertEqual(container["securityContext"], {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})
            self.assertFalse({"hostNetwork", "dnsPolicy", "dnsConfig", "hostAliases"} & spec.keys())

    def test_openshift_may_choose_the_user(self):
        for pod in pods(chart.render(ALL, podSecurityContext={"runAsUser": None, "runAsGroup": None, "fsGroup": None})).values():
            self.assertEqual(pod["spec"]["securityContext"], {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}})

    def test_network_of_the_pods(self):
        aliases = [{"ip": "10.1.2.3", "hostnames": ["sts.eu-west-1.amazonaws.com"]}]
        found = pods(chart.render(ALL, hostNetwork=True, dnsConfig={"nameservers": ["10.0.0.10"]}, hostAliases=aliases))
        self.assertEqual({name: pod["spec"].get("hostNetwork", False) for name, pod in found.items()},
                         {"t-tributary": True, "t-tributary-gateway": False, "t-tributary-sync": False})
        self.assertEqual(found["t-tributary"]["spec"]["dnsPolicy"], "ClusterFirstWithHostNet")
        for pod in found.values():
            self.assertEqual((pod["spec"]["dnsConfig"], pod["spec"]["hostAliases"]), ({"nameservers": ["10.0.0.10"]}, aliases))

    def test_probes(self):
        found = pods(chart.render(ALL, livenessProbe={"timeoutSeconds": 7}, readinessProbe={"periodSeconds": 1}))
        for pod in found.values():
            [container] = pod["spec"]["containers"]
            self.assertEqual(container["livenessProbe"], {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10, "timeoutSeconds": 7, "failureThreshold": 6})
            self.assertEqual(container["readinessProbe"]["periodSeconds"], 1)
        # The gateway leaves its Service within drainSeconds.
        [gateway] = pods(chart.render(ALL))["t-tributary-gateway"]["spec"]["containers"]
        self.assertEqual(gateway["readinessProbe"]["periodSeconds"], 2)

    def test_deployments(self):
        objects = chart.render(ALL, deploymentAnnotations={"reloader.stakater.com/auto": "true"}, revisionHistoryLimit=3)
        for found in chart.of_kind(objects, "Deployment"):
            self.assertEqual((found["metadata"]["annotations"], found["spec"]["revisionHistoryLimit"]), ({"reloader.stakater.com/auto": "true"}, 3))

    def test_volumes_and_the_audit_log_on_one(self):
        volume, mount = {"name": "audit", "emptyDir": {}}, {"name": "audit", "mountPath": "/audit"}
        values = {"auditLog": "/audit/log.jsonl", "extraVolumes": [volume], "extraVolumeMounts": [mount]}
        for bundle in ({}, {"awsCaBundle": {"configMap": "ca"}}):
            pod = pods(chart.render(values, **bundle))["t-tributary"]["spec"]
            container = pod["containers"][0]
            self.assertIn({"name": "TRIBUTARY_AUDIT_LOG", "value": "/audit/log.jsonl"}, container["env"])
            self.assertEqual((pod["volumes"][-1], container["volumeMounts"][-1]), (volume, mount))
            self.assertEqual([one["name"] for one in pod["volumes"]], [one["name"] for one in container["volumeMounts"]])
        self.assertNotIn("volumes", pods(chart.render())["t-tributary"]["spec"])

    def test_traces(self):
        for pod in pods(chart.render(ALL)).values():
            self.assertFalse([one for one in pod["spec"]["containers"][0]["env"] if one["name"].startswith("OTEL_")], "off by default")
        tracing = {"enabled": True, "endpoint": "http://collector.obs:4318", "sampler": "parentbased_traceidratio", "samplerRatio": 0.1,
                   "headersSecret": {"name": "otlp"}, "resourceAttributes": {"deployment.environment.name": "prod"}}
        objects = chart.render(ALL, tracing=tracing, networkPolicy={"enabled": True})
        for name, pod in pods(objects).items():
            env = pod["spec"]["containers"][0]["env"]
            found = {one["name"]: one.get("value", one.get("valueFrom")) for one in env if one["name"].startswith("OTEL_")}
            self.assertEqual(found, {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.obs:4318", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1",
                "OTEL_EXPORTER_OTLP_HEADERS": {"secretKeyRef": {"name": "otlp", "key": "headers"}},
                "OTEL_RESOURCE_ATTRIBUTES": "k8s.namespace.name=$(TRIBUTARY_NAMESPACE),k8s.pod.name=$(POD_NAME),deployment.environment.name=prod"}, name)
            # Kubernetes expands only what is defined before.
            names = [one["name"] for one in env]
            self.assertGreater(names.index("OTEL_RESOURCE_ATTRIBUTES"), max(names.index("POD_NAME"), names.index("TRIBUTARY_NAMESPACE")))

        def ports(endpoint):
            policies = chart.of_kind(chart.render(ALL, tracing={"enabled": True, "endpoint": endpoint}, networkPolicy={"enabled": True}), "NetworkPolicy")
            self.assertEqual(len(policies), 3)
            return {tuple(sorted({one["port"] for one in policy["spec"]["egress"][0]["ports"]} - {53, 5432})) for policy in policies}
        for endpoint, expected in (("http://collector.obs:4318", (443, 4318, 6443)), ("https://otlp.example.com", (443, 6443)), ("http://collector", (80, 443, 6443))):
            self.assertEqual(ports(endpoint), {expected}, endpoint)
        for wrong in ({"enabled": True}, {"enabled": True, "endpoint": "collector:4318"}, {"enabled": True, "endpoint": "http://user:pass@collector"},
                      {"enabled": True, "endpoint": "http://c", "sampler": "xray"}):
            with self.assertRaises(chart.Rejected, msg=wrong):
                chart.render(tracing=wrong)

    def test_extra_objects_are_templates(self):
        extra = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-own"}},
                 "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Namespace }}-text\n"]
        found = {each["metadata"]["name"] for each in chart.of_kind(chart.render(extraObjects=extra), "ConfigMap")}
        self.assertEqual(found, {"t-own", "system-text"})


if __name__ == "__main__":
    unittest.main()
