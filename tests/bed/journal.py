"""Journal proxy, part 3: the record of every AWS call, in the order in which they ended, readable per account."""
import bisect
import fnmatch
import os
import re

import wire

_ACCOUNT = re.compile(r"\d{12}")
_ASSUMED = re.compile(rb"<AccessKeyId>([^<]+)</AccessKeyId>")
_ROLE = re.compile(rb"<Arn>arn:[^:]+:sts::(\d{12}):assumed-role/")


def _action(call):
    """The IAM action of a call, without its service."""
    if (call.service, call.op) == ("lambda", "Invoke"):
        return "InvokeFunction"
    return call.op.removesuffix("Batch") if call.service == "sqs" else call.op


class Journal:
    def __init__(self):
        self._calls, self._per_account, self._roles, self._inflight, self._next = [], {}, {}, {}, 0
        self._kinds = set()

    def account(self, call):
        """A 12-digit access key is the account. Temporary keys belong to the account of their role, learned from AssumeRole."""
        if call.access_key and _ACCOUNT.fullmatch(call.access_key):
            return call.access_key
        if call.access_key is None and isinstance(call.request, dict):       # web identity: the role names the account
            found = re.match(r"arn:[^:]+:iam::(\d{12}):", str(call.request.get("RoleArn", "")))
            return found.group(1) if found else None
        return self._roles.get(call.access_key)

    def begin(self, account):
        self._inflight[account] = self._inflight.get(account, 0) + 1

    def finish(self, account):
        self._inflight[account] -= 1

    def add(self, call, account, start, end, message=None, fault=None, faked=None):
        """`message`: the real answer, whether or not the caller got it. `faked`: (status, error) of one made up here."""
        parsed, status, error = None, None, None
        if faked:
            status, error = faked
        if message is not None:
            if "json" in message.headers.get("content-type", ""):
                parsed = wire.parse_json(message.body)
            elif "cbor" in message.headers.get("content-type", ""):
                parsed = wire.parse_cbor(message.body)
            status, error = int(message.first[1]), wire.error_code(message, parsed)
            if call.service == "sts" and status == 200:
                self._learn(message.body)
        entry = {
            "n": self._next, "start": start, "end": end, "service": call.service, "op": call.op, "region": call.region,
            "account": account, "access_key": call.access_key, "user_agent": call.agent, "request": wire.without_secrets(call.request),
            "status": status, "error": error, "response": wire.without_secrets(parsed), "fault": fault}
        self._next += 1
        self._calls.append(entry)
        self._per_account.setdefault(account, []).append(entry)
        # Ours, and no call of a test's own. IAM has one right for a call and for its batch.
        if "aws-sdk-rust" in (call.agent or ""):
            self._note(f"{call.service}:{_action(call)}")
        return entry

    def _note(self, kind):
        """For the comparison of all calls of a whole run of the tests with the rights that are granted."""
        if kind not in self._kinds and os.environ.get("TRIBUTARY_ACTIONS"):
            self._kinds.add(kind)
            with open(os.environ["TRIBUTARY_ACTIONS"], "a", encoding="utf-8") as file:
                file.write(kind + "\n")

    def _learn(self, body):
        key, role = _ASSUMED.search(body), _ROLE.search(body)
        if key and role:
            self._roles[key.group(1).decode()] = role.group(1).decode()

    def read(self, since=0, account=None, match=None):
        calls = self._calls if account is None else self._per_account.get(account, [])
        calls = calls[bisect.bisect_left(calls, since, key=lambda c: c["n"]):]
        if match:
            calls = [c for c in calls if fnmatch.fnmatchcase(f"{c['service']}.{c['op']}", match)]
        inflight = sum(self._inflight.values()) if account is None else self._inflight.get(account, 0)
        return {"next": self._next, "inflight": inflight, "calls": calls}
