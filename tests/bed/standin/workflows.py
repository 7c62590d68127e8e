"""Strict stand-in: state machines work as their role, and only where Step Functions may assume it.

MiniStack lets every task pass. Here a task of an optimised integration needs the right on what it names (fact: user guide, "IAM policies for
integrated services"), a role that Step Functions may not assume is refused at once, and putEvents answers as recorded (F17 to F19).
"""
import contextvars
import json
import uuid

from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import eventbridge as eb, iam, sqs, stepfunctions as sfn

import grants
from answers import as_policy

# Role, state machine and execution of the thread that works an execution off: MiniStack copies the context into it.
EXECUTION = contextvars.ContextVar("execution", default=None)
_create, _update, _start, _describe = sfn._create_state_machine, sfn._update_state_machine, sfn._start_execution, sfn._describe_state_machine
_call_lambda, _put_events = sfn._call_lambda, eb._put_events


def _assumable(role_arn, machine):
    role = iam._roles.get_scoped(role_arn.split(":")[4], None, role_arn.rsplit("/", 1)[-1]) if ":role/" in role_arn else None
    if role is None:
        return False
    trust = as_policy(role.get("AssumeRolePolicyDocument")) or {}
    trust = {**trust, "Statement": [{**s, "Resource": "*"} for s in grants._statements(trust)]}
    return grants.allows(trust, "sts:AssumeRole", "*", machine, service="states.amazonaws.com")


def _not_assumable(role_arn):
    return error_response_json("AccessDeniedException", "Neither the global service principal states.amazonaws.com, nor the regional one is "
                               f"authorized to assume the provided role. ({role_arn})", 400)


def _logging_problem(data):
    """F9, F10."""
    logging = data.get("loggingConfiguration") or {}
    destinations = logging.get("destinations") or []
    if logging.get("level", "OFF") != "OFF" and len(destinations) != 1:
        return "Invalid Logging Configuration: Must specify exactly one Log Destination."
    from ministack.services import cloudwatch_logs
    for destination in destinations:
        arn = (destination.get("cloudWatchLogsLogGroup") or {}).get("logGroupArn") or ""
        if not arn.endswith(":*") or arn.split(":log-group:")[-1].removesuffix(":*") not in cloudwatch_logs._log_groups:
            return "Invalid Logging Configuration: Log Destination not found."
    return None


def create(data):
    machine = f"arn:aws:states:{get_region()}:{get_account_id()}:stateMachine:{data.get('name')}"
    definition = as_policy(data.get("definition"))
    if not definition or "States" not in definition:                                            # F3
        return error_response_json("InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are "
                                   "required: [States] at /'", 400)
    if data.get("type") == "EXPRESS" and (".waitForTaskToken" in data["definition"] or ".sync" in data["definition"]):    # F14
        return error_response_json("InvalidDefinition", "Invalid State Machine Definition: 'Express state machine does not support '.sync' "
                                   "service integration at /States/X/Resource'", 400)
    problem = _logging_problem(data)
    if problem:
        return error_response_json("InvalidLoggingConfiguration", problem, 400)
    if not _assumable(data.get("roleArn") or "", machine):
        return _not_assumable(data.get("roleArn"))
    existing = sfn._state_machines.get(machine)
    if existing and existing["definition"] != data["definition"]:                               # F2: text is compared
        return error_response_json("StateMachineAlreadyExists", f"State Machine Already Exists: '{machine}'", 400)
    return _traced(_create(data), machine, data)


def _traced(answer, machine, data):
    """MiniStack forgets what tracing is set to."""
    if answer[0] < 300 and "tracingConfiguration" in data:
        sfn._state_machines[machine]["tracingConfiguration"] = data["tracingConfiguration"]
    return answer


def update(data):
    machine = data.get("stateMachineArn") or ""
    if machine not in sfn._state_machines:
        return error_response_json("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{machine}'", 400)       # F5
    if not any(data.get(key) for key in ("definition", "roleArn", "loggingConfiguration", "tracingConfiguration")):      # F7
        return error_response_json("MissingRequiredParameter", "Either the definition, the role ARN, the LoggingConfiguration, or the "
                                   "TracingConfiguration must be specified", 400)
    problem = _logging_problem(data)
    if problem:
        return error_response_json("InvalidLoggingConfiguration", problem, 400)
    if data.get("roleArn") and not _assumable(data["roleArn"], machine):
        return _not_assumable(data["roleArn"])
    return _traced(_update(data), machine, data)


