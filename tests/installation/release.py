"""A release of the chart in the bed: helm, and an operator with the chart's rights that runs beside the cluster, because no node runs its pods."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests/pods"), str(ROOT / "tests/chart")]
import chart  # noqa: E402
from stage import CHART, KINDS, RELEASE, SYSTEM, Account, Stage, until  # noqa: E402, F401

PREVIOUS = ROOT / "tests/fixtures/charts/previous.tgz"
RECORDED = [json.loads(line) for line in (ROOT / "tests/fixtures/charts/previous-objects.jsonl").read_text().splitlines()]
ALL_KINDS = "awsaccounts,benchlingapps,benchlingbackfills,benchlingsubscriptions,eventbuses,eventrules,eventsinks,eventreplays"
# Nothing may be written because time passes: what a test sees written is the consequence of what it did.
FLAGS = ["--policy-settle-seconds", "0", "--permission-settle-seconds", "0", "--resync-seconds", "3600", "--full-resync-seconds", "31536000",
         "--first-rule-seconds", "0"]


def namespace(name, **levels):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {f"pod-security.kubernetes.io/{mode}": level for mode, level in levels.items()}}}


def definition(name):
    """A CRD of the chart."""
    return chart.yaml.safe_load((CHART / f"files/crds/{name.split('.')[0]}.yaml").read_text())


def previous_definition(name):
    """The same of the previous chart; None if it did not have that kind."""
    with tarfile.open(PREVIOUS) as tar:
        path = f"tributary/files/crds/{name.split('.')[0]}.yaml"
        return chart.yaml.safe_load(tar.extractfile(path).read()) if path in tar.getnames() else None


def lost(before, after, path=""):
    """What of the first value the second one does not have. Newer definitions add defaults."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [one for name, value in before.items() for one in lost(value, after.get(name), f"{path}.{name}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [one for number, pair in enumerate(zip(before, after)) for one in lost(*pair, f"{path}[{number}]")]
    return [] if before == after else [f"{path}: {before} became {after}"]


class Release(Stage):
    def __init__(self):
        super().__init__()
        self.operator = None

    def helm(self, verb, of=CHART, *more):
        """Without --wait: the pods are created and stay pending."""
        return self.run("helm", verb, RELEASE, str(of), "-n", SYSTEM, *more).stdout

    def attempt(self, *arguments, text=None):
        """kubectl's exit code, and what it said on standard error: errors and warnings."""
        done = subprocess.run(["kubectl", *arguments], cwd=ROOT, capture_output=True, text=True, input=text)
        return done.returncode, done.stderr

    def all(self, kinds=ALL_KINDS):
        """Objects of all namespaces by kind, namespace and name."""
        found = json.loads(self.kubectl("get", kinds, "-A", "-o", "json"))["items"]
        return {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]): one for one in found}

    def definitions(self):
        return {one["metadata"]["name"]: one for one in json.loads(self.kubectl("get", "crds", "-o", "json"))["items"] if one["spec"]["group"] == "tributary.dev"}

    def start(self, account):
        """The operator, as the chart's ServiceAccount. It sees the namespace of this account only: what was recorded belongs to no AWS of the bed."""
        config = self.scratch / "operator.kubeconfig"
        shutil.copy(self.bed["kubeconfig"], config)
        config.chmod(0o600)
        token = self.kubectl("create", "token", RELEASE, "-n", SYSTEM, "--duration", "1h").strip()
        self.kubectl("config", "set-credentials", "operator", f"--token={token}", "--kubeconfig", str(config))
        self.kubectl("config", "set-context", "--current", "--user=operator", "--kubeconfig", str(config))
        binary = os.environ.get("TRIBUTARY_OPERATOR") or f"{os.environ.get('CARGO_TARGET_DIR', ROOT / 'target')}/debug/tributary-operator"
        with open(self.scratch / "operator.log", "ab") as log:
            self.operator = subprocess.Popen([binary, "run", "--listen", "127.0.0.1:0", "--log-format", "text", "--watch-namespaces", account.name, *FLAGS], stdout=log, stderr=log,
                                             env={**os.environ, "KUBECONFIG": str(config), "AWS_ENDPOINT_URL": self.bed["aws"], "AWS_EC2_METADATA_DISABLED": "true"})

    def stop(self):
        if self.operator:
            self.operator.send_signal(signal.SIGTERM)
            self.operator.wait(60)
            self.operator = None

    @staticmethod
    def in_sync(account, mark, *names):
        """Waits until the operator has read these pairs in AWS since the mark. What it wrote."""
        def all_read():
            read = json.dumps([call["request"] for call in account.journal(mark)["calls"]])
            return all(f"{account.name}-{name}" in read for name in names)
        until(all_read, f"the operator has read {', '.join(names)}")
        until(lambda: not account.not_ready(), f"the objects of {account.name} are Ready")
        return account.writes(mark)
