"""Strict stand-in: what a test may set, per account; "*" is the default of all. POST /_emu/settings."""
from ministack.core.responses import get_account_id

DEFAULTS = {
    "policyDelaySeconds": 0.0,      # a queue policy set by SetQueueAttributes counts for deliveries only after this
    "queueDeletedSeconds": 60.0,    # how long the name of a deleted queue stays blocked
    "maxTargets": 5,                # targets a rule
    "ruleLimit": 300,               # rules a bus
    "busLimit": 100,                # buses an account and Region
    "readLagSeconds": 0.0,          # a bus or rule just created is not found by reads and dependants for this long
    "permissionDelaySeconds": 0.0,  # a Lambda permission or a log resource policy counts for deliveries only after this
    "mappingDelaySeconds": 0.2,     # how long an event source mapping is Creating, Updating, Deleting
    "connectionDelaySeconds": 0.2,  # how long an OAuth connection is AUTHORIZING, and any is DELETING
    "privateEndpointFails": 0,      # 1: a connection to a private endpoint ends as FAILED_CONNECTIVITY
    "partnerExpirySeconds": 1209600.0,      # how long a partner source may be PENDING
    "busDeletionDeletesSource": 0,  # 1: a source is DELETED when its bus is, not PENDING
    "recreatedNeedsNewBus": 0,      # 1: a source that its partner made again takes only a bus made after it
    "replaySeconds": 0.5,           # how long a replay takes
    "cancelSeconds": 0.3,           # how long the cancelling of one takes
    "replayFails": 0,               # 1: a replay ends as FAILED
    "replayLimit": 10,              # replays an account and Region has at once
    "logPage": 10000,               # log events of which FilterLogEvents makes one page
    "trail": 0,                     # 1: CloudTrail records the account's write calls, and EventBridge delivers the records
    "metricLagSeconds": 0.0,        # how late metrics are
    "metricPageResults": 500,       # results on a page of GetMetricData
    "retriesPending": 0,            # 1: what EventBridge would retry is neither delivered nor failed yet
    "partnersDisabled": 0,          # 1: no bus can be made for a source; 2: no other call about sources works either
}
_set = {}


def get(name, account=None):
    for key in (account or get_account_id(), "*"):
        if name in _set.get(key, {}):
            return _set[key][name]
    return DEFAULTS[name]


def change(wish):
    account = wish.get("account", "*")
    for name, value in wish.items():
        if name == "account":
            continue
        if name not in DEFAULTS:
            raise ValueError(f"unknown setting {name}: there are {', '.join(DEFAULTS)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise ValueError(f"{name} must be a number that is not negative")
        _set.setdefault(account, {})[name] = value
    return report(account)


def report(account="*"):
    return {"account": account, **{name: get(name, account) for name in DEFAULTS}}
