"""Temporary directories: whose owner lives stays, seen from anywhere; whose owner was killed goes."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

import sandbox
import temporary
from harness import until
from test_sandbox import unable

HERE = str(pathlib.Path(temporary.__file__).parent)
OWNER = """
import sys, time
sys.path.insert(0, sys.argv[1])
import temporary
folder, owner = temporary.make(sys.argv[2])
print(folder, flush=True)
time.sleep(300)
"""
SWEEP = "import sys; sys.path.insert(0, sys.argv[1]); import temporary; temporary.sweep(sys.argv[2])"


class Temporary(unittest.TestCase):
    def setUp(self):
        self.prefix = f"tributary-temporary-test-{os.getpid()}-"
        self.owner = subprocess.Popen([sys.executable, "-c", OWNER, HERE, self.prefix], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.owner.stdout.close)
        self.addCleanup(self.owner.wait)
        self.addCleanup(self.owner.kill)
        self.folder = pathlib.Path(self.owner.stdout.readline().strip())
        self.addCleanup(shutil.rmtree, self.folder, True)

    def test_an_owner_that_lives_keeps_it(self):
        temporary.sweep(self.prefix)
        self.assertTrue(self.folder.is_dir())

    def test_an_owner_that_was_killed_leaves_it_to_the_next(self):
        os.kill(self.owner.pid, signal.SIGKILL)
        self.owner.wait()
        cleared = []
        temporary.sweep(self.prefix, cleared.append)
        self.assertFalse(self.folder.exists())
        self.assertEqual([self.folder.name], cleared)

    def test_an_owner_with_another_view_of_processes_keeps_it(self):
        """A bed with a node has process ids of its own: from in there the owner cannot be seen, nor the other way around."""
        if why := unable():
            self.skipTest(why)
        inside = sandbox.enter([sys.executable, "-c", SWEEP, HERE, self.prefix])
        self.assertEqual(0, inside.wait())
        self.assertTrue(self.folder.is_dir())
        # The other way around: its directory, made in there, is seen from here.
        inside = sandbox.enter([sys.executable, "-c", OWNER, HERE, self.prefix])
        self.addCleanup(inside.wait)
        self.addCleanup(inside.kill)
        made = lambda: [folder for folder in self.folder.parent.glob(f"{self.prefix}*") if folder != self.folder and (folder / temporary.OWNER).exists()]
        theirs = until(made)[0]
        self.addCleanup(shutil.rmtree, theirs, True)
        temporary.sweep(self.prefix)
        self.assertTrue(theirs.is_dir())

    def test_a_directory_that_is_being_made_is_left_alone(self):
        fresh = pathlib.Path(f"{self.folder}-fresh")
        fresh.mkdir()
        self.addCleanup(fresh.rmdir)
        temporary.sweep(self.prefix)
        self.assertTrue(fresh.is_dir())


if __name__ == "__main__":
    unittest.main()
