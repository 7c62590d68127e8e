#!/usr/bin/env python3
"""Tests in a real browser: a headless Chromium shows the page of `tributary ui`, and renders the pictures of `tributary tree`.

  run.py                          exit code 69 where no browser can be had
  run.py --only TEST              one test
  run.py --screenshots FOLDER     also writes ui-light.png and ui-dark.png there (docs/images has those of the docs)
"""
import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "demo"), str(HERE.parent / "bed")]

import acquire_browser  # noqa: E402
import cdp  # noqa: E402
import test_page  # noqa: E402
import test_pictures  # noqa: E402
import test_size  # noqa: E402
from acquire import AcquireError  # noqa: E402


def say(text):
    print(f"browser: {text}", file=sys.stderr, flush=True)


def main():
    try:
        browser = acquire_browser.browser(say)
        cdp.Page(browser).close()
    except (AcquireError, cdp.BrowserError, OSError, subprocess.SubprocessError) as error:
        say(f"no browser on this machine: {error}")
        return os.EX_UNAVAILABLE
    test_page.BROWSER = test_pictures.BROWSER = test_size.BROWSER = browser
    if "--screenshots" in sys.argv:
        test_page.SCREENSHOTS = pathlib.Path(sys.argv[sys.argv.index("--screenshots") + 1]).resolve()
    loader = unittest.TestLoader()
    if "--only" in sys.argv:
        loader.testNamePatterns = [f"*.{sys.argv[sys.argv.index('--only') + 1]}"]
    suite = unittest.TestSuite(loader.loadTestsFromModule(module) for module in (test_size, test_pictures, test_page))
    return int(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())


if __name__ == "__main__":
    sys.exit(main())
