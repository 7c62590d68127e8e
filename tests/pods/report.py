"""Real pods, the rows of the reliability report: the same as crates/testkit/src/report.rs, which says more."""
import json
import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WHOLE = os.environ.get("TRIBUTARY_FORM") == "whole"


def form(short, whole):
    """How many of something, in the short form and in the whole."""
    return whole if WHOLE else short


def _folder():
    told = os.environ.get("TRIBUTARY_REPORT")
    folder = pathlib.Path(told) if told else pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "tmp/reliability"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Row:
    """Make it before the first injection; `end` writes it before anything is asserted: a row with failures is reported too."""
    def __init__(self, name, what):
        self.name, self.what, self.began, self.trials, self.failures, self.figures = name, what, time.monotonic(), 0, [], {}

    def trial(self, *failures):
        """One independent trial, and what was wrong with it: one text, or none (a text that is empty, or None)."""
        self.trials += 1
        if wrong := "; ".join(filter(None, failures)):
            self.failures.append(wrong)

    def write(self):
        told = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT, capture_output=True, text=True)
        row = {"id": self.name, "what": self.what, "form": form("short", "whole"), "seed": int(os.environ.get("TRIBUTARY_SEED", 20261125)),
               "commit": told.stdout.strip(), "n": self.trials, "failed": len(self.failures), "failures": self.failures,
               "seconds": float(round(time.monotonic() - self.began)), "figures": self.figures}
        (_folder() / f"{self.name}.json").write_text(json.dumps(row, indent=2))

    def end(self, test):
        """Writes the row; red if a trial failed, or if there was none."""
        self.write()
        print(f"{self.name}: {self.trials} trials, {len(self.failures)} failed; {json.dumps(self.figures)}", flush=True)
        test.assertTrue(self.trials, f"{self.name}: nothing was tried")
        test.assertEqual([], self.failures, f"{self.name}: {len(self.failures)} of {self.trials} failed")
