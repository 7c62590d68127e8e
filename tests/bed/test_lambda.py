"""The strict stand-in: Lambda's permissions, one policy a qualifier; its REST calls in journal and faults."""
import base64
import io
import json
import time
import unittest
import zipfile

import aws
from harness import BedTest, until

MISSING, VALUE, CONFLICT = "ResourceNotFoundException", "InvalidParameterValueException", "ResourceConflictException"
GONE = "The resource you requested does not exist."
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


class LambdaTest(BedTest):
    def call(self, operation, **parameters):
        return self.me.call("lambda", operation, parameters)

    def function(self, name="f", source=None, role="role", **more):
        """Without source it has no code, and always succeeds."""
        code = {}
        if source:
            archive = io.BytesIO()
            with zipfile.ZipFile(archive, "w") as file:
                file.writestr("index.py", source)
            code = {"ZipFile": base64.b64encode(archive.getvalue()).decode()}
        return self.call("CreateFunction", FunctionName=name, Runtime="python3.12", Handler="index.handler", Code=code,
                         Role=f"arn:aws:iam::{self.account}:role/{role}", **more)["FunctionArn"]

    def role(self, *actions, name="role", effect="Allow"):
        if self.me.raw("iam", "GetRole", {"RoleName": name})[0] != 200:
            self.me.call("iam", "CreateRole", {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(TRUST)})
        self.me.call("iam", "PutRolePolicy", {"RoleName": name, "PolicyName": "p", "PolicyDocument": json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": list(actions), "Resource": "*"}]})})

    def permit(self, sid="s", name="f", principal="events.amazonaws.com", **more):
        return self.call("AddPermission", FunctionName=name, StatementId=sid, Action="lambda:InvokeFunction", Principal=principal, **more)

    def policy(self, name="f", **more):
        return self.call("GetPolicy", FunctionName=name, **more)

    def invocations(self):
        return aws.get_json(f"{self.bed.emulator}/_emu/invocations?account={self.account}")

    def delivered(self, arn):
        self.events("PutTargets", Rule="rule", Targets=[{"Id": "t", "Arn": arn}])
        self.send()
        return self.deliveries()[-1]


class Permissions(LambdaTest):
    def test_statement_and_policy(self):
        arn, rule = self.function(), self.arn("events", "rule/r")
        status, _, body = self.me.raw("lambda", "AddPermission", {"FunctionName": "f", "StatementId": "s1", "Action": "lambda:InvokeFunction",
                                                                  "Principal": "events.amazonaws.com", "SourceArn": rule})
        self.assertEqual(status, 201, "fact L1")
        text = json.loads(body)["Statement"]
        self.assertEqual(text, json.dumps({
            "Sid": "s1", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Resource": arn,
            "Condition": {"ArnLike": {"AWS:SourceArn": rule}}}, separators=(",", ":")), "facts L1 to L4")
        self.permit("s0", principal="*")
        policy = json.loads(self.policy()["Policy"])
        self.assertEqual((list(policy), policy["Version"], policy["Id"]), (["Version", "Id", "Statement"], "2012-10-17", "default"), "fact L5")
        self.assertEqual([s["Sid"] for s in policy["Statement"]], ["s1", "s0"], "fact L5")
        self.assertNotIn("Condition", policy["Statement"][1], "fact L2")

    def test_principals_and_conditions(self):
        self.function()
        for i, (given, stored) in enumerate((("*", "*"), ("111122223333", {"AWS": "arn:aws:iam::111122223333:root"}),
                                             ("s3.amazonaws.com", {"Service": "s3.amazonaws.com"}),
                                             ("arn:aws:iam::111122223333:role/r", {"AWS": "arn:aws:iam::111122223333:role/r"}))):
            self.assertEqual(json.loads(self.permit(f"s{i}", principal=given)["Statement"])["Principal"], stored, "fact L3")
        for i, (key, value, stored) in enumerate((("SourceAccount", "111122223333", {"StringEquals": {"AWS:SourceAccount": "111122223333"}}),
                                                  ("PrincipalOrgID", "o-1234567890", {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}),
                                                  ("EventSourceToken", "t", {"StringEquals": {"lambda:EventSourceToken": "t"}}))):
            self.assertEqual(json.loads(self.permit(f"c{i}", **{key: value})["Statement"])["Condition"], stored, "fact L2")
        self.refused("L10", VALUE, "The provided principal was invalid. Please check the principal and try again.",
                     lambda: self.permit("x", principal="invalid.nobody"))
        self.refused("L11", "ValidationException", "1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy constraint: "
                     "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)", lambda: self.permit("example.com"))
        self.refused("required", "ValidationException", "1 validation error detected: Value null at 'action' failed to satisfy constraint: "
                     "Member must not be null", lambda: self.call("AddPermission", FunctionName="f", StatementId="s", Principal="*"))

    def test_refusals(self):
        nope = self.arn("lambda", "function:nope")
        self.refused("L6", MISSING, GONE, lambda: self.policy("nope"), 404)
        self.refused("L8", MISSING, f"Function not found: {nope}", lambda: self.permit(name="nope"), 404)
        self.refused("L13", MISSING, f"No policy found for: {nope}", lambda: self.call("RemovePermission", FunctionName="nope", StatementId="s"), 404)
        arn = self.function()
        self.refused("L6", MISSING, GONE, self.policy, 404)
        self.refused("L6", MISSING, GONE, lambda: self.policy(Qualifier="7"), 404)
        self.refused("L8", MISSING, f"Cannot find alias arn: {arn}:live", lambda: self.permit(Qualifier="live"), 404)
        self.refused("L8", MISSING, f"Function not found: {arn}:42", lambda: self.permit(Qualifier="42"), 404)
        self.refused("L9", VALUE, "We currently do not support adding policies for $LATEST.", lambda: self.permit(Qualifier="$LATEST"))
        self.refused("L13", MISSING, "No policy is associated with the given resource.",
                     lambda: self.call("RemovePermission", FunctionName="f", StatementId="s"), 404)
        self.permit("s3")
        self.refused("L7", CONFLICT, "The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing statement.",
                     lambda: self.permit("s3"), 409)
        self.refused("L12", MISSING, "Statement non-existent is not found in resource policy.",
                     lambda: self.call("RemovePermission", FunctionName="f", StatementId="non-existent"), 404)
        self.assertEqual(self.me.raw("lambda", "RemovePermission", {"FunctionName": "f", "StatementId": "s3"})[0], 204)
        self.refused("L6", MISSING, GONE, self.policy, 404)

    def test_revisions(self):
        self.function()
        revision = lambda: self.call("GetFunctionConfiguration", FunctionName="f")["RevisionId"]     # noqa: E731
        first = revision()
        self.permit("a", RevisionId=first)
        self.assertEqual(self.policy()["RevisionId"], revision(), "fact L15")
        self.assertNotEqual(first, revision(), "fact L15")
        text = "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id"
        self.refused("L14", "PreconditionFailedException", text, lambda: self.permit("b", RevisionId=first), 412)
        remove = lambda rev: self.call("RemovePermission", FunctionName="f", StatementId="a", RevisionId=rev)     # noqa: E731
        self.refused("L14", "PreconditionFailedException", text, lambda: remove(first), 412)
        second = revision()
        remove(second)
        self.assertNotEqual(second, revision(), "fact L15")

    def test_each_qualifier_has_its_own_policy(self):
        arn = self.function()
        self.call("PublishVersion", FunctionName="f")
        self.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
        for qualifier in ("1", "live"):
            self.assertEqual(json.loads(self.permit("s", Qualifier=qualifier)["Statement"])["Resource"], f"{arn}:{qualifier}", "fact L4")
        self.refused("L6", MISSING, GONE, self.policy, 404)
        self.assertEqual(self.policy(f"{arn}:live"), self.policy(Qualifier="live"))
        self.assertEqual(self.policy(Qualifier="live")["RevisionId"], self.call("GetAlias", FunctionName="f", Name="live")["RevisionId"], "fact L15")
        self.rule()
        for target, outcome in ((arn, "FAILED"), (f"{arn}:1", "DELIVERED"), (f"{arn}:live", "DELIVERED")):
            self.assertEqual(self.delivered(target)["outcome"], outcome, target)
        self.call("RemovePermission", FunctionName="f", StatementId="s", Qualifier="live")
        self.assertEqual(self.delivered(f"{arn}:live")["code"], "NO_PERMISSIONS")
        self.call("DeleteAlias", FunctionName="f", Name="live")
        self.refused("alias", MISSING, f"Cannot find alias arn: {arn}:live", lambda: self.call("GetAlias", FunctionName="f", Name="live"), 404)

    def test_size(self):
        self.function()
        for i in range(200):
            status, headers, body = self.me.raw("lambda", "AddPermission", {
                "FunctionName": "f", "StatementId": f"s{i}", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com",
                "SourceArn": self.arn("events", f"rule/{'x' * 200}{i}")})
            if status != 201:
                break
            size = len(self.policy()["Policy"])
        self.assertLess(size, 20481)
        self.assertEqual((status, headers["x-amzn-errortype"]), (400, "PolicyLengthExceededException"))
        self.assertRegex(json.loads(body)["message"], r"^The final policy size \(20[4-9]\d\d\) is bigger than the limit \(20480\)\.$")

    def test_functions(self):
        nope = self.arn("lambda", "function:nope")
        for operation in ("GetFunction", "GetFunctionConfiguration", "DeleteFunction"):
            self.refused("L16", MISSING, f"Function not found: {nope}", lambda: self.call(operation, FunctionName="nope"), 404)
        self.function()
        self.refused("again", CONFLICT, "Function already exist: f", self.function, 409)
        self.assertEqual(self.me.raw("lambda", "DeleteFunction", {"FunctionName": "f"})[0], 204, "fact L16")
        self.refused("L16", MISSING, f"Function not found: {self.arn('lambda', 'function:f')}", lambda: self.call("DeleteFunction", FunctionName="f"), 404)
        self.refused("keys", "UnrecognizedClientException", "The security token included in the request is invalid.",
                     lambda: self.client(access_key="AKIAUNKNOWNUNKNOWN12").call("lambda", "ListFunctions"), 403)

    def test_permission_settles_late(self):
        arn, rule = self.function(), self.rule()
        self.settings(permissionDelaySeconds=1)
        self.permit(SourceArn=rule)
        self.assertEqual(len(json.loads(self.policy()["Policy"])["Statement"]), 1, "shown at once")
        self.assertEqual(self.delivered(arn)["code"], "NO_PERMISSIONS")
        until(lambda: self.delivered(arn)["outcome"] == "DELIVERED", 5, 0.1)


class OnTheWire(LambdaTest):
    def test_names_in_the_journal(self):
        arn = self.function()
        self.permit("s")
        self.me.raw("lambda", "RemovePermission", {"FunctionName": arn, "StatementId": "s", "RevisionId": "r-1"})
        self.me.raw("lambda", "GetPolicy", {"FunctionName": "f", "Qualifier": "live"})
        self.me.raw("lambda", "UntagResource", {"Resource": arn, "TagKeys": ["a", "b"]})
        self.me.raw("lambda", "Invoke", {"FunctionName": "f", "Payload": {"x": 1}})
        self.me.raw("lambda", "ListEventSourceMappings", {"EventSourceArn": "arn:q"})
        aws.request(f"{self.bed.url}/2015-03-31/event-source-mappings/", headers=self.me._signed("lambda", b"", {}))
        aws.request(f"{self.bed.url}/2015-03-31/unheard/of?x=1", headers=self.me._signed("lambda", b"", {}))
        calls = self.journal("lambda.*")
        self.assertEqual([c["op"] for c in calls], ["CreateFunction", "AddPermission", "RemovePermission", "GetPolicy", "UntagResource", "Invoke",
                                                    "ListEventSourceMappings", "ListEventSourceMappings", "GET /2015-03-31/unheard/of"])
        self.assertEqual([c["request"] for c in calls[1:7]], [
            {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"},
            {"FunctionName": arn, "StatementId": "s", "RevisionId": "r-1"}, {"FunctionName": "f", "Qualifier": "live"},
            {"Resource": arn, "TagKeys": ["a", "b"]}, {"FunctionName": "f", "Payload": {"x": 1}}, {"EventSourceArn": "arn:q"}])
        self.assertEqual([(c["status"], c["error"]) for c in calls[1:4]], [(201, None), (412, "PreconditionFailedException"), (404, MISSING)])
        self.assertEqual(list(calls[1]["response"]), ["Statement"])

    def test_faults(self):
        self.function()
        self.faults({"match": "lambda.AddPermission", "kind": "throttle", "times": 1})
        self.refused("throttle", "TooManyRequestsException", "Rate exceeded", self.permit, 429)
        self.permit()
        self.faults({"match": "lambda.GetPolicy", "kind": "error", "times": 1}, {"match": "lambda.GetPolicy", "kind": "garbage"})
        status, headers, body = self.me.raw("lambda", "GetPolicy", {"FunctionName": "f"})
        self.assertEqual((status, headers["x-amzn-errortype"]), (500, "ServiceException"))
        self.assertEqual(json.loads(body), {"Type": "Service", "message": "injected by the test bed"})
        self.assertRaises(ValueError, json.loads, self.me.raw("lambda", "GetPolicy", {"FunctionName": "f"})[2])
        for kind, left in (("reset", 1), ("applied_reset", 0)):
            self.faults({"match": "lambda.RemovePermission", "kind": kind, "times": 1})
            with self.assertRaises(OSError):
                self.call("RemovePermission", FunctionName="f", StatementId="s")
            self.assertEqual(self.me.raw("lambda", "GetPolicy", {"FunctionName": "f"})[0], 200 if left else 404, kind)
        self.faults({"match": "lambda.GetFunction", "kind": "hang", "times": 1})
        began = time.monotonic()
        with self.assertRaises(OSError):
            self.me.raw("lambda", "GetFunction", {"FunctionName": "f"}, timeout=0.3)
        self.assertLess(time.monotonic() - began, 5)


if __name__ == "__main__":
    unittest.main()
