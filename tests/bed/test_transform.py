"""The stand-in's input transformers, against the cases that the product's own are checked against: crates/pattern/tests/data/transform.jsonl."""
import json
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE / "standin"))
import transform  # noqa: E402

CASES = HERE.parents[1] / "crates/pattern/tests/data/transform.jsonl"
CONTEXT = ("arn:aws:events:us-east-2:123456789012:rule/example", "example", "2015-11-11T21:29:55Z")


def outcome(case):
    target = case["input"]
    try:
        transform.check(target)
    except transform.Refused as no:
        return "refused", str(no).replace("{}", "t", 1)
    try:
        event = json.loads(case["event"])
    except ValueError:
        return "event_error", ""
    if not isinstance(event, dict):
        return "event_error", ""
    try:
        text = transform.evaluate(target, event, *CONTEXT)
    except transform.Undeliverable as no:
        return "not_delivered", str(no)
    return "delivered", transform.dump(event) if text is None else text


class Transform(unittest.TestCase):
    def test_documented_cases(self):
        cases = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
        self.assertGreater(len(cases), 60)
        for case in cases:
            with self.subTest(id=case["id"], page=case["page"], input=case["input"]):
                verdict, text = outcome(case)
                self.assertEqual(verdict, case["expected"], text)
                wanted = case.get("output", case.get("error"))
                if wanted is not None:
                    self.assertEqual(text, wanted)


if __name__ == "__main__":
    unittest.main()
