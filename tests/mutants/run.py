#!/usr/bin/env python3
"""`make mutants`: applies each patch to a copy of the tree and checks that the test that it names fails.

  run.py [TEXT...]      all patches, or those with one of the texts in their name
  run.py --share K/N    every N-th patch, from the K-th on: N machines run all of them
  run.py --together ... first finds as many as it can with several patches in one build (groups.py): a fraction of the time
  run.py --unseen ...   only those that record.json does not have as caught
  run.py --check        only checks that each patch names a test that exists and applies to the tree

A patch begins with `# invariant: ...` and `# test: TARGET::PATH`. TARGET is a test target; `lib` for a unit test of the binary's crate;
`api`, `aws`, `core` or another folder of crates/ for a unit test of that crate; or `pods`, `browser`, `gitops`, `installation`, `bed`,
`chart` or `packaging`, tests in Python. A mutant is caught when the named test ran and
failed. One that does not compile or does not apply is an error of the patch, one whose test still passes is a gap in the tests. All named
tests must pass without a patch first.
"""
import argparse
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import record
from groups import SMALLEST, find_caught

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/mutants"
RECORD = HERE / "record.json"
PYTHON = ("bed", "chart", "packaging")  # folders of tests
LIVES = ("gitops", "installation")      # the same, each in a bed
NO_BED = ("cli", "generated", "properties", "structure")  # targets of the binary's crate without one; those of other crates need none
ENDLESS = 300                           # seconds after which a test has failed
ENDLESS_BED = 900                       # the same for all tests of a group in one bed


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


def crate_of(target):
    """The folder of the crate that has a target which needs no bed; `None` for others."""
    if target == "lib" or target in NO_BED:
        return ROOT
    if is_unit(target):
        return ROOT / "crates" / target
    return next((path.parents[1] for path in ROOT.glob(f"crates/*/tests/{target}.rs")), None)


def is_compiled(target):
    """Whether it is a target of cargo's, with a bed or without."""
    return target not in ("pods", "browser", *LIVES, *PYTHON)


def cargo_test(target, *arguments):
    crate = crate_of(target) or ROOT
    # One package alone has other features, so its dependencies are built once more. That is less than each build of the crates above it.
    package = ["--workspace"] if crate == ROOT else ["-p", f"tributary-{crate.name}"]
    which = ["--lib"] if is_unit(target) else ["--test", target]
    return ["cargo", "test", "--locked", "--quiet", *package, *which, *arguments]


def environment():
    # A target folder of its own: the same artifact names in the shared one would be mutants for everybody else.
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "tributary/target-mutants"
    return {**os.environ, "RUST_BACKTRACE": "0", "CARGO_TARGET_DIR": str(cache)}


def run_test(tree, target, test):
    """Whether the test ran, whether it passed, and what it said."""
    cargo = cargo_test(target, "--", "--exact", test)
    env = environment()
    if target == "pods":
        return run_pods(tree, test, env)
    if target in PYTHON:
        return run_python(tree, target, test)
    if target in LIVES:
        return run_lives(tree, target, test, env)
    if target == "browser":
        return run_browser(tree, test, env)
    bed = [] if crate_of(target) else [sys.executable, "tests/bed/bed.py", "run", "--"]
    done = subprocess.run([*bed, *cargo], cwd=tree, capture_output=True, text=True, env=env)
    text = done.stdout + done.stderr
    ran = re.search(r"^running ([1-9]\d*) tests?$", text, re.M) is not None
    return ran, done.returncode == 0, text


def changed(patch):
    """The files that a patch changes."""
    return [name.split("\t")[0] for name in re.findall(r"^\+\+\+ b/(.+)$", patch.read_text(), re.M)]


def touch(tree, patch):
    """Cargo looks at times; a patch undone within the same second must be seen."""
    for name in changed(patch):
        os.utime(tree / name)


def apply(tree, patch, *, undo=False, fuzz=2):
    command = ["patch", "-p1", "--no-backup-if-mismatch", "-s", f"-F{fuzz}", *(["-R"] if undo else []), "-i", str(patch)]
    # First dry: of several files, none or all are changed.
    for how in (["--dry-run"], []):
        done = subprocess.run([*command, *how], cwd=tree, capture_output=True, text=True)
        if done.returncode:
            return done.stdout + done.stderr
    touch(tree, patch)
    return ""


