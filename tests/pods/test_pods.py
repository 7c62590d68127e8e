"""Real pods: the chart with its image on a node, in a namespace that enforces the Pod Security level `restricted`.

The tests are the life of one installation and run in the order of their numbers. Run: bed.py run --node -- python3 -m unittest discover -s tests/pods
"""
import copy
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

from report import Row, form
from stage import PROCESS, SYSTEM, Account, Stage, process_status, until
from traffic import Load, Logs, Watch, is_ready

SETTLED, OBJECTS = 8, 17            # pairs that nobody touches; with their bus
# What the level asks of a pod, each with a way to break it and the words of the refusal.
BROKEN = {
    "runAsNonRoot": (lambda pod: pod["securityContext"].update(runAsNonRoot=False), "runAsNonRoot"),
    "user 0": (lambda pod: pod["securityContext"].update(runAsUser=0), "runAsUser=0"),
    "seccomp": (lambda pod: pod["securityContext"].pop("seccompProfile"), "seccompProfile"),
    "escalation": (lambda pod: pod["containers"][0]["securityContext"].pop("allowPrivilegeEscalation"), "allowPrivilegeEscalation"),
    "capabilities": (lambda pod: pod["containers"][0]["securityContext"].pop("capabilities"), "capabilities"),
    "added capability": (lambda pod: pod["containers"][0]["securityContext"]["capabilities"].update(add=["NET_ADMIN"]), "NET_ADMIN"),
    "host path": (lambda pod: pod.update(volumes=[{"name": "root", "hostPath": {"path": "/"}}]), "volume types"),
    "host network": (lambda pod: pod.update(hostNetwork=True), "host namespaces"),
}


