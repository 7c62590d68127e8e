//! Data streams of Kinesis, which the operator only reads, and parameters of a target that is a stream.

use aws_sdk_eventbridge::types as sdk;
use aws_sdk_kinesis::types::StreamStatus;

use tributary_core::{delivery::TargetFacts, error::ReconcileError};

use crate::client::{
    request::{ignore_not_found, non_empty, send, unbuilt},
    session::Session,
    target::TargetParameters,
};

pub(crate) const TARGET_PARAMETERS: TargetParameters = TargetParameters {
    write: |target, request| {
        let parameters = target.partition_key_path.as_ref();
        let parameters = parameters.map(|path| sdk::KinesisParameters::builder().partition_key_path(path).build().map_err(unbuilt));
        Ok(request.set_kinesis_parameters(parameters.transpose()?))
    },
    read: |target, settings| {
        settings.partition_key_path = target.kinesis_parameters.take().map(|parameters| parameters.partition_key_path);
    },
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
