"""Demo, counting: single checks, each polled up to a deadline, one line each; at the end what tests/run.py counts."""
import time

from play import aws

MANY, TOO_MANY = 5, 25


class Checks:
    def __init__(self):
        self.passed, self.failures, self.began = 0, [], time.monotonic()

    def that(self, what, probe, seconds=20):
        """`probe` raises AssertionError, or what AWS or kubectl said, for as long as it is not so."""
        if len(self.failures) >= MANY:      # then it is of no use to wait long for the others
            seconds = min(seconds, 3 if len(self.failures) < TOO_MANY else 0)
        began = time.monotonic()
        while True:
            try:
                probe()
                break
            except (AssertionError, aws.AwsError, SystemExit, LookupError, ValueError) as error:
                if time.monotonic() - began >= seconds:
                    return self.fail(what, error)
            time.sleep(0.1)
        self.passed += 1
        took = time.monotonic() - began
        print(f"  ok    {what}" + (f" ({took:.1f} s)" if took > 1 else ""), flush=True)
        return True

    def fail(self, what, error):
        self.failures.append(what)
        print(f"  FAIL  {what}: {type(error).__name__} {error}", flush=True)
        return False

    def arrives(self, what, sink, events, seconds=20):
        """Exactly these events are in the sink, in any order; once each."""
        expected, found = [sink.shape(event) for event in events], []

        def probe():
            found.extend(sink.read())
            equal(sorted(found, key=str), sorted(expected, key=str))
        return self.that(what, probe, seconds)

    def end(self):
        """In words of unittest, which tests/run.py adds up. Whether all passed."""
        failed = len(self.failures)
        print(f"\nRan {self.passed + failed} tests in {time.monotonic() - self.began:.0f}s")
        print(f"FAILED (failures={failed})" if failed else "OK")
        print(f"{self.passed} passed, {failed} failed")
        return not failed


def equal(have, wanted):
    assert have == wanted, f"have {have!r}, wanted {wanted!r}"
