//! Steps of log deliveries: their sources, their destinations, and the deliveries between them. Data only.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use strum::VariantNames;

use tributary_api::Tags;

use crate::{
    ownership::tag_changes,
    plan::PlanContext,
    steps::{FieldOf, ServiceStep, Step, text::list},
};

/// One write to a log delivery. `LogDeliveryStep::call` returns the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum LogDeliveryStep {
    /// Creates a delivery source with its tags, or restores it.
    PutDeliverySource {
        /// Name of the delivery source.
        name: String,
        /// ARN of the resource whose logs are delivered.
        resource_arn: String,
        /// Log type, such as `INFO_LOGS`.
        log_type: String,
        /// Tags of the delivery source.
        tags: Tags,
    },
    /// Creates a delivery destination with its tags, or restores it.
    PutDeliveryDestination {
        /// Name of the delivery destination.
        name: String,
        /// ARN of the resource that receives the logs.
        destination_arn: String,
        /// Tags of the delivery destination.
        tags: Tags,
    },
    /// Creates the delivery from a source to a destination, with its tags.
    CreateDelivery {
        /// Name of the delivery source.
        name: String,
        /// ARN of the delivery destination.
        destination_arn: String,
        /// Tags of the delivery.
        tags: Tags,
    },
    /// Adds or replaces tags.
    TagDelivery {
        /// ARN of the source, destination or delivery.
        arn: String,
        /// The tags.
        tags: Tags,
    },
    /// Removes tags.
    UntagDelivery {
        /// ARN of the source, destination or delivery.
        arn: String,
        /// Keys of the tags.
        keys: Vec<String>,
    },
    /// Deletes a delivery.
    DeleteDelivery {
        /// ID that AWS has assigned.
        id: String,
        /// Name of the delivery source.
        name: String,
    },
    /// Deletes a delivery source, which has no deliveries any more.
    DeleteDeliverySource {
        /// Name of the delivery source.
        name: String,
    },
    /// Deletes a delivery destination, which has no deliveries any more.
    DeleteDeliveryDestination {
        /// Name of the delivery destination.
        name: String,
    },
}

impl LogDeliveryStep {
    /// Returns the name of the API call, which is also the IAM action without the service prefix.
    fn call(&self) -> &'static str {
        Self::call_of(self.into())
    }
}

impl ServiceStep for LogDeliveryStep {
    const FIELDS: &'static [FieldOf] = &[("logs.PutDeliveryDestination", "deliveryDestinationConfiguration", "spec.log.delivery")];

    fn names() -> Vec<&'static str> {
        Self::VARIANTS.to_vec()
    }

    fn call_of(name: &'static str) -> &'static str {
        match name {
            "TagDelivery" => "TagResource",
            "UntagDelivery" => "UntagResource",
            call => call,
        }
    }

    fn limited(&self) -> Value {
        match self {
            Self::PutDeliverySource { name, resource_arn, log_type, tags } => {
                json!({"name": name, "resourceArn": resource_arn, "logType": log_type, "tags": tags})
            }
            Self::PutDeliveryDestination { name, destination_arn, tags } => {
                let to = json!({"destinationResourceArn": destination_arn});
                json!({"name": name, "deliveryDestinationConfiguration": to, "tags": tags})
            }
            Self::CreateDelivery { name, destination_arn, tags } => {
                json!({"deliverySourceName": name, "deliveryDestinationArn": destination_arn, "tags": tags})
            }
            Self::TagDelivery { arn, tags } => json!({"resourceArn": arn, "tags": tags}),
            Self::UntagDelivery { arn, keys } => json!({"resourceArn": arn, "tagKeys": keys}),
            Self::DeleteDelivery { id, .. } => json!({"id": id}),
            Self::DeleteDeliverySource { name } | Self::DeleteDeliveryDestination { name } => json!({"name": name}),
        }
    }
}

impl fmt::Display for LogDeliveryStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.call();
        match self {
            Self::PutDeliverySource { name, resource_arn, log_type, .. } => write!(f, "{call} {name}: {log_type} of {resource_arn}"),
            Self::PutDeliveryDestination { name, destination_arn, .. } => write!(f, "{call} {name}: {destination_arn}"),
            Self::CreateDelivery { name, destination_arn, .. } => {
                write!(f, "{call} {name} to {}", destination_arn.rsplit(':').next().unwrap_or_default())
            }
            Self::TagDelivery { arn, tags } => write!(f, "{call} {arn}: {}", list(tags.keys())),
            Self::UntagDelivery { arn, keys } => write!(f, "{call} {arn}: {}", list(keys)),
            Self::DeleteDelivery { id, name } => write!(f, "{call} {id} of {name}"),
            Self::DeleteDeliverySource { name } | Self::DeleteDeliveryDestination { name } => write!(f, "{call} {name}"),
        }
    }
}

/// Returns the steps from the observed to the desired tags of a source, destination or delivery.
pub fn delivery_tag_steps(arn: &str, desired: &Tags, observed: &Tags, context: &PlanContext<'_>) -> Vec<Step> {
    let (tags, keys) = tag_changes(desired, observed, context);
    let set = (!tags.is_empty()).then(|| LogDeliveryStep::TagDelivery { arn: arn.to_owned(), tags }.into());
    let removed = (!keys.is_empty()).then(|| LogDeliveryStep::UntagDelivery { arn: arn.to_owned(), keys }.into());
    set.into_iter().chain(removed).collect()
}
