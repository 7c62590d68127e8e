"""Strict stand-in: refuses every request that AWS's own API models refuse, before a handler sees it: lengths, patterns, ranges, enums, required members.

The limits are extracted from the models by ../api_models.py. Texts are in the form that AWS was recorded to answer (E9, E10, E30, E32, L11); where in a
request the wrong value stands is named as EventBridge names it, for all services, which is a guess.
"""
import json
import pathlib
import re
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import api_models  # noqa: E402
import wire  # noqa: E402

MODELS = json.loads(api_models.FILE.read_text())
# What a handler of ours answers itself, with a text that was recorded.
RECORDED = {"events.PutEvents": "P4", "sts.AssumeRole": "M11"}
CODES = {"logs": "InvalidParameterException", "iam": "ValidationError", "sns": "ValidationError", "sts": "ValidationError"}
# Equal to those of the models, which take exponential time in Python.
_PLAIN = {
    r"^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$": r"[\t\x20-\x7E]*[\x20-\x7E][\t\x20-\x7E]*",
    r"^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$": r"(\t|[^\x00-\x1F:\x7F])*[^\x00-\x1F:\x7F](\t|[^\x00-\x1F:\x7F])*",
}
_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": r" \t\n\x0B\f\r", "p{L}": r"\w", "p{N}": r"\w", "p{ASCII}": r"\x00-\x7F",
            "p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"}
_compiled = {}


def compiled(pattern):
    """A pattern of Java's as one of Python's."""
    if pattern not in _compiled:
        text, out, inside = _PLAIN.get(pattern, pattern), [], False
        for part in re.findall(r"\\p\{\w+\}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\.|.", text, re.S):
            known = _CLASSES.get(part[1:]) if part[0] == "\\" else None
            if known:
                part = known if inside else f"[{known}]"
            elif part == "." and not inside:
                part = "[^\n\r\u0085\u2028\u2029]"
            elif part == "[" and inside:
                part = r"\["
            if part == "[" and not inside:
                inside = True
            elif part == "]" and inside:
                inside = False
            out.append(part)
        _compiled[pattern] = re.compile("".join(out))
    return _compiled[pattern]


def _below(value, path):
    """(place, value) of every value at a path of models.json; the value of a member that is not there is None."""
    found = [("", value)]
    for name, mark in re.findall(r"\.?([^.\[\]{}]*)(\[\]|\{key\}|\{\})?", path):
        if name:
            found = [(f"{place}.{name[0].lower()}{name[1:]}".lstrip("."), here.get(name)) for place, here in found if isinstance(here, dict)]
        if mark == "[]":
            found = [(f"{place}.{i}.member", one) for place, here in found if isinstance(here, list) for i, one in enumerate(here, 1)]
        elif mark:
            pairs = [(place, pair) for place, here in found if isinstance(here, dict) for pair in here.items()]
            found = [(f"{place}.{key}.member", key if mark == "{key}" else one) for place, (key, one) in pairs]
    return found


def _violations(limits, value):
    if value is None:
        if limits.get("required"):
            yield "Member must not be null"
        return
    if "enum" in limits and value not in limits["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]"
    kind, least, most = limits.get("type"), limits.get("min"), limits.get("max")
    if kind in ("integer", "long", "double", "float"):
        if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
            value = int(value)
        if isinstance(value, (int, float)):
            if least is not None and value < least:
                yield f"Member must have value greater than or equal to {least}"
            if most is not None and value > most:
                yield f"Member must have value less than or equal to {most}"
        return
    if kind in ("list", "map") and not isinstance(value, (list, dict)) or not isinstance(value, (str, list, dict)):
        return
    if "pattern" in limits and isinstance(value, str) and not compiled(limits["pattern"]).fullmatch(value):
        yield f"Member must satisfy regular expression pattern: {limits['pattern']}"
    if least is not None and len(value) < least:
        yield f"Member must have length greater than or equal to {least}"
    if most is not None and len(value) > most:
        yield f"Member must have length less than or equal to {most}"


def problems(call, request):
    """What AWS's model refuses in a request, as AWS words it, in the order of the model."""
    found = []
    for path, limits in MODELS.get(call, {}).items():
        for place, value in _below(request, path):
            shown = "null" if value is None else f"'{value}'"
            found += [f"Value {shown} at '{place}' failed to satisfy constraint: {text}" for text in _violations(limits, value)]
    return found


TAG = {"pattern": r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "max": 128}


def tag_problems(request):
    """What every service refuses in tags, whether its model says so or not (TG1). The texts are guesses."""
    given = request.get("Tags") or request.get("tags") or {}
    pairs = given.items() if isinstance(given, dict) else [(tag.get("Key", tag.get("key")), tag.get("Value", tag.get("value"))) for tag in given]
    pairs, found = list(pairs), []
    if len(pairs) > 50:
        found.append(f"Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50, not {len(pairs)}")
    for key, value in pairs:
        for text, limits in ((key, TAG), (value, {**TAG, "max": 256})):
            found += [f"Value '{text}' at 'tags' failed to satisfy constraint: {why}" for why in _violations(limits, text)]
        if str(key).lower().startswith("aws:"):
            found.append(f"Value '{key}' at 'tags' failed to satisfy constraint: aws: prefixed tag key names are not allowed for external use")
    return found


def from_form(form):
    """The request of a query protocol as JSON: lists are `Name.member.1`, maps `Name.entry.1.key` and `.value`."""
    request = {}
    for name, value in form.items():
        here, parts = request, name.split(".")
        for part, following in zip(parts, [*parts[1:], None]):
            here = here.setdefault(part, {} if following else value)
            if not isinstance(here, dict):
                break
    return _joined(request)


def _joined(value):
    if not isinstance(value, dict):
        return value
    for mark in ("member", "entry"):
        if set(value) == {mark} and isinstance(value[mark], dict):
            rows = [_joined(value[mark][number]) for number in sorted(value[mark], key=int)]
            return rows if mark == "member" else {row["key"]: row.get("value") for row in rows}
    return {name: _joined(one) for name, one in value.items()}


def refusal(method, target, headers, body):
    """(service, protocol, code, text) when the models refuse the request, or None."""
    message = wire.Message(b"", body)
    message.first, message.headers = [method, target, "HTTP/1.1"], headers
    call = wire.Call(message)
    request = from_form(call.request) if call.protocol == "query" else call.request
    if call.name in RECORDED or not isinstance(request, dict):
        return None
    found = problems(call.name, request)
    found = found or tag_problems(request)
    if not found:
        return None
    if call.service == "logs" and len(request.get("logGroupName") or "") > 512:                   # G3
        return call.service, call.protocol, CODES["logs"], "Invalid LogGroup or LogStream, both must have length less than or equal to 512."
    text = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: {'; '.join(found)}"
    return call.service, call.protocol, CODES.get(call.service, "ValidationException"), text
