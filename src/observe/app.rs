//! Checks an app's credentials: reads its Secret, and requests a token from Benchling. Makes no AWS calls.

use tributary_api::{BenchlingApp, Identity};
use tributary_benchling::{AppClient, TokenError};
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
        // A dry run reads no Secret and requests no token: no step depends on them.
        let Some(credentials) = self.spec.credentials.as_ref().filter(|_| cloud.dry_run.is_none()) else {
            return Ok(Some(ObservedCredentials::None));
        };
        let (namespace, name) = (self.metadata.namespace.as_deref().unwrap_or_default(), &credentials.secret_ref.name);
        let secret = match Api::<Secret>::namespaced(cloud.client.clone(), namespace).get_opt(name).await {
            Ok(secret) => secret,
            Err(kube::Error::Api(status)) if status.code == 403 => {
                return Ok(Some(ObservedCredentials::Unknown {
                    reason: Reason::SecretNotPermitted,
                    message: format!(
                        "the operator has no permission to read Secret {namespace}/{name}, so the credentials are not checked; webhooks need none. Add the namespace to the chart value sinkSecrets.namespaces."
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
                        "spec.credentials.secretRef: Secret {namespace}/{name} {what}. Set BENCHLING_CLIENT_ID and BENCHLING_CLIENT_SECRET to the values in Benchling's Developer Console. Webhooks are still accepted."
                    ),
                }));
            }
        };
        for tenant in &self.spec.tenants {
            let Err(why) = cloud.benchling.checks(tenant, &client, &version).await else { continue };
            return Ok(Some(credentials_error(tenant, &format!("{namespace}/{name}"), why)));
        }
        Ok(Some(ObservedCredentials::Work))
    }
}

fn credentials_error(tenant: &str, secret: &str, why: TokenError) -> ObservedCredentials {
    match why {
        TokenError::Rejected(error) => ObservedCredentials::Fail {
            reason: Reason::CredentialsRejected,
            message: format!(
                "Benchling rejects the client ID and secret of Secret {secret} in tenant {tenant}: {error}. Copy them from the app's page in the Developer Console, and check that the app is installed and active in that tenant. Webhooks are still accepted."
            ),
        },
        TokenError::TenantNotFound => ObservedCredentials::Fail {
            reason: Reason::TenantNotFound,
            message: format!(
                "spec.tenants: tenant {tenant} not found: https://{tenant}.benchling.com has no API. Correct the name. Webhooks of other tenants are still accepted."
            ),
        },
        TokenError::Unavailable(error) => ObservedCredentials::Unknown {
            reason: Reason::Unavailable,
            message: format!("cannot request a token from tenant {tenant}: {error}. Retried automatically."),
        },
    }
}
