"""GitOps, Flux: its kustomize-controller beside the bed, with its own CRDs and those of its sources."""
import json
import os
import pathlib
import subprocess
import sys
import time

from repository import ROOT

sys.path.insert(0, str(ROOT / "tests/bed"))
import acquire  # noqa: E402
from parts import die_with, free_port  # noqa: E402
from waiting import until  # noqa: E402, F401


def condition(obj, kind="Ready"):
    found = [c for c in obj.get("status", {}).get("conditions", []) if c["type"] == kind]
    return (found[0]["status"], found[0].get("reason"), found[0].get("message")) if found else ("Unknown", None, None)


class Flux:
    """`kubectl`: a function that runs it and returns what it prints."""
    def __init__(self, kubectl, kubeconfig, scratch):
        self.kubectl, self.log = kubectl, scratch / "kustomize-controller.log"
        programs = acquire.flux(print)
        for file in sorted((programs / "crds").glob("*.yaml")):
            kubectl("apply", "--server-side", "-f", str(file))
        kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        kubectl("create", "namespace", "flux-system")
        temporary = scratch / "tmp"
        temporary.mkdir()
        command = [programs / "kustomize-controller", "--metrics-addr=0", f"--health-addr=127.0.0.1:{free_port()}", "--log-encoding=json",
                   "--log-level=info", "--requeue-dependency=1s", "--concurrent=8", "--no-remote-bases"]
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, preexec_fn=die_with(os.getpid()),
                                          env={**os.environ, "KUBECONFIG": str(kubeconfig), "RUNTIME_NAMESPACE": "flux-system", "TMPDIR": str(temporary)})

    def announce(self, artifact):
        """What source-controller writes when it has seen a commit."""
        self.kubectl("patch", "gitrepository", "lims", "-n", "flux-system", "--subresource=status", "--type=merge", "-p",
                     json.dumps({"status": {"artifact": artifact}}))

    def kustomization(self, namespace):
        """The Kustomization of an environment, or of the platform."""
        name = "lims-platform" if namespace == "flux-system" else "lims"
        found = json.loads(self.kubectl("get", "kustomizations.kustomize.toolkit.fluxcd.io", "-n", namespace, "-o", "json"))["items"]
        return next((one for one in found if one["metadata"]["name"] == name), {})

    def applied(self, namespace, revision):
        """Waits until the revision is applied and everything in it is healthy."""
        self.alive()

        def probe():
            found = self.kustomization(namespace)
            return condition(found)[0] == "True" and found["status"].get("lastAppliedRevision") == revision
        try:
            until(probe, f"{revision} is applied in {namespace}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {json.dumps(self.kustomization(namespace).get('status'), indent=1)}") from error

    def refused(self, namespace, revision, reason):
        """Waits until the attempt to apply the revision has failed for this reason. The message."""
        self.alive()

        def probe():
            found = self.kustomization(namespace)
            status, why, message = condition(found)
            return (status, why) == ("False", reason) and found["status"].get("lastAttemptedRevision") == revision and message
        message = until(probe, f"{revision} fails in {namespace} with {reason}")
        assert self.kustomization(namespace)["status"].get("lastAppliedRevision") != revision, message
        return message

    def reconcile(self, namespace):
        """Asks for a reconcile of the same revision, as `flux reconcile` does, and waits for its end."""
        name, at = "lims-platform" if namespace == "flux-system" else "lims", str(time.time())
        self.kubectl("annotate", "--overwrite", "kustomizations.kustomize.toolkit.fluxcd.io", name, "-n", namespace, "--field-manager=flux",
                     f"reconcile.fluxcd.io/requestedAt={at}")
        until(lambda: self.kustomization(namespace)["status"].get("lastHandledReconcileAt") == at, f"{namespace} is reconciled")

    def alive(self):
        if self.child.poll() is not None:
            raise AssertionError(f"kustomize-controller ended with {self.child.returncode}:\n{pathlib.Path(self.log).read_text()[-3000:]}")

    def end(self):
        self.child.terminate()
        self.child.wait(20)
