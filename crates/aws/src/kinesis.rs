//! Data streams of Kinesis, which the operator only reads.

use aws_sdk_kinesis::types::StreamStatus;

use tributary_core::{delivery::TargetFacts, error::ReconcileError};

use crate::client::{
    request::{ignore_not_found, non_empty, send},
    session::Session,
};

impl Session {
    /// Returns what delivery to the stream depends on; `None` if it does not exist or is being deleted.
    pub(crate) async fn stream_facts(&self, arn: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        let request = self.kinesis.describe_stream_summary().stream_arn(arn);
        let answer = ignore_not_found(send!(self, kinesis, DescribeStreamSummary, request))?;
        let stream = answer.and_then(|answer| answer.stream_description_summary);
        let stream = stream.filter(|stream| stream.stream_status != StreamStatus::Deleting);
        // The key that AWS manages needs no permission (docs/aws-facts.md, PM42).
        Ok(stream.map(|stream| TargetFacts {
            key: non_empty(stream.key_id).filter(|key| !key.contains("alias/aws/")),
            ..TargetFacts::default()
        }))
    }
}
