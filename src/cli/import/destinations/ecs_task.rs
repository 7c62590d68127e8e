//! Tasks of ECS.

use serde_json::{Value, json};
use tributary_api::{EcsTaskSink, EventSinkSpec, TaskNetwork};
use tributary_core::{
    names::{Arn, Scope},
    steps::{Placement, TargetSettings, TaskOptions, TaskSettings},
};

use super::{Parameters, Reference, ResourceType, Type, only};
use crate::cli::import::values::{boolean, first, number, renamed, tags, text};

pub(super) const TYPE: Type = Type {
    existing,
    parameters: Some(Parameters { name: "EcsParameters", read: parameters, block: "ecs_target", of_block }),
    policies: &[],
    resource: Some(ResourceType {
        type_: "AWS::ECS::Cluster",
        name: "ClusterName",
        terraform: ("aws_ecs_cluster", &[("name", "ClusterName")]),
        reference: Reference::Name,
        arn: |scope: Scope<'_>, name: &str| Some(scope.arn("ecs", &format!("cluster/{name}"))),
        sam: None,
        managed: None,
    }),
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "ecs").then(|| {
        only(target, TargetSettings { task: target.task.clone(), ..TargetSettings::default() })?;
        let task = target.task.as_ref().ok_or("the target has no EcsParameters")?;
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let network = (!task.subnets.is_empty())
            .then(|| json!({"subnets": task.subnets, "securityGroups": task.security_groups, "assignPublicIp": task.assign_public_ip}));
        let parsed = |value: Value| serde_json::from_value(value).map_err(|error| format!("EcsParameters: {error}"));
        let network: Option<TaskNetwork> =
            network.map(|network| serde_json::from_value(network).map_err(|error| error.to_string())).transpose()?;
        let options = parsed(options(&task.options))?;
        let launch_type = text(&task.launch_type).map(|launch_type| serde_json::from_value(launch_type).map_err(|error| error.to_string()));
        let sink = EcsTaskSink {
            cluster_arn: target.arn.clone(),
            task_definition_arn: task.definition_arn.clone(),
            pass_role_arns: vec![],
            task_count: Some(task.count).filter(|count| *count != 1),
            launch_type: launch_type.transpose()?,
            options,
            network,
        };
        Ok(EventSinkSpec { ecs_task: Some(Box::new(sink)), ..EventSinkSpec::default() })
    })
}

fn options(options: &TaskOptions) -> Value {
    let providers: Vec<_> = options
        .capacity_providers
        .iter()
        .map(|(name, weight, base)| json!({"capacityProvider": name, "weight": weight, "base": base}))
        .collect();
    let placements = |all: &[Placement], field: &str| -> Vec<Value> {
        all.iter()
            .map(|placement| {
                let mut value = json!({"type": placement.type_});
                if let Some(text) = &placement.value {
                    value[field] = text.as_str().into();
                }
                value
            })
            .collect()
    };
    json!({
        "capacityProviderStrategy": providers,
        "platformVersion": options.platform_version,
        "group": options.group,
        "referenceId": options.reference_id,
        "tags": (!options.tags.is_empty()).then_some(&options.tags),
        "propagateTags": options.propagate_tags,
        "enableEcsManagedTags": options.managed_tags,
        "enableExecuteCommand": options.execute_command,
        "placementConstraints": placements(&options.constraints, "expression"),
        "placementStrategy": placements(&options.strategy, "field"),
    })
}

fn parameters(parameters: &Value, target: &mut TargetSettings) -> Result<(), String> {
    let network = parameters
        .pointer("/NetworkConfiguration/AwsVpcConfiguration")
        .or_else(|| parameters.pointer("/NetworkConfiguration/awsvpcConfiguration"));
    let list = |name: &str| -> Vec<String> {
        let items = network.and_then(|network| network.get(name)).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let entries = |name: &str| parameters.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let placement = |entry: &Value, field: &str| {
        let type_ = text(entry, "Type").or_else(|| text(entry, "type")).unwrap_or_default();
        Placement { type_, value: text(entry, field).or_else(|| text(entry, &field.to_lowercase())) }
    };
    let provider = |entry: &Value| {
        (
            text(entry, "CapacityProvider").unwrap_or_default(),
            number(entry, "Weight").unwrap_or_default(),
            number(entry, "Base").unwrap_or_default(),
        )
    };
    let tags = tags(parameters.get("TagList").or_else(|| parameters.get("Tags"))).unwrap_or_default();
    target.task = Some(TaskSettings {
        definition_arn: text(parameters, "TaskDefinitionArn").ok_or("EcsParameters has no TaskDefinitionArn")?,
        count: number(parameters, "TaskCount").unwrap_or(1),
        launch_type: text(parameters, "LaunchType"),
        subnets: list("Subnets"),
        security_groups: list("SecurityGroups"),
        assign_public_ip: network.and_then(|network| text(network, "AssignPublicIp")).as_deref() == Some("ENABLED"),
        options: TaskOptions {
            capacity_providers: entries("CapacityProviderStrategy").iter().map(provider).collect(),
            platform_version: text(parameters, "PlatformVersion"),
            group: text(parameters, "Group"),
            reference_id: text(parameters, "ReferenceId"),
            tags,
            propagate_tags: text(parameters, "PropagateTags").is_some(),
            managed_tags: boolean(parameters, "EnableECSManagedTags") == Some(true),
            execute_command: boolean(parameters, "EnableExecuteCommand") == Some(true),
            constraints: entries("PlacementConstraints").iter().map(|entry| placement(entry, "Expression")).collect(),
            strategy: entries("PlacementStrategies").iter().map(|entry| placement(entry, "Field")).collect(),
        },
    });
    Ok(())
}

/// Terraform has a boolean where the API has `ENABLED`, and lists of one block.
fn of_block(block: &Value) -> Value {
    let mut parameters = renamed(
        block,
        &[
            ("task_definition_arn", "TaskDefinitionArn"),
            ("task_count", "TaskCount"),
            ("launch_type", "LaunchType"),
            ("platform_version", "PlatformVersion"),
            ("group", "Group"),
            ("propagate_tags", "PropagateTags"),
            ("enable_ecs_managed_tags", "EnableECSManagedTags"),
            ("enable_execute_command", "EnableExecuteCommand"),
            ("tags", "Tags"),
        ],
    );
    if let Some(network) = first(block.get("network_configuration")) {
        let public = if boolean(network, "assign_public_ip") == Some(true) { "ENABLED" } else { "DISABLED" };
        let mut network = renamed(network, &[("subnets", "Subnets"), ("security_groups", "SecurityGroups")]);
        network["AssignPublicIp"] = public.into();
        parameters["NetworkConfiguration"] = json!({"AwsVpcConfiguration": network});
    }
    let lists = [
        ("capacity_provider_strategy", "CapacityProviderStrategy"),
        ("placement_constraint", "PlacementConstraints"),
        ("ordered_placement_strategy", "PlacementStrategies"),
    ];
    for (from, to) in lists {
        let names = [
            ("capacity_provider", "CapacityProvider"),
            ("weight", "Weight"),
            ("base", "Base"),
            ("type", "Type"),
            ("expression", "Expression"),
            ("field", "Field"),
        ];
        let entries: Vec<_> = block.get(from).and_then(Value::as_array).into_iter().flatten().map(|entry| renamed(entry, &names)).collect();
        if !entries.is_empty() {
            parameters[to] = entries.into();
        }
    }
    parameters
}
