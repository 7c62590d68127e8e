//! Log deliveries of CloudWatch Logs: sources, destinations, and the deliveries between them.

use std::{sync::Arc, time::Duration};

use aws_sdk_cloudwatchlogs::types::DeliveryDestinationConfiguration;
use tributary_api::Tags;

use tributary_core::{
    error::ReconcileError,
    kinds::bus_logs::{Delivery, DeliveryDestination, DeliverySource, LogDeliveries},
    steps::LogDeliveryStep,
};

use crate::{
    cache::ALL,
    client::{
        call::{Call, Logs},
        hints::Hint,
        request::{ignore_not_found, non_empty, send, tag_map},
        session::Session,
    },
};

/// Number of rows of one page, the most that AWS allows (CloudWatch Logs API reference, `DescribeDeliveries`).
const PAGE: i32 = 50;

const SOURCES: &[Call] = &[Call::Logs(Logs::PutDeliverySource)];
const GROUPS: &[Call] = &[Call::Logs(Logs::CreateLogGroup), Call::Logs(Logs::AssociateKmsKey)];

/// Hints for deliveries, and for keys of log groups.
pub(crate) const HINTS: &[Hint] = &[
    Hint {
        calls: SOURCES,
        code: "AccessDeniedException",
        message: "",
        next_step: "Allow logs:PutDeliverySource for the operator's role, and events:AllowVendedLogDeliveryForResource on the event bus",
    },
    Hint {
        calls: GROUPS,
        code: "InvalidParameterException",
        message: "KMS key",
        next_step: "Correct kmsKeyArn, or allow CloudWatch Logs to use the key in its key policy",
    },
];

impl Session {
    /// Returns all log deliveries of the account and Region without their tags, from lists no older than `age`.
    ///
    /// # Errors
    /// Those of `DescribeDeliverySources`, `DescribeDeliveryDestinations` and `DescribeDeliveries`.
    pub async fn log_deliveries(&self, age: Duration) -> Result<Arc<LogDeliveries>, ReconcileError> {
        self.shared.caches.log_deliveries.read(&self.caller.arn, ALL, age, || self.list_log_deliveries()).await
    }

    /// Returns the tags of a source, destination, or delivery; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of `ListTagsForResource`.
    pub async fn log_delivery_tags(&self, arn: &str) -> Result<Option<Tags>, ReconcileError> {
        let answer = ignore_not_found(send!(self, logs, ListTagsForResource, self.logs.list_tags_for_resource().resource_arn(arn)))?;
        Ok(answer.map(|answer| answer.tags.unwrap_or_default().into_iter().collect()))
    }

    async fn list_log_deliveries(&self) -> Result<LogDeliveries, ReconcileError> {
        Ok(LogDeliveries {
            sources: self.list_delivery_sources().await?,
            destinations: self.list_delivery_destinations().await?,
            deliveries: self.list_deliveries().await?,
        })
    }

    async fn list_delivery_sources(&self) -> Result<Vec<DeliverySource>, ReconcileError> {
        let (mut sources, mut next) = (Vec::new(), None);
        loop {
            let request = self.logs.describe_delivery_sources().limit(PAGE).set_next_token(next);
            let page = send!(self, logs, DescribeDeliverySources, request)?;
            sources.extend(page.delivery_sources.unwrap_or_default().into_iter().filter_map(|source| {
                let resource_arn = source.resource_arns.unwrap_or_default().into_iter().next()?;
                Some(DeliverySource { name: source.name?, arn: source.arn?, resource_arn, log_type: source.log_type?, tags: None })
            }));
            next = non_empty(page.next_token);
            if next.is_none() {
                return Ok(sources);
            }
        }
    }

