//! Facts about encryption keys.

use std::time::Duration;

use aws_sdk_kms::types::{KeyManagerType, KeyState};

use tributary_core::{
    delivery::{Fact, KeyFacts},
    error::ReconcileError,
    policy_document::versioned_statements_of,
};

use crate::client::{
    request::{ignore_not_found, send},
    session::Session,
};

impl Session {
    /// Returns state and policy of a key, no older than `age`. `key` is an id, an ARN or an alias.
    pub async fn key_facts(&self, key: &str, age: Duration) -> Fact<KeyFacts> {
        self.shared.caches.facts.keys.read(&self.caller.arn, key, age, || self.read_key(key)).await
    }

    async fn read_key(&self, key: &str) -> Result<Option<KeyFacts>, ReconcileError> {
        if key.starts_with("alias/aws/") || key.contains(":alias/aws/") {
            return Ok(Some(KeyFacts { managed_by_aws: true, enabled: true, ..KeyFacts::default() }));
        }
        let answer = ignore_not_found(send!(self, kms, DescribeKey, self.kms.describe_key().key_id(key)))?;
        let Some(found) = answer.and_then(|answer| answer.key_metadata) else { return Ok(None) };
        let managed_by_aws = found.key_manager == Some(KeyManagerType::Aws);
        let arn = found.arn.unwrap_or_default();
        let enabled = found.key_state.is_none_or(|state| state == KeyState::Enabled);
        let policy = if managed_by_aws {
            vec![]
        } else {
            let request = self.kms.get_key_policy().key_id(found.key_id).policy_name("default");
            versioned_statements_of(&send!(self, kms, GetKeyPolicy, request)?.policy.unwrap_or_default())
        };
        Ok(Some(KeyFacts { arn, managed_by_aws, enabled, policy: policy.into() }))
    }
}
