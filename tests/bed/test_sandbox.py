"""The namespaces of a node: what is in there is nobody else's, and nothing of it outlives its first process."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

import sandbox
from harness import until

OWNER = """
import sys, time
sys.path.insert(0, sys.argv[1])
import sandbox
sandbox.enter(["sh", "-c", sys.argv[2]])
time.sleep(300)
"""


def unable():
    try:
        sandbox.check()
    except sandbox.Unable as error:
        return str(error)


def running(mark):
    """Processes with that in their arguments, but us."""
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in file.read_bytes().split(b"\0"):
                found.append(int(file.parent.name))
        except OSError:
            pass
    return found


class Sandbox(unittest.TestCase):
    def setUp(self):
        if why := unable():
            self.skipTest(why)
        here = tempfile.TemporaryDirectory()
        self.addCleanup(here.cleanup)
        self.here = pathlib.Path(here.name)
        self.mark = f"7{os.getpid()}"

    def enter(self, shell):
        child = sandbox.enter(["sh", "-c", shell])
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def links_and_mounts(self):
        return subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout.count("bed-bridge"), \
            str(self.here) in pathlib.Path("/proc/self/mountinfo").read_text()

    def test_addresses_and_mounts_are_its_own(self):
        told = self.here / "told"
        child = self.enter(f"mkdir {self.here}/m && ip link add bed-bridge type bridge && mount -t tmpfs none {self.here}/m && touch {self.here}/m/x "
                           f"&& touch {told}; exec tail -f /dev/null")
        until(told.exists)
        self.assertEqual((0, False), self.links_and_mounts())
        self.assertEqual([], list((self.here / "m").iterdir()))
        child.kill()

    def test_all_ends_with_the_first_process(self):
        child = self.enter(f"(setsid sleep {self.mark} &); (setsid sleep {self.mark} &); exec tail -f /dev/null")
        until(lambda: len(running(self.mark)) == 2)
        child.kill()
        until(lambda: not running(self.mark))

    def test_all_ends_with_an_owner_that_is_killed(self):
        owner = subprocess.Popen([sys.executable, "-c", OWNER, str(pathlib.Path(sandbox.__file__).parent),
                                  f"(setsid sleep {self.mark} &); exec tail -f /dev/null"])
        self.addCleanup(owner.wait)
        until(lambda: running(self.mark))
        os.kill(owner.pid, signal.SIGKILL)
        until(lambda: not running(self.mark))

    def test_cgroups_are_cleared_with_what_is_in_them(self):
        name = f"tributary-bed-test-{os.getpid()}"
        self.addCleanup(sandbox.clear, name)
        sandbox.make_cgroups(name)
        for root in sandbox.hierarchies():
            (root / name / "a" / "b").mkdir(parents=True)
        sandbox.clear(name)
        self.assertEqual([], [root for root in sandbox.hierarchies() if (root / name).exists()])
        sandbox.clear(name)


if __name__ == "__main__":
    unittest.main()
