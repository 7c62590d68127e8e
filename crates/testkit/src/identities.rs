//! Roles, topics, state machines and streams of the stand-in: what others do with them, and what they hold.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::aws::{Aws, REGION};

/// The texts between `<tag>` and `</tag>`, unescaped.
fn all<'a>(xml: &'a str, tag: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let part = |rest: &'a str| rest.split_once(&close).map(|(text, _)| unescape(text));
    xml.split(&open).skip(1).filter_map(part).collect()
}

fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&#34;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn document(text: &str) -> Value {
    serde_json::from_str(&percent_decode_str(text).decode_utf8_lossy()).unwrap()
}

/// A role as IAM holds it.
#[derive(Clone, Debug)]
pub struct Role {
    /// The path, such as `/tributary/`.
    pub path: String,
    /// The trust policy.
    pub trust: Value,
    /// The first inline policy; `null` if there is none.
    pub policy: Value,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Aws {
    /// A call of Step Functions behind the operator's back; panics on an error.
    pub async fn states(&self, op: &str, body: Value) -> Value {
        self.call("states", op, body).await.unwrap_or_else(|error| panic!("states:{op}: {error}"))
    }

    async fn role_names(&self) -> Vec<String> {
        all(&self.query("iam", &[("Action", "ListRoles"), ("MaxItems", "1000")]).await, "RoleName")
    }

    /// All roles below `/tributary/` or another path that is not `/`.
    pub async fn roles(&self) -> BTreeMap<String, Role> {
        let mut roles = BTreeMap::new();
        for name in self.role_names().await {
            if let Some(role) = self.role(&name).await.filter(|role| role.path != "/") {
                roles.insert(name, role);
            }
        }
        roles
    }

    /// `None` also where it changes between the calls that read it, as one does that is being deleted.
    pub async fn role(&self, name: &str) -> Option<Role> {
        let role = self.try_query("iam", &[("Action", "GetRole"), ("RoleName", name)]).await.ok()?;
        let policies = all(&self.try_query("iam", &[("Action", "ListRolePolicies"), ("RoleName", name)]).await.ok()?, "member");
        let policy = match policies.first() {
            Some(policy) => {
                let answer =
                    self.try_query("iam", &[("Action", "GetRolePolicy"), ("RoleName", name), ("PolicyName", policy)]).await.ok()?;
                document(&all(&answer, "PolicyDocument")[0])
            }
            None => Value::Null,
        };
        let tags = self.try_query("iam", &[("Action", "ListRoleTags"), ("RoleName", name)]).await.ok()?;
        Some(Role {
            path: all(&role, "Path").pop()?,
            trust: document(&all(&role, "AssumeRolePolicyDocument")[0]),
            policy,
            boundary: all(&role, "PermissionsBoundaryArn").pop(),
            tags: all(&tags, "Key").into_iter().zip(all(&tags, "Value")).collect(),
        })
    }

    /// The role whose name begins so.
    pub async fn role_like(&self, head: &str) -> Option<(String, Role)> {
        self.roles().await.into_iter().find(|(name, _)| name.starts_with(head))
    }

    /// A user of IAM who may do anything. Returns the access key that signs the user's calls.
    pub async fn make_user(&self, name: &str) -> String {
        self.query("iam", &[("Action", "CreateUser"), ("UserName", name)]).await;
        all(&self.query("iam", &[("Action", "CreateAccessKey"), ("UserName", name)]).await, "AccessKeyId").remove(0)
    }

    /// A call that this access key signs, behind the operator's back; panics on an error.
    pub async fn call_by(&self, access_key: &str, service: &str, op: &str, body: Value) -> Value {
        self.call_as(access_key, service, op, body).await.unwrap_or_else(|error| panic!("{service}:{op}: {error}"))
    }

    /// A topic of somebody else's.
    pub async fn make_topic(&self, name: &str) -> String {
        all(&self.query("sns", &[("Action", "CreateTopic"), ("Name", name)]).await, "TopicArn").remove(0)
    }

    /// Attributes of the topic; `None` if there is no such topic.
    pub async fn topic(&self, arn: &str) -> Option<BTreeMap<String, String>> {
        let answer = self.try_query("sns", &[("Action", "GetTopicAttributes"), ("TopicArn", arn)]).await.ok()?;
        Some(all(&answer, "key").into_iter().zip(all(&answer, "value")).collect())
    }

    /// Statements of the topic's policy.
    pub async fn topic_policy(&self, arn: &str) -> Vec<Value> {
        let policy = self.topic(arn).await.unwrap()["Policy"].clone();
        serde_json::from_str::<Value>(&policy).unwrap()["Statement"].as_array().unwrap().clone()
    }

    /// A queue that takes what the topic gets.
    pub async fn subscribe(&self, topic: &str, queue: &str) {
        self.sqs("CreateQueue", json!({"QueueName": queue})).await;
        let endpoint = format!("arn:aws:sqs:{REGION}:{}:{queue}", self.account);
        self.query("sns", &[("Action", "Subscribe"), ("TopicArn", topic), ("Protocol", "sqs"), ("Endpoint", &endpoint)]).await;
    }

    /// A role of somebody else's that EventBridge or another service may assume, and that may do anything.
    pub async fn make_role(&self, name: &str, service: &str) -> String {
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]});
        self.query("iam", &[("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", &trust.to_string())]).await;
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}).to_string();
        self.query("iam", &[("Action", "PutRolePolicy"), ("RoleName", name), ("PolicyName", "p"), ("PolicyDocument", &policy)]).await;
        format!("arn:aws:iam::{}:role/{name}", self.account)
    }

    /// A state machine of somebody else's that does nothing.
    pub async fn make_machine(&self, name: &str) -> String {
        let role = self.make_role(&format!("{name}-role"), "states.amazonaws.com").await;
        let definition = json!({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}}).to_string();
        let made = self.states("CreateStateMachine", json!({"name": name, "definition": definition, "roleArn": role})).await;
        made["stateMachineArn"].as_str().unwrap().to_owned()
    }

    /// The state machine, as `DescribeStateMachine` returns it.
    pub async fn machine(&self, arn: &str) -> Option<Value> {
        self.call("states", "DescribeStateMachine", json!({"stateMachineArn": arn})).await.ok()
    }

    /// Executions of a state machine, each as AWS describes it.
    pub async fn executions(&self, arn: &str) -> Vec<Value> {
        let answer = self.states("ListExecutions", json!({"stateMachineArn": arn})).await;
        let mut executions = vec![];
        for row in answer["executions"].as_array().cloned().unwrap_or_default() {
            executions.push(self.states("DescribeExecution", json!({"executionArn": row["executionArn"]})).await);
        }
        executions
    }

    pub(crate) async fn add_roles(&self, all: &mut BTreeMap<String, Value>) {
        for (name, role) in self.roles().await {
            all.insert(format!("role {name}"), json!([role.path, role.trust, role.policy, role.boundary, role.tags]));
        }
    }

    pub(crate) async fn add_topics(&self, contents: &mut BTreeMap<String, Value>) {
        for arn in all(&self.query("sns", &[("Action", "ListTopics")]).await, "TopicArn") {
            let mut attributes = self.topic(&arn).await.unwrap();
            let policy: Value = serde_json::from_str(&attributes.remove("Policy").unwrap()).unwrap();
            let tags = self.query("sns", &[("Action", "ListTagsForResource"), ("ResourceArn", &arn)]).await;
            let tags: BTreeMap<_, _> = all(&tags, "Key").into_iter().zip(all(&tags, "Value")).collect();
            contents.insert(format!("topic {arn}"), json!([attributes, policy, tags]));
        }
    }

    pub(crate) async fn add_machines(&self, contents: &mut BTreeMap<String, Value>) {
        for row in self.states("ListStateMachines", json!({})).await["stateMachines"].as_array().cloned().unwrap_or_default() {
            let arn = row["stateMachineArn"].as_str().unwrap();
            let machine = self.machine(arn).await.unwrap();
            let tags = self.states("ListTagsForResource", json!({"resourceArn": arn})).await;
            let kept = ["definition", "roleArn", "type", "loggingConfiguration", "tracingConfiguration"].map(|key| machine[key].clone());
            contents.insert(format!("state machine {arn}"), json!([kept, tags["tags"]]));
        }
    }
}
