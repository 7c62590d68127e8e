//! Parameters of a rule's target that is a data stream. Data only.

use serde_json::json;

use super::TargetParameters;

pub(super) const TARGET_PARAMETERS: TargetParameters = TargetParameters {
    member: "KinesisParameters",
    fields: &[("events.PutTargets", "Targets[].KinesisParameters", ".sinkRef: spec.kinesis.partitionKeyPath of the sink")],
    limited: |target| json!(target.partition_key_path.as_ref().map(|path| json!({"PartitionKeyPath": path}))),
};
