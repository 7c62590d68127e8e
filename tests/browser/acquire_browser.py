"""Chromium's headless shell: of this machine, or Debian's packages unpacked into the cache. Installs and starts nothing."""
import os
import pathlib
import re
import shutil
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "bed"))
from acquire import AcquireError, apt_depends, debian  # noqa: E402

NAMES = ("chromium-headless-shell", "chromium", "google-chrome-stable", "google-chrome")
PACKAGE, WITH = "chromium-headless-shell", ("chromium-common", "fonts-dejavu-core")
# Those that every Debian has, and that must fit its kernel and loader.
BASE = re.compile(r"(libc6|libgcc-s1|libstdc\+\+6|libc-bin|gcc-\d+-base)$")
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
    return debian(say, "chromium-debian", lambda root: _program(root).exists(), _names, "chromium-headless-shell (about 100 MB)", 600)


def _names():
    """The browser, its libraries with theirs, and a font."""
    depends, package = {}, None
    for line in apt_depends(PACKAGE, "--recurse").splitlines():
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
