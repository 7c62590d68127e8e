"""The CloudFormation templates of the examples, before a third party's linter; and the linter's own teeth."""
import json
import pathlib
import subprocess
import tempfile
import unittest

import acquire

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


def lint(*templates):
    """Rule and message of each finding: errors, warnings and informational ones."""
    command = [acquire.examples(print).parent / "cfn-lint", "--include-checks", "I", "--format", "json", "--regions", "eu-west-1", "--template", *templates]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.stdout.startswith("["), done.stdout + done.stderr
    return [f"{found['Rule']['Id']} {found['Message']}" for found in json.loads(done.stdout)]


class Templates(unittest.TestCase):
    def test_the_templates_of_the_examples_have_no_findings(self):
        templates = sorted(EXAMPLES.glob("**/*.cfn.yaml"))
        self.assertTrue(templates)
        self.assertEqual(lint(*templates), [])

    def test_the_linter_finds_what_would_not_work(self):
        text = (EXAMPLES / "s3-object-to-lambda/prerequisites.cfn.yaml").read_text()
        wrong = {"S3BucketName: !Ref TrailBucket": "Bucket: !Ref TrailBucket", "DependsOn: TrailBucketPolicy": "DependsOn: TrailPolicy",
                 "ReadWriteType: WriteOnly": "ReadWriteType: Writes"}
        found = []
        with tempfile.TemporaryDirectory() as folder:
            for number, (right, replacement) in enumerate(wrong.items()):
                self.assertIn(right, text)
                template = pathlib.Path(folder) / f"{number}.yaml"
                template.write_text(text.replace(right, replacement))
                found.append(lint(template))
        for issue, of_one in zip(("S3BucketName", "TrailPolicy", "Writes"), found):
            self.assertTrue(any(issue in line for line in of_one), found)


if __name__ == "__main__":
    unittest.main()
