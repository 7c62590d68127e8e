//! Data streams of Kinesis.

use tributary_api::{EventSinkSpec, ExistingStream, KinesisSink};
use tributary_core::{
    names::{Arn, Scope},
    steps::TargetSettings,
};

use super::{Parameters, Reference, ResourceType, Type, only};
use crate::cli::import::values::{renamed, text};

pub(super) const TYPE: Type = Type {
    existing,
    parameters: Some(Parameters {
        name: "KinesisParameters",
        read: |parameters, target| {
            target.partition_key_path = text(parameters, "PartitionKeyPath");
            Ok(())
        },
        block: "kinesis_target",
        of_block: |block| renamed(block, &[("partition_key_path", "PartitionKeyPath")]),
    }),
    policies: &[],
    resource: Some(ResourceType {
        type_: "AWS::Kinesis::Stream",
        name: "Name",
        terraform: ("aws_kinesis_stream", &[("name", "Name")]),
        reference: Reference::Name,
        arn: |scope: Scope<'_>, name: &str| Some(scope.arn("kinesis", &format!("stream/{name}"))),
        sam: None,
        managed: None,
    }),
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "kinesis").then(|| {
        only(target, TargetSettings { partition_key_path: target.partition_key_path.clone(), ..TargetSettings::default() })?;
        let existing = ExistingStream { arn: Some(target.arn.clone()), arn_from: None };
        let kinesis = KinesisSink { existing, partition_key_path: target.partition_key_path.clone() };
        Ok(EventSinkSpec { kinesis: Some(Box::new(kinesis)), ..EventSinkSpec::default() })
    })
}
