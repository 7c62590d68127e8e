"""Strict stand-in: archives of a bus, each with the managed rule that AWS makes for it."""
from ministack.services import eventbridge as eb, kms

from answers import Constraints, Refused, handler, invalid, not_found, page, present
from buses import need as need_bus
from rules import NAME

MANAGER = "prod.vhs.events.aws.internal"


def _need(name):
    archive = eb._archives.get(name)
    if archive is None:
        raise not_found(f"Archive {name} does not exist.")                                      # E19
    return archive


def _pattern_ok(pattern):
    reason = eb._event_pattern_error(pattern)
    if reason:
        raise Refused("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")


def key_ok(name):
    """A key has to be there. The text is a guess."""
    if name and kms._resolve_key(name) is None:
        raise invalid(f"Parameter KmsKeyIdentifier is not valid. Reason: Key {name} does not exist.")


def _managed_rule(archive):
    """Not recorded, told by AWS's documentation: it keeps the bus from being deleted, and nobody else may change it."""
    bus = archive["EventSourceArn"].split(":event-bus/")[1]
    name = f"Events-Archive-{archive['ArchiveName']}"
    return eb._rule_key(name, bus), {
        "Name": name, "Arn": eb._rule_arn(name, bus), "EventBusName": bus, "State": "ENABLED", "ScheduleExpression": "",
        "EventPattern": '{"replay-name":[{"exists":false}]}', "Description": "", "RoleArn": "", "ManagedBy": MANAGER,
        "CreatedBy": archive["EventSourceArn"].split(":")[4], "CreationTime": archive["CreationTime"]}


@handler
def create(data):
    name, source = data.get("ArchiveName") or "", data.get("EventSourceArn") or ""
    wrong = Constraints()
    wrong.text(name, "archiveName", pattern=NAME, shortest=1, longest=48)
    wrong.text(data.get("Description") or "", "description", longest=512)
    wrong.check()
    need_bus(source)                                                                            # E17
    if name in eb._archives:
        raise Refused("ResourceAlreadyExistsException", f"Archive {name} already exists.")      # E18
    _pattern_ok(data.get("EventPattern"))
    key_ok(data.get("KmsKeyIdentifier"))
    archive = {"ArchiveName": name, "ArchiveArn": need_bus(source)["Arn"].split(":event-bus/")[0] + f":archive/{name}", "EventSourceArn": source,
               "RetentionDays": data.get("RetentionDays") or 0, "State": "ENABLED", "CreationTime": eb._now_ts(), "EventCount": 0, "SizeBytes": 0,
               **present(data, "Description", "EventPattern", "KmsKeyIdentifier")}
    eb._archives[name] = archive
    key, rule = _managed_rule(archive)
    eb._rules[key] = rule
    return {k: archive[k] for k in ("ArchiveArn", "CreationTime", "State")}                     # S12


@handler
def update(data):
    if not any(data.get(k) is not None for k in ("EventPattern", "RetentionDays", "Description")):
        raise invalid("At least one of EventPattern, RetentionDays or Description must be provided.")       # E20
    archive = _need(data.get("ArchiveName"))
    _pattern_ok(data.get("EventPattern"))
    key_ok(data.get("KmsKeyIdentifier"))
    for key in ("EventPattern", "RetentionDays", "Description", "KmsKeyIdentifier"):
        if data.get(key) is not None:
            archive[key] = data[key]
    return {k: archive[k] for k in ("ArchiveArn", "CreationTime", "State")}


def _row(archive):
    return {k: archive[k] for k in ("ArchiveName", "CreationTime", "EventCount", "EventSourceArn", "RetentionDays", "SizeBytes", "State")}


@handler
def describe(data):
    archive = _need(data.get("ArchiveName"))
    return {**_row(archive), **present(archive, "ArchiveArn", "Description", "EventPattern", "KmsKeyIdentifier")}       # S13


@handler
def list_archives(data):
    prefix, source = data.get("NamePrefix") or "", data.get("EventSourceArn")
    if source:
        need_bus(source)                                                                        # E17
    rows = [_row(a) for n, a in sorted(eb._archives.items()) if n.startswith(prefix) and source in (None, a["EventSourceArn"])]
    return page(rows, "Archives", data)                                                         # S14


@handler
def delete(data):
    archive = _need(data.get("ArchiveName"))
    eb._archives.pop(archive["ArchiveName"])
    eb._rules.pop(_managed_rule(archive)[0], None)


HANDLERS = {"_create_archive": create, "_update_archive": update, "_describe_archive": describe, "_list_archives": list_archives,
            "_delete_archive": delete}
