"""Reads events from the queue that the EventSink exports. A message is deleted after it was processed."""
import json
import os
import sys

import boto3


def process(event):
    """What to do with an event: put yours here. SQS delivers at least once, so make it idempotent by the id of the event."""
    print(json.dumps({"id": event["id"], "detail": event["detail"]}), flush=True)


def main(once=False):
    sqs, url = boto3.client("sqs", region_name=os.environ["QUEUE_REGION"]), os.environ["QUEUE_URL"]
    while True:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0 if once else 20)
        for message in answer.get("Messages", []):
            process(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        if once:
            return


if __name__ == "__main__":
    main("--once" in sys.argv)
