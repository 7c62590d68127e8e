"""Reads requests from the queue that the EventSink exports, and returns the task token of each with a decision.

A message is deleted after its token was returned. What fails stays in the queue, and goes to the dead-letter queue after five attempts.
"""
import json
import os
import sys

import boto3


def decide(detail):
    """The decision: put yours here."""
    return {"order": detail["order"], "approved": True}


def handle(steps, event):
    detail = event["detail"]
    try:
        decision = decide(detail)
    except Exception as error:  # the workflow can catch it by this name
        steps.send_task_failure(taskToken=detail["TaskToken"], error="DecisionFailed", cause=str(error))
        return
    try:
        steps.send_task_success(taskToken=detail["TaskToken"], output=json.dumps(decision))
        print(json.dumps(decision), flush=True)
    except (steps.exceptions.TaskTimedOut, steps.exceptions.TaskDoesNotExist) as error:
        # The workflow has ended, or another delivery of the same message was faster: nobody waits any more.
        print(f"not needed: {error}", flush=True)


def main(once=False):
    region, url = os.environ["QUEUE_REGION"], os.environ["QUEUE_URL"]
    sqs, steps = boto3.client("sqs", region_name=region), boto3.client("stepfunctions", region_name=region)
    while True:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0 if once else 20)
        for message in answer.get("Messages", []):
            handle(steps, json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        if once:
            return


if __name__ == "__main__":
    main("--once" in sys.argv)
