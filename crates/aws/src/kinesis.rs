//! Data streams of Kinesis, which the operator only reads.

use aws_sdk_kinesis::types::StreamStatus;

use tributary_core::{delivery::TargetFacts, error::ReconcileError};

use crate::client::{
    request::{ignore_not_found, send},
    session::Session,
};

impl Session {
    /// Returns what delivery to the stream depends on; `None` if it does not exist or is being deleted.
    pub(crate) async fn stream_facts(&self, arn: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        let request = self.kinesis.describe_stream_summary().stream_arn(arn);
        let answer = ignore_not_found(send!(self, kinesis, DescribeStreamSummary, request))?;
        let stream = answer.and_then(|answer| answer.stream_description_summary);
        Ok(stream.filter(|stream| stream.stream_status != StreamStatus::Deleting).map(|_| TargetFacts::default()))
    }
}
