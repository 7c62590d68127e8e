#!/usr/bin/env python3
"""Builds the documentation site: build.py [FOLDER], by default target/site. Links and anchors that lead nowhere are errors."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(ROOT / "tests/bed"))
import acquire  # noqa: E402


def build(folder, docs=ROOT / "docs"):
    """Exit code of MkDocs, and its warnings and errors."""
    python = acquire.venv(lambda text: print(text, file=sys.stderr, flush=True), "docs: installing MkDocs", HERE / "requirements.txt")
    command = [str(python), "-m", "mkdocs", "build", "--clean", "-f", str(HERE / "mkdocs.yml"), "-d", str(folder)]
    env = {**os.environ, "TRIBUTARY_DOCS": str(docs), "NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # Not with --quiet: warnings that are not logged are not counted, and would be no errors.
    return done.returncode, "".join(line for line in done.stdout.splitlines(keepends=True) if not line.startswith("INFO") and line.strip())


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/site").resolve()
    code, text = build(folder)
    print(text.strip() or f"docs: {folder / 'index.html'}")
    sys.exit(code)