def describe(data):
    machine = data.get("stateMachineArn") or ""
    if sfn._resolve_state_machine_arn(machine) is None:
        return error_response_json("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{machine}'", 400)       # F5
    return _describe(data)


def start(data):
    machine = sfn._resolve_state_machine_arn((data.get("stateMachineArn") or "").split("#")[0])
    if machine is None:
        return error_response_json("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{data.get('stateMachineArn')}'", 400)
    record = sfn._state_machines[machine]
    name = data.get("name") or str(uuid.uuid4())
    execution = f"arn:aws:states:{get_region()}:{get_account_id()}:execution:{record['name']}:{name}"
    token = EXECUTION.set((record["roleArn"], machine, execution))
    try:
        return _start({**data, "name": name})
    finally:
        EXECUTION.reset(token)


def start_for_event(arn, payload, event):
    """EventBridge's target: the execution's name begins with the event's id (D11)."""
    start({"stateMachineArn": arn, "input": payload, "name": f"{event}_{uuid.uuid4()}"})


def _need(action, resource):
    """Raises what Step Functions records when the role of the running execution lacks the right."""
    running = EXECUTION.get()
    if running is None:
        return
    role, machine, _ = running
    if not _assumable(role, machine):
        raise sfn._ExecutionError("States.TaskFailed", f"{role} cannot be assumed by states.amazonaws.com for {machine}.")
    if not grants.role_may(role, action, resource):
        service = action.split(":")[0].capitalize()
        raise sfn._ExecutionError(f"{service}.AccessDeniedException", f"{role} is not authorized to perform: {action} on resource: {resource}")


def _bus_arn(name):
    return name if name.startswith("arn:") else f"arn:aws:events:{get_region()}:{get_account_id()}:event-bus/{name or 'default'}"


def put_events(resource, data):
    entries = [dict(entry) for entry in data.get("Entries") or []]
    for entry in entries:
        _need("events:PutEvents", _bus_arn(entry.get("EventBusName") or ""))
        if isinstance(entry.get("Detail"), (dict, list)):                                       # F17: an object is serialised
            entry["Detail"] = json.dumps(entry["Detail"])
        running = EXECUTION.get()
        if running:
            entry["Resources"] = [*(entry.get("Resources") or []), running[1], running[2]]      # F18
    status, _, body = _put_events({**data, "Entries": entries})
    answer = json.loads(body) if body else {}
    if status >= 400:
        raise sfn._ExecutionError(answer.get("__type", "EventBridge.EventBridgeException"), answer.get("message", ""))
    if answer.get("FailedEntryCount"):                                                          # F19
        raise sfn._ExecutionError("EventBridge.FailedEntry", json.dumps(answer))
    return answer


def _checked(name, action, of):
    inner = sfn._SERVICE_DISPATCH[name]

    def run(resource, data):
        _need(action, of(data))
        return inner(resource, data)
    return run


def call_lambda(reference, event):
    arn = reference if str(reference).startswith("arn:") else f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{reference}"
    _need("lambda:InvokeFunction", arn)
    return _call_lambda(reference, event)


def _queue_arn(data):
    queue = sqs._queues.get(data.get("QueueUrl") or "")
    parts = (data.get("QueueUrl") or "").rsplit("/", 2)
    return queue["attributes"]["QueueArn"] if queue else f"arn:aws:sqs:{get_region()}:{get_account_id()}:{parts[-1]}"


def install():
    dispatch = sfn._SERVICE_DISPATCH
    dispatch["arn:aws:states:::events:putEvents"] = put_events
    dispatch["arn:aws:states:::sns:publish"] = _checked("arn:aws:states:::sns:publish", "sns:Publish", lambda data: data.get("TopicArn") or "")
    dispatch["arn:aws:states:::sqs:sendMessage"] = _checked("arn:aws:states:::sqs:sendMessage", "sqs:SendMessage", _queue_arn)


HANDLERS = {"_create_state_machine": create, "_update_state_machine": update, "_describe_state_machine": describe, "_start_execution": start,
            "_call_lambda": call_lambda}
