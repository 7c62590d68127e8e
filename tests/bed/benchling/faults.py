"""Stand-in for Benchling: endpoints that fail, and the log of what was asked.

POST /_emu/faults {"path": regular expression, "status": 500, "body": text, "hangMs": 0, "times": null, "after": 0}: the first that fits decides;
`times` null: until DELETE /_emu/faults?path= (the same text). hangMs waits, and then answers `status`, or as usual with status null.
GET /_emu/requests?path=REGEX: {"requests": [{"time", "method", "path", "query", "status"}]}, without controls. Credentials are not kept.
"""
import asyncio
import re
import time

from http_ import Answer

RULES, LOG = [], []


def change(request):
    wish = request.json()
    known = {"path", "status", "body", "hangMs", "times", "after"}
    if unknown := set(wish) - known:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    RULES.append({"status": 500, "body": "", "hangMs": 0, "times": None, "after": 0, **wish, "seen": 0, "injected": 0, "match": re.compile(wish["path"])})
    return {"faults": len(RULES)}


def remove(request):
    RULES[:] = [rule for rule in RULES if rule["path"] != request.query["path"]]
    return {"faults": len(RULES)}


async def before(request):
    if request.path.startswith("/_emu/"):
        return None
    for rule in RULES:
        if not rule["match"].search(request.path):
            continue
        rule["seen"] += 1
        if rule["seen"] <= rule["after"] or (rule["times"] is not None and rule["injected"] >= rule["times"]):
            continue
        rule["injected"] += 1
        if rule["hangMs"]:
            await asyncio.sleep(rule["hangMs"] / 1000)
        return None if rule["status"] is None else Answer(rule["status"], body=rule["body"].encode())
    return None


def after(request, answer):
    if not request.path.startswith("/_emu/"):
        LOG.append({"time": time.time(), "method": request.method, "path": request.path, "query": request.query, "status": answer.status})


def requests(request):
    wanted = re.compile(request.query.get("path", ""))
    return {"requests": [line for line in LOG if wanted.search(line["path"])]}


ROUTES = [("POST", "/_emu/faults", change), ("DELETE", "/_emu/faults", remove), ("GET", "/_emu/requests", requests)]
