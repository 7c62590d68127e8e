//! The `lambda` destination of an `EventSink`.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{OnFailure, existing::existing};

/// Existing Lambda function.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LambdaSink {
    /// Lambda function, version, or alias.
    pub existing: ExistingFunction,
    /// Failure destination of the function, for events that it failed to process after Lambda's own
    /// retries. Events that EventBridge cannot deliver to the function go to `deadLetter` of the
    /// rule's target. Defaults to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
}

existing!(
    ExistingFunction,
    /// Existing Lambda function, version (`:7`), or alias (`:live`).
    ,
    256,
    FUNCTION = r"^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?$"
);
