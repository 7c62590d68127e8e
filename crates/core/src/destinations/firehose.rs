//! The `firehose` sink: a delivery stream.

use tributary_api::Identity;

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::Destination,
        shared::context::ResolveContext,
    },
    error::ReconcileError,
    names::Arn,
};

/// The `firehose` type.
pub(crate) struct Firehose;

impl Destination for Firehose {
    type Desired = DesiredByRole;

    const NAME: &'static str = "firehose";
    const RESOURCE_TYPE: &'static str = "AWS::KinesisFirehose::DeliveryStream";
    const ACTIONS: &'static [&'static str] = &["firehose:PutRecord", "firehose:PutRecordBatch"];
    const READS: &'static [&'static str] = &["firehose:DescribeDeliveryStream"];

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredByRole, ReconcileError> {
        by_role::desired::<Self>(context, identity)
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "firehose"
    }
}
