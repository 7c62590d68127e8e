//! Firehose streams, which the operator only reads.

use aws_sdk_firehose::types::{DeliveryStreamEncryptionConfiguration, DeliveryStreamEncryptionStatus, DeliveryStreamStatus, KeyType};

use tributary_core::{delivery::TargetFacts, error::ReconcileError};

use crate::client::{
    request::{ignore_not_found, send},
    session::Session,
};

impl Session {
    /// Returns what delivery to the stream depends on; `None` if it does not exist or is being deleted.
    pub(crate) async fn delivery_stream_facts(&self, resource: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        let name = resource.trim_start_matches("deliverystream/");
        let request = self.firehose.describe_delivery_stream().delivery_stream_name(name);
        let answer = ignore_not_found(send!(self, firehose, DescribeDeliveryStream, request))?;
        let stream = answer.and_then(|answer| answer.delivery_stream_description);
        let stream = stream.filter(|stream| stream.delivery_stream_status != DeliveryStreamStatus::Deleting);
        Ok(stream.map(|stream| TargetFacts {
            key: stream.delivery_stream_encryption_configuration.and_then(customer_key),
            ..TargetFacts::default()
        }))
    }
}

/// Returns the customer managed key of a stream that is encrypted.
fn customer_key(encryption: DeliveryStreamEncryptionConfiguration) -> Option<String> {
    use DeliveryStreamEncryptionStatus as Status;
    let encrypted = matches!(encryption.status, Some(Status::Enabled | Status::Disabling | Status::DisablingFailed));
    encryption.key_arn.filter(|_| encrypted && encryption.key_type == Some(KeyType::CustomerManagedCmk))
}
