"""Demo, the sinks: what an owner of the account finds in each, and how its grant is taken away and looked for."""
import base64
import hashlib
import http.server
import json
import subprocess
import threading

from play import ACCOUNT, REGION, Cloud, aws
from stage import ROOT

import acquire


class Sink:
    """`body` turns what is found into what is compared, `shape` an event that was sent into what must be found of it."""
    def __init__(self, name, account=ACCOUNT, body=lambda found: found["detail"], shape=lambda event: event["detail"]):
        self.name, self.account, self.body, self.shape, self.cloud = name, account, body, shape, None

    def at(self, bed):
        self.cloud = Cloud(bed, self.account)

    def refused(self, since):
        """The deliveries to it that failed since then."""
        return [d for d in self.cloud.emulator("deliveries", since=since) if d["arn"] == self.arn and d["outcome"] == "FAILED"]

    def __str__(self):
        return f"{self.what} {self.name}"


class Queue(Sink):
    what = "queue"

    @property
    def arn(self):
        return f"arn:aws:sqs:{REGION}:{self.account}:{self.name}"

    def read(self):
        return [self.body(body) for body, _ in self.cloud.receive(self.name)]

    def exists(self):
        return bool(self.cloud.queue_url(self.name))

    def granted(self):
        return bool(self.cloud.attributes(self.name).get("Policy"))

    def revoke(self):
        self.cloud.set_policy(self.name, "")


class Worked(Queue):
    """A queue that a function works off: what was in it is found in the function's log."""
    def __init__(self, name, function, shape):
        super().__init__(name, shape=shape)
        self.log = Log(function)

    def at(self, bed):
        super().at(bed)
        self.log.at(bed)

    def read(self):
        return self.log.read()


