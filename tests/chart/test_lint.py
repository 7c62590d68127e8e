"""The rendered chart before kube-score: what it finds is explained in docs/operations/security.md, and nothing else is there."""
import re
import subprocess
import unittest
import json

import chart
from chart import acquire
from test_values import ALL

PAGE = chart.ROOT / "docs/operations/security.md"
OK = 10         # kube-score's best grade
# As docs/operations/security.md recommends.
PRODUCTION = {**ALL, "networkPolicy": {"enabled": True}, "metrics": {"service": {"enabled": True}},
              "gateway": {"enabled": True, "ingress": {"enabled": True, "host": "hooks.example.com"}, "autoscaling": {"enabled": True}},
              "sync": {"enabled": True, "replicas": 2}}


def findings(values):
    """Check and object of each finding."""
    text = "---\n".join(chart.yaml.safe_dump(found) for found in chart.render(values))
    done = subprocess.run([acquire.kube_score(print), "score", "-", "--output-format", "json", "--kubernetes-version", "v1.34", "--enable-optional-test",
                           "container-seccomp-profile"], input=text, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise AssertionError(done.stderr)
    return {(score["check"]["id"], f"{found['type_meta']['kind']} {found['object_meta']['name']}")
            for found in json.loads(done.stdout) for score in found["checks"] if not score["skipped"] and score["grade"] < OK}


def explained():
    """Rows of the page: check, with which values, why."""
    section = PAGE.read_text().partition("## Findings of linters")[2]
    return {check: (values, why) for check, values, why in re.findall(r"^\| `([a-z-]+)` \| (default|any) \| (.+) \|$", section, re.M)}


class Lint(unittest.TestCase):
    def test_each_finding_is_explained_and_each_explanation_is_needed(self):
        page = explained()
        for name, values in (("default", ALL), ("production", PRODUCTION)):
            found = {check for check, _ in findings(values)}
            wanted = {check for check, (when, _) in page.items() if when == "any" or name == "default"}
            self.assertEqual(wanted, found, f"{name} values: {sorted(findings(values))}")
        self.assertTrue(all(len(why.split()) > 5 for _, why in page.values()))

    def test_a_weaker_container_is_found(self):
        before = findings(PRODUCTION)
        weaker = {"containerSecurityContext": {"readOnlyRootFilesystem": False}, "podSecurityContext": {"runAsUser": 100, "seccompProfile": None}}
        found = {check for check, _ in findings({**PRODUCTION, **weaker}) - before}
        self.assertLessEqual({"container-security-context-readonlyrootfilesystem", "container-security-context-user-group-id", "container-seccomp-profile"}, found)


if __name__ == "__main__":
    unittest.main()
