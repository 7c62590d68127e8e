"""Test bed, step 3c: a node in the namespaces of sandbox.py: containerd and runc, a kubelet, the scheduler. Pods run here.

There is no kube-proxy: the API server listens on the address of the Service `kubernetes` itself, which is all that a pod needs. No cluster DNS.
"""
import json
import shutil
import subprocess

from cluster import kubeconfig
from parts import PartError
from runtime import SANDBOX
from sandbox import NODE, make_cgroups

NAME = "bed"
SOCKET = "/run/containerd/containerd.sock"
NAMESPACE = "k8s.io"            # containerd's, of all that Kubernetes runs
# Without restrict_oom_score_adj each sandbox fails where root may not lower that score.
CONTAINERD = """version = 2
root = "{scratch}/containerd"
state = "/run/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{scratch}/cni"
"""
# No masquerading: nothing outside is to be reached, and so no iptables is needed.
BRIDGE = {"cniVersion": "0.4.0", "name": "bed", "plugins": [
    {"type": "bridge", "bridge": "pods", "isGateway": True, "ipMasq": False,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}

# As confined as the chart's pod: what the kernel lacks for that is a lack of the machine's, not of the chart's.
TRIAL = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "trial", "namespace": "default"}, "spec": {
    "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [{"name": "trial", "image": SANDBOX, "imagePullPolicy": "Never", "resources": {"limits": {"memory": "64Mi"}}, "securityContext": {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}}]}}


class Node:
    def __init__(self, scratch, runtime, cgroup):
        self.scratch, self.runtime, self.cgroup = scratch, runtime, cgroup
        # How to talk to containerd about what Kubernetes runs.
        self.ctr = [shutil.which("ctr", path=runtime.path), "--address", SOCKET, "--namespace", NAMESPACE]

    def start(self, binaries, parts, cluster):
        """Before the API server is up: all three wait for it."""
        self.bin, self.parts, self.cluster = binaries, parts, cluster
        for folder in ("cni", "kubelet", "plugins"):
            (self.scratch / folder).mkdir(exist_ok=True)
        (self.scratch / "cni/10-bed.conflist").write_text(json.dumps(BRIDGE))
        config = self.scratch / "containerd.toml"
        config.write_text(CONTAINERD.format(scratch=self.scratch, socket=SOCKET, sandbox=SANDBOX, plugins=self.runtime.plugins))
        environment = {"PATH": self.runtime.path}
        self.parts.start("containerd", ["containerd", "--config", config, "--log-level", "warn"], env=environment)
        make_cgroups(self.cgroup)
        self._start_kubelet(environment)
        self.parts.start("kube-scheduler", [
            self.bin / "kube-scheduler", f"--kubeconfig={self._kubeconfig('system:kube-scheduler')}", "--leader-elect=false", "--secure-port=0",
            "--profiling=false"])

    def _kubeconfig(self, user):
        path = self.scratch / f"{user.replace(':', '-')}.kubeconfig"
        kubeconfig(path, self.cluster.url, self.cluster.state / "pki/ca.crt", user, self.cluster.tokens[user])
        return path

    def _start_kubelet(self, environment):
        config, resolver = self.scratch / "kubelet.json", self.scratch / "resolv.conf"
        resolver.write_text("nameserver 127.0.0.1\n")
        config.write_text(json.dumps({
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "cgroupDriver": "cgroupfs", "cgroupRoot": f"/{self.cgroup}", "enforceNodeAllocatable": ["pods"], "failCgroupV1": False, "failSwapOn": False,
            "oomScoreAdj": 0, "makeIPTablesUtilChains": False, "resolvConf": str(resolver), "volumePluginDir": str(self.scratch / "plugins"),
            # Everything lies in memory, so no disk fills up, and a full disk of the machine is none of the node's business.
            "localStorageCapacityIsolation": False, "evictionHard": {"memory.available": "1Mi"},
            "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
            # Nobody else can reach this address. `kubectl logs` goes through it.
            "address": NODE, "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"}, "nodeStatusUpdateFrequency": "2s"}, indent=1))

        def start():
            self.parts.start("kubelet", [
                self.bin / "kubelet", f"--kubeconfig={self._kubeconfig(f'system:node:{NAME}')}", f"--config={config}",
                f"--root-dir={self.scratch / 'kubelet'}", f"--cert-dir={self.scratch / 'kubelet/pki'}", f"--hostname-override={NAME}",
                f"--node-ip={NODE}"], env=environment)
        self._restart = start
        start()

    def wait(self, seconds=90):
        self.parts.wait("containerd", lambda: self._ctr("version"), seconds)
        if not self._ctr("images", "import", str(self.runtime.sandbox)):
            raise PartError(f"the sandbox's image cannot be imported:\n{self.parts.tail('containerd')}")
        # The kubelet gives up when containerd is not there in time: then start it once more.
        self.parts.wait("kubelet", self._ready, seconds, restart=self._restart)
        self.parts.wait("kube-scheduler", lambda: True, 1)

        # Ready says little: only a pod that runs shows that this machine can.
        self._kubectl("apply", "-f", "-", text=json.dumps(TRIAL))
        self.parts.wait("kubelet", self._ran, seconds)
        self._kubectl("delete", "pod", "trial", "--force", "--grace-period=0", "--wait=false")

    def _kubectl(self, *arguments, text=None):
        command = [str(self.bin / "kubectl"), "--kubeconfig", str(self.cluster.kubeconfig), *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True)
        if done.returncode:
            raise PartError(f"{' '.join(command)}: {done.stderr}")

    def _ran(self):
        found = self.cluster.get("/api/v1/namespaces/default/pods/trial")
        return found and json.loads(found)["status"].get("phase") == "Running"

    def _ctr(self, *arguments):
        return subprocess.run([*self.ctr, *arguments], capture_output=True).returncode == 0

    def _ready(self):
        found = self.cluster.get(f"/api/v1/nodes/{NAME}")
        conditions = json.loads(found)["status"].get("conditions", []) if found else []
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
