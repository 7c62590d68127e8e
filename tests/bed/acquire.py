"""Test bed, step 1: get programs into the cache: the control plane, what single tests run, and the emulator's Python. Starts nothing.

Everything acquired lives in ${XDG_CACHE_HOME:-~/.cache}/tributary under a name that holds the hash of what it was
made from: a changed pin makes a new directory, two runs at once share one (a lock file orders them), and deleting the cache
is always safe.
"""
import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE / "controlplane"
REQUIREMENTS = HERE / "requirements.txt"
KUBERNETES = "v1.34.4"
# kubectl is for the demo and for people; helm comes with the Go build only, prebuilt sets lack it.
REQUIRED = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
# Of a node (bed.py run --node), and in our own build only as well.
NODE = ("kube-scheduler", "kubelet")
APPLETS = REQUIRED + ("helm",) + NODE


class AcquireError(Exception):
    """A part could not be had; the text says what to do."""


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = pathlib.Path(base) / "tributary"
    path.mkdir(parents=True, exist_ok=True)
    return path


def digest(*files):
    total = hashlib.sha256()
    for file in files:
        total.update(file.read_bytes())
    return total.hexdigest()[:16]


@contextlib.contextmanager
def lock(name, say):
    """One builder at a time; the others wait and then find the work done."""
    with open(cache_dir() / f"{name}.lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{name}: another run is making it, waiting for that one")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _complete(directory):
    return all(os.access(directory / name, os.X_OK) for name in REQUIRED)


def binaries(say):
    """A directory that holds at least REQUIRED: a prebuilt set where there is one, else our own build."""
    for found in _prebuilt():
        if _complete(found):
            say(f"control plane: prebuilt binaries in {found}")
            return found
        say(f"control plane: {found} lacks {', '.join(n for n in REQUIRED if not (found / n).exists())}, not used")
    return _build(say)


def node(say):
    """The same with a node's parts."""
    found = binaries(say)
    if missing := [name for name in NODE if not os.access(found / name, os.X_OK)]:
        raise AcquireError(f"{found} lacks {', '.join(missing)}: a node needs our own build (unset KUBEBUILDER_ASSETS)")
    return found


def _prebuilt():
    """KUBEBUILDER_ASSETS, then what setup-envtest has installed. Both lack the controller-manager unless someone
    added it, and without that there is no garbage collection and no ServiceAccount: then we build.
    Nothing is downloaded through setup-envtest, because its sets of today would be turned down all the same."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets:
        yield pathlib.Path(assets)
    tool = shutil.which("setup-envtest")
    if tool:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run([tool, "use", "-i", "-p", "path", KUBERNETES.rsplit(".", 1)[0].lstrip("v") + ".x"],
                                  capture_output=True, text=True, timeout=30)
            if done.returncode == 0 and done.stdout.strip():
                yield pathlib.Path(done.stdout.strip())


def _build(say):
    target = cache_dir() / f"controlplane-{digest(SOURCE / 'go.mod', SOURCE / 'go.sum', SOURCE / 'main.go')}"
    if _complete(target):
        return target
    if not shutil.which("go"):
        raise AcquireError("no control plane: install Go 1.25 or later, or point KUBEBUILDER_ASSETS at a directory with "
                           + ", ".join(REQUIRED))
    with lock("controlplane", say):
        if _complete(target):
            return target
        target.mkdir(parents=True, exist_ok=True)
        binary, fresh = target / "controlplane", target / f"controlplane.{os.getpid()}.tmp"
        if not binary.exists():
            say("control plane: building Kubernetes from the Go module proxy, once: about 7 minutes on two cores "
                "(170 MB, then cached)")
            began = time.monotonic()
            major, minor, _ = KUBERNETES.lstrip("v").split(".")
            # Without these a client sees version v0.0.0, and helm and kubectl refuse to work with it.
            stamps = " ".join(f"-X {pkg}.git{key}={value}" for pkg in ("k8s.io/client-go/pkg/version", "k8s.io/component-base/version")
                              for key, value in (("Version", KUBERNETES), ("Major", major), ("Minor", minor), ("TreeState", "clean")))
            # The linker drops debug information anyway (-s -w), so the compiler need not make any.
            done = subprocess.run(["go", "build", "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", f"-s -w {stamps}", "-o", str(fresh), "."],
                                  cwd=SOURCE, env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"})
            if done.returncode:
                fresh.unlink(missing_ok=True)
                raise AcquireError("go build of the control plane failed, see above")
            fresh.rename(binary)
            say(f"control plane: built in {time.monotonic() - began:.0f} s")
        for name in APPLETS:
            link = target / name
            if not link.is_symlink():
                link.symlink_to("controlplane")
    return target


def debian(say, name, done, names, what, seconds=300):
    """Debian packages unpacked into the cache, and not installed. `done`: whether the folder has what is needed; `names()`: the packages."""
    root = cache_dir() / name
    if done(root):
        return root
    with lock(name, say):
        if done(root):
            return root
        fresh = cache_dir() / f"{name}.{os.getpid()}.tmp"
        shutil.rmtree(fresh, ignore_errors=True)
        debs = fresh / "debs"
        debs.mkdir(parents=True)
        say(f"downloading Debian's {what} with apt-get, once (then cached)")
        try:
            found = names()
            if not found:
                _apt(["apt-get", "-qq", "update"], seconds)
                found = names()
            if not found:
                raise AcquireError(f"apt has no package for {what}")
            _apt(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *found], seconds, debs)
            for package in debs.glob("*.deb"):
                _apt(["dpkg-deb", "-x", str(package), str(fresh)], seconds)
            shutil.rmtree(debs)
            shutil.rmtree(root, ignore_errors=True)
            fresh.rename(root)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return root


def _apt(command, seconds, cwd=None):
    try:
        done = subprocess.run(command, cwd=cwd, timeout=seconds, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AcquireError(str(error)) from error
    if done.returncode:
        raise AcquireError(f"failed: {' '.join(command)}\n{done.stdout[-2000:]}")


def apt_depends(package, *flags):
    """What `apt-cache depends` prints of the hard dependencies of a package."""
    command = ["apt-cache", "depends", *flags, "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances", package]
    return subprocess.run(command, capture_output=True, text=True).stdout


def promtool(say):
    """Prometheus' promtool: the one on the PATH, else our own build without service discovery."""
    found = shutil.which("promtool")
    if found:
        return pathlib.Path(found)
    source = HERE / "promtool"
    target = cache_dir() / f"promtool-{digest(source / 'go.mod', source / 'go.sum')}"
    return go_program(say, "promtool", target, source, "github.com/prometheus/prometheus/cmd/promtool", "about 3 minutes on two cores", "-tags", "remove_all_sd")


