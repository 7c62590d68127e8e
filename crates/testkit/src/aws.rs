//! One AWS account of the stand-in: its journal, its faults, its contents, and what others do in it.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{bed::Bed, conditions::scaled_by_load};

/// The Region of all tests.
pub const REGION: &str = "eu-west-1";

/// One call of the journal.
#[derive(Clone, Debug, Deserialize)]
pub struct Call {
    /// Such as `events`.
    pub service: String,
    /// Such as `PutRule`.
    pub op: String,
    /// Seconds since the epoch when the request arrived.
    pub start: f64,
    /// `None` while the call hangs.
    #[serde(default)]
    pub end: Option<f64>,
    /// The access key that signed it: in the stand-in, the account id.
    #[serde(default)]
    pub access_key: Option<String>,
    /// The `User-Agent` header; it names the replica.
    #[serde(default)]
    pub user_agent: Option<String>,
    /// The parameters.
    pub request: Value,
    /// HTTP status; `None` while the call hangs.
    pub status: Option<u16>,
    /// AWS error code.
    pub error: Option<String>,
    /// Kind of the fault that was injected.
    #[serde(default)]
    pub fault: Option<String>,
}

impl Call {
    /// As faults match it, such as `events.PutRule`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.service, self.op)
    }

    /// Whether the call changes something in AWS.
    pub fn is_write(&self) -> bool {
        self.service != "sts" && !["Get", "List", "Describe", "Filter", "Simulate", "Test"].iter().any(|prefix| self.op.starts_with(prefix))
    }

    /// The replica that made it.
    pub fn replica(&self) -> Option<&str> {
        self.user_agent.as_deref()?.split(' ').find_map(|word| word.strip_prefix("app/"))
    }
}

/// One AWS account of the stand-in.
#[derive(Clone)]
pub struct Aws {
    /// The account id, which is also its access key.
    pub account: String,
    /// URL of the journal proxy, which the operator uses.
    pub endpoint: String,
    pub(crate) emulator: String,
    pub(crate) http: reqwest::Client,
}

impl AsRef<Self> for Aws {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Aws {
    /// An account that no other test has.
    pub fn new(bed: &Bed) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Unique beyond this process too: several may use one bed, one after the other.
        let process = u64::from(std::process::id()) % 10_000_000;
        let account = format!("2{process:07}{:04}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self { account, endpoint: bed.aws.clone(), emulator: bed.emulator.clone(), http: http() }
    }

    /// The journal's calls since the given mark; the mark for next time.
    pub async fn journal(&self, since: u64) -> (Vec<Call>, u64) {
        #[derive(Deserialize)]
        struct Journal {
            next: u64,
            calls: Vec<Call>,
        }
        let url = format!("{}/_journal?since={since}&account={}", self.endpoint, self.account);
        let journal: Journal = self.http.get(url).send().await.unwrap().json().await.unwrap();
        (journal.calls, journal.next)
    }

    /// The end of the journal, from which later calls are read.
    pub async fn mark(&self) -> u64 {
        self.journal(u64::from(u32::MAX)).await.1
    }

    /// Writes since the mark, as `Operation`s in order.
    pub async fn writes(&self, since: u64) -> Vec<String> {
        self.journal(since).await.0.into_iter().filter(Call::is_write).map(|call| call.op).collect()
    }

    /// All calls since the mark, as `service:Operation`s in order.
    pub async fn calls(&self, since: u64) -> Vec<String> {
        self.journal(since).await.0.into_iter().map(|call| format!("{}:{}", call.service, call.op)).collect()
    }

