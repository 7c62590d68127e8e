//! Adapter of CloudWatch Logs: log groups, and the account policy that the installation keeps. Reads into `Observed...`, one write per step.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_cloudwatchlogs::types::{LogGroup, LogGroupClass, OrderBy};
use serde_json::Value;

use tributary_api::Tags;
use tributary_core::{
    destinations::logs::ObservedLogGroup,
    error::{Reason, ReconcileError, RetryClass},
    policy_document::statements_of,
    steps::LogsStep,
};

use crate::{
    AwsError, Session,
    policy_writer::{self, Document},
};

/// Documents by policy name.
pub type LogPolicies = BTreeMap<String, String>;

macro_rules! send {
    ($self:expr, $call:literal, $request:expr) => {{
        let request = $request;
        $self.call(&$self.shared.logs, $call, $self.priority, || Box::pin(request.clone().send())).await
    }};
}

impl Session {
    /// The log group of exactly this name (a prefix finds others too: docs/aws-facts.md, G5); with tags and the last event's time if asked.
    pub async fn log_group(&self, name: &str, arn: &str, tags: bool, last_event: bool) -> Result<Option<ObservedLogGroup>, ReconcileError> {
        let Some(group) = self.find_log_group(name).await? else { return Ok(None) };
        let mut observed = ObservedLogGroup {
            arn: arn.to_owned(),
            class: group.log_group_class.map(|class| class.as_str().to_owned()),
            retention_days: group.retention_in_days,
            kms_key_arn: group.kms_key_id.filter(|key| !key.is_empty()),
            tags: None,
            last_event: None,
        };
        if tags {
            let answer = send!(self, "logs:ListTagsForResource", self.logs.list_tags_for_resource().resource_arn(arn))?;
            observed.tags = Some(answer.tags.unwrap_or_default().into_iter().collect());
        }
        if last_event {
            observed.last_event = self.last_event(name).await;
        }
        Ok(Some(observed))
    }

    async fn find_log_group(&self, name: &str) -> Result<Option<LogGroup>, ReconcileError> {
        let mut next = None;
        loop {
            let request = self.logs.describe_log_groups().log_group_name_prefix(name).set_next_token(next);
            let page = send!(self, "logs:DescribeLogGroups", request)?;
            // Names come in order, so the exact one is on the first page, unless pages are tiny.
            if let Some(group) = page.log_groups.unwrap_or_default().into_iter().find(|group| group.log_group_name.as_deref() == Some(name))
            {
                return Ok(Some(group));
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(None);
            }
        }
    }

    /// Nothing hangs on it: where it cannot be read, it is not told.
    async fn last_event(&self, name: &str) -> Option<i64> {
        let request = self.logs.describe_log_streams().log_group_name(name).order_by(OrderBy::LastEventTime).descending(true).limit(1);
        let streams = send!(self, "logs:DescribeLogStreams", request).ok()?.log_streams?;
        streams.first()?.last_event_timestamp
    }

    /// Statements of the account policy of this name, as a list has it that may be this old.
    pub async fn log_policy(&self, policy: &str, age: Duration) -> Result<Vec<Value>, ReconcileError> {
        let policies = self.shared.log_policies.read(age, || self.list_log_policies()).await?;
        Ok(policies.get(policy).map(|document| statements_of(document)).unwrap_or_default())
    }

    /// Statements of all account policies: a denial in one counts against a permission in another.
    pub async fn log_policies(&self, age: Duration) -> Result<Vec<Value>, ReconcileError> {
        let policies = self.shared.log_policies.read(age, || self.list_log_policies()).await?;
        Ok(policies.values().flat_map(|document| statements_of(document)).collect())
    }

