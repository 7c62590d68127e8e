"""One commit, one image: two builds in different folders give the same binary without a path of either, and the same binary the same digest.

The builds are of a small program that is like the operator: a crate at cargo's downloads, a generated file, panics in both. The operator's own
takes half an hour: `make release-check-image`.
"""
import contextlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "packaging"))
import reproducible  # noqa: E402

FILES = {
    "tree/Cargo.toml": '[package]\nname = "prog"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\ndep = "0.1.0"\n'
                       '[profile.release]\nlto = "thin"\nstrip = "symbols"\n[workspace]\n',
    "tree/build.rs": 'fn main() { std::fs::write(std::path::Path::new(&std::env::var("OUT_DIR").unwrap()).join("made.rs"), "fn made(n: usize) -> usize { [1, 2][n] }").unwrap(); }',
    "tree/src/main.rs": 'include!(concat!(env!("OUT_DIR"), "/made.rs"));\nfn main() { let n = std::env::args().count(); println!("{} {}", made(n), dep::found(n)); }',
    "cargo/registry/src/index/dep/Cargo.toml": '[package]\nname = "dep"\nversion = "0.1.0"\nedition = "2024"\n',
    "cargo/registry/src/index/dep/.cargo-checksum.json": '{"files":{}}',
    "cargo/config.toml": '[source.crates-io]\nreplace-with = "here"\n[source.here]\ndirectory = "HOME/cargo/registry/src/index"\n',
    "cargo/registry/src/index/dep/src/lib.rs": "pub fn found(n: usize) -> u8 { std::hint::black_box(vec![1u8, 2]).get(n).copied().expect(file!()) }",
}


class Builds(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()

    def build(self, place, with_flags=True):
        """(binary, paths in it) of a build in a folder of its own."""
        home = self.folder / place
        for name, text in FILES.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text.replace("HOME", str(home)))
        environment = {"CARGO_HOME": str(home / "cargo"), "CARGO_TARGET_DIR": str(home / "built"), "CARGO_NET_OFFLINE": "true"}
        with unittest.mock.patch.dict(os.environ, environment):
            told = "\x1f".join(reproducible.flags(home / "tree")) if with_flags else ""
            # The toolchain is that of the repository.
            toolchain = {"RUSTUP_TOOLCHAIN": subprocess.run(["rustup", "show", "active-toolchain"], cwd=ROOT, capture_output=True, text=True).stdout.split()[0]} \
                if shutil.which("rustup") else {}
            done = subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=home / "tree", capture_output=True, text=True,
                                  env={**os.environ, **toolchain, "CARGO_ENCODED_RUSTFLAGS": told})
            self.assertEqual(0, done.returncode, done.stderr)
            binary = home / "built/release/prog"
            return binary, reproducible.paths(binary, home / "tree")

    def test_two_builds_in_different_folders_are_one_binary_without_their_paths(self):
        first, second = self.build("a"), self.build("another/longer/place")
        self.assertEqual(([], []), (first[1], second[1]))
        self.assertEqual(first[0].read_bytes(), second[0].read_bytes())
        _, found = self.build("plain", with_flags=False)
        for file in ("dep/src/lib.rs", "out/made.rs"):
            self.assertTrue(any(file in path for path in found), found)

    def test_the_same_binary_packed_in_two_folders_has_one_digest(self):
        archives = []
        for place in ("a", "another/place"):
            folder = self.folder / place
            folder.mkdir(parents=True)
            shutil.copy(ROOT / "tests/bed/image.py", folder)
            binary = folder / "tributary"
            binary.write_bytes(b"#!/bin/sh\n")
            # Neither its time nor its mode is part of the image.
            os.utime(binary, (len(place), len(place)))
            binary.chmod(0o700 + len(place))
            done = subprocess.run([sys.executable, "image.py", "tributary", "image.oci.tar", "--name", "example.org/tributary:1", "--label", "a=b"], cwd=folder,
                                  capture_output=True, text=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1790000000", "TZ": "Etc/GMT-14" if archives else "UTC"})
            self.assertEqual(0, done.returncode, done.stderr)
            archives.append(folder / "image.oci.tar")
        self.assertEqual([], reproducible.differences(*archives))
        self.assertEqual(archives[0].read_bytes(), archives[1].read_bytes())
        self.assertRegex(reproducible.digests(archives[0])["image"], "^sha256:[0-9a-f]{64}$")

    def test_a_part_that_differs_is_named(self):
        archives = []
        for number in range(2):
            binary, archive = self.folder / "tributary", self.folder / f"{number}.oci.tar"
            binary.write_bytes(b"#!/bin/sh\n" * (number + 1))
            subprocess.run([sys.executable, ROOT / "tests/bed/image.py", binary, archive, "--name", "example.org/tributary:1"], check=True, capture_output=True)
            archives.append(archive)
        self.assertEqual(["image", "config", "layer 1"], [line.partition(":")[0] for line in reproducible.differences(*archives)])

    def again(self, program):
        """Result of `again` for a repository whose image has what this shell command prints."""
        root = self.folder / "repository"
        root.mkdir()
        pack = f"{sys.executable} {ROOT}/tests/bed/image.py tributary tributary-1.oci.tar --name example.org/tributary:1"
        (root / "Makefile").write_text(f"image:\n\t@{program} > tributary\n\t@{pack}\n")
        (root / ".gitignore").write_text("tributary*\n")
        for command in (["git", "init", "--quiet"], ["git", "add", "."], ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "all"],
                        ["make", "--silent", "image"]):
            subprocess.run(command, cwd=root, check=True, capture_output=True)
        with unittest.mock.patch.object(reproducible, "ROOT", root), contextlib.redirect_stdout(io.StringIO()):
            return reproducible.again(root / "tributary-1.oci.tar")

    def test_the_second_build_is_of_the_commit_in_other_folders(self):
        self.assertEqual([], self.again("echo always"))
        (self.folder / "repository/Makefile").write_text("image:\n")
        with unittest.mock.patch.object(reproducible, "ROOT", self.folder / "repository"), self.assertRaises(SystemExit) as stopped:
            reproducible.again(self.folder / "repository/tributary-1.oci.tar")
        self.assertIn("the working copy has changes", str(stopped.exception.code))

    def test_a_build_that_depends_on_its_folders_is_found(self):
        self.assertEqual(3, len(self.again("echo $$PWD $$CARGO_HOME $$CARGO_TARGET_DIR")))

    def test_a_path_in_a_binary_fails_the_build(self):
        binary = self.folder / "tributary"
        for content, expected in ((b"\0/tributary/src/main.rs\0", 0), (f"\0{ROOT}/src/main.rs\0".encode(), 1), (f"\0{pathlib.Path.home()}/x\0".encode(), 1)):
            binary.write_bytes(content)
            done = subprocess.run([sys.executable, ROOT / "packaging/reproducible.py", "paths", binary], capture_output=True, text=True)
            self.assertEqual(expected, done.returncode, (content, done.stdout, done.stderr))

    def test_make_image_uses_both(self):
        told = subprocess.run(["make", "--dry-run", "release-check-image"], cwd=ROOT, capture_output=True, text=True).stdout
        for word in ("reproducible.py flags", "reproducible.py paths", "tests/bed/image.py", "reproducible.py again"):
            self.assertIn(word, told)


if __name__ == "__main__":
    unittest.main()
