"""Demo, from a signed webhook to a row: `make demo-webhook`. A Benchling App, the gateway, the operator, `tributary sync` and a real PostgreSQL."""
import json
import os
import secrets
import subprocess
import sys

from play import aws
from stage import BED, STATE, condition, until

FOLDER, NAMESPACE, DEFINITION, TENANT = "examples/benchling-app-postgres", "integrations-table", "appdef_T4bl3Syn", "acme"
KINDS = "benchlingapp,eventbus,eventsink,eventrule"


class Database:
    """PostgreSQL with TLS, for as long as this process runs."""
    def __init__(self):
        self.process = subprocess.Popen([sys.executable, str(BED / "postgres/serve.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("demo: PostgreSQL did not start; what it said is above")
        self.about = json.loads(line)
        self.authority = STATE / "database-ca.crt"
        self.authority.write_text(self.about["ca"])

    def rows(self, query):
        """As psql shows it, over TLS that is verified; nothing while there is no table."""
        where = f"host=localhost port={self.about['port']} dbname={self.about['database']} user={self.about['user']} sslmode=verify-full sslrootcert={self.authority}"
        done = subprocess.run([self.about["psql"], where, "-c", query], env={**os.environ, **self.about["env"], "PGPASSWORD": self.about["password"]},
                              text=True, capture_output=True)
        return done.stdout if done.returncode == 0 else ""

    def end(self):
        self.process.terminate()
        self.process.wait(30)


def run(stage, say):
    database = Database()
    try:
        _run(stage, say, database)
    finally:
        database.end()


def _run(stage, say, database):
    emulator = f"{stage.bed['benchling']}/_emu"
    say("Benchling, played: an app is installed in tenant acme, and a plasmid is there")
    app = aws.post_json(f"{emulator}/apps", {"tenant": TENANT, "appDefinitionId": DEFINITION})
    entity, mark = f"bfi_{secrets.token_hex(4)}", f"notes {secrets.token_hex(4)}"
    aws.post_json(f"{emulator}/entities", {"tenant": TENANT, "entities": [{"id": entity, "name": "pUC19", "fields": {
        "Notes": {"type": "text", "isMulti": False, "value": mark}}}]})
    # What a tenant admin chooses in the tab Configuration of the app, for the items of manifest.yaml.
    aws.post_json(f"{emulator}/configuration", {"tenant": TENANT, "appId": app["appId"], "items": [
        {"path": ["Sample"], "type": "entity_schema", "value": "ts_plasmid", "name": "Plasmid"},
        {"path": ["Sample", "Result"], "type": "field", "value": "tsf_notes", "name": "Notes"}]})
    print(f"  {entity}  pUC19  {mark!r}")

    say(f"Apply {FOLDER}, with this machine's PostgreSQL as the database; two Secrets; and start sync")
    stage.kubectl("apply", "-f", f"{FOLDER}/namespace.yaml")
    secret = {"apiVersion": "v1", "kind": "Secret"}
    stage.apply({**secret, "metadata": {"name": "lims", "namespace": NAMESPACE}, "stringData": {
                    "BENCHLING_CLIENT_ID": app["clientId"], "BENCHLING_CLIENT_SECRET": app["clientSecret"]}},
                {**secret, "metadata": {"name": "database", "namespace": NAMESPACE}, "stringData": {
                    "password": database.about["password"], "ca.crt": database.about["ca"]}})
    shown = json.loads(stage.quietly("apply", "-k", FOLDER, "--dry-run=server", "-o", "json"))["items"]
    for obj in shown:
        if obj["kind"] == "EventSink":
            obj["spec"]["postgres"]["database"].update(host="localhost", port=database.about["port"], name=database.about["database"], user=database.about["user"])
    stage.apply(*({key: obj[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": {
        "name": obj["metadata"]["name"], "namespace": NAMESPACE}} for obj in shown if obj["kind"] != "Namespace"))
    stage.start_sync(NAMESPACE)
    until(lambda: all(condition(obj)[0] == "True" for obj in stage.objects(KINDS, NAMESPACE)), 60, "all are Ready")
    stage.kubectl("get", KINDS, "-n", NAMESPACE)

    say("Somebody registers the plasmid: Benchling sends a signed webhook, and again what has no 2xx")
    message = {"type": "v2.entity.registered", "id": f"evt_{secrets.token_hex(4)}", "resourceId": entity, "createdAt": "2026-01-01T00:00:00+00:00",
               "deprecated": False, "schema": {"id": "ts_plasmid"}}
    wish = {"appDefinitionId": DEFINITION, "tenant": TENANT, "message": message, "url": stage.webhooks, "attempts": 40, "everyMs": 250}
    sent = aws.post_json(f"{emulator}/webhook", wish)["webhooks"][0]
    print(f"  {sent['id']}  {message['type']}  answered {sent['attempts'][-1]['status']}")
    query = f"SELECT benchling_api_id, entity_name, field_value, synced_datetime FROM synced_benchling_data WHERE benchling_api_id = '{entity}'"
    until(lambda: mark in database.rows(query), 60, f"the row of {entity}")
    say("The row")
    print(database.rows(query))
    # Status is written now and then, not for each row.
    told = until(lambda: stage.objects("eventsink", NAMESPACE)[0]["status"].get("sync", {}).get("synced"), 30, "status tells of it")
    print(f"status.sync.synced of the sink: {told}")