def actionlint(say):
    """The linter of GitHub's workflows: the one on the PATH, else our own build."""
    found = shutil.which("actionlint")
    if found:
        return pathlib.Path(found)
    source = HERE / "actionlint"
    target = cache_dir() / f"actionlint-{digest(source / 'go.mod', source / 'go.sum')}"
    return go_program(say, "actionlint", target, source, "github.com/rhysd/actionlint/cmd/actionlint", "about 20 seconds")


def kube_score(say):
    """The linter of Kubernetes manifests: the one on the PATH, else our own build."""
    found = shutil.which("kube-score")
    if found:
        return pathlib.Path(found)
    source = HERE / "kubescore"
    target = cache_dir() / f"kube-score-{digest(source / 'go.mod', source / 'go.sum')}"
    return go_program(say, "kube-score", target, source, "github.com/zegl/kube-score/cmd/kube-score", "about a minute on two cores")


def checkov(say):
    """How to call checkov, another linter of manifests, from PyPI: kube-linter is not served by the Go module proxy."""
    found = shutil.which("checkov")
    if found:
        return [found]
    return [str(venv(say, "checkov: installing it (300 MB)", HERE / "checkov-requirements.txt")), "-m", "checkov.main"]


def operator_verify(say):
    """The Operator Framework's validator of bundles, our own build."""
    source = HERE / "operatorverify"
    target = cache_dir() / f"operator-verify-{digest(source / 'go.mod', source / 'go.sum')}"
    return go_program(say, "operator-verify", target, source, "github.com/operator-framework/api/cmd/operator-verify", "about a minute on two cores")


def debian_program(say, name, path, packages, title):
    """How to call a program: the one on the PATH, else Debian's with its libraries. `path`: where its package has it."""
    found = shutil.which(name)
    if found:
        return [found]
    root = debian(say, f"{name}-debian", lambda folder: (folder / path).is_file(), packages, title, 120)
    return ["env", f"LD_LIBRARY_PATH={os.pathsep.join(map(str, (root / 'usr/lib').glob('*-linux-gnu*')))}", str(root / path)]


def shellcheck(say):
    """How to call the linter of shell scripts."""
    return debian_program(say, "shellcheck", "usr/bin/shellcheck", _shellcheck_packages, "shellcheck")


