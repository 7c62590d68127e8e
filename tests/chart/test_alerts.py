"""Alerts and dashboards: what fires when, and that every query reads metrics and labels that exist."""
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import chart
from chart import acquire

# What each process also has, and what Prometheus adds.
OWN_LABELS = {"pod", "job", "instance", "le", "alertstate", "alertname"}
SUFFIXES = ("_bucket", "_sum", "_count")


def page_of(alert):
    return re.sub(r"(?<!^)([A-Z])", r"-\1", alert.removeprefix("Tributary")).lower() + ".md"


def queries():
    """Where it is, query, and the text that shows labels of its result."""
    for rule in chart.alerts():
        yield rule["alert"], rule["expr"], " ".join(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
    for file in sorted((chart.CHART / "files/dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{file.name}: {panel['title']}", target["expr"], " ".join(re.findall(r"{{(\w+)}}", target["legendFormat"]))


def labels_used(expression):
    for inside in re.findall(r"\{([^}]*)\}", expression):
        yield from re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside)
    for inside in re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", expression):
        yield from re.findall(r"\w+", inside)


class Metrics(unittest.TestCase):
    def test_the_reference_lists_what_the_processes_expose(self):
        documented = {name.removesuffix("_total") for name in chart.metrics()}
        self.assertEqual(documented, chart.exposed())

    def test_queries_read_metrics_and_labels_that_exist(self):
        known, count = chart.metrics(), 0
        for where, expression, shown in queries():
            names = set(re.findall(r"\btributary_\w+", expression))
            self.assertTrue(names, where)
            labels = set()
            for name in names:
                base = next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix) and name not in known), name)
                self.assertIn(base, known, where)
                labels |= known[base]
            for label in [*labels_used(expression), *shown.split()]:
                self.assertIn(label, labels | OWN_LABELS, f"{where}: {expression}")
            count += 1
        self.assertGreater(count, 40)

    def test_label_values_are_those_of_the_reference(self):
        text = (chart.ROOT / "docs/reference/metrics.md").read_text()
        for where, expression, _ in queries():
            for values in re.findall(r'\b(?:outcome|state|ready|deliverable)(?:=~?|!=)"([^"]*)"', expression):
                for value in values.split("|"):
                    self.assertIn(f"`{value}`", text, where)


class Alerts(unittest.TestCase):
    def test_each_alert_fires_for_its_fault_only(self):
        # promtool looks for the rules beside the tests.
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "alerts.yaml").write_text((chart.CHART / "files/alerts.yaml").read_text())
            (folder / "test.yaml").write_text((chart.ROOT / "tests/chart/alerts_test.yaml").read_text())
            promtool = acquire.promtool(print)
            for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "test.yaml"]):
                done = subprocess.run([promtool, *command], cwd=folder, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_alert_is_tested(self):
        tests = (chart.ROOT / "tests/chart/alerts_test.yaml").read_text()
        for rule in chart.alerts():
            self.assertRegex(tests, rf'alertname(="|: ){rule["alert"]}\b')

    def test_each_alert_has_a_runbook_and_a_severity(self):
        folder = chart.ROOT / "docs/operations/runbooks"
        index, pages = (folder / "README.md").read_text(), {"README.md"}
        for rule in chart.alerts():
            page = page_of(rule["alert"])
            pages.add(page)
            text = (folder / page).read_text()
            self.assertTrue(text.startswith(f"# {rule['alert']}\n"), page)
            for section in ("Meaning", "Impact", "Diagnosis", "Next step"):
                self.assertIn(f"\n## {section}\n", text, page)
            self.assertIn(f"| `{rule['alert']}` | {rule['labels']['severity']} | [{page[:-3]}]({page}) |", index)
            self.assertIn(rule["labels"]["severity"], ("critical", "warning"))
        self.assertEqual(pages, {file.name for file in folder.glob("*.md")})

    def test_the_chart_adds_the_page_and_leaves_out_what_is_disabled(self):
        own = {"enabled": True, "labels": {"release": "prometheus"}, "alertLabels": {"team": "lims", "severity": "page"}, "disabled": ["TributaryDefect"],
               "runbookUrl": "https://wiki.example.com/tributary/"}
        [found] = chart.of_kind(chart.render(metrics={"prometheusRule": own}), "PrometheusRule")
        self.assertEqual(found["metadata"]["labels"]["release"], "prometheus")
        rules = {rule["alert"]: rule for group in found["spec"]["groups"] for rule in group["rules"]}
        self.assertEqual(rules.keys(), {rule["alert"] for rule in chart.alerts()} - {"TributaryDefect"})
        for name, rule in rules.items():
            self.assertEqual(rule["annotations"]["runbook_url"], f"https://wiki.example.com/tributary/{page_of(name)}")
            self.assertEqual(rule["labels"], {"team": "lims", "severity": "page"})
        of_file = {rule["alert"]: rule for rule in chart.alerts()}
        self.assertEqual(rules["TributaryNoLeader"]["expr"], of_file["TributaryNoLeader"]["expr"])

    def test_no_monitoring_unless_asked(self):
        kinds = {found["kind"] for found in chart.render()}
        self.assertFalse(kinds & {"PrometheusRule", "ServiceMonitor"})


class Dashboards(unittest.TestCase):
    def test_the_chart_brings_them_as_config_maps(self):
        found = chart.of_kind(chart.render(metrics={"dashboards": {"enabled": True, "namespace": "grafana", "annotations": {"grafana_folder": "T"}}}), "ConfigMap")
        files = {file.name: file.read_text() for file in (chart.CHART / "files/dashboards").glob("*.json")}
        self.assertEqual(len(found), 3)
        for each in found:
            self.assertEqual((each["metadata"]["namespace"], each["metadata"]["labels"]["grafana_dashboard"]), ("grafana", "1"))
            [(name, text)] = each["data"].items()
            self.assertEqual(json.loads(text), json.loads(files.pop(name)))
        self.assertEqual(files, {})

    def test_panels_do_not_overlap_and_have_a_unit(self):
        uids = set()
        for file in (chart.CHART / "files/dashboards").glob("*.json"):
            board, cells = json.loads(file.read_text()), set()
            uids.add(board["uid"])
            self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))
            for panel in board["panels"]:
                at = panel["gridPos"]
                own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
                self.assertFalse(own & cells, f"{file.name}: {panel['title']}")
                self.assertLessEqual(at["x"] + at["w"], 24)
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                cells |= own
        self.assertEqual(len(uids), 3)


if __name__ == "__main__":
    unittest.main()
