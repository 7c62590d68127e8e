"""Health as GitOps tools see it: every kind in every state, judged by kstatus and by Argo CD's Lua engine with the scripts of the chart."""
import json
import unittest

import argocd
import chart
from argocd import judged

WAITING = ("InProgress", "Progressing")
# State: what kstatus (Flux, helm --wait) and Argo CD say.
EXPECTED = {
    "created": WAITING,
    "changed": WAITING,
    "changed while stalled": WAITING,
    "in sync": ("Current", "Healthy"),
    "completed": ("Current", "Healthy"),
    "applying": WAITING,
    # kstatus has no word for what waits for a person on purpose: `wait` of Flux ends with its timeout.
    "observed, and AWS differs": ("InProgress", "Suspended"),
    "paused": ("InProgress", "Suspended"),
    "waits for an approval": ("InProgress", "Suspended"),
    "waits for a change window": ("InProgress", "Suspended"),
    "waits for another object": WAITING,
    "refers to an object that does not exist": WAITING,
    "waits until a time": WAITING,
    "waits for the partner": WAITING,
    "throttled": WAITING,
    "AWS unavailable": WAITING,
    "conflict": WAITING,
    "invalid": ("Failed", "Degraded"),
    "refused by AWS": ("Failed", "Degraded"),
    "refused by an owner": ("Failed", "Degraded"),
    "deletion requested": ("Terminating", "Progressing"),
    "deleting": ("Terminating", "Progressing"),
    "deletion unavailable": ("Terminating", "Progressing"),
    "deletion blocked": ("Terminating", "Degraded"),
    "deletion refused": ("Terminating", "Degraded"),
    "deletion over budget": ("Terminating", "Suspended"),
}
# The same for a kind's own condition, where the object is in sync. kstatus does not know these conditions.
OWN = {
    "Deliverable True Deliverable": "Healthy",
    "Deliverable False PermissionMissing": "Degraded",
    "Deliverable False RuleDisabled": "Suspended",
    "Deliverable Unknown CannotTell": "Healthy",
    "TestsPassed False TestFailed": "Degraded",
    "Syncing True Syncing": "Healthy",
    "Syncing False DatabaseUnavailable": "Degraded",
    "CredentialsWork False CredentialsRejected": "Degraded",
    "WebhooksContested True OtherAppReceives": "Degraded",
}


def expected(state):
    outcome, _, own = state.partition(", ")
    if own in OWN:
        return ("Current", OWN[own]) if outcome == "in sync" else EXPECTED[outcome]
    return EXPECTED[state]


def recorded():
    return [json.loads(line) for line in (chart.ROOT / "tests/fixtures/states.jsonl").read_text().splitlines()]


class Health(unittest.TestCase):
    def setUp(self):
        self.states = recorded()
        self.found = judged([one["object"] for one in self.states])

    def test_every_kind_has_every_state(self):
        kinds = {found["spec"]["names"]["kind"] for found in chart.of_kind(chart.render(crds={"install": True}), "CustomResourceDefinition")}
        for kind in kinds:
            states = {one["state"] for one in self.states if one["object"]["kind"] == kind}
            self.assertEqual(EXPECTED.keys() - states, set(), kind)
        self.assertEqual({one["object"]["kind"] for one in self.states}, kinds)

    def test_kstatus_of_every_state(self):
        for one, found in zip(self.states, self.found, strict=True):
            self.assertEqual(found["kstatus"]["status"], expected(one["state"])[0], one)

    def test_argo_cd_health_of_every_state(self):
        for one, found in zip(self.states, self.found, strict=True):
            self.assertEqual(found["argoCD"]["status"], expected(one["state"])[1], one)

    def test_what_is_wrong_is_in_the_message(self):
        for one, found in zip(self.states, self.found, strict=True):
            if found["argoCD"]["status"] == "Degraded":
                self.assertIn("the cause", found["argoCD"]["message"], one)
                if found["kstatus"]["status"] == "Failed":
                    self.assertEqual(found["kstatus"]["message"], "the cause")
            self.assertTrue(found["argoCD"]["message"] or found["argoCD"]["status"] == "Healthy", one)

    def test_without_customizations_argo_cd_knows_no_health(self):
        self.assertNotIn("argoCD", judged([self.states[0]["object"]], {})[0])


class Actions(unittest.TestCase):
    def test_reconcile_changes_one_annotation(self):
        objects = [one["object"] for one in recorded()]
        for before, found in zip(objects, judged(objects), strict=True):
            paused = "annotations" in before["metadata"]
            self.assertEqual(found["actions"], {"reconcile": not paused}, before)
            if paused:
                continue
            after = found["results"]["reconcile"]
            self.assertRegex(after["metadata"].pop("annotations").pop("tributary.dev/reconcile-at"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            self.assertEqual(after, before)

    def test_other_annotations_stay(self):
        [found] = judged([{**recorded()[0]["object"], "metadata": {"name": "one", "annotations": {"a": "b"}}}])
        self.assertEqual(found["results"]["reconcile"]["metadata"]["annotations"].pop("a"), "b")


class Customizations(unittest.TestCase):
    def test_no_config_map_unless_enabled(self):
        self.assertFalse([found for found in chart.of_kind(chart.render(), "ConfigMap") if "argocd" in found["metadata"]["name"]])

    def test_the_config_map_is_where_it_is_wanted(self):
        [found] = argocd.config_maps(namespace="argocd", labels={"a": "b"}, annotations={"c": "d"})
        self.assertEqual((found["metadata"]["name"], found["metadata"]["namespace"]), ("t-tributary-argocd", "argocd"))
        self.assertEqual((found["metadata"]["labels"]["a"], found["metadata"]["annotations"]), ("b", {"c": "d"}))

    def test_the_patch_of_the_example_is_the_same(self):
        self.assertEqual(argocd.PATCH.read_text(), argocd.patch(), "run `make generate`")


if __name__ == "__main__":
    unittest.main()
