//! The model and the property of API destinations and their connections.

use std::collections::BTreeMap;

use proptest::{option, prelude::*};
use tributary_testkit::product::{
    EventSink, ReconcileError,
    plan::{
        ApiDestinationStep, Authorization, ConnectionSettings, ConnectionStep, Desired, DesiredApi, DesiredApiDestination, DesiredByRole,
        DesiredSink, DestinationSettings, EventsStep, HttpValue, HttpValues, Managed, Mark, Observed, ObservedApiDestination,
        ObservedConnection, ObservedDestination, ObservedSink, SecretRefs, Step,
    },
};

use super::{GROUP_ARN, OWNER, converges, grants, model::Model, sink, with_context};

/// What AWS holds of both, and the version of the Secrets in Kubernetes.
#[derive(Clone, Debug, Default)]
pub struct Api {
    connection: Option<ObservedConnection>,
    destination: Option<ObservedDestination>,
    secrets: String,
    made: u32,
}

impl Api {
    pub fn apply_connection(&mut self, step: ConnectionStep) -> Result<(), String> {
        self.made += 1;
        match step {
            ConnectionStep::CreateConnection { settings, mark, .. } => {
                let (arn, state) = (format!("connection/{}", self.made), "AUTHORIZED".to_owned());
                if self.connection.replace(ObservedConnection { arn, state, state_reason: None, settings: *settings, mark }).is_some() {
                    return Err("the connection exists".into());
                }
            }
            ConnectionStep::UpdateConnection { settings, mark, .. } => {
                let connection = self.connection.as_mut().ok_or("no connection")?;
                (connection.settings, connection.mark) = (*settings, mark);
            }
            ConnectionStep::DeleteConnection { .. } if self.destination.is_some() => return Err("its destination is still there".into()),
            ConnectionStep::DeleteConnection { .. } => drop(self.connection.take().ok_or("no connection")?),
        }
        Ok(())
    }

    pub fn apply_destination(&mut self, step: ApiDestinationStep) -> Result<(), String> {
        self.made += 1;
        match step {
            ApiDestinationStep::CreateApiDestination { mut settings, mark, .. } => {
                let connection_arn = self.connection.as_ref().ok_or("no connection")?.arn.clone();
                settings.rate_limit = settings.rate_limit.or(Some(300));
                let arn = format!("api-destination/{}", self.made);
                if self.destination.replace(ObservedDestination { arn, connection_arn, settings, mark }).is_some() {
                    return Err("the destination exists".into());
                }
            }
            ApiDestinationStep::UpdateApiDestination { mut settings, mark, .. } => {
                let connection_arn = self.connection.as_ref().ok_or("no connection")?.arn.clone();
                let destination = self.destination.as_mut().ok_or("no destination")?;
                settings.rate_limit = settings.rate_limit.or(destination.settings.rate_limit);
                (destination.connection_arn, destination.settings, destination.mark) = (connection_arn, settings, mark);
            }
            ApiDestinationStep::DeleteApiDestination { .. } => drop(self.destination.take().ok_or("no destination")?),
        }
        Ok(())
    }
}

fn observed_with(model: &Model, secrets: Result<String, ReconcileError>) -> ObservedSink {
    let (connection, destination) = (model.api.connection.clone(), model.api.destination.clone());
    Observed::ApiDestination(ObservedApiDestination { connection, destination, secrets, by: model.by_role.by_role() })
}

#[allow(clippy::unnecessary_wraps)] // As `converges` wants it.
fn observed(model: &Model) -> Option<ObservedSink> {
    Some(observed_with(model, Ok(model.api.secrets.clone())))
}

fn authorization() -> impl Strategy<Value = Authorization> {
    let http = option::of("[xy]").prop_map(|value| HttpValues {
        headers: value.map(|value| ("h".to_owned(), HttpValue::Plain(value))).into_iter().collect(),
        body: [("s".to_owned(), HttpValue::Secret)].into(),
        ..HttpValues::default()
    });
    prop_oneof![
        "[xy]".prop_map(|username| Authorization::Basic { username }),
        "[xy]".prop_map(|name| Authorization::ApiKey { name }),
        ("[xy]", http).prop_map(|(client_id, http)| Authorization::OauthClientCredentials {
            endpoint: "e".into(),
            method: "POST".into(),
            client_id,
            http
        }),
    ]
}

fn desired() -> impl Strategy<Value = DesiredSink> {
    let by = (grants(GROUP_ARN), super::by_role::role("events")).prop_map(|(grants, role)| DesiredByRole {
        resource_type: "t",
        grants,
        role: Some(role),
        ..DesiredByRole::default()
    });
    let private = (option::of("[xy]"), option::of("[xy]"));
    (by, authorization(), option::of("[xy]"), option::of(1..3), "[xy]", private).prop_map(
        |(by, authorization, description, rate_limit, endpoint, (kms_key_arn, resource_configuration_arn))| {
            let managed = DesiredApi {
                name: "d".into(),
                settings: DestinationSettings { description: description.clone(), endpoint, method: "POST".into(), rate_limit },
                connection: ConnectionSettings {
                    description,
                    authorization,
                    invocation: HttpValues::default(),
                    kms_key_arn,
                    resource_configuration_arn,
                },
                secrets: SecretRefs { namespace: "ns".into(), slots: BTreeMap::new() },
                owner: OWNER.into(),
                requeue_after: None,
            };
            sink(Desired::ApiDestination(DesiredApiDestination { managed: Some(managed), by }))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn a_destination_converges_with_its_connection_and_takes_new_secrets_once(before in desired(), want in desired(), lost in 0..3) {
        let mut model = Model::default();
        converges::<EventSink>(Some(&before), &mut model, observed, 1)?;
        model.api.secrets = "changed".into();
        match (lost, &mut model.api.connection) {
            // By hand: AWS lets a connection go while a destination has it.
            (1, gone) => *gone = None,
            // Made again, and then a crash.
            (2, Some(again)) => again.arn = "connection/again".into(),
            _ => {}
        }
        converges::<EventSink>(Some(&want), &mut model, observed, 1)?;
        let (connection, destination) = (model.api.connection.clone().unwrap(), model.api.destination.clone().unwrap());
        prop_assert_eq!(&connection.mark, &Mark { owner: Some(OWNER.into()), secrets: Some("changed".into()) });
        prop_assert_eq!(connection.arn, destination.connection_arn);
        converges::<EventSink>(None, &mut model, observed, 1)?;
        prop_assert!(model.api.connection.is_none() && model.api.destination.is_none() && model.by_role.roles.is_empty());
    }

    #[test]
    fn without_its_secrets_a_connection_is_left_as_it_is_and_the_rest_goes_on(before in desired(), want in desired()) {
        let mut model = Model::default();
        converges::<EventSink>(Some(&before), &mut model, observed, 1)?;
        let missing = observed_with(&model, Err(ReconcileError::transient("missing")));
        let steps = with_context(false, |context| EventSink::plan(Some(&want), Some(&missing), context)).unwrap();
        let written = steps.iter().any(|step| matches!(step, Step::Events(EventsStep::Connection(ConnectionStep::UpdateConnection { .. } | ConnectionStep::CreateConnection { .. }))));
        prop_assert!(!written, "{:?}", steps);
        let nothing = observed_with(&Model::default(), Err(ReconcileError::transient("missing")));
        let steps = with_context(false, |context| EventSink::plan(Some(&want), Some(&nothing), context)).unwrap();
        prop_assert!(!steps.iter().any(|step| matches!(step, Step::Events(_))), "{:?}", steps);
    }
}
