//! Fixtures of imports: what is in AWS, and what describes it.
//!
//! `fixture.yaml` has the calls that make the resources, the arguments of `tributary import`, and how many objects of each kind it
//! prints. `ACCOUNT` stands for the account id.

use std::{fs, path::PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use tributary_testkit::{Aws, Output, REGION, World, options, writes_since};

/// What a fixture has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Description {
    /// What it shows, and the page that it was rebuilt from.
    #[allow(dead_code, reason = "for readers")]
    about: String,
    /// Calls and resources, in order: `{events: {CreateEventBus: {...}}}`, `{function: NAME}`, or `{role: {name: NAME, policy: {...}}}`.
    aws: Vec<Value>,
    /// Arguments after `tributary import`.
    arguments: Vec<String>,
    /// Kinds and names of the objects.
    objects: Vec<String>,
    /// Texts of the report.
    #[serde(default)]
    report: Vec<String>,
}

/// A folder of `tests/fixtures/import`.
pub struct Fixture {
    name: String,
    folder: PathBuf,
}

fn folder() -> PathBuf {
    tributary_testkit::root().join("tests/fixtures/import")
}

/// Names of all fixtures.
pub fn all() -> Vec<String> {
    let folders = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.join("fixture.yaml").is_file());
    let mut names: Vec<_> = folders.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

impl Fixture {
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), folder: folder().join(name) }
    }

    /// Makes the resources, imports them, applies what was printed, and compares what the operator writes.
    pub async fn imports_and_adopts(&self) {
        let mut world = World::empty(&format!("import-{}", self.name)).await;
        let mut account = world.account_spec();
        account.as_object_mut().unwrap().remove("defaultTags");
        world.apply_account(account).await;
        let text = fs::read_to_string(self.folder.join("fixture.yaml")).unwrap().replace("ACCOUNT", &world.aws.account);
        let description: Description = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        for resource in &description.aws {
            make(&world, resource).await;
        }
        let output = self.import(&world, &description.arguments).await;
        assert_eq!(output.code, 0, "{}: {}", self.name, output.err);
        for text in &description.report {
            assert!(output.err.contains(text), "{}: {text:?} is not in the report:\n{}", self.name, output.err);
        }
        let objects: Vec<Value> = serde_saphyr::from_multiple(&output.out).unwrap();
        let found: Vec<_> =
            objects.iter().map(|object| format!("{} {}", text_of(&object["kind"]), text_of(&object["metadata"]["name"]))).collect();
        assert_eq!(found, description.objects, "{}:\n{}\n{}", self.name, output.out, output.err);
        self.plans(&world, &output.out).await;
        world.run(options()).await;
        self.adopts(&world, &objects).await;
        world.stop().await;
    }

    async fn import(&self, world: &World, arguments: &[String]) -> Output {
        let mut all = vec!["import"];
        all.extend(arguments.iter().map(String::as_str));
        all.extend(["--account", &world.account, "--namespace", &world.namespace]);
        let mut command = world.command(&all);
        // Templates name the account in place of the test's.
        let folder = std::env::temp_dir().join(format!("tributary-{}", world.namespace));
        fs::create_dir_all(&folder).unwrap();
        for entry in fs::read_dir(&self.folder).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap().replace("ACCOUNT", &world.aws.account);
            fs::write(folder.join(path.file_name().unwrap()), text).unwrap();
        }
        command.current_dir(&folder);
        let mark = world.aws.mark().await;
        let output = world.run_command(command, "").await;
        assert!(writes_since(world, mark).await.is_empty(), "{}: an import reads only", self.name);
        fs::remove_dir_all(folder).unwrap();
        output
    }

    /// Plans the manifests: nothing changes but the owner tag of what is adopted.
    async fn plans(&self, world: &World, manifests: &str) {
        let command = world.command(&["plan", "-f", "-", "-o", "json", "--installation-id", "e2e"]);
        let plan = world.run_command(command, manifests).await;
        assert!([0, 2].contains(&plan.code), "{}: {} {}", self.name, plan.out, plan.err);
        for object in plan.json()["objects"].as_array().unwrap() {
            for change in object["changes"].as_array().unwrap() {
                let paths: Vec<_> = change["fields"].as_array().unwrap().iter().map(|field| text_of(&field["path"])).collect();
                let is_tag = ["events:TagResource", "sqs:TagQueue"].contains(&text_of(&change["call"]));
                assert!(is_tag && paths == ["tags.tributary.dev/owner"], "{}: {object:#}", self.name);
            }
        }
    }

    /// Applies the objects and waits for them: only the owner tag is written.
    async fn adopts(&self, world: &World, objects: &[Value]) {
        let mark = world.aws.mark().await;
        for object in objects {
            let (kind, name) = (text_of(&object["kind"]), text_of(&object["metadata"]["name"]));
            world.apply_in(Some(&world.namespace), text_of(&object["apiVersion"]), kind, name, object.clone()).await;
        }
        for object in objects {
            world.ready(text_of(&object["kind"]), text_of(&object["metadata"]["name"])).await;
        }
        for call in writes_since(world, mark).await {
            assert!(["TagResource", "TagQueue"].contains(&call.op.as_str()), "{}: {} {}", self.name, call.op, call.request);
            let request = call.request.to_string();
            assert_eq!(request.matches("tributary.dev/owner").count(), 1, "{}: {request}", self.name);
            assert!(!request.contains("team"), "{}: a tag that AWS has is written again: {request}", self.name);
        }
    }
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

