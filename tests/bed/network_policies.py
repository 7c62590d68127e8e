"""Test bed: NetworkPolicies as rules of nftables, for the network namespace of one pod. Pure: objects in, text out.

The node has no network plugin that enforces policies. kube-network-policies (Kubernetes SIG Network) was tried: it needs the `queue` statement
of nftables, which not every kernel has. What is translated is what the API reference says of NetworkPolicy v1; what is not translated is refused.
"""
import ipaddress

TABLE = "policies"
# Answers, and connections that are older than the rules: those are not tracked, and only how one begins is judged.
EXISTING = ["ct state established,related accept", "tcp flags & (syn|ack) != syn accept"]
# Whatever is not allowed is answered, so that nobody waits for it.
REJECT = ["meta l4proto tcp reject with tcp reset", "reject"]


class Untranslated(Exception):
    """A part of a policy that this module does not translate."""


def ruleset(pod, policies, pods, namespaces, node):
    """The rules of a pod, for `nft -f`. `policies`, `pods`: all of the cluster; `namespaces`: name: labels; `node`: the address that the
    node's own connections come from, which always pass."""
    mine = [policy for policy in policies if policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
            and selects(policy["spec"].get("podSelector"), labels(pod))]
    lines = [f"table inet {TABLE}", f"delete table inet {TABLE}", f"table inet {TABLE} {{"]
    for kind, hook, interface in (("Ingress", "input", "iif"), ("Egress", "output", "oif")):
        isolating = [policy for policy in mine if kind in policy["spec"]["policyTypes"]]
        # A pod that no policy selects in this direction is not isolated.
        if isolating:
            allowed = [line for policy in isolating for line in _allowed(policy, kind, pod, pods, namespaces)]
            always = [f"{interface} lo accept", *EXISTING] + ([f"ip saddr {node} accept"] if kind == "Ingress" else [])
            lines += [f"chain {kind.lower()} {{", f"type filter hook {hook} priority 0; policy accept;", *always, *allowed, *REJECT, "}"]
    return "\n".join([*lines, "}", ""])


def selects(selector, found):
    """Whether a label selector matches; an empty one matches all."""
    selector = selector or {}
    if any(found.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(_expression(one, found) for one in selector.get("matchExpressions", []))


def _expression(one, found):
    key, values = one["key"], one.get("values", [])
    match one["operator"]:
        case "In":
            return found.get(key) in values
        case "NotIn":
            return found.get(key) not in values
        case "Exists":
            return key in found
        case "DoesNotExist":
            return key not in found
    raise Untranslated(f"operator {one['operator']}")


def labels(found):
    return found["metadata"].get("labels", {})


def _allowed(policy, kind, pod, pods, namespaces):
    """A line for each pair of a peer and a port."""
    peers, address = ("from", "saddr") if kind == "Ingress" else ("to", "daddr")
    for rule in policy["spec"].get(kind.lower()) or []:
        for peer in _peers(policy, rule.get(peers), address, pods, namespaces):
            for port in _ports(rule.get("ports"), pod if kind == "Ingress" else None):
                yield " ".join(filter(None, (peer, port, "accept")))


def _peers(policy, peers, address, pods, namespaces):
    if not peers:
        yield ""        # everyone
    for peer in peers or []:
        if block := peer.get("ipBlock"):
            but = f" ip {address} != {{ {', '.join(block['except'])} }}" if block.get("except") else ""
            yield f"ip {address} {ipaddress.ip_network(block['cidr'])}{but}"
        elif found := sorted(_addresses(policy, peer, pods, namespaces)):
            yield f"ip {address} {{ {', '.join(found)} }}"


def _addresses(policy, peer, pods, namespaces):
    """Of the pods that a peer selects: of the policy's namespace, or of those that the peer selects."""
    if unknown := peer.keys() - {"podSelector", "namespaceSelector"}:
        raise Untranslated(f"peer {sorted(unknown)}")
    for pod in pods:
        namespace = pod["metadata"]["namespace"]
        inside = selects(peer["namespaceSelector"], namespaces[namespace]) if "namespaceSelector" in peer else \
            namespace == policy["metadata"]["namespace"]
        if inside and selects(peer.get("podSelector"), labels(pod)) and (address := pod["status"].get("podIP")):
            yield address


def _ports(ports, pod):
    """`pod`: whose named ports are meant, for connections to it."""
    if not ports:
        yield ""        # all
    for port in ports or []:
        protocol, number = port.get("protocol", "TCP").lower(), port.get("port")
        if isinstance(number, str):
            number = _named(number, protocol, pod)
        if number is None:
            # Without a number, all of the protocol; with a name that the pod does not have, none.
            if "port" not in port:
                yield f"meta l4proto {protocol}"
        else:
            yield f"{protocol} dport {number}" + (f"-{port['endPort']}" if "endPort" in port else "")


def _named(name, protocol, pod):
    if pod is None:
        raise Untranslated(f"port {name} of a destination")
    found = [port["containerPort"] for container in pod["spec"]["containers"] for port in container.get("ports", [])
             if port.get("name") == name and port.get("protocol", "TCP").lower() == protocol]
    return found[0] if found else None
