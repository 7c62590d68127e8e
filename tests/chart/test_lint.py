"""The rendered chart before linters of others: what they find is explained in docs/operations/security.md, and nothing else is there."""
import functools
import json
import re
import subprocess
import tempfile
import unittest

import chart
from chart import acquire
from test_kustomize import BASES
from test_values import ALL

PAGE = chart.ROOT / "docs/operations/security.md"
OK = 10         # kube-score's best grade
# As docs/operations/security.md recommends.
PRODUCTION = {**ALL, "networkPolicy": {"enabled": True}, "metrics": {"service": {"enabled": True}},
              "gateway": {"enabled": True, "ingress": {"enabled": True, "host": "hooks.example.com"}, "autoscaling": {"enabled": True}},
              "sync": {"enabled": True, "replicas": 2}}
# Groups of values, as the page names them. `bases`: those that the Kustomize bases stand for.
GROUPS = {"default": [ALL], "production": [PRODUCTION], "all-on": [chart.yaml.safe_load((chart.ROOT / "tests/installation/all-on.yaml").read_text())],
          "bases": list(BASES.values())}


def manifests(values):
    return "---\n".join(chart.yaml.safe_dump(found) for found in chart.render(values))


def kube_score(values):
    """Check and object of each finding."""
    done = subprocess.run([acquire.kube_score(print), "score", "-", "--output-format", "json", "--kubernetes-version", "v1.34", "--enable-optional-test",
                           "container-seccomp-profile"], input=manifests(values), capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise AssertionError(done.stderr)
    return {(score["check"]["id"], f"{found['type_meta']['kind']} {found['object_meta']['name']}")
            for found in json.loads(done.stdout) for score in found["checks"] if not score["skipped"] and score["grade"] < OK}


def checkov(values):
    """The same of checkov, with its own checks only: nothing is downloaded."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(manifests(values))
        file.flush()
        done = subprocess.run([*acquire.checkov(print), "-f", file.name, "--framework", "kubernetes", "--skip-download", "--compact", "-o", "json"],
                              capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise AssertionError(done.stderr)
    found = json.loads(done.stdout)
    if found["summary"]["parsing_errors"] or not found["summary"]["passed"]:
        raise AssertionError(found["summary"])
    return {(failed["check_id"], failed["resource"]) for failed in found["results"]["failed_checks"]}


LINTERS = {"kube-score": kube_score, "checkov": checkov}


@functools.cache
def cached(linter, values):
    return LINTERS[linter](json.loads(values))


def findings(linter, values):
    """Each linter sees the same values once."""
    return cached(linter, json.dumps(values))


def explained(linter):
    """Rows of the page: check, with which groups of values, why."""
    section = PAGE.read_text().partition("## Findings of linters")[2].partition("\n## ")[0].partition(f"### {linter}\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| ([a-z, -]+) \| (.+) \|$", section, re.M)
    return {check: (set(GROUPS) if groups == "any" else set(groups.split(", ")), why) for check, groups, why in rows}


class Lint(unittest.TestCase):
    def test_each_finding_is_explained_and_each_explanation_is_needed(self):
        for linter in LINTERS:
            page = explained(linter)
            for group, all_values in GROUPS.items():
                found = {pair for values in all_values for pair in findings(linter, values)}
                wanted = {check for check, (groups, _) in page.items() if group in groups}
                with self.subTest(linter=linter, group=group):
                    self.assertEqual(wanted, {check for check, _ in found}, sorted(found))
            self.assertTrue(all(groups <= set(GROUPS) and len(why.split()) > 5 for groups, why in page.values()), page)

    def test_a_weaker_container_is_found(self):
        weaker = {"containerSecurityContext": {"readOnlyRootFilesystem": False, "allowPrivilegeEscalation": True},
                  "podSecurityContext": {"runAsUser": 100, "seccompProfile": None}}
        expected = {"kube-score": {"container-security-context-readonlyrootfilesystem", "container-security-context-user-group-id", "container-seccomp-profile"},
                    "checkov": {"CKV_K8S_20", "CKV_K8S_22", "CKV_K8S_31", "CKV_K8S_40"}}
        for linter in LINTERS:
            new = {check for check, _ in findings(linter, {**PRODUCTION, **weaker}) - findings(linter, PRODUCTION)}
            self.assertLessEqual(expected[linter], new, linter)


if __name__ == "__main__":
    unittest.main()
