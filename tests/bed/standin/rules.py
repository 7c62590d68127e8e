"""Strict stand-in: rules, their schedules, and the tags of rules and buses."""
import json
import re

from ministack.services import eventbridge as eb

import settings
import shared
from answers import TOO_MANY, Constraints, Refused, handler, invalid, not_found, page, present
from buses import changeable as changeable_bus, lagging, name_of, need as need_bus

NAME = r"[\.\-_A-Za-z0-9]+"
ALL_CLOUDTRAIL = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
STATES = ("ENABLED", "DISABLED", ALL_CLOUDTRAIL)
PATTERN_LENGTH = 2048
ENVELOPE = ("id", "account", "source", "time", "region", "detail-type")
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)")


def schedule_ok(text):
    """D1, D2: one is singular, more are plural, and blanks stand only where they must."""
    rate = _RATE.fullmatch(text)
    if rate:
        return (rate[1] == "1") == (rate[3] == "")
    if not re.fullmatch(r"cron\(\S+( \S+){5}\)", text) or eb._parse_cron_fields(text) is None:
        return False
    # MiniStack lets numbers out of range pass; a step or the n-th of a weekday is no such number.
    for field, (least, most) in zip(text[5:-1].split(" "), _CRON_RANGES):
        if any(not least <= int(n) <= most for n in re.findall(r"(?<![\d/#])\d+", field)):
            return False
    return True


def need(data, key="Name"):
    name, bus = data.get(key), name_of(data.get("EventBusName"))
    rule = eb._rules.get(eb._rule_key(name, bus))
    if rule is None or lagging(rule):
        need_bus(bus)
        raise not_found(f"Rule {name} does not exist on EventBus {bus}.")                       # E4
    return rule


def changeable(rule):
    if rule and rule.get("ManagedBy"):
        raise Refused("ManagedRuleException", f"Rule {rule['Name']} is managed by {rule['ManagedBy']}.")
    return rule


@handler
def put(data):
    name, bus = data.get("Name") or "", name_of(data.get("EventBusName"))
    pattern, schedule = data.get("EventPattern"), data.get("ScheduleExpression")
    wrong = Constraints()
    wrong.text(name, "name", pattern=NAME, shortest=1, longest=64)
    wrong.text(data.get("Description") or "", "description", longest=512)
    wrong.text(schedule or "", "scheduleExpression", longest=256)
    wrong.text(pattern or "", "eventPattern", longest=4096)
    wrong.enum(data.get("State"), "state", STATES)
    wrong.check()
    need_bus(bus)
    if data.get("State") == ALL_CLOUDTRAIL and bus.startswith("aws.partner/"):
        raise invalid(f"State {ALL_CLOUDTRAIL} is not supported on a partner event bus.")
    if schedule is not None and bus != "default":       # even an empty one
        raise invalid("ScheduleExpression is supported only on the default event bus.")         # E6
    if schedule is not None and not schedule_ok(schedule):
        raise invalid("Parameter ScheduleExpression is not valid.")                             # E7
    if not pattern and schedule is None:
        raise invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if pattern:
        reason = eb._event_pattern_error(pattern)
        if reason:
            raise Refused("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")
        if len(pattern) > PATTERN_LENGTH:
            raise Refused("LimitExceededException", TOO_MANY)
    key = eb._rule_key(name, bus)
    old = changeable(eb._rules.get(key))
    arn = eb._rule_arn(name, bus)
    if old is None:
        if sum(1 for r in eb._rules.values() if r["EventBusName"] == bus) >= settings.get("ruleLimit"):
            raise Refused("LimitExceededException", TOO_MANY)
        if data.get("Tags"):                            # only at creation; an update ignores them
            eb._tags[arn] = {t["Key"]: t["Value"] for t in data["Tags"]}
    eb._rules[key] = {                                  # replaces everything: what is not given is gone
        # MiniStack knows two states; CloudTrail's read-only events are told apart nowhere here.
        "Name": name, "Arn": arn, "EventBusName": bus, "State": "DISABLED" if data.get("State") == "DISABLED" else "ENABLED",
        "AllCloudTrail": data.get("State") == ALL_CLOUDTRAIL,
        "EventPattern": pattern or "", "ScheduleExpression": schedule or "", "Description": data.get("Description") or "",
        "RoleArn": data.get("RoleArn") or "", "CreatedBy": shared.caller(),
        "CreationTime": old["CreationTime"] if old else eb._now_ts()}
    return {"RuleArn": arn}                                                                     # S3


def _row(rule):
    row = present(rule, "Arn", "Description", "EventBusName", "EventPattern", "ManagedBy", "Name", "RoleArn", "ScheduleExpression", "State")
    return {**row, "State": ALL_CLOUDTRAIL} if rule.get("AllCloudTrail") and rule["State"] == "ENABLED" else row


