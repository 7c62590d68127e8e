"""Mermaid, and Graphviz as WebAssembly: one file of each npm package, in the cache. Installs nothing, and runs no script of a package."""
import base64
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "bed"))
from acquire import AcquireError, cache_dir, lock  # noqa: E402

# Package and version, SHA-512 of its tarball as npm has it, and the file in it.
PACKAGES = (
    ("mermaid@12.3.0", "4113TdXeLAsMruJ79OpFL5O8+LTFXhQqZ260rF3tgUmiNAtRm4Uume04I+65PRN6yZ69J4f8rVYWW8zRk65UYw==", "package/dist/mermaid.min.js"),
    ("@viz-js/viz@3.31.0", "r7zlQdRvcwvIpjHGgs+KNWHeE/P5/Dq7k8ZAKaMCbZqomxCBJV78gVuQYaHzFVca+kB0mX0fMW9UFevCOBG50A==", "package/dist/viz-global.js"),
)


def renderers(say):
    """A folder with mermaid.min.js and viz-global.js. Raises AcquireError where they cannot be had."""
    digest = hashlib.sha256(repr(PACKAGES).encode()).hexdigest()[:16]
    root = cache_dir() / f"renderers-{digest}"
    if root.is_dir():
        return root
    if not shutil.which("npm"):
        raise AcquireError("no npm on the PATH, which has Mermaid and Graphviz for a browser. Install Node.js")
    with lock("renderers", say):
        if root.is_dir():
            return root
        say("downloading Mermaid and Graphviz with npm, once: about 28 MB (then cached)")
        cache_dir().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_dir()) as folder:
            fresh = pathlib.Path(folder) / "renderers"
            fresh.mkdir()
            for package, wanted, member in PACKAGES:
                _take(package, wanted, member, pathlib.Path(folder), fresh)
            fresh.rename(root)
    return root


def _take(package, wanted, member, folder, into):
    try:
        done = subprocess.run(["npm", "pack", "--silent", "--ignore-scripts", package], cwd=folder, timeout=300, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AcquireError(str(error)) from error
    if done.returncode:
        raise AcquireError(f"npm pack {package} failed: {done.stdout[-2000:]}")
    tarball = folder / done.stdout.split()[-1]
    found = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if found != wanted:
        raise AcquireError(f"{package} is another one than was pinned: its SHA-512 is {found}")
    with tarfile.open(tarball) as archive:
        (into / member.rpartition("/")[2]).write_bytes(archive.extractfile(member).read())
