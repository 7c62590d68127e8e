"""Strict stand-in: how a handler refuses, pages and validates. Texts are those that live AWS was recorded to answer.

Fact ids in comments (E4, S8, Q3 ...) are those of docs/aws-facts.md; test_standin.py repeats them.
"""
import base64
import functools
import json
import re

from ministack.core.responses import error_response_json, json_response

TOO_MANY = "The requested resource exceeds the maximum number allowed."


class Refused(Exception):
    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def invalid(message):
    return Refused("ValidationException", message)


def not_found(message):
    return Refused("ResourceNotFoundException", message)


def handler(function):
    """A handler returns its answer as a dict, or raises Refused."""
    @functools.wraps(function)
    def answer(data, *arguments, **options):
        try:
            result = function(data, *arguments, **options)
        except Refused as no:
            return error_response_json(no.code, no.message, no.status)
        return json_response({} if result is None else result)
    return answer


class Constraints:
    """Collects violations the way AWS reports them: all at once, joined by "; " (E9, E10, E32)."""
    def __init__(self):
        self.found = []

    def add(self, value, where, text):
        self.found.append(f"Value '{value}' at '{where}' failed to satisfy constraint: {text}")

    def text(self, value, where, pattern=None, shortest=None, longest=None):
        if pattern and not re.fullmatch(pattern, value):
            self.add(value, where, f"Member must satisfy regular expression pattern: {pattern}")
        if shortest is not None and len(value) < shortest:
            self.add(value, where, f"Member must have length greater than or equal to {shortest}")
        if longest is not None and len(value) > longest:
            self.add(value, where, f"Member must have length less than or equal to {longest}")

    def number(self, value, where, least, most):
        if value is not None and value < least:
            self.add(value, where, f"Member must have value greater than or equal to {least}")
        if value is not None and value > most:
            self.add(value, where, f"Member must have value less than or equal to {most}")

    def enum(self, value, where, allowed):
        if value is not None and value not in allowed:
            self.add(value, where, f"Member must satisfy enum value set: [{', '.join(allowed)}]")

    def check(self):
        if self.found:
            count = f"{len(self.found)} validation error{'s' if len(self.found) > 1 else ''} detected"
            raise invalid(f"{count}: {'; '.join(self.found)}")


def page(rows, key, data, most=100):
    """One page; NextToken is absent on the last (S10)."""
    limit = data.get("Limit")
    if limit is not None:
        wrong = Constraints()
        wrong.number(limit, "limit", 1, most)
        wrong.check()
    start = 0
    if data.get("NextToken"):
        try:
            start = int(base64.urlsafe_b64decode(data["NextToken"]).decode().removeprefix("from:"))
        except ValueError:
            raise invalid("Parameter NextToken is not valid.") from None
    end = start + (limit or most)
    answer = {key: rows[start:end]}
    if end < len(rows):
        answer["NextToken"] = base64.urlsafe_b64encode(f"from:{end}".encode()).decode()
    return answer


def present(record, *keys):
    """Only what is set: AWS leaves a key out rather than sending it empty (S2, S4)."""
    return {k: record[k] for k in keys if record.get(k) not in (None, "", {}, [])}


def as_policy(text):
    """A policy document as a dict, or None when it is none."""
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
