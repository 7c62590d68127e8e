"""Strict stand-in: the lists of a role's policies come in pages, as AWS gives them (IAM API reference: MaxItems, Marker, IsTruncated)."""
import re

from ministack.services import iam

_MEMBER = re.compile(r"<member>.*?</member>", re.S)
_original = {action: iam._IAM_HANDLERS[action] for action in ("ListRolePolicies", "ListAttachedRolePolicies")}


def _one(parameters, name):
    value = parameters.get(name)
    return value[0] if isinstance(value, list) else value


def _paged(action):
    def answer(parameters):
        status, headers, body = _original[action](parameters)
        if status != 200:
            return status, headers, body
        text = body.decode() if isinstance(body, bytes) else body
        rows, first, most = _MEMBER.findall(text), int(_one(parameters, "Marker") or 0), int(_one(parameters, "MaxItems") or 100)
        page, behind = "".join(rows[first:first + most]), first + most
        text = text.replace("".join(rows), page) if rows else text
        if behind < len(rows):
            text = text.replace("<IsTruncated>false</IsTruncated>", f"<IsTruncated>true</IsTruncated><Marker>{behind}</Marker>")
        return status, headers, text.encode() if isinstance(body, bytes) else text
    return answer


HANDLERS = {action: _paged(action) for action in _original}