class Pods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()
        cls.stage.prepare()
        cls.logs = Logs()
        cls.addClassCleanup(cls.logs.end)

    def replicas(self):
        return self.stage.get("deployments")[0]["spec"]["replicas"]

    def settled_pods(self):
        """As many pods as wanted, all ready, none on its way out."""
        pods = self.stage.pods()
        return pods if len(pods) == self.replicas() and all(map(is_ready, pods)) else None

    def looked_at(self, mark):
        """That somebody has looked at each queue of the settled account since: whoever leads now has passed over its objects."""
        def all_read():
            read = json.dumps([call["request"] for call in self.settled.journal(mark)["calls"]])
            return all(f"{self.settled.name}-pair-{n}" in read for n in range(SETTLED))
        until(all_read, "the leader has looked at all that was settled")

    def test_1_the_level_refuses_what_it_must_and_warns_of_nothing(self):
        row = Row("P2-restricted", "The chart's pod in a namespace that enforces `restricted`, and the same pod with one violation each: admitted "
                  "without a warning, or rejected for that violation; the process has no user, no capabilities and no writable "
                  "files.")
        type(self).row = row
        template = self.stage.deployment()["spec"]["template"]
        for name, (breakage, words) in {"unbroken": (lambda _: None, None), **BROKEN}.items():
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "trial", "namespace": SYSTEM}, "spec": copy.deepcopy(template["spec"])}
            pod["spec"].pop("serviceAccountName")           # it comes with the chart
            breakage(pod["spec"])
            done = subprocess.run(["kubectl", "create", "--dry-run=server", "-f", "-"], input=json.dumps(pod), capture_output=True, text=True)
            wrong = done.returncode or done.stderr if words is None else \
                done.returncode == 0 or "violates PodSecurity" not in done.stderr or words not in done.stderr
            row.trial(f"{name}: {done.stdout}{done.stderr}" if wrong else None)
        # Of a Deployment the level only warns.
        shown = subprocess.run(["kubectl", "apply", "--dry-run=server", "-n", SYSTEM, "-f", "-"], input=self.stage.template("--show-only",
                               "templates/deployment.yaml"), capture_output=True, text=True)
        row.trial(f"warned: {shown.stderr}" if shown.returncode or shown.stderr else None)
        row.write()
        self.assertEqual([], row.failures)

    def test_2_install(self):
        self.stage.helm("install", *self.stage.values())
        pods = until(self.settled_pods, "all replicas are ready")
        self.logs.follow(pods)
        for pod in pods:
            pid, name = self.stage.process(pod), pod["metadata"]["name"]
            status = process_status(pid)
            self.row.trial(*(f"{name}: {key} is {status[key]}" for key, wanted in PROCESS.items() if status[key] != wanted))
            mounts = [line.split() for line in pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
            root = [m[5].split(",")[0] for m in mounts if m[4] == "/"]
            self.row.trial(f"{name}: / is mounted {root}" if root != ["ro"] else None)
            self.row.trial(f"{name}: started {pod['status']['containerStatuses'][0]['restartCount']} times more"
                           if pod["status"]["containerStatuses"][0]["restartCount"] else None)
        self.row.figures["replicas"] = len(pods)
        self.row.end(self)

    def test_3_objects_become_ready_through_the_pods(self):
        cls = type(self)
        cls.settled, cls.busy = Account(self.stage, "settled", "333300000001"), Account(self.stage, "busy", "333300000002")
        self.stage.apply(self.settled.bus(), self.busy.bus(), *(obj for n in range(SETTLED) for obj in self.settled.pair(f"pair-{n}")))
        self.settled.settle(OBJECTS)
        self.busy.settle(1)
        self.assertEqual(SETTLED, len(self.settled.contents()[0]))
        # The rights of the chart are enough, and the token is the pod's own.
        audit = self.stage.audit()
        self.assertTrue(audit)
        self.assertEqual([], [line["requestURI"] for line in audit if line.get("responseStatus", {}).get("code") in (401, 403)])
        names = {pod["metadata"]["name"] for pod in self.stage.pods()}
        told = {line["user"]["extra"]["authentication.kubernetes.io/pod-name"][0] for line in audit}
        self.assertEqual(names, told)
        self.assertEqual([], self.logs.bad())
        self.assertEqual(names, {name for name, _ in self.logs.lines()})
        cls.done = self.settled.mark()

    def test_4_upgrade_under_load(self):
        row = Row("U1-upgrade", "helm upgrade that replaces all pods while objects are created: an account in sync gets no write, each new "
                  "object is created exactly once and becomes Ready, a replica is ready at all times.")
        watch, made, replicas, fewest = Watch(self.stage.scratch), 0, self.replicas(), []
        self.addCleanup(watch.end)
        until(lambda: watch.read() and watch.counts[-1] == replicas, "the watch has seen all pods")
        for n in range(form(2, 10)):
            before, first, mark, busy = {p["metadata"]["name"] for p in self.stage.pods()}, len(watch.read()), self.settled.mark(), self.busy.mark()
            with Load(self.busy, f"up-{n}") as load:
                load.reached(2)
                self.stage.helm("upgrade", "--reset-then-reuse-values", "--set-string", f"podAnnotations.upgrade={n}")
                pods = until(self.settled_pods, "all replicas are ready")
                after = {pod["metadata"]["name"] for pod in pods}
                self.logs.follow(pods)
                until(lambda: watch.names() == after, "the watch has seen the old pods go")
                load.reached(len(load.names) + 2)
            self.busy.settle(1 + 2 * (made + len(load.names)))
            made += len(load.names)
            self.looked_at(mark)
            lowest = min(watch.read()[first:])
            fewest.append(lowest)
            wrote = [f"{call['op']} {call['request']}" for call in self.settled.writes(mark)]
            row.trial(f"pods that stayed: {before & after}" if before & after else None, f"settled, but written to: {wrote}" if wrote else None,
                      None if lowest else "at one moment no replica was ready")
            for name in load.names:
                row.trial(self.not_once(name, self.busy.writes(busy)))
        row.figures |= {"upgrades": len(fewest), "pairs created": made, "minimum of ready replicas": min(fewest)}
        self.assertEqual([], self.logs.bad())
        row.end(self)

    def not_once(self, name, writes):
        """Queue, rule and target of a pair were written by one call each that took effect, no more; what else there was, if not."""
        # A name with a hyphen has a hash behind it in AWS.
        full = re.compile(rf"{self.busy.name}-{name}(-[0-9a-f]+)?")
        mine = [call["op"] for call in writes if call["status"] == 200 and call["op"] != "SetQueueAttributes" and any(
            full.fullmatch(call["request"].get(key, "").rpartition("/")[2]) for key in ("Name", "Rule", "QueueName", "QueueUrl"))]
        return f"{name}: {mine}" if sorted(mine) != ["CreateQueue", "PutRule", "PutTargets"] else None

    def test_5_a_killed_leader_is_followed(self):
        row = Row("P3-killed-leader", "SIGKILL of the leader's process in its pod while objects are created: another process leads, an account in "
                  "sync gets no write, the new objects become Ready.")
        others, slowest = 0, 0.0
        for n in range(form(1, 10)):
            if n:           # new pods: those that were killed are restarted later each time
                self.stage.helm("upgrade", "--reset-then-reuse-values", "--set-string", f"podAnnotations.kill={n}")
                until(self.settled_pods, "all replicas are ready")
            old = until(self.stage.holder, "somebody leads")
            count, mark = len(self.busy.objects()), self.settled.mark()
            with Load(self.busy, f"kill-{n}") as load:
                load.reached(1)
                os.kill(self.stage.process(self.stage.pod(old)), signal.SIGKILL)
                killed = time.monotonic()
                load.reached(len(load.names) + 2)
            new = until(lambda: (holder := self.stage.holder()) != old and holder, "another process leads")
            slowest = max(slowest, time.monotonic() - killed)
            self.busy.settle(count + 2 * len(load.names))
            self.looked_at(mark)
            until(self.settled_pods, "all replicas are ready")
            # Mostly the other pod, but the killed one's next process may be quicker.
            others += new.rpartition("_")[0] != old.rpartition("_")[0]
            wrote = [f"{call['op']} {call['request']}" for call in self.settled.writes(mark)]
            row.trial(f"settled, but written to: {wrote}" if wrote else None)
        row.figures |= {"takeovers by the other pod": others, "slowest takeover, s": round(slowest, 1)}
        row.end(self)

    def test_6_uninstall_leaves_aws_alone(self):
        before, marks = (self.settled.contents(), self.busy.contents()), (self.settled.mark(), self.busy.mark())
        self.assertEqual([], self.settled.writes(self.done), "written late, after upgrades and takeover")
        objects = len(self.busy.objects())
        self.stage.run("helm", "uninstall", "tributary", "-n", SYSTEM, "--wait")
        until(lambda: not self.stage.pods(), "the pods are gone")
        self.assertEqual(before, (self.settled.contents(), self.busy.contents()))
        self.assertEqual((OBJECTS, objects), (len(self.settled.objects()), len(self.busy.objects())))
        # And installed again it takes up all of it, and has nothing to write.
        self.stage.helm("install", *self.stage.values())
        self.looked_at(marks[0])
        self.assertEqual([], self.settled.not_ready() + self.busy.not_ready())
        self.assertEqual([], self.settled.writes(marks[0]) + self.busy.writes(marks[1]))


if __name__ == "__main__":
    unittest.main()
