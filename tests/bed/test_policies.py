"""The IAM policies that users are given, before a third party's linter; and the linter's own teeth."""
import json
import pathlib
import re
import subprocess
import unittest

import acquire

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/how-to/set-up-iam.md"
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
EVENTS = "arn:aws:events:eu-west-1:111122223333"


def lint(documents):
    interpreter = acquire.venv(print, "policies: installing parliament", acquire.HERE / "policies-requirements.txt")
    command = [str(interpreter), "-W", "ignore", str(acquire.HERE / "policies.py")]
    done = subprocess.run(command, input=json.dumps(documents), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def allow(resource, *actions):
    return {"Version": "2012-10-17", "Statement": [{"Sid": "S", "Effect": "Allow", "Action": list(actions), "Resource": resource}]}


class Policies(unittest.TestCase):
    def test_the_policies_of_the_page_have_no_errors(self):
        blocks = re.findall(r"<!-- rights: .*? -->\n```json\n(.*?)\n```", PAGE.read_text(), re.S)
        self.assertGreater(len(blocks), 8)
        self.assertEqual(lint([json.loads(block) for block in blocks]), [])

    def test_the_policies_of_the_examples_have_no_errors(self):
        policies = sorted(EXAMPLES.glob("**/policy.json"))
        self.assertGreater(len(policies), 4)
        self.assertEqual(lint([json.loads(policy.read_text()) for policy in policies]), [])

    def test_the_linter_finds_what_would_not_work(self):
        wrong = [allow(f"{EVENTS}:event-bus/b", "events:PutPermission"), allow([f"{EVENTS}:archive/a", f"{EVENTS}:replay/r"], "events:StartReplay"),
                 allow("*", "events:NoSuchCall")]
        found = lint(wrong)
        for number, issue in enumerate(("RESOURCE_MISMATCH", "RESOURCE_MISMATCH", "UNKNOWN_ACTION")):
            self.assertTrue(any(line.startswith(f"policy {number}: {issue}") for line in found), found)


if __name__ == "__main__":
    unittest.main()
