"""Strict stand-in: CloudWatch's GetMetricData for the metrics of EventBridge, which are counted from what was delivered and what was not.

Facts CW1 to CW8 (docs/aws-facts.md). Stricter than AWS: a metric of AWS/Events without the dimensions that the user guide lists is refused; AWS finds no
data. Guesses: the texts of refusals; that EventBusName of a partner event bus is its name; that FailedInvocations has the events that went to a dead-letter queue.
"""
import pathlib
import re
import sys
import time

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch

import delivery
import settings
from answers import Refused

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import cbor  # noqa: E402

MOST_QUERIES = 500
RULE = (("RuleName",), ("EventBusName", "RuleName"))
BUS = (("EventBusName",), ())
# Dimensions of each metric, by the user guide's table; those of a rule are listed there as RuleName, and above it as both.
METRICS = {"FailedInvocations": RULE, "Invocations": (*RULE, ()), "InvocationAttempts": (*RULE, *BUS), "InvocationsSentToDlq": RULE,
           "InvocationsFailedToBeSentToDlq": RULE, "MatchedEvents": (*RULE, ("EventBusName",), ("EventSourceName",)), "RetryInvocationAttempts": (*RULE, *BUS),
           "SuccessfulInvocationAttempts": (*RULE, *BUS), "ThrottledRules": (*RULE, *BUS), "TriggeredRules": (*RULE, *BUS), "Events": (("EventSourceName",),)}
GIVEN = []          # points of tests: (account, region, metric, dimensions, time, value)
_handle = cloudwatch.handle_request


def give(wish):
    """POST /_emu/metrics: a point that EventBridge would have published `minutesAgo`."""
    dimensions = tuple(sorted((wish.get("dimensions") or {}).items()))
    if tuple(name for name, _ in dimensions) not in METRICS[wish["metric"]]:
        raise ValueError(f"{wish['metric']} has no dimensions {dimensions}")
    at = time.time() - 60 * float(wish.get("minutesAgo", 0))
    GIVEN.append((wish["account"], wish.get("region", "us-east-1"), wish["metric"], dimensions, at, float(wish.get("value", 1))))
    return {"points": len(GIVEN)}


def _counts(entry):
    """Metrics that a delivery counts in, once each."""
    if entry["outcome"] == "RETRYING":
        return ("InvocationAttempts", "RetryInvocationAttempts", "MatchedEvents", "TriggeredRules")
    names = ["Invocations", "InvocationAttempts", "MatchedEvents", "TriggeredRules"]
    names.append("SuccessfulInvocationAttempts" if entry["outcome"] == "DELIVERED" else "FailedInvocations")
    if entry["deadLetter"]:
        names.append("InvocationsSentToDlq" if entry["deadLetter"] == "DELIVERED" else "InvocationsFailedToBeSentToDlq")
    return names


def _rule_dimensions(arn):
    bus, _, rule = arn.split(":rule/", 1)[1].rpartition("/")
    return (("EventBusName", bus), ("RuleName", rule)) if bus else (("RuleName", rule),)


def _points():
    """(metric, dimensions, time, value) of this account and Region."""
    me = (get_account_id(), get_region())
    for entry in delivery.read(me[0]):
        if entry["region"] == me[1]:
            dimensions = _rule_dimensions(entry["rule"])
            for name in _counts(entry):
                yield name, dimensions, entry["time"], 1.0
    for account, region, source, at in list(delivery.PARTNER_EVENTS):
        if (account, region) == me:
            yield "Events", (("EventSourceName", source),), at, 1.0
    for account, region, *point in list(GIVEN):
        if (account, region) == me:
            yield point


def _wrong(text, code="ValidationError"):
    return Refused(code, text)


def _checked(data):
    queries = data.get("MetricDataQueries")
    if not isinstance(queries, list):
        raise _wrong("The parameter MetricDataQueries is required.", "MissingParameter")
    start, end = data.get("StartTime"), data.get("EndTime")
    if not isinstance(start, cbor.Time) or not isinstance(end, cbor.Time):
        raise _wrong("The parameters StartTime and EndTime are required.", "MissingParameter")
    if start >= end:
        raise _wrong("The parameter StartTime must be less than the parameter EndTime.")
    if len(queries) > MOST_QUERIES:
        raise _wrong(f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}.")
    ids = [query.get("Id") for query in queries]
    for one in ids:
        if not isinstance(one, str) or not re.fullmatch(r"[a-z][a-zA-Z0-9_]*", one):
            raise _wrong(f"The value {one} for parameter MetricDataQueries.member.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.")
    if len(set(ids)) < len(ids):
        raise _wrong("The values for parameter id in MetricDataQueries are not unique.")
    for query in queries:
        if ("MetricStat" in query) == ("Expression" in query):
            raise _wrong("Exactly one of MetricStat and Expression must be specified.")
        if "Expression" in query:
            raise _wrong("Expressions are not modelled here.")
        _check_stat(query["MetricStat"], start)
    if data.get("ScanBy") not in (None, "TimestampAscending", "TimestampDescending"):
        raise _wrong("The value for parameter ScanBy is not valid.")
    return queries, start, end


