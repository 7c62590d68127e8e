"""The stand-in refuses what AWS's API models refuse, in each call that the product makes; and the models are those of botocore."""
import itertools
import json
import pathlib
import re
import subprocess
import sys
import unittest

import acquire
import aws
import api_models
from harness import BedTest

MODELS = json.loads(api_models.FILE.read_text())
sys.path.append(str(api_models.HERE / "standin"))
import limits  # noqa: E402

sys.path.pop()
UNCHECKED = {"events.PutEvents": "its handler answers P4's text", "sts.AssumeRole": "M11"}


def wrong(row):
    """(value, text) pairs that break one constraint each, in the words of AWS."""
    kind, least, most = row.get("type"), row.get("min"), row.get("max")
    if "enum" in row:
        yield "X!", "Member must satisfy enum value set: "
    if kind in ("integer", "long"):
        if least is not None:
            yield least - 1, f"Member must have value greater than or equal to {least}"
        if most is not None:
            yield most + 1, f"Member must have value less than or equal to {most}"
    elif kind == "list":
        if most:
            yield ["x"] * (most + 1), f"Member must have length less than or equal to {most}"
    elif kind == "map":
        if most:
            yield {f"k{i}": "x" for i in range(most + 1)}, f"Member must have length less than or equal to {most}"
    else:
        if most:
            yield "x" * (most + 1), f"Member must have length less than or equal to {most}"
        if least:
            yield "", f"Member must have length greater than or equal to {least}"
        if "pattern" in row:
            for bad in ("\x00", "", "\n"):
                if not limits.compiled(row["pattern"]).fullmatch(bad):
                    yield bad, "Member must satisfy regular expression pattern: " + row["pattern"]
                    break


def request(path, value):
    """A request with the value at a path of models.json, and nothing else."""
    parts = [(name, mark) for name, mark in re.findall(r"\.?([^.\[\]{}]*)(\[\]|\{key\}|\{\})?", path) if name or mark]
    for name, mark in reversed(parts):
        value = {"[]": lambda v: [v], "{key}": lambda v: {v: "x"}, "{}": lambda v: {"k": v}}.get(mark, lambda v: v)(value)
        if name:
            value = {name: value}
    return value


def form(value, prefix=""):
    """The request as the form of a query protocol."""
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = ((f"member.{i}", one) for i, one in enumerate(value, 1))
    else:
        return {prefix: str(value)}
    return dict(itertools.chain.from_iterable(form(one, f"{prefix}.{key}".lstrip(".")).items() for key, one in pairs))


class Limits(BedTest):
    def test_the_models_are_those_of_botocore_and_of_the_calls_that_we_make(self):
        done = subprocess.run([str(acquire.python(print)), str(pathlib.Path(api_models.__file__)), "--check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_each_member_of_each_call_has_its_limits(self):
        """Pure: every row of the table, without a server."""
        count = 0
        for call, rows in MODELS.items():
            for path, row in rows.items():
                for value, text in wrong(row):
                    found = limits.problems(call, request(path, value))
                    self.assertTrue(any(text in one for one in found), f"{call} {path}: {value!r:.40} is taken; {found}"[:600])
                    count += 1
        self.assertGreater(count, 700)

    def test_the_stand_in_refuses_one_over_the_limit_in_every_call(self):
        """One member of each call, over the wire in the protocol of its service."""
        seen = set()
        for call, rows in MODELS.items():
            service, operation = call.split(".")
            found = ((path, *case) for path, row in rows.items() for case in wrong(row))
            case = next((one for one in found if one[0] != "logGroupName" and ("less than" in one[2] or "pattern" in one[2] or "enum" in one[2])), None)
            if case is None or call in UNCHECKED:
                continue
            path, value, text = case
            with self.subTest(call=call, path=path):
                try:
                    self.send(service, operation, request(path, value))
                except aws.AwsError as error:
                    self.assertIn("validation error", error.message)
                    self.assertIn(text, error.message)
                    self.assertEqual(error.code, limits.CODES.get(service, "ValidationException"))
                else:
                    self.fail(f"{call}: {path} = {value!r:.40} is taken")
            seen.add(service)
        self.assertGreaterEqual(seen, {"events", "iam", "kms", "lambda", "logs", "sns", "states", "sqs"})

    def test_tags_are_refused_by_what_holds_for_every_service(self):
        for tags, text in (({"aws:x": "v"}, "aws: prefixed"), ({"k": "a<b"}, "regular expression"), ({f"k{i}": "v" for i in range(51)}, "or equal to 50"),
                           ({"k" * 129: "v"}, "or equal to 128"), ({"k": "v" * 257}, "or equal to 256")):
            listed = [{"Key": key, "Value": value} for key, value in tags.items()]
            for service, operation, parameters in (
                    ("events", "PutRule", {"Name": "r", "EventPattern": '{"source":["a"]}', "Tags": listed}), ("sqs", "CreateQueue", {"QueueName": "q", "tags": tags}),
                    ("sns", "CreateTopic", {"Name": "t", "Tags": listed}), ("logs", "CreateLogGroup", {"logGroupName": "g", "tags": tags})):
                with self.subTest(service=service, text=text), self.assertRaisesRegex(aws.AwsError, text):
                    self.send(service, operation, parameters)

    def test_templates_and_paths_of_targets(self):
        self.rule()
        bad = (({"a": "detail.id"}, '"<a>"', "not a JSON path"), ({"a": "$.x"}, "text <a>", "Invalid InputTemplate"), ({"a": "$.x"}, '{"a": <a>', "Invalid InputTemplate"))
        for paths, template, text in bad:
            with self.subTest(template=template), self.assertRaisesRegex(aws.AwsError, text):
                self.target(paths, template)
        for template in ('{"a": <a>, "b": "x <a>"}', '"one <a>"\n"two"', '"\\"<a>\\""', "<a>"):
            self.target({"a": "$.x"}, template)

    def target(self, paths, template):
        transformer = {"InputPathsMap": paths, "InputTemplate": template}
        return self.events("PutTargets", Rule="rule", Targets=[{"Id": "t", "Arn": self.arn("sqs", "q"), "InputTransformer": transformer}])

    def send(self, service, operation, parameters):
        if service in ("iam", "sns", "sts"):
            return self.me.call(service, operation, form(parameters))
        if service == "lambda":     # what stands in the path is needed to say it at all
            for name in re.findall(r"{(\w+)}", aws.rest.OPERATIONS[operation][1]):
                parameters.setdefault(name, {"Resource": "arn:aws:lambda:us-east-1:111122223333:function:f"}.get(name, "f"))
        return self.me.call(service, operation, parameters)


if __name__ == "__main__":
    unittest.main()
