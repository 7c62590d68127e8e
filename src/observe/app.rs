//! Reads whether an app's credentials work: its Secret, and a token from Benchling. AWS is not asked.

use tributary_api::{BenchlingApp, Identity};
use tributary_benchling::{AppClient, NoToken};
use tributary_core::{
    error::{Reason, ReconcileError},
    kinds::{DesiredApp, ObservedCredentials},
    plan::Depth,
};

use crate::{
    cluster::error::api_error,
    observe::{Cloud, Observe},
};

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

impl Observe for BenchlingApp {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        _: &Identity,
        desired: Option<&DesiredApp>,
        _: Depth,
    ) -> Result<Option<ObservedCredentials>, ReconcileError> {
        if desired.is_none() {
            return Ok(None);
        }
        let Some(credentials) = &self.spec.credentials else { return Ok(Some(ObservedCredentials::None)) };
        let (namespace, name) = (self.metadata.namespace.as_deref().unwrap_or_default(), &credentials.secret_ref.name);
        let secret = match Api::<Secret>::namespaced(cloud.client.clone(), namespace).get_opt(name).await {
            Ok(secret) => secret,
            Err(kube::Error::Api(status)) if status.code == 403 => {
                return Ok(Some(ObservedCredentials::Unknown {
                    reason: Reason::SecretNotPermitted,
                    message: format!(
                        "the operator may not read Secret {namespace}/{name}, so it is not known whether the credentials work; webhooks need none. To have them checked, add the namespace to the chart's value sinkSecrets.namespaces"
                    ),
                }));
            }
            Err(error) => return Err(api_error(error)),
        };
        let (client, version) = match secret.as_ref().ok_or("does not exist").and_then(AppClient::of_secret) {
            Ok(found) => found,
            Err(what) => {
                return Ok(Some(ObservedCredentials::Fail {
                    reason: Reason::SecretNotFound,
                    message: format!(
                        "spec.credentials.secretRef: Secret {namespace}/{name} {what}. It needs BENCHLING_CLIENT_ID and BENCHLING_CLIENT_SECRET, as Benchling's Developer Console shows them. Webhooks are taken meanwhile"
                    ),
                }));
            }
        };
        for tenant in &self.spec.tenants {
            let Err(why) = cloud.benchling.checks(tenant, &client, &version).await else { continue };
            return Ok(Some(told(tenant, &format!("{namespace}/{name}"), why)));
        }
        Ok(Some(ObservedCredentials::Work))
    }
}

fn told(tenant: &str, secret: &str, why: NoToken) -> ObservedCredentials {
    match why {
        NoToken::Rejected(said) => ObservedCredentials::Fail {
            reason: Reason::CredentialsRejected,
            message: format!(
                "Benchling does not take the client of Secret {secret} in tenant {tenant} ({said}). Copy client id and secret of the app from its page in the Developer Console, or make a new secret there; and see that the app is installed and active in that tenant. Webhooks are taken meanwhile"
            ),
        },
        NoToken::NoTenant => ObservedCredentials::Fail {
            reason: Reason::TenantNotFound,
            message: format!(
                "spec.tenants: there is no tenant {tenant}: https://{tenant}.benchling.com has no API. Correct the name. Webhooks of the other tenants are taken meanwhile"
            ),
        },
        NoToken::Unreachable(said) => ObservedCredentials::Unknown {
            reason: Reason::Unavailable,
            message: format!("tenant {tenant} could not be asked for a token: {said}. It is asked again"),
        },
    }
}
