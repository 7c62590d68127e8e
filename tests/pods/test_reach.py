"""Real pods, the chart's NetworkPolicies by connections: what is to be open is open, what is to be closed is closed, and no rule is needless.

The policies are those that the API server holds. They are enforced by nftables in the network namespaces of the pods (network.py, and
network_policies.py of the bed). Connections of the chart's parts start in the network namespaces of their pods. What lies outside of the cluster
listens at the node's other address. Needs nothing of test_pods.py, and leaves pods without rules.
"""
import copy
import http.client
import json
import unittest
import urllib.parse

from network import Listener, Policies, inside, reaches
from stage import SYSTEM, Account, Stage, until
from traffic import is_ready
from webhooks import NODE

API, COLLECTOR, DATABASE, OTHER, UNDECLARED = ("10.96.0.1", 443), 4318, 5432, 9999, 9000
PARTS = {"operator": "", "gateway": "-gateway", "sync": "-sync"}
# Pods that are no part of the chart: namespace and labels.
OTHERS = {"prometheus": ("monitoring", {"app": "prometheus"}), "exporter": ("monitoring", {"app": "exporter"}), "ingress": ("ingress", {}),
          "tenant": ("tenant", {"app": "prometheus"})}
OUTSIDE = ("API server", "AWS", "DNS, UDP", "DNS, TCP", "collector of traces", "database", "other port outside")
METRICS = tuple(f"metrics of {part}" for part in PARTS)
INWARD = (*METRICS, "webhooks", *(f"undeclared port of {part}" for part in PARTS))
# What each may reach. All else that is listed above is closed to it.
NEEDED = {"API server", "AWS", "DNS, UDP", "DNS, TCP", "collector of traces"}
OPEN = {"operator": NEEDED, "gateway": NEEDED, "sync": NEEDED | {"database"}, "prometheus": {*METRICS, *OUTSIDE}, "exporter": set(OUTSIDE),
        "ingress": {"webhooks", *OUTSIDE}, "tenant": set(OUTSIDE)}
METRICS_FROM = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}, "podSelector": {"matchLabels": {"app": "prometheus"}}}]
WEBHOOKS_FROM = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}]


def without(policies):
    """What, and the policies without it: each policy, direction, rule, port, peers and half of a peer. Nothing of it may be needless."""
    for number, policy in enumerate(policies):
        name, spec = policy["metadata"]["name"], policy["spec"]

        def changed(change, number=number):
            found = copy.deepcopy(policies)
            change(found[number]["spec"])
            return found
        yield name, policies[:number] + policies[number + 1:]
        for kind, peers in (("Ingress", "from"), ("Egress", "to")):
            yield f"{name}: {kind}", changed(lambda spec, kind=kind: spec["policyTypes"].remove(kind))
            rules = kind.lower()
            for at, rule in enumerate(spec[rules]):
                yield f"{name}: {rules}[{at}]", changed(lambda spec, rules=rules, at=at: spec[rules].pop(at))
                for port in range(len(rule["ports"])) if len(rule["ports"]) > 1 else ():
                    yield f"{name}: {rules}[{at}].ports[{port}]", changed(lambda spec, rules=rules, at=at, port=port: spec[rules][at]["ports"].pop(port))
                # An empty list of ports is all ports.
                yield f"{name}: {rules}[{at}].ports", changed(lambda spec, rules=rules, at=at: spec[rules][at].pop("ports"))
                if peers in rule:
                    yield f"{name}: {rules}[{at}].{peers}", changed(lambda spec, rules=rules, at=at, peers=peers: spec[rules][at].pop(peers))
                for peer, keys in ((peer, keys) for peer, keys in enumerate(rule.get(peers, [])) if len(keys) > 1):
                    for key in keys:
                        yield f"{name}: {rules}[{at}].{peers}[{peer}].{key}", changed(
                            lambda spec, rules=rules, at=at, peers=peers, peer=peer, key=key: spec[rules][at][peers][peer].pop(key))


