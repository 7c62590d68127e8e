#!/usr/bin/env python3
"""`make demo`: a control plane, an AWS stand-in and the operator; applies the example, publishes events, reads them from the queue.

`demo.py up` leaves all running, to play with; `demo.py down` ends it; `demo.py check` does both and is a test.
"""
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BED = ROOT / "tests/bed"
STATE = pathlib.Path(os.environ.get("TRIBUTARY_DEMO_STATE") or ROOT / ".bed")
BINARY = os.environ.get("TRIBUTARY") or str(ROOT / "target/debug/tributary")
ACCOUNT, REGION = "111122223333", "eu-west-1"
QUEUE, BUS = "orders-work", "orders-myapp"

sys.path.insert(0, str(BED))
import aws as aws_client  # noqa: E402  the bed's own small client


def say(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def bed(*arguments):
    subprocess.run([sys.executable, str(BED / "bed.py"), *arguments, "--state", str(STATE)], check=True)


def account(bed_json):
    """The AwsAccount of the demo: the stand-in's endpoint, and keys in a Secret of the operator's namespace."""
    keys = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "demo"}
    meta = {"name": "aws-keys", "namespace": "tributary-system"}
    spec = {"accountId": ACCOUNT, "region": REGION, "endpoint": bed_json["aws"], "credentials": {"secretRef": {"name": "aws-keys"}},
            "grants": [{"namespaces": ["orders", "integrations-*"], "arns": [f"arn:aws:sqs:{REGION}:{ACCOUNT}:*"]}]}
    return [{"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": keys},
            {"apiVersion": "tributary.dev/v1alpha1", "kind": "AwsAccount", "metadata": {"name": "default"}, "spec": spec}]


class Demo:
    def __init__(self):
        self.bed = json.loads((STATE / "bed.json").read_text())
        self.env = {**os.environ, "KUBECONFIG": self.bed["kubeconfig"], "PATH": f"{self.bed['bin']}:{os.environ['PATH']}"}
        self.aws = aws_client.Client(self.bed["aws"], ACCOUNT, REGION)

    def run(self, *command, **options):
        return subprocess.run(command, check=True, env=self.env, cwd=ROOT, **options)

    def kubectl(self, *arguments, **options):
        return self.run("kubectl", *arguments, **options)

    def install(self):
        say("Install the chart: CRDs, a ServiceAccount and its rights (no node runs here, so the operator is started beside it)")
        self.run("helm", "install", "tributary", "charts/tributary", "-n", "tributary-system", "--create-namespace", stdout=subprocess.DEVNULL)
        token = self.kubectl("create", "token", "tributary", "-n", "tributary-system", "--duration", "8h", capture_output=True, text=True).stdout.strip()
        config = STATE / "operator.kubeconfig"
        config.write_text(pathlib.Path(self.bed["kubeconfig"]).read_text())
        config.chmod(0o600)
        operator = {**self.env, "KUBECONFIG": str(config)}
        subprocess.run(["kubectl", "config", "set-credentials", "operator", f"--token={token}"], check=True, env=operator, stdout=subprocess.DEVNULL)
        subprocess.run(["kubectl", "config", "set-context", "--current", "--user=operator"], check=True, env=operator, stdout=subprocess.DEVNULL)
        log = open(STATE / "operator.log", "w")
        process = subprocess.Popen([BINARY, "run", "--listen", "127.0.0.1:0", "--log-format", "text"], env=operator, stdout=log, stderr=log,
                                   start_new_session=True)
        (STATE / "operator.pid").write_text(str(process.pid))

    def apply(self):
        say("Apply the account, then examples/custom-bus-to-sqs: a bus, a rule, a queue")
        self.kubectl("apply", "-f", "-", input="\n---\n".join(json.dumps(o) for o in account(self.bed)), text=True)
        self.kubectl("apply", "-k", "examples/custom-bus-to-sqs")
        say("Wait until all are Ready")
        for kind, name in (("eventbus", "myapp"), ("eventsink", "work"), ("eventrule", "restored")):
            self.kubectl("wait", "-n", "orders", f"{kind}/{name}", "--for=condition=Ready", "--timeout=60s")
        self.kubectl("get", "awsacct,ebus,erule,esink", "-A")

    def publish(self):
        value = secrets.token_hex(4)
        say(f"Publish two events to bus {BUS}, with a value chosen now: {value}. The rule wants only the one that says restored")
        entries = [{"EventBusName": BUS, "Source": "com.mycompany.myapp", "DetailType": "service_status",
                    "Detail": json.dumps({"service": "myapp service", "status": status, "run": value})} for status in ("restored", "down")]
        answer = self.aws.call("events", "PutEvents", {"Entries": entries})
        assert answer["FailedEntryCount"] == 0, answer
        say(f"Read queue {QUEUE}")
        url = self.aws.call("sqs", "GetQueueUrl", {"QueueName": QUEUE})["QueueUrl"]
        deadline, bodies = time.monotonic() + 10, []
        while not bodies and time.monotonic() < deadline:
            answer = self.aws.call("sqs", "ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 2})
            for message in answer.get("Messages", []):
                self.aws.call("sqs", "DeleteMessage", {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]})
                bodies.append(json.loads(message["Body"]))
        for body in bodies:
            print(json.dumps(body, indent=2))
        details = [body["detail"] for body in bodies]
        if details != [{"service": "myapp service", "status": "restored", "run": value}]:
            sys.exit(f"demo: expected the one event with {value}, got {details}")
        say("The event arrived, and only that one.")


    def examples(self):
        """Every other example applies as it stands and becomes Ready."""
        for folder in sorted(path.parent.name for path in (ROOT / "examples").glob("*/kustomization.yaml")):
            if folder == "account":
                self.kubectl("apply", "-k", "examples/account", "--dry-run=server")
                continue
            say(f"examples/{folder}")
            self.kubectl("apply", "-k", f"examples/{folder}")
        self.kubectl("wait", "eventbus,eventsink,eventrule", "-A", "--all", "--for=condition=Ready", "--timeout=60s")


def stop_operator():
    """Ends the operator that this demo started, by its pid."""
    file = STATE / "operator.pid"
    if not file.exists():
        return
    pid = int(file.read_text())
    try:
        if BINARY.rsplit("/", 1)[-1].encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError):
        pass
    file.unlink()


def up():
    bed("up")
    demo = Demo()
    if not (STATE / "operator.pid").exists():
        demo.install()
    demo.apply()
    demo.publish()
    return demo


def down():
    stop_operator()
    bed("down")


def main():
    action = sys.argv[1] if len(sys.argv) > 1 else "up"
    if action == "down":
        return down()
    if action == "check":
        try:
            up().examples()
        finally:
            down()
        return print("1 passed, 0 failed")
    demo = up()
    print(f"""
It goes on running. To look around:

  export KUBECONFIG={demo.bed['kubeconfig']} PATH={demo.bed['bin']}:$PATH
  kubectl get awsacct,ebus,erule,esink -A
  kubectl describe erule restored -n orders
  python3 tests/bed/aws.py journal --endpoint {demo.bed['aws']}       every AWS call that was made
  less {STATE.relative_to(ROOT) if STATE.is_relative_to(ROOT) else STATE}/operator.log

`make demo` again publishes again; `make demo-down` ends all.""")


if __name__ == "__main__":
    main()
