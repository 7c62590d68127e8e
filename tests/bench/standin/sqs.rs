//! Benchmark, part 1c: SQS of the stand-in: queues with attributes and tags, no messages.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::{REGION, Refusal};

#[derive(Default)]
struct Queue {
    attributes: Map<String, Value>,
    tags: Map<String, Value>,
}

pub struct Queues {
    url: String,
    account: Arc<str>,
    by_name: BTreeMap<String, Queue>,
}

impl Queues {
    pub fn new(url: &str, account: Arc<str>) -> Self {
        Self { url: url.to_owned(), account, by_name: BTreeMap::new() }
    }

    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn call(&mut self, op: &str, request: &Value) -> Result<Value, Refusal> {
        let name = request["QueueName"].as_str().or_else(|| request["QueueUrl"].as_str()?.rsplit('/').next()).unwrap_or_default();
        let url = format!("{}/{}/{name}", self.url, self.account);
        let arn = format!("arn:aws:sqs:{REGION}:{}:{name}", self.account);
        let object = |key: &str| request[key].as_object().cloned().unwrap_or_default();
        match op {
            "CreateQueue" => {
                let queue = Queue { attributes: object("Attributes"), tags: object("tags") };
                self.by_name.entry(name.to_owned()).or_insert(queue);
                Ok(json!({"QueueUrl": url}))
            }
            "GetQueueUrl" => self.queue(name).map(|_| json!({"QueueUrl": url})),
            "GetQueueAttributes" => self.queue(name).map(|queue| json!({"Attributes": all_attributes(arn, queue)})),
            "SetQueueAttributes" => {
                let queue = self.queue(name)?;
                queue.attributes.extend(object("Attributes"));
                // An empty policy is none.
                queue.attributes.retain(|_, value| value != "");
                Ok(json!({}))
            }
            "ListQueueTags" => self.queue(name).map(|queue| json!({"Tags": queue.tags})),
            "TagQueue" => {
                self.queue(name)?.tags.extend(object("Tags"));
                Ok(json!({}))
            }
            "UntagQueue" => {
                let tags = &mut self.queue(name)?.tags;
                for key in request["TagKeys"].as_array().into_iter().flatten() {
                    tags.remove(key.as_str().unwrap_or_default());
                }
                Ok(json!({}))
            }
            "DeleteQueue" => {
                self.queue(name)?;
                self.by_name.remove(name);
                Ok(json!({}))
            }
            _ => Err(Refusal::new("UnknownOperationException", format!("the benchmark's stand-in does not know {op}"))),
        }
    }

    /// Queues as requests.
    pub fn contents(&self) -> Value {
        let queue = |(name, queue): (&String, &Queue)| json!({"name": name, "attributes": queue.attributes, "tags": queue.tags});
        self.by_name.iter().map(queue).collect()
    }

    fn queue(&mut self, name: &str) -> Result<&mut Queue, Refusal> {
        self.by_name
            .get_mut(name)
            .ok_or_else(|| Refusal::new("com.amazonaws.sqs#QueueDoesNotExist", format!("The specified queue does not exist: {name}")))
    }
}

/// What was set, and what AWS says of every queue.
fn all_attributes(arn: String, queue: &Queue) -> Map<String, Value> {
    let mut all = Map::from_iter([
        ("QueueArn".to_owned(), Value::String(arn)),
        ("VisibilityTimeout".to_owned(), json!("30")),
        ("MessageRetentionPeriod".to_owned(), json!("345600")),
        ("DelaySeconds".to_owned(), json!("0")),
        ("MaximumMessageSize".to_owned(), json!("262144")),
        ("ReceiveMessageWaitTimeSeconds".to_owned(), json!("0")),
        ("SqsManagedSseEnabled".to_owned(), json!("true")),
        ("ApproximateNumberOfMessages".to_owned(), json!("0")),
    ]);
    all.extend(queue.attributes.clone());
    all
}
