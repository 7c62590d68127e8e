//! `sageMakerPipeline`: a pipeline is started, with parameters of the event.

use serde_json::json;

use crate::parameters::{Wanted, arn, delivers, needs};

const START: &str = "sagemaker:StartPipelineExecution";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_is_started_with_a_value_of_the_event() {
    let call = delivers("pipeline", "SageMakerPipelineParameters", async |world| {
        let pipeline = arn(world, "sagemaker", "pipeline/train");
        world.aws.declare(&pipeline, json!({})).await;
        let parameters = json!([{"name": "run", "value": "$.detail.mark"}, {"name": "mode", "value": "full"}]);
        Wanted {
            spec: json!({"sageMakerPipeline": {"existing": {"arn": pipeline}, "parameters": parameters}}),
            parameters: json!({"PipelineParameterList": [{"Name": "mode", "Value": "full"}, {"Name": "run", "Value": "$.detail.mark"}]}),
            statements: json!([{"Effect": "Allow", "Action": [START], "Resource": pipeline}]),
            input: None,
        }
    })
    .await;
    assert_eq!(call["request"]["PipelineParameters"][1], json!({"Name": "run", "Value": "one"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_needs_its_right() {
    needs("pipeline-rights", async |world| {
        let pipeline = arn(world, "sagemaker", "pipeline/train");
        world.aws.declare(&pipeline, json!({})).await;
        (json!({"sageMakerPipeline": {"existing": {"arn": pipeline}}}), vec![(START, pipeline)], None)
    })
    .await;
}
