"""The strict stand-in: iam:SimulatePrincipalPolicy evaluates the policies of the identity, and nothing else."""
import json
import re

import aws
from harness import BedTest

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


class Simulation(BedTest):
    def iam(self, action, **parameters):
        return self.me.call("iam", action, parameters)

    def role(self, name, *statements, boundary=None, path="/"):
        more = {"PermissionsBoundary": boundary} if boundary else {}
        self.iam("CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST, Path=path, **more)
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.iam("PutRolePolicy", RoleName=name, PolicyName="p", PolicyDocument=document)
        return f"arn:aws:iam::{self.account}:role{path}{name}"

    def simulate(self, arn, actions, resources=(), context=None, **more):
        parameters = {"PolicySourceArn": arn, **more}
        parameters |= {f"ActionNames.member.{n}": action for n, action in enumerate(actions, 1)}
        parameters |= {f"ResourceArns.member.{n}": resource for n, resource in enumerate(resources, 1)}
        for n, (key, value) in enumerate((context or {}).items(), 1):
            entry = f"ContextEntries.member.{n}."
            parameters |= {entry + "ContextKeyName": key, entry + "ContextKeyType": "string", entry + "ContextKeyValues.member.1": value}
        return self.me.call("iam", "SimulatePrincipalPolicy", parameters)

    def decisions(self, *arguments, **more):
        answer = self.simulate(*arguments, **more)
        return re.findall(r"<EvalResourceDecision>(\w+)<", answer) or re.findall(r"<EvalDecision>(\w+)<", answer)

    def test_each_resource_has_its_decision(self):
        queue, other = self.arn("sqs", "q"), self.arn("sqs", "r")
        role = self.role("op", {"Effect": "Allow", "Action": "sqs:*", "Resource": queue}, {"Effect": "Deny", "Action": "sqs:DeleteQueue", "Resource": "*"})
        self.assertEqual(self.decisions(role, ["sqs:CreateQueue", "sqs:DeleteQueue"], [queue, other]),
                         ["allowed", "implicitDeny", "explicitDeny", "explicitDeny"])
        self.assertEqual(self.decisions(role, ["sqs:CreateQueue"]), ["implicitDeny"], "all resources")

    def test_a_condition_counts_with_the_value_that_is_given(self):
        allow = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "events.amazonaws.com"}}}
        role = self.role("op", allow)
        self.assertEqual(self.decisions(role, ["iam:PassRole"], context={"iam:PassedToService": "events.amazonaws.com"}), ["allowed"])
        self.assertEqual(self.decisions(role, ["iam:PassRole"], context={"iam:PassedToService": "states.amazonaws.com"}), ["implicitDeny"])
        answer = self.simulate(role, ["iam:PassRole"])
        self.assertIn("<MissingContextValues><member>iam:PassedToService</member></MissingContextValues>", answer)

    def test_a_boundary_limits_the_policies(self):
        document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]})
        self.iam("CreatePolicy", PolicyName="limit", PolicyDocument=document)
        role = self.role("op", {"Effect": "Allow", "Action": "*", "Resource": "*"}, boundary=f"arn:aws:iam::{self.account}:policy/limit")
        self.assertEqual(self.decisions(role, ["sqs:CreateQueue", "sns:CreateTopic"]), ["allowed", "implicitDeny"])
        self.assertIn("<AllowedByPermissionsBoundary>false<", self.simulate(role, ["sns:CreateTopic"]))

    def test_pages(self):
        role = self.role("op", {"Effect": "Allow", "Action": "*", "Resource": "*"})
        first = self.simulate(role, ["sqs:CreateQueue", "sqs:DeleteQueue"], MaxItems="1")
        self.assertIn("<IsTruncated>true</IsTruncated><Marker>1</Marker>", first)
        second = self.simulate(role, ["sqs:CreateQueue", "sqs:DeleteQueue"], MaxItems="1", Marker="1")
        self.assertIn("sqs:DeleteQueue", second)
        self.assertIn("<IsTruncated>false</IsTruncated>", second)

    def test_what_is_refused(self):
        role = self.role("op", {"Effect": "Allow", "Action": "*", "Resource": "*"}, path="/ops/")
        for what, code, arn, actions in (("a session", "InvalidInput", f"arn:aws:sts::{self.account}:assumed-role/op/s", ["sqs:CreateQueue"]),
                                         ("no path", "NoSuchEntity", f"arn:aws:iam::{self.account}:role/op", ["sqs:CreateQueue"]),
                                         ("the root user", "InvalidInput", f"arn:aws:iam::{self.account}:root", ["sqs:CreateQueue"]),
                                         ("no service", "InvalidInput", role, ["CreateQueue"]),
                                         ("no actions", "ValidationError", role, [])):
            with self.subTest(what), self.assertRaises(aws.AwsError) as refused:
                self.simulate(arn, actions)
            self.assertEqual(refused.exception.code, code)
