"""Real pods of the gateway and of sync: the chart with both, from a signed webhook to a row in PostgreSQL, and an upgrade while webhooks come.

Follows test_pods.py on the same installation, and needs nothing of it. What is not here: the Service's own address (the node has no kube-proxy, so
the test goes by the Service's endpoints, as an Ingress does), and TLS in front. Network policies: test_reach.py.
"""
import json
import secrets
import unittest

from report import Row, form
from stage import PROCESS, RELEASE, VALUES, Account, Stage, process_status, until
from traffic import Logs, is_ready
from webhooks import Benchling, Database, Endpoints, Sender, post

PARTS = {"-gateway": 2, "-sync": 1}


class Webhooks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()
        cls.stage.prepare()
        cls.logs, cls.database = Logs(), Database()
        cls.addClassCleanup(cls.logs.end)
        cls.addClassCleanup(cls.database.end)

    def settled(self, part):
        """As many pods as wanted, all ready, none on its way out."""
        pods = self.stage.pods(part)
        return pods if len(pods) == PARTS[part] and all(map(is_ready, pods)) else None

    def puts(self, since=0):
        """Ids of the webhooks that the bus took, as often as it did."""
        calls = [call for call in self.account.journal(since)["calls"] if call["op"] == "PutEvents" and call["status"] == 200]
        return [json.loads(entry["Detail"])["webhook"]["id"] for call in calls for entry in call["request"]["Entries"]]

    def test_1_gateway_and_sync_run_where_restricted_is_enforced(self):
        cls, stage = type(self), self.stage
        # An account needs the CRDs: the chart first as it is, where it is not there from before.
        stage.helm("upgrade", "--install", *stage.values())
        cls.account = Account(stage, "webhooks", "333300000003")
        cls.benchling = Benchling(stage.bed["benchling"], f"t{self.account.number}")
        keys = ["keys-webhooks"]
        env = self.benchling.environment()
        sync = {"enabled": True, "awsSecrets": keys, "secretNamespaces": ["webhooks"], "databaseHosts": [self.database.about["host"]], "extraEnv": env}
        numbers = {name: int(value) for name, value in (pair.split("=") for pair in VALUES) if value.isdecimal()}
        values = {"gateway": {"enabled": True, "awsSecrets": keys, "extraEnv": env}, "sync": sync, "extraEnv": env, **numbers,
                  "awsSecrets": ["keys-settled", "keys-busy", *keys]}
        file = stage.scratch / "webhooks.json"
        file.write_text(json.dumps(values))
        for template in ("gateway", "sync"):
            shown = stage.template("-f", str(file), "--show-only", f"templates/{template}.yaml")
            done = stage.run("kubectl", "apply", "--dry-run=server", "-f", "-", text=shown)
            self.assertEqual("", done.stderr, "the level warns of it")
        stage.helm("upgrade", "-f", str(file))
        for part in PARTS:
            pods = until(lambda part=part: self.settled(part), f"all pods of {part} are ready")
            self.logs.follow(pods)
            for pod in pods:
                status = process_status(stage.process(pod))
                self.assertEqual(PROCESS, {key: status[key] for key in PROCESS}, pod["metadata"]["name"])
                self.assertEqual(0, pod["status"]["containerStatuses"][0]["restartCount"])

    def test_2_a_signed_webhook_is_on_the_bus_and_becomes_a_row(self):
        account, benchling, about = self.account, self.benchling, self.database.about
        entity, mark = f"bfi_{secrets.token_hex(4)}", f"notes {secrets.token_hex(4)}"
        benchling.control("entities", {"tenant": benchling.tenant, "entities": [{"id": entity, "name": "pUC19", "fields": {
            "Notes": {"type": "text", "isMulti": False, "value": mark}}}]})
        secret = {"apiVersion": "v1", "kind": "Secret"}
        self.stage.apply(
            {**secret, "metadata": {"name": "lims", "namespace": account.name}, "stringData": {
                "BENCHLING_CLIENT_ID": benchling.app["clientId"], "BENCHLING_CLIENT_SECRET": benchling.app["clientSecret"]}},
            {**secret, "metadata": {"name": "database", "namespace": account.name}, "stringData": {"password": about["password"], "ca.crt": about["ca"]}},
            account.bus(),
            account.object("BenchlingApp", "lims", {"tenants": [benchling.tenant], "appDefinitionId": benchling.definition, "busRef": {"name": "main"},
                                                    "credentials": {"secretRef": {"name": "lims"}}}),
            account.object("EventSink", "table", {"accountRef": {"name": account.name}, "postgres": {
                "appRef": {"name": "lims"}, "database": self.database.spec(), "schemas": [{"id": "ts_plasmid", "field": "Notes"}]}}),
            account.object("EventRule", "registered", {"busRef": {"kind": "BenchlingApp", "name": "lims"}, "benchling": {
                "eventTypes": ["v2.entity.registered"]}, "targets": [{"name": "table", "sinkRef": {"name": "table"}}]}))
        account.settle(3)
        # Every pod of the Service: a pod that is Ready may not have seen the app yet, and says so by 404 or 503.
        for pod in self.settled("-gateway"):
            webhook = benchling.sign(type="v2.entity.registered", resourceId=entity)[0]
            before = self.puts()
            until(lambda pod=pod, webhook=webhook: post(pod["status"]["podIP"], webhook) == 200, f"{pod['metadata']['name']} accepts a webhook")
            self.assertEqual([webhook["id"]], self.puts()[len(before):], "on the bus when it was answered")
            changed = {**webhook, "body": webhook["body"].replace(entity, "bfi_other")}
            self.assertEqual(401, post(pod["status"]["podIP"], changed))
        query = f"SELECT entity_name, field_value FROM synced_benchling_data WHERE benchling_api_id = '{entity}'"
        until(lambda: self.database.rows(query), f"a row of {entity}")
        self.assertEqual([f"pUC19|{mark}"], self.database.rows(query))

    def test_3_an_upgrade_while_webhooks_come_loses_none(self):
        row = Row("U2-gateway-upgrade", "helm upgrade that replaces all pods of the gateway while webhooks arrive: each webhook is accepted "
                  "eventually, and each that was answered with 2xx is on the bus.")
        endpoints, sent, again, fewest = Endpoints(self.stage.scratch), 0, 0, []
        self.addCleanup(endpoints.end)
        for n in range(form(1, 10)):
            until(lambda: len(endpoints.ready()) == PARTS["-gateway"], "the Service has all pods")
            before, mark, first = {pod["metadata"]["name"] for pod in self.stage.pods("-gateway")}, self.account.mark(), len(endpoints.counts)
            with Sender(self.benchling, endpoints) as sender:
                sender.reached(50)
                self.stage.helm("upgrade", "--reset-then-reuse-values", "--set", f"gateway.resources.requests.cpu={40 + n}m")
                # To the end of the old ones: they serve on for a while after they were told to stop.
                pods = until(lambda: self.settled("-gateway"), "all pods of the gateway are new")
                self.logs.follow(pods)
                sender.reached(len(sender.acknowledged) + 50)
            stayed, lowest = before & {pod["metadata"]["name"] for pod in pods}, min(endpoints.counts[first:])
            row.trial(f"pods that stayed: {stayed}" if stayed else None,
                      f"at one moment the Service had {lowest} pods" if lowest < PARTS["-gateway"] else None)
            on_the_bus = set(self.puts(mark))
            for webhook in sender.acknowledged:
                row.trial(None if webhook in on_the_bus else f"{webhook} was answered by 2xx, and is not on the bus")
            sent, again = sent + len(sender.acknowledged), again + len(sender.refused)
            fewest.append(lowest)
        row.figures |= {"upgrades": len(fewest), "webhooks": sent, "resent": again, "minimum of pods in the Service": min(fewest)}
        self.assertEqual([], [line for line in self.logs.bad() if line.startswith("tributary-gateway")])
        row.end(self)


