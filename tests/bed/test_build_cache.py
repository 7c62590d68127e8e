"""A build folder that clones share: each clone runs its own code."""
import os
import pathlib
import subprocess
import tempfile
import unittest

from build_cache import InUse, claim

MANIFEST = '[workspace]\n[package]\nname = "probe"\nversion = "0.1.0"\nedition = "2024"\n'
OLD = 1_600_000_000  # long before any build


class BuildCache(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.target = self.folder / "target"
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("CARGO")} | {"CARGO_TARGET_DIR": str(self.target)}

    def clone(self, name):
        root = self.folder / name
        (root / "src").mkdir(parents=True)
        (root / "Cargo.toml").write_text(MANIFEST)
        (root / "src/main.rs").write_text(f'fn main() {{ println!("{name}"); }}\n')
        self.cargo(root, "generate-lockfile", "--offline")
        for file in (root / "src/main.rs", root / "Cargo.toml"):
            os.utime(file, (OLD, OLD))
        return root

    def cargo(self, root, *command):
        return subprocess.run(["cargo", *command, "--quiet"], cwd=root, env=self.env, check=True, capture_output=True, text=True).stdout.strip()

    def run_of(self, root):
        with claim(self.target, root):
            return self.cargo(root, "run")

    def test_each_clone_runs_its_own_code(self):
        first, second = self.clone("first"), self.clone("second")
        self.assertEqual([self.run_of(clone) for clone in (first, second, first)], ["first", "second", "first"])

    def test_a_clone_that_did_not_claim_the_folder_would_run_the_others(self):
        # What the claim is for. When cargo compares contents, the claim can go.
        first, second = self.clone("first"), self.clone("second")
        self.assertEqual([self.cargo(clone, "run") for clone in (first, second)], ["first", "first"])

    def test_the_same_clone_builds_nothing_again(self):
        clone = self.clone("first")
        self.run_of(clone)
        built = (self.target / "debug/probe").stat().st_mtime_ns
        self.run_of(clone)
        self.assertEqual((self.target / "debug/probe").stat().st_mtime_ns, built)

    def test_two_clones_at_once_are_refused_with_the_next_step(self):
        first, second = self.clone("first"), self.clone("second")
        with claim(self.target, first), claim(self.target, first):
            with self.assertRaisesRegex(InUse, "in use by another clone .*first.* or set CARGO_TARGET_DIR"):
                claim(self.target, second)
        claim(self.target, second).close()


if __name__ == "__main__":
    unittest.main()
