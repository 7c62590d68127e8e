//! What delivery hangs on, read for proof of it: target policies, roles, keys. One cached read for each, whoever asks; a refusal to let us look
//! is an answer too.

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use aws_sdk_kms::types::{KeyManagerType, KeyState};
use serde_json::Value;
use tokio::sync::Mutex;

use tributary_api::OWNER_TAG;
use tributary_core::{
    delivery::{KeyFacts, RoleFacts, Seen, TargetFacts, letters::DeadLetter},
    error::{Reason, ReconcileError, RetryClass},
    names::{Arn, Scope},
    policy_document::statements_of,
    steps::{EventsStep, FunctionRef, LogsStep, StatesStep, Step},
};

use crate::{Session, client::cache};

/// How long a look may take; a service that is not reached from here, such as IAM from a closed network, takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers by what was asked for.
#[derive(Debug)]
pub(crate) struct Cells<T>(Mutex<HashMap<String, Arc<cache::Shared<Seen<T>>>>>);

impl<T> Default for Cells<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Cells<T> {
    /// Never fails: proof is a service to the user, and must not keep a rule from being written. Whoever asks waits a little at most.
    async fn read<F>(&self, key: &str, age: Duration, fetch: impl FnOnce() -> F) -> Seen<T>
    where
        F: Future<Output = Result<Option<T>, ReconcileError>>,
    {
        let cell = self.0.lock().await.entry(key.to_owned()).or_default().clone();
        let seen = cell.read(age, || async {
            Ok(match tokio::time::timeout(PATIENCE, fetch()).await {
                Ok(Ok(found)) => found.map_or(Seen::Missing, Seen::Is),
                Ok(Err(halt)) if halt.reason == Reason::AccessDenied => Seen::Unseen(right(&halt)),
                Ok(Err(_)) | Err(_) => Seen::Later,
            })
        });
        seen.await.map_or(Seen::Later, |seen: Arc<Seen<T>>| (*seen).clone())
    }

    async fn forget_of(&self, part: &str) {
        self.0.lock().await.retain(|key, _| !key.contains(part));
    }

    async fn forget(&self, key: &str) {
        self.0.lock().await.remove(key);
    }
}

/// How old the list of a role's policies may be, where the role is ours.
const LISTED: Duration = Duration::from_hours(1);

/// What a role's policies are called.
#[derive(Clone, Debug)]
struct Policies {
    inline: Vec<String>,
    attached: Vec<String>,
}

#[derive(Debug, Default)]
pub struct FactCache {
    targets: Cells<TargetFacts>,
    roles: Cells<RoleFacts>,
    role_lists: Cells<Policies>,
    keys: Cells<KeyFacts>,
    letters: Cells<Vec<DeadLetter>>,
}

/// The right that was missing: the call, with which a refusal's message begins.
fn right(halt: &ReconcileError) -> String {
    halt.message.split(": ").next().unwrap_or_default().to_owned()
}

macro_rules! send {
    ($self:expr, $service:ident, $call:literal, $request:expr) => {{
        let request = $request;
        $self.call(&$self.shared.$service, $call, $self.priority, || Box::pin(request.clone().send())).await
    }};
}

impl Session {
    /// What the target's own service tells, no older than `age`; `None` for targets that are not looked at.
    pub async fn target_facts(&self, arn: &str, age: Duration) -> Option<Seen<TargetFacts>> {
        let parsed = Arn::parse(arn).filter(|parsed| parsed.account_id == self.caller.account_id)?;
        let (service, resource) = (parsed.service, parsed.resource);
        if !matches!(service, "sqs" | "sns" | "lambda" | "logs" | "states" | "events") {
            return None;
        }
        let seen = self.shared.facts.targets.read(arn, age, || self.read_target(arn, service, resource)).await;
        Some(if service == "logs" { self.with_log_policies(seen, age).await } else { seen })
    }

    /// All groups share the policies of the account, which are one list: a write to them says nothing new of the groups.
    async fn with_log_policies(&self, seen: Seen<TargetFacts>, age: Duration) -> Seen<TargetFacts> {
        let Seen::Is(mut facts) = seen else { return seen };
        match tokio::time::timeout(PATIENCE, self.log_policies(age)).await {
            Ok(Ok(policies)) => {
                facts.policy = policies;
                Seen::Is(facts)
            }
            Ok(Err(halt)) if halt.reason == Reason::AccessDenied => Seen::Unseen(right(&halt)),
            Ok(Err(_)) | Err(_) => Seen::Later,
        }
    }