class Consumed(Queue):
    """A queue that the consumer of an example reads, with the ConfigMap that the sink exports as its environment: what it prints."""
    def __init__(self, name, folder, config_map, **options):
        super().__init__(name, **options)
        self.folder, self.config_map, self.bed = folder, config_map, None

    def at(self, bed):
        super().at(bed)
        self.bed = bed

    def environment(self):
        namespace = self.name.rsplit("-", 1)[0]
        kubectl = [f"{self.bed['bin']}/kubectl", "--kubeconfig", self.bed["kubeconfig"], "-n", namespace]
        found = subprocess.run([*kubectl, "get", "configmap", self.config_map, "-o", "json"], capture_output=True, text=True, check=True)
        exported = {f"QUEUE_{key}": value for key, value in json.loads(found.stdout)["data"].items()}
        return exported | {"AWS_ENDPOINT_URL": self.bed["emulator"], "AWS_ACCESS_KEY_ID": self.account, "AWS_SECRET_ACCESS_KEY": "consumer"}

    def read(self):
        script = ROOT / "examples" / self.folder / "consumer/consumer.py"
        done = subprocess.run([acquire.examples(print), script, "--once"], env=self.environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [self.body(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]


class Function(Sink):
    what = "function"

    def __init__(self, name, shape):
        super().__init__(name, shape=shape)
        self.log = Log(name)

    @property
    def arn(self):
        return f"arn:aws:lambda:{REGION}:{self.account}:function:{self.name}"

    def at(self, bed):
        super().at(bed)
        self.log.at(bed)

    def read(self):
        return self.log.read()

    def exists(self):
        return bool(self.cloud.call("lambda", "GetFunction", {"FunctionName": self.name}))

    def granted(self):
        return bool(self.cloud.function_policy(self.name))

    def revoke(self):
        for statement in self.cloud.function_policy(self.name):
            self.cloud.call("lambda", "RemovePermission", {"FunctionName": self.name, "StatementId": statement["Sid"]})


def hashed(namespace, name):
    """The default name in AWS of an object whose name contains a hyphen."""
    return f"{namespace}-{name}-{hashlib.sha256(f'{namespace}/{name}'.encode()).hexdigest()[:8]}"


class LogGroup(Sink):
    what = "log group"

    def __init__(self, name, account=ACCOUNT, shape=lambda event: event["detail"]):
        super().__init__(name, account, shape=shape)
        self.known = set()

    @property
    def arn(self):
        return f"arn:aws:logs:{REGION}:{self.account}:log-group:{self.name}"

    def fresh(self):
        """The messages that were not seen before."""
        found = [(key, message) for key, message in self.cloud.logged(self.name) if key not in self.known]
        self.known.update(key for key, _ in found)
        return [message for _, message in found]

    def read(self):
        return [self.body(json.loads(message)) for message in self.fresh()]

    def exists(self):
        return bool(self.cloud.log_group(self.name))

    def granted(self):
        # Many groups below /aws/events/ share one statement.
        names = (self.arn, "log-group:/aws/events/*:*")
        return any(name in p["policyDocument"] for p in self.cloud.log_policies() for name in names)

    def revoke(self):
        for policy in self.cloud.log_policies():
            self.cloud.call("logs", "DeleteResourcePolicy", {"policyName": policy["policyName"]})


class Log(LogGroup):
    """What a function printed about events; Lambda's own lines are left out."""
    def __init__(self, function):
        super().__init__(f"/aws/lambda/{function}")

    def read(self):
        return [line for message in self.fresh() for line in message.splitlines() if line.startswith("evt_")]


class Topic(Sink):
    """A topic, as a queue of its owner's sees it."""
    what = "topic"

    @property
    def arn(self):
        return f"arn:aws:sns:{REGION}:{self.account}:{self.name}"

    def subscribe(self):
        """Once it is there; again changes nothing."""
        inbox = f"{self.name}-inbox"
        self.cloud.call("sqs", "CreateQueue", {"QueueName": inbox})
        self.cloud.call("sns", "Subscribe", {"TopicArn": self.arn, "Protocol": "sqs", "Endpoint": f"arn:aws:sqs:{REGION}:{self.account}:{inbox}"})

    def read(self):
        return [self.body(json.loads(body["Message"])) for body, _ in self.cloud.receive(f"{self.name}-inbox")]

    def exists(self):
        return self.arn in self.cloud.call("sns", "ListTopics", {})

    def granted(self):
        return "events.amazonaws.com" in self.cloud.call("sns", "GetTopicAttributes", {"TopicArn": self.arn})

    def revoke(self):
        theirs = {"Sid": "owner", "Effect": "Allow", "Principal": {"AWS": self.account}, "Action": "sns:Publish", "Resource": self.arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [theirs]})
        self.cloud.call("sns", "SetTopicAttributes", {"TopicArn": self.arn, "AttributeName": "Policy", "AttributeValue": policy})


class Webhook(Sink):
    """An endpoint of somebody else's: what came in with the right password. `https://host` stands for a server here."""
    what = "endpoint"

    def __init__(self, host, password, bus, rule, path):
        super().__init__(host, body=lambda found: found)
        self.password, self.bus, self.rule, self.path, self.found, self.server = password, bus, rule, path, [], None

    def at(self, bed):
        super().at(bed)
        if self.server is None:
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
            threading.Thread(target=self.server.serve_forever, daemon=True).start()
        aws.post_json(f"{bed['emulator']}/_emu/hosts", {"host": self.name, "port": self.server.server_port})

    def handler(self):
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                wanted = "Basic " + base64.b64encode(f"integrations:{sink.password}".encode()).decode()
                good = self.headers["authorization"] == wanted and self.path == sink.path(body) and self.headers["x-event-id"] == body["id"]
                if good:
                    sink.found.append(body["detail"])
                self.send_response(200 if good else 403)
                self.end_headers()

            def log_message(self, *_):
                pass
        return Handler

    def read(self):
        found, self.found = self.found, []
        return found

    def target(self):
        return self.cloud.events("ListTargetsByRule", Rule=self.rule, EventBusName=self.bus)["Targets"][0]

    @property
    def arn(self):
        return self.target()["Arn"]

    def exists(self):
        return bool(self.cloud.events("ListApiDestinations")["ApiDestinations"])

    def role(self):
        return self.target()["RoleArn"].rsplit("/", 1)[1]

    def granted(self):
        return "events.amazonaws.com" in self.cloud.call("iam", "GetRole", {"RoleName": self.role()})

    def revoke(self):
        nobody = json.dumps({"Version": "2012-10-17", "Statement": []})
        self.cloud.call("iam", "UpdateAssumeRolePolicy", {"RoleName": self.role(), "PolicyDocument": nobody})


class Machine(Sink):
    """A state machine that a rule starts: what its executions were given."""
    what = "state machine"

    def __init__(self, name, bus, rule):
        super().__init__(name, body=lambda found: found)
        self.bus, self.rule, self.known = bus, rule, set()

    @property
    def arn(self):
        return f"arn:aws:states:{REGION}:{self.account}:stateMachine:{self.name}"

    def read(self):
        found = []
        for row in self.cloud.call("states", "ListExecutions", {"stateMachineArn": self.arn})["executions"]:
            if row["executionArn"] not in self.known:
                self.known.add(row["executionArn"])
                found.append(json.loads(self.cloud.call("states", "DescribeExecution", {"executionArn": row["executionArn"]})["input"]))
        return found

    def exists(self):
        return any(row["stateMachineArn"] == self.arn for row in self.cloud.call("states", "ListStateMachines")["stateMachines"])

    def role(self):
        targets = self.cloud.events("ListTargetsByRule", Rule=self.rule, EventBusName=self.bus)["Targets"]
        return next(target["RoleArn"] for target in targets if target["Arn"] == self.arn).rsplit("/", 1)[1]

    def granted(self):
        return "events.amazonaws.com" in self.cloud.call("iam", "GetRole", {"RoleName": self.role()})

    def revoke(self):
        nobody = json.dumps({"Version": "2012-10-17", "Statement": []})
        self.cloud.call("iam", "UpdateAssumeRolePolicy", {"RoleName": self.role(), "PolicyDocument": nobody})


class Job(Machine):
    """An AWS Batch queue to which a rule submits jobs: the parameters of each."""
    what = "job queue"

    def __init__(self, name, bus, rule):
        super().__init__(name, bus, rule)
        self.shape = lambda event: {"run": event["detail"]["run"]}

    @property
    def arn(self):
        return f"arn:aws:batch:{REGION}:{self.account}:job-queue/{self.name}"

    def read(self):
        jobs = [job["jobId"] for job in self.cloud.call("batch", "ListJobs", {"jobQueue": self.arn})["jobSummaryList"] if job["jobId"] not in self.known]
        self.known.update(jobs)
        return [job["parameters"] for job in self.cloud.call("batch", "DescribeJobs", {"jobs": jobs})["jobs"]] if jobs else []

    def exists(self):
        return bool(self.cloud.call("batch", "DescribeJobQueues", {"jobQueues": [self.name]})["jobQueues"])


class Call(Machine):
    """What a rule calls in a service that the stand-in has not: `what` is called in the record of deliveries, `body` the part of it to compare."""
    def __init__(self, what, service, rest, bus, rule, body, shape, account=ACCOUNT):
        super().__init__(rest, bus, rule)
        self.what, self.service, self.body, self.shape, self.of = what, service, body, shape, account

    @property
    def arn(self):
        return f"arn:aws:{self.service}:{REGION}:{self.of}:{self.name}"

    def read(self):
        calls = [d for d in self.cloud.emulator("deliveries") if d["arn"] == self.arn and d["outcome"] == "DELIVERED" and d["time"] not in self.known]
        self.known.update(d["time"] for d in calls)
        return [self.body(d["call"]["request"]) for d in calls]

    def exists(self):
        return True                 # the stand-in holds what the test declared
