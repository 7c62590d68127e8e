"""Real pods, the stage: kubectl and helm, the chart's pods as the cluster and the kernel see them, two AWS accounts with their journals."""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/bed"))

import aws  # noqa: E402
import image  # noqa: E402
from acquire import KUBERNETES  # noqa: E402
from waiting import SECONDS, until  # noqa: E402, F401

SYSTEM, RELEASE = "tributary-system", "tributary"
REGION = "eu-west-1"
CHART = ROOT / "charts/tributary"
KINDS = "eventbuses,eventrules,eventsinks"
# The shortest settings that are no lie: what is waited for by the clock proves nothing here, and sweeps must not fall into a test.
VALUES = ["policySettleSeconds=0", "permissionSettleSeconds=0", "resyncSeconds=3600", "fullResyncSeconds=31536000",
          "awsSecrets={keys-settled,keys-busy,keys-webhooks}"]
# Of /proc/PID/status: user and groups 65532, no capability, none to be gained, seccomp on.
PROCESS = {"Uid": "65532 65532 65532 65532", "Gid": "65532 65532 65532 65532", "CapEff": "0" * 16, "CapPrm": "0" * 16, "CapBnd": "0" * 16,
           "NoNewPrivs": "1", "Seccomp": "2"}


class Account:
    """An AWS account, the namespace it is granted to, and the objects in there."""
    def __init__(self, stage, name, number):
        self.stage, self.name, self.number = stage, name, number
        self.client = aws.Client(stage.bed["emulator"], number, REGION)
        aws.post_json(f"{stage.bed['emulator']}/_emu/settings", {"account": number, "ruleLimit": 10000})
        keys = {"AWS_ACCESS_KEY_ID": number, "AWS_SECRET_ACCESS_KEY": "test"}
        spec = {"accountId": number, "region": REGION, "endpoint": stage.bed["aws"], "credentials": {"secretRef": {"name": f"keys-{name}"}},
                "grants": [{"namespaces": [name]}]}
        stage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
                    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"keys-{name}", "namespace": SYSTEM}, "stringData": keys},
                    self.object("AwsAccount", name, spec))

    def object(self, kind, name, spec):
        return {"apiVersion": "tributary.dev/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": self.name}, "spec": spec}

    def bus(self):
        return self.object("EventBus", "main", {"accountRef": {"name": self.name}})

    def pair(self, name):
        """A rule and the queue that it sends to."""
        target = {"name": "queue", "sinkRef": {"name": name}}
        rule = {"busRef": {"name": "main"}, "eventPattern": {"source": [name]}, "targets": [target]}
        return [self.object("EventRule", name, rule), self.object("EventSink", name, {"accountRef": {"name": self.name}, "sqs": {"managed": {}}})]

    def objects(self):
        return self.stage.get(KINDS, self.name)

    def not_ready(self):
        return [f"{o['kind']} {o['metadata']['name']}: {condition(o)}" for o in self.objects() if condition(o)[0] != "True"]

    def settle(self, count):
        """All Ready, and no call under way."""
        until(lambda: len(self.objects()) == count and not self.not_ready(), f"all {count} objects of {self.name} are Ready")

    def journal(self, since=0):
        return aws.get_json(f"{self.stage.bed['aws']}/_journal?since={since}&account={self.number}")

    def mark(self):
        return self.journal(1 << 40)["next"]

    def writes(self, since):
        return [call for call in self.journal(since)["calls"] if is_write(call)]

    def contents(self):
        """What AWS holds, as far as the pairs are concerned."""
        rules = self.client.call("events", "ListRules", {"EventBusName": f"{self.name}-main"})["Rules"]
        queues = self.client.call("sqs", "ListQueues").get("QueueUrls", [])
        return sorted(rule["Name"] for rule in rules), sorted(queues)


def is_write(call):
    return call["service"] != "sts" and not call["op"].startswith(("Get", "List", "Describe", "Test"))


def selector(part=""):
    """Labels of a part's pods."""
    return f"app.kubernetes.io/name=tributary{part},app.kubernetes.io/instance={RELEASE}"


