//! Log groups of CloudWatch Logs, and the resource policies of the account.

mod events;

use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::{LogGroup, LogGroupClass, OrderBy};
use aws_sdk_sfn::types as sfn;
use serde_json::Value;

use tributary_core::{
    delivery::TargetFacts,
    destinations::logs::ObservedLogGroup,
    error::{Reason, ReconcileError, RetryClass},
    policy_document::{statements_of, versioned_statements_of},
    steps::{LogDestination, LogsStep},
};

use crate::{
    cache::{ALL, LogPolicies},
    client::{
        cause::Cause,
        error::AwsError,
        request::{ignore_not_found, non_empty, send, tag_map},
        session::Session,
    },
    policy_writer::{self, Document},
    read::TagRead,
};

pub use events::{LogLine, LogPage, LogQuery};

impl Session {
    /// Returns the log group, without the time of its last event; `None` if it does not exist. `arn` is that of the group.
    ///
    /// # Errors
    /// Those of `DescribeLogGroups` and `ListTagsForResource`.
    pub async fn log_group(&self, name: &str, arn: &str, tags: TagRead) -> Result<Option<ObservedLogGroup>, ReconcileError> {
        let Some(group) = self.find_log_group(name).await? else { return Ok(None) };
        let tags = match tags {
            TagRead::Read => {
                let answer = send!(self, logs, ListTagsForResource, self.logs.list_tags_for_resource().resource_arn(arn))?;
                Some(answer.tags.unwrap_or_default().into_iter().collect())
            }
            TagRead::Skip => None,
        };
        Ok(Some(ObservedLogGroup {
            arn: arn.to_owned(),
            class: group.log_group_class.map(|class| class.as_str().to_owned()),
            retention_days: group.retention_in_days,
            kms_key_arn: non_empty(group.kms_key_id),
            tags,
            last_event: None,
        }))
    }

    /// Returns what delivery to the log group depends on, without the policies of the account.
    pub(crate) async fn log_group_facts(&self, arn: &str, resource: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        let name = resource.trim_start_matches("log-group:").trim_end_matches(":*");
        Ok(self.log_group(name, arn, TagRead::Skip).await?.map(|_| TargetFacts::default()))
    }

    /// Finds the group of exactly this name: the API finds groups by prefix (docs/aws-facts.md, G5).
    async fn find_log_group(&self, name: &str) -> Result<Option<LogGroup>, ReconcileError> {
        let mut next = None;
        loop {
            let request = self.logs.describe_log_groups().log_group_name_prefix(name).set_next_token(next);
            let page = send!(self, logs, DescribeLogGroups, request)?;
            // Names are sorted, so the exact one is on the first page, unless pages are tiny.
            let mut groups = page.log_groups.unwrap_or_default().into_iter();
            let found = groups.find(|group| group.log_group_name.as_deref() == Some(name));
            if found.is_some() {
                return Ok(found);
            }
            next = non_empty(page.next_token);
            if next.is_none() {
                return Ok(None);
            }
        }
    }

    /// Returns the time of the group's last event in Unix milliseconds; `None` where it cannot be read, for it is only displayed.
    pub async fn last_event(&self, name: &str) -> Option<i64> {
        let request = self.logs.describe_log_streams().log_group_name(name).order_by(OrderBy::LastEventTime).descending(true).limit(1);
        let streams = send!(self, logs, DescribeLogStreams, request).ok()?.log_streams?;
        streams.first()?.last_event_timestamp
    }

    /// Returns the statements of the account's resource policy of this name, from a list no older than `age`.
    ///
    /// # Errors
    /// Those of `DescribeResourcePolicies`.
    pub async fn log_policy(&self, policy: &str, age: Duration) -> Result<Vec<Value>, ReconcileError> {
        let policies = self.shared.caches.log_policies.read(&self.caller.arn, ALL, age, || self.list_log_policies()).await?;
        Ok(policies.get(policy).map(|document| statements_of(document)).unwrap_or_default())
    }

    /// Returns the statements of all resource policies of the account: a denial in one overrides a permission in another.
    ///
    /// # Errors
    /// Those of `DescribeResourcePolicies`.
    pub(crate) async fn log_policies(&self, age: Duration) -> Result<Vec<Value>, ReconcileError> {
        let policies = self.shared.caches.log_policies.read(&self.caller.arn, ALL, age, || self.list_log_policies()).await?;
        Ok(policies.values().flat_map(|document| versioned_statements_of(document)).collect())
    }

    async fn list_log_policies(&self) -> Result<LogPolicies, ReconcileError> {
        let mut policies = LogPolicies::new();
        let mut next = None;
        loop {
            let page = send!(self, logs, DescribeResourcePolicies, self.logs.describe_resource_policies().set_next_token(next))?;
            let rows = page.resource_policies.unwrap_or_default().into_iter();
            policies.extend(rows.filter_map(|row| Some((row.policy_name?, row.policy_document.unwrap_or_default()))));
            next = non_empty(page.next_token);
            if next.is_none() {
                return Ok(policies);
            }
        }
    }