class NetworkPolicies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = stage = Stage()
        stage.prepare()
        where = urllib.parse.urlsplit(stage.bed["aws"])
        values = {"networkPolicy": {"enabled": True, "egressPorts": [443, where.port], "databasePorts": [DATABASE], "metricsFrom": METRICS_FROM,
                                    "webhooksFrom": WEBHOOKS_FROM},
                  "tracing": {"enabled": True, "endpoint": f"http://{NODE}:{COLLECTOR}", "sampler": "always_off"}, "gateway": {"enabled": True}, "sync": {"enabled": True}}
        file = stage.scratch / "policies.json"
        file.write_text(json.dumps(values))
        stage.helm("upgrade", "--install", *stage.values("awsSecrets={keys-policies}"), "-f", str(file))
        cls.parts = {part: until(lambda suffix=suffix: cls.settled(suffix), f"all pods of {part} are ready")[0] for part, suffix in PARTS.items()}
        cls.pods = cls.parts | cls.others()
        cls.policies = Policies(stage)
        cls.policies.look()
        cls.addClassCleanup(cls.policies.enforce, [])
        cls.listen()
        address = {part: pod["status"]["podIP"] for part, pod in cls.parts.items()}
        cls.places = {
            "API server": API, "AWS": (NODE, where.port), "DNS, UDP": (NODE, 53, "udp"), "DNS, TCP": (NODE, 53), "collector of traces": (NODE, COLLECTOR),
            "database": (NODE, DATABASE), "other port outside": (NODE, OTHER), "webhooks": (address["gateway"], 8081)}
        for part in PARTS:
            cls.places |= {f"metrics of {part}": (address[part], 8080), f"undeclared port of {part}": (address[part], UNDECLARED)}

    @classmethod
    def settled(cls, suffix):
        """All pods of a part, none on its way out."""
        pods, wanted = cls.stage.pods(suffix), [one for one in cls.stage.get("deployments") if one["metadata"]["name"] == f"tributary{suffix}"]
        return pods if pods and len(pods) == wanted[0]["spec"]["replicas"] and all(map(is_ready, pods)) else None

    @classmethod
    def others(cls):
        image = "tributary.dev/pause:1"
        for name, (namespace, found) in OTHERS.items():
            cls.stage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            metadata = {"name": name, "namespace": namespace, "labels": found}
            container = {"name": "pause", "image": image, "imagePullPolicy": "Never"}
            # The account of a new namespace comes a moment later.
            until(lambda namespace=namespace: cls.stage.get("serviceaccounts", namespace), f"{namespace} has an account")
            cls.stage.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}})

        def running(name, namespace):
            return next((pod for pod in cls.stage.get("pods", namespace) if pod["metadata"]["name"] == name and is_ready(pod)), None)
        return {name: until(lambda name=name, namespace=namespace: running(name, namespace), f"{name} runs") for name, (namespace, _) in OTHERS.items()}

    @classmethod
    def listen(cls):
        here = [(53, "udp"), (53, "tcp"), (COLLECTOR, "tcp"), (DATABASE, "tcp"), (OTHER, "tcp")]
        listeners = [Listener(NODE, port, protocol) for port, protocol in here]
        listeners += [Listener("0.0.0.0", UNDECLARED, pid=cls.policies.pid(pod)) for pod in cls.parts.values()]
        for listener in listeners:
            cls.addClassCleanup(listener.end)

    def rows(self):
        """(from, to): whether a connection is made. Not from a part to itself, which is always open."""
        found = {}
        for source, pod in self.pods.items():
            places = [place for place in (*OUTSIDE, *INWARD) if self.places[place][0] != pod["status"]["podIP"]]
            answers = inside(self.policies.pid(pod), lambda places=places: [reaches(*self.places[place]) for place in places])
            found |= {(source, place): answer for place, answer in zip(places, answers)}
        return found

    def expected(self):
        return {(source, place): place in OPEN[source] for source, place in self.rows()}

    def test_1_without_enforcement_each_place_listens_to_everyone(self):
        self.policies.enforce([])
        self.assertEqual([], [pair for pair, is_open in self.rows().items() if not is_open])

    def test_2_what_is_needed_is_open_and_all_else_is_closed(self):
        self.policies.enforce(self.policies.held())
        expected = self.expected()
        differ = [f"{source} to {place}: {'open' if is_open else 'closed'}" for (source, place), is_open in self.rows().items() if is_open != expected[source, place]]
        self.assertEqual([], differ)
        self.assertEqual({True, False}, set(expected.values()))

    def test_3_the_parts_work_while_the_policies_are_enforced(self):
        self.policies.enforce(self.policies.held())
        account = Account(self.stage, "policies", "333300000004")
        self.addCleanup(self.stage.kubectl, "delete", "awsaccount", account.name)
        self.stage.apply(account.bus())
        self.addCleanup(self.stage.kubectl, "delete", "eventbus", "main", "-n", account.name)
        account.settle(1)

        def get(part):
            host, port = self.places[f"metrics of {part}"]
            connection = http.client.HTTPConnection(host, port, timeout=10)
            connection.request("GET", "/metrics")
            with connection.getresponse() as answer:
                answer.read()
            connection.close()
            return answer.status
        for part in PARTS:
            self.assertEqual(200, inside(self.policies.pid(self.pods["prometheus"]), get, part), part)
        # Probes of the kubelet come from the node.
        for part, suffix in PARTS.items():
            for pod in self.stage.get("pods", SYSTEM, "-l", f"app.kubernetes.io/name=tributary{suffix}"):
                self.assertTrue(is_ready(pod), part)

    def test_4_without_any_part_of_a_policy_a_connection_differs(self):
        held = self.policies.held()
        expected, needless, tried = self.expected(), [], 0
        for what, policies in without(held):
            self.policies.enforce(policies)
            needless += [what] if self.rows() == expected else []
            tried += 1
        self.assertEqual([], needless, "no connection needs it")
        self.assertEqual(len(PARTS), len(held))
        self.assertGreater(tried, 30)


if __name__ == "__main__":
    unittest.main()
