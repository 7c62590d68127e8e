"""The strict stand-in: roles and resource policies of every kind of target, other accounts, assumed roles, unknown keys."""
import itertools
import json
import unittest

import aws
from harness import BedTest, grant

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}

NUMBERS = itertools.count()


class Roles(BedTest):
    def role(self, account, name, trust, allow=None, resource="*"):
        client = self.client(account)
        client.call("iam", "CreateRole", {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(trust)})
        if allow:
            client.call("iam", "PutRolePolicy", {"RoleName": name, "PolicyName": "p", "PolicyDocument": json.dumps(
                {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": allow, "Resource": resource}]})})
        return f"arn:aws:iam::{account}:role/{name}"

    def test_bus_of_another_account(self):
        there, role = str(10**12 - int(self.account)).zfill(12), self.role(self.account, "send", TRUST, "events:PutEvents")
        far = self.client(there)
        bus = far.call("events", "CreateEventBus", {"Name": "far"})["EventBusArn"]
        rule = far.call("events", "PutRule", {"Name": "r", "EventBusName": "far", "EventPattern": '{"source":["test"]}'})["RuleArn"]
        queue = f"arn:aws:sqs:us-east-1:{there}:q"
        url = far.call("sqs", "CreateQueue", {"QueueName": "q", "Attributes": {"Policy": grant(queue, rule)}})["QueueUrl"]
        far.call("events", "PutTargets", {"Rule": "r", "EventBusName": "far", "Targets": [{"Id": "t", "Arn": queue}]})
        self.bus()
        self.rule(bus="bus")
        target = {"Id": "t", "Arn": bus}
        put = lambda **t: self.events("PutTargets", Rule="rule", EventBusName="bus", Targets=[{**target, **t}])       # noqa: E731
        self.refused("role", "ValidationException", f"RoleArn is required for target {bus}.", put)
        put(RoleArn=role)
        self.send("bus")
        self.assertEqual(self.deliveries()[-1]["code"], "NO_PERMISSIONS", "the receiving bus has no policy yet")
        far.call("events", "PutPermission", {"EventBusName": "far", "StatementId": "s", "Principal": self.account, "Action": "events:PutEvents"})
        event = self.send("bus")
        message, = far.call("sqs", "ReceiveMessage", {"QueueUrl": url, "WaitTimeSeconds": 2})["Messages"]
        body = json.loads(message["Body"])
        self.assertEqual((body["id"], body["account"]), (event, self.account), "fact D7")
        put(RoleArn=self.role(self.account, "weak", TRUST, "sqs:SendMessage"))
        self.send("bus")
        self.assertEqual(self.deliveries()[-1]["code"], "NO_PERMISSIONS", "a role that may not")

    def deliver_to(self, arn, **target):
        """The record of one event sent to `arn`."""
        self.events("PutTargets", Rule="rule", Targets=[{"Id": "t", "Arn": arn, **target}])
        self.send()
        return self.deliveries()[-1]

    def test_role_instead_of_policy(self):
        rule, (_, arn) = self.rule(), self.queue()
        only = lambda source: {**TRUST, "Statement": [{**TRUST["Statement"][0], "Condition": {"ArnEquals": {"aws:SourceArn": source}}}]}     # noqa: E731
        self.assertEqual(self.deliver_to(arn, RoleArn=self.role(self.account, "ok", only(rule), "sqs:SendMessage"))["outcome"], "DELIVERED")
        lambda_trust = json.loads(json.dumps(TRUST).replace("events.", "lambda."))
        for what, role in (("another rule", self.role(self.account, "other", only(rule + "x"), "sqs:SendMessage")),
                           ("another action", self.role(self.account, "read", TRUST, "sqs:ReceiveMessage")),
                           ("no permission", self.role(self.account, "none", TRUST)),
                           ("trusts another service", self.role(self.account, "lam", lambda_trust, "sqs:SendMessage")),
                           ("no role", f"arn:aws:iam::{self.account}:role/gone")):
            with self.subTest(what):
                self.assertEqual(self.deliver_to(arn, RoleArn=role)["code"], "NO_PERMISSIONS")

    def test_batch_job(self):
        self.rule()
        queue, definition = self.arn("batch", "job-queue/q"), self.arn("batch", "job-definition/d")
        put = lambda **t: self.events("PutTargets", Rule="rule", Targets=[{"Id": "t", "Arn": queue, **t}])       # noqa: E731
        self.refused("role", "ValidationException", f"RoleArn is required for target {queue}.", put)
        self.refused_with("jobName", put, {"JobDefinition": definition})
        self.refused_with("size", put, {"JobDefinition": definition, "JobName": "j", "ArrayProperties": {"Size": 1}})
        self.refused_with("attempts", put, {"JobDefinition": definition, "JobName": "j", "RetryStrategy": {"Attempts": 11}})
        given = {"BatchParameters": {"JobDefinition": definition, "JobName": "j"}, "Input": '{"Parameters":{"a":"b"}}'}
        wide = self.role(self.account, "wide", TRUST, "batch:SubmitJob")
        for name, resource in (("queue-only", queue), ("definition-only", definition)):
            role = self.role(self.account, name, TRUST, "batch:SubmitJob", resource)
            self.assertEqual(self.deliver_to(queue, RoleArn=role, **given)["code"], "NO_PERMISSIONS", name)
        self.assertEqual(self.deliver_to(queue, RoleArn=wide, **given)["code"], "NO_RESOURCE", "no queue")
        self.me.call("batch", "CreateJobQueue", {"jobQueueName": "q"})
        self.assertEqual(self.deliver_to(queue, RoleArn=wide, **given)["code"], "NO_RESOURCE", "no job definition")
        self.me.call("batch", "RegisterJobDefinition", {"jobDefinitionName": "d", "type": "container"})
        self.assertEqual(self.deliver_to(queue, RoleArn=wide, **given)["outcome"], "DELIVERED")
        job, = self.me.call("batch", "ListJobs", {"jobQueue": queue})["jobSummaryList"]
        self.assertEqual(self.me.call("batch", "DescribeJobs", {"jobs": [job["jobId"]]})["jobs"][0]["parameters"], {"a": "b"})

    def refused_with(self, word, put, parameters, of="BatchParameters"):
        with self.assertRaises(aws.AwsError) as refused:
            put(RoleArn=f"arn:aws:iam::{self.account}:role/r", **{of: parameters})
        self.assertIn(word, refused.exception.message)

    def put_to(self, arn):
        self.rule()
        return lambda **t: self.events("PutTargets", Rule="rule", Targets=[{"Id": "t", "Arn": arn, **t}])

    def needs(self, arn, rights, **given):
        """A role with all of these rights (action, resource) delivers; without any one of them it does not."""
        for missing in [*rights, None]:
            held, name = [right for right in rights if right != missing], f"role{next(NUMBERS)}"
            role = self.role(self.account, name, TRUST)
            if held:
                statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in held]
                self.me.call("iam", "PutRolePolicy", {"RoleName": name, "PolicyName": "p", "PolicyDocument": json.dumps(
                    {"Version": "2012-10-17", "Statement": statements})})
            record = self.deliver_to(arn, RoleArn=role, **given)
            self.assertEqual(record["code"], "NO_PERMISSIONS" if missing else None, missing)
        return record

    def test_pipeline(self):
        pipeline = self.arn("sagemaker", "pipeline/train")
        put, of = self.put_to(pipeline), "SageMakerPipelineParameters"
        self.refused("role", "ValidationException", f"RoleArn is required for target {pipeline}.", put)
        for word, given in (("name", {"Name": "-a", "Value": "b"}), ("name", {"Name": "a" * 257, "Value": "b"}), ("value", {"Name": "a", "Value": "b" * 1025}),
                            ("value", {"Name": "a"})):
            with self.subTest(word):
                self.refused_with(word, put, {"PipelineParameterList": [given]}, of)
        self.refused_with("pipelineParameterList", put, {"PipelineParameterList": [{"Name": f"a{i}", "Value": "b"} for i in range(201)]}, of)
        self.declare(pipeline)
        given = {of: {"PipelineParameterList": [{"Name": "source", "Value": "$.source"}, {"Name": "b", "Value": "c"}]}}
        record = self.needs(pipeline, [("sagemaker:StartPipelineExecution", pipeline)], **given)
        self.assertEqual([p["Value"] for p in record["call"]["request"]["PipelineParameters"]], ["test", "c"])

    def test_mutation(self):
        endpoint, api = self.arn("appsync", "endpoints/graphql-api/e"), self.arn("appsync", "apis/a")
        put, of = self.put_to(endpoint), "AppSyncParameters"
        self.refused("role", "ValidationException", f"RoleArn is required for target {endpoint}.", put)
        for word, text in (("graphQLOperation", ""), ("must be a mutation", "query { a }"), ("not valid", "mutation {")):
            with self.subTest(word):
                self.refused_with(word, put, {"GraphQLOperation": text}, of)
        given = {of: {"GraphQLOperation": "mutation M($x: String) { log(x: $x) { id } other: send { id } }"}, "Input": '{"x": "y"}'}
        self.declare(endpoint, apiArn=api)
        record = self.needs(endpoint, [("appsync:GraphQL", f"{api}/types/Mutation/fields/{field}") for field in ("log", "send")], **given)
        self.assertEqual(record["call"]["request"]["variables"], {"x": "y"})

    def test_command(self):
        document, of = self.arn("ssm", "document/Restart"), "RunCommandParameters"
        put, block = self.put_to(document), lambda key, *values: {"RunCommandTargets": [{"Key": key, "Values": list(values)}]}
        self.refused("role", "ValidationException", f"RoleArn is required for target {document}.", put)
        for word, given in (("key", block("tag:" + "k" * 125, "v")), ("key", block("tag:*", "v")), ("values", block("tag:k")), ("values", block("InstanceIds", *"i" * 51)),
                            ("1.member", block("tag:k", "v" * 257)), ("one block", block("name", "v")), ("runCommandTargets", {"RunCommandTargets": []}),
                            ("one block", {"RunCommandTargets": block("tag:k", "v")["RunCommandTargets"] * 2})):
            with self.subTest(word):
                self.refused_with(word, put, given, of)
        self.declare(document)
        first, second = (self.arn("ec2", f"instance/i-0000000{i}") for i in (1, 2))
        self.declare(first, tags={"role": "web"})
        self.declare(second, tags={"role": "db"})
        run = {"Input": '{"commands": ["uptime"]}'}
        by_id = {of: block("InstanceIds", "i-00000001", "i-00000002"), **run}
        record = self.needs(document, [("ssm:SendCommand", arn) for arn in (document, first, second)], **by_id)
        self.assertEqual(record["call"]["instances"], ["i-00000001", "i-00000002"])
        record = self.needs(document, [("ssm:SendCommand", arn) for arn in (document, first)], **{of: block("tag:role", "web"), **run})
        self.assertEqual((record["call"]["instances"], record["call"]["request"]["Parameters"]), (["i-00000001"], {"commands": ["uptime"]}))
        wide = self.role(self.account, "wide", TRUST, "*")
        self.assertEqual(self.deliver_to(document, RoleArn=wide, **{of: block("InstanceIds", "i-00000003"), **run})["code"], "NO_RESOURCE")
        of_aws = "arn:aws:ssm:us-east-1::document/AWS-RunShellScript"
        self.assertEqual(self.deliver_to(of_aws, RoleArn=wide, **by_id)["outcome"], "DELIVERED")

    def test_sql(self):
        cluster, secret = self.arn("redshift", "cluster:lab"), self.arn("secretsmanager", "secret:s-AbCdEf")
        put, of = self.put_to(cluster), "RedshiftDataParameters"
        self.refused("role", "ValidationException", f"RoleArn is required for target {cluster}.", put)
        self.refused("parameters", "ValidationException", f"Parameter(s) {of} must be specified for target: t.",
                     lambda: put(RoleArn=f"arn:aws:iam::{self.account}:role/r"))
        for word, given in (("database", {"Sql": "s"}), ("database", {"Database": "d" * 65, "Sql": "s"}), ("sql", {"Database": "d", "Sql": "s" * 100001}),
                            ("sqls", {"Database": "d", "Sqls": ["s"] * 41}), ("dbUser", {"Database": "d", "Sql": "s", "DbUser": "u" * 129}),
                            ("secretManagerArn", {"Database": "d", "Sql": "s", "SecretManagerArn": "s"}), ("one of Sql", {"Database": "d"}),
                            ("one of Sql", {"Database": "d", "Sql": "s", "Sqls": ["s"]}), ("statementName", {"Database": "d", "Sql": "s", "StatementName": "n" * 501})):
            with self.subTest(word):
                self.refused_with(word, put, given, of)
        by_user = {"Database": "dev", "DbUser": "loader", "Sql": "select 1"}
        self.assertEqual(self.deliver_to(cluster, RoleArn=self.role(self.account, "wide", TRUST, "*"), **{of: by_user})["code"], "NO_RESOURCE")
        self.declare(cluster)
        run = ("redshift-data:ExecuteStatement", cluster)
        rights = [run, *(("redshift:GetClusterCredentials", self.arn("redshift", rest)) for rest in ("dbuser:lab/loader", "dbname:lab/dev"))]
        record = self.needs(cluster, rights, **{of: by_user})
        self.assertEqual(record["call"], {"action": "ExecuteStatement", "request": by_user})
        by_secret = {"Database": "dev", "SecretManagerArn": secret, "Sqls": ["a", "b"]}
        self.needs(cluster, [("redshift-data:BatchExecuteStatement", cluster), ("secretsmanager:GetSecretValue", secret)], **{of: by_secret})
        workgroup = self.arn("redshift-serverless", "workgroup/1-2")
        self.declare(workgroup)
        rights = [("redshift-data:ExecuteStatement", workgroup), ("redshift-serverless:GetCredentials", workgroup)]
        self.needs(workgroup, rights, **{of: {"Database": "dev", "Sql": "select 1"}})

    def test_bus_of_the_same_account_needs_a_role(self):
        self.rule()
        bus = self.bus("next")
        self.assertEqual(self.deliver_to(bus)["code"], "NO_PERMISSIONS")
        self.assertEqual(self.deliver_to(bus, RoleArn=self.role(self.account, "ok", TRUST, "events:PutEvents"))["outcome"], "DELIVERED")

    def test_topic(self):
        rule = self.rule()
        topic = aws._between(self.me.call("sns", "CreateTopic", {"Name": "t"}), "TopicArn")
        self.assertEqual(self.deliver_to(topic)["code"], "NO_PERMISSIONS", "the default policy of a topic is for its owner only")
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic}
        for condition, outcome in (({}, "DELIVERED"), ({"ArnEquals": {"aws:SourceArn": rule}}, "FAILED")):
            self.me.call("sns", "SetTopicAttributes", {"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": json.dumps(
                {"Version": "2012-10-17", "Statement": [{**allow, "Condition": condition}]})})
            self.assertEqual(self.deliver_to(topic)["outcome"], outcome, f"condition {condition}")

    def test_log_group(self):
        self.rule()
        group = self.arn("logs", "log-group:/aws/events/x")
        self.me.call("logs", "CreateLogGroup", {"logGroupName": "/aws/events/x"})
        self.assertEqual(self.deliver_to(group)["code"], "NO_PERMISSIONS")
        self.me.call("logs", "PutResourcePolicy", {"policyName": "p", "policyDocument": json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]}, "Resource": f"{group}:*",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"]}]})})
        self.assertEqual(self.deliver_to(group)["outcome"], "DELIVERED", "fact D9")
        self.refused("Logs", "ValidationException", f"RoleArn is not supported for target {group}.",
                     lambda: self.deliver_to(group, RoleArn=f"arn:aws:iam::{self.account}:role/x"))

    def assume(self, role, client=None, **more):
        text = (client or self.me).call("sts", "AssumeRole", {"RoleArn": role, "RoleSessionName": "tributary", **more})
        return {tag: aws._between(text, tag) for tag in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Arn")}

    def test_assume_role(self):
        there = str(10**12 - int(self.account)).zfill(12)
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
            "AWS": f"arn:aws:iam::{self.account}:root"}, "Condition": {"StringEquals": {"sts:ExternalId": "secret-id"}}}]}
        role, closed = self.role(there, "op", trust), self.role(self.account, "svc", TRUST)
        caller = f"arn:aws:iam::{self.account}:root"
        for what, arn, client, more in (("no role", f"arn:aws:iam::{there}:role/none", self.me, {"ExternalId": "secret-id"}), ("no id", role, self.me, {}),
                                        ("wrong id", role, self.me, {"ExternalId": "x"}), ("a service's role", closed, self.me, {})):
            with self.subTest(what):
                self.refused(what, "AccessDenied", f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                             lambda: self.assume(arn, client, **more), 403)
        stranger = self.client("444455556666")
        self.refused("stranger", "AccessDenied", "User: arn:aws:iam::444455556666:root is not authorized to perform: "
                     f"sts:AssumeRole on resource: {role}", lambda: self.assume(role, stranger, ExternalId="secret-id"), 403)
        self.refused("M11", "ValidationError", "nonsense is invalid", lambda: self.assume("nonsense"))
        keys = self.assume(role, ExternalId="secret-id")
        self.assertEqual(keys["Arn"], f"arn:aws:sts::{there}:assumed-role/op/tributary", "fact M10")
        as_role = self.client(there, access_key=keys["AccessKeyId"], secret=keys["SecretAccessKey"], token=keys["SessionToken"])
        self.assertEqual(aws._between(as_role.call("sts", "GetCallerIdentity"), "Arn"), keys["Arn"])
        self.assertIn(f":{there}:", as_role.call("events", "CreateEventBus", {"Name": "mine"})["EventBusArn"])
        self.assertEqual(len(self.client(there).call("events", "ListEventBuses")["EventBuses"]), 2)
        told = aws.get_json(f"{self.bed.url}/_journal?account={there}&match=events.CreateEventBus")["calls"]
        self.assertEqual([c["access_key"] for c in told], [keys["AccessKeyId"]], "the journal knows whose temporary keys these are")
        whole = json.dumps(aws.get_json(f"{self.bed.url}/_journal"))
        self.assertFalse(keys["SecretAccessKey"] in whole or keys["SessionToken"] in whole)

    def test_unknown_keys(self):
        bad = self.client(access_key="AKIAUNKNOWNUNKNOWN12")
        text = "The security token included in the request is invalid."
        self.refused("keys", "UnrecognizedClientException", text, lambda: bad.call("events", "ListEventBuses"))
        self.refused("keys", "InvalidClientTokenId", text, lambda: bad.call("sts", "GetCallerIdentity"), 403)

    def test_identity_of_an_account(self):
        self.assertEqual(aws._between(self.me.call("sts", "GetCallerIdentity"), "Account"), self.account)


if __name__ == "__main__":
    unittest.main()
