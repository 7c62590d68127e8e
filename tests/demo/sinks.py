"""Demo, the sinks: what an owner of the account finds in each, and how its grant is taken away and looked for."""
import json

from play import ACCOUNT, REGION, Cloud


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


class LogGroup(Sink):
    what = "log group"

    def __init__(self, name, account=ACCOUNT):
        super().__init__(name, account)
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
        return any(self.arn in p["policyDocument"] for p in self.cloud.log_policies())

    def revoke(self):
        for policy in self.cloud.log_policies():
            self.cloud.call("logs", "DeleteResourcePolicy", {"policyName": policy["policyName"]})


class Log(LogGroup):
    """What a function printed about events; Lambda's own lines are left out."""
    def __init__(self, function):
        super().__init__(f"/aws/lambda/{function}")

    def read(self):
        return [line for message in self.fresh() for line in message.splitlines() if line.startswith("evt_")]
