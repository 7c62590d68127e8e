#!/usr/bin/env python3
"""`make test`: runs all tests side by side and prints a summary of each part and of all.

  run.py            run every part of the table below
  run.py TEXT...    run the parts whose title has one of the texts, and what they come after

End-to-end tests wait more than they compute: for leases, grace periods, polls and processes that start. So
several parts run at once, the longest first, each with a test bed of its own, as far as the processors go.
The output of a part is printed in one block when the part ends.

Environment:
  TRIBUTARY_LANES      parts that may run at the same time. Defaults to 4; 1 runs one after the other
  TRIBUTARY_NO_PODS=1  leave the real pods out, and say so
  RUST_TEST_THREADS    tests of one target that run at the same time. Defaults to 6
"""
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests/bed"))
import build_cache  # noqa: E402
from parts import die_with  # noqa: E402

PYTHON = sys.executable
BED = (PYTHON, "tests/bed/bed.py")
# Always the whole workspace: with fewer packages cargo may choose other features of their dependencies, and build again.
CARGO_TEST = ("cargo", "test", "--locked", "--workspace")
BENCHES = ("--bench", "rules", "--bench", "burst")
SMALL = {"BENCH_PARTS": "rules,observe,gateway", "BENCH_RULES": "20", "BENCH_WEBHOOKS_SECONDS": "1", "BENCH_EVENTS": "200"}
EVERYTHING = ("*",)         # in `after`: every other part
UNABLE = os.EX_UNAVAILABLE  # bed.py: this machine cannot run pods; browser/run.py: it has no browser
PROGRESS = 60               # seconds between two lines that say what is running
GRACE = 30                  # seconds that a part has to clean up when the run is interrupted


@dataclasses.dataclass(frozen=True)
class Part:
    title: str
    command: tuple
    # Processors that it keeps busy on average. The parts that run at the same time share the machine's
    # processors by these numbers. A part that asserts on elapsed time takes more than it uses.
    load: float
    # How long it takes. Only the order follows from it: longest first.
    seconds: int
    after: tuple = ("test bed", "build")
    env: dict = dataclasses.field(default_factory=dict)
    # The exit code 69 means that this machine cannot run the part. That is no failure, but it is reported.
    optional: bool = False


def end_to_end(target, load, seconds):
    return Part(f"end to end: {target}", (*BED, "run", "--", *CARGO_TEST, "--test", target), load, seconds)


def parts(scratch):
    """The table of parts. Both numbers were measured with nothing else running on two cores."""
    binary = {"TRIBUTARY": f"{os.environ.get('CARGO_TARGET_DIR', 'target')}/debug/tributary"}

    def demo(title, verb, load, seconds):
        state = {"TRIBUTARY_DEMO_STATE": str(scratch / f"demo-{verb}")}
        return Part(title, (PYTHON, "tests/demo/demo.py", verb), load, seconds, env=binary | state)

    return [
        # Both take as long as this only when their caches are empty.
        Part("test bed", (*BED, "prepare"), 1, 420, after=()),
        Part("build", (*CARGO_TEST, "--no-run", "--bins", "--lib", "--tests", *BENCHES), 1, 360, after=()),
        Part("format", ("cargo", "fmt", "--all", "--check"), 0.5, 5, after=()),
        Part("tests of the bed", (PYTHON, "-m", "unittest", "discover", "-s", "tests/bed"), 0.5, 25, env=binary),
        # The first time, it builds promtool, kube-score, operator-verify and the program that judges health, and installs checkov.
        Part("chart", (*BED, "tools", "--", PYTHON, "-m", "unittest", "discover", "-s", "tests/chart"), 1, 230, after=("test bed",)),
        Part("packaging and documentation site", (PYTHON, "-m", "unittest", "discover", "-s", "tests/packaging"), 0.5, 60, after=()),
        Part("unit tests", (*CARGO_TEST, "--lib", "--bins"), 1, 20, after=("build",)),
        Part("event patterns", (*CARGO_TEST, "--test", "pattern_cases", "--test", "pattern_hostile_input", "--test", "transform_cases", "--test", "fuzz"), 1, 10, after=("build",)),
        Part("command line", (*BED, "tools", "--", *CARGO_TEST, "--test", "cli"), 1, 10),
        Part("generated files", (*CARGO_TEST, "--test", "generated"), 0.5, 5, after=("build",)),
        Part("structure", (*CARGO_TEST, "--test", "structure"), 0.5, 5, after=("build",)),
        Part("mutants apply", (PYTHON, "tests/mutants/run.py", "--check"), 0.5, 20, after=("build",)),
        Part("properties of the plans, memory of objects", (*CARGO_TEST, "--test", "properties", "--test", "memory"), 1, 30, after=("build",)),
        end_to_end("crash", 1, 1000),
        end_to_end("e2e", 0.75, 350),
        end_to_end("sinks", 0.75, 185),
        end_to_end("commands", 0.75, 120),
        end_to_end("subscription", 0.5, 100),
        end_to_end("gateway", 1, 80),
        end_to_end("sync", 0.5, 60),
        end_to_end("hostile", 1, 300),
        end_to_end("leader", 1, 100),
        end_to_end("apiserver", 0.5, 60),
        end_to_end("isolation", 0.5, 60),
        # Not their times, which a debug build and the other parts make worthless: that they run, with the chart's rights.
        Part("benchmark of the operator, short form", (*BED, "run", "--no-aws", "--", *CARGO_TEST, "--bench", "rules"), 1, 90, env=SMALL),
        Part("benchmark of sync, short form", (*BED, "run", "--", *CARGO_TEST, "--bench", "burst"), 0.5, 30, env=SMALL),
        # The first time, it builds Flux's kustomize-controller.
        Part("promotion by Flux", (*BED, "run", "--", PYTHON, "-m", "unittest", "discover", "-s", "tests/gitops"), 0.5, 210, env=binary),
        Part("life of a release", (*BED, "run", "--", PYTHON, "-m", "unittest", "discover", "-s", "tests/installation"), 0.5, 180, env=binary),
        Part("real pods", (*BED, "run", "--node", "--", PYTHON, "-m", "unittest", "discover", "-s", "tests/pods"), 0.5, 110, optional=True),
        Part("page in a browser", (PYTHON, "tests/browser/run.py"), 1, 90, env=binary | {"TRIBUTARY_DEMO_STATE": str(scratch / "demo-browser")}, optional=True),
        demo("demo and examples", "check", 0.5, 60),
        demo("a signed webhook becomes a row", "webhook", 0.5, 60),
        Part("rights: none missing, none unexplained", (*CARGO_TEST, "--test", "generated", "--", "--ignored"), 1, 5, after=EVERYTHING),
    ]


