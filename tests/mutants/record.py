"""`record.json`: the outcome of each mutant when it was last run, so that a run that takes hours can be made in parts, on any machine.

A row is of one text of a patch: a patch that was changed since has to run again. Whether the code that it breaks or the test that finds it
was changed since is not looked at: `commit` tells how old a row is.
"""
import hashlib
import json


def digest(patch):
    return hashlib.sha256(patch.read_bytes()).hexdigest()[:16]


def load(path):
    return json.loads(path.read_text()) if path.exists() else {}


def is_caught(record, patch):
    row = record.get(patch.stem, {})
    return row.get("outcome") == "caught" and row.get("patch") == digest(patch)


def add(record, patch, outcome, commit):
    record[patch.stem] = {"outcome": outcome, "patch": digest(patch), "commit": commit}


def write(path, record, patches):
    """Without the rows of patches that are gone. A line each, so that a difference can be read."""
    names = sorted(set(record) & {patch.stem for patch in patches})
    path.write_text("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(record[name])}" for name in names) + "\n}\n")
