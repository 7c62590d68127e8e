"""Strict stand-in: replays of an archive: what AWS refuses, which rules get the events, and that it takes its time (`replaySeconds`)."""
import threading
import time

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge as eb

import delivery
import settings
from answers import Constraints, Refused, handler, invalid, not_found, page, present
from buses import need as need_bus
from rules import NAME

ACTIVE = ("STARTING", "RUNNING", "CANCELLING")


def _need(name):
    replay = eb._replays.get(name)
    if replay is None:
        raise not_found(f"Replay {name} does not exist.")                                       # E27
    return replay


@handler
def start(data):
    name = data.get("ReplayName") or ""
    wrong = Constraints()
    wrong.text(name, "replayName", pattern=NAME, shortest=1, longest=64)
    wrong.text(data.get("Description") or "", "description", longest=512)
    wrong.check()
    begin, end = (eb._coerce_timestamp(data.get(k) or 0) for k in ("EventStartTime", "EventEndTime"))
    if end <= begin:                                                                            # E21
        raise invalid("Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.")
    source, goal = (data.get("EventSourceArn") or "").rpartition("/")[2], (data.get("Destination") or {}).get("Arn") or ""
    archive = eb._archives.get(source)
    if archive is None:                                                                         # E22
        raise invalid(f"Parameter EventSourceArn is not valid. Reason: Archive {source} does not exist.")
    need_bus(goal)                                                                              # E23
    if goal != archive["EventSourceArn"]:                                                       # E24
        raise invalid("Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.")
    if name in eb._replays:                                                                     # E25
        raise Refused("ResourceAlreadyExistsException", f"Replay {name} already exists.")
    if sum(replay["State"] in ACTIVE for replay in eb._replays.values()) >= settings.get("replayLimit"):     # E26
        raise Refused("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
    replay = {"ReplayName": name, "ReplayArn": f"arn:aws:events:{get_region()}:{get_account_id()}:replay/{name}", "EventSourceArn": data["EventSourceArn"],
              "EventStartTime": begin, "EventEndTime": end, "Destination": data["Destination"], "State": "STARTING", "ReplayStartTime": eb._now_ts(),
              **present(data, "Description")}
    eb._replays[name] = replay
    events = sorted((e for e in archive.get("Events", []) if begin <= e.get("Time", 0) <= end), key=lambda e: e["Time"])
    work = (get_account_id(), get_region(), replay, events, goal.split(":event-bus/")[1], settings.get("replaySeconds"), settings.get("replayFails"))
    threading.Thread(target=_run, args=work, daemon=True).start()
    return {k: replay[k] for k in ("ReplayArn", "ReplayStartTime", "State")}                    # S15


def _sleep(replay, seconds):
    end = time.monotonic() + seconds
    while replay["State"] in ("STARTING", "RUNNING") and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.25))


def _run(account, region, replay, events, bus, seconds, fails):
    """Its time is spread evenly over its events, with a part before the first and one after the last."""
    with request_scope(account, region):
        pause = seconds / (len(events) + 2)
        _sleep(replay, pause)
        _become(replay, "RUNNING", "STARTING")
        for event in events:
            _sleep(replay, pause)
            if replay["State"] != "RUNNING":
                return
            _send({**event, "EventBusName": bus, "ReplayName": replay["ReplayName"]}, replay["Destination"].get("FilterArns"))
            replay["EventLastReplayedTime"] = event["Time"]
        _sleep(replay, pause)
        if fails:
            replay["StateReason"] = "An internal error occurred."
        _become(replay, "FAILED" if fails else "COMPLETED", "RUNNING")


def _become(replay, state, only_from):
    if replay["State"] == only_from:
        replay["State"] = state
        if state not in ACTIVE:
            replay["ReplayEndTime"] = eb._now_ts()


def _send(event, only):
    """To the rules of the bus, or to those of `only`. A replayed event is not archived again."""
    view = eb._pattern_event_view(event)
    for key, rule in list(eb._rules.items()):
        if rule.get("EventBusName") != event["EventBusName"] or rule.get("State") != "ENABLED" or not rule.get("EventPattern"):
            continue
        if (not only or rule["Arn"] in only) and eb._matches_pattern_view(rule["EventPattern"], view, f"rule {key}"):
            for target in list(eb._targets.get(key, [])):
                delivery.invoke(target, event, rule, view)


@handler
def describe(data):
    return {**_need(data.get("ReplayName"))}                                                    # S16


@handler
def list_replays(data):
    prefix, state, source = data.get("NamePrefix") or "", data.get("State"), data.get("EventSourceArn")
    keys = ("ReplayName", "EventSourceArn", "State", "StateReason", "EventStartTime", "EventEndTime", "EventLastReplayedTime", "ReplayStartTime", "ReplayEndTime")
    rows = [{k: r[k] for k in keys if k in r} for n, r in sorted(eb._replays.items())
            if n.startswith(prefix) and state in (None, r["State"]) and source in (None, r["EventSourceArn"])]
    return page(rows, "Replays", data)


@handler
def cancel(data):
    replay = _need(data.get("ReplayName"))
    if replay["State"] not in ("STARTING", "RUNNING"):
        raise Refused("IllegalStatusException", f"Replay {replay['ReplayName']} is not in a valid state for this operation.")
    replay["State"] = "CANCELLING"
    threading.Timer(settings.get("cancelSeconds"), lambda: _become(replay, "CANCELLED", "CANCELLING")).start()
    return {"ReplayArn": replay["ReplayArn"], "State": "CANCELLING"}                            # S15


HANDLERS = {"_start_replay": start, "_describe_replay": describe, "_list_replays": list_replays, "_cancel_replay": cancel}
