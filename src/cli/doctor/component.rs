//! The parts of the product that run in the cluster, as their Deployments show them.

use std::collections::BTreeMap;

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Component {
    Operator,
    Gateway,
    Sync,
}

impl Component {
    pub(super) const ALL: [Self; 3] = [Self::Operator, Self::Gateway, Self::Sync];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Gateway => "gateway",
            Self::Sync => "sync",
        }
    }

    /// Which part a Deployment runs, by the command of its container. Names and labels are for the user to choose.
    pub(super) fn of(deployment: &Deployment) -> Option<Self> {
        let containers = &deployment.spec.as_ref()?.template.spec.as_ref()?.containers;
        let is_ours = |image: &str| image.contains("tributary");
        containers.iter().filter(|container| container.image.as_deref().is_some_and(is_ours)).find_map(|container| {
            match container.args.as_ref()?.first()?.as_str() {
                "run" => Some(Self::Operator),
                "gateway" => Some(Self::Gateway),
                "sync" => Some(Self::Sync),
                _ => None,
            }
        })
    }

    /// Value of an environment variable in the Deployment, if it is set there.
    pub(super) fn variable<'a>(deployment: &'a Deployment, name: &str) -> Option<&'a str> {
        let containers = &deployment.spec.as_ref()?.template.spec.as_ref()?.containers;
        let variables = containers.iter().flat_map(|container| container.env.iter().flatten());
        variables.filter(|variable| variable.name == name).find_map(|variable| variable.value.as_deref())
    }

    pub(super) fn service_account(deployment: &Deployment) -> Option<&str> {
        deployment.spec.as_ref()?.template.spec.as_ref()?.service_account_name.as_deref()
    }

    fn labels(deployment: &Deployment) -> BTreeMap<String, String> {
        deployment.spec.as_ref().and_then(|spec| spec.selector.match_labels.clone()).unwrap_or_default()
    }

    /// The pods' labels for `kubectl -l`.
    pub(super) fn selector(deployment: &Deployment) -> String {
        Self::labels(deployment).iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
    }

    pub(super) fn owns(deployment: &Deployment, pod: &Pod) -> bool {
        let (labels, none) = (Self::labels(deployment), BTreeMap::new());
        let of_pod = pod.metadata.labels.as_ref().unwrap_or(&none);
        !labels.is_empty() && labels.iter().all(|(key, value)| of_pod.get(key) == Some(value))
    }
}