def process_status(pid):
    """/proc/PID/status as a dictionary, blanks made one."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: " ".join(value.split()) for key, value in (line.split(":", 1) for line in lines if ":" in line)}


def condition(obj, kind="Ready"):
    found = [c for c in obj.get("status", {}).get("conditions", []) if c["type"] == kind]
    return (found[0]["status"], found[0].get("reason"), found[0].get("message")) if found else ("Unknown", None, None)


class Stage:
    def __init__(self):
        self.bed = json.loads(pathlib.Path(os.environ["TRIBUTARY_BED"]).read_text())
        self.scratch = pathlib.Path(os.environ["TRIBUTARY_BED"]).parent

    def run(self, *command, text=None):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, input=text)
        if done.returncode:
            raise AssertionError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
        return done

    def kubectl(self, *arguments, text=None):
        return self.run("kubectl", *arguments, text=text).stdout

    def get(self, kinds, namespace=SYSTEM, *more):
        return json.loads(self.kubectl("get", kinds, "-n", namespace, "-o", "json", *more))["items"]

    def apply(self, *objects):
        self.kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def import_image(self):
        """The image under the name that the chart gives it by itself, once. TRIBUTARY_IMAGE: an archive of `make image`, else the debug build."""
        done = self.scratch / "image.imported"
        if done.exists():
            return
        done.touch()
        archive = os.environ.get("TRIBUTARY_IMAGE")
        if not archive:
            binary = os.environ.get("TRIBUTARY_OPERATOR") or f"{os.environ.get('CARGO_TARGET_DIR', ROOT / 'target')}/debug/tributary-operator"
            archive = self.scratch / "image.tar"
            image.pack(binary, archive, self.image_name(), libraries=True, plain=True)
        self.run(*self.bed["ctr"], "images", "import", str(archive))

    def image_name(self):
        return self.deployment()["spec"]["template"]["spec"]["containers"][0]["image"]

    @staticmethod
    def values(*more):
        return [word for value in (*VALUES, *more) for word in ("--set", value)]

    def prepare(self):
        """The namespace, which enforces the level `restricted`, and the image."""
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM, "labels": labels}})
        self.import_image()

    def template(self, *more):
        """The chart's manifests, as YAML. A helm of our own build does not know by itself for which version."""
        return self.run("helm", "template", RELEASE, str(CHART), "-n", SYSTEM, "--kube-version", KUBERNETES, *self.values(), *more).stdout

    def deployment(self):
        shown = self.template("--show-only", "templates/deployment.yaml")
        return json.loads(self.kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-", text=shown))

    def helm(self, verb, *more):
        """Ends when all that the chart made is ready."""
        return self.run("helm", verb, RELEASE, str(CHART), "-n", SYSTEM, "--wait", "--timeout", f"{SECONDS}s", *more)

    def pods(self, part=""):
        """Of the operator; with "-gateway" or "-sync" of those."""
        return self.get("pods", SYSTEM, "-l", selector(part))

    def pod(self, holder):
        return next(pod for pod in self.pods() if pod["metadata"]["name"] == holder.rpartition("_")[0])

    def process(self, pod):
        """Pid of the pod's only container, among ours: the node's processes are in the same namespace as we."""
        container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
        for line in self.run(*self.bed["ctr"], "tasks", "ls").stdout.splitlines():
            words = line.split()
            if words[0] == container and words[2] == "RUNNING":
                return int(words[1])
        raise AssertionError(f"no running container of {pod['metadata']['name']}")

    def holder(self):
        """Who leads, as the lease names it: the pod and a number of its process; None while nobody does."""
        held = [lease["spec"].get("holderIdentity") for lease in self.get("leases.coordination.k8s.io") if lease["metadata"]["name"] == RELEASE]
        return held[0] if held else None

    def audit(self):
        """What the operator's ServiceAccount did, one line of the audit log each."""
        user = f"system:serviceaccount:{SYSTEM}:{RELEASE}"
        lines = map(json.loads, pathlib.Path(self.bed["audit"]).read_text().splitlines())
        return [line for line in lines if line["user"]["username"] == user]