    /// Replaces the faults of this account.
    pub async fn faults(&self, rules: Value) {
        let body = json!({"account": self.account, "rules": rules, "seed": crate::seed()}).to_string();
        let answer = self.http.post(format!("{}/_faults", self.endpoint)).body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Changes how the stand-in behaves in this account.
    pub async fn settings(&self, mut settings: Value) {
        settings["account"] = json!(self.account);
        let answer = self.http.post(format!("{}/_emu/settings", self.emulator)).body(settings.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// A call behind the operator's back; it is not in the journal.
    pub async fn call(&self, service: &str, op: &str, body: Value) -> Result<Value, String> {
        self.call_as(&self.account, service, op, body).await
    }

    pub(crate) async fn call_as(&self, account: &str, service: &str, op: &str, body: Value) -> Result<Value, String> {
        let (target, version) = match service {
            "events" => ("AWSEvents", "1.1"),
            "sqs" => ("AmazonSQS", "1.0"),
            "logs" => ("Logs_20140328", "1.1"),
            "states" => ("AWSStepFunctions", "1.0"),
            "kinesis" => ("Kinesis_20131202", "1.1"),
            "kms" => ("TrentService", "1.1"),
            "firehose" => ("Firehose_20150804", "1.1"),
            "ecs" => ("AmazonEC2ContainerServiceV20141113", "1.1"),
            other => panic!("no service {other}"),
        };
        let request = self
            .http
            .post(&self.emulator)
            .header("authorization", authorization(account, REGION, service))
            .header("x-amz-date", "20260101T000000Z")
            .header("x-amz-target", format!("{target}.{op}"))
            .header("content-type", format!("application/x-amz-json-{version}"))
            .body(body.to_string());
        answer(request).await
    }

    /// A call of EventBridge behind the operator's back; panics on an error.
    pub async fn events(&self, op: &str, body: Value) -> Value {
        self.call("events", op, body).await.unwrap_or_else(|error| panic!("events:{op}: {error}"))
    }

    /// A call of SQS behind the operator's back; panics on an error.
    pub async fn sqs(&self, op: &str, body: Value) -> Value {
        self.call("sqs", op, body).await.unwrap_or_else(|error| panic!("sqs:{op}: {error}"))
    }

    /// A call of a query service, such as `iam`, behind the operator's back.
    pub async fn query(&self, service: &str, parameters: &[(&str, &str)]) -> String {
        self.try_query(service, parameters).await.unwrap_or_else(|error| panic!("{parameters:?}: {error}"))
    }

    /// The same; an error is returned as its text.
    pub async fn try_query(&self, service: &str, parameters: &[(&str, &str)]) -> Result<String, String> {
        use std::fmt::Write;
        let encode = |text: &str| {
            text.bytes().fold(String::new(), |mut encoded, byte| {
                write!(encoded, "%{byte:02X}").unwrap();
                encoded
            })
        };
        let form: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let answer = self
            .http
            .post(&self.emulator)
            .header("authorization", authorization(&self.account, if service == "sns" { REGION } else { "us-east-1" }, service))
            .header("x-amz-date", "20260101T000000Z")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.join("&"))
            .send()
            .await
            .unwrap();
        let (ok, text) = (answer.status().is_success(), answer.text().await.unwrap());
        if ok { Ok(text) } else { Err(text) }
    }

    /// Fires a schedule of the default bus once.
    pub async fn fire(&self, rule: &str) {
        let body = json!({"account": self.account, "region": REGION, "rule": rule}).to_string();
        let answer = self.http.post(format!("{}/_emu/fire", self.emulator)).body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// A data point of `AWS/Events`, as of so many minutes ago.
    pub async fn metric(&self, metric: &str, dimensions: Value, minutes_ago: u32, value: u32) {
        let point = json!({"account": self.account, "region": REGION, "metric": metric, "dimensions": dimensions, "minutesAgo": minutes_ago, "value": value});
        let answer = self.http.post(format!("{}/_emu/metrics", self.emulator)).body(point.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// What the stand-in delivered, and what it could not deliver.
    pub async fn deliveries(&self) -> Vec<Value> {
        let url = format!("{}/_emu/deliveries?account={}", self.emulator, self.account);
        let answer: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        answer.as_array().cloned().or_else(|| answer["deliveries"].as_array().cloned()).unwrap_or_default()
    }

    /// Publishes one event.
    pub async fn put_event(&self, bus: &str, source: &str, detail_type: &str, detail: &Value) {
        let entry = json!({"EventBusName": bus, "Source": source, "DetailType": detail_type, "Detail": detail.to_string()});
        let answer = self.events("PutEvents", json!({"Entries": [entry]})).await;
        assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    }

    /// All archives, as `ListArchives` returns them.
    pub async fn archives(&self) -> Vec<Value> {
        self.events("ListArchives", json!({})).await["Archives"].as_array().cloned().unwrap_or_default()
    }

    /// URL of the queue; `None` if there is no such queue.
    pub async fn queue_url(&self, queue: &str) -> Option<String> {
        let answer = self.call("sqs", "GetQueueUrl", json!({"QueueName": queue})).await.ok()?;
        answer["QueueUrl"].as_str().map(str::to_owned)
    }

    /// Bodies of the messages in the queue, at most ten; waits up to two seconds for the first.
    pub async fn receive(&self, queue: &str) -> Vec<Value> {
        let url = self.queue_url(queue).await.unwrap_or_else(|| panic!("no queue {queue}"));
        let answer = self.sqs("ReceiveMessage", json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 2})).await;
        let bodies = answer["Messages"].as_array().cloned().unwrap_or_default();
        bodies.iter().map(|message| serde_json::from_str(message["Body"].as_str().unwrap()).unwrap()).collect()
    }

    /// Attributes of the queue, without times and counts; empty if there is no such queue.
    pub async fn queue_attributes(&self, queue: &str) -> BTreeMap<String, String> {
        let Some(url) = self.queue_url(queue).await else { return BTreeMap::new() };
        let answer = self.sqs("GetQueueAttributes", json!({"QueueUrl": url, "AttributeNames": ["All"]})).await;
        let mut attributes: BTreeMap<String, String> = serde_json::from_value(answer["Attributes"].clone()).unwrap();
        attributes.retain(|name, _| !name.ends_with("Timestamp") && !name.starts_with("Approximate"));
        attributes
    }

    /// The `Sid`s of the queue's policy.
    pub async fn sids(&self, queue: &str) -> Vec<String> {
        let Some(policy) = self.queue_attributes(queue).await.remove("Policy") else { return vec![] };
        let policy: Value = serde_json::from_str(&policy).unwrap();
        policy["Statement"].as_array().unwrap().iter().map(|s| s["Sid"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The rule, as `DescribeRule` returns it.
    pub async fn rule(&self, bus: &str, rule: &str) -> Option<Value> {
        self.call("events", "DescribeRule", json!({"EventBusName": bus, "Name": rule})).await.ok()
    }

    /// Targets of the rule; empty if there is no such rule.
    pub async fn targets(&self, bus: &str, rule: &str) -> Vec<Value> {
        let answer = self.call("events", "ListTargetsByRule", json!({"EventBusName": bus, "Rule": rule})).await;
        answer.ok().and_then(|answer| answer["Targets"].as_array().cloned()).unwrap_or_default()
    }

    /// Tags of an EventBridge resource.
    pub async fn tags(&self, arn: &str) -> BTreeMap<String, String> {
        let answer = self.events("ListTagsForResource", json!({"ResourceARN": arn})).await;
        let tags = answer["Tags"].as_array().cloned().unwrap_or_default();
        tags.iter().map(|tag| (tag["Key"].as_str().unwrap().to_owned(), tag["Value"].as_str().unwrap().to_owned())).collect()
    }

    /// Everything that the account holds of what the operator works with: for comparing whole states.
    pub async fn contents(&self) -> BTreeMap<String, Value> {
        let mut all = BTreeMap::new();
        let without_times = |value: &Value| {
            let mut value = value.clone();
            if let Some(object) = value.as_object_mut() {
                object.retain(|key, _| !key.ends_with("Time"));
            }
            value
        };
        for bus in self.events("ListEventBuses", json!({})).await["EventBuses"].as_array().unwrap() {
            let (name, arn) = (bus["Name"].as_str().unwrap(), bus["Arn"].as_str().unwrap());
            if name != "default" {
                let described = self.events("DescribeEventBus", json!({"Name": name})).await;
                all.insert(format!("bus {name}"), json!([without_times(&described), self.tags(arn).await]));
            }
            for rule in self.events("ListRules", json!({"EventBusName": name})).await["Rules"].as_array().unwrap() {
                let (rule_name, arn) = (rule["Name"].as_str().unwrap(), rule["Arn"].as_str().unwrap());
                let targets = self.targets(name, rule_name).await;
                all.insert(format!("rule {name}/{rule_name}"), json!([rule, targets, self.tags(arn).await]));
            }
        }
        for url in self.sqs("ListQueues", json!({})).await["QueueUrls"].as_array().cloned().unwrap_or_default() {
            let name = url.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            let mut attributes = self.queue_attributes(&name).await;
            let policy: Value = attributes.remove("Policy").map(|text| serde_json::from_str(&text).unwrap()).unwrap_or_default();
            let tags = self.sqs("ListQueueTags", json!({"QueueUrl": url})).await;
            all.insert(format!("queue {name}"), json!([attributes, policy, tags["Tags"]]));
        }
        for archive in self.archives().await {
            let name = archive["ArchiveName"].as_str().unwrap();
            let mut described = without_times(&self.events("DescribeArchive", json!({"ArchiveName": name})).await);
            described.as_object_mut().unwrap().retain(|key, _| !matches!(key.as_str(), "EventCount" | "SizeBytes"));
            all.insert(format!("archive {name}"), described);
        }
        self.add_sources(&mut all).await;
        self.add_logs(&mut all).await;
        self.add_functions(&mut all).await;
        self.add_roles(&mut all).await;
        self.add_topics(&mut all).await;
        self.add_machines(&mut all).await;
        self.add_destinations(&mut all).await;
        all
    }

    /// Looks again and again until the closure gives something, at most 30 seconds.
    pub async fn until<T, F: Future<Output = Option<T>>>(&self, what: &str, look: impl FnMut() -> F) -> T {
        until(what, look).await
    }
}

/// What the stand-in reads of a signature: whose it is, and for which service.
pub(crate) fn authorization(account: &str, region: &str, service: &str) -> String {
    format!("AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0")
}

/// The answer's JSON, or the error's text.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let answer = request.send().await.unwrap();
    let (ok, text) = (answer.status().is_success(), answer.text().await.unwrap());
    if ok { Ok(serde_json::from_str(&text).unwrap_or(Value::Null)) } else { Err(text) }
}

/// Ends an idle connection before the stand-ins do, after five seconds: a request that meets the end of its connection fails.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().pool_idle_timeout(Duration::from_secs(2)).build().unwrap()
}

/// Looks again and again until the closure gives something, at most 30 seconds, scaled by the load of the machine.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl FnMut() -> F) -> T {
    until_within(scaled_by_load(Duration::from_secs(30)), what, look).await
}

/// The same, at most for `limit`.
pub async fn until_within<T, F: Future<Output = Option<T>>>(limit: Duration, what: &str, mut look: impl FnMut() -> F) -> T {
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let search = async {
        loop {
            tick.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    tokio::time::timeout(limit, search).await.unwrap_or_else(|_| panic!("not within {limit:?}: {what}"))
}
