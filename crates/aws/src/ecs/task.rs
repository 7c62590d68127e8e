//! Translation of the ECS parameters of a target from and to the SDK.

use aws_sdk_eventbridge::types as sdk;

use tributary_core::{
    error::ReconcileError,
    steps::{Placement, TaskOptions, TaskSettings},
};

use crate::client::{request::unbuilt, target::TargetParameters};

pub(crate) const TARGET_PARAMETERS: TargetParameters = TargetParameters {
    write: |target, request| Ok(request.set_ecs_parameters(target.task.as_ref().map(sdk_task).transpose()?)),
    read: |target, settings| settings.task = target.ecs_parameters.take().map(observed_task),
};

fn sdk_task(task: &TaskSettings) -> Result<sdk::EcsParameters, ReconcileError> {
    let network = (!task.subnets.is_empty()).then(|| {
        let public = if task.assign_public_ip { sdk::AssignPublicIp::Enabled } else { sdk::AssignPublicIp::Disabled };
        sdk::AwsVpcConfiguration::builder()
            .set_subnets(Some(task.subnets.clone()))
            .set_security_groups((!task.security_groups.is_empty()).then(|| task.security_groups.clone()))
            .assign_public_ip(public)
            .build()
    });
    let network = network.transpose().map_err(unbuilt)?;
    let options = &task.options;
    let strategy = options.capacity_providers.iter().map(|(provider, weight, base)| {
        sdk::CapacityProviderStrategyItem::builder().capacity_provider(provider).weight(*weight).base(*base).build()
    });
    let tags = options.tags.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build());
    sdk::EcsParameters::builder()
        .task_definition_arn(&task.definition_arn)
        .task_count(task.count)
        .set_launch_type(task.launch_type.as_deref().map(sdk::LaunchType::from))
        .set_network_configuration(network.map(|vpc| sdk::NetworkConfiguration::builder().awsvpc_configuration(vpc).build()))
        .set_capacity_provider_strategy(some(strategy.collect::<Result<_, _>>().map_err(unbuilt)?))
        .set_platform_version(options.platform_version.clone())
        .set_group(options.group.clone())
        .set_reference_id(options.reference_id.clone())
        .set_tags(some(tags.collect::<Result<_, _>>().map_err(unbuilt)?))
        .set_propagate_tags(options.propagate_tags.then_some(sdk::PropagateTags::TaskDefinition))
        .enable_ecs_managed_tags(options.managed_tags)
        .enable_execute_command(options.execute_command)
        .set_placement_constraints(some(options.constraints.iter().map(sdk_constraint).collect()))
        .set_placement_strategy(some(options.strategy.iter().map(sdk_strategy).collect()))
        .build()
        .map_err(unbuilt)
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn sdk_constraint(placement: &Placement) -> sdk::PlacementConstraint {
    sdk::PlacementConstraint::builder()
        .r#type(sdk::PlacementConstraintType::from(placement.type_.as_str()))
        .set_expression(placement.value.clone())
        .build()
}

fn sdk_strategy(placement: &Placement) -> sdk::PlacementStrategy {
    sdk::PlacementStrategy::builder()
        .r#type(sdk::PlacementStrategyType::from(placement.type_.as_str()))
        .set_field(placement.value.clone())
        .build()
}

fn observed_task(task: sdk::EcsParameters) -> TaskSettings {
    let vpc = task.network_configuration.and_then(|network| network.awsvpc_configuration);
    let type_ = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let strategy = task.capacity_provider_strategy.unwrap_or_default();
    let constraints = task.placement_constraints.unwrap_or_default().into_iter();
    let placement = task.placement_strategy.unwrap_or_default().into_iter();
    TaskSettings {
        definition_arn: task.task_definition_arn,
        count: task.task_count.unwrap_or(1),
        launch_type: task.launch_type.map(|launch_type| launch_type.as_str().to_owned()),
        assign_public_ip: vpc.as_ref().is_some_and(|vpc| vpc.assign_public_ip == Some(sdk::AssignPublicIp::Enabled)),
        security_groups: vpc.as_ref().and_then(|vpc| vpc.security_groups.clone()).unwrap_or_default(),
        subnets: vpc.map(|vpc| vpc.subnets).unwrap_or_default(),
        options: TaskOptions {
            capacity_providers: strategy.into_iter().map(|item| (item.capacity_provider, item.weight, item.base)).collect(),
            platform_version: task.platform_version,
            group: task.group,
            reference_id: task.reference_id,
            tags: task.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect(),
            propagate_tags: task.propagate_tags.is_some(),
            managed_tags: task.enable_ecs_managed_tags,
            execute_command: task.enable_execute_command,
            constraints: constraints
                .map(|rule| Placement { type_: type_(rule.r#type.as_ref().map(|kind| kind.as_str())), value: rule.expression })
                .collect(),
            strategy: placement
                .map(|rule| Placement { type_: type_(rule.r#type.as_ref().map(|kind| kind.as_str())), value: rule.field })
                .collect(),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_read_back_as_it_is_written() {
        let plain = TaskSettings { definition_arn: "d".into(), count: 1, ..TaskSettings::default() };
        let text = |text: &str| Some(text.to_owned());
        let options = TaskOptions {
            capacity_providers: vec![("FARGATE_SPOT".into(), 3, 0), ("FARGATE".into(), 1, 2)],
            platform_version: text("1.4.0"),
            group: text("g"),
            reference_id: text("r"),
            tags: [("k".to_owned(), "v".to_owned())].into(),
            propagate_tags: true,
            managed_tags: true,
            execute_command: true,
            constraints: vec![
                Placement { type_: "distinctInstance".into(), value: None },
                Placement { type_: "memberOf".into(), value: text("attribute:a == b") },
            ],
            strategy: vec![Placement { type_: "binpack".into(), value: text("memory") }],
        };
        for task in [plain.clone(), TaskSettings { options, ..plain }] {
            assert_eq!(observed_task(sdk_task(&task).unwrap()), task);
        }
    }
}
