"""The stand-in's matcher (MiniStack's) against the public cases of AWS's matcher. Where it is known to differ, pattern_differences.json says how."""
import json
import pathlib
import unittest

import aws
from harness import BedTest

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE.parents[1] / "crates/pattern/tests/data/cases.jsonl"
KNOWN = json.loads((HERE / "pattern_differences.json").read_text())
ENVELOPE = {"version": "0", "id": "1", "detail-type": "t", "source": "s", "account": "1", "time": "2026-01-01T00:00:00Z", "region": "r", "resources": []}


def whole(event):
    """The event's text with an envelope, or None if it is no object or has parts of one: TestEventPattern takes nothing else (E34)."""
    try:
        found = json.loads(event)
    except ValueError:
        return None
    if not isinstance(found, dict) or ENVELOPE.keys() & found.keys():
        return None
    missing = {**ENVELOPE, **({} if "detail" in found else {"detail": {}})}
    inside = event.strip()[1:-1].strip()
    return json.dumps(missing)[:-1] + (f", {inside}}}" if inside else "}")


class Patterns(BedTest):
    def verdict(self, pattern, event):
        try:
            return "match" if self.events("TestEventPattern", EventPattern=pattern, Event=event)["Result"] else "nomatch"
        except aws.AwsError as no:
            return "invalid" if "Event pattern is not valid" in str(no) else str(no)

    def test_public_cases(self):
        compared, differences = 0, {}
        for case in map(json.loads, CASES.read_text(encoding="utf-8").splitlines()):
            event = whole(case["event"])
            if case["expected"] == "event_error" or event is None:
                continue
            compared += 1
            verdict = self.verdict(case["pattern"], event)
            if verdict != case["expected"]:
                differences[case["id"]] = verdict
        self.assertGreater(compared, 1400)
        self.assertEqual(differences, KNOWN)


if __name__ == "__main__":
    unittest.main()