def build_test(tree, target):
    """The program of a target, or the files of which the compiler reports errors."""
    done = subprocess.run(cargo_test(target, "--no-run", "--message-format=json"), cwd=tree, capture_output=True, text=True, env=environment())
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        errors = [message["message"] for message in messages if message.get("message", {}).get("level") == "error"]
        return None, {span["file_name"] for error in errors for span in error["spans"]}
    tests = [message for message in messages if message.get("executable") and message["profile"]["test"]]
    folder = (tree / (crate_of(target) or ROOT).relative_to(ROOT)).resolve()
    return next(test["executable"] for test in tests if pathlib.Path(test["manifest_path"]).resolve().parent == folder), set()


def verdicts(text, tests):
    """Whether each of the tests passed. One of which libtest says nothing, because the process ended or hung, did not."""
    passed = set(re.findall(r"^test (\S+) \.\.\. ok$", text, re.M))
    return {test: test in passed for test in tests}


def pass_in_a_bed(tree, program, tests):
    """Whether each of the tests passed, all in one bed."""
    env = {**environment(), "CARGO_MANIFEST_DIR": str(tree), "RUST_TEST_THREADS": "6"}
    command = [sys.executable, "tests/bed/bed.py", "run", "--", program, "--exact", *tests]
    with subprocess.Popen(command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env) as bed:
        # It ends the tests and its own parts when it is told to.
        timer = threading.Timer(ENDLESS_BED, bed.terminate)
        timer.start()
        text = bed.stdout.read()
        timer.cancel()
    return verdicts(text, tests)


def passes(program, folder, test):
    """Whether it ran and passed. Cargo starts tests in the folder of their crate."""
    env = {**environment(), "CARGO_MANIFEST_DIR": str(folder)}
    try:
        done = subprocess.run([program, "--exact", test], cwd=folder, capture_output=True, text=True, env=env, timeout=ENDLESS)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and re.search(r"^running 1 test$", done.stdout, re.M) is not None


def run_together(tree, target):
    """The builds of `find_caught`: which patches stand in the way of a build, or whose tests pass in it."""
    def run_build(patches, of):
        applied, refused = [], []
        for patch in patches:
            # Exactly: a patch that needs fuzz could end up elsewhere because of another one.
            (refused if apply(tree, patch, fuzz=0) else applied).append(patch)
        program, files = build_test(tree, target) if not refused else (None, set())
        for patch in reversed(applied):
            apply(tree, patch, undo=True, fuzz=0)
        if program:
            folder = tree / (crate_of(target) or ROOT).relative_to(ROOT)
            test_of = {patch: header(patch)[2] for patch in of}
            if crate_of(target):
                results = {patch: passes(program, folder, test) for patch, test in test_of.items()}
            else:
                of_test = pass_in_a_bed(tree, program, sorted(set(test_of.values())))
                results = {patch: of_test[test] for patch, test in test_of.items()}
            print(f"  {target}: {len(applied)} of {len(of)} patches in one build: {sum(not green for green in results.values())} tests fail", flush=True)
            return results, []
        # Without a file of a patch in the errors, any of them can be the cause.
        return {}, refused or [patch for patch in applied if files & set(changed(patch))] or applied
    return run_build


