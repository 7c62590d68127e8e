//! Pipelines of SageMaker.

use serde_json::{Value, json};
use tributary_api::{EventSinkSpec, ExistingPipeline, PipelineParameter, SageMakerPipelineSink};
use tributary_core::{names::Arn, steps::TargetSettings};

use super::{Parameters, Type, only};
use crate::cli::import::values::{renamed, text};

pub(super) const TYPE: Type = Type {
    existing,
    parameters: Some(Parameters {
        name: "SageMakerPipelineParameters",
        read: |parameters, target| {
            let list = parameters.get("PipelineParameterList").and_then(Value::as_array).into_iter().flatten();
            target.pipeline_parameters = list.filter_map(|entry| Some((text(entry, "Name")?, text(entry, "Value")?))).collect();
            Ok(())
        },
        block: "sagemaker_pipeline_target",
        of_block,
    }),
    policies: &[],
    resource: None,
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "sagemaker").then(|| {
        only(target, TargetSettings { pipeline_parameters: target.pipeline_parameters.clone(), ..TargetSettings::default() })?;
        let parameter = |(name, value): (&String, &String)| PipelineParameter { name: name.clone(), value: value.clone() };
        let parameters = target.pipeline_parameters.iter().map(parameter).collect();
        let existing = ExistingPipeline { arn: Some(target.arn.clone()), arn_from: None };
        Ok(EventSinkSpec {
            sage_maker_pipeline: Some(Box::new(SageMakerPipelineSink { existing, parameters })),
            ..EventSinkSpec::default()
        })
    })
}

fn of_block(block: &Value) -> Value {
    let list = block.get("pipeline_parameter_list").and_then(Value::as_array).into_iter().flatten();
    json!({"PipelineParameterList": list.map(|entry| renamed(entry, &[("name", "Name"), ("value", "Value")])).collect::<Vec<_>>()})
}
