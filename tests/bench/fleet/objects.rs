//! Benchmark, part 8b: the objects of a fleet. Each account has a namespace with buses, queues and rules of its own, and a Secret with its
//! keys. They are written as JSON, without types: what this process does takes time from the operator.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::Request;
use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use serde_json::{Value, json};

use crate::{Result, cluster::OPERATOR_NAMESPACE, say, standin::REGION};

const RULES_PER_BUS: usize = 50;
const RULES_PER_SINK: usize = 2;
/// Requests of users at a time.
pub const AT_ONCE: usize = 32;
/// For one request to the API server.
const PATIENCE: Duration = Duration::from_mins(2);
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Accounts, and what is in each.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub accounts: usize,
    pub buses: usize,
    pub sinks: usize,
    pub rules: usize,
}

impl Size {
    /// About so many objects in all accounts.
    pub fn of(objects: usize, accounts: usize) -> Self {
        let each = objects / accounts;
        let sized = |rules: usize| Self { accounts, rules, buses: rules.div_ceil(RULES_PER_BUS), sinks: rules.div_ceil(RULES_PER_SINK) };
        (1..=each).rev().map(sized).find(|size| size.each() <= each).unwrap_or_else(|| sized(1))
    }

    /// Objects of an account, itself included.
    fn each(self) -> usize {
        1 + self.buses + self.sinks + self.rules
    }

    pub fn objects(self) -> usize {
        self.accounts * self.each()
    }

    pub fn rules(self) -> usize {
        self.accounts * self.rules
    }
}

/// The account's namespace, its `AwsAccount` and the Secret with its keys.
pub fn name(account: usize) -> String {
    format!("fleet-{account:03}")
}

/// Its ID, which is its access key too: the stand-in tells accounts apart by that.
pub fn id(account: usize) -> String {
    (200_000_000_000_u64 + u64::try_from(account).unwrap_or_default()).to_string()
}

/// An object: its collection, its name, and the rest.
struct Object {
    collection: String,
    name: String,
    body: Value,
}

impl Object {
    fn new(collection: String, kind: &str, version: &str, name: String, fields: Value) -> Self {
        let mut body = fields;
        body["kind"] = json!(kind);
        body["apiVersion"] = json!(version);
        body["metadata"] = json!({"name": name});
        Self { collection, name, body }
    }

    fn ours(account: usize, plural: &str, kind: &str, name: String, spec: &Value) -> Self {
        Self::new(collection(Some(account), plural), kind, "tributary.dev/v1alpha1", name, json!({"spec": spec}))
    }
}

/// Path of the objects of a kind, in the namespace of the account or in all.
pub fn collection(account: Option<usize>, plural: &str) -> String {
    let namespace = account.filter(|_| plural != "awsaccounts").map(|account| format!("namespaces/{}/", name(account)));
    format!("/apis/tributary.dev/v1alpha1/{}{plural}", namespace.unwrap_or_default())
}

pub fn rule_name(n: usize) -> String {
    format!("rule-{n:04}")
}

fn namespace(account: usize) -> Object {
    Object::new("/api/v1/namespaces".into(), "Namespace", "v1", name(account), json!({}))
}

