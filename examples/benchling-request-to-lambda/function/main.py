"""Processes one Benchling event. After an exception Lambda retries twice, then sends the event to the sink `failed`."""


def lambda_handler(event, context):
    detail = event["detail"]
    # Benchling omits what makes an event too large, and names it. A real function would read the request from the API.
    if "request" not in detail:
        raise ValueError(f"{detail['id']} came without {detail['excludedProperties']}")
    # EventBridge delivers at least once: deduplicate by the event's id.
    print(f"{detail['id']} request {detail['request']['id']} of schema {detail['schema']['name']}")
