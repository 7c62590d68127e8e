#!/usr/bin/env python3
"""Argo CD's resource customizations: those of the chart, what its engine makes of them, and the same as a patch of argocd-cm in examples/gitops.

`argocd.py --write` writes the patch.
"""
import json
import subprocess
import sys

import chart
from chart import acquire

PATCH = chart.ROOT / "examples/gitops/argocd/argocd-cm.yaml"
HEAD = """# Health and the action `reconcile` of every kind. Merge it into argocd-cm of your Argo CD:
#   kubectl patch configmap argocd-cm -n argocd --type merge --patch-file argocd-cm.yaml
# Generated from charts/tributary/files/argocd (`make generate`).
"""


def config_maps(**more):
    objects = chart.render(argoCD={"enabled": True, **more})
    return [found for found in chart.of_kind(objects, "ConfigMap") if found["metadata"]["name"].endswith("-argocd")]


def data():
    [found] = config_maps()
    return found["data"]


def judged(objects, customizations=None):
    """What kstatus and Argo CD say of each object (tests/bed/health). The customizations default to those of the chart."""
    asked = {"customizations": data() if customizations is None else customizations, "objects": objects}
    done = subprocess.run([acquire.health(print)], input=json.dumps(asked), capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


def patch():
    text = HEAD + "data:\n"
    for key, value in data().items():
        text += f"  {key}: |\n" + "".join(f"    {line}\n" if line.strip() else "\n" for line in value.splitlines())
    return text


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PATCH.parent.mkdir(parents=True, exist_ok=True)
        PATCH.write_text(patch())
    else:
        print(patch())
