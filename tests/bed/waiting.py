"""Waiting for what a started program does."""
import time

SECONDS = 180       # far more than anything takes on a busy machine


def until(probe, what, seconds=SECONDS):
    """The first true answer of `probe`."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not so within {seconds} s")
        time.sleep(0.1)
    return found
