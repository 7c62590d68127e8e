#!/usr/bin/env python3
"""Test bed: one command that starts a real Kubernetes control plane and stand-ins for AWS and Benchling on loopback, and ends them.

  bed.py up [--state DIR] [--no-aws]                   start, wait until ready, write DIR/bed.json (default DIR: .bed)
  bed.py down [--state DIR]                            end what `up` started, remove DIR
  bed.py run [--state DIR] [--no-aws] -- COMMAND...    up in a fresh directory, run COMMAND, always down; its exit code
  bed.py run --node [--no-aws] -- COMMAND...           the same with a node that runs pods, all in namespaces of its own; 69 where that cannot be
  bed.py prepare                                       only fetch and build, into the cache
  bed.py tools -- COMMAND...                           run COMMAND with the kubectl of the control plane on the PATH, without anything else
  bed.py kill PART... [--state DIR]                    SIGKILL parts of the control plane, as a crash does
  bed.py start PART... [--state DIR]                   start them again as they were; wait for the API server if it is among them
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import acquire
import runtime
import sandbox
import temporary
from acquire import AcquireError
from cloud import Cloud
from cluster import Cluster, get
from node import Node
from parts import PartError, Parts, die_with

sys.path.append(str(acquire.HERE / "postgres"))
import acquire_postgres  # noqa: E402

REPOSITORY = acquire.HERE.parent.parent
TEMPORARY = "tributary-bed-run-"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
UNABLE = os.EX_UNAVAILABLE
ATTEMPTS = 3        # a port that we found free may be taken when the part binds it


class Interrupted(Exception):
    def __init__(self, number):
        super().__init__(signal.Signals(number).name)
        self.number = number


def say(text):
    print(f"bed: {text}", file=sys.stderr, flush=True)


def up(state, aws=True, tied=False, node=None):
    """Start everything; on any failure nothing is left behind. `node`: a Node, only in namespaces of our own."""
    if (state / Parts.MARK).exists():
        old = Parts(state)
        if (state / "bed.json").exists() and old.table and all(old.alive(name) for name in old.table):
            say(f"already up: {state}/bed.json")
            return
        down(state)
    if state.exists() and any(state.iterdir()):
        raise PartError(f"{state} is not empty and not a bed: choose another --state")
    binaries = acquire.binaries(say)
    interpreter = acquire.python(say) if aws else None
    for attempt in range(1, ATTEMPTS + 1):
        began = time.monotonic()
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        parts = Parts(state, tied)
        parts.save()
        try:
            return _start(state, parts, binaries, interpreter, began, node)
        except PartError as error:
            parts.stop()
            shutil.rmtree(state)
            if attempt == ATTEMPTS or "address already in use" not in str(error).lower():
                raise
            say("a port was taken in the meantime, once more with others")
        except BaseException:
            parts.stop()
            shutil.rmtree(state, ignore_errors=True)
            raise


def _start(state, parts, binaries, interpreter, began, node=None):
    say("starting etcd, kube-apiserver, kube-controller-manager" + (", AWS stand-in, journal proxy" if interpreter else "")
        + ": about 10 seconds")
    cluster = Cluster(state, binaries, parts, sandbox.NODE if node else None)
    cloud = Cloud(parts, interpreter, *([sandbox.NODE] if node else [])) if interpreter else None
    cluster.start()
    if node:
        node.start(binaries, parts, cluster)
    if cloud:
        cloud.start()
        cloud.wait()
        say(f"AWS stand-in ready after {time.monotonic() - began:.1f} s: {cloud.url}")
    cluster.wait()
    say(f"control plane ready after {time.monotonic() - began:.1f} s: {cluster.url}")
    if node:
        node.wait()
        say(f"node ready after {time.monotonic() - began:.1f} s")
    description = {
        "kubeconfig": str(cluster.kubeconfig), "apiserver": cluster.url, "bin": str(binaries),
        "aws": cloud.url if cloud else None, "emulator": cloud.emulator if cloud else None,
        "benchling": cloud.benchling if cloud else None, "python": str(interpreter) if interpreter else None,
        "audit": str(cluster.audit), "logs": str(parts.logs), "parts": parts.table, "ctr": node.ctr if node else None}
    fresh = state / ".bed.json"
    fresh.write_text(json.dumps(description, indent=1) + "\n")
    fresh.rename(state / "bed.json")


def down(state):
    """End what was started here and remove the directory. Nothing to do is fine; a directory that is no bed is left alone."""
    if not (state / Parts.MARK).exists():
        return
    Parts(state).stop()
    shutil.rmtree(state)


def start(state, names):
    """Start killed parts again. They are in the table, so that whoever ends the bed ends them too."""
    parts = Parts(state)
    for name in names:
        parts.again(name)
    if "kube-apiserver" in names:
        parts.wait("kube-apiserver", lambda: get(state / "kubeconfig", "/readyz"), 60, restart=lambda: parts.again("kube-apiserver"))


def _raise_on_signal(number, _frame):
    raise Interrupted(number)


@contextlib.contextmanager
def _temporary():
    """A directory that the next run removes if we are killed before we can."""
    temporary.sweep(TEMPORARY, sandbox.clear)
    folder, owner = temporary.make(TEMPORARY)
    with owner:
        try:
            yield folder
        finally:
            _deaf()
            sandbox.clear(folder.name)
            shutil.rmtree(folder, ignore_errors=True)


def _deaf():
    """A second Ctrl-C must not stop the clearing up."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def run(state, aws, command, node=None):
    """up, COMMAND, down. The parts are tied to this process, so even SIGKILL leaves none of them behind."""
    try:
        up(state, aws, tied=True, node=node)
        about = json.loads((state / "bed.json").read_text())
        env = {**os.environ, "TRIBUTARY_BED": str(state / "bed.json"), "KUBECONFIG": about["kubeconfig"],
               "PATH": f"{about['bin']}{os.pathsep}{os.environ.get('PATH', '')}"}
        return _command(command, env)
    finally:
        _deaf()
        down(state)


