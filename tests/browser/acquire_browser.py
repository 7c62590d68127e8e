"""Chromium's headless shell: of this machine, or Debian's packages unpacked into the cache. Installs and starts nothing."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "bed"))
from acquire import AcquireError, cache_dir, lock  # noqa: E402

NAMES = ("chromium-headless-shell", "chromium", "google-chrome-stable", "google-chrome")
PACKAGE, WITH = "chromium-headless-shell", ("chromium-common", "fonts-dejavu-core")
# Those that every Debian has, and that must fit its kernel and loader.
BASE = re.compile(r"(libc6|libgcc-s1|libstdc\+\+6|libc-bin|gcc-\d+-base)$")
SECONDS = 600
FONT_CONFIG = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir>
<alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
<alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias></fontconfig>
"""


class Browser:
    def __init__(self, program, env):
        self.program, self.env = program, env


def browser(say):
    """The browser and what it needs in its environment.

    TRIBUTARY_CHROMIUM names a program. Raises AcquireError where there is none and none can be had."""
    if chosen := os.environ.get("TRIBUTARY_CHROMIUM"):
        return Browser(chosen, {})
    if os.environ.get("TRIBUTARY_CHROMIUM_FETCH") != "1":
        for name in NAMES:
            if found := shutil.which(name):
                return Browser(found, {})
    root = _packages(say)
    config = root / "fonts.conf"
    config.write_text(FONT_CONFIG.format(fonts=root / "usr/share/fonts", cache=root / "fontcache"))
    return Browser(str(_program(root)), {"LD_LIBRARY_PATH": os.pathsep.join(map(str, _libraries(root))), "FONTCONFIG_FILE": str(config)})


def _program(root):
    return root / "usr/lib/chromium/chromium-headless-shell"


def _libraries(root):
    folders = [*(root / "usr/lib").glob("*-linux-gnu*"), *(root / "lib").glob("*-linux-gnu*")]
    return folders + [inner for folder in folders for inner in folder.glob("pulseaudio")]


def _packages(say):
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise AcquireError(f"no browser: none of {', '.join(NAMES)} is on the PATH, and there is no apt-get. Install one, or set TRIBUTARY_CHROMIUM")
    root = cache_dir() / "chromium-debian"
    if _program(root).exists():
        return root
    with lock("chromium-debian", say):
        if _program(root).exists():
            return root
        fresh = cache_dir() / f"chromium-debian.{os.getpid()}.tmp"
        shutil.rmtree(fresh, ignore_errors=True)
        debs = fresh / "debs"
        debs.mkdir(parents=True)
        say("downloading Debian's chromium-headless-shell with apt-get, once: about 100 MB (then cached)")
        try:
            names = _names() or (_run(["apt-get", "-qq", "update"]) and None) or _names()
            if not names:
                raise AcquireError(f"apt has no package {PACKAGE}: install a Chromium, or set TRIBUTARY_CHROMIUM")
            _run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *names], debs)
            for package in debs.glob("*.deb"):
                _run(["dpkg-deb", "-x", str(package), str(fresh)])
            shutil.rmtree(debs)
            shutil.rmtree(root, ignore_errors=True)
            fresh.rename(root)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return root


def _names():
    """The browser, its libraries with theirs, and a font."""
    done = subprocess.run(["apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces",
                           "--no-enhances", PACKAGE], capture_output=True, text=True)
    depends, package = {}, None
    for line in done.stdout.splitlines():
        if re.match(r"\S", line):
            package = line.strip()
        elif found := re.match(r" *\|?Depends: ([^<\s]\S*)$", line):
            depends.setdefault(package, []).append(found[1])
    if PACKAGE not in depends:
        return []
    wanted, open_ = {PACKAGE, *WITH}, [PACKAGE]
    while open_:
        for name in depends.get(open_.pop(), []):
            if name.startswith("lib") and not BASE.match(name) and name not in wanted:
                wanted.add(name)
                open_.append(name)
    return sorted(wanted)


def _run(command, cwd=None):
    try:
        done = subprocess.run(command, cwd=cwd, timeout=SECONDS, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AcquireError(str(error)) from error
    if done.returncode:
        raise AcquireError(f"failed: {' '.join(command)}\n{done.stdout[-2000:]}")
    return True
