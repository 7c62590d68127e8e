"""The stand-in's own matcher (MiniStack's) against the product's: the public cases and cases made at random, one by one.

The stand-in decides in end-to-end tests which events are delivered. Where both differ, a test could pass that fails in AWS, so the
cases that differ are listed by id in pattern_differences.json, and another one fails. The product's verdicts come from `tributary pattern test
--cases`; TRIBUTARY names the binary. Without it, the expectation of each case stands for them: tests/cli checks that both are the same.
"""
import collections
import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

import acquire

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ROOT / "crates" / "pattern" / "tests" / "data"
KNOWN = ROOT / "tests" / "bed" / "pattern_differences.json"
SHOWN = 1_000       # disagreements that the product prints at most

# Runs in the stand-in's interpreter: verdicts of its matcher, one line for each case on standard input.
JUDGE = """
import json, sys
from ministack.services import eventbridge as eb
for line in sys.stdin:
    case = json.loads(line)
    try:
        if eb._event_pattern_error(case["pattern"]):
            verdict = "invalid"
        else:
            event = json.loads(case["event"])
            if not isinstance(event, dict):
                verdict = "event_error"
            else:
                detail = json.dumps(event.pop("detail")) if "detail" in event else "{}"
                verdict = "match" if eb._matches_pattern_view(case["pattern"], eb._EventView(event, detail)) else "nomatch"
    except ValueError:
        verdict = "event_error"
    print(verdict)
"""


def cases(name):
    return [json.loads(line) for line in (CASES / name).read_text().splitlines()]


def standin(all_cases):
    text = "".join(json.dumps({"pattern": case["pattern"], "event": case["event"]}) + "\n" for case in all_cases)
    done = subprocess.run([acquire.python(print), "-c", JUDGE], input=text, capture_output=True, text=True, check=True)
    verdicts = done.stdout.splitlines()
    assert len(verdicts) == len(all_cases), done.stderr
    return verdicts


def product(all_cases):
    """The product's verdicts: the expectation, except where the product disagrees with it."""
    binary = os.environ.get("TRIBUTARY")
    verdicts = [case["expected"] for case in all_cases]
    if not binary:
        return verdicts
    for start in range(0, len(all_cases), SHOWN):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.writelines(json.dumps({**case, "id": str(start + i)}) + "\n" for i, case in enumerate(all_cases[start:start + SHOWN]))
            file.flush()
            done = subprocess.run([binary, "pattern", "test", "--cases", file.name], capture_output=True, text=True)
        for differs in json.loads(done.stdout)["cases_that_disagree"]:
            verdicts[int(differs["id"])] = differs["verdict"]
    return verdicts


def differences(all_cases):
    """`product's verdict, stand-in's verdict`, and the ids of the cases."""
    found = collections.defaultdict(list)
    for case, ours, theirs in zip(all_cases, product(all_cases), standin(all_cases), strict=True):
        if ours != theirs:
            found[f"{ours}, {theirs}"].append(case["id"])
    return dict(found)


class Patterns(unittest.TestCase):
    maxDiff = None

    def test_public_cases(self):
        known = json.loads(KNOWN.read_text())["public"]
        self.assertEqual(differences(cases("cases.jsonl")), known)

    def test_generated_cases(self):
        known = json.loads(KNOWN.read_text())["generated"]
        self.assertEqual(differences(cases("generated.jsonl")), known)

    def test_what_the_end_to_end_tests_use(self):
        """Patterns of the shapes that end-to-end tests rely on, at random: no difference is allowed."""
        dice, made = random.Random(15), []
        for index in range(3_000):
            source, kind, mark = dice.choice(["test", "lims", "aws.s3"]), dice.choice(["t1", "t2"]), dice.choice(["one", "two", 3])
            accepts = dice.choice([["one"], ["one", "two"], [{"prefix": "o"}], [{"suffix": "o"}], [{"anything-but": ["two"]}], [{"exists": True}],
                                   [{"exists": False}], [{"numeric": [">", 1]}], [3], [{"wildcard": "t*o"}], [{"equals-ignore-case": "ONE"}]])
            pattern = dice.choice([{"source": [dice.choice(["test", "lims"])]}, {"detail-type": ["t1"], "detail": {"mark": accepts}},
                                   {"detail": {"mark": accepts}}, {"$or": [{"source": ["test"]}, {"detail": {"mark": accepts}}]}])
            detail = dice.choice([{"mark": mark}, {"mark": [mark, "x"]}, {}])
            event = {"source": source, "detail-type": kind, "account": "1", "region": "r", "resources": [], "detail": detail}
            made.append({"id": str(index), "category": "end-to-end", "pattern": json.dumps(pattern), "event": json.dumps(event), "expected": "?"})
        if not os.environ.get("TRIBUTARY"):
            self.skipTest("needs the product's binary in TRIBUTARY")
        self.assertEqual(differences(made), {})


if __name__ == "__main__":
    unittest.main()