    async fn read_target(&self, arn: &str, service: &str, resource: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        let found = |policy, key| Some(TargetFacts { policy, key, ..TargetFacts::default() });
        Ok(match service {
            "sqs" => self.queue_now(resource).await?.map(|(_, mut attributes)| TargetFacts {
                policy: statements_of(attributes.get("Policy").map(String::as_str).unwrap_or_default()),
                key: attributes.remove("KmsMasterKeyId").filter(|key| !key.is_empty()),
                messages: attributes.get("ApproximateNumberOfMessages").and_then(|count| count.parse().ok()),
                ..TargetFacts::default()
            }),
            "sns" => self.topic(arn, false).await?.and_then(|mut topic| {
                let policy = statements_of(topic.attributes.get("Policy").map(String::as_str).unwrap_or_default());
                found(policy, topic.attributes.remove("KmsMasterKeyId").filter(|key| !key.is_empty()))
            }),
            "lambda" => self.function_policy(&FunctionRef::from_arn(arn)).await?.and_then(|policy| found(policy, None)),
            "logs" => {
                let name = resource.trim_start_matches("log-group:").trim_end_matches(":*");
                self.log_group(name, arn, false, false).await?.and_then(|_| found(vec![], None))
            }
            "states" => self.state_machine(arn, false).await?.and_then(|_| found(vec![], None)),
            "events" if resource.starts_with("api-destination/") => self.read_destination(arn, resource).await?,
            _ => self.bus(resource.trim_start_matches("event-bus/")).await?.and_then(|_| found(vec![], None)),
        })
    }

    /// One that was made again has another ARN: the target then names nothing.
    async fn read_destination(&self, arn: &str, resource: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        let name = |resource: &str| resource.split('/').nth(1).unwrap_or_default().to_owned();
        let Some(destination) = self.api_destination(&name(resource)).await?.filter(|found| found.arn.starts_with(arn)) else {
            return Ok(None);
        };
        let connection = Arn::parse(&destination.connection_arn).map(|arn| name(arn.resource)).unwrap_or_default();
        let unauthorized = match self.connection(&connection).await? {
            Some(connection) => Some(connection.state).filter(|state| !matches!(state.as_str(), "AUTHORIZED" | "ACTIVE")),
            None => Some("gone".to_owned()),
        };
        Ok(Some(TargetFacts { unauthorized, ..TargetFacts::default() }))
    }

    /// Who may assume the role, and what it may, no older than `age`.
    pub async fn role_facts(&self, arn: &str, age: Duration) -> Seen<RoleFacts> {
        let name = arn.rsplit('/').next().unwrap_or_default();
        self.shared.facts.roles.read(name, age, || self.read_role(name, age)).await
    }

    async fn read_role(&self, name: &str, age: Duration) -> Result<Option<RoleFacts>, ReconcileError> {
        let Some(role) = self.role(name, false).await? else { return Ok(None) };
        // IAM is asked at a slow pace, and what hangs on a role of ours stands in its trust and in its one policy, which are read each time.
        let age = if age > Duration::ZERO && role.tags.contains_key(OWNER_TAG) { age.max(LISTED) } else { age };
        let lists = self.shared.facts.role_lists.read(name, age, || self.policies_of(name)).await;
        let policies = match lists {
            Seen::Is(policies) => policies,
            Seen::Missing => return Ok(None),
            Seen::Unseen(right) => return Err(ReconcileError::new(RetryClass::Refused, Reason::AccessDenied, right)),
            Seen::Later => return Err(ReconcileError::transient("the role's policies were not listed")),
        };
        let mut rights = Vec::new();
        for policy in &policies.inline {
            let document = self.inline_policy(name, policy).await?;
            rights.extend(document.iter().flat_map(|document| statements_of(&document.to_string())));
        }
        for policy in &policies.attached {
            rights.extend(self.managed_policy(policy).await?);
        }
        let boundary = match &role.boundary {
            Some(arn) => Some(self.managed_policy(arn).await?),
            None => None,
        };
        Ok(Some(RoleFacts { trust: statements_of(&role.trust.to_string()), rights, boundary }))
    }