@handler
def describe(data):
    rule = need(data)
    return {**_row(rule), "CreatedBy": rule["CreatedBy"]}                                       # S4


@handler
def list_rules(data):
    bus, prefix = need_bus(data.get("EventBusName"))["Name"], data.get("NamePrefix") or ""
    rows = [_row(r) for r in eb._rules.values() if r["EventBusName"] == bus and r["Name"].startswith(prefix)]
    return page(sorted(rows, key=lambda r: r["Name"]), "Rules", data)                           # S5, S10


@handler
def names_by_target(data):
    bus, arn = need_bus(data.get("EventBusName"))["Name"], data.get("TargetArn")
    names = [r["Name"] for key, r in eb._rules.items()
             if r["EventBusName"] == bus and any(t["Arn"] == arn for t in eb._targets.get(key) or [])]
    return page(sorted(names), "RuleNames", data)


@handler
def delete(data):
    name, bus = data.get("Name"), need_bus(data.get("EventBusName"))["Name"]
    key = eb._rule_key(name, bus)
    if not data.get("Force"):
        changeable(eb._rules.get(key))
    if eb._targets.get(key):
        raise invalid("Rule can't be deleted since it has targets.")                            # E5
    rule = eb._rules.pop(key, None)
    eb._targets.pop(key, None)
    if rule:
        eb._tags.pop(rule["Arn"], None)                                                         # I4
        eb._rule_last_fired.pop((*rule["Arn"].split(":")[4:2:-1], key), None)


@handler
def test_pattern(data):
    """The event is looked at as strictly as the pattern (E34)."""
    try:
        event = json.loads(data.get("Event") or "")
    except ValueError:
        event = None
    if not isinstance(event, dict) or any(key not in event for key in ENVELOPE):
        raise invalid("Parameter Event is not valid.")
    pattern = data.get("EventPattern") or ""
    reason = eb._parse_pattern_text(pattern)[1]
    if reason:
        raise Refused("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")
    return {"Result": bool(eb._matches_pattern(pattern, eb._event_from_test_payload(event)))}


def _switch(state):
    @handler
    def switch(data):
        changeable(need(data)).update(State=state, AllCloudTrail=False)     #                                                            # I9
    return switch


def _tagged(data):
    """The ARN, if what it names exists. A rule's name comes after the LAST slash: partner buses have slashes themselves."""
    arn = data.get("ResourceARN") or ""
    kind, _, rest = (arn.split(":", 5) + [""] * 6)[5].partition("/")
    if kind == "event-bus":
        bus = eb._event_buses.get(rest)
        if not bus or bus["Arn"] != arn:
            raise not_found(f"Event bus {rest} does not exist.")                                # E16
    elif kind == "rule":
        bus, _, name = rest.rpartition("/")
        rule = eb._rules.get(eb._rule_key(name, bus or "default"))
        if not rule or rule["Arn"] != arn:
            raise not_found(f"Rule {name} does not exist on EventBus {bus or 'default'}.")      # E15
    else:
        raise invalid("Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format.")
    return arn


def _tag_changeable(data):
    arn = _tagged(data)
    changeable_bus(eb._event_buses.get(arn.partition(":event-bus/")[2]))
    return arn


@handler
def tag(data):
    arn = _tag_changeable(data)
    tags = {**(eb._tags.get(arn) or {}), **{t["Key"]: t["Value"] for t in data.get("Tags") or []}}
    if len(tags) > 50:
        raise Refused("LimitExceededException", TOO_MANY)
    eb._tags[arn] = tags


@handler
def untag(data):
    tags = eb._tags.get(_tag_changeable(data)) or {}
    for key in data.get("TagKeys") or []:
        tags.pop(key, None)                                                                     # I3


@handler
def list_tags(data):
    return {"Tags": [{"Key": k, "Value": v} for k, v in (eb._tags.get(_tagged(data)) or {}).items()]}       # S11


HANDLERS = {"_put_rule": shared.across("PutRule", put, "Name"), "_describe_rule": shared.across("DescribeRule", describe, "Name"),
            "_list_rules": shared.not_across(list_rules), "_list_rule_names_by_target": shared.not_across(names_by_target),
            "_delete_rule": shared.across("DeleteRule", delete, "Name"), "_test_event_pattern": test_pattern,
            "_enable_rule": shared.across("EnableRule", _switch("ENABLED"), "Name"), "_disable_rule": shared.across("DisableRule", _switch("DISABLED"), "Name"),
            "_tag_resource": shared.across("TagResource", tag, tagged=True), "_untag_resource": shared.across("UntagResource", untag, tagged=True),
            "_list_tags_for_resource": shared.across("ListTagsForResource", list_tags, tagged=True)}
