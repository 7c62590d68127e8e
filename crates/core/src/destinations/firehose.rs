//! The `firehose` sink: a delivery stream.

use tributary_api::Identity;

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::{Destination, KeyUse},
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

    /// Firehose uses the key of a stream with a grant of its own, so that the sender needs no permission (Firehose API reference,
    /// `DeliveryStreamEncryptionConfigurationInput`). It rejects records if the key is disabled or deleted (`PutRecord`,
    /// `InvalidKMSResourceException`).
    fn key_use(_: &str) -> KeyUse {
        KeyUse { actions: &[], context: vec![] }
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "firehose"
    }
}
