//! Firehose streams, which the operator only reads.

use aws_sdk_firehose::types::DeliveryStreamStatus;

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
        Ok(stream.filter(|stream| stream.delivery_stream_status != DeliveryStreamStatus::Deleting).map(|_| TargetFacts::default()))
    }
}
