//! The `kinesis` sink: a data stream.

use serde_json::{Value, json};

use tributary_api::{EventSink, Identity};

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::{Destination, KeyUse},
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

    /// The role can use the key of an encrypted stream, for this stream only; the key's policy has to allow it too (Kinesis Data
    /// Streams developer guide, "Permissions to use user-generated KMS keys"; docs/aws-facts.md, PM42).
    fn role_statements(_: &EventSink, arn: &str) -> Vec<Value> {
        vec![
            json!({"Effect": "Allow", "Action": Self::ACTIONS, "Resource": arn}),
            json!({
                "Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "*",
                "Condition": {"StringEquals": {"kms:EncryptionContext:aws:kinesis:arn": arn}},
            }),
        ]
    }

    /// Producers need no `kms:Decrypt` (the same page). Kinesis calls AWS KMS for the role, in the stream's encryption context.
    fn key_use(target_arn: &str) -> KeyUse {
        let region = Arn::parse(target_arn).map_or("", |arn| arn.region);
        let context = vec![
            ("kms:encryptioncontext:aws:kinesis:arn", target_arn.to_owned()),
            ("kms:viaservice", format!("kinesis.{region}.amazonaws.com")),
        ];
        KeyUse { actions: &["kms:GenerateDataKey"], context }
    }

    fn set_parameters(_: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
        target.partition_key_path = sink.spec.kinesis.as_deref().and_then(|stream| stream.partition_key_path.clone());
        Ok(())
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "kinesis"
    }

    fn is_delivered_across_accounts(arn: &Arn<'_>) -> bool {
        Self::is_target(arn)
    }
}

#[cfg(test)]
mod tests {
    use tributary_api::EventSinkSpec;

    use super::*;

    #[test]
    fn the_role_may_use_the_key_of_this_stream_only() {
        const ARN: &str = "arn:aws:kinesis:eu-west-1:111122223333:stream/s";
        let statements = Kinesis::role_statements(&EventSink::new("s", EventSinkSpec::default()), ARN);
        assert_eq!((&statements[0]["Action"], &statements[0]["Resource"]), (&json!(["kinesis:PutRecord"]), &json!(ARN)));
        assert_eq!(statements[1]["Action"], "kms:GenerateDataKey");
        assert_eq!(statements[1]["Condition"]["StringEquals"]["kms:EncryptionContext:aws:kinesis:arn"], ARN);
    }
}
