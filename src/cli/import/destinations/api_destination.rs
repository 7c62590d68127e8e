//! API destinations of EventBridge. AWS generates a part of their ARNs, so that only the account and states know them.

use std::collections::BTreeMap;

use serde_json::Value;
use tributary_api::{ApiDestinationSink, EventSinkSpec, ExistingApiDestination};
use tributary_core::{
    names::Arn,
    steps::{HttpSettings, TargetSettings},
};

use super::{Parameters, Reference, ResourceType, Type, only};
use crate::cli::import::values::renamed;

pub(super) const TYPE: Type = Type {
    existing,
    parameters: Some(Parameters {
        name: "HttpParameters",
        read: parameters,
        block: "http_target",
        of_block: |block| {
            renamed(
                block,
                &[
                    ("header_parameters", "HeaderParameters"),
                    ("query_string_parameters", "QueryStringParameters"),
                    ("path_parameter_values", "PathParameterValues"),
                ],
            )
        },
    }),
    policies: &[],
    resource: Some(ResourceType {
        type_: "AWS::Events::ApiDestination",
        name: "Name",
        terraform: ("aws_cloudwatch_event_api_destination", &[("name", "Name")]),
        reference: Reference::Name,
        arn: |_, _| None,
        sam: None,
        managed: None,
    }),
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "events" && arn.resource.starts_with("api-destination/")).then(|| {
        only(target, TargetSettings { http: target.http.clone(), ..TargetSettings::default() })?;
        let existing = Some(ExistingApiDestination { arn: Some(target.arn.clone()), arn_from: None });
        let api_destination = ApiDestinationSink { managed: None, existing, http: target.http.as_ref().map(super::http) };
        Ok(EventSinkSpec { api_destination: Some(Box::new(api_destination)), ..EventSinkSpec::default() })
    })
}

fn parameters(parameters: &Value, target: &mut TargetSettings) -> Result<(), String> {
    let map = |name: &str| match parameters.get(name) {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(map) => serde_json::from_value(map.clone()).map_err(|error| format!("HttpParameters.{name}: {error}")),
    };
    let path = parameters.get("PathParameterValues").filter(|path| !path.is_null());
    let path = path.map_or(Ok(vec![]), |path| serde_json::from_value(path.clone()));
    let path = path.map_err(|error| format!("HttpParameters.PathParameterValues: {error}"))?;
    let settings = HttpSettings { headers: map("HeaderParameters")?, query: map("QueryStringParameters")?, path };
    target.http = (settings != HttpSettings::default()).then_some(settings);
    Ok(())
}
