"""Stand-in for Benchling: what handlers take and give. Knows nothing of Benchling but the shape of its errors."""
import json
import urllib.parse


class Request:
    def __init__(self, scope, body):
        self.method, self.path, self.body = scope["method"], scope["path"], body
        self.query = {k: v[-1] for k, v in urllib.parse.parse_qs(scope.get("query_string", b"").decode(), keep_blank_values=True).items()}
        self.headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}

    def json(self):
        """The body of a control; none is an empty wish."""
        return json.loads(self.body) if self.body else {}

    def form(self):
        return {k: v[-1] for k, v in urllib.parse.parse_qs(self.body.decode()).items()}


class Answer:
    """A handler may also return a plain value: 200 with it as JSON."""
    def __init__(self, status, value=None, headers=None, body=None):
        self.status = status
        self.headers = {"content-type": "application/json", **(headers or {})}
        self.body = body if body is not None else json.dumps(value).encode()


def error(status, message, type_="invalid_request_error", **more):
    """An error in the shape of Benchling's v2 API."""
    return Answer(status, {"error": {"message": message, "type": type_, "userMessage": message, **more}})
