#!/usr/bin/env python3
"""The chart's README: its values with defaults and comments, generated from values.yaml. `readme.py --write` writes it."""
import json
import re
import sys

import chart

HEAD = """# Helm chart of Tributary

Installs the operator, and on request the webhook gateway and the PostgreSQL writer.

    helm install tributary charts/tributary --namespace tributary-system --create-namespace

[Install](../../docs/operations/install.md) explains credentials and permissions,
[configuration](../../docs/reference/configuration.md) the flags and environment variables behind the
values. `values.schema.json` rejects values that are not listed here.

## Values

This table is generated from `values.yaml` (`make generate`).

| value | default | description |
|---|---|---|
"""


def rows():
    """Path, default and comment of each value. An object without a default of its own shares its comment with its fields."""
    values = chart.yaml.safe_load((chart.CHART / "values.yaml").read_text())
    path, comment = [], []
    for line in (chart.CHART / "values.yaml").read_text().splitlines():
        found = re.match(r"( *)(?:#\s?(.*)|([A-Za-z][\w.]*):(.*))$", line)
        if not found or found[2] is not None:
            comment = [*comment, found[2].strip()] if found else []
            continue
        depth = len(found[1]) // 2
        path = [*path[:depth], found[3]]
        value = values
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        inside = isinstance(value, dict) and value and not found[4].strip()
        if not inside or comment:
            yield ".".join(path), None if inside else value, " ".join(comment)
        comment = []


def text():
    lines = []
    for path, default, comment in rows():
        shown = "" if default is None else f"`{json.dumps(default)}`"
        comment = comment.replace("|", "\\|")
        lines.append(f"| `{path}` | {shown} | {comment} |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        (chart.CHART / "README.md").write_text(text())
    else:
        print(text())
