"""Strict stand-in: what puts events on a bus: PutEvents, PutPartnerEvents, and a schedule that a test fires."""
import json
import re
import time

from ministack.core.responses import get_account_id, get_region, new_uuid, request_scope
from ministack.services import eventbridge as eb

import delivery
from answers import Constraints, handler, invalid
from partner import SOURCES, find

BUS = r"(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[\.\-_A-Za-z0-9]+"
TRACE = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}(;Parent=[0-9a-f]{16})?(;Sampled=[01])?(;[A-Za-z]+=[^;]*)*")
TOTAL = 1 << 20         # 1 MB since 2026-01 (P3)
REQUIRED = ("Source", "DetailType", "Detail")
JAVA = ("time", "source", "resources", "detailType", "detail", "eventBusName", "traceHeader", "kmsKeyIdentifier", "internalMetadata")


def _echo(entries):
    """P4: AWS sends the whole payload back in its complaint."""
    def one(entry):
        fields = {k[0].lower() + k[1:]: v for k, v in entry.items()}
        return "PutEventsRequestEntry(" + ", ".join(f"{k}={fields.get(k, 'null')}" for k in JAVA) + ")"
    return f"[{', '.join(map(one, entries))}]"


def _refusal(entry, allow_aws_source):
    for key in REQUIRED:                                                                        # P1
        if not entry.get(key):
            return "InvalidArgument", f"Parameter {key} is not valid. Reason: {key} is a required argument."
    if entry["Source"].startswith("aws.") and not allow_aws_source:
        return "NotAuthorizedForSourceException", "Not authorized for the source."
    try:
        if isinstance(json.loads(entry["Detail"]), dict):
            return None
    except ValueError:
        pass
    return "MalformedDetail", "Detail is malformed."                                            # P2


@handler
def put(data, allow_aws_source=False):
    entries = data.get("Entries") or []
    wrong = Constraints()
    if not entries:
        wrong.add("[]", "entries", "Member must have length greater than or equal to 1")
    if len(entries) > 10:
        wrong.add(_echo(entries), "entries", "Member must have length less than or equal to 10")
    for i, entry in enumerate(entries, 1):
        if entry.get("EventBusName"):       # no slash in it: a partner's bus cannot be addressed
            wrong.text(entry["EventBusName"], f"entries.{i}.member.eventBusName", pattern=BUS)
    wrong.check()
    if sum(len(str(e.get(k) or "").encode()) for e in entries for k in REQUIRED) > TOTAL:
        raise invalid("Total size of the entries in the request is over the limit.")            # P3
    answers = []
    for entry in entries:
        if isinstance(entry.get("Detail"), dict):                   # Step Functions hands the object over
            entry = {**entry, "Detail": json.dumps(entry["Detail"])}
        refusal = _refusal(entry, allow_aws_source)
        bus, far = eb._event_bus_name_from_ref(entry.get("EventBusName") or "default")
        if refusal or far:
            answers.append(dict(zip(("ErrorCode", "ErrorMessage"), refusal or far)))
            continue
        event_id = new_uuid()
        answers.append({"EventId": event_id})
        if bus in eb._event_buses:                                  # P6: dropped silently where there is none
            _publish(event_id, entry, bus)
    return {"FailedEntryCount": sum("ErrorCode" in a for a in answers), "Entries": answers}


def _publish(event_id, entry, bus):
    when = entry.get("Time")
    event = {"EventId": event_id, "Source": entry["Source"], "DetailType": entry["DetailType"], "Detail": entry["Detail"], "EventBusName": bus,
             "Time": int(eb._coerce_timestamp(when) if when is not None else time.time()),                      # P9
             "Resources": entry.get("Resources") or [], "Account": get_account_id(), "Region": get_region()}
    view = eb._pattern_event_view(event)
    trace = entry.get("TraceHeader") or ""
    eb._dispatch_event({**event, "TraceHeader": trace} if TRACE.fullmatch(trace) else event, view)                      # TH1
    eb._archive_event(event, view)                                                              # TH2


def publish_for_lambda(bus_arn, record, outcome, resources):
    """Lambda's destination on a bus (D16)."""
    _publish(new_uuid(), {"Source": "lambda", "DetailType": f"Lambda Function Invocation Result - {outcome}", "Detail": json.dumps(record),
                          "Resources": resources}, bus_arn.split(":event-bus/")[-1])


@handler
def put_partner(data):
    answers = []
    for entry in data.get("Entries") or []:
        refusal = _refusal(entry, allow_aws_source=True)
        if refusal:
            answers.append(dict(zip(("ErrorCode", "ErrorMessage"), refusal)))
            continue
        event_id = new_uuid()
        answers.append({"EventId": event_id})
        for account, region, name in list(SOURCES):
            if name != entry["Source"] or region != get_region():
                continue
            with request_scope(account, region):
                source = find(account, region, name)
                if source and source["State"] == "ACTIVE" and name in eb._event_buses:     # else dropped
                    delivery.PARTNER_EVENTS.append((account, region, name, time.time()))
                    _publish(event_id, entry, name)
    return {"FailedEntryCount": sum("ErrorCode" in a for a in answers), "Entries": answers}


def emit(account, region, entry):
    """An AWS service's own event on the default bus, which PutEvents refuses."""
    with request_scope(account, region):
        return json.loads(put({"Entries": [entry]}, allow_aws_source=True)[2])


def fire(account, region, name):
    """One firing of a schedule (D3). Answers what became of it, per target."""
    with request_scope(account, region):
        rule = eb._rules.get(eb._rule_key(name, "default"))
        if rule is None or not rule.get("ScheduleExpression"):
            raise ValueError(f"no schedule rule {name} on the default bus of {account} in {region}")
        if rule["State"] == "DISABLED":
            return {"fired": False, "deliveries": []}
        event = {"EventId": new_uuid(), "Source": "aws.events", "DetailType": "Scheduled Event", "Detail": "{}", "EventBusName": "default",
                 "Time": int(time.time()), "Resources": [rule["Arn"]], "Account": account, "Region": region}
        for target in list(eb._targets.get(eb._rule_key(name, "default")) or []):
            delivery.invoke(target, event, rule)
        return {"fired": True, "event": event["EventId"], "deliveries": [e for e in delivery.read(account) if e["event"] == event["EventId"]]}


HANDLERS = {"_put_events": put, "_put_partner_events": put_partner}
