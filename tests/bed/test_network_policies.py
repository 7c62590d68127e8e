"""Network policies as rules: who is selected, who is a peer, which ports. tests/pods shows what the kernel makes of them."""
import unittest

import network_policies
from network_policies import Untranslated, ruleset, selects

EXISTING = [line.removesuffix(" accept") for line in network_policies.EXISTING]
NODE = "10.244.0.1"
NAMESPACES = {name: {"kubernetes.io/metadata.name": name} for name in ("system", "monitoring")}


def pod(name, namespace, address, **found):
    ports = [{"name": "http", "containerPort": 8080}, {"name": "dns", "containerPort": 53, "protocol": "UDP"}]
    return {"metadata": {"name": name, "namespace": namespace, "labels": found}, "spec": {"containers": [{"ports": ports}]}, "status": {"podIP": address}}


PODS = [pod("a", "system", "10.244.0.2", app="a"), pod("b", "system", "10.244.0.3", app="b"), pod("p", "monitoring", "10.244.0.4", app="a"),
        pod("pending", "system", None, app="b")]


def rules(**spec):
    """Lines that allow something to pod `a` or from it, by direction; no entry where it is not isolated."""
    policy = {"metadata": {"namespace": "system"}, "spec": {"podSelector": {"matchLabels": {"app": "a"}}, **spec}}
    found, chain = {}, None
    for line in ruleset(PODS[0], [policy], PODS, NAMESPACES, NODE).splitlines():
        if line.startswith("chain "):
            chain = found.setdefault(line.split()[1], [])
        elif chain is not None and line.endswith(" accept"):
            chain.append(line.removesuffix(" accept"))
    return found


def ingress(*all_):
    """The same of ingress rules, without what always passes."""
    return rules(policyTypes=["Ingress"], ingress=list(all_))["ingress"][4:]


class Rules(unittest.TestCase):
    def test_a_pod_is_isolated_in_the_directions_of_the_policies_that_select_it(self):
        self.assertEqual({"ingress": ["iif lo", *EXISTING, f"ip saddr {NODE}"]}, rules(policyTypes=["Ingress"]))
        self.assertEqual({"egress": ["oif lo", *EXISTING]}, rules(policyTypes=["Egress"]))
        self.assertEqual({}, rules(policyTypes=["Ingress"], podSelector={"matchLabels": {"app": "b"}}))
        other = {"metadata": {"namespace": "monitoring"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
        self.assertNotIn("chain", ruleset(PODS[0], [other], PODS, NAMESPACES, NODE))
        self.assertIn("chain", ruleset(PODS[2], [other], PODS, NAMESPACES, NODE))

    def test_what_is_not_allowed_is_rejected_at_the_end_of_a_chain(self):
        text = ruleset(PODS[0], [{"metadata": {"namespace": "system"}, "spec": {"policyTypes": ["Egress"], "egress": [{}]}}], PODS, NAMESPACES, NODE)
        self.assertEqual(["accept", "meta l4proto tcp reject with tcp reset", "reject", "}", "}"], text.splitlines()[-5:])

    def test_peers(self):
        for peers, expected in (
                ([], ""), ([{"podSelector": {}}], "ip saddr { 10.244.0.2, 10.244.0.3 }"), ([{"namespaceSelector": {}}], "ip saddr { 10.244.0.2, 10.244.0.3, 10.244.0.4 }"),
                ([{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "a"}}}], "ip saddr { 10.244.0.2, 10.244.0.4 }"),
                ([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}], "ip saddr { 10.244.0.4 }"),
                ([{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.244.0.0/16", "10.1.0.0/16"]}}], "ip saddr 10.0.0.0/8 ip saddr != { 10.244.0.0/16, 10.1.0.0/16 }")):
            self.assertEqual([f"{expected} tcp dport 1".strip()], ingress({"from": peers, "ports": [{"port": 1}]}), peers)
        self.assertEqual([], ingress({"from": [{"podSelector": {"matchLabels": {"app": "none"}}}]}), "nobody")
        self.assertEqual(2, len(ingress({"from": [{"podSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]})), "one or the other")
        with self.assertRaises(Untranslated):
            ingress({"from": [{"serviceSelector": {}}]})

    def test_ports(self):
        for port, expected in (({"port": 53, "protocol": "UDP"}, ["udp dport 53"]), ({"port": "http", "protocol": "TCP"}, ["tcp dport 8080"]), ({"port": "dns"}, []),
                               ({"port": "dns", "protocol": "UDP"}, ["udp dport 53"]), ({"port": 1, "endPort": 9}, ["tcp dport 1-9"]), ({"protocol": "TCP"}, ["meta l4proto tcp"])):
            self.assertEqual(expected, ingress({"ports": [port]}), port)
        with self.assertRaises(Untranslated):
            rules(policyTypes=["Egress"], egress=[{"ports": [{"port": "http"}]}])

    def test_selectors(self):
        found = {"app": "a"}
        for expected, *expressions in ((True,), (True, ("app", "In", ["a", "b"])), (False, ("app", "NotIn", ["a"])), (True, ("x", "NotIn", ["a"])), (True, ("app", "Exists", [])),
                                       (False, ("x", "Exists", [])), (True, ("x", "DoesNotExist", [])), (False, ("app", "Exists", []), ("app", "In", ["b"]))):
            selector = {"matchExpressions": [dict(zip(("key", "operator", "values"), one)) for one in expressions]}
            self.assertEqual(expected, selects(selector, found), expressions)
        self.assertFalse(selects({"matchLabels": {"app": "b"}}, found))
        with self.assertRaises(Untranslated):
            selects({"matchExpressions": [{"key": "app", "operator": "Gt", "values": ["1"]}]}, found)


if __name__ == "__main__":
    unittest.main()
