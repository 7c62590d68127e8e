"""Called by Lambda with a batch of messages, each of which is one event of Benchling's. Says which of them failed; only those come again."""
import json


def lambda_handler(batch, context):
    failed = []
    for message in batch["Records"]:
        try:
            work_off(json.loads(message["body"]))
        except Exception as error:      # one bad message must not bring all the others back
            print(f"message {message['messageId']}: {error!r}")
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def work_off(event):
    detail = event["detail"]
    print(f"{detail['id']} {detail['eventType']} of task {detail['workflowTask']['id']}")
