//! API destinations, and parameters of a target that is one.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types as sdk;

use tributary_core::{
    destinations::ObservedDestination,
    error::{Reason, ReconcileError, RetryClass},
    ownership::Mark,
    steps::{ApiDestinationStep, DestinationSettings, HttpSettings},
};

use crate::client::{
    request::{ignore_not_found, send},
    session::Session,
    target::TargetParameters,
};

pub(crate) const TARGET_PARAMETERS: TargetParameters = TargetParameters {
    write: |target, request| Ok(request.set_http_parameters(target.http.as_ref().map(sdk_http))),
    read: |target, settings| settings.http = target.http_parameters.take().and_then(observed_http),
};

/// Fills in a request. The SDK has one builder for each of the two calls, with the same fields.
macro_rules! destination {
    ($request:expr, $name:expr, $settings:expr, $mark:expr, $connection_arn:expr) => {
        $request
            .name($name)
            .description($mark.describe($settings.description.as_deref()))
            .connection_arn($connection_arn)
            .invocation_endpoint(&$settings.endpoint)
            .http_method($settings.method.as_str().into())
            .set_invocation_rate_limit_per_second($settings.rate_limit)
    };
}

impl Session {
    /// Returns the API destination; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of `DescribeApiDestination`.
    pub async fn http_destination(&self, name: &str) -> Result<Option<ObservedDestination>, ReconcileError> {
        let found = ignore_not_found(send!(self, events, DescribeApiDestination, self.events.describe_api_destination().name(name)))?;
        let Some(found) = found else { return Ok(None) };
        let (description, mark) = Mark::read(found.description.as_deref().unwrap_or_default());
        Ok(Some(ObservedDestination {
            arn: found.api_destination_arn.unwrap_or_default(),
            connection_arn: found.connection_arn.unwrap_or_default(),
            settings: DestinationSettings {
                description,
                endpoint: found.invocation_endpoint.unwrap_or_default(),
                method: found.http_method.map(|method| method.as_str().to_owned()).unwrap_or_default(),
                rate_limit: found.invocation_rate_limit_per_second,
            },
            mark,
        }))
    }

    pub(super) async fn apply_api_destination(&self, step: &ApiDestinationStep) -> Result<(), ReconcileError> {
        let events = &self.events;
        match step {
            ApiDestinationStep::CreateApiDestination { name, settings, mark } => {
                let request = destination!(events.create_api_destination(), name, settings, mark, self.connection_arn(name).await?);
                send!(self, events, CreateApiDestination, request)?;
            }
            ApiDestinationStep::UpdateApiDestination { name, settings, mark } => {
                let request = destination!(events.update_api_destination(), name, settings, mark, self.connection_arn(name).await?);
                send!(self, events, UpdateApiDestination, request)?;
            }
            ApiDestinationStep::DeleteApiDestination { name } => {
                ignore_not_found(send!(self, events, DeleteApiDestination, events.delete_api_destination().name(name)))?;
            }
        }
        Ok(())
    }

    /// Returns the ARN of a connection, which AWS generates. Reads may lag behind its creation.
    async fn connection_arn(&self, name: &str) -> Result<String, ReconcileError> {
        let found = self.connection(name).await?.map(|connection| connection.arn);
        let missing = || {
            ReconcileError::new(
                RetryClass::Transient,
                Reason::Unavailable,
                format!("connection {name} not found yet. Retried automatically"),
            )
        };
        found.ok_or_else(missing)
    }
}

fn sdk_http(http: &HttpSettings) -> sdk::HttpParameters {
    let some = |map: &BTreeMap<String, String>| (!map.is_empty()).then(|| map.clone().into_iter().collect());
    sdk::HttpParameters::builder()
        .set_header_parameters(some(&http.headers))
        .set_query_string_parameters(some(&http.query))
        .set_path_parameter_values((!http.path.is_empty()).then(|| http.path.clone()))
        .build()
}

fn observed_http(http: sdk::HttpParameters) -> Option<HttpSettings> {
    let settings = HttpSettings {
        headers: http.header_parameters.unwrap_or_default().into_iter().collect(),
        query: http.query_string_parameters.unwrap_or_default().into_iter().collect(),
        path: http.path_parameter_values.unwrap_or_default(),
    };
    (settings != HttpSettings::default()).then_some(settings)
}
