"""Test bed, for a node: namespaces of our own (network, mounts, processes), made before anything starts, and what the kernel does not clear up.

All of a bed with a node runs inside: its addresses, its mounts and its processes are nobody else's, and when the first process in there ends,
however it ends, the kernel ends the others and drops the addresses and mounts. What is left are the cgroups, which `clear` removes.
"""
import errno
import os
import pathlib
import shutil
import subprocess
import sys
import time

from parts import die_with

CGROUPS = pathlib.Path("/sys/fs/cgroup")
UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc", "--propagation", "private"]
# What a node needs of the kernel, tried in namespaces that are gone again when the shell ends.
TRIAL = """set -e
mount -t tmpfs none /tmp
mkdir /tmp/lower /tmp/upper /tmp/work /tmp/merged
mount -t overlay none -o lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work /tmp/merged
ip link add bed0 type bridge
ip link add bed1 type veth peer name bed2
"""
NODE = "10.97.0.1"          # of the node, and of what pods are to reach on it
API = "10.96.0.1"           # of the Service default/kubernetes
# The kubelet wants these and would set them for the whole machine. It reads them from files of ours instead.
KERNEL = {"vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1,
          "kernel/keys/root_maxkeys": 1000000, "kernel/keys/root_maxbytes": 25000000}
# Where kubelet, containerd and runc write without being asked. The rest of what is there must stay to be seen: the cache may be among it.
COVERED = ("/run", "/var/lib", "/var/log")


class Unable(Exception):
    """This machine cannot run pods; the text says why."""


def check():
    """Raises Unable, or says nothing. Changes nothing."""
    if not sys.platform.startswith("linux"):
        raise Unable("pods need Linux")
    if os.geteuid():
        raise Unable("pods need root (namespaces, mounts, cgroups)")
    if missing := [tool for tool in ("unshare", "mount", "ip") if not shutil.which(tool)]:
        raise Unable(f"not installed: {', '.join(missing)}")
    trial = subprocess.run([*UNSHARE, "sh", "-c", TRIAL], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
    if trial.returncode:
        raise Unable(f"the kernel allows no namespaces, bridges or overlays: {trial.stderr.strip()}")
    name = f"tributary-bed-trial-{os.getpid()}"
    try:
        make_cgroups(name)
    except OSError as error:
        raise Unable(f"no cgroup can be made: {error}") from error
    finally:
        clear(name)


def hierarchies():
    """The root of each cgroup hierarchy: one in version 2, one for each controller in version 1."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return sorted({folder.resolve() for folder in CGROUPS.iterdir() if (folder / "cgroup.procs").exists()})


def make_cgroups(name):
    for root in hierarchies():
        (root / name).mkdir(exist_ok=True)


def clear(name, seconds=10):
    """Removes the cgroups of that name, if there are any. Their processes are ending: the kernel takes a moment."""
    deadline = time.monotonic() + seconds
    for root in hierarchies() if CGROUPS.is_dir() else []:
        for folder, _, _ in os.walk(root / name, topdown=False):
            while True:
                try:
                    os.rmdir(folder)
                    break
                except OSError as error:
                    if error.errno != errno.EBUSY or time.monotonic() > deadline:
                        raise
                time.sleep(0.02)


def enter(command):
    """Starts the command inside, as process 1 there. Ends with us, and all in there with it."""
    return subprocess.Popen([*UNSHARE, *command], preexec_fn=die_with(os.getpid()))


def furnish(scratch):
    """Inside: memory for all files of the node at `scratch`, covers over the machine's own directories, addresses."""
    scratch.mkdir(parents=True)
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "bed", scratch)
    for place in COVERED:
        upper, work = scratch / "cover" / place.strip("/") / "upper", scratch / "cover" / place.strip("/") / "work"
        upper.mkdir(parents=True)
        work.mkdir()
        _run("mount", "-t", "overlay", "bed", "-o", f"lowerdir={place},upperdir={upper},workdir={work}", place)
    for name, value in KERNEL.items():
        file = scratch / "kernel" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
        if (pathlib.Path("/proc/sys") / name).exists():
            _run("mount", "--bind", file, f"/proc/sys/{name}")
    _run("ip", "link", "set", "lo", "up")
    for address in (NODE, API):
        _run("ip", "address", "add", f"{address}/32", "dev", "lo")


def _run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise Unable(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