@dataclasses.dataclass
class Result:
    part: Part
    passed: int
    failed: int
    seconds: float = 0
    cpu: float = 0
    missing: list = dataclasses.field(default_factory=list)

    def __str__(self):
        return f"== {self.part.title}: {self.passed} passed, {self.failed} failed, {self.seconds:.0f} s"


def counts(text):
    """Passed and failed, as cargo test ("test result: ok. 3 passed; 0 failed") and unittest ("Ran 66 tests", "FAILED (failures=1)") say."""
    passed = sum(int(n) for n in re.findall(r"^test result:\D*(\d+) passed", text, re.M))
    failed = sum(int(n) for n in re.findall(r"^test result:.* (\d+) failed", text, re.M))
    ran = sum(int(n) for n in re.findall(r"^Ran (\d+) tests?", text, re.M))
    wrong = skipped = 0
    for verdict in re.findall(r"^(?:OK|FAILED) \((.+)\)", text, re.M):
        found = {key: int(n) for key, n in re.findall(r"(\w+)=(\d+)", verdict)}
        skipped += found.pop("skipped", 0)
        wrong += sum(found.values())
    return passed + ran - skipped - wrong, failed + wrong


class Running:
    """A part that was started. Leads a process group; its output goes to a file."""

    def __init__(self, part, number, scratch):
        self.part, self.began, self.log = part, time.monotonic(), scratch / f"part-{number}.log"
        parent = os.getpid()

        def prepare():
            signal.signal(signal.SIGINT, signal.default_int_handler)
            die_with(parent, signal.SIGINT)()
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(part.command, cwd=ROOT, env=os.environ | part.env, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, start_new_session=True, preexec_fn=prepare)

    def result(self):
        """None while it runs."""
        if not os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            return None
        # It is not reaped yet, so nobody else can have its number: what it left in its group is ended.
        self.signal(signal.SIGKILL)
        _, status, usage = os.wait4(self.child.pid, 0)
        code = self.child.returncode = os.waitstatus_to_exitcode(status)
        text = self.log.read_text(errors="replace")
        missing = []
        if code == UNABLE and self.part.optional:
            why = re.search(r"(?:bed: no pods|browser: no browser) on this machine: (.*(?:\n.*){0,2})", text)
            missing = [f"NOT RUN: {self.part.title}. This machine cannot: {' '.join(why[1].split()) if why else 'see its output'}"]
            text, code = f"{text.rstrip()}\n{missing[0]}\n", 0
        passed, failed = counts(text)
        if code and not failed:
            failed = 1
        if not code and not passed and not missing:
            passed = 1
        print(f"== {self.part.title}\n{text.rstrip()}", flush=True)
        return Result(self.part, passed, failed, time.monotonic() - self.began, usage.ru_utime + usage.ru_stime, missing)

    def signal(self, number):
        try:
            os.killpg(self.child.pid, number)
        except ProcessLookupError:
            pass


