"""Real pods, their network: connections from a pod and to it, and the cluster's NetworkPolicies enforced in the network namespaces of its pods.

Only namespaces of pods that this bed runs are entered: the test process is the node's, and a pod's process names its namespace.
"""
import ctypes
import json
import os
import socket
import subprocess
import threading

import stage  # noqa: F401  (it puts the bed's modules on the path)
import acquire
import network_policies

GATEWAY = "10.244.0.1"      # of the node on the pods' bridge: where its own connections come from, such as those of probes
SECONDS = 5                 # far more than a connection takes in here; what a policy forbids is answered at once
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def inside(pid, function, *arguments):
    """Calls a function in the network namespace of a process. A socket that is made in there stays in there."""
    outcome = {}

    def enter():
        try:
            handle = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
            try:
                if _LIBC.setns(handle, _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            finally:
                os.close(handle)
            outcome["value"] = function(*arguments)
        except Exception as error:      # raised again in the caller's thread
            outcome["error"] = error
    # Namespaces are a thread's own, and this one ends here.
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


def reaches(address, port, protocol="tcp"):
    """Whether a connection is accepted, or a datagram answered."""
    try:
        if protocol == "tcp":
            socket.create_connection((address, port), SECONDS).close()
            return True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.settimeout(SECONDS)
            out.connect((address, port))
            out.send(b"?")
            return out.recv(16) == b"?"
    except OSError:
        return False


class Listener:
    """Accepts connections, or echoes datagrams, until `end`. `pid`: in whose network namespace; ours without one."""
    def __init__(self, address, port, protocol="tcp", pid=None):
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM

        def bind():
            found = socket.socket(socket.AF_INET, kind)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((address, port))
            return found
        self._socket = inside(pid, bind) if pid else bind()
        if protocol == "tcp":
            self._socket.listen(64)
        threading.Thread(target=self._accept if protocol == "tcp" else self._echo, daemon=True).start()

    def _accept(self):
        try:
            while True:
                self._socket.accept()[0].close()
        except OSError:         # ended
            pass

    def _echo(self):
        try:
            while True:
                data, sender = self._socket.recvfrom(16)
                self._socket.sendto(data, sender)
        except OSError:
            pass

    def end(self):
        self._socket.close()


class Policies:
    """Enforces NetworkPolicies for the pods that the cluster has now."""
    def __init__(self, stage_):
        self.stage, self._nft = stage_, acquire.nft(print)
        self._pids = {}

    def held(self):
        """All policies, as the API server holds them."""
        return self._all("networkpolicies")

    def _all(self, kind):
        return json.loads(self.stage.kubectl("get", kind, "-A", "-o", "json"))["items"]

    def pid(self, pod):
        uid = pod["metadata"]["uid"]
        if uid not in self._pids:
            self._pids[uid] = self.stage.process(pod)
        return self._pids[uid]

    def look(self):
        """Reads the pods that run, and the namespaces."""
        self.pods = [pod for pod in self._all("pods") if pod["status"].get("phase") == "Running" and not pod["spec"].get("hostNetwork")]
        self.namespaces = {one["metadata"]["name"]: network_policies.labels(one) for one in self._all("namespaces")}

    def enforce(self, policies):
        """These policies and no others, for each pod that runs."""
        for pod in self.pods:
            self._load(pod, network_policies.ruleset(pod, policies, self.pods, self.namespaces, GATEWAY))

    def _load(self, pod, rules):
        command = ["nsenter", f"--net=/proc/{self.pid(pod)}/ns/net", *self._nft, "-f", "-"]
        done = subprocess.run(command, input=rules, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"nft of {pod['metadata']['name']}: {done.stderr}\n{rules}")
