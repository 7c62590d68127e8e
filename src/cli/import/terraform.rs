//! State and plan of Terraform: `terraform show -json` of either, or a state file of version 4.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};
use tributary_core::names::Arn;

use super::{
    declared::{self, Declared, TARGET},
    destinations,
    model::{Origin, Place, Resources},
    values::{first, is_set, renamed, text},
};
use crate::cli::Error;

/// A resource of a state.
struct Resource {
    /// Address, such as `module.events.aws_cloudwatch_event_rule.this["orders"]`.
    address: String,
    type_: String,
    attributes: Value,
}

/// Reads a state or a plan.
///
/// # Errors
/// It is neither.
pub(super) fn read(path: &Path) -> Result<Resources, Error> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))?;
    let document: Value = serde_json::from_str(&text).map_err(|error| {
        let next = "Save the output of `terraform show -json`";
        format!("{file}:{}:{}: not JSON: {error}. {next}.", error.line(), error.column())
    })?;
    let all =
        resources(&document).ok_or_else(|| format!("{file}: neither a state nor a plan. Save the output of `terraform show -json`."))?;
    let place = place(&all);
    Ok(declared::collect(all.iter().map(|resource| declared(&file, resource)).collect(), place))
}

/// Returns the managed resources of a document; `None` if it is neither a state nor a plan.
fn resources(document: &Value) -> Option<Vec<Resource>> {
    if let Some(state) = document.get("resources").and_then(Value::as_array).filter(|_| document.get("version").is_some()) {
        return Some(state.iter().flat_map(instances).collect());
    }
    let mut all = Vec::new();
    let (planned, prior) = (document.pointer("/planned_values/root_module"), document.pointer("/prior_state/values/root_module"));
    let current = document.pointer("/values/root_module");
    module(planned.or(current).or_else(|| document.get("format_version").and(prior))?, &mut all);
    // What a plan does not know yet may be known from the state before it.
    let mut before = Vec::new();
    if let Some(prior) = prior {
        module(prior, &mut before);
    }
    let before: BTreeMap<_, _> = before.into_iter().map(|resource| (resource.address, resource.attributes)).collect();
    for resource in &mut all {
        let known = before.get(&resource.address).and_then(Value::as_object);
        if let (Some(known), Some(attributes)) = (known, resource.attributes.as_object_mut()) {
            for (name, value) in known {
                attributes.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    Some(all)
}

/// Collects the resources of a module and of the modules in it.
fn module(module: &Value, all: &mut Vec<Resource>) {
    let list = |name: &str| module.get(name).and_then(Value::as_array).into_iter().flatten();
    for resource in list("resources").filter(|resource| resource.get("mode").is_none_or(|mode| mode == "managed")) {
        let (Some(address), Some(type_)) = (text(resource, "address"), text(resource, "type")) else { continue };
        all.push(Resource { address, type_, attributes: resource.get("values").cloned().unwrap_or_default() });
    }
    list("child_modules").for_each(|inner| self::module(inner, all));
}

/// Returns the instances of a resource in a state file.
fn instances(resource: &Value) -> Vec<Resource> {
    if resource.get("mode").is_some_and(|mode| mode != "managed") {
        return vec![];
    }
    let of = |name: &str| text(resource, name).unwrap_or_default();
    let base = [of("module"), of("type"), of("name")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
    let instances = resource.get("instances").and_then(Value::as_array).into_iter().flatten();
    let instance = |instance: &Value| {
        let index = instance.get("index_key").map_or_else(String::new, |key| format!("[{key}]"));
        Resource {
            address: format!("{base}{index}"),
            type_: of("type"),
            attributes: instance.get("attributes").cloned().unwrap_or_default(),
        }
    };
    instances.map(instance).collect()
}

/// Returns the account and Region of the first ARN that has both.
fn place(all: &[Resource]) -> Place {
    let arns = all
        .iter()
        .filter(|resource| resource.type_.starts_with("aws_cloudwatch_event_"))
        .filter_map(|resource| text(&resource.attributes, "arn"));
    let mut places = arns.filter_map(|arn| {
        let arn = Arn::parse(&arn).filter(|arn| !arn.region.is_empty() && !arn.account_id.is_empty())?;
        Some(Place { partition: Some(arn.partition.into()), region: Some(arn.region.into()), account_id: Some(arn.account_id.into()) })
    });
    places.next().unwrap_or_default()
}

fn declared(file: &str, resource: &Resource) -> Declared {
    let origin = Origin { resource: resource.address.clone(), place: Some(file.to_owned()) };
    of_terraform(origin, &resource.type_, &resource.attributes)
}

/// Returns a resource of Terraform in the words of CloudFormation. Also for objects of Crossplane, whose fields have the same names.
pub(super) fn of_terraform(origin: Origin, type_: &str, attributes: &Value) -> Declared {
    let tags = [attributes.get("tags_all"), attributes.get("tags")].into_iter().flatten().find(|tags| is_set(tags)).cloned();
    let (cloudformation, mut properties) = match type_ {
        "aws_cloudwatch_event_rule" => ("AWS::Events::Rule", rule(attributes)),
        "aws_cloudwatch_event_target" => (TARGET, Ok(target(attributes))),
        "aws_cloudwatch_event_bus" => ("AWS::Events::EventBus", Ok(bus(attributes))),
        _ => match destinations::of_terraform(type_) {
            Some(resource) => (resource.type_, Ok(renamed(attributes, resource.terraform.1))),
            // Nothing is made of it, but others may refer to what it has.
            None => (type_, Ok(attributes.clone())),
        },
    };
    if let (Ok(properties), Some(tags)) = (&mut properties, tags.filter(|_| cloudformation != TARGET)) {
        properties["Tags"] = tags;
    }
    let property = destinations::of_terraform(type_).map_or("Name", |resource| resource.name);
    let name = properties.as_ref().ok().and_then(|properties| text(properties, property));
    Declared {
        origin,
        type_: cloudformation.to_owned(),
        name: name.ok_or_else(|| "its name is not known before Terraform applies it. Apply it first.".to_owned()),
        arn: text(attributes, "arn"),
        properties,
    }
}

fn rule(attributes: &Value) -> Result<Value, String> {
    if text(attributes, "role_arn").is_some() {
        return Err("an EventRule has no role of the rule, only of its targets.".into());
    }
    let mut rule = renamed(
        attributes,
        &[
            ("name", "Name"),
            ("event_bus_name", "EventBusName"),
            ("description", "Description"),
            ("event_pattern", "EventPattern"),
            ("schedule_expression", "ScheduleExpression"),
            ("state", "State"),
        ],
    );
    if rule.get("State").is_none() && attributes.get("is_enabled") == Some(&Value::Bool(false)) {
        rule["State"] = "DISABLED".into();
    }
    Ok(rule)
}

fn bus(attributes: &Value) -> Value {
    let mut bus = renamed(
        attributes,
        &[
            ("name", "Name"),
            ("event_source_name", "EventSourceName"),
            ("description", "Description"),
            ("kms_key_identifier", "KmsKeyIdentifier"),
        ],
    );
    if let Some(config) = first(attributes.get("dead_letter_config")) {
        bus["DeadLetterConfig"] = renamed(config, &[("arn", "Arn")]);
    }
    if let Some(config) = first(attributes.get("log_config")) {
        bus["LogConfig"] = renamed(config, &[("level", "Level"), ("include_detail", "IncludeDetail")]);
    }
    bus
}

fn target(attributes: &Value) -> Value {
    let names = [
        ("rule", "Rule"),
        ("event_bus_name", "EventBusName"),
        ("target_id", "Id"),
        ("arn", "Arn"),
        ("role_arn", "RoleArn"),
        ("input", "Input"),
        ("input_path", "InputPath"),
    ];
    let mut target = renamed(attributes, &names);
    let blocks: [(&str, &str, destinations::Renames); 3] = [
        ("input_transformer", "InputTransformer", &[("input_paths", "InputPathsMap"), ("input_template", "InputTemplate")]),
        ("dead_letter_config", "DeadLetterConfig", &[("arn", "Arn")]),
        (
            "retry_policy",
            "RetryPolicy",
            &[("maximum_event_age_in_seconds", "MaximumEventAgeInSeconds"), ("maximum_retry_attempts", "MaximumRetryAttempts")],
        ),
    ];
    for (from, to, names) in blocks {
        if let Some(block) = first(attributes.get(from)) {
            target[to] = renamed(block, names);
        }
    }
    for parameters in destinations::TYPES.iter().filter_map(|all| all.parameters) {
        if let Some(block) = first(attributes.get(parameters.block)) {
            target[parameters.name] = (parameters.of_block)(block);
        }
    }
    if target.get("RetryPolicy") == Some(&json!({})) {
        target.as_object_mut().map(|map| map.remove("RetryPolicy"));
    }
    target
}
