"""Benchmark: makes the interpreter with Flask, its server and Benchling's SDK, once, and prints where it is."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bed"))

import acquire  # noqa: E402

if __name__ == "__main__":
    print(acquire.venv(lambda text: print(f"bench: {text}", file=sys.stderr), "the Flask app: installing it", HERE / "requirements.txt", acquire.REQUIREMENTS))