    async fn policies_of(&self, role: &str) -> Result<Option<Policies>, ReconcileError> {
        let inline = send!(self, iam, "iam:ListRolePolicies", self.iam.list_role_policies().role_name(role))?.policy_names;
        let attached = send!(self, iam, "iam:ListAttachedRolePolicies", self.iam.list_attached_role_policies().role_name(role))?;
        let attached = attached.attached_policies.unwrap_or_default().into_iter().filter_map(|policy| policy.policy_arn).collect();
        Ok(Some(Policies { inline, attached }))
    }

    async fn managed_policy(&self, arn: &str) -> Result<Vec<Value>, ReconcileError> {
        let policy = send!(self, iam, "iam:GetPolicy", self.iam.get_policy().policy_arn(arn))?.policy;
        let version = policy.and_then(|policy| policy.default_version_id).unwrap_or_else(|| "v1".into());
        let request = self.iam.get_policy_version().policy_arn(arn).version_id(version);
        let document = send!(self, iam, "iam:GetPolicyVersion", request)?.policy_version.and_then(|version| version.document);
        Ok(statements_of(&crate::iam::parse(document.as_deref().unwrap_or_default()).to_string()))
    }

    /// Some of the messages in a dead-letter queue, no older than `age`.
    pub async fn dead_letters(&self, queue_arn: &str, age: Duration) -> Seen<Vec<DeadLetter>> {
        let name = queue_arn.rsplit(':').next().unwrap_or_default();
        self.shared.facts.letters.read(queue_arn, age, || self.letters(name)).await
    }

    /// The key and its policy, no older than `age`; `key` is an id, an ARN or an alias.
    pub async fn key_facts(&self, key: &str, age: Duration) -> Seen<KeyFacts> {
        self.shared.facts.keys.read(key, age, || self.read_key(key)).await
    }

    async fn read_key(&self, key: &str) -> Result<Option<KeyFacts>, ReconcileError> {
        if key.starts_with("alias/aws/") || key.contains(":alias/aws/") {
            return Ok(Some(KeyFacts { managed_by_aws: true, enabled: true, policy: vec![] }));
        }
        let described = match send!(self, kms, "kms:DescribeKey", self.kms.describe_key().key_id(key)) {
            Err(error) if error.is_not_found() => return Ok(None),
            answer => answer?.key_metadata,
        };
        let Some(found) = described else { return Ok(None) };
        let managed_by_aws = found.key_manager == Some(KeyManagerType::Aws);
        let enabled = found.key_state.is_none_or(|state| state == KeyState::Enabled);
        let policy = if managed_by_aws {
            vec![]
        } else {
            let request = self.kms.get_key_policy().key_id(found.key_id).policy_name("default");
            statements_of(&send!(self, kms, "kms:GetKeyPolicy", request)?.policy.unwrap_or_default())
        };
        Ok(Some(KeyFacts { managed_by_aws, enabled, policy }))
    }

    /// After a write of ours the next who asks sees it.
    pub async fn forget_facts(&self, step: &Step, partition: &str, region: &str) {
        let scope = Scope { partition, region, account_id: &self.caller.account_id };
        let facts = &self.shared.facts;
        match step {
            Step::Sqs(step) => facts.targets.forget(&scope.queue(step.queue())).await,
            Step::Sns(step) => {
                facts.targets.forget(&step.topic(|name| scope.topic(name))).await;
            }
            Step::Lambda(step) => {
                if let Some(function) = step.permission_of() {
                    facts.targets.forget(&function.whole()).await;
                }
            }
            Step::Logs(LogsStep::CreateLogGroup { name, .. } | LogsStep::DeleteLogGroup { name }) => {
                facts.targets.forget(&scope.log_group(name)).await;
            }
            Step::States(StatesStep::CreateStateMachine { name, .. }) => {
                facts.targets.forget(&scope.state_machine(name)).await;
            }
            Step::States(StatesStep::DeleteStateMachine { arn }) => facts.targets.forget(arn).await,
            Step::Iam(step) => {
                facts.roles.forget(step.role()).await;
                facts.role_lists.forget(step.role()).await;
            }
            // An ARN that AWS made up is not told by the step.
            Step::Events(
                EventsStep::CreateConnection { .. }
                | EventsStep::UpdateConnection { .. }
                | EventsStep::CreateApiDestination { .. }
                | EventsStep::UpdateApiDestination { .. }
                | EventsStep::DeleteApiDestination { .. },
            ) => facts.targets.forget_of(":api-destination/").await,
            Step::Logs(_) | Step::States(_) | Step::Events(_) | Step::Child(_) => {}
        }
    }
}
