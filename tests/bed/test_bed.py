"""The bed's own housekeeping: it ends what it started, nothing else, and nothing outlives it. No control plane needed."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

import bed
from harness import until
from parts import Parts, start_time

STARTER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from parts import Parts
parts = Parts(sys.argv[2], tied=True)
parts.start("sleeper", ["sleep", "300"])
print(parts.table["sleeper"]["pid"], flush=True)
time.sleep(300)
"""


class Housekeeping(unittest.TestCase):
    def setUp(self):
        here = tempfile.TemporaryDirectory()
        self.addCleanup(here.cleanup)
        self.state = pathlib.Path(here.name)

    def sleeper(self):
        child = subprocess.Popen(["sleep", "300"], start_new_session=True)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def test_stop_ends_the_whole_group_of_a_part(self):
        parts = Parts(self.state)
        parts.start("group", ["sh", "-c", "sleep 300 & echo $!; wait"])
        inner = int(until(lambda: parts.tail("group").strip()))
        self.assertTrue(parts.alive("group"))
        Parts(self.state).stop()            # another process would do it from the file
        until(lambda: start_time(inner) is None)
        self.assertFalse(parts.alive("group"))

    def test_a_reused_pid_is_left_alone(self):
        stranger, parts = self.sleeper(), Parts(self.state)
        parts.table["old"] = {"pid": stranger.pid, "started": start_time(stranger.pid) - 1, "gentle": False}
        parts.save()
        self.assertFalse(Parts(self.state).alive("old"))
        bed.down(self.state)
        self.assertIsNone(stranger.poll())
        self.assertFalse(self.state.exists())
        self.state.mkdir()

    def test_tied_parts_die_with_a_killed_bed(self):
        owner = subprocess.Popen([sys.executable, "-c", STARTER, str(pathlib.Path(bed.__file__).parent), str(self.state)],
                                 stdout=subprocess.PIPE, text=True)
        pid = int(owner.stdout.readline())
        self.assertIsNotNone(start_time(pid))
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
        owner.stdout.close()
        until(lambda: start_time(pid) is None)

    def test_down_is_idempotent_and_touches_no_other_directory(self):
        bed.down(self.state / "nothing")
        (self.state / "mine").write_text("x")
        bed.down(self.state)
        self.assertTrue((self.state / "mine").exists())

    def test_up_refuses_a_directory_with_other_things_in_it(self):
        (self.state / "mine").write_text("x")
        with self.assertRaises(bed.PartError):
            bed.up(self.state, aws=False)
        self.assertTrue((self.state / "mine").exists())


if __name__ == "__main__":
    unittest.main()
