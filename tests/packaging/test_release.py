"""What a release is made of: versions that agree, a changelog, archives with checksums, workflows that GitHub accepts."""
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "packaging"), str(ROOT / "tests/bed")]
import acquire  # noqa: E402
import release  # noqa: E402

VERSION = release.version()


class Release(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def copy(self):
        """What `problems` reads, in a folder of its own."""
        root = self.folder / "tree"
        for path in ("Cargo.toml", "CHANGELOG.md", "crates", "charts", "packaging"):
            source = ROOT / path
            if source.is_dir():
                shutil.copytree(source, root / path, ignore=shutil.ignore_patterns("*.rs", "tests"))
            else:
                root.mkdir(exist_ok=True)
                shutil.copy(source, root / path)
        return root

    def test_this_commit_has_no_problem(self):
        self.assertEqual(release.problems(), [])

    def test_each_version_that_differs_is_named(self):
        changes = {
            "charts/tributary/Chart.yaml": (f"version: {VERSION}\n", "version: 9.9.9\n", "version 9.9.9"),
            "charts/tributary-crds/Chart.yaml": (f'appVersion: "{VERSION}"', 'appVersion: "9.9.9"', "appVersion 9.9.9"),
            "crates/core/Cargo.toml": ("version.workspace = true", 'version = "9.9.9"', "version 9.9.9"),
            "packaging/homebrew/tributary.rb": ("SHA256_LINUX_ARM64", "0", "placeholder SHA256_LINUX_ARM64"),
        }
        for name, (before, after, problem) in changes.items():
            with self.subTest(name):
                root = self.copy()
                text = (root / name).read_text()
                self.assertIn(before, text)
                (root / name).write_text(text.replace(before, after, 1))
                found = release.problems(root)
                self.assertTrue(len(found) == 1 and found[0].startswith(name) and problem in found[0], found)
                shutil.rmtree(root)

    def test_a_tag_needs_its_version_and_its_section(self):
        root = self.copy()
        self.assertEqual(release.problems(root, "v9.9.9"), [f"tag v9.9.9, but Cargo.toml has version {VERSION}", f"CHANGELOG.md: no section [{VERSION}]"])
        changelog = root / "CHANGELOG.md"
        changelog.write_text(changelog.read_text().replace("## [Unreleased]\n", f"## [Unreleased]\n\n## [{VERSION}] - 2026-12-01\n", 1))
        self.assertEqual(release.problems(root, f"v{VERSION}"), [])
        self.assertTrue(release.section(changelog.read_text(), VERSION).startswith("No version has been released yet."))

    def test_manifests_have_the_sums_of_the_archives(self):
        sums = {}
        for arch in release.ARCHITECTURES:
            file = self.folder / f"tributary-{VERSION}-linux-{arch}.tar.gz"
            file.write_bytes(arch.encode())
            sums[file.name] = hashlib.sha256(arch.encode()).hexdigest()
        release.render(VERSION, self.folder)
        for name in ("tributary-krew.yaml", "tributary.rb"):
            text = (self.folder / name).read_text()
            for digest in sums.values():
                self.assertIn(digest, text)
            self.assertNotIn("SHA256_", text)
            self.assertNotIn("VERSION", text)
        listed = dict(reversed(line.split("  ")) for line in (self.folder / "checksums.txt").read_text().splitlines())
        self.assertEqual({name: listed[name] for name in sums}, sums)
        self.assertEqual(set(listed), {*sums, "tributary-krew.yaml", "tributary.rb"})

    def test_an_archive_is_the_same_for_the_same_binary(self):
        host = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout.split("host: ")[1].split()[0]
        built = self.folder / f"target-static/{host}/release/tributary"
        built.parent.mkdir(parents=True)
        built.write_bytes(b"program")
        with unittest.mock.patch.dict("os.environ", {"CARGO_TARGET_DIR": str(self.folder / "target")}):
            first = release.archive("amd64", self.folder / "one").read_bytes()
            built.touch()
            second = release.archive("amd64", self.folder / "two")
        self.assertEqual(first, second.read_bytes())
        with tarfile.open(second) as tar:
            self.assertEqual([(entry.name, entry.mode) for entry in tar], [("tributary", 0o755), ("LICENSE", 0o644)])


class Workflows(unittest.TestCase):
    def test_github_accepts_each_workflow(self):
        done = subprocess.run([acquire.actionlint(print), "-shellcheck=", "-pyflakes="], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_a_workflow_that_is_not_valid_is_found(self):
        broken = self.enterContext(tempfile.TemporaryDirectory()) + "/release.yml"
        text = (ROOT / ".github/workflows/release.yml").read_text()
        pathlib.Path(broken).write_text(text.replace("needs: build", "needs: bild"))
        done = subprocess.run([acquire.actionlint(print), "-shellcheck=", "-pyflakes=", broken], cwd=ROOT, capture_output=True, text=True)
        self.assertIn('needs job "bild" which does not exist', done.stdout)

    def test_make_targets_and_scripts_of_workflows_exist(self):
        makefile = (ROOT / "Makefile").read_text()
        for workflow in (ROOT / ".github/workflows").glob("*.yml"):
            for word in workflow.read_text().split("run:")[1:]:
                commands = [line.strip().split() for line in word.splitlines()]
                for command in commands:
                    if command[:1] == ["make"] and len(command) > 1:
                        target = next(part for part in command[1:] if not part.startswith("-") and "/" not in part and "=" not in part)
                        self.assertIn(f"\n{target}:", makefile, f"{workflow.name}: {command}")
                    if command[:1] == ["python3"]:
                        self.assertTrue((ROOT / command[1]).is_file(), f"{workflow.name}: {command}")


if __name__ == "__main__":
    unittest.main()