    async fn list_log_policies(&self) -> Result<LogPolicies, ReconcileError> {
        let (mut policies, mut next) = (LogPolicies::new(), None);
        loop {
            let page = send!(self, "logs:DescribeResourcePolicies", self.logs.describe_resource_policies().set_next_token(next))?;
            let rows = page.resource_policies.unwrap_or_default().into_iter();
            policies.extend(rows.filter_map(|row| Some((row.policy_name?, row.policy_document.unwrap_or_default()))));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(policies);
            }
        }
    }

    /// The only writes to CloudWatch Logs.
    pub async fn apply_logs(&self, step: &LogsStep) -> Result<(), ReconcileError> {
        let logs = &self.logs;
        match step {
            LogsStep::CreateLogGroup { name, class, kms_key_arn, tags } => {
                let request = logs
                    .create_log_group()
                    .log_group_name(name)
                    .set_log_group_class(class.as_deref().map(LogGroupClass::from))
                    .set_kms_key_id(kms_key_arn.clone())
                    .set_tags(sdk_tags(tags));
                send!(self, "logs:CreateLogGroup", request)?;
            }
            LogsStep::PutRetentionPolicy { name, days } => {
                send!(self, "logs:PutRetentionPolicy", logs.put_retention_policy().log_group_name(name).retention_in_days(*days))?;
            }
            LogsStep::DeleteRetentionPolicy { name } => {
                send!(self, "logs:DeleteRetentionPolicy", logs.delete_retention_policy().log_group_name(name))?;
            }
            LogsStep::AssociateKmsKey { name, kms_key_arn } => {
                send!(self, "logs:AssociateKmsKey", logs.associate_kms_key().log_group_name(name).kms_key_id(kms_key_arn))?;
            }
            LogsStep::DisassociateKmsKey { name } => {
                send!(self, "logs:DisassociateKmsKey", logs.disassociate_kms_key().log_group_name(name))?;
            }
            LogsStep::TagLogGroup { arn, tags } => {
                send!(self, "logs:TagResource", logs.tag_resource().resource_arn(arn).set_tags(sdk_tags(tags)))?;
            }
            LogsStep::UntagLogGroup { arn, keys } => {
                send!(self, "logs:UntagResource", logs.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.clone())))?;
            }
            LogsStep::PutPolicyStatements { policy, instead_of, statements } => {
                self.change_log_policy(policy, instead_of, statements).await?;
            }
            LogsStep::RemovePolicyStatements { policy, sids } => self.change_log_policy(policy, sids, &[]).await?,
            LogsStep::DeleteLogGroup { name } => match send!(self, "logs:DeleteLogGroup", logs.delete_log_group().log_group_name(name)) {
                Err(error) if error.is_not_found() => {}
                answer => drop(answer?),
            },
        }
        Ok(())
    }

    async fn change_log_policy(&self, policy: &str, instead_of: &[String], statements: &[Value]) -> Result<(), ReconcileError> {
        let document = LogPolicy { session: self, name: policy };
        let changed = self.shared.policies.write(policy, policy_writer::change(&document, instead_of, statements)).await;
        self.shared.log_policies.forget().await;
        changed
    }

    /// AWS's word for "no more policies" says nothing of what to do.
    async fn policies_full(&self, error: AwsError) -> ReconcileError {
        let names = self.list_log_policies().await.map(|policies| policies.into_keys().collect::<Vec<_>>().join(", "));
        ReconcileError::new(
            RetryClass::Refused,
            Reason::PolicyFull,
            format!(
                "{}: {}: {} AWS allows 10 log resource policies per account and Region, for all services together; there are {}. Delete one that nobody needs, or merge two; or keep the statements yourself in one of them, with permissions: External",
                error.call,
                error.code,
                error.message,
                names.unwrap_or_else(|_| "some that could not be listed".into())
            ),
        )
    }
}

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
            return match send!(session, "logs:DeleteResourcePolicy", request) {
                Err(error) if error.is_not_found() => Ok(()),
                answer => answer.map(drop).map_err(ReconcileError::from),
            };
        }
        let request = session.logs.put_resource_policy().policy_name(self.name).policy_document(document);
        match send!(session, "logs:PutResourcePolicy", request) {
            Err(error) if error.code == "LimitExceededException" => Err(session.policies_full(error).await),
            answer => answer.map(drop).map_err(ReconcileError::from),
        }
    }
}

fn sdk_tags(tags: &Tags) -> Option<std::collections::HashMap<String, String>> {
    (!tags.is_empty()).then(|| tags.clone().into_iter().collect())
}
