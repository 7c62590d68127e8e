//! Parameters of a target that is a pipeline of SageMaker.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types as sdk;

use tributary_core::error::ReconcileError;

use crate::client::{request::unbuilt, target::TargetParameters};

pub(crate) const TARGET_PARAMETERS: TargetParameters = TargetParameters {
    write: |target, request| Ok(request.set_sage_maker_pipeline_parameters(sdk_pipeline(&target.pipeline_parameters)?)),
    read: |target, settings| {
        settings.pipeline_parameters = target.sage_maker_pipeline_parameters.take().map(observed_pipeline).unwrap_or_default();
    },
};

/// AWS lists parameters of a pipeline; their order means nothing.
fn sdk_pipeline(parameters: &BTreeMap<String, String>) -> Result<Option<sdk::SageMakerPipelineParameters>, ReconcileError> {
    let list = parameters.iter().map(|(name, value)| sdk::SageMakerPipelineParameter::builder().name(name).value(value).build());
    let list = list.collect::<Result<Vec<_>, _>>().map_err(unbuilt)?;
    Ok((!list.is_empty()).then(|| sdk::SageMakerPipelineParameters::builder().set_pipeline_parameter_list(Some(list)).build()))
}

fn observed_pipeline(parameters: sdk::SageMakerPipelineParameters) -> BTreeMap<String, String> {
    let list = parameters.pipeline_parameter_list.unwrap_or_default();
    list.into_iter().map(|parameter| (parameter.name, parameter.value)).collect()
}
