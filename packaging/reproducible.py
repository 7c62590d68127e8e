#!/usr/bin/env python3
"""The same commit gives the same image, wherever it is built. `make image` and `make release-check-image` use this.

  reproducible.py flags           prints compiler flags that keep paths of this machine out, for CARGO_ENCODED_RUSTFLAGS
  reproducible.py paths BINARY    fails if BINARY contains a path of this machine
  reproducible.py again ARCHIVE   builds the commit once more, in other folders, and fails if its image has another digest than ARCHIVE
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]


def folders(root=ROOT):
    """Folders whose paths the compiler would write into the binary, and what it writes instead. A folder comes before those in it."""
    home = pathlib.Path.home()
    compiler = _rustc("-vV")
    commit = re.search(r"^commit-hash: (\S+)$", compiler, re.M)[1]
    found = [(root, "/tributary")]
    if target := os.environ.get("CARGO_TARGET_DIR"):
        found.append((pathlib.Path(target).absolute(), "/target"))
    found.append((pathlib.Path(os.environ.get("CARGO_HOME") or home / ".cargo"), "/cargo"))
    # The standard library's sources, if they are installed. Without them the compiler writes this already.
    found.append((pathlib.Path(_rustc("--print", "sysroot").strip()) / "lib/rustlib/src/rust", f"/rustc/{commit}"))
    return sorted(found, key=lambda pair: len(str(pair[0])))


def _rustc(*arguments):
    return subprocess.run(["rustc", *arguments], check=True, capture_output=True, text=True, cwd=ROOT).stdout


def flags(root=ROOT):
    """Statically linked, with small relocations (ADR 0049), and without paths. The last prefix that matches applies."""
    return ["-C", "target-feature=+crt-static", "-C", "link-arg=-Wl,-z,pack-relative-relocs", *(f"--remap-path-prefix={folder}={name}" for folder, name in folders(root))]


def paths(binary, root=ROOT):
    """Paths of this machine in a binary, each once."""
    content, found = pathlib.Path(binary).read_bytes(), set()
    for folder in {folder for folder, _ in folders(root)} | {pathlib.Path.home()}:
        # Not the root directory, below which all paths are.
        if folder != folder.parent:
            found |= set(re.findall(re.escape(str(folder).encode()) + rb"/[\w./+@-]*", content))
    return sorted(path.decode() for path in found)


def digests(archive):
    """Digest of the image in an OCI archive, and of each part of it."""
    with tarfile.open(archive) as tar:
        def read(digest):
            return json.load(tar.extractfile(f"blobs/{digest.replace(':', '/')}"))
        digest = json.load(tar.extractfile("index.json"))["manifests"][0]["digest"]
        manifest = read(digest)
        parts = {"image": digest, "config": manifest["config"]["digest"]}
        return parts | {f"layer {number}": layer["digest"] for number, layer in enumerate(manifest["layers"])}


def differences(first, second):
    """A line for each part of two images that differs."""
    one, other = digests(first), digests(second)
    return [f"{part}: {one.get(part)} and {other.get(part)}" for part in one | other if one.get(part) != other.get(part)]


def again(archive):
    """Builds the commit in other folders, with cargo's downloads at another path, and compares."""
    if changed := subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, check=True, capture_output=True, text=True).stdout:
        sys.exit(f"reproducible: the working copy has changes, and an image is compared by its commit:\n{changed}Commit or remove them.")
    with tempfile.TemporaryDirectory(prefix="tributary-image-") as scratch:
        scratch = pathlib.Path(scratch)
        copy, home = scratch / "another/place", scratch / "cargo"
        subprocess.run(["git", "clone", "--quiet", "--local", str(ROOT), str(copy)], check=True)
        home.mkdir()
        downloads = pathlib.Path(os.environ.get("CARGO_HOME") or pathlib.Path.home() / ".cargo")
        for entry in downloads.iterdir():
            (home / entry.name).symlink_to(entry)
        environment = {**os.environ, "CARGO_HOME": str(home), "CARGO_TARGET_DIR": str(scratch / "built")}
        for name in ("MAKEFLAGS", "MAKELEVEL", "CARGO_ENCODED_RUSTFLAGS"):
            environment.pop(name, None)
        subprocess.run(["make", "--no-print-directory", "image"], cwd=copy, check=True, env=environment)
        second = next(copy.glob("tributary-*.oci.tar"))
        found = differences(archive, second)
        print("\n".join(found) or f"reproducible: two builds in different folders, one digest: {digests(second)['image']}")
        return found


def main():
    match sys.argv[1:]:
        case ["flags"]:
            print("\x1f".join(flags()), end="")
        case ["paths", binary]:
            found = paths(binary)
            for path in found[:20]:
                print(f"reproducible: {binary} contains {path}")
            if found:
                sys.exit(f"reproducible: {len(found)} paths of this machine are in the binary. Add their folder to packaging/reproducible.py.")
        case ["again", archive]:
            return int(bool(again(pathlib.Path(archive).absolute())))
        case _:
            print(__doc__.strip())
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
