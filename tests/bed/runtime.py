"""Test bed, step 1b, for a node: containerd, runc, the CNI plugins and the image of a pod's sandbox into the cache. Installs nothing.

Debian's packages are downloaded with apt-get and unpacked into the cache: no daemon is started by an installation, and the machine stays as
it is. Programs that are on the PATH already are preferred.
"""
import os
import pathlib
import shutil
import subprocess

import image
from acquire import HERE, AcquireError, cache_dir, digest, lock

PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr", "runc")
PLUGINS = ("bridge", "host-local", "loopback")
PACKAGES = ("containerd", "runc", "containernetworking-plugins")
INSTALLED = pathlib.Path("/usr/lib/cni"), pathlib.Path("/opt/cni/bin")
SANDBOX = "tributary.dev/pause:1"
UPDATE_SECONDS, DOWNLOAD_SECONDS = 120, 180


class Runtime:
    """`bin`: directories to search for PROGRAMS, `plugins`: directory of the CNI plugins, `sandbox`: archive of the image SANDBOX."""
    def __init__(self, programs, plugins, sandbox):
        self.bin, self.plugins, self.sandbox = programs, plugins, sandbox
        self.path = os.pathsep.join([*map(str, programs), os.environ.get("PATH", os.defpath)])


def runtime(say):
    sandbox = _sandbox(say)
    plugins = next((place for place in INSTALLED if _complete([place], PLUGINS)), None)
    if plugins and all(shutil.which(name) for name in PROGRAMS):
        say("node: containerd, runc and CNI plugins of this machine")
        return Runtime([], plugins, sandbox)
    root = _packages(say)
    return Runtime(_programs(root), root / "usr/lib/cni", sandbox)


def _programs(root):
    return [root / "usr/bin", root / "usr/sbin"]


def _complete(places, names):
    return all(any(os.access(place / name, os.X_OK) for place in places) for name in names)


def _packages(say):
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise AcquireError("no containerd, runc and CNI plugins on the PATH, and no apt-get to fetch them with")
    root = cache_dir() / "node-debian"
    if _unpacked(root):
        return root
    with lock("node-debian", say):
        if _unpacked(root):
            return root
        fresh = cache_dir() / f"node-debian.{os.getpid()}.tmp"
        shutil.rmtree(fresh, ignore_errors=True)
        debs = fresh / "debs"
        debs.mkdir(parents=True)
        say(f"node: downloading {', '.join(PACKAGES)} with apt-get, once: about 10 seconds (35 MB, 150 MB unpacked, then cached)")
        try:
            _download(debs)
            for package in debs.glob("*.deb"):
                _run(["dpkg-deb", "-x", str(package), str(fresh)], DOWNLOAD_SECONDS)
            shutil.rmtree(debs)
            if not _unpacked(fresh):
                raise AcquireError(f"the packages lack one of {', '.join(PROGRAMS + PLUGINS)}")
            shutil.rmtree(root, ignore_errors=True)
            fresh.rename(root)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return root


def _unpacked(root):
    return _complete(_programs(root), PROGRAMS) and _complete([root / "usr/lib/cni"], PLUGINS)


def _download(debs):
    # As root apt would drop its rights to a user that cannot write here, and say so at length.
    fetch = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *PACKAGES]
    try:
        _run(fetch, DOWNLOAD_SECONDS, debs)
    except AcquireError:        # no list of packages, or an old one
        _run(["apt-get", "-qq", "update"], UPDATE_SECONDS)
        _run(fetch, DOWNLOAD_SECONDS, debs)


def _run(command, seconds, cwd=None, env=None):
    try:
        done = subprocess.run(command, cwd=cwd, env=env, timeout=seconds, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AcquireError(str(error)) from error
    if done.returncode:
        raise AcquireError(f"failed: {' '.join(command)}\n{done.stdout[-2000:]}")


def _sandbox(say):
    source = HERE / "pause.go"
    archive = cache_dir() / f"pause-{digest(source, HERE / 'image.py')}.tar"
    if archive.exists():
        return archive
    with lock("pause", say):
        if not archive.exists():
            if not shutil.which("go"):
                raise AcquireError("no Go to build the image of a pod's sandbox with")
            binary = cache_dir() / "pause"
            _run(["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(binary), str(source)], DOWNLOAD_SECONDS, HERE,
                 {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GO111MODULE": "off"})
            image.pack(binary, archive, SANDBOX, plain=True)
            binary.unlink()
    return archive
