"""Real pods, around the gateway: Benchling as the bed plays it, PostgreSQL where pods reach it, and webhooks that come all the time."""
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request

from stage import ROOT, aws, until
from traffic import Watched

NODE = "10.97.0.1"          # of the bed's node: what pods reach outside of themselves
PORT, PATH = 8081, "/1/webhooks"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Benchling:
    """An app in a tenant of its own."""
    def __init__(self, url, tenant):
        self.url, self.tenant = url, tenant
        self.app = self.control("apps", {"tenant": tenant})
        self.definition = self.app["appDefinitionId"]

    def control(self, control, wish):
        return aws.post_json(f"{self.url}/_emu/{control}", wish)

    def sign(self, count=1, **message):
        return self.control("sign", {"appDefinitionId": self.definition, "count": count, "message": message})["webhooks"]

    def environment(self):
        """Of the chart's pods, as values: where Benchling is."""
        pairs = {"TRIBUTARY_BENCHLING_URL": f"{self.url}/{{tenant}}", "TRIBUTARY_BENCHLING_KEYS_URL": f"{self.url}/api/v1/apps/{{app_definition_id}}/jwks"}
        return [{"name": name, "value": value} for name, value in pairs.items()]


class Database:
    """PostgreSQL with TLS at the node's address, until `end`."""
    def __init__(self):
        command = [sys.executable, str(ROOT / "tests/bed/postgres/serve.py"), "--host", NODE]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("PostgreSQL did not start; what it said is above")
        self.about = json.loads(line)

    def spec(self):
        return {"host": self.about["host"], "port": self.about["port"], "name": self.about["database"], "user": self.about["user"],
                "passwordSecretRef": {"name": "database"}, "tls": {"caSecretRef": {"name": "database"}}}

    def rows(self, query):
        """Lines; none while there is no table."""
        where = f"host={self.about['host']} port={self.about['port']} dbname={self.about['database']} user={self.about['user']} sslmode=require"
        done = subprocess.run([self.about["psql"], where, "-qAt", "-c", query], text=True, capture_output=True,
                              env={**os.environ, **self.about["env"], "PGPASSWORD": self.about["password"]})
        return done.stdout.splitlines() if done.returncode == 0 else []

    def end(self):
        self._process.terminate()
        self._process.wait(30)


def post(address, webhook):
    """The answer's status; 0 where there is none."""
    request = urllib.request.Request(f"http://{address}:{PORT}{PATH}", data=webhook["body"].encode(), headers=webhook["headers"], method="POST")
    try:
        with _DIRECT.open(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as answer:
        return answer.code
    except OSError:
        return 0


class Endpoints(Watched):
    """Who is ready behind the gateway's Service: what an Ingress goes by. There is no kube-proxy, so no address of the Service itself."""
    def __init__(self, scratch):
        self._lock, self.counts = threading.Lock(), []
        super().__init__(scratch, "endpointslices", "kubernetes.io/service-name=tributary-gateway")

    def _now(self):
        all_ = [endpoint for piece in self.objects.values() for endpoint in piece.get("endpoints") or []]
        return sorted(address for endpoint in all_ if endpoint["conditions"].get("ready") for address in endpoint["addresses"])

    def changed(self):
        self.counts.append(len(self._now()))

    def ready(self):
        """Their addresses. `counts` has how many there were after each change."""
        with self._lock:
            self.update()
            return self._now()


class Sender:
    """Webhooks from several connections at a time until the end, each sent again, elsewhere, as long as it has no 2xx."""
    def __init__(self, benchling, endpoints, at_once=3):
        self.benchling, self.endpoints = benchling, endpoints
        self.acknowledged, self.refused, self.errors = [], [], []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(at_once)]

    def _run(self):
        try:
            while not self._stop.is_set():
                for webhook in self.benchling.sign(10, type="v2.request.created"):
                    self._send(webhook)
        except (Exception, SystemExit) as error:        # in a thread of its own: told when it ends
            self.errors.append(error)

    def _send(self, webhook):
        for attempt in range(200):
            if addresses := self.endpoints.ready():
                address = addresses[(len(self.acknowledged) + attempt) % len(addresses)]
                if 200 <= (status := post(address, webhook)) < 300:
                    self.acknowledged.append(webhook["id"])
                    break
                self.refused.append((address, status))
            # Benchling waits before it sends again.
            self._stop.wait(0.05)
        else:
            raise AssertionError(f"{webhook['id']} was never accepted: {self.refused[-3:]}")
        # Not as fast as it can: it is no benchmark.
        self._stop.wait(0.02)

    def reached(self, count):
        until(lambda: self.errors or len(self.acknowledged) >= count, f"{count} webhooks are accepted")

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self.errors:
            raise self.errors[0]
