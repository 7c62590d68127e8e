"""Test bed, step 3a: a Kubernetes control plane on loopback: etcd, kube-apiserver with RBAC, kube-controller-manager.

Without a node (node.py) nothing runs as a pod, but everything that the API server decides (validation, CEL, RBAC, tokens) and the
controllers do (garbage collection, namespaces, ServiceAccounts) is real.
"""
import json
import secrets
import ssl
import subprocess
import urllib.error
import urllib.request

from parts import free_port

SERVICES = "10.96.0.0/24"
# user: its group. The last two are there for a node, if there is one.
USERS = {"bed-admin": "system:masters", "system:kube-controller-manager": "", "system:kube-scheduler": "", "system:node:bed": "system:nodes"}
# Who read a Secret, and everything that ServiceAccounts did; the controllers' own chatter is left out.
AUDIT_POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [get, list, watch]
  resources: [{group: "", resources: [secrets]}]
- level: None
  userGroups: ["system:serviceaccounts:kube-system"]
- level: Metadata
  userGroups: ["system:serviceaccounts"]
- level: None
"""
# A leaf that is no CA, signed by one that is: TLS stacks other than Go's refuse a CA as a server's certificate.
OPENSSL = """[req]
distinguished_name = dn
prompt = no
[dn]
CN = tributary-bed
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign, digitalSignature
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, IP:10.96.0.1, DNS:localhost, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc
"""


def _openssl(*arguments, cwd):
    done = subprocess.run(["openssl", *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")


def _certificates(pki):
    pki.mkdir(mode=0o700, parents=True)
    (pki / "openssl.cnf").write_text(OPENSSL)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-config", "openssl.cnf", "-days", "30")
    _openssl("req", "-x509", *key, "-subj", "/CN=tributary-bed-ca", "-extensions", "ca", "-keyout", "ca.key", "-out", "ca.crt", cwd=pki)
    _openssl("req", "-x509", *key, "-CA", "ca.crt", "-CAkey", "ca.key", "-extensions", "leaf", "-keyout", "server.key",
             "-out", "server.crt", cwd=pki)
    # Three parts read the ServiceAccount key pair, and the API server wants the public half alone.
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", "sa.key", cwd=pki)
    _openssl("pkey", "-in", "sa.key", "-pubout", "-out", "sa.pub", cwd=pki)


def kubeconfig(path, server, ca, user, token):
    # JSON is YAML; written whole and private, for it holds a token that may do everything.
    path.touch(mode=0o600)
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "bed",
        "clusters": [{"name": "bed", "cluster": {"server": server, "certificate-authority": str(ca)}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": user, "namespace": "default"}}]}, indent=1))


class Cluster:
    def __init__(self, state, binaries, parts, node=None):
        """`node`: the address that a node has and that is not loopback; only in a network namespace of our own."""
        self.state, self.bin, self.parts, self.node = state, binaries, parts, node
        self.kubeconfig, self.audit = state / "kubeconfig", state / "audit.log"
        self.tokens = {user: secrets.token_hex(24) for user in USERS}

    def start(self):
        """Start all three at once; they wait for each other better than we could order them."""
        pki = self.state / "pki"
        _certificates(pki)
        # With a node: the port of the Service `kubernetes`, whose address is the namespace's own.
        client, peer, port = free_port(), free_port(), 443 if self.node else free_port()
        self.url = f"https://127.0.0.1:{port}"
        etcd = f"http://127.0.0.1:{client}"
        self.parts.start("etcd", [
            self.bin / "etcd", "--name", "bed", "--data-dir", self.state / "etcd", "--unsafe-no-fsync", "--log-level", "warn",
            "--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}", "--initial-cluster", f"bed=http://127.0.0.1:{peer}"])
        tokens, policy = self.state / "tokens.csv", self.state / "audit-policy.yaml"
        tokens.touch(mode=0o600)
        tokens.write_text("".join(f"{self.tokens[user]},{user},{user},{group}\n" for user, group in USERS.items()))
        policy.write_text(AUDIT_POLICY)
        self.audit.touch()
        self.parts.start("kube-apiserver", [
            self.bin / "kube-apiserver", f"--etcd-servers={etcd}", f"--bind-address={'0.0.0.0' if self.node else '127.0.0.1'}",
            f"--advertise-address={self.node or '127.0.0.1'}",
            # Loopback is no valid endpoint address, and nobody in this cluster needs the endpoint.
            "--endpoint-reconciler-type=none", f"--secure-port={port}", f"--service-cluster-ip-range={SERVICES}",
            *(["--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--kubelet-preferred-address-types=InternalIP"]
              if self.node else ["--authorization-mode=RBAC"]),
            f"--token-auth-file={tokens}", f"--cert-dir={pki}",
            f"--tls-cert-file={pki / 'server.crt'}", f"--tls-private-key-file={pki / 'server.key'}",
            f"--service-account-key-file={pki / 'sa.pub'}", f"--service-account-signing-key-file={pki / 'sa.key'}",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--audit-policy-file={policy}", f"--audit-log-path={self.audit}", "--audit-log-maxsize=2000",
            "--max-requests-inflight=3000", "--max-mutating-requests-inflight=1500", "--profiling=false"])
        kubeconfig(self.kubeconfig, self.url, pki / "ca.crt", "bed-admin", self.tokens["bed-admin"])
        kubeconfig(self.state / "kcm.kubeconfig", self.url, pki / "ca.crt", "kcm", self.tokens["system:kube-controller-manager"])
        self._start_manager()

    def _start_manager(self):
        pki = self.state / "pki"
        self.parts.start("kube-controller-manager", [
            self.bin / "kube-controller-manager", f"--kubeconfig={self.state / 'kcm.kubeconfig'}", "--leader-elect=false",
            "--use-service-account-credentials", f"--service-account-private-key-file={pki / 'sa.key'}",
            f"--root-ca-file={pki / 'ca.crt'}", "--secure-port=0", f"--cert-dir={pki}",
            # Tests delete many namespaces and owners; the defaults of 20 requests a second would set the pace.
            "--kube-api-qps=200", "--kube-api-burst=400", "--profiling=false"])

    def wait(self, seconds=90):
        self.parts.wait("etcd", lambda: True, 1)
        self.parts.wait("kube-apiserver", lambda: self.get("/readyz"), seconds)
        # The manager gives up when the API server takes longer than its ten seconds: then start it once more.
        self.parts.wait("kube-controller-manager", lambda: self.get("/api/v1/namespaces/default/serviceaccounts/default"), seconds,
                        restart=self._start_manager)

    def get(self, path):
        return get(self.kubeconfig, path)


def get(path_of_kubeconfig, path):
    """What the API server says to this, asked with the rights of the kubeconfig; None when it does not answer, or not with 200."""
    config = json.loads(path_of_kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cafile=cluster["certificate-authority"])
    request = urllib.request.Request(cluster["server"] + path, headers={"Authorization": f"Bearer {user['token']}"})
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        with opener.open(request, timeout=5) as answer:
            return answer.read() if answer.status == 200 else None
    except (urllib.error.URLError, OSError):
        return None
