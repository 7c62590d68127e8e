//! `tributary ui` as a process: the map of real objects, their details, events, changes, few permissions, no secret.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use kube::api::PostParams;
use serde_json::{Value, json};
use tributary_testkit::{World, apply_pipeline, disposable_queue, until_within};

/// Ended when dropped.
struct Page {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
    }
}

impl Page {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "{url:?}");
        Self { child, url: url.trim_end().to_owned(), http: reqwest::Client::new() }
    }

    async fn get(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.http.post(format!("{}{path}", self.url)).json(body).send().await.unwrap().json().await.unwrap()
    }

    /// The map, once it has a node for which this is true.
    async fn map_with(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        until_within(Duration::from_secs(30), what, || async {
            let map = self.get("api/graph").await;
            map["nodes"].as_array().unwrap().iter().any(&wanted).then_some(map)
        })
        .await
    }
}

fn named<'a>(kind: &'a str, name: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |node| node["kind"] == kind && node["name"] == name && node["health"] == "Healthy"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_objects_and_what_happens_to_an_event() {
    let world = World::start("ui").await;
    apply_pipeline(&world).await;
    let since = world.aws.mark().await;
    let page = Page::start(world.command(&["ui", "-n", &world.namespace]));
    let map = page.map_with("the rule is on the map", named("EventRule", "r")).await;
    let at =
        |name: &str| map["nodes"].as_array().unwrap().iter().position(|node| node["name"] == name && node["origin"] == "Object").unwrap();
    let row = json!([-1, at("b"), at("r"), at("q"), -1]);
    assert!(map["rows"].as_array().unwrap().iter().any(|of| of["cells"] == row && of["deliverable"] == "Yes"), "{map}");
    assert_eq!(map["scope"], format!("namespace {}", world.namespace));

    let rule = page.get(&format!("api/object/EventRule/{}/r", world.namespace)).await;
    assert!(rule["object"]["yaml"].as_str().unwrap().contains("busRef:"), "{rule}");
    assert!(rule["node"]["conditions"].as_array().unwrap().iter().any(|condition| condition["type"] == "Deliverable"), "{rule}");
    let events = rule["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["type"] == "Normal" && event["message"].is_string()), "the Events of the operator: {rule}");

    let event = json!({"source": "test", "detail-type": "x", "detail": {"n": 1}});
    let found = page.post("api/match", &event).await;
    assert_eq!(found["matched"][0]["id"], format!("EventRule/{}/r", world.namespace), "{found}");
    let input: Value = serde_json::from_str(found["matched"][0]["targets"][0]["input"].as_str().unwrap()).unwrap();
    assert_eq!((&input["source"], &input["detail"]), (&event["source"], &event["detail"]));
    assert_eq!(page.post("api/match", &json!({"source": "other"})).await["matched"], json!([]));
    assert_eq!(world.aws.writes(since).await, Vec::<String>::new(), "the page only reads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_arrives_without_a_reload() {
    let world = World::start("ui-live").await;
    let page = Page::start(world.command(&["ui", "-n", &world.namespace]));
    let version = page.map_with("the account is on the map", named("AwsAccount", &world.account)).await["version"].clone();
    let changes = format!("api/changes?since={version}");
    let (changed, ()) = tokio::join!(page.get(&changes), async {
        world.apply("EventSink", "q", disposable_queue()).await;
    });
    assert!(changed["version"].as_u64() > version.as_u64(), "{changed}");
    page.map_with("the new sink is on the map", named("EventSink", "q")).await;
    world.delete("EventSink", "q").await;
    until_within(Duration::from_secs(30), "the sink is gone from the map", || async {
        let map = page.get("api/graph").await;
        (!map["nodes"].as_array().unwrap().iter().any(|node| node["name"] == "q")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_contains_a_secret() {
    const CANARY: &str = "canary-9Vx1";
    let world = World::start("ui-secret").await;
    world.permit_secrets().await;
    world.user_secret("key", json!({"value": CANARY})).await;
    let headers = json!({"x-extra": {"value": CANARY}});
    let api_key = json!({"name": "x-key", "valueSecretRef": {"name": "key", "key": "value"}});
    let connection = json!({"apiKey": api_key, "invocationHttp": {"headers": headers}});
    let spec = json!({"apiDestination": {"managed": {"endpoint": "https://127.0.0.1/hook", "connection": connection}}});
    world.apply("EventSink", "api", spec).await;
    let page = Page::start(world.command(&["ui", "-n", &world.namespace]));
    let map = page.map_with("the sink is on the map", |node| node["name"] == "api").await;
    let mut answers = vec![map.clone(), page.get("api/types").await, page.get("api/who?type=x").await];
    for node in map["nodes"].as_array().unwrap() {
        let part = |name: &str| node[name].as_str().unwrap_or("-").replace('/', "%2F");
        answers.push(page.get(&format!("api/object/{}/{}/{}", part("kind"), part("namespace"), part("name"))).await);
    }
    let all = serde_json::to_string(&answers).unwrap();
    assert!(all.contains("x-key") && all.contains("valueSecretRef"), "the spec is shown: {all}");
    for secret in [CANARY.to_owned(), "canary-7Qm2".to_owned(), BASE64_STANDARD.encode(CANARY)] {
        assert!(!all.contains(&secret), "{secret}: {all}");
    }
}

/// A kubeconfig of a user who may only read rules of the world's namespace.
async fn reader_of_rules(world: &World) -> String {
    let (rbac, namespace) = ("rbac.authorization.k8s.io/v1", Some(world.namespace.as_str()));
    world.apply_in(namespace, "v1", "ServiceAccount", "reader", json!({})).await;
    let rules = json!([{"apiGroups": ["tributary.dev"], "resources": ["eventrules"], "verbs": ["get", "list", "watch"]}]);
    world.apply_in(namespace, rbac, "Role", "reader", json!({"rules": rules})).await;
    let binding = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": world.namespace}],
    });
    world.apply_in(namespace, rbac, "RoleBinding", "reader", binding).await;
    let accounts = kube::Api::<k8s_openapi::api::core::v1::ServiceAccount>::namespaced(world.client.clone(), &world.namespace);
    let request = serde_json::from_value(json!({"spec": {"audiences": [], "expirationSeconds": 3600}})).unwrap();
    let token = accounts.create_token_request("reader", &PostParams::default(), &request).await.unwrap().status.unwrap().token;
    let mut config = serde_json::to_value(kube::config::Kubeconfig::read_from(world.kubeconfig()).unwrap()).unwrap();
    config["users"][0]["user"] = json!({"token": token});
    config["contexts"][0]["context"]["namespace"] = world.namespace.as_str().into();
    config.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_few_permissions_sees_what_they_may_read() {
    let world = World::start("ui-few").await;
    apply_pipeline(&world).await;
    let file = std::env::temp_dir().join(format!("kubeconfig-{}", world.namespace));
    std::fs::write(&file, reader_of_rules(&world).await).unwrap();
    let mut command = world.command(&["ui", "-A"]);
    command.env("KUBECONFIG", &file);
    let page = Page::start(command);
    let map = page.map_with("the rule is on the map", named("EventRule", "r")).await;
    let notes: Vec<_> = map["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    assert!(notes.iter().any(|note| note.contains("EventSink") && note.contains("you may not list")), "{notes:?}");
    let sink = map["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "q").unwrap();
    assert_eq!((&sink["origin"], &sink["health"]), (&json!("NotRead"), &json!("Unknown")));
    let rule = page.get(&format!("api/object/EventRule/{}/r", world.namespace)).await;
    assert!(rule["object"]["yaml"].is_string(), "{rule}");
    assert!(rule["events"]["error"].as_str().unwrap().contains("you lack a permission"), "{rule}");
    std::fs::remove_file(file).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_cannot_be_reached_is_a_note_on_the_page() {
    let world = World::empty("ui-down").await;
    let mut config = serde_json::to_value(kube::config::Kubeconfig::read_from(world.kubeconfig()).unwrap()).unwrap();
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1".into();
    let file = std::env::temp_dir().join(format!("kubeconfig-{}", world.namespace));
    std::fs::write(&file, config.to_string()).unwrap();
    let mut command = world.command(&["ui", "-A"]);
    command.env("KUBECONFIG", &file);
    let page = Page::start(command);
    let map = until_within(Duration::from_secs(30), "the page has a note", || async {
        let map = page.get("api/graph").await;
        map["notes"].as_array().is_some_and(|notes| !notes.is_empty()).then_some(map)
    })
    .await;
    assert_eq!(map["nodes"], json!([]));
    assert!(map["notes"].to_string().contains("EventRule"), "{map}");

    let mut command = world.command(&["ui", "--kubeconfig", "/does/not/exist"]);
    command.env_remove("KUBECONFIG");
    let output = world.run_command(command, "").await;
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("/does/not/exist") && output.out.is_empty(), "{output:?}");
    std::fs::remove_file(file).unwrap();
}
