#!/usr/bin/env python3
"""Cargo's build folder, shared by clones of this repository: whose build it holds.

Cargo tells what is current by the times of files. A clone whose files are older than what another clone built there would be
tested with the other one's code. So a folder holds the build of one clone at a time. Third-party crates stay for all.

  build_cache.py FOLDER [OPTION...]   removes what another clone built in the folder; options for `cargo clean`
"""
import fcntl
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


class InUse(Exception):
    pass


def claim(folder, root=ROOT, options=()):
    """Makes the folder this clone's. While the returned file is open, no other clone can have it."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / ".clone").open("a+")
    fcntl.flock(lock, fcntl.LOCK_SH)
    if _owner(lock) == _identity(root):
        return lock
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read()
        lock.close()
        raise InUse(f"{folder}: in use by another clone ({owner.split(' ', 1)[-1]}). Wait until its run has ended, or set CARGO_TARGET_DIR to another folder.")
    if _owner(lock) not in ("", _identity(root)) or any(folder.glob("*/.fingerprint")):
        command = ["cargo", "clean", "--locked", "--quiet", "--workspace", "--target-dir", str(folder), *options]
        subprocess.run(command, cwd=root, check=True, env={key: value for key, value in os.environ.items() if key != "CARGO_BUILD_BUILD_DIR"})
    lock.truncate(0)
    lock.write(_identity(root))
    lock.flush()
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def _owner(lock):
    lock.seek(0)
    return lock.read()


def _identity(root):
    """A clone that was removed and made again at the same path is another one."""
    return f"{os.stat(root).st_ino} {root}"


if __name__ == "__main__":
    try:
        claim(sys.argv[1], options=sys.argv[2:])
    except InUse as error:
        sys.exit(f"build: {error}")
