//! Objects of Crossplane's provider of Upbound. Their fields have the names of Terraform, in camel case.

use serde_json::{Map, Value};

use super::{Object, scope};
use crate::cli::import::{declared::Declared, destinations, model::Place, terraform::of_terraform};

/// Services whose name in Terraform is another one.
const SERVICES: [(&str, &str); 2] = [("cloudwatchevents", "cloudwatch_event"), ("cloudwatchlogs", "cloudwatch_log")];
/// Fields that are maps with keys of the user.
const MAPS: [&str; 4] = ["inputPaths", "headerParameters", "queryStringParameters", "tags"];
/// Name of the resource in AWS.
const EXTERNAL_NAME: &str = "/metadata/annotations/crossplane.io~1external-name";

/// Returns the objects as resources.
pub(super) fn declared(objects: &[Object], place: &Place) -> Vec<Declared> {
    objects.iter().map(|object| one(object, objects, place)).collect()
}

fn one(object: &Object, all: &[Object], place: &Place) -> Declared {
    let type_ = type_of(object);
    let parameters = object.value.pointer("/spec/forProvider").cloned().unwrap_or_default();
    match resolved(parameters, all, place) {
        Ok(parameters) => {
            let mut attributes = snake(&parameters);
            if let (Some(map), Some(name)) = (attributes.as_object_mut(), name(object)) {
                map.entry("name").or_insert_with(|| name.into());
            }
            if let (Some(map), Some(arn)) = (attributes.as_object_mut(), arn(object, place).filter(|_| object.kind != "Target")) {
                map.entry("arn").or_insert_with(|| arn.into());
            }
            of_terraform(object.origin.clone(), &type_, &attributes)
        }
        Err(reason) => {
            Declared { properties: Err(reason.clone()), name: Err(reason), ..of_terraform(object.origin.clone(), &type_, &Value::Null) }
        }
    }
}

/// Returns the type in Terraform.
fn type_of(object: &Object) -> String {
    let service = SERVICES.iter().find(|(service, _)| *service == object.service).map_or(object.service.as_str(), |(_, name)| name);
    format!("aws_{service}_{}", snake_name(&object.kind))
}

/// Returns the name of the resource in AWS, which is that of the object where no annotation says otherwise.
fn name(object: &Object) -> Option<String> {
    let given = object.at("/spec/forProvider/name");
    let external = object.at(EXTERNAL_NAME).unwrap_or_else(|| object.name().to_owned());
    let last = external.rsplit(['/', ':']).next().map(str::to_owned);
    given.or_else(|| if object.kind == "Bus" { Some(external) } else { last }).filter(|name| !name.is_empty())
}

fn arn(object: &Object, place: &Place) -> Option<String> {
    let computed = || (destinations::of_terraform(&type_of(object))?.arn)(scope(place)?, &name(object)?);
    object.at("/status/atProvider/arn").or_else(computed)
}

/// Replaces references to other objects, such as `ruleRef`, with what they stand for.
fn resolved(parameters: Value, all: &[Object], place: &Place) -> Result<Value, String> {
    let Value::Object(map) = parameters else { return Ok(parameters) };
    let mut out = Map::new();
    for (field, value) in &map {
        if field.ends_with("Selector") {
            continue;
        }
        let Some(plain) = field.strip_suffix("Ref") else {
            out.insert(field.clone(), value.clone());
            continue;
        };
        let name = value.get("name").and_then(Value::as_str).unwrap_or_default();
        let is_meant = |object: &&Object| {
            object.name() == name
                && match plain {
                    "rule" => object.kind == "Rule",
                    "eventBusName" => object.kind == "Bus",
                    _ => object.kind != "Rule" && object.kind != "Bus",
                }
        };
        let object = all.iter().find(is_meant);
        let of_arn = |object: &Object| if plain.to_lowercase().ends_with("arn") { arn(object, place) } else { self::name(object) };
        let Some(value) = object.and_then(of_arn) else {
            if map.contains_key(plain) {
                continue;
            }
            return Err(format!("spec.forProvider.{field}: {name} is not in the input, or its status has no ARN. Add it, or set {plain}."));
        };
        out.insert(plain.to_owned(), value.into());
    }
    Ok(out.into())
}

/// Returns the fields in the words of Terraform.
fn snake(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(snake).collect(),
        Value::Object(map) => {
            let field = |(name, value): (&String, &Value)| {
                (snake_name(name), if MAPS.contains(&name.as_str()) { value.clone() } else { snake(value) })
            };
            Value::Object(map.iter().map(field).collect())
        }
        scalar => scalar.clone(),
    }
}

fn snake_name(name: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() && !before.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
        before = letter;
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_get_the_names_of_terraform() {
        let parameters =
            json!({"targetId": "a", "deadLetterConfig": [{"arn": "q"}], "inputTransformer": [{"inputPaths": {"orderId": "$.id"}}]});
        let expected =
            json!({"target_id": "a", "dead_letter_config": [{"arn": "q"}], "input_transformer": [{"input_paths": {"orderId": "$.id"}}]});
        assert_eq!(snake(&parameters), expected);
        assert_eq!(snake_name("StateMachine"), "state_machine");
    }
}
