#!/usr/bin/env python3
"""What a release needs besides the build. Nothing here uses the network.

  release.py check [TAG]             versions agree, placeholders are there; with TAG, the changelog has its section
  release.py notes VERSION           prints the changelog's section of the version
  release.py archive ARCH FOLDER     packs the static binary of `make cli` as FOLDER/tributary-VERSION-linux-ARCH.tar.gz
  release.py render VERSION FOLDER   writes checksums.txt, the krew manifest and the Homebrew formula for the archives in FOLDER
"""
import gzip
import hashlib
import io
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
ARCHITECTURES = ("amd64", "arm64")
TEMPLATES = {"packaging/krew/tributary.yaml": "tributary-krew.yaml", "packaging/homebrew/tributary.rb": "tributary.rb"}
NEXT_STEP = "Correct it, and run `make release-check` again."


def version():
    return _version((ROOT / "Cargo.toml").read_text())


def _version(manifest):
    return tomllib.loads(manifest)["workspace"]["package"]["version"]


def problems(root=ROOT, tag=None):
    """What keeps this commit from being released, each with where."""
    def text(name):
        return (root / name).read_text()
    crate = _version(text("Cargo.toml"))
    found = []
    for manifest in sorted((root / "crates").glob("*/Cargo.toml")):
        own = tomllib.loads(manifest.read_text())["package"]["version"]
        if own != {"workspace": True}:
            found.append(f"{manifest.relative_to(root)}: version {own}, which is not that of the workspace")
    for chart in sorted((root / "charts").glob("*/Chart.yaml")):
        for field in ("version", "appVersion"):
            value = re.search(rf'^{field}: "?([^"\s]+)"?$', chart.read_text(), re.M)
            if not value or value[1] != crate:
                found.append(f"{chart.relative_to(root)}: {field} {value[1] if value else 'is missing'}, but Cargo.toml has {crate}")
    for template in TEMPLATES:
        for placeholder in ("VERSION", *(f"SHA256_LINUX_{arch.upper()}" for arch in ARCHITECTURES)):
            if placeholder not in text(template):
                found.append(f"{template}: placeholder {placeholder} is missing")
    if tag is not None:
        if tag != f"v{crate}":
            found.append(f"tag {tag}, but Cargo.toml has version {crate}")
        if not section(text("CHANGELOG.md"), crate):
            found.append(f"CHANGELOG.md: no section [{crate}]")
    return found


def section(changelog, of):
    """Text of the section of a version; empty without one."""
    match = re.search(rf"^## \[{re.escape(of)}\][^\n]*\n(.*?)(?=^## \[|\Z)", changelog, re.M | re.S)
    return match[1].strip() if match else ""


def archive(arch, folder):
    """Same binary, same bytes."""
    host = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    host = re.search(r"^host: (\S+)$", host, re.M)[1]
    built = pathlib.Path(f"{os.environ['CARGO_TARGET_DIR']}-static/{host}/release/tributary")
    folder.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for file, name, mode in ((built, "tributary", 0o755), (ROOT / "LICENSE", "LICENSE", 0o644)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = file.stat().st_size, mode
            tar.addfile(entry, io.BytesIO(file.read_bytes()))
    target = folder / f"tributary-{version()}-linux-{arch}.tar.gz"
    target.write_bytes(gzip.compress(packed.getvalue(), 9, mtime=0))
    return target


def render(of, folder):
    sums = {}
    for arch in ARCHITECTURES:
        file = folder / f"tributary-{of}-linux-{arch}.tar.gz"
        if not file.is_file():
            sys.exit(f"release: {file} not found. Download the artifacts of both builds into {folder} first.")
        sums[arch] = hashlib.sha256(file.read_bytes()).hexdigest()
    for template, name in TEMPLATES.items():
        text = (ROOT / template).read_text()
        for arch, digest in sums.items():
            text = text.replace(f"SHA256_LINUX_{arch.upper()}", digest)
        (folder / name).write_text(text.replace("VERSION", of))
    listed = sorted(file for file in folder.iterdir() if file.name != "checksums.txt")
    (folder / "checksums.txt").write_text("".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in listed))


def main():
    match sys.argv[1:]:
        case ["check", *tag]:
            found = problems(tag=tag[0] if tag and tag[0] else None)
            for problem in found:
                print(f"release: {problem}. {NEXT_STEP}")
            return int(bool(found))
        case ["notes", of]:
            text = section((ROOT / "CHANGELOG.md").read_text(), of)
            print(text)
            return int(not text)
        case ["archive", arch, folder] if arch in ARCHITECTURES:
            print(archive(arch, pathlib.Path(folder)))
        case ["render", of, folder]:
            render(of, pathlib.Path(folder))
        case _:
            print(__doc__.strip())
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
