//! What an `EventSink` with a managed API destination wants of AWS, built from its spec. Pure: it says where secret values are, and has none.

use std::collections::BTreeMap;

use k8s_openapi::jiff::SignedDuration;

use tributary_api::{ConnectionHttp, ConnectionValue, EventSink, Identity, ManagedApiDestination, ManagementPolicy, SecretKeyRef};

use crate::{
    destinations::{api_destination::DesiredApiDestination, by_role::DesiredByRole},
    managed::Managed,
    names,
    steps::{Authorization, ConnectionSettings, DestinationSettings, HttpValue, HttpValues, Part, SecretRefs, Slot},
    view::View,
};

/// AWS allows 64 characters for both names (API reference, `CreateConnection` and `CreateApiDestination`).
const LONGEST: usize = 64;
const HASH: usize = 8;
const FIELD: &str = "spec.apiDestination.managed.connection";
const RECHECK_AFTER: SignedDuration = SignedDuration::from_millis(200);

/// What an `EventSink` with a managed API destination refers to.
pub trait ResolveApi {
    /// Of the connection and the destination. They have no tags: the hash is the owner's.
    fn api_name(&self, owner: &str) -> String;
    fn desired_api(
        &self,
        managed: &ManagedApiDestination,
        view: &View,
        place: &Identity,
        owner: &str,
        by: DesiredByRole,
    ) -> DesiredApiDestination;
}

impl ResolveApi for EventSink {
    fn api_name(&self, owner: &str) -> String {
        let meta = &self.metadata;
        let plain = format!("{}-{}", meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
        let cut: String = plain.chars().map(|c| if names::events_character(c) { c } else { '-' }).take(LONGEST - HASH - 1).collect();
        format!("{cut}-{}", names::short_hash(owner, HASH))
    }

    fn desired_api(
        &self,
        managed: &ManagedApiDestination,
        view: &View,
        place: &Identity,
        owner: &str,
        by: DesiredByRole,
    ) -> DesiredApiDestination {
        let mut refs = Refs::default();
        let connection = &managed.connection;
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
            // Admission refuses it.
            (None, None, None) => Authorization::Unknown,
        };
        let invocation = refs.values("invocationHttp", connection.invocation_http.as_ref(), Slot::Invocation);
        let manage = self.management() == ManagementPolicy::Manage;
        DesiredApiDestination {
            name: place.name.clone(),
            settings: DestinationSettings {
                description: managed.description.clone(),
                endpoint: managed.endpoint.clone(),
                method: <&str>::from(managed.method).to_owned(),
                rate_limit: managed.rate_limit_per_second,
            },
            connection: ConnectionSettings { description: managed.description.clone(), authorization, invocation },
            secrets: SecretRefs { namespace: self.metadata.namespace.clone().unwrap_or_default(), slots: refs.0 },
            owner: owner.to_owned(),
            by,
            requeue_after: manage.then(|| view.now.checked_add(RECHECK_AFTER).unwrap_or(view.now)),
        }
    }
}

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
