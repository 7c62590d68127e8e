//! Resolves a managed API destination from the spec of its sink: references to secret values, never
//! the values.

use std::collections::BTreeMap;

use k8s_openapi::jiff::SignedDuration;

use tributary_api::{ConnectionHttp, ConnectionValue, Identity, ManagedApiDestination, ManagementPolicy, SecretKeyRef};

use crate::{
    destinations::{api_destination::state::DesiredApi, shared::context::ResolveContext},
    error::ReconcileError,
    managed::Managed,
    names,
    steps::{Authorization, ConnectionSettings, DestinationSettings, HttpValue, HttpValues, Part, SecretRefs, Slot},
};

/// Maximum length of both names, in characters (AWS API reference, `CreateConnection` and
/// `CreateApiDestination`).
const LONGEST: usize = 64;
const HASH: usize = 8;
const FIELD: &str = "spec.apiDestination.managed.connection";
/// When to read again what was written.
const RECHECK_AFTER: SignedDuration = SignedDuration::from_millis(200);

/// Returns the name of the connection and the API destination. It contains a hash of the owner,
/// since AWS does not tag them.
pub(super) fn api_name(context: &ResolveContext<'_>) -> String {
    let plain = format!("{}-{}", context.namespace(), context.name());
    let cut: String = plain.chars().map(|c| if names::events_character(c) { c } else { '-' }).take(LONGEST - HASH - 1).collect();
    format!("{cut}-{}", names::short_hash(context.owner, HASH))
}

/// Returns the connection and the API destination to create.
///
/// # Errors
/// The account's grants do not allow the key or the resource configuration.
pub(super) fn api(
    managed: &ManagedApiDestination,
    context: &ResolveContext<'_>,
    identity: &Identity,
) -> Result<DesiredApi, ReconcileError> {
    let mut refs = Refs::default();
    let connection = &managed.connection;
    let private = connection.private_endpoint.as_ref().map(|private| private.resource_configuration_arn.clone());
    let named = [("kmsKeyArn", &connection.kms_key_arn), ("privateEndpoint.resourceConfigurationArn", &private)];
    for (field, arn) in named.into_iter().filter_map(|(field, arn)| Some((field, arn.as_ref()?))) {
        context.permit_arn(&format!("{FIELD}.{field}"), arn)?;
    }
    let authorization = match (&connection.basic, &connection.api_key, &connection.oauth_client_credentials) {
        (Some(basic), ..) => {
            refs.take(Slot::Password, "basic.passwordSecretRef", &basic.password_secret_ref);
            Authorization::Basic { username: basic.username.clone() }
        }
        (_, Some(key), _) => {
            refs.take(Slot::ApiKey, "apiKey.valueSecretRef", &key.value_secret_ref);
            Authorization::ApiKey { name: key.name.clone() }
        }
        (.., Some(oauth)) => {
            refs.take(Slot::ClientSecret, "oauthClientCredentials.clientSecretRef", &oauth.client_secret_ref);
            Authorization::OauthClientCredentials {
                endpoint: oauth.authorization_endpoint.clone(),
                method: <&str>::from(oauth.method).to_owned(),
                client_id: oauth.client_id.clone(),
                http: refs.values("oauthClientCredentials.http", oauth.http.as_ref(), Slot::Oauth),
            }
        }
        // Rejected by admission.
        (None, None, None) => Authorization::Unknown,
    };
    let invocation = refs.values("invocationHttp", connection.invocation_http.as_ref(), Slot::Invocation);
    let manage = context.sink.management() == ManagementPolicy::Manage;
    Ok(DesiredApi {
        name: identity.name.clone(),
        settings: DestinationSettings {
            description: managed.description.clone(),
            endpoint: managed.endpoint.clone(),
            method: <&str>::from(managed.method).to_owned(),
            rate_limit: managed.rate_limit_per_second,
        },
        connection: ConnectionSettings {
            description: managed.description.clone(),
            authorization,
            invocation,
            kms_key_arn: connection.kms_key_arn.clone(),
            resource_configuration_arn: private,
        },
        secrets: SecretRefs { namespace: context.namespace().to_owned(), slots: refs.0 },
        owner: context.owner.to_owned(),
        requeue_after: manage.then(|| context.view.now.checked_add(RECHECK_AFTER).unwrap_or(context.view.now)),
    })
}

/// Collects the references to secret values.
#[derive(Default)]
struct Refs(BTreeMap<Slot, (String, SecretKeyRef)>);

impl Refs {
    fn take(&mut self, slot: Slot, field: &str, reference: &SecretKeyRef) {
        self.0.insert(slot, (format!("{FIELD}.{field}"), reference.clone()));
    }

    fn values(&mut self, field: &str, http: Option<&ConnectionHttp>, slot: fn(Part, String) -> Slot) -> HttpValues {
        let Some(http) = http else { return HttpValues::default() };
        let mut part = |part: Part, name: &str, values: &BTreeMap<String, ConnectionValue>| {
            let one = |(key, value): (&String, &ConnectionValue)| {
                let value = match &value.secret_ref {
                    Some(reference) => {
                        self.take(slot(part, key.clone()), &format!("{field}.{name}[{key}].secretRef"), reference);
                        HttpValue::Secret
                    }
                    None => HttpValue::Plain(value.value.clone().unwrap_or_default()),
                };
                (key.clone(), value)
            };
            values.iter().map(one).collect()
        };
        HttpValues {
            headers: part(Part::Header, "headers", &http.headers),
            query: part(Part::Query, "query", &http.query),
            body: part(Part::Body, "body", &http.body),
        }
    }
}