class Run:
    def __init__(self, table, scratch):
        self.waiting = sorted(table, key=lambda part: -part.seconds)
        self.scratch, self.running, self.results, self.count = scratch, [], [], 0
        self.lanes = int(os.environ.get("TRIBUTARY_LANES") or 4)
        self.processors = len(os.sched_getaffinity(0))

    def end(self, result):
        self.results.append(result)
        print(result, flush=True)

    def due(self, part):
        """Whether all parts that it comes after have ended."""
        if part.after == EVERYTHING:
            return len(self.waiting) == 1 and not self.running
        left = [*self.waiting, *(running.part for running in self.running)]
        return not any(before(part, other) for other in left)

    def blocked(self, part):
        """The failed part without which this one cannot run."""
        return next((r.part for r in self.results if r.failed and before(part, r.part)), None)

    def start(self):
        """Starts what is due and has room, the longest first."""
        for part in list(self.waiting):
            if not self.due(part):
                continue
            used = sum(running.part.load for running in self.running)
            room = len(self.running) < self.lanes and used + part.load <= self.processors
            if self.running and not room:
                continue
            self.waiting.remove(part)
            if first := self.blocked(part):
                print(f"== {part.title}\nnot started: {first.title} failed")
                self.end(Result(part, 0, 1))
                continue
            self.count += 1
            self.running.append(Running(part, self.count, self.scratch))
            print(f"-- started: {part.title} (about {part.seconds} s)", flush=True)

    def all(self):
        said = time.monotonic()
        while self.waiting or self.running:
            self.start()
            time.sleep(0.1)
            for running in list(self.running):
                if result := running.result():
                    self.running.remove(running)
                    self.end(result)
                    said = time.monotonic()
            if self.running and time.monotonic() - said > PROGRESS:
                said = time.monotonic()
                print("-- running: " + ", ".join(f"{r.part.title} ({said - r.began:.0f} s)" for r in self.running), flush=True)

    def interrupt(self):
        """Ends what was started, and nothing else. A part may tidy up first: its bed, its demo."""
        for number, seconds in ((signal.SIGINT, GRACE), (signal.SIGKILL, 5)):
            deadline = time.monotonic() + seconds
            for running in self.running:
                running.signal(number)
            while self.running and time.monotonic() < deadline:
                self.running = [running for running in self.running if not running.result()]
                time.sleep(0.1)


def before(part, other):
    return other.title in part.after


def chosen(table, texts):
    """The parts with one of the texts in their title, and what they come after."""
    wanted = [part for part in table if not texts or any(text in part.title for text in texts)]
    return [part for part in table if part in wanted or any(before(other, part) for other in wanted)]


def summary(results, seconds):
    """What each part took; and the bare minimum, which is what all of them computed on every processor at once."""
    wide = max(len(result.part.title) for result in results)
    print(f"\n{'part':{wide}} {'wall, s':>8} {'CPU, s':>8} {'CPU/wall':>8}")
    for result in sorted(results, key=lambda result: -result.seconds):
        print(f"{result.part.title:{wide}} {result.seconds:8.0f} {result.cpu:8.0f} {result.cpu / max(result.seconds, 1):8.2f}")
    print(f"{'all':{wide}} {seconds:8.0f} {sum(r.cpu for r in results):8.0f} {sum(r.cpu for r in results) / max(seconds, 1):8.2f}")


def main():
    os.environ.setdefault("RUST_TEST_THREADS", "6")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        claim = build_cache.claim(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    except build_cache.InUse as error:
        print(f"tests: {error}", flush=True)
        return 1
    scratch, began = pathlib.Path(tempfile.mkdtemp(prefix="tributary-tests-")), time.monotonic()
    try:
        # Rows of the reliability report, in their short form; kinds of AWS calls that the operator made, of all parts together.
        os.environ.update(TRIBUTARY_REPORT=str(scratch / "rows"), TRIBUTARY_ACTIONS=str(scratch / "actions"))
        table, missing = chosen(parts(scratch), sys.argv[1:]), []
        if os.environ.get("TRIBUTARY_NO_PODS") == "1" and (pods := [part for part in table if part.title == "real pods"]):
            table, missing = [part for part in table if part not in pods], [f"NOT RUN: {p.title}. TRIBUTARY_NO_PODS is set" for p in pods]
        run = Run(table, scratch)
        try:
            run.all()
        except KeyboardInterrupt:
            print("\ninterrupted: ending what was started", flush=True)
            run.interrupt()
            return 130
        if (scratch / "rows").is_dir():
            print(flush=True)
            subprocess.run([PYTHON, "tests/reliability.py", "show", str(scratch / "rows")], cwd=ROOT)
        summary(run.results, time.monotonic() - began)
        passed, failed = sum(r.passed for r in run.results), sum(r.failed for r in run.results)
        print("\n" + "".join(f"{line}\n" for line in [*missing, *(line for r in run.results for line in r.missing)]), end="")
        print(f"{passed} passed, {failed} failed", flush=True)
        return int(failed > 0)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        claim.close()


if __name__ == "__main__":
    sys.exit(main())
