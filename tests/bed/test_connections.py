"""The strict stand-in: connections, API destinations, and the requests that arrive at an endpoint."""
import base64
import http.server
import json
import threading
import unittest

import aws
from harness import BedTest, until

GONE, VALUE = "ResourceNotFoundException", "ValidationException"
BASIC = {"BasicAuthParameters": {"Username": "ada", "Password": "secret"}}


class Endpoint:
    """Behind a host name of its own; `/token` gives a token for the right secret."""
    def __init__(self, test, secret="right"):
        self.found, self.host, endpoint = [], f"hooks-{test.account}.example.com", self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                endpoint.found.append((self.path, dict(self.headers.items()), body))
                token = self.path.startswith("/token")
                good = not token or f"client_secret={secret}&" in body + "&"
                self.send_response(200 if good else 401)
                self.end_headers()
                self.wfile.write(json.dumps({"access_token": "t", "token_type": "Bearer"} if token else {}).encode())

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        test.addCleanup(server.server_close)
        test.addCleanup(server.shutdown)
        aws.post_json(f"{test.bed.emulator}/_emu/hosts", {"host": self.host, "port": server.server_port})

    def url(self, path):
        return f"https://{self.host}{path}"


class Connections(BedTest):
    def make(self, kind="BASIC", parameters=None, name="c"):
        return self.events("CreateConnection", Name=name, AuthorizationType=kind, AuthParameters=parameters or BASIC)

    def destination(self, endpoint, connection, **more):
        return self.events("CreateApiDestination", Name="d", ConnectionArn=connection, InvocationEndpoint=endpoint, HttpMethod="POST", **more)

    def connection(self):
        return self.events("DescribeConnection", Name="c")

    def test_recorded_refusals(self):
        self.refused("E28", GONE, "Failed to describe the connection(s). Connection 'N' does not exist.", lambda: self.events("DescribeConnection", Name="N"))
        self.refused("E29", GONE, "Failed to describe the api-destination(s). An api-destination 'N' does not exist.",
                     lambda: self.events("DescribeApiDestination", Name="N"))
        self.refused("E30", VALUE, "1 validation error detected: Value 'X' at 'authorizationType' failed to satisfy constraint: Member must satisfy enum "
                     "value set: [BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]", lambda: self.make("X"))
        self.refused("E31", VALUE, "1 validation error detected: Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression "
                     r"pattern: [\.\-_A-Za-z0-9]+", lambda: self.make(name="a b"))
        with self.assertRaisesRegex(aws.AwsError, "3 validation errors detected: .*'name'.*'name'.*less than or equal to 64; .*'authorizationType'"):
            self.make("INVALID", name="!" * 65)                                                 # E32
        with self.assertRaisesRegex(aws.AwsError, "2 validation errors detected: .*'connectionArn'.*'httpMethod'"):
            self.events("CreateApiDestination", Name="d", ConnectionArn="x", InvocationEndpoint="https://a.example.com", HttpMethod="TRACE")   # E33

    def test_what_is_shown(self):
        made = self.make()
        self.assertRegex(made["ConnectionArn"], r":connection/c/[0-9a-f-]{36}$")                # S17
        self.assertEqual(made["ConnectionState"], "AUTHORIZED")                                 # S18
        found = self.connection()
        self.assertEqual(found["AuthParameters"], {"BasicAuthParameters": {"Username": "ada"}})  # S19
        self.assertRegex(found["SecretArn"], r":secret:events!connection/c/")                   # S20
        row, = self.events("ListConnections")["Connections"]
        self.assertEqual({"AuthParameters", "SecretArn"} & set(row), set())                     # S21
        hidden = {"InvocationHttpParameters": {"HeaderParameters": [{"Key": "a", "Value": "b", "IsValueSecret": True}, {"Key": "c", "Value": "d"}]}}
        self.events("UpdateConnection", Name="c", AuthorizationType="BASIC", AuthParameters={**BASIC, **hidden})
        shown = self.connection()["AuthParameters"]["InvocationHttpParameters"]["HeaderParameters"]
        self.assertEqual(shown, [{"Key": "a", "IsValueSecret": True}, {"Key": "c", "Value": "d"}])
        self.assertNotIn('"b"', json.dumps(self.journal("events.UpdateConnection")), "nor in the journal")

        destination = self.destination("https://a.example.com", made["ConnectionArn"])
        self.assertRegex(destination["ApiDestinationArn"], r":api-destination/d/[0-9a-f-]{36}$")
        found = self.events("DescribeApiDestination", Name="d")
        self.assertEqual((found["ApiDestinationState"], found["InvocationRateLimitPerSecond"]), ("ACTIVE", 300))      # S23
        self.assertEqual(self.events("DeleteConnection", Name="c")["ConnectionState"], "DELETING")     # S22
        with self.assertRaisesRegex(aws.AwsError, "already exists"):
            self.make()
        self.assertEqual(self.events("DescribeApiDestination", Name="d")["ApiDestinationState"], "INACTIVE")
        until(lambda: not self.events("ListConnections")["Connections"])
        self.refused("E28", GONE, "Failed to describe the connection(s). Connection 'c' does not exist.", self.connection)
        self.assertNotEqual(self.make()["ConnectionArn"], made["ConnectionArn"], "made anew, it is another one")
        self.assertEqual(self.events("DescribeApiDestination", Name="d")["ApiDestinationState"], "INACTIVE", "and the destination is of the old one")

    def test_our_guesses_of_what_is_refused(self):
        arn = self.make()["ConnectionArn"]
        for wrong in ("http://a.example.com", "https://", "ftp://a"):
            with self.assertRaisesRegex(aws.AwsError, "HTTPS"):
                self.destination(wrong, arn)
        with self.assertRaisesRegex(aws.AwsError, "less than or equal to 300"):
            self.destination("https://a.example.com", arn, InvocationRateLimitPerSecond=301)
        with self.assertRaisesRegex(aws.AwsError, "does not exist"):
            self.destination("https://a.example.com", arn[:-1] + ("0" if arn[-1] != "0" else "1"))
        with self.assertRaisesRegex(aws.AwsError, "must be provided"):
            self.make("API_KEY", name="k")
        with self.assertRaisesRegex(aws.AwsError, "must not be null"):
            self.make(parameters={"BasicAuthParameters": {"Username": "ada"}}, name="k")

    def target(self, connection, endpoint):
        arn = self.destination(endpoint.url("/in/*"), connection)["ApiDestinationArn"]
        rule = self.rule()
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        rights = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": arn}]}
        self.me.call("iam", "CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": json.dumps(trust)})
        self.me.call("iam", "PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": json.dumps(rights)})
        self.events("PutTargets", Rule=rule.rsplit("/", 1)[1], Targets=[{"Id": "t", "Arn": arn, "RoleArn": f"arn:aws:iam::{self.account}:role/r",
                                                                         "HttpParameters": {"PathParameterValues": ["$.detail.a"]}}])

    def test_a_request_arrives(self):
        endpoint = Endpoint(self)
        self.target(self.make()["ConnectionArn"], endpoint)
        self.send(detail='{"a": "one"}')
        self.assertEqual(self.deliveries()[-1]["outcome"], "DELIVERED")
        path, headers, body = endpoint.found[-1]
        self.assertEqual((path, json.loads(body)["detail"]), ("/in/one", {"a": "one"}))
        self.assertEqual(headers["Authorization"], "Basic " + base64.b64encode(b"ada:secret").decode())
        self.assertEqual(headers["Host"], endpoint.host)
        self.events("DeauthorizeConnection", Name="c")
        self.send(detail='{"a": "two"}')
        self.assertEqual(self.deliveries()[-1]["outcome"], "FAILED")

    def oauth(self, endpoint, secret):
        return {"OAuthParameters": {"AuthorizationEndpoint": endpoint.url("/token"), "HttpMethod": "POST", "ClientParameters": {"ClientID": "i", "ClientSecret": secret}}}

    def test_a_token_is_asked_for(self):
        endpoint = Endpoint(self)
        made = self.make("OAUTH_CLIENT_CREDENTIALS", self.oauth(endpoint, "wrong"))
        self.assertEqual(made["ConnectionState"], "AUTHORIZING")                                # S18
        found = until(lambda: (c := self.connection())["ConnectionState"] != "AUTHORIZING" and c)
        self.assertEqual(found["ConnectionState"], "DEAUTHORIZED")
        self.assertIn("401", found["StateReason"])
        self.target(made["ConnectionArn"], endpoint)
        self.events("UpdateConnection", Name="c", AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters=self.oauth(endpoint, "right"))
        until(lambda: self.connection()["ConnectionState"] == "AUTHORIZED")
        self.send(detail='{"a": "one"}')
        self.assertEqual((self.deliveries()[-1]["outcome"], endpoint.found[-1][1]["Authorization"]), ("DELIVERED", "Bearer t"))

    def test_nothing_leaves_the_machine(self):
        parameters = {"OAuthParameters": {"AuthorizationEndpoint": "https://nobody-told-of.example.com/token", "HttpMethod": "POST",
                                          "ClientParameters": {"ClientID": "i", "ClientSecret": "s"}}}
        self.settings(connectionDelaySeconds=0)
        self.make("OAUTH_CLIENT_CREDENTIALS", parameters)
        self.assertEqual(self.connection()["ConnectionState"], "AUTHORIZING", "it stays so (S18)")


if __name__ == "__main__":
    unittest.main()
