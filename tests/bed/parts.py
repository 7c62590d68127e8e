"""Test bed, step 2: start processes, know them again, and end exactly those. Knows nothing of Kubernetes or AWS.

A process is named by its pid AND its start time, written down at once: a pid that has meanwhile gone to somebody else is
never signalled. Every part leads a process group of its own, so that what it started ends with it.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class PartError(Exception):
    """A part did not come up; the text ends with the tail of its log."""


def die_with(parent, with_signal=signal.SIGKILL):
    """A preexec function: the kernel signals this process when `parent` dies, however it dies."""
    def apply():
        _LIBC.prctl(_PR_SET_PDEATHSIG, with_signal)
        if os.getppid() != parent:          # it died before the line above
            os._exit(1)
    return apply


def start_time(pid):
    """When the process began, in clock ticks since boot; None when there is no such process (or only its corpse)."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def free_port():
    """Below the ephemeral range, so that no outgoing connection takes it between our look and the part's bind."""
    while True:
        port = random.randint(20000, 31999)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Parts:
    """The processes of one bed, recorded in DIR/parts.json as soon as each is started."""
    MARK = "parts.json"

    def __init__(self, state, tied=False):
        self.state, self.tied = pathlib.Path(state), tied
        self.logs = self.state / "logs"
        self.table, self._children = {}, {}
        with_file = self.state / self.MARK
        if with_file.exists():
            self.table = json.loads(with_file.read_text())

    def save(self):
        fresh = self.state / f".{self.MARK}"
        fresh.write_text(json.dumps(self.table, indent=1))
        fresh.rename(self.state / self.MARK)

    def start(self, name, command, env=None, cwd=None, gentle=False):
        """`gentle`: ask it to end before it is killed (it has children or files of its own to tidy)."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with open(self.logs / f"{name}.log", "ab") as log:
            child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd,
                                     env={**os.environ, **(env or {})}, start_new_session=True,
                                     preexec_fn=die_with(os.getpid()) if self.tied else None)
        self._children[name] = child
        self.table[name] = {"pid": child.pid, "started": start_time(child.pid), "gentle": gentle,
                            "command": [str(c) for c in command]}
        self.save()
        return child

    def kill(self, name):
        """SIGKILL, as a crash; returns when it is gone. It stays in the table, from which `again` starts it."""
        part = self.table[name]
        if self.alive(name):
            _signal_group(part["pid"], signal.SIGKILL)
            while start_time(part["pid"]) == part["started"]:
                self._reap()
                time.sleep(0.01)

    def again(self, name):
        """Start it with the command that it was started with. For parts without an environment or directory of their own."""
        if not self.alive(name):
            self.start(name, self.table[name]["command"], gentle=self.table[name]["gentle"])

    def alive(self, name):
        part = self.table[name]
        if name in self._children and self._children[name].poll() is not None:
            return False
        return start_time(part["pid"]) == part["started"]

    def tail(self, name, lines=15):
        try:
            return "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

    def wait(self, name, ready, seconds, restart=None):
        """Poll `ready` until it is true. A part that ends meanwhile is restarted if `restart` says how, else it is an error."""
        deadline = time.monotonic() + seconds
        while True:
            if ready():
                return
            if not self.alive(name):
                if restart is None:
                    raise PartError(f"{name} ended while it was starting:\n{self.tail(name)}")
                restart()
            if time.monotonic() > deadline:
                raise PartError(f"{name} is not ready after {seconds} s:\n{self.tail(name)}")
            time.sleep(0.05)

    def stop(self):
        """End every recorded process that is still the one that was started, last started first."""
        mine = [p for p in reversed(self.table.values()) if p["started"] is not None and start_time(p["pid"]) == p["started"]]
        for part in mine:
            _signal_group(part["pid"], signal.SIGTERM if part["gentle"] else signal.SIGKILL)
        deadline = time.monotonic() + 5
        while mine and time.monotonic() < deadline:
            self._reap()
            mine = [p for p in mine if start_time(p["pid"]) == p["started"]]
            time.sleep(0.02 if mine else 0)
        for part in mine:
            _signal_group(part["pid"], signal.SIGKILL)
        self._reap()
        for part in self.table.values():
            # Ours, but not started through this object: reaped, so that its CPU time is counted as that of the run.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(part["pid"], os.WNOHANG)
        self.table = {}

    def _reap(self):
        for child in self._children.values():
            child.poll()


def _signal_group(pid, number):
    try:
        os.killpg(pid, number)      # the part leads its group: pid and group id are the same
    except ProcessLookupError:
        pass
