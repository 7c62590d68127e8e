"""The documentation site: it has all pages, and no link leads nowhere."""
import pathlib
import shutil
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "packaging/site"))
from build import build  # noqa: E402


class Site(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_each_page_is_on_the_site_and_in_the_search(self):
        code, text = build(self.folder / "site")
        self.assertEqual((code, text), (0, ""))
        docs = ROOT / "docs"
        index = (self.folder / "site/search/search_index.json").read_text()
        for page in docs.rglob("*.md"):
            name = page.relative_to(docs).as_posix().removesuffix(".md").removesuffix("README")
            self.assertTrue((self.folder / "site" / name / "index.html").is_file(), page)
            self.assertIn(f'"location":"{name.rstrip("/") + "/" if name else ""}', index, page)

    def test_links_that_lead_nowhere_are_errors(self):
        docs = self.folder / "docs"
        shutil.copytree(ROOT / "docs", docs)
        with (docs / "README.md").open("a") as page:
            page.write("\n[one](how-to/no-such-page.md) [two](how-to/set-up-iam.md#no-such-heading) [three](../examples/no-such-folder)\n")
        code, text = build(self.folder / "site", docs)
        self.assertNotEqual(code, 0)
        for link in ("how-to/no-such-page.md", "no-such-heading", "../examples/no-such-folder"):
            self.assertIn(link, text)


if __name__ == "__main__":
    unittest.main()
