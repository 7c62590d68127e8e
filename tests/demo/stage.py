"""Demo, the stage: a control plane, an AWS stand-in, the chart, and the operator beside it."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BED = ROOT / "tests/bed"
STATE = pathlib.Path(os.environ.get("TRIBUTARY_DEMO_STATE") or ROOT / ".bed")
BINARY = os.environ.get("TRIBUTARY") or str(ROOT / "target/debug/tributary")
SYSTEM = "tributary-system"


def until(probe, seconds, what):
    """The first true answer of `probe`; ends with `what` at the deadline. Nothing here sleeps without a condition."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not so within {seconds} s")
        time.sleep(0.1)
    return found


def bed(*arguments):
    subprocess.run([sys.executable, str(BED / "bed.py"), *arguments, "--state", str(STATE)], check=True)


class Stage:
    def __init__(self):
        self.bed = json.loads((STATE / "bed.json").read_text())
        self.env = {**os.environ, "KUBECONFIG": self.bed["kubeconfig"], "PATH": f"{self.bed['bin']}:{os.environ['PATH']}"}
        self.operator = None

    def run(self, *command, **options):
        return subprocess.run(command, check=True, env=self.env, cwd=ROOT, text=True, **options)

    def kubectl(self, *arguments, **options):
        return self.run("kubectl", *arguments, **options)

    def quietly(self, *arguments, **options):
        """What kubectl says, unless it fails."""
        done = subprocess.run(["kubectl", *arguments], env=self.env, cwd=ROOT, text=True, capture_output=True, **options)
        if done.returncode:
            raise SystemExit(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def apply(self, *objects):
        self.quietly("apply", "-f", "-", input="\n---\n".join(json.dumps(o) for o in objects))

    def objects(self, kinds, namespace=None):
        """All objects of these kinds, as the API server has them."""
        where = ("-n", namespace) if namespace else ("-A",)
        return json.loads(self.quietly("get", kinds, *where, "-o", "json"))["items"]

    def ready(self, kind, name, namespace):
        """(status, reason, message) of the condition Ready."""
        for obj in self.objects(kind, namespace):
            if obj["metadata"]["name"] == name:
                return condition(obj)
        return "Unknown", "", ""

    def accounts(self, folder):
        """The AwsAccounts of an example with all that they grant, but with the stand-in's endpoint, and with keys in a Secret."""
        shown = json.loads(self.quietly("apply", "-k", folder, "--dry-run=server", "-o", "json"))
        for account in shown.get("items", [shown]):
            name, spec = account["metadata"]["name"], account["spec"]
            keys = {"AWS_ACCESS_KEY_ID": spec["accountId"], "AWS_SECRET_ACCESS_KEY": "demo"}
            spec.update(endpoint=self.bed["aws"], credentials={"secretRef": {"name": f"aws-{name}"}})
            self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"aws-{name}", "namespace": SYSTEM}, "stringData": keys},
                       {"apiVersion": account["apiVersion"], "kind": "AwsAccount", "metadata": {"name": name}, "spec": spec})

    # Of the accounts of the examples. The chart lets each component read these Secrets and no others.
    AWS_SECRETS = "{aws-default,aws-dev,aws-test,aws-prod}"

    def install(self):
        """CRDs, a ServiceAccount and its rights; a kubeconfig with the ServiceAccount's token."""
        self.run("helm", "upgrade", "--install", "tributary", "charts/tributary", "-n", SYSTEM, "--create-namespace",
                 "--set-json", 'arnFrom.allowed=[{"kind": "ConfigMap", "resource": "configmaps", "apiGroup": ""}]',
                 "--set", "gateway.enabled=true,sinkConfigMaps.allNamespaces=true", "--set", f"awsSecrets={self.AWS_SECRETS}", "--set", f"gateway.awsSecrets={self.AWS_SECRETS}", stdout=subprocess.DEVNULL)
        self.identity("operator", "tributary")
        self.identity("gateway", "tributary-gateway")

    def start_sync(self, namespace):
        """Beside the operator, with its own rights, which are Secrets of this namespace among others."""
        self.run("helm", "upgrade", "tributary", "charts/tributary", "-n", SYSTEM, "--reuse-values", "--set", "sync.enabled=true",
                 "--set", f"sync.secretNamespaces={{{namespace}}}", "--set", f"sync.awsSecrets={self.AWS_SECRETS}", stdout=subprocess.DEVNULL)
        self.identity("sync", "tributary-sync")
        with open(STATE / "sync.log", "a") as log:
            sync = subprocess.Popen([BINARY, "sync", "--listen", _free(), "--log-format", "text", "--benchling-url", f"{self.bed['benchling']}/{{tenant}}",
                                     "--database-hosts", "localhost"],
                                    env={**self.env, "KUBECONFIG": str(STATE / "sync.kubeconfig")}, stdout=log, stderr=log, start_new_session=True)
        (STATE / "sync.pid").write_text(str(sync.pid))

    def identity(self, name, account):
        """A kubeconfig with the token of this ServiceAccount."""
        token = self.quietly("create", "token", account, "-n", SYSTEM, "--duration", "8h").strip()
        config = STATE / f"{name}.kubeconfig"
        config.write_text(pathlib.Path(self.bed["kubeconfig"]).read_text())
        config.chmod(0o600)
        for words in (("set-credentials", name, f"--token={token}"), ("set-context", "--current", f"--user={name}")):
            self.quietly("config", *words, "--kubeconfig", str(config))

    def start_operator(self, *flags):
        if not pathlib.Path(BINARY).exists():
            raise SystemExit(f"demo: there is no {BINARY}; `make build` makes it, TRIBUTARY names another one")
        env = {**self.env, "KUBECONFIG": str(STATE / "operator.kubeconfig")}
        with open(STATE / "operator.log", "a") as log:
            self.operator = subprocess.Popen([BINARY, "run", "--listen", "127.0.0.1:0", "--log-format", "text",
                                              "--arn-from", "ConfigMap=configmaps", *flags], env=env, stdout=log,
                                             stderr=log, start_new_session=True)
        (STATE / "operator.pid").write_text(str(self.operator.pid))

    def start_gateway(self):
        """Beside the operator, with its own rights. What is sent to `self.webhooks` is on a bus when it is answered."""
        benchling, (public, admin) = self.bed["benchling"], (_free(), _free())
        with open(STATE / "gateway.log", "a") as log:
            gateway = subprocess.Popen([BINARY, "gateway", "--listen", public, "--admin-listen", admin, "--log-format", "text", "--drain-seconds", "0",
                                        "--benchling-url", f"{benchling}/{{tenant}}", "--benchling-keys-url",
                                        f"{benchling}/api/v1/apps/{{app_definition_id}}/jwks"],
                                       env={**self.env, "KUBECONFIG": str(STATE / "gateway.kubeconfig")}, stdout=log, stderr=log, start_new_session=True)
        (STATE / "gateway.pid").write_text(str(gateway.pid))
        (STATE / "gateway.url").write_text(f"http://{public}/1/webhooks")

    @property
    def webhooks(self):
        return (STATE / "gateway.url").read_text()

    def stop_operator(self):
        """The way a pod is stopped. Its exit code."""
        self.operator.send_signal(signal.SIGTERM)
        code = self.operator.wait(20)
        (STATE / "operator.pid").unlink()
        return code


def condition(obj, kind="Ready"):
    found = [c for c in obj.get("status", {}).get("conditions", []) if c["type"] == kind]
    return (found[0]["status"], found[0]["reason"], found[0]["message"]) if found else ("Unknown", "", "")


def _free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def operator_pid(name="operator"):
    """Of the operator that some demo started and that still runs; the number may be another process's by now."""
    try:
        pid = int((STATE / f"{name}.pid").read_text())
        return pid if pathlib.Path(BINARY).name.encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() else None
    except (FileNotFoundError, ProcessLookupError):
        return None


def end():
    for name in ("operator", "gateway", "sync"):
        if pid := operator_pid(name):
            os.kill(pid, signal.SIGTERM)
        (STATE / f"{name}.pid").unlink(missing_ok=True)
    bed("down")
