"""`tributary tree -o mermaid` and `-o dot`, rendered by Mermaid and by Graphviz: each name arrives as it is, whatever it has in it."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import acquire_renderers
from acquire import AcquireError
from page import Tab
from stage import BINARY
from stub_api import StubApi, make

BROWSER = None
# Invisible, between a backslash and an `n`: Mermaid would make a line break of the two.
JOINER = "\u2060"
SPECIAL = 'a "b" <c> & ]]> #quot; `d` | {e} [f] (g) \\n %% ; -->'
# Words of both languages, and names that no API server would accept.
NAMES = ("end", "subgraph", "graph", "node", "style", "classDef", "click", "default", "strict.digraph", "o-x", SPECIAL, "<script>alert(1)</script>")


def objects():
    """A bus with a rule and a sink for each name. Targets have the same names, and so have the texts of conditions."""
    failed = [{"type": "Ready", "status": "False", "reason": "AccessDenied", "message": SPECIAL, "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    source = {"eventSourceName": f"aws.partner/{SPECIAL}"}
    rules = [make("EventRule", name, {"busRef": {"name": "end"}, "eventPattern": {"source": ["x"]}, "targets": [{"name": name, "sinkRef": {"name": name}}]},
                  conditions=failed, targets=[{"name": name, "arn": "arn:x", "ready": True, "deliverable": "No"}]) for name in NAMES]
    return {"eventbuses": [make("EventBus", "end", source)], "eventrules": rules,
            "eventsinks": [make("EventSink", name, {"sqs": {"managed": {}}}) for name in NAMES]}


class Pictures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            cls.renderers = acquire_renderers.renderers(lambda text: print(f"browser: {text}", file=sys.stderr, flush=True))
        except AcquireError as error:
            raise unittest.SkipTest(str(error)) from error
        stub = StubApi(objects())
        cls.addClassCleanup(stub.stop)
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "kubeconfig"
            config.write_text(stub.kubeconfig())
            env = {**os.environ, "KUBECONFIG": str(config)}
            cls.tree = {form: subprocess.run([BINARY, "tree", "-A", "-o", form], env=env, check=True, capture_output=True, text=True).stdout
                        for form in ("json", "mermaid", "dot")}
        graph = json.loads(cls.tree["json"])
        cls.nodes, cls.edges = graph["nodes"], graph["edges"]

    def setUp(self):
        self.assertGreater(len(self.nodes), 2 * len(NAMES))
        self.tab = Tab(BROWSER)
        self.addCleanup(self.tab.close)

    def load(self, script):
        """Opens a page of its own with the script."""
        page = self.tab.profile / "page.html"
        page.write_text(f'<!doctype html><meta charset="utf-8"><body><script src="{(self.renderers / script).as_uri()}"></script><div id="picture"></div>')
        self.tab.open(page.as_uri())
        self.tab.until("document.readyState === 'complete' && document.querySelector('#picture') !== null", f"{script} is loaded")

    def every_name_is_in(self, texts):
        texts = [text.replace(JOINER, "") for text in texts]
        for node in self.nodes:
            name = f"{node['namespace']}/{node['name']}" if node.get("namespace") else node["name"]
            with self.subTest(name):
                self.assertTrue(any(name in text for text in texts), f"{name!r} is in none of {texts}")

    def test_mermaid_renders_the_flowchart(self):
        self.load("mermaid.min.js")
        self.tab.evaluate("(async () => { mermaid.initialize({startOnLoad: false, securityLevel: 'strict', maxTextSize: 1e6, maxEdges: 5000});"
                          f" document.querySelector('#picture').innerHTML = (await mermaid.render('drawn', {json.dumps(self.tree['mermaid'])})).svg; }})()")
        self.every_name_is_in(self.tab.evaluate("[...document.querySelectorAll('#picture .node')].map((node) => node.textContent)"))
        count = self.tab.evaluate("[document.querySelectorAll('#picture .node').length, document.querySelectorAll('#picture .edgePaths path').length]")
        self.assertEqual(count, [len(self.nodes), len(self.edges)])
        labels = self.tab.evaluate("[...document.querySelectorAll('#picture .edgeLabel')].map((label) => label.textContent)")
        self.assertTrue(any(SPECIAL in label.replace(JOINER, "") for label in labels), labels)
        self.assertEqual(self.tab.evaluate("document.querySelectorAll('#picture script').length"), 0)

    def test_graphviz_renders_the_graph(self):
        self.load("viz-global.js")
        drawn = self.tab.evaluate(f"(async () => (await Viz.instance()).renderJSON({json.dumps(self.tree['dot'])}))()")
        self.assertEqual((len(drawn["objects"]), len(drawn["edges"])), (len(self.nodes), len(self.edges)))
        self.tab.evaluate("(async () => document.querySelector('#picture').append((await Viz.instance()).renderSVGElement("
                          f"{json.dumps(self.tree['dot'])})))()")
        texts = self.tab.evaluate("[...document.querySelectorAll('#picture g.node')].map((node) => [...node.querySelectorAll('text')].map((one) => one.textContent).join(' '))")
        self.every_name_is_in(texts)
        labels = self.tab.evaluate("[...document.querySelectorAll('#picture g.edge text')].map((label) => label.textContent)")
        self.assertTrue(any(SPECIAL in label for label in labels), labels)