class Rendered(unittest.TestCase):
    """What the chart renders. What it is good for: test_reach.py."""
    VALUES = {"networkPolicy": {"enabled": True, "egressPorts": [443, 6443, 8443], "databasePorts": [5432, 6432], "metricsFrom": [{"podSelector": {}}],
                                "webhooksFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]},
              "gateway": {"enabled": True}, "sync": {"enabled": True}, "crds": {"install": False}, "rbac": {"aggregateToDefaultRoles": False}}

    def rendered(self, values):
        stage = Stage()
        file = stage.scratch / "policies.json"
        file.write_text(json.dumps(values))
        shown = stage.kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-", text=stage.template("-f", str(file)))
        parts, decoder = {"": {}, "-gateway": {}, "-sync": {}}, json.JSONDecoder()
        while shown := shown.lstrip():
            obj, length = decoder.raw_decode(shown)
            parts[obj["metadata"]["name"].removeprefix(RELEASE)][obj["kind"]] = obj
            shown = shown[length:]
        return parts

    def test_replicas_of_sync_share_the_budget(self):
        for replicas, share in ((1, "200"), (3, "66"), (0, "200"), (100, "4")):
            sync = self.rendered({**self.VALUES, "sync": {"enabled": True, "replicas": replicas, "benchlingBudget": 200}})["-sync"]["Deployment"]
            environment = {entry["name"]: entry.get("value") for entry in sync["spec"]["template"]["spec"]["containers"][0]["env"]}
            self.assertEqual(share, environment["TRIBUTARY_BENCHLING_BUDGET"], replicas)

    def test_each_part_reaches_what_it_needs_and_nothing_else(self):
        parts = self.rendered(self.VALUES)
        pods = {part: objects["Deployment"]["spec"]["template"] for part, objects in parts.items()}
        for part, objects in parts.items():
            policy = objects["NetworkPolicy"]["spec"]
            wanted = policy["podSelector"]["matchLabels"].items()
            self.assertEqual([part], [other for other, pod in pods.items() if wanted <= pod["metadata"]["labels"].items()], "it selects the part's pods alone")
            self.assertEqual(["Ingress", "Egress"], policy["policyTypes"])
            named = {port["name"] for port in pods[part]["spec"]["containers"][0]["ports"]}
            rules = {rule["ports"][0]["port"]: rule.get("from") for rule in policy["ingress"]}
            self.assertEqual({"http", "webhooks"} if part == "-gateway" else {"http"}, set(rules))
            self.assertLessEqual(set(rules), named, "a port that the container has")
            self.assertEqual(self.VALUES["networkPolicy"]["metricsFrom"], rules["http"])
            self.assertEqual(self.VALUES["networkPolicy"]["webhooksFrom"] if part == "-gateway" else None, rules.get("webhooks"))
            (egress,) = policy["egress"]
            ports = [(port["port"], port["protocol"]) for port in egress["ports"]]
            databases = [5432, 6432] if part == "-sync" else []
            self.assertEqual([(53, "UDP"), (53, "TCP"), *((port, "TCP") for port in [443, 6443, 8443, *databases])], ports)

    def test_there_is_none_unless_it_is_asked_for(self):
        self.assertFalse(any("NetworkPolicy" in objects for objects in self.rendered({**self.VALUES, "networkPolicy": {}}).values()))


if __name__ == "__main__":
    unittest.main()