def _shellcheck_packages():
    """With the libraries that not every Debian has."""
    depends = re.findall(r"^ *\|?Depends: (lib(?:gmp|ffi|numa)\S*)$", apt_depends("shellcheck"), re.M)
    return ["shellcheck", *depends] if depends else []


def nft(say):
    """How to call nft of nftables."""
    return debian_program(say, "nft", "usr/sbin/nft", _nft_packages, "nftables")


def _nft_packages():
    """With the libraries that not every Debian has."""
    depends = re.findall(r"^ *\|?Depends: (lib(?:nft|mnl|jansson|xtables|gmp|edit|bsd|md)\S*)$", apt_depends("nftables", "--recurse"), re.M)
    return ["nftables", *sorted(set(depends))] if depends else []


def health(say):
    """The program that says how GitOps tools see objects (health/main.go): kstatus, and Argo CD's Lua engine."""
    source = HERE / "health"
    target = cache_dir() / f"health-{digest(source / 'go.mod', source / 'go.sum', *sorted(source.glob('*.go')))}"
    return go_program(say, "health", target, source, ".", "about a minute on two cores")


def flux(say):
    """A directory with Flux's kustomize-controller and the CRDs of it and of its sources. source-controller itself is not built."""
    source, crds = HERE / "flux", HERE / "flux/crds"
    target = cache_dir() / f"flux-{digest(*(folder / name for folder in (source, crds) for name in ('go.mod', 'go.sum')))}"
    if (target / "crds").is_dir():
        return target
    target.mkdir(parents=True, exist_ok=True)
    go_program(say, "flux", target / "kustomize-controller", source, "github.com/fluxcd/kustomize-controller", "about 8 minutes on two cores")
    with lock("flux", say):
        fresh = target / f"crds.{os.getpid()}.tmp"
        fresh.mkdir(exist_ok=True)
        for folder, module in ((source, "github.com/fluxcd/kustomize-controller"), (crds, "github.com/fluxcd/source-controller")):
            done = subprocess.run(["go", "mod", "download", "-json", module], cwd=folder, capture_output=True, text=True, env={**os.environ, "GOWORK": "off"})
            if done.returncode:
                raise AcquireError(f"go mod download of {module} failed:\n{done.stdout}{done.stderr}")
            for file in (pathlib.Path(json.loads(done.stdout)["Dir"]) / "config/crd/bases").glob("*.yaml"):
                shutil.copyfile(file, fresh / file.name)
        if not (target / "crds").is_dir():
            fresh.rename(target / "crds")
    return target


def go_program(say, name, target, source, package, duration, *flags):
    """Builds a package of the module in `source` into the cache, once. The name of `target` holds the hash of what it is made from."""
    if os.access(target, os.X_OK):
        return target
    if not shutil.which("go"):
        raise AcquireError(f"no {name}: install Go 1.25 or later")
    with lock(name, say):
        if os.access(target, os.X_OK):
            return target
        say(f"{name}: building it from the Go module proxy, once: {duration} (then cached)")
        began = time.monotonic()
        fresh = target.with_suffix(f".{os.getpid()}.tmp")
        done = subprocess.run(["go", "build", "-trimpath", *flags, "-gcflags=all=-dwarf=false", "-ldflags", "-s -w", "-o", str(fresh), package],
                              cwd=source, env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOGC": "300"})
        if done.returncode:
            fresh.unlink(missing_ok=True)
            raise AcquireError(f"go build of {name} failed, see above")
        fresh.rename(target)
        say(f"{name}: built in {time.monotonic() - began:.0f} s")
    return target


def python(say):
    """The interpreter that the stand-ins run in."""
    return venv(say, "stand-ins: installing MiniStack and Benchling's SDK", REQUIREMENTS)


def examples(say):
    """The interpreter for what the examples bring: consumers with an SDK, and the linter of their templates."""
    return venv(say, "examples: installing boto3 and cfn-lint", HERE / "examples-requirements.txt")


def venv(say, what, requirements, *constraints):
    """The interpreter of a virtual environment with the pinned requirements; `constraints`: files that those name."""
    target = cache_dir() / f"venv-{digest(requirements, *constraints)}"
    interpreter, done_mark = target / "bin" / "python", target / ".complete"
    if done_mark.exists():
        return interpreter
    with lock("venv", say):
        if done_mark.exists():
            return interpreter
        say(f"{what} from PyPI, once: about 20 seconds (then cached)")
        shutil.rmtree(target, ignore_errors=True)
        for command in ([sys.executable, "-m", "venv", str(target)],
                        [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]):
            done = subprocess.run(command)
            if done.returncode:
                raise AcquireError(f"failed: {' '.join(command)}")
        done_mark.touch()
    return interpreter
