"""Temporary directories, and the removal of those whose owner was killed before it could remove them.

An owner holds a lock on a file in its directory; the kernel gives it up when the owner ends, however it ends. A process id would not do: a node's
bed has process ids of its own (`sandbox.UNSHARE`) and shares /tmp with all others, so that each would take the other's directories for dead.
"""
import contextlib
import fcntl
import os
import pathlib
import shutil
import tempfile

OWNER = ".owner"
NOBODY = 65534      # root's PostgreSQL


def make(prefix):
    """A fresh directory, and the open file that says whose it is: keep it open as long as the directory is in use."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
    lock = open(folder / f"{OWNER}.new", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    # Only now may `sweep` see it.
    os.rename(lock.name, folder / OWNER)
    return folder, lock


def sweep(prefix, clear=lambda name: None):
    """Removes the directories of that prefix that are ours and whose owner has ended, each after `clear` of its name."""
    for folder in pathlib.Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid not in (os.getuid(), *([] if os.getuid() else [NOBODY])):
                continue
            with open(folder / OWNER) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with contextlib.suppress(OSError):
                    clear(folder.name)
                shutil.rmtree(folder, ignore_errors=True)
