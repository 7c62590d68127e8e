#!/usr/bin/env python3
"""The base kustomize/default: the chart with its default values, as plain manifests. `bases.py --write` writes it."""
import shutil
import sys

import chart

sys.path.append(str(chart.ROOT / "packaging"))
import olm  # noqa: E402

FILE = chart.ROOT / "kustomize/default/tributary.yaml"
HEAD = "# The chart with its default values, without CRDs. Generated (`make generate`): change charts/tributary, or patch it in an overlay.\n"


def program(name):
    return shutil.which(name) or str(chart.acquire.binaries(print) / name)


def text():
    return HEAD + "---\n".join(chart.yaml.safe_dump(olm.without_helm(found), sort_keys=False, width=120) for found in olm.rendered(program("helm")))


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        FILE.write_text(text())
    else:
        print(text())
