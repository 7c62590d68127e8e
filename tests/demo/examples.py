"""Demo, the examples as data: what arrives where, and what must not. Each folder of `examples/` is here; `check` sees to that."""
import dataclasses
import json
from collections.abc import Callable

from play import ACCOUNT, REGION, aws, payload
from sinks import Call, Consumed, Function, Job, LogGroup, Machine, Queue, Topic, Webhook, Worked, hashed

PLATFORM = ["account", "benchling-tenants/accounts"]      # what the platform team applies first


def event(event_type, **more):
    """A maker of events of this type."""
    return lambda mark: {"detail-type": event_type, "detail": payload(event_type, mark, **more)}


@dataclasses.dataclass
class Example:
    folder: str
    namespace: str
    wanted: Callable        # makes an event that the rule picks
    unwanted: Callable      # makes one that it does not
    sinks: list             # get only what is wanted
    monitoring: list = dataclasses.field(default_factory=list)      # get every event
    account: str = ACCOUNT
    dead_letter: Queue | None = None        # takes what a sink refused
    external: str | None = None             # sink whose owner keeps its policy
    permitted: bool = False                 # whether he has given the permission
    follow: list = dataclasses.field(default_factory=list)          # get what comes of what is wanted, by a workflow
    others: list = dataclasses.field(default_factory=list)          # get what is not wanted: of another rule

    def everywhere(self):
        return [*self.sinks, *self.monitoring]

    def publish(self, world, made):
        """Sends it, and completes it with what it is given on the way."""
        raise NotImplementedError


@dataclasses.dataclass
class Partner(Example):
    """Of a subscription `lims` in the namespace."""
    tenant: str = "acme"
    app: str = ""

    @property
    def source(self):
        return f"aws.partner/benchling.com/{self.tenant}/{self.app}"

    def publish(self, world, made):
        world.benchling.send(self.source, made["detail-type"], made["detail"])


@dataclasses.dataclass
class Custom(Example):
    bus: str = ""
    source: str = ""

    def publish(self, world, made):
        if "schedule" in made:
            return world.cloud.fire(made["schedule"])
        answer = world.cloud.events("PutEvents", Entries=[{"EventBusName": self.bus, "Source": self.source, "DetailType": made["detail-type"],
                                                           "Detail": json.dumps(made["detail"])}])
        assert answer["FailedEntryCount"] == 0, answer
        made["id"] = answer["Entries"][0]["EventId"]


@dataclasses.dataclass
class BenchlingApp(Example):
    """Of an app in Benchling, by way of the gateway. The thin message is what is compared."""
    definition: str = ""

    def publish(self, world, made):
        emulator = f"{world.stage.bed['benchling']}/_emu"
        aws.post_json(f"{emulator}/apps", {"tenant": "acme", "clientId": "demo", "appDefinitionId": self.definition})
        wish = {"appDefinitionId": self.definition, "tenant": "acme", "message": made["detail"], "url": world.stage.webhooks, "attempts": 40, "everyMs": 250}
        sent = aws.post_json(f"{emulator}/webhook", wish)["webhooks"][0]
        assert sent["attempts"][-1]["status"] == 200, sent


def thin(event_type):
    return lambda mark: {"detail-type": event_type, "detail": {
        "type": event_type, "id": f"evt_{mark}", "resourceId": f"bfi_{mark}", "createdAt": "2026-01-01T00:00:00+00:00", "deprecated": False,
        "schema": {"id": "ts_plasmid"}}}


@dataclasses.dataclass
class Workflow(Custom):
    """What is wanted is published by a state machine."""
    machine: str = ""

    def publish(self, world, made):
        for sink in self.sinks:
            if isinstance(sink, Topic):
                sink.subscribe()
        if "run" not in made["detail"]:
            return super().publish(world, made)
        run = made["detail"]["run"]
        arn = f"arn:aws:states:{REGION}:{self.account}:stateMachine:{self.machine}"
        world.cloud.call("states", "StartExecution", {"stateMachineArn": arn, "input": json.dumps(run if isinstance(run, dict) else {"run": run})})