    async fn list_delivery_destinations(&self) -> Result<Vec<DeliveryDestination>, ReconcileError> {
        let (mut destinations, mut next) = (Vec::new(), None);
        loop {
            let request = self.logs.describe_delivery_destinations().limit(PAGE).set_next_token(next);
            let page = send!(self, logs, DescribeDeliveryDestinations, request)?;
            destinations.extend(page.delivery_destinations.unwrap_or_default().into_iter().filter_map(|destination| {
                // One for traces has no resource.
                let resource_arn = destination.delivery_destination_configuration.map(|to| to.destination_resource_arn).unwrap_or_default();
                Some(DeliveryDestination { name: destination.name?, arn: destination.arn?, resource_arn, tags: None })
            }));
            next = non_empty(page.next_token);
            if next.is_none() {
                return Ok(destinations);
            }
        }
    }

    async fn list_deliveries(&self) -> Result<Vec<Delivery>, ReconcileError> {
        let (mut deliveries, mut next) = (Vec::new(), None);
        loop {
            let request = self.logs.describe_deliveries().limit(PAGE).set_next_token(next);
            let page = send!(self, logs, DescribeDeliveries, request)?;
            deliveries.extend(page.deliveries.unwrap_or_default().into_iter().filter_map(|delivery| {
                let (source, destination_arn) = (delivery.delivery_source_name?, delivery.delivery_destination_arn?);
                Some(Delivery { id: delivery.id?, arn: delivery.arn?, source, destination_arn, tags: None })
            }));
            next = non_empty(page.next_token);
            if next.is_none() {
                return Ok(deliveries);
            }
        }
    }

    /// Applies one step to a log delivery.
    ///
    /// # Errors
    /// Those of the call, with the next step for the user.
    pub async fn apply_log_delivery(&self, step: &LogDeliveryStep) -> Result<(), ReconcileError> {
        let answer = self.write_log_delivery(step).await;
        self.shared.caches.log_deliveries.forget(ALL).await;
        answer
    }

    async fn write_log_delivery(&self, step: &LogDeliveryStep) -> Result<(), ReconcileError> {
        let logs = &self.logs;
        match step {
            LogDeliveryStep::PutDeliverySource { name, resource_arn, log_type, tags } => {
                let request =
                    logs.put_delivery_source().name(name).resource_arn(resource_arn).log_type(log_type).set_tags(Some(tag_map(tags)));
                send!(self, logs, PutDeliverySource, request)?;
            }
            LogDeliveryStep::PutDeliveryDestination { name, destination_arn, tags } => {
                let to = DeliveryDestinationConfiguration::builder().destination_resource_arn(destination_arn).build();
                let to = to.map_err(crate::client::request::unbuilt)?;
                let request =
                    logs.put_delivery_destination().name(name).delivery_destination_configuration(to).set_tags(Some(tag_map(tags)));
                send!(self, logs, PutDeliveryDestination, request)?;
            }
            LogDeliveryStep::CreateDelivery { name, destination_arn, tags } => {
                let request = logs
                    .create_delivery()
                    .delivery_source_name(name)
                    .delivery_destination_arn(destination_arn)
                    .set_tags(Some(tag_map(tags)));
                send!(self, logs, CreateDelivery, request)?;
            }
            LogDeliveryStep::TagDelivery { arn, tags } => {
                send!(self, logs, TagResource, logs.tag_resource().resource_arn(arn).set_tags(Some(tag_map(tags))))?;
            }
            LogDeliveryStep::UntagDelivery { arn, keys } => {
                send!(self, logs, UntagResource, logs.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.clone())))?;
            }
            LogDeliveryStep::DeleteDelivery { id, .. } => {
                ignore_not_found(send!(self, logs, DeleteDelivery, logs.delete_delivery().id(id)))?;
            }
            LogDeliveryStep::DeleteDeliverySource { name } => {
                ignore_not_found(send!(self, logs, DeleteDeliverySource, logs.delete_delivery_source().name(name)))?;
            }
            LogDeliveryStep::DeleteDeliveryDestination { name } => {
                ignore_not_found(send!(self, logs, DeleteDeliveryDestination, logs.delete_delivery_destination().name(name)))?;
            }
        }
        Ok(())
    }
}
