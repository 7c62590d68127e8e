#!/usr/bin/env python3
"""`make mutants`: applies each patch to a copy of the tree and sees the test that it names go red.

A patch begins with `# invariant: ...` and `# test: TARGET::PATH` (TARGET is a test target, the name of a crate
for a unit test, such as tributary-core, or pods). A mutant is
caught when the named test ran and failed; one that does not compile or does not apply is an error of the patch, one whose test stays
green is a hole in the tests. All named tests must be green without a patch first. `run.py NAME...` takes only patches with that text.
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


def header(patch):
    fields = dict(re.findall(r"^# (invariant|test): (.+)$", patch.read_text(), re.M))
    target, _, test = fields["test"].strip().partition("::")
    return fields["invariant"].strip(), target, test


def copy_tree(to):
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, files.decode().split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def run_pods(tree, test, env):
    """The same for tests/pods: one installation's life, so everything before the named test runs too. Needs what real pods need."""
    built = subprocess.run(["cargo", "build", "--locked", "--quiet"], cwd=tree, capture_output=True, text=True, env=env)
    command = [sys.executable, "tests/bed/bed.py", "run", "--node", "--", sys.executable, "-m", "unittest", "discover", "-v", "-f", "-s", "tests/pods"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, env=env) if built.returncode == 0 else built
    text = done.stdout + done.stderr
    return re.search(rf"^{test} \(", text, re.M) is not None, re.search(rf"^(FAIL|ERROR): {test} ", text, re.M) is None, text


def run_test(tree, target, test):
    """Whether the test ran, whether it passed, and what it said."""
    unit = target.startswith("tributary")
    cargo = ["cargo", "test", "--locked", "--quiet", *(["--package", target, "--lib"] if unit else ["--test", target]), "--", "--exact", test]
    # A target folder of its own: the same artifact names in the shared one would be mutants for everybody else.
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "tributary/target-mutants"
    env = {**os.environ, "RUST_BACKTRACE": "0", "CARGO_TARGET_DIR": str(cache)}
    if target == "pods":
        return run_pods(tree, test, env)
    bed = [] if unit else [sys.executable, "tests/bed/bed.py", "run", "--"]
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


def check(patches):
    """`run.py --check`: every patch applies. Seconds, for CI; that its test fails is the whole run's matter."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="tributary-mutants-") as folder:
        tree = pathlib.Path(folder) / "tree"
        copy_tree(tree)
        for patch in patches:
            header(patch)
            if error := apply(tree, patch):
                failed += 1
                print(f"  does not apply: {patch.stem}: {error.strip()[:200]}")
            else:
                apply(tree, patch, undo=True)
    print(f"{len(patches) - failed} passed, {failed} failed")
    sys.exit(failed != 0)


def main():
    wanted = [argument for argument in sys.argv[1:] if argument != "--check"]
    if "--check" in sys.argv:
        return check([p for p in sorted(HERE.glob("*.patch")) if not wanted or any(w in p.name for w in wanted)])
    patches = [p for p in sorted(HERE.glob("*.patch")) if not wanted or any(w in p.name for w in wanted)]
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
