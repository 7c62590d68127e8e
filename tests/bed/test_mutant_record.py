"""The record of mutants (tests/mutants/record.py): what was caught once need not run again, until its patch is another one."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "mutants"))
import record  # noqa: E402


class Record(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "record.json"

    def patch(self, name, text):
        path = self.folder / f"{name}.patch"
        path.write_text(text)
        return path

    def written(self, outcomes, patches):
        rows = record.load(self.path)
        for patch, outcome in outcomes.items():
            record.add(rows, patch, outcome, "abc1234")
        record.write(self.path, rows, patches)
        return record.load(self.path)

    def test_a_patch_counts_as_caught_until_its_text_changes(self):
        one = self.patch("one", "breaks this")
        rows = self.written({one: "caught"}, [one])
        self.assertTrue(record.is_caught(rows, one))
        self.patch("one", "breaks that")
        self.assertFalse(record.is_caught(rows, one))

    def test_survivors_and_patches_that_never_ran_are_not_caught(self):
        one, two = self.patch("one", "1"), self.patch("two", "2")
        rows = self.written({one: "SURVIVED"}, [one, two])
        self.assertFalse(record.is_caught(rows, one) or record.is_caught(rows, two))

    def test_rows_of_earlier_runs_stay_and_those_of_patches_that_are_gone_do_not(self):
        one, two, three = (self.patch(name, name) for name in ("one", "two", "three"))
        self.written({one: "caught", two: "caught"}, [one, two])
        rows = self.written({three: "caught"}, [one, three])
        self.assertEqual(sorted(rows), ["one", "three"])
