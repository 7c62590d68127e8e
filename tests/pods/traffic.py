"""Real pods, what goes on during an upgrade: objects are made all the time, and every change of the pods is written down."""
import json
import pathlib
import subprocess
import threading

from stage import RELEASE, SYSTEM, until

# What the operator warns of when the API server answers late; it goes on by itself.
SLOW = ("the lease could not be read or taken", "the lease was not renewed", "not leading any more", "watch failed")


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


class Watch:
    """The release's pods as a watch tells of them: no state of the API server is missed, however short."""
    def __init__(self, scratch):
        self.file = pathlib.Path(scratch) / "pods.watch"
        self._pods, self._read, self.counts = {}, 0, []
        command = ["kubectl", "get", "pods", "-n", SYSTEM, "-l", f"app.kubernetes.io/instance={RELEASE}", "--watch", "--output-watch-events", "-o", "json"]
        self._out = open(self.file, "w")
        self._process = subprocess.Popen(command, stdout=self._out, stdin=subprocess.DEVNULL)

    def read(self):
        """How many pods were ready and not told to stop, after each change since the start."""
        text, decoder = self.file.read_text(), json.JSONDecoder()
        while rest := text[self._read:].lstrip():
            start = len(text) - len(rest)
            try:
                event, length = decoder.raw_decode(rest)
            except ValueError:      # half a line so far
                break
            self._read = start + length
            pod = event["object"]
            if event["type"] == "DELETED":
                self._pods.pop(pod["metadata"]["name"], None)
            else:
                self._pods[pod["metadata"]["name"]] = pod
            self.counts.append(sum(is_ready(pod) for pod in self._pods.values()))
        return self.counts

    def names(self):
        self.read()
        return set(self._pods)

    def end(self):
        self._process.kill()
        self._process.wait()
        self._out.close()


def is_ready(pod):
    conditions = pod.get("status", {}).get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


class Logs:
    """All that the pods say from now on, though they are gone at the end."""
    def __init__(self, scratch):
        self.folder = pathlib.Path(scratch) / "pod-logs"
        self.folder.mkdir(exist_ok=True)
        self._followers = {}

    def follow(self, pods):
        for name in {pod["metadata"]["name"] for pod in pods} - set(self._followers):
            with open(self.folder / name, "w") as out:
                self._followers[name] = subprocess.Popen(["kubectl", "logs", "--follow", "-n", SYSTEM, name], stdout=out, stderr=subprocess.DEVNULL,
                                                         stdin=subprocess.DEVNULL)

    def bad(self):
        """Lines that are errors, warnings of anything but the machine's slowness, or no JSON (a panic)."""
        found = []
        for file in sorted(self.folder.iterdir()):
            for line in file.read_text().splitlines():
                try:
                    told = json.loads(line)
                    fine = told["level"] in ("INFO", "DEBUG", "TRACE") or told["level"] == "WARN" and told["message"].startswith(SLOW)
                except (ValueError, KeyError):
                    fine = False
                if not fine:
                    found.append(f"{file.name}: {line}")
        return found

    def lines(self):
        return sum(len(file.read_text().splitlines()) for file in self.folder.iterdir())

    def end(self):
        for follower in self._followers.values():
            follower.kill()
            follower.wait()
