"""Processes a batch of messages, one Benchling event each. Reports which of them failed; only those are received again."""
import json


def lambda_handler(batch, context):
    failed = []
    for message in batch["Records"]:
        try:
            work_off(json.loads(message["body"]))
        except Exception as error:      # one failed message must not make all others be received again
            print(f"message {message['messageId']}: {error!r}")
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def work_off(event):
    detail = event["detail"]
    print(f"{detail['id']} {detail['eventType']} of task {detail['workflowTask']['id']}")
