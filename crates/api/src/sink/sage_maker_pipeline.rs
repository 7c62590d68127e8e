//! Destination `sageMakerPipeline`: a SageMaker pipeline that is started for each event.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::existing::existing;

/// SageMaker pipeline that is started for each event.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SageMakerPipelineSink {
    /// Existing pipeline.
    pub existing: ExistingPipeline,
    /// Parameters of the execution. Defaults to those of the pipeline. Maximum 200 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub parameters: Vec<PipelineParameter>,
}

/// Parameter of a pipeline execution.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PipelineParameter {
    /// Name of the parameter. Letters, digits, and single hyphens between them. Maximum 256
    /// characters.
    #[schemars(length(max = 256), regex(pattern = r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"))]
    pub name: String,
    /// Value of the parameter, or a JSON path in the event, such as `$.detail.dataset`. Maximum
    /// 1024 characters.
    #[schemars(length(max = 1024))]
    pub value: String,
}

existing!(
    ExistingPipeline,
    /// Existing Amazon SageMaker pipeline.
    ,
    256,
    PIPELINE = r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:pipeline/[A-Za-z0-9](-*[A-Za-z0-9])*$"
);
