"""Strict stand-in: FilterLogEvents with the filter patterns that the product uses, in pages. MiniStack's matches every log event with a JSON
pattern, and has one page.
"""
import json
import re

from ministack.services import cloudwatch_logs as logs

import settings
from answers import Constraints, Refused, handler, not_found

NO_GROUP = "The specified log group does not exist."
_CONDITION = re.compile(r'\$((?:\.\w+)+) = "([^"*]*)"')


def _refused(text):
    return Refused("InvalidParameterException", text)


def _value(event, path):
    for key in path.split("."):
        event = event.get(key) if isinstance(event, dict) else None
    return event


def _json(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def _matcher(pattern):
    """A phrase in quotes, or `{ $.path = "value" || ... }` (user guide, "Filter pattern syntax")."""
    if not pattern:
        return lambda message: True
    phrase = re.fullmatch(r'"([^"]+)"', pattern)
    if phrase:
        return lambda message: phrase[1] in message
    inner = re.fullmatch(r"\{ (.+) \}", pattern)
    conditions = [_CONDITION.fullmatch(part) for part in (inner[1].split(" || ") if inner else [])]
    if not conditions or None in conditions:
        raise _refused("Invalid filter pattern")
    wanted = [(match[1].removeprefix("."), match[2]) for match in conditions]
    return lambda message: any(_value(_json(message), path) == value for path, value in wanted)


def _lines(group, data):
    """The log events of the range by time, with the place of each as its ID."""
    rows = [(event["timestamp"], name, at, event) for name, stream in group["streams"].items() for at, event in enumerate(stream["events"])]
    first, last = data.get("startTime") or 0, data.get("endTime")
    return sorted((row for row in rows if first <= row[0] and (last is None or row[0] <= last)), key=lambda row: row[:3])


@handler
def filter_events(data):
    named = data.get("logGroupName") or data.get("logGroupIdentifier") or ""
    name = logs._log_group_name_from_identifier_arn(named) if named.startswith("arn:") else named
    wrong = Constraints()
    wrong.text(data.get("filterPattern") or "", "filterPattern", longest=1024)
    wrong.number(data.get("limit"), "limit", 1, 10000)
    if wrong.found:
        raise _refused(f"{len(wrong.found)} validation errors detected: {'; '.join(wrong.found)}")
    if name not in logs._log_groups:
        raise not_found(NO_GROUP)
    matches = _matcher(data.get("filterPattern"))
    start, size = logs._decode_token(data.get("nextToken")), int(data.get("limit") or settings.get("logPage"))
    rows = _lines(logs._log_groups[name], data)
    # A page may be empty although there are more (API reference, FilterLogEvents): it is a part of the log events, then filtered.
    found = [{"logStreamName": stream, "timestamp": time, "message": event["message"], "ingestionTime": event.get("ingestionTime", time), "eventId": f"{stream}:{at}"}
             for time, stream, at, event in rows[start:start + size] if matches(event["message"])]
    return {"events": found, "searchedLogStreams": [], **({"nextToken": logs._encode_token(start + size)} if start + size < len(rows) else {})}


HANDLERS = {"FilterLogEvents": filter_events}
