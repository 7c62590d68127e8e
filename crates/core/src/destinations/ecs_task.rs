//! The `ecsTask` sink: a task that EventBridge runs for each event.

use serde_json::{Value, json};

use tributary_api::{EcsTaskOptions, EcsTaskSink, EventSink, Identity};

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::{Call, Destination},
        shared::context::{ExistingArn, ResolveContext, in_scope},
    },
    error::ReconcileError,
    names::Arn,
    steps::{Placement, TargetSettings, TaskOptions, TaskSettings},
};

/// The `ecsTask` type.
pub(crate) struct EcsTask;

impl Destination for EcsTask {
    type Desired = DesiredByRole;

    const NAME: &'static str = "ecsTask";
    const RESOURCE_TYPE: &'static str = "AWS::ECS::Cluster";
    const READS: &'static [&'static str] = &["ecs:DescribeClusters", "ecs:DescribeTaskDefinition"];

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredByRole, ReconcileError> {
        if let Some(task) = &context.sink.spec.ecs_task {
            let field = "spec.ecsTask.taskDefinitionArn";
            context.permit_arn(field, &task.task_definition_arn)?;
            in_scope(field, &task.task_definition_arn, identity)?;
            for (index, role) in task.pass_role_arns.iter().enumerate() {
                context.permit_role(&format!("spec.ecsTask.passRoleArns[{index}]"), role)?;
            }
        }
        by_role::desired::<Self>(context, identity)
    }

    fn existing<'a>(context: &ResolveContext<'a>) -> Result<Option<ExistingArn<'a>>, ReconcileError> {
        let task = context.sink.spec.ecs_task.as_deref();
        Ok(task.map(|task| ("spec.ecsTask.clusterArn".into(), task.cluster_arn.as_str())))
    }

    /// Returns the statements of the role: run the task definition in this cluster only, in any
    /// revision unless the spec names one, pass its roles to ECS only, and tag the tasks that it
    /// starts (Amazon ECS developer guide, "Grant permission to tag resources on creation").
    fn role_statements(sink: &EventSink, _: &str) -> Vec<Value> {
        sink.spec.ecs_task.as_deref().into_iter().flat_map(run_task).collect()
    }

    fn set_parameters(_: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
        target.task = sink.spec.ecs_task.as_deref().map(|task| TaskSettings {
            definition_arn: task.task_definition_arn.clone(),
            count: task.task_count.unwrap_or(1),
            launch_type: task.launch_type.map(|launch_type| <&str>::from(launch_type).to_owned()),
            subnets: task.network.iter().flat_map(|network| network.subnets.iter().cloned()).collect(),
            security_groups: task.network.iter().flat_map(|network| network.security_groups.iter().cloned()).collect(),
            assign_public_ip: task.network.as_ref().is_some_and(|network| network.assign_public_ip),
            options: options(&task.options),
        });
        Ok(())
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "ecs"
    }

    fn contexts(target: &TargetSettings) -> Vec<Vec<(String, String)>> {
        let keys = [("ecs:cluster", target.arn.as_str()), ("ecs:createaction", "RunTask")];
        vec![keys.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()]
    }

    fn calls(target: &TargetSettings) -> Vec<Call> {
        let run = ("ecs:RunTask", target.task.iter().map(|task| task.definition_arn.clone()).collect());
        let tagged = target.task.iter().any(|task| task.options.propagate_tags || !task.options.tags.is_empty());
        let tag = tagged.then(|| ("ecs:TagResource", vec![tasks_of(&target.arn)]));
        std::iter::once(run).chain(tag).collect()
    }

    fn named(target: &TargetSettings) -> Option<&String> {
        target.task.as_ref().map(|task| &task.definition_arn)
    }
}

/// Returns the ARN of all tasks of a cluster.
fn tasks_of(cluster: &str) -> String {
    format!("{}/*", cluster.replacen(":cluster/", ":task/", 1))
}

fn options(options: &EcsTaskOptions) -> TaskOptions {
    let placement = |type_: &str, value: &Option<String>| Placement { type_: type_.to_owned(), value: value.clone() };
    TaskOptions {
        capacity_providers: options
            .capacity_provider_strategy
            .iter()
            .map(|item| (item.capacity_provider.clone(), item.weight, item.base))
            .collect(),
        platform_version: options.platform_version.clone(),
        group: options.group.clone(),
        reference_id: options.reference_id.clone(),
        tags: options.tags.clone().unwrap_or_default(),
        propagate_tags: options.propagate_tags,
        managed_tags: options.enable_ecs_managed_tags,
        execute_command: options.enable_execute_command,
        constraints: options.placement_constraints.iter().map(|rule| placement(rule.type_.into(), &rule.expression)).collect(),
        strategy: options.placement_strategy.iter().map(|rule| placement(rule.type_.into(), &rule.field)).collect(),
    }
}

fn run_task(task: &EcsTaskSink) -> Vec<Value> {
    let definition = &task.task_definition_arn;
    let named = definition.rsplit('/').next().is_some_and(|name| name.contains(':'));
    let resources = if named { vec![definition.clone()] } else { vec![definition.clone(), format!("{definition}:*")] };
    let run = json!({
        "Effect": "Allow", "Action": "ecs:RunTask", "Resource": resources,
        "Condition": {"ArnLike": {"ecs:cluster": task.cluster_arn}},
    });
    let pass = json!({
        "Effect": "Allow", "Action": "iam:PassRole", "Resource": task.pass_role_arns,
        "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
    });
    let tag = json!({
        "Effect": "Allow", "Action": "ecs:TagResource", "Resource": tasks_of(&task.cluster_arn),
        "Condition": {"StringEquals": {"ecs:CreateAction": "RunTask"}},
    });
    let tagged = task.options.propagate_tags || task.options.tags.as_ref().is_some_and(|tags| !tags.is_empty());
    let more = [(!task.pass_role_arns.is_empty()).then_some(pass), tagged.then_some(tag)];
    std::iter::once(run).chain(more.into_iter().flatten()).collect()
}
