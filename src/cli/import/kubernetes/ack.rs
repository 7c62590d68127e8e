//! Objects of ACK. Their fields have the names of the API of AWS, which begin with a small letter.

use serde_json::{Map, Value};

use super::{Object, scope};
use crate::cli::import::{declared::Declared, destinations, model::Place, values::text};

/// Services whose name in CloudFormation is another one.
const SERVICES: [(&str, &str); 3] = [("eventbridge", "Events"), ("cloudwatchlogs", "Logs"), ("sfn", "StepFunctions")];
/// Fields that are maps with keys of the user.
const MAPS: [&str; 3] = ["inputPathsMap", "headerParameters", "queryStringParameters"];

/// Returns the objects as resources.
pub(super) fn declared(objects: &[Object], place: &Place) -> Vec<Declared> {
    objects.iter().map(|object| one(object, objects, place)).collect()
}

fn one(object: &Object, all: &[Object], place: &Place) -> Declared {
    let service = SERVICES.iter().find(|(service, _)| *service == object.service).map_or(object.service.as_str(), |(_, name)| name);
    let plain = format!("AWS::{service}::{}", object.kind);
    let resource =
        destinations::TYPES.iter().filter_map(|all| all.resource.as_ref()).find(|resource| resource.type_.eq_ignore_ascii_case(&plain));
    let spec = object.value.get("spec").cloned().unwrap_or_default();
    let properties = with_bus(spec, all).map(|spec| api_shape(&spec));
    let property = resource.map_or("Name", |resource| resource.name);
    let name = properties.clone().and_then(|properties| {
        text(&properties, property).or_else(|| text(&properties, "Name")).ok_or_else(|| "its name is not in spec.".to_owned())
    });
    let known = object.at("/status/ackResourceMetadata/arn");
    let computed = || (resource?.arn)(scope(place)?, name.as_ref().ok()?);
    let properties = properties.map(|mut properties| {
        // The name has another name in CloudFormation.
        if property != "Name"
            && let Some(map) = properties.as_object_mut()
        {
            map.remove("Name");
        }
        properties
    });
    Declared {
        origin: object.origin.clone(),
        type_: resource.map_or(plain, |resource| resource.type_.to_owned()),
        arn: known.or_else(computed),
        name,
        properties,
    }
}

/// Replaces the reference to an `EventBus` with the name of the bus.
fn with_bus(mut spec: Value, all: &[Object]) -> Result<Value, String> {
    let Some(map) = spec.as_object_mut() else { return Ok(spec) };
    let Some(reference) = map.remove("eventBusRef") else { return Ok(spec) };
    let name = reference.pointer("/from/name").and_then(Value::as_str).unwrap_or_default();
    let bus = all.iter().find(|object| object.kind == "EventBus" && object.name() == name);
    let bus = bus
        .and_then(|bus| bus.at("/spec/name"))
        .ok_or_else(|| format!("spec.eventBusRef: EventBus {name} is not in the input. Add it."))?;
    map.insert("eventBusName".into(), bus.into());
    Ok(spec)
}

/// Returns a spec with the names of the API: `messageGroupID` becomes `MessageGroupId`.
fn api_shape(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(api_shape).collect(),
        Value::Object(map) => {
            let field = |(name, value): (&String, &Value)| {
                let value = if MAPS.contains(&name.as_str()) { value.clone() } else { api_shape(value) };
                (api_name(name), value)
            };
            Value::Object(map.iter().map(field).collect::<Map<_, _>>())
        }
        scalar => scalar.clone(),
    }
}

fn api_name(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    for (acronym, word) in [("ARN", "Arn"), ("ID", "Id"), ("URL", "Url")] {
        if let Some(stem) = name.strip_suffix(acronym) {
            return format!("{stem}{word}");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_get_the_names_of_the_api() {
        let spec = json!({"roleARN": "r", "targets": [{"id": "a", "sqsParameters": {"messageGroupID": "g"}, "inputTransformer": {"inputPathsMap": {"orderId": "$.id"}}}]});
        let expected = json!({"RoleArn": "r", "Targets": [{"Id": "a", "SqsParameters": {"MessageGroupId": "g"}, "InputTransformer": {"InputPathsMap": {"orderId": "$.id"}}}]});
        assert_eq!(api_shape(&spec), expected);
    }
}
