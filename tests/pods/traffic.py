"""Real pods, what goes on during an upgrade: objects are made all the time, and every change of the pods is written down."""
import json
import pathlib
import subprocess
import threading

from stage import SYSTEM, selector, until

# What the operator warns of when the API server answers late; it goes on by itself.
SLOW = ("cannot read or acquire the lease", "cannot renew the lease", "lost leadership", "watch failed")
# How a step ends whose replica lost the lease before the request was sent.
LOST = "leadership lost; request not sent"


class Load:
    """Makes pairs in an account, one after the other, until it is told to stop."""
    def __init__(self, account, prefix):
        self.account, self.prefix, self.names, self.error = account, prefix, [], None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            while not self._stop.is_set():
                name = f"{self.prefix}-{len(self.names)}"
                self.account.stage.apply(*self.account.pair(name))
                self.names.append(name)
        except Exception as error:          # in a thread of its own: told when it ends
            self.error = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        if self.error:
            raise self.error

    def reached(self, count):
        until(lambda: self.error or len(self.names) >= count, f"{count} pairs are made")


class Watched:
    """Objects as a watch tells of them: no state of the API server is missed, however short."""
    def __init__(self, scratch, kind, labels):
        self.file = pathlib.Path(scratch) / f"{kind}.watch"
        self.objects, self._read = {}, 0
        command = ["kubectl", "get", kind, "-n", SYSTEM, "-l", labels, "--watch", "--output-watch-events", "-o", "json"]
        self._out = open(self.file, "w")
        self._process = subprocess.Popen(command, stdout=self._out, stdin=subprocess.DEVNULL)

    def changed(self):
        """After each change."""

    def update(self):
        text, decoder = self.file.read_text(), json.JSONDecoder()
        while rest := text[self._read:].lstrip():
            start = len(text) - len(rest)
            try:
                event, length = decoder.raw_decode(rest)
            except ValueError:      # half a line so far
                break
            self._read = start + length
            obj = event["object"]
            if event["type"] == "DELETED":
                self.objects.pop(obj["metadata"]["name"], None)
            else:
                self.objects[obj["metadata"]["name"]] = obj
            self.changed()

    def end(self):
        self._process.kill()
        self._process.wait()
        self._out.close()


class Watch(Watched):
    """The operator's pods."""
    def __init__(self, scratch):
        self.counts = []
        super().__init__(scratch, "pods", selector())

    def changed(self):
        self.counts.append(sum(is_ready(pod) for pod in self.objects.values()))

    def read(self):
        """How many pods were ready and not told to stop, after each change since the start."""
        self.update()
        return self.counts

    def names(self):
        self.update()
        return set(self.objects)


def is_ready(pod):
    conditions = pod.get("status", {}).get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


class Logs:
    """All that the containers say, though they are gone at the end: their files on the node are kept open. `kubectl logs --follow` would add
    words of its own when a container goes."""
    def __init__(self):
        self._files = {}

    def follow(self, pods):
        for pod in pods:
            name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
            for path in pathlib.Path(f"/var/log/pods/{SYSTEM}_{name}_{uid}").glob("*/*.log"):
                if path not in self._files:
                    self._files[path] = (name, open(path))

    def lines(self):
        """(pod, line), without what the runtime puts before each: time, stream, F for a whole line."""
        for name, file in self._files.values():
            file.seek(0)
            yield from ((name, line.split(" ", 3)[3]) for line in file.read().split("\n")[:-1])

    def bad(self):
        """Lines that are errors, warnings of anything but the machine's slowness, or no JSON (a panic)."""
        found = []
        for name, line in self.lines():
            try:
                told = json.loads(line)
                fine = told["level"] in ("INFO", "DEBUG", "TRACE") or told["level"] == "WARN" and (
                    told["message"].startswith(SLOW) or LOST in told.get("error", ""))
            except (ValueError, KeyError, TypeError):
                fine = False
            if not fine:
                found.append(f"{name}: {line}")
        return found

    def end(self):
        for _, file in self._files.values():
            file.close()