def run_with_node(folder, aws, command):
    """The same in namespaces of its own. All that needs the network is fetched before we go in there."""
    sandbox.check()
    try:
        acquire.node(say)
        runtime.runtime(say)
        acquire.nft(say)
        if aws:
            acquire_postgres.programs(say)
    except AcquireError as error:
        raise sandbox.Unable(str(error)) from error
    if aws:
        acquire.python(say)
    inside = ["run", "--inside", folder, *([] if aws else ["--no-aws"]), "--", *command]
    child = sandbox.enter([sys.executable, __file__, *inside])
    try:
        return child.wait()
    finally:
        child.kill()
        child.wait()


def _inside(folder, aws, command):
    """Process 1 of the namespaces: when it ends, so does everything in there."""
    scratch = folder / "node"
    sandbox.furnish(scratch)
    try:
        return run(folder / "bed", aws, command, Node(scratch, runtime.runtime(say), folder.name))
    except PartError as error:
        raise sandbox.Unable(f"no node came up: {error}") from error


def _command(command, env):
    # With a terminal the command stays in our group (it may read the keyboard); without, it leads one that we can end whole.
    own_group = not sys.stdin.isatty()
    child = subprocess.Popen(command, env=env, start_new_session=own_group, preexec_fn=die_with(os.getpid()))
    send = (lambda number: _quiet(os.killpg, child.pid, number)) if own_group else (lambda number: _quiet(child.send_signal, number))
    try:
        # Not reaped until its group is ended: so long its number cannot go to anybody else.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    except Interrupted as stop:
        send(stop.number)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            time.sleep(0.05)
        raise
    finally:
        send(signal.SIGKILL)
        code = child.wait()
    return code if code >= 0 else 128 - code


def _quiet(call, *arguments):
    try:
        call(*arguments)
    except (ProcessLookupError, PermissionError):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("up", "down", "run", "prepare", "tools", "kill", "start"))
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--state", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--no-aws", action="store_true")
    parser.add_argument("--node", action="store_true")
    parser.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    ours, command = sys.argv[1:], []
    if "--" in ours:
        cut = ours.index("--")
        ours, command = ours[:cut], ours[cut + 1:]
    chosen = parser.parse_args(ours)
    if (chosen.verb in ("run", "tools")) != bool(command):
        parser.error("run and tools, and only they, take -- COMMAND...")
    if chosen.node and (chosen.verb != "run" or chosen.state):
        parser.error("--node is for run, without --state")
    if (chosen.verb in ("kill", "start")) != bool(chosen.parts):
        parser.error("kill and start, and only they, take PART...")
    for number in SIGNALS:
        signal.signal(number, _raise_on_signal)
    # Of what is written in Go, the compiler and the control plane, a fourth of the CPU time is garbage collection.
    os.environ.setdefault("GOGC", "300")
    default = REPOSITORY / ".bed"
    try:
        if chosen.verb == "run":
            aws = not chosen.no_aws
            if chosen.inside:
                return _inside(chosen.inside, aws, command)
            if chosen.state:
                return run(chosen.state, aws, command)
            with _temporary() as folder:
                return run_with_node(folder, aws, command) if chosen.node else run(folder / "bed", aws, command)
        if chosen.verb == "tools":
            path = f"{acquire.binaries(say)}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            return _command(command, {**os.environ, "PATH": path})
        if chosen.verb == "up":
            up(chosen.state or default, not chosen.no_aws)
            say(f"up: {chosen.state or default}/bed.json")
        elif chosen.verb == "kill":
            for name in chosen.parts:
                Parts(chosen.state or default).kill(name)
        elif chosen.verb == "start":
            start(chosen.state or default, chosen.parts)
        elif chosen.verb == "down":
            down(chosen.state or default)
        else:
            acquire.binaries(say)
            acquire.python(say)
            say("prepared")
        return 0
    except sandbox.Unable as error:
        say(f"no pods on this machine: {error}")
        return UNABLE
    except (AcquireError, PartError, FileNotFoundError) as error:
        say(str(error))
        return 1
    except Interrupted as stop:
        return 128 + stop.number


if __name__ == "__main__":
    sys.exit(main())
