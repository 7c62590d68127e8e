#!/usr/bin/env python3
"""Records the chart of a commit and the objects of its examples, as the release that the tests upgrade from.

  record.py COMMIT   writes tests/fixtures/charts/previous.tgz and previous-objects.jsonl

Run it for the tag of each release (docs/contributing/releasing.md). The same commit gives the same bytes.
"""
import gzip
import io
import json
import pathlib
import re
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/chart"))
from chart import yaml  # noqa: E402

FOLDER = ROOT / "tests/fixtures/charts"
CHART, OBJECTS = FOLDER / "previous.tgz", FOLDER / "previous-objects.jsonl"
NAMESPACE = "recorded"      # of objects of examples that name none


def files(commit, folder):
    """Path and content of each file below the folder."""
    tar = subprocess.run(["git", "archive", commit, folder], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive if entry.isfile()}


def chart(commit):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(files(commit, "charts/tributary").items()):
            entry = tarfile.TarInfo(name.removeprefix("charts/"))
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), 9, mtime=0)


def objects(commit):
    """Each object of the API once. Bases and patches of overlays are not whole objects."""
    found = {}
    for name, content in sorted(files(commit, "examples").items()):
        if name.endswith(".yaml") and not re.search("/(base|overlays)/", name) and b"tributary.dev/" in content:
            for one in yaml.safe_load_all(content):
                if isinstance(one, dict) and str(one.get("apiVersion")).startswith("tributary.dev/") and "name" in one["metadata"]:
                    if one["kind"] != "AwsAccount":
                        one["metadata"].setdefault("namespace", NAMESPACE)
                    found.setdefault((one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]), one)
    return [found[key] for key in sorted(found, key=str)]


def text(time):
    """YAML reads a time where the API has a text."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    CHART.write_bytes(chart(sys.argv[1]))
    OBJECTS.write_text("".join(json.dumps(one, default=text) + "\n" for one in objects(sys.argv[1])))
    print(CHART, OBJECTS)
