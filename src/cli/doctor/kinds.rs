//! The CRDs of this binary, which are built from the types once.

use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

static CRDS: LazyLock<Vec<CustomResourceDefinition>> = LazyLock::new(tributary_api::crds);

/// The CRDs of all kinds.
pub(super) fn crds() -> &'static [CustomResourceDefinition] {
    &CRDS
}