@functools.cache
def listed():
    """Tests of all programs, by program, from one run of cargo: what costs time is that it compares the times of all sources."""
    command = ["cargo", "test", "--locked", "--workspace", "--lib", "--bins", "--tests", "--", "--list"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    tests = {}
    # The list of each program comes behind a line with its path.
    for text in re.split(r"^ +Running ", done.stdout, flags=re.M)[1:]:
        if not text.startswith("unittests ") or text.startswith("unittests src/lib.rs "):
            tests[re.match(r".* \(\S*/(\w+)-[0-9a-f]+\)", text)[1]] = set(re.findall(r"^(\S+): test$", text, re.M))
    return tests


def names(target):
    """Tests of a target."""
    if not is_compiled(target):
        return set(re.findall(r"def (test_\w+)", "".join(path.read_text() for path in (ROOT / "tests" / target).glob("test_*.py"))))
    program = target if not is_unit(target) else "tributary" if target == "lib" else f"tributary_{target}"
    return listed().get(program, set())


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


class Outcomes:
    """The rows of this run, which go into record.json one by one: a run that is interrupted keeps what it has."""
    def __init__(self):
        self.rows = []
        self._record = record.load(RECORD)
        describe = ["git", "describe", "--always", "--dirty", "--exclude=*"]
        self._commit = subprocess.run(describe, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    def add(self, patch, outcome):
        invariant, target, test = header(patch)
        self.rows.append({"mutant": patch.stem, "invariant": invariant, "test": f"{target}::{test}", "outcome": outcome})
        record.add(self._record, patch, outcome, self._commit)
        record.write(RECORD, self._record, HERE.glob("*.patch"))


def find_together(tree, patches, outcomes):
    """Those that are caught with several of them in one build."""
    by_target, found = {}, set()
    for patch in patches:
        by_target.setdefault(header(patch)[1], []).append(patch)
    for target, group in by_target.items():
        if is_compiled(target) and len(group) >= SMALLEST:
            of_target = find_caught(group, lambda patch: header(patch)[2], run_together(tree, target))
            print(f"  {target}: {len(of_target)} of {len(group)} caught together", flush=True)
            found.update(of_target)
            for patch in of_target:
                outcomes.add(patch, "caught")
    return found


def run_alone(tree, patch, seen):
    """The outcome of one patch. `seen`: what the tests said without a patch."""
    _, target, test = header(patch)
    if (target, test) not in seen:
        seen[target, test] = run_test(tree, target, test)
    ran, green, text = seen[target, test]
    if not ran or not green:
        print(text[-2000:])
        return "ERROR: the test is not green without the patch" if ran else "ERROR: no such test"
    if error := apply(tree, patch):
        return f"ERROR: does not apply: {error.strip()[:200]}"
    ran, green, text = run_test(tree, target, test)
    apply(tree, patch, undo=True)
    if not ran:
        print(text[-2000:])
        return "ERROR: does not compile"
    return "SURVIVED" if green else "caught"


def parsed(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="*", metavar="TEXT")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--unseen", action="store_true")
    parser.add_argument("--share", default="1/1", metavar="K/N")
    return parser.parse_args(arguments)


def chosen(options):
    """The patches to run."""
    share, of = map(int, options.share.split("/"))
    patches = [p for p in sorted(HERE.glob("*.patch")) if not options.texts or any(text in p.name for text in options.texts)]
    if options.unseen:
        known = record.load(RECORD)
        patches = [patch for patch in patches if not record.is_caught(known, patch)]
    return patches[share - 1::of]


def main():
    options = parsed(sys.argv[1:])
    if options.check:
        check()
    patches = chosen(options)
    if not patches:
        sys.exit("mutants: no patch")
    outcomes, seen = Outcomes(), {}
    with tempfile.TemporaryDirectory(prefix="tributary-mutants-") as folder:
        tree = pathlib.Path(folder) / "tree"
        copy_tree(tree)
        print(f"mutants: {len(patches)} patches, each builds and runs one test: about {len(patches) // 2 + 2} minutes", flush=True)
        caught_together = find_together(tree, patches, outcomes) if options.together else set()
        for patch in (patch for patch in patches if patch not in caught_together):
            start = time.monotonic()
            outcome = run_alone(tree, patch, seen)
            outcomes.add(patch, outcome)
            print(f"  {outcome:10} {patch.stem} ({'::'.join(header(patch)[1:])}, {time.monotonic() - start:.0f} s)", flush=True)
    rows = outcomes.rows
    if out := os.environ.get("TRIBUTARY_MUTANTS_JSON"):
        pathlib.Path(out).write_text(json.dumps(rows, indent=1))
    caught = sum(row["outcome"] == "caught" for row in rows)
    print(f"\n{caught} passed, {len(rows) - caught} failed")
    sys.exit(caught != len(rows))


if __name__ == "__main__":
    main()
