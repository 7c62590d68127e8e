"""Called by EventBridge with one event of Benchling's. What it raises is tried twice more, then goes to the sink `failed`."""


def lambda_handler(event, context):
    detail = event["detail"]
    # Benchling leaves out what makes an event too big, and says so. A real function would now ask the API for the request.
    if "request" not in detail:
        raise ValueError(f"{detail['id']} came without {detail['excludedProperties']}")
    # The id of the event is the key by which to know a second delivery again: EventBridge delivers at least once.
    print(f"{detail['id']} request {detail['request']['id']} of schema {detail['schema']['name']}")
