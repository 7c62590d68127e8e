"""Test bed, step 3b: the AWS stand-in and, in front of it, the proxy that keeps the journal and injects faults; the stand-in for Benchling."""
import sys
import urllib.error
import urllib.request

from acquire import HERE
from aws import Client
from parts import free_port

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))    # loopback never goes through a proxy


def answers(url):
    try:
        with _DIRECT.open(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


class Cloud:
    def __init__(self, parts, interpreter, host="127.0.0.1"):
        """`host`: where the proxy and Benchling listen; what pods can reach, when there are any."""
        self.parts, self.python, self.host = parts, interpreter, host

    def start(self):
        emulator, front, benchling = free_port(), free_port(), free_port()
        self.benchling = f"http://{self.host}:{benchling}"
        self.emulator, self.url = f"http://127.0.0.1:{emulator}", f"http://{self.host}:{front}"
        temporary = self.parts.state / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        self.parts.start("aws-standin", [self.python, HERE / "standin" / "main.py", "--port", emulator], gentle=True,
                         env={"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(temporary)})
        self.parts.start("aws-proxy", [sys.executable, HERE / "proxy.py", "--host", self.host, "--port", front, "--upstream",
                                       f"127.0.0.1:{emulator}"])
        self.parts.start("benchling", [self.python, HERE / "benchling" / "main.py", "--host", self.host, "--port", benchling],
                         env={"PYTHONDONTWRITEBYTECODE": "1"})

    def wait(self, seconds=60):
        self.parts.wait("aws-standin", lambda: answers(f"{self.emulator}/_emu/settings"), seconds)
        # MiniStack loads half of itself on its first call: have that behind us, and out of the journal.
        for service, operation in (("events", "ListRules"), ("sqs", "ListQueues"), ("sts", "GetCallerIdentity"), ("lambda", "ListFunctions"),
                                   ("logs", "DescribeLogGroups"), ("iam", "ListRoles"), ("sns", "ListTopics"), ("states", "ListStateMachines")):
            Client(self.emulator, "000000000000").call(service, operation)
        self.parts.wait("benchling", lambda: answers(f"{self.benchling}/_emu/requests"), seconds)
        self.parts.wait("aws-proxy", lambda: answers(f"{self.url}/_faults?account=*"), seconds)
