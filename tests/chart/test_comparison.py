"""docs/operations/chart-comparison.md: each value of the two other charts has a row, and each row a value of ours or a reason."""
import json
import re
import unittest

import chart

PAGE = chart.ROOT / "docs/operations/chart-comparison.md"
OTHERS = json.loads((chart.ROOT / "tests/fixtures/charts/values-of-others.json").read_text())


def table():
    """Cells of each row: cert-manager, external-secrets, Tributary, remark."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|") and not line.startswith(("|---", "| cert-manager |"))]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


def has(values, path):
    for name in path.split("."):
        if not isinstance(values, dict) or name not in values:
            return False
        values = values[name]
    return True


class Comparison(unittest.TestCase):
    def test_every_value_of_both_charts_has_one_row(self):
        for column, (name, other) in enumerate(OTHERS.items()):
            found = [value for row in table() for value in names(row[column])]
            self.assertEqual(other["values"], sorted(found), name)
            self.assertIn(other["commit"][:12], PAGE.read_text())

    def test_every_row_has_a_value_that_exists_or_a_reason(self):
        values = chart.yaml.safe_load((chart.CHART / "values.yaml").read_text())
        for row in table():
            first, second, ours, remark = row
            self.assertTrue(first or second, row)
            if ours in ("None", "Always"):
                self.assertGreaterEqual(len(remark.split()), 5, f"a reason: {row}")
            else:
                self.assertTrue(names(ours), row)
            for path in names(ours):
                self.assertTrue(has(values, path), f"{path} is no value of the chart")
            self.assertNotRegex(" ".join(row).lower(), r"\bmissing\b|\btodo\b|\bnot yet\b")


if __name__ == "__main__":
    unittest.main()
