#!/usr/bin/env python3
"""Image of a program with nothing else in it, as an OCI archive, made without Docker. Same input, same bytes.

  image.py BINARY ARCHIVE --name NAME:TAG [--libraries] [--plain] [--label KEY=VALUE...]

It holds the program as /NAME-of-the-program (the entry point), the certificates that this machine trusts, and user 65532. `--libraries`: the
shared libraries too, for a program that is not linked statically, and its debug information left out. `--plain`: do not compress.
SOURCE_DATE_EPOCH dates everything (0 without it). Other tools read the archive: `skopeo copy oci-archive:FILE docker://...`, `podman load`,
`ctr images import`.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tarfile
import tempfile

USER = 65532
TRUST = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
MEDIA = "application/vnd.oci.image"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}


def _epoch():
    return int(os.environ.get("SOURCE_DATE_EPOCH", "0"))


def _tar(files):
    """`files`: path in the image: (content, mode). Directories come by themselves."""
    done, out = set(), io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(files):
            for parent in reversed(pathlib.PurePosixPath(path).parents[:-1]):
                if str(parent) not in done:
                    done.add(str(parent))
                    _add(tar, str(parent), b"", 0o755, tarfile.DIRTYPE)
            _add(tar, path, *files[path], tarfile.REGTYPE)
    return out.getvalue()


def _add(tar, path, content, mode, kind):
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode, entry.mtime, entry.type = len(content), mode, _epoch(), kind
    tar.addfile(entry, io.BytesIO(content))


def _trust():
    for place in TRUST:
        if os.path.exists(place):
            return pathlib.Path(place).read_bytes()
    raise SystemExit(f"image: none of {', '.join(TRUST)} is here (package ca-certificates)")


def _libraries(binary):
    """What the loader would load, at the paths where it would look."""
    told = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"(?:=>)?\s+(/\S+) \(0x", told)
    if not found:
        raise SystemExit(f"image: ldd names no library of {binary}:\n{told}")
    return {path.lstrip("/"): (pathlib.Path(path).read_bytes(), 0o755) for path in found}


def _without_debug(binary):
    with tempfile.TemporaryDirectory() as scratch:
        small = pathlib.Path(scratch) / "small"
        subprocess.run(["objcopy", "--strip-debug", binary, str(small)], check=True)
        return small.read_bytes()


def _sha(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def pack(binary, archive, name, libraries=False, plain=False, labels=None):
    """Writes the archive; the digest of the image, as a registry would know it."""
    entry = pathlib.Path(binary).name
    base = {"etc/passwd": (f"nonroot:x:{USER}:{USER}:nonroot:/:/sbin/nologin\n".encode(), 0o644),
            "etc/group": (f"nonroot:x:{USER}:\n".encode(), 0o644),
            "etc/ssl/certs/ca-certificates.crt": (_trust(), 0o644)}
    if libraries:
        base |= _libraries(binary)
    program = _without_debug(binary) if libraries else pathlib.Path(binary).read_bytes()
    # What changes with each build is a layer of its own.
    return _write(archive, name, [_tar(base), _tar({entry: (program, 0o755)})], f"/{entry}", plain, labels or {})


def _write(archive, name, tars, entry, plain, labels):
    blobs, layers = {}, []

    def blob(content, kind):
        blobs[_sha(content)] = content
        return {"mediaType": f"{MEDIA}.{kind}", "digest": _sha(content), "size": len(content)}
    for tar in tars:
        layers.append(blob(tar, "layer.v1.tar") if plain else blob(gzip.compress(tar, 9, mtime=0), "layer.v1.tar+gzip"))
    date = subprocess.run(["date", "-u", "-d", f"@{_epoch()}", "+%Y-%m-%dT%H:%M:%SZ"], capture_output=True, text=True, check=True).stdout.strip()
    config = {"created": date, "architecture": ARCHITECTURE.get(platform.machine(), platform.machine()), "os": "linux",
              "config": {"User": f"{USER}:{USER}", "Entrypoint": [entry], "WorkingDir": "/", "Labels": labels,
                         "Env": ["PATH=/"]},
              "rootfs": {"type": "layers", "diff_ids": [_sha(tar) for tar in tars]},
              "history": [{"created": date, "created_by": "tests/bed/image.py"} for _ in tars]}
    manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": f"{MEDIA}.manifest.v1+json", "config": blob(_json(config), "config.v1+json"),
                                "layers": layers, "annotations": labels}, sort_keys=True).encode(), "manifest.v1+json")
    names = {"org.opencontainers.image.ref.name": name.rpartition(":")[2], "io.containerd.image.name": name}
    index = {"schemaVersion": 2, "mediaType": f"{MEDIA}.index.v1+json", "manifests": [{**manifest, "annotations": names}]}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": _json(index)}
    files |= {f"blobs/{digest.replace(':', '/')}": content for digest, content in blobs.items()}
    fresh = pathlib.Path(f"{archive}.tmp")
    fresh.write_bytes(_tar({path: (content, 0o644) for path, content in files.items()}))
    fresh.rename(archive)
    return manifest["digest"]


def _json(value):
    return json.dumps(value, sort_keys=True).encode()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("archive")
    parser.add_argument("--name", required=True)
    parser.add_argument("--libraries", action="store_true")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--label", action="append", default=[])
    wish = parser.parse_args()
    digest = pack(wish.binary, wish.archive, wish.name, wish.libraries, wish.plain, dict(text.split("=", 1) for text in wish.label))
    print(f"{wish.name} {digest}, {os.path.getsize(wish.archive) / 1e6:.1f} MB: {wish.archive}")


if __name__ == "__main__":
    sys.exit(main())
