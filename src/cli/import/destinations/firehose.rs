//! Streams of Firehose.

use tributary_api::{EventSinkSpec, ExistingDeliveryStream, FirehoseSink};
use tributary_core::{
    names::{Arn, Scope},
    steps::TargetSettings,
};

use super::{Reference, ResourceType, Type, only};

pub(super) const TYPE: Type = Type {
    existing,
    parameters: None,
    policies: &[],
    resource: Some(ResourceType {
        type_: "AWS::KinesisFirehose::DeliveryStream",
        name: "DeliveryStreamName",
        terraform: ("aws_kinesis_firehose_delivery_stream", &[("name", "DeliveryStreamName")]),
        reference: Reference::Name,
        arn: |scope: Scope<'_>, name: &str| Some(scope.arn("firehose", &format!("deliverystream/{name}"))),
        sam: None,
        managed: None,
    }),
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "firehose").then(|| {
        only(target, TargetSettings::default())?;
        let existing = ExistingDeliveryStream { arn: Some(target.arn.clone()), arn_from: None };
        Ok(EventSinkSpec { firehose: Some(Box::new(FirehoseSink { existing })), ..EventSinkSpec::default() })
    })
}