async fn make(world: &World, resource: &Value) {
    let aws = &world.aws;
    let (what, value) = resource.as_object().and_then(|map| map.iter().next()).unwrap_or_else(|| panic!("{resource}"));
    match (what.as_str(), value) {
        ("function", name) => drop(aws.make_function(text_of(name)).await),
        ("topic", name) => drop(aws.make_topic(text_of(name)).await),
        ("machine", name) => drop(aws.make_machine(text_of(name)).await),
        ("role", Value::Object(role)) => {
            aws.make_role(text_of(&role["name"]), "events.amazonaws.com").await;
            let (name, policy) = (text_of(&role["name"]), role["policy"].to_string());
            aws.query("iam", &[("Action", "PutRolePolicy"), ("RoleName", name), ("PolicyName", "p"), ("PolicyDocument", &policy)]).await;
        }
        ("role", name) => drop(aws.make_role(text_of(name), "events.amazonaws.com").await),
        ("source", name) => aws.make_source(text_of(name)).await,
        ("resource", Value::Object(resource)) => aws.declare(text_of(&resource["arn"]), Value::Object(resource.clone())).await,
        ("resource", arn) => aws.declare(text_of(arn), json!({})).await,
        ("apiDestination", wish) => api_destination(aws, wish).await,
        (service, calls) => {
            for (op, body) in calls.as_object().unwrap() {
                aws.call(service, op, body.clone()).await.unwrap_or_else(|error| panic!("{service}:{op} {body}: {error} in {REGION}"));
            }
        }
    }
}

/// An API destination and a rule with it as its target. AWS generates a part of the ARN.
async fn api_destination(aws: &Aws, wish: &Value) {
    let connection = aws.events("DescribeConnection", json!({"Name": wish["connection"]})).await["ConnectionArn"].clone();
    let endpoint = "https://crm.example.com/events";
    let made = json!({"Name": wish["name"], "ConnectionArn": connection, "HttpMethod": "POST", "InvocationEndpoint": endpoint});
    let arn = aws.events("CreateApiDestination", made).await["ApiDestinationArn"].clone();
    let pattern = json!({"source": ["crm"]}).to_string();
    aws.events("PutRule", json!({"Name": wish["rule"], "EventBusName": wish["bus"], "EventPattern": pattern})).await;
    let role = format!("arn:aws:iam::{}:role/{}", aws.account, text_of(&wish["role"]));
    let target = json!({"Id": "api", "Arn": arn, "RoleArn": role, "HttpParameters": {"HeaderParameters": {"X-Team": "crm"}}});
    aws.events("PutTargets", json!({"Rule": wish["rule"], "EventBusName": wish["bus"], "Targets": [target]})).await;
}
