#!/usr/bin/env python3
"""`make mutants`: applies each patch to a copy of the tree and checks that the test that it names fails.

  run.py [TEXT...]      all patches, or those with one of the texts in their name
  run.py --share K/N    every N-th patch, from the K-th on: N machines run all of them
  run.py --check        only checks that each patch names a test that exists and applies to the tree

A patch begins with `# invariant: ...` and `# test: TARGET::PATH`. TARGET is a test target; `lib` for a unit test of the binary's crate;
`api`, `aws`, `core` or another folder of crates/ for a unit test of that crate; or `pods`, `browser`, `gitops`, `installation`, `bed`,
`chart` or `packaging`, tests in Python. A mutant is caught when the named test ran and
failed. One that does not compile or does not apply is an error of the patch, one whose test still passes is a gap in the tests. All named
tests must pass without a patch first.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/mutants"
PYTHON = ("bed", "chart", "packaging")  # folders of tests
LIVES = ("gitops", "installation")      # the same, each in a bed


def header(patch):
    fields = dict(re.findall(r"^# (invariant|test): (.+)$", patch.read_text(), re.M))
    target, _, test = fields["test"].strip().partition("::")
    return fields["invariant"].strip(), target, test


def copy_tree(to):
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, files.decode().split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            # Not with its times: cargo would take a build of newer files for one of these.
            shutil.copy(ROOT / name, to / name)


def run_pods(tree, test, env):
    """The same for tests/pods: one installation's life, so everything before the named test runs too. Needs what real pods need."""
    built = subprocess.run(["cargo", "build", "--locked", "--quiet"], cwd=tree, capture_output=True, text=True, env=env)
    command = [sys.executable, "tests/bed/bed.py", "run", "--node", "--", sys.executable, "-m", "unittest", "discover", "-v", "-f", "-s", "tests/pods"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, env=env) if built.returncode == 0 else built
    text = done.stdout + done.stderr
    return re.search(rf"^{test} \(", text, re.M) is not None, re.search(rf"^(FAIL|ERROR): {test} ", text, re.M) is None, text


def run_python(tree, folder, test):
    """The same for tests in Python, which need nothing that is built."""
    command = [sys.executable, "tests/bed/bed.py", "tools", "--", sys.executable, "-m", "unittest", "discover", "-v", "-s", f"tests/{folder}", "-k", test]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    text = done.stdout + done.stderr
    return re.search(rf"^{test} \(", text, re.M) is not None, done.returncode == 0, text


def run_lives(tree, folder, test, env):
    """The same for tests/gitops and tests/installation: the life of one repository or release, so everything before the named test runs too."""
    built = subprocess.run(["cargo", "build", "--locked", "--quiet", "--workspace"], cwd=tree, capture_output=True, text=True, env=env)
    env = {**env, "TRIBUTARY": f"{env['CARGO_TARGET_DIR']}/debug/tributary"}
    command = [sys.executable, "tests/bed/bed.py", "run", "--", sys.executable, "-m", "unittest", "discover", "-v", "-f", "-s", f"tests/{folder}"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, env=env) if built.returncode == 0 else built
    text = done.stdout + done.stderr
    return re.search(rf"^{test} \(", text, re.M) is not None, re.search(rf"^(FAIL|ERROR): {test} ", text, re.M) is None, text


def run_browser(tree, test, env):
    """The same for tests/browser, one test of it."""
    built = subprocess.run(["cargo", "build", "--locked", "--quiet", "--workspace"], cwd=tree, capture_output=True, text=True, env=env)
    env = {**env, "TRIBUTARY": f"{env['CARGO_TARGET_DIR']}/debug/tributary", "TRIBUTARY_DEMO_STATE": str(tree / ".bed-browser")}
    command = [sys.executable, "tests/browser/run.py", "--only", test]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, env=env) if built.returncode == 0 else built
    text = done.stdout + done.stderr
    return re.search(rf"^{test} \(", text, re.M) is not None, done.returncode == 0, text


def is_unit(target):
    return target == "lib" or (ROOT / "crates" / target / "Cargo.toml").is_file()


def cargo_test(target, *arguments):
    # Always the whole workspace: one package alone has other features, and builds everything again.
    which = ["--lib"] if is_unit(target) else ["--test", target]
    return ["cargo", "test", "--locked", "--quiet", "--workspace", *which, "--", *arguments]


