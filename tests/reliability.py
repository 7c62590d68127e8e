#!/usr/bin/env python3
"""The reliability report, of the rows that the tests wrote: a table to look at, or JSON and table in docs/.

  reliability.py show ROWS          print the table
  reliability.py write ROWS         docs/reliability.json, and the table in docs/reliability.md; red rows are written too, rows that are not in
                                    ROWS stay as they are, each with the commit that it is of

ROWS is a folder of one JSON file a row (crates/testkit/src/report.rs says what is in it).
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
    """No failure in n independent trials: below 3/n with 95 % confidence (the rule of three)."""
    return f"< {300 / row['n']:.2g} %" if row["n"] and not row["failed"] else ""


def figures(row):
    return "; ".join(f"{name}: {value:g}" if isinstance(value, (int, float)) else f"{name}: {value}" for name, value in row["figures"].items())


def table(found):
    lines = ["| row | injected, and what must hold | n | failed | 95 % bound | figures | form | seconds | seed | commit |", "|---|---|---:|---:|---:|---|---|---:|---:|---|"]
    for row in found:
        lines.append(f"| {row['id']} | {row['what']} | {row['n']} | {row['failed']} | {bound(row)} | {figures(row)} | {row['form']} | {row['seconds']:.0f} | {row['seed']} | {row['commit']} |")
    return lines


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("show", "write"):
        sys.exit(__doc__)
    found = rows(sys.argv[2])
    if not found:
        sys.exit(f"no rows in {sys.argv[2]}")
    if sys.argv[1] == "show":
        print("\n".join(table(found)))
        return
    kept = ROOT / "docs/reliability.json"
    found = merged(json.loads(kept.read_text())["rows"] if kept.exists() else [], found)
    lines = table(found)
    kept.write_text(json.dumps({"rows": found}, indent=1) + "\n")
    page = ROOT / "docs/reliability.md"
    head, rest = page.read_text().split(BEGIN)
    told = f"{len(found)} rows, {sum(row['n'] for row in found)} trials, {sum(row['failed'] for row in found)} failed."
    page.write_text("\n".join([head + BEGIN, told, "", *lines, END]) + rest.split(END)[1])
    print(told)


if __name__ == "__main__":
    main()