    /// Applies one step to CloudWatch Logs.
    ///
    /// # Errors
    /// Those of the call, with the next step for the user.
    pub async fn apply_logs(&self, step: &LogsStep) -> Result<(), ReconcileError> {
        let logs = &self.logs;
        match step {
            LogsStep::CreateLogGroup { name, class, kms_key_arn, tags } => {
                let request = logs
                    .create_log_group()
                    .log_group_name(name)
                    .set_log_group_class(class.as_deref().map(LogGroupClass::from))
                    .set_kms_key_id(kms_key_arn.clone())
                    .set_tags((!tags.is_empty()).then(|| tag_map(tags)));
                send!(self, logs, CreateLogGroup, request)?;
            }
            LogsStep::PutRetentionPolicy { name, days } => {
                send!(self, logs, PutRetentionPolicy, logs.put_retention_policy().log_group_name(name).retention_in_days(*days))?;
            }
            LogsStep::DeleteRetentionPolicy { name } => {
                send!(self, logs, DeleteRetentionPolicy, logs.delete_retention_policy().log_group_name(name))?;
            }
            LogsStep::AssociateKmsKey { name, kms_key_arn } => {
                send!(self, logs, AssociateKmsKey, logs.associate_kms_key().log_group_name(name).kms_key_id(kms_key_arn))?;
            }
            LogsStep::DisassociateKmsKey { name } => {
                send!(self, logs, DisassociateKmsKey, logs.disassociate_kms_key().log_group_name(name))?;
            }
            LogsStep::TagLogGroup { arn, tags } => {
                send!(self, logs, TagResource, logs.tag_resource().resource_arn(arn).set_tags((!tags.is_empty()).then(|| tag_map(tags))))?;
            }
            LogsStep::UntagLogGroup { arn, keys } => {
                send!(self, logs, UntagResource, logs.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.clone())))?;
            }
            LogsStep::PutPolicyStatements { policy, instead_of, statements } => {
                self.change_log_policy(policy, instead_of, statements).await?;
            }
            LogsStep::RemovePolicyStatements { policy, sids } => self.change_log_policy(policy, sids, &[]).await?,
            LogsStep::DeleteLogGroup { name } => {
                ignore_not_found(send!(self, logs, DeleteLogGroup, logs.delete_log_group().log_group_name(name)))?;
            }
        }
        Ok(())
    }

    async fn change_log_policy(&self, policy: &str, instead_of: &[String], statements: &[Value]) -> Result<(), ReconcileError> {
        let document = LogPolicy { session: self, name: policy };
        let changed = self.shared.caches.policies.write(policy, policy_writer::change(&document, instead_of, statements)).await;
        self.shared.caches.log_policies.forget(ALL).await;
        changed
    }

    /// AWS's message for "no more policies" does not say what to do.
    async fn policies_full(&self, error: &AwsError) -> ReconcileError {
        let names = self.list_log_policies().await.map(|policies| policies.into_keys().collect::<Vec<_>>().join(", "));
        ReconcileError::new(
            RetryClass::Refused,
            Reason::PolicyFull,
            format!(
                "{error}. AWS allows 10 log resource policies per account and Region; these exist: {}. Delete or merge one that is not needed, or manage the statements yourself with permissions: External.",
                names.unwrap_or_else(|_| "(cannot be listed)".into())
            ),
        )
    }
}

/// One resource policy of the account.
struct LogPolicy<'a> {
    session: &'a Session,
    name: &'a str,
}

impl Document for LogPolicy<'_> {
    fn what(&self) -> String {
        format!("CloudWatch Logs named {}", self.name)
    }

    async fn read(&self) -> Result<String, ReconcileError> {
        Ok(self.session.list_log_policies().await?.remove(self.name).unwrap_or_default())
    }

    async fn write(&self, document: &str) -> Result<(), ReconcileError> {
        let session = self.session;
        if document.is_empty() {
            let request = session.logs.delete_resource_policy().policy_name(self.name);
            ignore_not_found(send!(session, logs, DeleteResourcePolicy, request))?;
            return Ok(());
        }
        let request = session.logs.put_resource_policy().policy_name(self.name).policy_document(document);
        match send!(session, logs, PutResourcePolicy, request) {
            Err(error) if error.cause == Cause::Quota => Err(session.policies_full(&error).await),
            answer => answer.map(drop).map_err(ReconcileError::from),
        }
    }
}

/// Converts the destination of a state machine's logs for its service.
pub(crate) fn sdk_destination(logs: &LogDestination) -> Option<Vec<sfn::LogDestination>> {
    let group = sfn::CloudWatchLogsLogGroup::builder().log_group_arn(logs.streams()?).build();
    Some(vec![sfn::LogDestination::builder().cloud_watch_logs_log_group(group).build()])
}

/// Converts the destinations of a state machine's logs from its service, which supports one.
pub(crate) fn observed_destination(destinations: Vec<sfn::LogDestination>) -> LogDestination {
    let arn = destinations.into_iter().next().and_then(|destination| destination.cloud_watch_logs_log_group?.log_group_arn);
    LogDestination { log_group_arn: arn.map(|arn| arn.trim_end_matches(":*").to_owned()) }
}
