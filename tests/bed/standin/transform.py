"""Strict stand-in: what a target gets of an event (facts X1 to X6, XT1 to XT10). Pure: no part of MiniStack, and nothing of the product's own evaluation.

`check` says what PutTargets refuses; `evaluate` gives the text for an event, or raises Undeliverable for what AWS takes and never delivers.
"""
import json
import re

PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.\-]+)>")
RESERVED = {"aws.events.event", "aws.events.event.json", "aws.events.rule-arn", "aws.events.rule-name", "aws.events.event.ingestion-time"}
EVENT_ORDER = ("id", "account", "detail-type", "time", "source", "region", "resources", "version")      # X5
MISSING = object()
STEP = re.compile(r"""\.(?P<name>[^.\[\]()?@]+)|\[(?P<index>[0-9]+|\*)\]|\[(?P<quote>['"])(?P<key>.*?)(?P=quote)\]""")


class Refused(Exception):
    """What PutTargets would say; {} stands for the target's id."""


class Undeliverable(Exception):
    """Why the event is dropped."""


def dump(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def units(text):
    return len(text.encode("utf-16-le")) // 2


def check(target):
    if "Input" in target:
        if units(target["Input"]) > 8192 or not _is_json(target["Input"]):
            raise Refused("JSON syntax error in input for target {}.")
    if "InputPath" in target:
        _check_path("InputPath", target["InputPath"])
    if "InputTransformer" in target:
        _check_transformer(target["InputTransformer"])


def _check_path(where, path):
    """A JSON path from the event on (RT7). The text is a guess."""
    if units(path) > 256 or not (path == "$" or path.startswith(("$.", "$["))):
        raise Refused(f"{where} for target {{}} is invalid: {path[:300]} is not a JSON path.")


def _check_transformer(transformer):
    paths, template = transformer.get("InputPathsMap") or {}, transformer.get("InputTemplate") or ""
    if len(paths) > 100 or units(template) > 8192:
        raise Refused("InputTransformer for target {} is too long.")
    for name, path in paths.items():
        if not re.fullmatch(r"[A-Za-z0-9_\-]+", name) or name.upper().startswith("AWS."):
            raise Refused(f"InputPathsMap for target {{}} contains invalid key {name}.")
        _check_path("InputPathsMap", path)
    for name in PLACEHOLDER.findall(template):                                                  # E12
        if name not in paths and name not in RESERVED:
            raise Refused(f"InputTemplate for target {{}} contains invalid placeholder {name}.")
    if not _template_ok(template):
        raise Refused("Invalid InputTemplate for target {} : neither JSON nor a quoted string.")


def _pieces(template):
    """Literal texts as they are, variables as (name, whether it is inside double quotes)."""
    at, quoted, escaped, literal = 0, False, False, ""
    while at < len(template):
        found = PLACEHOLDER.match(template, at)
        if found:
            yield literal
            yield found[1], quoted
            literal, escaped, at = "", False, found.end()
            continue
        one = template[at]
        quoted, escaped = quoted != (one == '"' and not escaped), one == "\\" and not escaped
        literal, at = literal + one, at + 1
    yield literal


def _template_ok(template):
    """JSON with variables as values or inside strings, but not as keys (XT3), or lines in double quotes (RT7, X6)."""
    mark = "\ue000"         # no template that is tested here has this character
    filled = "".join(piece if isinstance(piece, str) else mark if piece[1] else f'"{mark}"' for piece in _pieces(template))
    if template.lstrip().startswith('"'):
        outside = any(not piece[1] for piece in _pieces(template) if not isinstance(piece, str))
        lines = [line.strip() for line in filled.split("\n") if line.strip()]
        return not outside and all(line.startswith('"') and _is_json(line) for line in lines)
    keys = []
    try:
        json.loads(filled, object_pairs_hook=lambda pairs: keys.extend(key for key, _ in pairs))
    except ValueError:
        return False
    return not any(mark in key for key in keys)


def _is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def follow(path, event):
    """The value at a path, or MISSING. With wildcards it is a list (XT6)."""
    rest, values, many = path[1:], [event], False
    while rest:
        step = STEP.match(rest)
        if not step:
            return MISSING          # syntax that AWS does not evaluate (XT5)
        rest = rest[step.end():]
        name = step["name"] or step["index"] or step["key"]
        wild = name == "*" and step["key"] is None
        many |= wild
        values = [one for value in values for one in _members(value, name, wild, step["index"] is not None)]
    return values if many else values[0] if values else MISSING


def _members(value, name, wild, index):
    if wild:
        return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if isinstance(value, dict) and not index:
        return [value[name]] if name in value else []
    if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
        return [value[int(name)]]
    return []


def evaluate(target, event, rule_arn, rule_name, ingestion_time):
    """The text that the target gets; None: the whole event."""
    if "Input" in target:
        return target["Input"]
    if "InputPath" in target:
        value = follow(target["InputPath"], event)
        return dump(None if value is MISSING else value)                                        # X1; missing: a guess (XT7)
    if "InputTransformer" not in target:
        return None
    paths, template = target["InputTransformer"].get("InputPathsMap") or {}, target["InputTransformer"]["InputTemplate"]
    short = {key: event[key] for key in (*EVENT_ORDER, *event) if key in event and key != "detail"}
    reserved = {"aws.events.rule-arn": rule_arn, "aws.events.rule-name": rule_name, "aws.events.event.ingestion-time": ingestion_time,
                "aws.events.event": {"detailType" if key == "detail-type" else key: value for key, value in short.items()}, "aws.events.event.json": event}
    is_json = not template.lstrip().startswith('"')
    text = "".join(piece if isinstance(piece, str) else _fill(*piece, follow(paths[piece[0]], event) if piece[0] in paths else reserved[piece[0]], is_json)
                   for piece in _pieces(template))
    if not is_json:
        return text
    try:
        return dump(json.loads(text))                                                           # XT1
    except ValueError:
        raise Undeliverable("The transformed input is no JSON.") from None                      # X4, XT4


def _fill(name, quoted, value, is_json):
    if not quoted:
        return '""' if value is MISSING else dump(value)                                        # X3
    if value is MISSING:
        return ""                                                                               # X2
    if isinstance(value, (dict, list)):
        if is_json or name in RESERVED:
            raise Undeliverable("The transformed input is no JSON.")                            # X4, XT2
        return dump(value).replace('"', "")                                                     # X2
    return value if isinstance(value, str) else dump(value)
