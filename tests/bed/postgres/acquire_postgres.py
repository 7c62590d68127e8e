"""PostgreSQL's programs: of this machine, or Debian's packages unpacked into the cache. Installs and starts nothing."""
import os
import pathlib
import re
import shutil
import stat
import tempfile

from acquire import AcquireError, apt_depends, debian, lock

NEEDED = ("initdb", "postgres", "psql")


class Programs:
    def __init__(self, initdb, postgres, psql, env):
        self.initdb, self.postgres, self.psql, self.env = initdb, postgres, psql, env


def _found(folders, env):
    """The first folder that has the server, and a psql from anywhere."""
    for folder in folders:
        # A link elsewhere, such as in /usr/local/bin, leads to where its neighbours are.
        place = (folder / "postgres").resolve().parent
        if all(os.access(place / name, os.X_OK) for name in ("initdb", "postgres")):
            psql = place / "psql" if os.access(place / "psql", os.X_OK) else shutil.which("psql")
            if psql:
                return Programs(place / "initdb", place / "postgres", psql, env)
    return None


def _newest(folder):
    return sorted(folder.glob("*/bin"), key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0), reverse=True)


def programs(say):
    chosen = os.environ.get("TRIBUTARY_POSTGRES_BIN")
    on_path = [pathlib.Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    machine = ([pathlib.Path(chosen)] if chosen else []) + on_path + _newest(pathlib.Path("/usr/lib/postgresql"))
    if os.environ.get("TRIBUTARY_POSTGRES_FETCH") != "1" and (found := _found(machine, {})):
        return found
    root = _public(_packages(say), say)
    found = _found(_newest(root / "usr/lib/postgresql"), {"LD_LIBRARY_PATH": os.pathsep.join(map(str, _libraries(root)))})
    if not found:
        raise AcquireError("Debian's packages lack one of " + ", ".join(NEEDED))
    return found


def _public(root, say):
    """Root runs the server as `nobody`, who may not go into root's home: then a copy of the programs, where everybody may go."""
    if os.getuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in (root, *root.parents)):
        return root
    copy = pathlib.Path(tempfile.gettempdir()) / f"tributary-postgres-{_newest(root / 'usr/lib/postgresql')[0].parent.name}-programs"
    with lock("postgres-copy", say):
        if not copy.exists():
            fresh = pathlib.Path(tempfile.mkdtemp(prefix="tributary-postgres-copy-"))
            shutil.copytree(root, fresh, symlinks=True, dirs_exist_ok=True)
            fresh.chmod(0o755)
            fresh.rename(copy)
        about = copy.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != 0 or about.st_mode & 0o022:
            raise AcquireError(f"{copy} is not ours: remove it, or set TRIBUTARY_POSTGRES_BIN")
    return copy


def _libraries(root):
    return [path for path in (root / "usr/lib").glob("*-linux-gnu*")] + [path for path in (root / "lib").glob("*-linux-gnu*")]


def _packages(say):
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise AcquireError("no PostgreSQL on the PATH or in /usr/lib/postgresql, and no apt-get to fetch it with; or set TRIBUTARY_POSTGRES_BIN")
    return debian(say, "postgres-debian", lambda root: bool(_newest(root / "usr/lib/postgresql")), _names, "postgresql")


def _names():
    """Server and client, with the libraries that they are linked with. LLVM is for JIT, which is off."""
    server = _depends("postgresql", r"postgresql-\d+$")
    if not server:
        return []
    client = server[0].replace("postgresql-", "postgresql-client-")
    needed = {server[0], client}
    for package in (server[0], client):
        needed.update(name for name in _depends(package, r"lib") if not name.startswith(("libllvm", "libc6", "libc-", "libgcc", "libstdc++")))
    for package in [name for name in needed if name.startswith("lib")]:
        needed.update(name for name in _depends(package, r"lib(icu|ldap|sasl|lz4|gssapi|krb5|k5crypto|keyutils|com-err)"))
    return sorted(needed)


def _depends(package, pattern):
    return [m[1] for m in re.finditer(r"^ *\|?Depends: (\S+)$", apt_depends(package), re.M) if re.match(pattern, m[1])]
