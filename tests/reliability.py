#!/usr/bin/env python3
"""The reliability report: a table of the rows that the tests wrote.

  reliability.py show ROWS     prints the table
  reliability.py write ROWS    merges ROWS into docs/reliability.json and regenerates the table in docs/reliability.md. Rows with failures
                               are written too. Rows that are not in ROWS keep their results and their commit
  reliability.py render        regenerates the table from docs/reliability.json

ROWS is a folder with one JSON file per row (format: crates/testkit/src/report.rs).
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- table: begin (tests/reliability.py) -->", "<!-- table: end -->"


def rows(folder):
    found = [json.loads(path.read_text()) for path in sorted(pathlib.Path(folder).glob("*.json"))]
    return merged([], found)


def merged(old, new):
    return sorted({row["id"]: row for row in [*old, *new]}.values(), key=lambda row: row["id"])


def bound(row):
    """Upper bound of the failure probability with 95 % confidence: 3/n for no failure in n independent trials (rule of three)."""
    return f"< {300 / row['n']:.2g} %" if row["n"] and not row["failed"] else ""


def figures(row):
    return "; ".join(f"{name}: {value:g}" if isinstance(value, (int, float)) else f"{name}: {value}" for name, value in row["figures"].items())


def table(found):
    lines = ["| row | fault: expected result | n | failed | 95 % bound | figures | form | seconds | seed | commit |", "|---|---|---:|---:|---:|---|---|---:|---:|---|"]
    for row in found:
        lines.append(f"| {row['id']} | {row['what']} | {row['n']} | {row['failed']} | {bound(row)} | {figures(row)} | {row['form']} | {row['seconds']:.0f} | {row['seed']} | {row['commit']} |")
    return lines


def write(found):
    lines = table(found)
    (ROOT / "docs/reliability.json").write_text(json.dumps({"rows": found}, indent=1) + "\n")
    page = ROOT / "docs/reliability.md"
    head, rest = page.read_text().split(BEGIN)
    summary = f"{len(found)} rows, {sum(row['n'] for row in found)} trials, {sum(row['failed'] for row in found)} failed."
    page.write_text("\n".join([head + BEGIN, summary, "", *lines, END]) + rest.split(END)[1])
    print(summary)


def main():
    kept = ROOT / "docs/reliability.json"
    stored = json.loads(kept.read_text())["rows"] if kept.exists() else []
    if sys.argv[1:] == ["render"]:
        return write(stored)
    if len(sys.argv) != 3 or sys.argv[1] not in ("show", "write"):
        sys.exit(__doc__)
    found = rows(sys.argv[2])
    if not found:
        sys.exit(f"no rows in {sys.argv[2]}")
    if sys.argv[1] == "show":
        print("\n".join(table(found)))
    else:
        write(merged(stored, found))


if __name__ == "__main__":
    main()
