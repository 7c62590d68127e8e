"""An API server with a fixed set of objects: lists in pages, and watches that report nothing."""
import http.server
import json
import threading
import urllib.parse

GROUP = "/apis/tributary.dev/v1alpha1/"
KINDS = {"awsaccounts": "AwsAccount", "benchlingsubscriptions": "BenchlingSubscription", "benchlingapps": "BenchlingApp",
         "benchlingbackfills": "BenchlingBackfill", "eventbuses": "EventBus", "eventrules": "EventRule", "eventsinks": "EventSink", "eventreplays": "EventReplay", "eventredrives": "EventRedrive"}
READY = [{"type": kind, "status": "True", "reason": "InSync", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"} for kind in ("Ready", "Deliverable")]


def make(kind, name, spec, **status):
    identity = {"account": "default", "accountId": "111122223333", "partition": "aws", "region": "eu-west-1", "name": f"many-{name}",
                "arn": f"arn:aws:events:eu-west-1:111122223333:{kind}/{name}"}
    # What kubectl leaves in each object, which a reader does not need.
    managed = [{"manager": "kubectl", "operation": "Apply", "apiVersion": "tributary.dev/v1alpha1", "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
                "fieldsV1": {f"f:{field}": {"f:name": {}, "f:other": {}} for field in ("a", "b", "c", "d")}}]
    return {"apiVersion": "tributary.dev/v1alpha1", "kind": kind, "spec": spec,
            "metadata": {"name": name, "namespace": "many", "uid": name, "resourceVersion": "7", "generation": 1, "managedFields": managed},
            "status": {"observedGeneration": 1, "conditions": READY, "identity": identity, **status}}


def objects(count):
    """As many objects: buses, and half of the rest rules, each with a sink of its own."""
    pairs = (count - 10) // 2
    buses = [make("EventBus", f"bus-{n}", {}) for n in range(10)]
    sinks = [make("EventSink", f"queue-{n}", {"sqs": {"managed": {}}}) for n in range(pairs)]
    pattern = [{"source": ["many"], "detail-type": [f"type-{n}"], "detail": {"n": [{"numeric": [">", n]}]}} for n in range(pairs)]
    rules = [make("EventRule", f"rule-{n}", {"busRef": {"name": f"bus-{n % 10}"}, "eventPattern": pattern[n],
                                                "targets": [{"name": "queue", "sinkRef": {"name": f"queue-{n}"}}]},
                     targets=[{"name": "queue", "arn": f"arn:{n}", "ready": True, "deliverable": "Yes"}]) for n in range(pairs)]
    return {"eventbuses": buses, "eventsinks": sinks, "eventrules": rules}


class StubApi:
    """Serves objects, by plural, on a port of loopback until `stop`."""

    def __init__(self, served):
        texts = {plural: [json.dumps(one) for one in all_] for plural, all_ in served.items()}
        stopping = self.stopping = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                plural, query = url.path.rpartition("/")[2], dict(urllib.parse.parse_qsl(url.query))
                if not url.path.startswith(GROUP) or plural not in KINDS:
                    return self.send_error(404)
                if query.get("watch") == "true":
                    return self.watch()
                start, limit = int(query.get("continue") or 0), int(query.get("limit") or 1 << 30)
                every = texts.get(plural, [])
                more = str(start + limit) if start + limit < len(every) else ""
                self.answer(f'{{"kind":"{KINDS[plural]}List","apiVersion":"tributary.dev/v1alpha1","metadata":{{"resourceVersion":"7","continue":"{more}"}},'
                            f'"items":[{",".join(every[start:start + limit])}]}}')

            def answer(self, text):
                body = text.encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def watch(self):
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                self.wfile.flush()
                stopping.wait(200)
                self.close_connection = True

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def kubeconfig(self):
        context = {"name": "stub", "context": {"cluster": "stub", "user": "stub", "namespace": "many"}}
        return json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "stub", "contexts": [context],
                           "clusters": [{"name": "stub", "cluster": {"server": self.url}}], "users": [{"name": "stub", "user": {}}]})

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()


def peak_memory(process):
    """Peak resident memory of a process, in MiB."""
    for line in open(f"/proc/{process.pid}/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise ValueError("no VmHWM")


