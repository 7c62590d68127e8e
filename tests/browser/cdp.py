"""A headless browser, driven by the Chrome DevTools Protocol over a pipe: nothing listens, and the standard library is enough."""
import base64
import contextlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

SECONDS = 30


class BrowserError(Exception):
    """The browser, or the page in it, failed."""


class Page:
    """One browser with one page."""

    def __init__(self, browser, width=1440, height=900):
        self.profile = pathlib.Path(tempfile.mkdtemp(prefix="tributary-browser-"))
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def connect():
            # The protocol's file descriptors are 3 and 4. First out of the way of each other.
            low, high = os.dup2(to_browser, 20), os.dup2(from_browser, 21)
            os.dup2(low, 3), os.dup2(high, 4)

        # A page of our own from loopback. The sandbox needs rights that a container may lack.
        flags = ["--remote-debugging-pipe", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
                 f"--user-data-dir={self.profile}", f"--window-size={width},{height}", "about:blank"]
        with open(self.profile / "log", "wb") as log:
            self.process = subprocess.Popen([browser.program, *flags], env={**os.environ, **browser.env, "HOME": str(self.profile)}, close_fds=False,
                                            preexec_fn=connect, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        os.close(to_browser), os.close(from_browser)
        self._number, self._buffer, self.events = 0, b"", []
        self.session = None
        target = self.call("Target.createTarget", url="about:blank", width=width, height=height)["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def close(self):
        with contextlib.suppress(BrowserError, OSError):
            self.session = None
            self.call("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._write), os.close(self._read)
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, **parameters):
        """The result of a command. Events that arrive meanwhile are kept in `events`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + SECONDS
        while True:
            answer = self._message(deadline, method)
            if answer.get("id") != self._number:
                self.events.append(answer)
            elif "error" in answer:
                raise BrowserError(f"{method}: {answer['error']}")
            else:
                return answer["result"]

    def _message(self, deadline, what):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0, deadline - time.monotonic()))
            part = os.read(self._read, 1 << 20) if ready else b""
            if not part:
                raise BrowserError(f"no answer to {what}: {(self.profile / 'log').read_text(errors='replace')[-2000:]}")
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def evaluate(self, expression):
        """The value of an expression in the page; promises are awaited."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise BrowserError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, expression, what, seconds=SECONDS):
        """The first true value of the expression."""
        deadline = time.monotonic() + seconds
        while not (found := self.evaluate(expression)):
            if time.monotonic() > deadline:
                raise BrowserError(f"{what}: not so within {seconds} s: {expression}\n{self.evaluate('document.body.innerText')[:3000]}")
            time.sleep(0.05)
        return found

    KEYS = {"Enter": ("\r", 13), "Escape": (None, 27), "Tab": (None, 9), "ArrowDown": (None, 40), "ArrowUp": (None, 38), "ArrowLeft": (None, 37),
            "ArrowRight": (None, 39), "End": (None, 35), "Home": (None, 36), " ": (" ", 32)}

    def press(self, key):
        """A key, as a person presses it."""
        text, code = self.KEYS.get(key, (key, 0))
        parameters = {"key": key, "code": key if len(key) > 1 else "", "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **({"text": text} if text else {}), **parameters)
        self.call("Input.dispatchKeyEvent", type="keyUp", **parameters)

    def write(self, text):
        """Text into the focused field, as a paste does."""
        self.call("Input.insertText", text=text)

    def click(self, selector):
        place = self.until(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null; e.scrollIntoView({{block: 'nearest'}});"
                           " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()", f"{selector} is there")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def requests(self):
        """URLs that the page has requested so far."""
        self.evaluate("1")
        return [event["params"]["request"]["url"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]

    def complaints(self):
        """Errors and warnings of the console, exceptions, violations of the policy."""
        self.evaluate("1")
        found = []
        for event in self.events:
            method, parameters = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(json.dumps(parameters["exceptionDetails"])[:500])
            elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
                found.append(json.dumps(parameters["args"])[:500])
            elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
                found.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")
        return found