@dataclasses.dataclass
class Service(Custom):
    """An AWS service's own event, on the default bus."""
    bus: str = "default"

    def publish(self, world, made):
        world.cloud.emit(self.source, made["detail-type"], made["detail"])


def approval(mark):
    return {"detail-type": "Approval requested", "detail": {"run": {"order": mark}}}


def approved_order(made):
    return {"order": made["detail"]["run"]["order"], "approved": True}


def hello(mark):
    return {"detail-type": "MyDetailType", "detail": {"Message": "Hello from Step Functions!", "run": mark}}


def upload(bucket):
    return lambda mark: {"detail-type": "AWS API Call via CloudTrail", "detail": {
        "eventSource": "s3.amazonaws.com", "eventName": "PutObject", "requestParameters": {"bucketName": bucket, "key": mark}}}


def uploaded(made):
    request = made["detail"]["requestParameters"]
    return f"evt_{request['key']} uploaded to {request['bucketName']}"


def snapshot(kind):
    return lambda mark: {"detail-type": kind, "detail": {"EventCategories": ["creation"], "SourceIdentifier": f"rds:{mark}"}}


def account_asked(kind, **more):
    return lambda mark: {"detail-type": kind, "detail": {"customerName": mark, "customerAddress": "123 Any Street", **more}}


def approved(made):
    return {"customerName": made["detail"]["customerName"], "customerAddress": made["detail"]["customerAddress"], "checksPassed": True}


def run(state):
    return lambda mark: {"detail-type": "sequencing_run", "detail": {"run": mark, "state": state}}


def load(state):
    return lambda mark: {"detail-type": "load", "detail": {"load": mark, "state": state}}


def status(value):
    return lambda mark: {"detail-type": "service_status", "detail": {"service": "myapp service", "status": value, "run": mark}}


def order(kind):
    return lambda mark: {"detail-type": kind, "detail": {"order": mark}}


def parcel(kind):
    return lambda mark: {"detail-type": kind, "detail": {"parcel": mark}}


def payment(kind):
    return lambda mark: {"detail-type": kind, "detail": {"payment": mark}}


def customer(passed):
    return lambda mark: {"detail-type": "New account approved",
                         "detail": {"customerName": mark, "customerAddress": "123 Any Street", "checksPassed": passed}}


def task(made):
    detail = made["detail"]
    return f"{detail['id']} {detail['eventType']} of task {detail['workflowTask']['id']}"


def request(made):
    detail = made["detail"]
    return f"{detail['id']} request {detail['request']['id']} of schema {detail['schema']['name']}"


def tenant(environment, name, account):
    return Partner("benchling-tenants", f"benchling-{environment}", event("v2.entity.registered", schema="Plasmid"), event("v2.entry.created"),
                   [Queue(f"benchling-{environment}-registered", account)],
                   [LogGroup("/aws/events/" + hashed(f"benchling-{environment}", "lims-monitoring"), account)],
                   account=account, tenant=name, app="lims")


