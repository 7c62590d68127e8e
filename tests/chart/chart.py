"""What the tests of the chart share: rendering by helm, YAML, and the metrics that the processes expose."""
import json
import os
import pathlib
import re
import shutil
import site
import subprocess
import sys
import sysconfig

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/tributary"
sys.path.append(str(ROOT / "tests/bed"))
import acquire  # noqa: E402

# YAML is in the environment of the stand-ins.
_VENV = acquire.python(print).parent.parent
site.addsitedir(sysconfig.get_path("purelib", vars={"base": str(_VENV), "platbase": str(_VENV)}))
import yaml  # noqa: E402


class Rejected(Exception):
    """Helm rejects the values."""


def render(values=None, of="tributary", **more):
    """The objects of the release `t` of the chart, in namespace `system`."""
    return template(ROOT / "charts" / of, {"crds": {"install": False}, **(values or {}), **more} if of == CHART.name else {})


def template(folder, values):
    """The same for a chart in a folder, and just these values."""
    helm = shutil.which("helm") or str(acquire.binaries(print) / "helm")
    done = subprocess.run([helm, "template", "t", str(folder), "-n", "system", "--kube-version", "1.34.0", "-f", "-"], input=json.dumps(values),
                          capture_output=True, text=True, env=os.environ)
    if done.returncode:
        raise Rejected(done.stderr)
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def of_kind(objects, kind):
    return [found for found in objects if found["kind"] == kind]


def alerts():
    return [rule for group in yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"] for rule in group["rules"]]


def metrics():
    """Names of metrics with their labels, as docs/reference/metrics.md lists them."""
    found = {}
    for names, labels in re.findall(r"^\| (`tributary_[^|]*) \|([^|]*)\|", (ROOT / "docs/reference/metrics.md").read_text(), re.M):
        for name in re.findall(r"`(\w+)`", names):
            found.setdefault(name, set()).update(re.findall(r"`([a-z_]+)`", re.sub(r"\(.*?\)", "", labels)))
    return found


def exposed():
    """Names of metrics as the source registers them, without the suffix that OpenMetrics adds to counters."""
    found = set()
    for file in (ROOT / "src").rglob("*.rs"):
        text = file.read_text()
        prefix = re.search(r'Registry::with_prefix\("(\w+)"\)', text)
        if prefix:
            found.update(f"{prefix[1]}_{name}" for name in re.findall(r'registry\s*\.register\(\s*"(\w+)"', text))
    return found
