//! The `kinesis` sink: a data stream.

use tributary_api::{EventSink, Identity};

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::Destination,
        shared::context::ResolveContext,
    },
    error::ReconcileError,
    names::Arn,
    steps::TargetSettings,
};

/// The `kinesis` type.
pub(crate) struct Kinesis;

impl Destination for Kinesis {
    type Desired = DesiredByRole;

    const NAME: &'static str = "kinesis";
    const RESOURCE_TYPE: &'static str = "AWS::Kinesis::Stream";
    const ACTIONS: &'static [&'static str] = &["kinesis:PutRecord"];
    const READS: &'static [&'static str] = &["kinesis:DescribeStreamSummary"];

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredByRole, ReconcileError> {
        by_role::desired::<Self>(context, identity)
    }

    fn set_parameters(_: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
        target.partition_key_path = sink.spec.kinesis.as_ref().and_then(|stream| stream.partition_key_path.clone());
        Ok(())
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "kinesis"
    }
}