def table():
    return [
        Partner("benchling-entity-to-sqs", "integrations-entities", event("v2.entity.registered", schema="Plasmid", name="pUC19"),
                event("v2.request.created", schema="Validated Request"), [Queue("integrations-entities-registered")],
                [LogGroup("/aws/events/" + hashed("integrations-entities", "lims-monitoring"))], app="sequence-integrations"),
        Partner("benchling-request-to-lambda", "integrations-requests", event("v2.request.created", schema="Validated Request"),
                event("v2.request.created", schema="Vector Production Request"), [Function("handle-request", request)],
                dead_letter=Queue("integrations-requests-undeliverable"), app="request-handler"),
        Partner("benchling-catch-all-to-logs", "integrations-catch-all", event("v2.entry.updated.reviewRecord", updates=["reviewRecord"]),
                event("v2.workflowOutput.created", schema="Yield"), [], [LogGroup("/aws/events/benchling/acme")], app="catch-all"),
        Partner("benchling-field-update", "integrations-runs",
                event("v2.assayRun.updated.fields", schema="Assay", updates=["fields.Operator", "fields.my_field"]),
                event("v2.assayRun.updated.fields", schema="Assay", updates=["fields.Operator"]), [Queue("integrations-runs-updated")],
                app="run-updates"),
        Partner("benchling-queue-to-lambda", "integrations-tasks", event("v2.workflowTask.updated.status", schema="Miniprep", updates=["status"]),
                event("v2.workflowTask.updated.assignee", schema="Miniprep", updates=["assignee"]),
                [Worked("integrations-tasks-work", "work-off", task)], app="task-worker"),
        Partner("benchling-two-rules", "integrations-shared", event("v2.entity.registered", schema="Plasmid"),
                event("v2.request.created", schema="Validated Request"), [Queue("integrations-shared-registered")],
                [LogGroup("/aws/events/" + hashed("integrations-shared", "lims-monitoring"))], others=[Queue("integrations-shared-requested")],
                app="shared"),
        tenant("dev", "acme-dev", "111122223333"),
        tenant("test", "acme-test", "222233334444"),
        tenant("prod", "acme", "333344445555"),
        BenchlingApp("benchling-app-webhook", "integrations-webhooks", thin("v2.entity.registered"), thin("v2.entry.created"),
                [Queue("integrations-webhooks-registered", body=lambda found: found["detail"]["message"])], definition="appdef_Fn1OZVKR"),
        # Up to the queue; from there to the row is `demo.py webhook`.
        BenchlingApp("benchling-app-postgres", "integrations-table", thin("v2.entity.registered"), thin("v2.entry.created"),
                [Queue("integrations-table-entities", body=lambda found: found["detail"]["message"])], definition="appdef_T4bl3Syn"),
        Custom("custom-bus-to-sqs", "orders", status("restored"), status("down"), [Queue("orders-work")], bus="orders-myapp",
               source="com.mycompany.myapp"),
        Custom("custom-bus-to-logs", "integrations-debug", status("restored"), status("down"), [], [LogGroup("/aws/events/integrations-debug-log")],
               bus="integrations-debug-myapp", source="com.mycompany.myapp"),
        Workflow("stepfunctions-put-events", "integrations-workflow", hello, payment("payment_settled"),
                 [Function("say-hello", lambda made: f"evt_{made['detail']['run']} {made['detail']['Message']}"), Topic("integrations-workflow-announcements"),
                  Queue("integrations-workflow-work")],
                 bus="integrations-workflow-events", source="MySource", machine="integrations-workflow-workflow"),
        Workflow("stepfunctions-callback", "integrations-callback", approval, payment("payment_settled"),
                 [Consumed("integrations-callback-requests", "stepfunctions-callback", "requests-queue", body=lambda found: found, shape=approved_order)],
                 bus="integrations-callback-events", source="com.mycompany.approvals", machine="integrations-callback-approval",
                 follow=[Queue("integrations-callback-decisions", shape=approved_order)]),
        Custom("queue-to-pod", "integrations-invoices", payment("invoice_paid"), payment("invoice_sent"),
               [Consumed("integrations-invoices-paid", "queue-to-pod", "paid-queue")], bus="integrations-invoices-shop", source="com.mycompany.shop"),
        Custom("kyc", "integrations-identity", account_asked("New account requested"), account_asked("Account closed"),
               [Machine("integrations-identity-kyc", "integrations-identity-central", hashed("integrations-identity", "new-account"))],
               bus="integrations-identity-central", source="com.aws.accounts",
               follow=[LogGroup("/aws/events/integrations-identity-approved", shape=approved),
                       LogGroup("/aws/events/integrations-identity-opened", shape=approved)]),
        Service("s3-object-to-lambda", "integrations-uploads", upload("integrations-uploads-111122223333"), upload("another-bucket"),
                [Function("handle-upload", uploaded), LogGroup("/aws/events/integrations-uploads-log")], source="aws.s3"),
        Service("rds-snapshots-to-logs", "integrations-snapshots", snapshot("RDS DB Snapshot Event"), snapshot("RDS DB Instance Event"),
                [LogGroup("/aws/events/integrations-snapshots-log")], source="aws.rds"),
        Custom("archive-and-replay", "integrations-payments", payment("payment_settled"), payment("payment_refused"), [Queue("integrations-payments-ledger")],
               bus="integrations-payments-central", source="com.mycompany.payments"),
        Custom("bus-log", "integrations-shipping", parcel("parcel_lost"), parcel("parcel_shipped"), [Queue("integrations-shipping-claims")],
               bus="integrations-shipping-parcels", source="com.mycompany.shipping"),
        Custom("existing-queue", "integrations-audit", status("down"), lambda mark: {**status("down")(mark), "detail-type": "heartbeat"},
               [Queue("audit")], external="audit", bus="integrations-audit-myapp", source="com.mycompany.myapp"),
        Custom("existing-bus", "integrations-central", order("order_placed"), order("order_cancelled"), [Queue("integrations-central-orders")],
               bus="central", source="com.mycompany.orders"),
        Custom("arn-from-config-map", "integrations-returns", parcel("parcel_returned"), parcel("parcel_shipped"), [Queue("returns")],
               bus="integrations-returns-shop", source="com.mycompany.shop"),
        Custom("batch-job", "integrations-sequencing", run("finished"), run("started"),
               [Job("sequencing", "integrations-sequencing-lab", "integrations-sequencing-finished")],
               bus="integrations-sequencing-lab", source="com.mycompany.sequencer"),
        Custom("redshift-data", "integrations-warehouse", load("finished"), load("failed"),
               [Call("cluster", "redshift", "cluster:lab", "integrations-warehouse-lab", "integrations-warehouse-loaded",
                     body=lambda request: request["Sql"], shape=lambda event: "call refresh_reports()")],
               bus="integrations-warehouse-lab", source="com.mycompany.pipelines"),
        Custom("sagemaker-pipeline", "integrations-training", load("published"), load("drafted"),
               [Call("pipeline", "sagemaker", "pipeline/train", "integrations-training-datasets", "integrations-training-published",
                     body=lambda request: {p["Name"]: p["Value"] for p in request["PipelineParameters"]},
                     shape=lambda event: {"dataset": event["detail"]["load"]})],
               bus="integrations-training-datasets", source="com.mycompany.datasets"),
        Custom("appsync-mutation", "integrations-live", run("finished"), run("started"),
               [Call("API", "appsync", "endpoints/graphql-api/liveendpoint", "integrations-live-lab", "integrations-live-finished",
                     body=lambda request: request["variables"], shape=lambda event: {"run": event["detail"]["run"]})],
               bus="integrations-live-lab", source="com.mycompany.sequencer"),
        Custom("run-command", "integrations-instances", run("finished"), run("started"),
               [Call("document", "ssm", "document/AWS-RunShellScript", "integrations-instances-lab", "integrations-instances-finished", account="",
                     body=lambda request: request["Parameters"], shape=lambda event: {"commands": ["systemctl start import"]})],
               bus="integrations-instances-lab", source="com.mycompany.sequencer"),
        Custom("webhook-out", "integrations-webhook", parcel("parcel_shipped"), parcel("parcel_packed"),
               [Webhook("partner.example.com", "change-me", "integrations-webhook-shipping", "integrations-webhook-shipped",
                        lambda found: f"/parcels/{found['detail']['parcel']}")],
               bus="integrations-webhook-shipping", source="com.mycompany.shipping"),
        Custom("schedule-to-sqs", "integrations-schedule", lambda mark: {"schedule": "integrations-schedule-sync"}, status("down"),
               [Queue("integrations-schedule-work", body=lambda found: found, shape=lambda made: {"task": "sync", "full": False})],
               bus="default", source="com.mycompany.myapp"),
        Custom("transform-and-dead-letter", "integrations-kyc", customer(True), customer(False),
               [Queue("integrations-kyc-accounts.fifo", body=lambda found: found, shape=lambda made: {
                   "event": made["id"], "customer": made["detail"]["customerName"], "address": made["detail"]["customerAddress"]})],
               dead_letter=Queue("integrations-kyc-undeliverable"), bus="integrations-kyc-central", source="com.aws.kyc"),
    ]
