//! `ecsTask` with all options of the task.

use serde_json::{Value, json};
use tributary_testkit::{World, merged};

use crate::parameters::{Wanted, arn, delivers, needs};

async fn sink(world: &World, more: Value) -> Value {
    world.aws.call("ecs", "CreateCluster", json!({"clusterName": "c"})).await.unwrap();
    let registered = json!({"family": "work", "containerDefinitions": [{"name": "work", "image": "work"}]});
    world.aws.call("ecs", "RegisterTaskDefinition", registered).await.unwrap();
    let task = json!({"clusterArn": arn(world, "ecs", "cluster/c"), "taskDefinitionArn": arn(world, "ecs", "task-definition/work:1")});
    json!({"ecsTask": merged(task, more)})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_has_every_option() {
    let strategy = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 3}, {"capacityProvider": "FARGATE", "weight": 1, "base": 1}]);
    let placement = json!([{"type": "distinctInstance"}, {"type": "memberOf", "expression": "attribute:a == b"}]);
    let call = delivers("task-options", "EcsParameters", async |world| {
        let definition = arn(world, "ecs", "task-definition/work:1");
        let options = json!({
            "capacityProviderStrategy": strategy, "platformVersion": "1.4.0", "group": "g", "referenceId": "r", "tags": {"k": "v"},
            "propagateTags": true, "enableEcsManagedTags": true, "enableExecuteCommand": true, "placementConstraints": placement,
            "placementStrategy": [{"type": "spread", "field": "instanceId"}],
        });
        Wanted {
            spec: sink(world, options).await,
            parameters: json!({
                "TaskDefinitionArn": definition, "TaskCount": 1, "CapacityProviderStrategy": strategy, "PlatformVersion": "1.4.0", "Group": "g",
                "ReferenceId": "r", "Tags": [{"Key": "k", "Value": "v"}], "PropagateTags": "TASK_DEFINITION", "EnableECSManagedTags": true,
                "EnableExecuteCommand": true, "PlacementConstraints": placement, "PlacementStrategy": [{"type": "spread", "field": "instanceId"}],
            }),
            statements: json!([
                {"Effect": "Allow", "Action": "ecs:RunTask", "Resource": [definition],
                 "Condition": {"ArnLike": {"ecs:cluster": arn(world, "ecs", "cluster/c")}}},
                {"Effect": "Allow", "Action": "ecs:TagResource", "Resource": arn(world, "ecs", "task/c/*"),
                 "Condition": {"StringEquals": {"ecs:CreateAction": "RunTask"}}},
            ]),
            input: None,
        }
    })
    .await;
    assert_eq!(call["request"]["Group"], "g");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_with_tags_needs_the_right_to_tag() {
    needs("task-tags", async |world| {
        let spec = sink(world, json!({"tags": {"k": "v"}})).await;
        (spec, vec![("ecs:RunTask", arn(world, "ecs", "task-definition/work:1")), ("ecs:TagResource", arn(world, "ecs", "task/c/*"))], None)
    })
    .await;
}
