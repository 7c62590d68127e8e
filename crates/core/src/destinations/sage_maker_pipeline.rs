//! The `sageMakerPipeline` sink: a SageMaker pipeline that is started for each event.

use tributary_api::{EventSink, Identity};

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::Destination,
        shared::context::ResolveContext,
    },
    error::ReconcileError,
    names::Arn,
    steps::TargetSettings,
};

/// The `sageMakerPipeline` type.
pub(crate) struct SageMakerPipeline;

impl Destination for SageMakerPipeline {
    type Desired = DesiredByRole;

    const NAME: &'static str = "sageMakerPipeline";
    const RESOURCE_TYPE: &'static str = "AWS::SageMaker::Pipeline";
    const ACTIONS: &'static [&'static str] = &["sagemaker:StartPipelineExecution"];

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredByRole, ReconcileError> {
        by_role::desired::<Self>(context, identity)
    }

    fn set_parameters(_: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
        let parameters = sink.spec.sage_maker_pipeline.as_deref().into_iter().flat_map(|pipeline| &pipeline.parameters);
        target.pipeline_parameters = parameters.map(|parameter| (parameter.name.clone(), parameter.value.clone())).collect();
        Ok(())
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "sagemaker" && arn.resource.starts_with("pipeline/")
    }
}
