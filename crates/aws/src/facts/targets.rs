//! Facts about targets and their dead-letter queues.

use std::time::Duration;

use tributary_core::{
    delivery::{DeadLetter, Fact, TargetFacts},
    error::ReconcileError,
    names::Arn,
    policy_document::versioned_statements_of,
    steps::FunctionRef,
};

use crate::{cache::facts::fetched, client::session::Session, read::TagRead};

/// Connections in these states send requests.
const AUTHORIZED: [&str; 2] = ["AUTHORIZED", "ACTIVE"];

impl Session {
    /// Returns what the target's own service returns about it, no older than `age`; `None` for targets that are not read, such as
    /// those of other accounts.
    pub async fn target_facts(&self, arn: &str, age: Duration) -> Option<Fact<TargetFacts>> {
        let parsed = Arn::parse(arn).filter(|parsed| parsed.account_id == self.caller.account_id)?;
        if !matches!(parsed.service, "sqs" | "sns" | "lambda" | "logs" | "states" | "events") {
            return None;
        }
        let fact = self.shared.caches.facts.targets.read(arn, age, || self.read_target(arn, &parsed)).await;
        Some(match fact {
            Fact::Known(facts) if parsed.service == "logs" => self.with_log_policies(facts, age).await,
            fact => fact,
        })
    }

    /// Adds the policies of the account, which all log groups share: they are cached as one list, not with each group.
    async fn with_log_policies(&self, facts: TargetFacts, age: Duration) -> Fact<TargetFacts> {
        let with = |policy| Some(TargetFacts { policy, ..facts });
        fetched(async { self.log_policies(age).await.map(with) }).await
    }

    async fn read_target(&self, arn: &str, parsed: &Arn<'_>) -> Result<Option<TargetFacts>, ReconcileError> {
        let resource = parsed.resource;
        Ok(match parsed.service {
            "sqs" => self.read_queue(resource).await?,
            "sns" => self.topic(arn, TagRead::Skip).await?.map(|mut topic| TargetFacts {
                policy: versioned_statements_of(topic.attributes.get("Policy").map(String::as_str).unwrap_or_default()),
                key: topic.attributes.remove("KmsMasterKeyId").filter(|key| !key.is_empty()),
                ..TargetFacts::default()
            }),
            "lambda" => {
                let policy = self.function_policy(&FunctionRef::from_arn(arn)).await?;
                policy.map(|policy| TargetFacts { policy, ..TargetFacts::default() })
            }
            "logs" => {
                let name = resource.trim_start_matches("log-group:").trim_end_matches(":*");
                self.log_group(name, arn, TagRead::Skip).await?.map(|_| TargetFacts::default())
            }
            "states" => self.state_machine(arn, TagRead::Skip).await?.map(|_| TargetFacts::default()),
            "events" if resource.starts_with("api-destination/") => self.read_destination(arn, resource).await?,
            _ => self.bus(resource.trim_start_matches("event-bus/")).await?.map(|_| TargetFacts::default()),
        })
    }

    async fn read_queue(&self, name: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        Ok(self.queue_with_counts(name).await?.map(|(_, mut attributes)| TargetFacts {
            policy: versioned_statements_of(attributes.get("Policy").map(String::as_str).unwrap_or_default()),
            key: attributes.remove("KmsMasterKeyId").filter(|key| !key.is_empty()),
            content_based_deduplication: attributes.get("ContentBasedDeduplication").map(|enabled| enabled == "true"),
            messages: attributes.get("ApproximateNumberOfMessages").and_then(|count| count.parse().ok()),
            ..TargetFacts::default()
        }))
    }

    /// A recreated API destination has another ARN, so that the target's ARN refers to nothing.
    async fn read_destination(&self, arn: &str, resource: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        let name = |resource: &str| resource.split('/').nth(1).unwrap_or_default().to_owned();
        let Some(destination) = self.api_destination(&name(resource)).await?.filter(|found| found.arn.starts_with(arn)) else {
            return Ok(None);
        };
        let connection = Arn::parse(&destination.connection_arn).map(|arn| name(arn.resource)).unwrap_or_default();
        let unauthorized = match self.connection(&connection).await? {
            Some(connection) => Some(connection.state).filter(|state| !AUTHORIZED.contains(&state.as_str())),
            None => Some("deleted".to_owned()),
        };
        Ok(Some(TargetFacts { unauthorized, ..TargetFacts::default() }))
    }

    /// Returns a sample of the messages in a dead-letter queue, no older than `age`.
    pub async fn dead_letters(&self, queue_arn: &str, age: Duration) -> Fact<Vec<DeadLetter>> {
        let name = queue_arn.rsplit(':').next().unwrap_or_default();
        self.shared.caches.facts.dead_letters.read(queue_arn, age, || self.sample_dead_letters(name)).await
    }
}