def _check_stat(stat, start):
    metric, period = stat.get("Metric") or {}, stat.get("Period")
    if not isinstance(period, int) or period < 1 or (period % 60 and period not in (1, 5, 10, 20, 30)):
        raise _wrong("Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    if time.time() - start > 3 * 3600 + 120 and period < 60:
        raise _wrong("Periods below 60 seconds are kept for 3 hours.")
    if stat.get("Stat") not in ("Sum", "SampleCount", "Average", "Minimum", "Maximum"):
        raise _wrong(f"The value {stat.get('Stat')} for parameter Stat is not valid.")
    if not metric.get("MetricName") or not metric.get("Namespace"):
        raise _wrong("MetricName and Namespace are required.")
    names = tuple(sorted(one.get("Name") or "" for one in metric.get("Dimensions") or []))
    if any(not one.get("Value") for one in metric.get("Dimensions") or []):
        raise _wrong("A dimension must have a value.")
    if metric["Namespace"] != "AWS/Events" or names not in METRICS.get(metric["MetricName"], ()):
        raise _wrong(f"{metric['Namespace']} has no metric {metric['MetricName']} with the dimensions {', '.join(names)}.")
    if ("EventBusName", "default") in [(one["Name"], one["Value"]) for one in metric.get("Dimensions") or []] and "RuleName" in names:
        raise _wrong("A rule of the default bus has the dimension RuleName only.")


STATS = {"Sum": sum, "SampleCount": len, "Average": lambda values: sum(values) / len(values), "Minimum": min, "Maximum": max}


def get_metric_data(data):
    queries, start, end = _checked(data)
    until = time.time() - settings.get("metricLagSeconds")
    wanted = {}
    for name, dimensions, at, value in _points():
        if start <= at < end and at <= until:
            wanted.setdefault((name, dimensions), []).append((at, value))
    results = []
    for query in queries:
        stat = query["MetricStat"]
        dimensions = tuple(sorted((one["Name"], one["Value"]) for one in stat["Metric"].get("Dimensions") or []))
        periods = {}
        for at, value in wanted.get((stat["Metric"]["MetricName"], dimensions), ()):
            periods.setdefault(at // stat["Period"] * stat["Period"], []).append(value)
        rows = sorted(periods.items(), reverse=data.get("ScanBy") != "TimestampAscending")
        if query.get("ReturnData", True):
            results.append({"Id": query["Id"], "Label": stat["Metric"]["MetricName"], "Timestamps": [cbor.Time(at) for at, _ in rows],
                            "Values": [float(STATS[stat["Stat"]](values)) for _, values in rows], "StatusCode": "Complete"})
    return _paged(results, data)


def _paged(results, data):
    """Setting metricPageResults: so many results a page."""
    begin, size = 0, int(settings.get("metricPageResults"))
    if data.get("NextToken"):
        found = re.fullmatch(r"from-(\d+)", data["NextToken"])
        if not found:
            raise _wrong("The next token is not valid.", "InvalidNextToken")
        begin = int(found[1])
    answer = {"MetricDataResults": results[begin:begin + size], "Messages": []}
    if begin + size < len(results):
        answer["NextToken"] = f"from-{begin + size}"
    return answer


def respond(status, value, error=None):
    headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    if error:
        headers["x-amzn-query-error"] = f"{error};Sender"
    return status, headers, cbor.dumps(value)


def refuse(code, text, status=400):
    return respond(status, {"__type": code, "message": text}, code)


async def handle_request(method, path, headers, body, query):
    if headers.get("smithy-protocol") != "rpc-v2-cbor" or not path.endswith("/operation/GetMetricData"):
        return await _handle(method, path, headers, body, query)
    try:
        return respond(200, get_metric_data(cbor.loads(body)))
    except Refused as no:
        return refuse(no.code, no.message, no.status)
    except (ValueError, AttributeError, TypeError, KeyError) as wrong:
        return refuse("SerializationException", str(wrong))