def run_test(tree, target, test):
    """Whether the test ran, whether it passed, and what it said."""
    cargo = cargo_test(target, "--exact", test)
    # A target folder of its own: the same artifact names in the shared one would be mutants for everybody else.
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "tributary/target-mutants"
    env = {**os.environ, "RUST_BACKTRACE": "0", "CARGO_TARGET_DIR": str(cache)}
    if target == "pods":
        return run_pods(tree, test, env)
    if target in PYTHON:
        return run_python(tree, target, test)
    if target in LIVES:
        return run_lives(tree, target, test, env)
    if target == "browser":
        return run_browser(tree, test, env)
    bed = [] if is_unit(target) else [sys.executable, "tests/bed/bed.py", "run", "--"]
    done = subprocess.run([*bed, *cargo], cwd=tree, capture_output=True, text=True, env=env)
    text = done.stdout + done.stderr
    ran = re.search(r"^running ([1-9]\d*) tests?$", text, re.M) is not None
    return ran, done.returncode == 0, text


def touch(tree, patch):
    """Cargo looks at times; a patch undone within the same second must be seen."""
    for name in re.findall(r"^\+\+\+ b/(.+)$", patch.read_text(), re.M):
        os.utime(tree / name.split("\t")[0])


def apply(tree, patch, *, undo=False):
    done = subprocess.run(["patch", "-p1", "--no-backup-if-mismatch", "-s", *(["-R"] if undo else []), "-i", str(patch)], cwd=tree, capture_output=True, text=True)
    if done.returncode == 0:
        touch(tree, patch)
    return done.stdout + done.stderr if done.returncode else ""


def names(target):
    """Tests of a target."""
    if target in ("pods", "browser", *LIVES, *PYTHON):
        return set(re.findall(r"def (test_\w+)", "".join(path.read_text() for path in (ROOT / "tests" / target).glob("test_*.py"))))
    if is_unit(target):
        # The list of each crate comes behind a line with the path of its program.
        crate = "tributary" if target == "lib" else f"tributary_{target}"
        command = [word for word in cargo_test(target, "--list") if word != "--quiet"]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lists = [text for text in done.stdout.split("Running unittests ")[1:] if re.match(rf"\S+ \(\S*/{crate}-[0-9a-f]+\)", text)]
        return set(re.findall(r"^(\S+): test$", "".join(lists), re.M))
    done = subprocess.run(cargo_test(target, "--list"), cwd=ROOT, check=True, capture_output=True, text=True)
    return set(re.findall(r"^(\S+): test$", done.stdout, re.M))


def check():
    wrong, known = 0, {}
    for patch in sorted(HERE.glob("*.patch")):
        _, target, test = header(patch)
        if target not in known:
            known[target] = names(target)
        if test not in known[target]:
            print(f"{patch.name}: no test {target}::{test}")
            wrong += 1
        done = subprocess.run(["patch", "-p1", "--dry-run", "-s", "-i", str(patch)], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            print(f"{patch.name}: does not apply: {done.stdout.strip()[:200]}")
            wrong += 1
    sys.exit(wrong > 0)


def main():
    if sys.argv[1:] == ["--check"]:
        check()
    wanted, share, of = sys.argv[1:], 1, 1
    if wanted[:1] == ["--share"]:
        share, of = map(int, wanted[1].split("/"))
        wanted = wanted[2:]
    patches = [p for p in sorted(HERE.glob("*.patch")) if not wanted or any(w in p.name for w in wanted)][share - 1::of]
    if not patches:
        sys.exit("mutants: no patch")
    rows, seen = [], {}
    with tempfile.TemporaryDirectory(prefix="tributary-mutants-") as folder:
        tree = pathlib.Path(folder) / "tree"
        copy_tree(tree)
        print(f"mutants: {len(patches)} patches, each builds and runs one test: about {len(patches) // 2 + 2} minutes", flush=True)
        for patch in patches:
            start = time.monotonic()
            invariant, target, test = header(patch)
            if (target, test) not in seen:
                seen[target, test] = run_test(tree, target, test)
            ran, green, text = seen[target, test]
            if not ran or not green:
                outcome = "ERROR: the test is not green without the patch" if ran else "ERROR: no such test"
                print(text[-2000:])
            elif error := apply(tree, patch):
                outcome = f"ERROR: does not apply: {error.strip()[:200]}"
            else:
                ran, green, text = run_test(tree, target, test)
                outcome = "ERROR: does not compile" if not ran else ("SURVIVED" if green else "caught")
                if not ran:
                    print(text[-2000:])
                apply(tree, patch, undo=True)
            rows.append({"mutant": patch.stem, "invariant": invariant, "test": f"{target}::{test}", "outcome": outcome})
            print(f"  {outcome:10} {patch.stem} ({target}::{test}, {time.monotonic() - start:.0f} s)", flush=True)
    if out := os.environ.get("TRIBUTARY_MUTANTS_JSON"):
        pathlib.Path(out).write_text(json.dumps(rows, indent=1))
    caught = sum(row["outcome"] == "caught" for row in rows)
    print(f"\n{caught} passed, {len(rows) - caught} failed")
    sys.exit(caught != len(rows))


if __name__ == "__main__":
    main()
