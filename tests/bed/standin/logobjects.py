"""Strict stand-in: what log deliveries write into buckets. A bucket exists if a test has declared it (POST /_emu/resources with its ARN), and is
read by GET /_emu/objects?account=&bucket=.

The begin of a key is documented (LD11): the path of the destination, or else AWSLogs/ACCOUNT/EventBusLogs, then Region and date. The rest of the
key, and that an object is gzip with a record in each line, are guesses; AWS puts the records of some minutes into one object.
"""
import gzip
import secrets
import time

from ministack.core.responses import get_account_id, get_region

import declared

SERVICE = "EventBusLogs"
_OBJECTS = {}       # (account, bucket): key: content


def write(arn, text):
    """A record to a destination `arn:aws:s3:::BUCKET` or `arn:aws:s3:::BUCKET/PREFIX`."""
    bucket, _, prefix = arn.split(":::", 1)[1].partition("/")
    account, region = get_account_id(), get_region()
    if ((account, region), f"arn:aws:s3:::{bucket}") not in declared.RESOURCES:
        return
    now = time.gmtime()
    path = prefix.rstrip("/") or f"AWSLogs/{account}/{SERVICE}"
    name = f"{account}_{SERVICE}_{region}_{time.strftime('%Y%m%dT%H%MZ', now)}_{secrets.token_hex(4)}.log.gz"
    _OBJECTS.setdefault((account, bucket), {})[f"{path}/{region}/{time.strftime('%Y/%m/%d', now)}/{name}"] = gzip.compress(text.encode() + b"\n")


def read(account, bucket):
    """The objects of a bucket by key, each as its lines."""
    found = _OBJECTS.get((account, bucket), {})
    return [{"key": key, "lines": gzip.decompress(content).decode().splitlines()} for key, content in sorted(found.items())]