fn secret(account: usize) -> Object {
    let keys = json!({"stringData": {"AWS_ACCESS_KEY_ID": id(account), "AWS_SECRET_ACCESS_KEY": "not-a-secret"}});
    Object::new(format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/secrets"), "Secret", "v1", name(account), keys)
}

fn account(n: usize, endpoint: &str) -> Object {
    let spec = json!({
        "accountId": id(n), "region": REGION, "endpoint": endpoint, "credentials": {"secretRef": {"name": name(n)}},
        "defaultTags": {"team": format!("team-{n}")},
        "grants": [{"namespaces": [name(n)], "arns": [format!("arn:aws:*:{REGION}:{}:*", id(n))]}],
    });
    Object::ours(n, "awsaccounts", "AwsAccount", name(n), &spec)
}

fn bus(account: usize, n: usize) -> Object {
    let spec = json!({"accountRef": {"name": name(account)}, "description": format!("Events of application {n}")});
    Object::ours(account, "eventbuses", "EventBus", format!("bus-{n}"), &spec)
}

fn sink(account: usize, n: usize) -> Object {
    let queue = json!({"managed": {"messageRetentionSeconds": 1_209_600, "visibilityTimeoutSeconds": 60}});
    let spec = json!({"accountRef": {"name": name(account)}, "sqs": queue, "deletionPolicy": "Delete"});
    Object::ours(account, "eventsinks", "EventSink", format!("work-{n}"), &spec)
}

fn rule(account: usize, n: usize) -> Object {
    let pattern = json!({
        "source": ["com.mycompany.myapp"], "detail-type": ["service_status"], "detail": {"status": ["restored"], "shard": [n]},
    });
    let spec = json!({
        "busRef": {"name": format!("bus-{}", n / RULES_PER_BUS)},
        "description": format!("Services of shard {n} are back"),
        "eventPattern": pattern,
        "targets": [{"name": "queue", "sinkRef": {"name": format!("work-{}", n / RULES_PER_SINK)}}],
    });
    Object::ours(account, "eventrules", "EventRule", rule_name(n), &spec)
}

/// So many of each account, one account after the other in turn.
fn all(accounts: usize, each: usize, make: impl Fn(usize, usize) -> Object + Clone) -> impl Iterator<Item = Object> {
    (0..each).flat_map(move |n| {
        let make = make.clone();
        (0..accounts).map(move |account| make(account, n))
    })
}

/// Sends a request; the answer's body.
async fn send(client: &Client, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    let bytes = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
    let request = Request::builder().method(method).uri(path).header("content-type", kind).body(bytes)?;
    let answer = tokio::time::timeout(PATIENCE, client.request::<Value>(request)).await;
    answer
        .map_err(|_| format!("{method} {path}: no answer within {PATIENCE:?}"))?
        .map_err(|error| format!("{method} {path}: {error}").into())
}

/// Says now and then how much is done.
struct Progress {
    what: &'static str,
    total: usize,
    done: AtomicUsize,
    said: Mutex<Instant>,
}

impl Progress {
    fn new(what: &'static str, total: usize) -> Self {
        Self { what, total, done: AtomicUsize::new(0), said: Mutex::new(Instant::now()) }
    }

    fn one(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.elapsed() > SAY_EVERY {
            *said = Instant::now();
            say(&format!("fleet: {} {done} of {}", self.what, self.total));
        }
    }
}

async fn send_all(client: &Client, method: &'static str, objects: impl Iterator<Item = Object>, progress: &Progress) -> Result<()> {
    let one = |object: Object| async move {
        let Object { collection, name, body } = object;
        if method == "DELETE" {
            send(client, method, &format!("{collection}/{name}"), None).await?;
        } else {
            send(client, method, &collection, Some(&body)).await?;
        }
        progress.one();
        Result::Ok(())
    };
    stream::iter(objects.map(one)).buffer_unordered(AT_ONCE).try_collect().await
}

/// Writes everything into the API server; no operator runs meanwhile.
pub async fn write(client: &Client, size: Size, endpoint: &str) -> Result<()> {
    if kube::Api::<k8s_openapi::api::core::v1::Namespace>::all(client.clone()).get_opt(&name(0)).await?.is_none() {
        let progress = Progress::new("namespaces and Secrets written:", 2 * size.accounts);
        send_all(client, "POST", all(size.accounts, 1, |n, _| namespace(n)), &progress).await?;
        send_all(client, "POST", all(size.accounts, 1, |n, _| secret(n)), &progress).await?;
    }
    let endpoint: Arc<str> = endpoint.into();
    let progress = Progress::new("objects written:", size.objects());
    send_all(client, "POST", all(size.accounts, 1, move |n, _| account(n, &endpoint)), &progress).await?;
    send_all(client, "POST", all(size.accounts, size.buses, bus), &progress).await?;
    send_all(client, "POST", all(size.accounts, size.sinks, sink), &progress).await?;
    send_all(client, "POST", all(size.accounts, size.rules, rule), &progress).await
}

/// Asks for the deletion of everything at once, what is needed by others first.
pub async fn delete(client: &Client, size: Size) -> Result<()> {
    let progress = Progress::new("deletions requested:", size.objects());
    send_all(client, "DELETE", all(size.accounts, 1, |n, _| account(n, "http://none")), &progress).await?;
    send_all(client, "DELETE", all(size.accounts, size.buses, bus), &progress).await?;
    send_all(client, "DELETE", all(size.accounts, size.sinks, sink), &progress).await?;
    send_all(client, "DELETE", all(size.accounts, size.rules, rule), &progress).await
}

/// Gives the rule another description. Its key, and the generation that it has now.
pub async fn edit(client: &Client, account: usize, n: usize, text: &str) -> Result<(String, i64)> {
    let path = format!("{}/{}", collection(Some(account), "eventrules"), rule_name(n));
    let answer = send(client, "PATCH", &path, Some(&json!({"spec": {"description": text}}))).await?;
    let generation = answer["metadata"]["generation"].as_i64().ok_or("an object without a generation")?;
    Ok((format!("{}/{}", name(account), rule_name(n)), generation))
}

/// The same of many, many at a time.
pub async fn edit_all(client: &Client, rules: impl Iterator<Item = (usize, usize)>, text: &str) -> Result<Vec<(String, i64)>> {
    stream::iter(rules.map(|(account, n)| edit(client, account, n, text))).buffer_unordered(2 * AT_ONCE).try_collect().await
}
