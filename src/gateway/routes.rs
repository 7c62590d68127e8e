//! Routes: which app a webhook is for, and which bus its events go to. Pure.

use std::{collections::BTreeMap, sync::Arc};

use tributary_api::{AwsAccount, Identity};
use tributary_aws::Entry;
use tributary_core::{
    error::ReconcileError,
    kinds::webhooks::{Claim, decide, receiver, standing},
    object::key_of,
    references::AppReferences,
    view::View,
};

use crate::gateway::envelope::Event;

/// An app that claims webhooks.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// `namespace/name`.
    pub(crate) key: String,
    pub(crate) definition: String,
    source_prefix: String,
    /// The bus, or why events cannot be published to it now.
    pub(crate) bus: Result<Bus, ReconcileError>,
}

#[derive(Clone, Debug)]
pub(crate) struct Bus {
    pub(crate) identity: Identity,
    pub(crate) account: Arc<AwsAccount>,
}

impl Route {
    fn new(claim: &Claim, decided: &[Claim], source_prefix: String, view: &View) -> Self {
        let bus = standing(decided, &claim.key).and_then(|identity| {
            let account = view.account(&identity.account);
            let account = account.ok_or_else(|| ReconcileError::transient(format!("AwsAccount {} not found", identity.account)))?;
            Ok(Bus { identity, account })
        });
        Self { key: claim.key.clone(), definition: claim.definition.clone(), source_prefix, bus }
    }

    pub(crate) fn entry(&self, bus: &Bus, tenant: &str, event: Event) -> Entry {
        Entry {
            bus: bus.identity.arn.clone(),
            source: format!("{}{tenant}", self.source_prefix),
            detail_type: event.detail_type,
            detail: event.detail,
            time: None,
            resources: vec![],
            trace_header: None,
        }
    }
}

/// The apps of one definition: their claims, and a route for each.
#[derive(Clone, Debug, Default)]
struct Definition {
    claims: Vec<Claim>,
    routes: BTreeMap<String, Route>,
}

/// The apps at one moment, by app definition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes(BTreeMap<String, Definition>);

impl Routes {
    pub(crate) fn new(view: &View) -> Self {
        let mut all: BTreeMap<String, Definition> = BTreeMap::new();
        let mut prefixes = BTreeMap::new();
        view.each_app(|app| {
            // An app that is being deleted keeps its webhooks until it is gone: rules may block its deletion.
            all.entry(app.spec.app_definition_id.clone()).or_default().claims.push(Claim::new(app, view));
            prefixes.insert(key_of(app), app.source_prefix());
        });
        for Definition { claims, routes } in all.values_mut() {
            decide(claims);
            let route = |claim: &Claim| Some((claim.key.clone(), Route::new(claim, claims, prefixes.remove(&claim.key)?, view)));
            *routes = claims.iter().filter_map(route).collect();
        }
        Self(all)
    }

    /// Returns whether the path belongs to any app.
    pub(crate) fn has_path(&self, path: &str) -> bool {
        self.0.values().flat_map(|of_definition| &of_definition.claims).any(|claim| claim.covers_path(path))
    }

    pub(crate) fn find(&self, path: &str, definition: &str, tenant: &str) -> Option<&Route> {
        let of_definition = self.0.get(definition)?;
        of_definition.routes.get(&receiver(&of_definition.claims, path, tenant)?.key)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Route> {
        self.0.values().flat_map(|of_definition| of_definition.routes.values())
    }

    pub(crate) fn has_definition(&self, definition: &str) -> bool {
        self.0.contains_key(definition)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::{
        apimachinery::pkg::apis::meta::v1::Time,
        jiff::{SignedDuration, Timestamp},
    };
    use proptest::{collection::vec, prelude::*, sample::select};
    use serde_json::{Value, json};
    use tributary_api::{BenchlingApp, EventBus};
    use tributary_core::{
        error::Reason,
        kinds::CONTESTED,
        managed::{Managed, Report},
        objects::{Objects, fixed},
        settings::Settings,
    };

    use super::*;

    const PATHS: [&str; 5] = ["/1/webhooks", "/1/webhooks/event", "/1/webhooks/event/x", "/1/webhooksx", "/1"];
    const REQUESTS: [&str; 9] = [
        "/1/webhooks",
        "/1/webhooks/event",
        "/1/webhooks/canvas",
        "/1/webhooks/event/x",
        "/1/webhooks/event/x/event",
        "/1/webhooksx/event",
        "/1/event",
        "/1",
        "/2",
    ];
    const TENANTS: [&str; 2] = ["acme", "beta"];
    const DEFINITIONS: [&str; 2] = ["appdef_1", "appdef_2"];
    /// Buses of namespace `own`, and what is wrong with each; `there` is all right and open to `friend` only.
    const BUSES: [&str; 5] = ["there", "new", "partner", "deleted", "none"];

    fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
        serde_json::from_value(value).unwrap()
    }

    fn account() -> AwsAccount {
        let grants = json!([{"namespaces": ["own", "friend", "stranger"]}]);
        object(json!({"metadata": {"name": "default"}, "spec": {"accountId": "111122223333", "region": "eu-west-1", "grants": grants}}))
    }

    fn bus(name: &str) -> EventBus {
        let resources = if name == "new" {
            json!([])
        } else {
            json!([{"type": "EventBus", "arn": "arn:aws:events:eu-west-1:111122223333:event-bus/own-there"}])
        };
        let mut bus: EventBus = object(json!({
            "metadata": {"namespace": "own", "name": name},
            "spec": {"allowedNamespaces": ["friend"]},
            "status": {"resources": resources},
        }));
        bus.spec.event_source_name = (name == "partner").then(|| "aws.partner/benchling.com/acme/x".into());
        bus.metadata.deletion_timestamp = (name == "deleted").then_some(Time(Timestamp::UNIX_EPOCH));
        bus
    }

    prop_compose! {
        fn app()(
            namespace in select(vec!["own", "friend", "stranger"]),
            name in "[a-d]",
            path in select(PATHS.to_vec()),
            definition in select(DEFINITIONS.to_vec()),
            tenants in select(vec![vec!["acme"], vec!["beta"], vec!["acme", "beta"]]),
            // Mostly a bus that accepts events.
            bus in prop_oneof![4 => Just("there"), 1 => select(BUSES.to_vec())],
            age in 0..3_i64,
        ) -> BenchlingApp {
            let mut app: BenchlingApp = object(json!({
                "metadata": {"namespace": namespace, "name": name},
                "spec": {"tenants": tenants, "appDefinitionId": definition, "path": path, "busRef": {"name": bus, "namespace": "own"}},
            }));
            app.metadata.creation_timestamp = Some(Time(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(age)));
            app
        }
    }

    fn view(mut apps: Vec<BenchlingApp>) -> View {
        apps.sort_by_key(key_of);
        apps.dedup_by_key(|app| key_of(app));
        let buses = BUSES.iter().filter(|name| **name != "none").map(|name| bus(name));
        let objects = Objects { accounts: fixed([account()]), apps: fixed(apps), buses: fixed(buses), ..Objects::default() };
        View { objects, settings: Arc::default(), resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH }
    }

    /// What the operator decides for the app: why it receives nothing, and the reason of its condition `WebhooksContested`.
    fn operator(app: &BenchlingApp, view: &View) -> (Option<ReconcileError>, Option<(String, String)>) {
        let identity = match app.identity(view) {
            Ok(identity) => identity,
            Err(error) => return (Some(error), None),
        };
        let desired = app.desired(view, &identity).unwrap();
        let (mut status, settings) = (tributary_api::BenchlingAppStatus::default(), Settings::default());
        let report = Report {
            desired: Some(&desired),
            observed: None,
            applied: &[],
            error: desired.error.as_ref(),
            withheld: 0,
            now: view.now,
            settings: &settings,
        };
        app.report(&mut status, &report);
        let contest = status.common.condition(CONTESTED).map(|condition| (condition.reason.clone(), condition.message.clone()));
        (desired.error.clone(), contest)
    }

    /// Each webhook that the app claims is received by it, if it has no error, or else by nobody or another one.
    fn check_routes(app: &BenchlingApp, error: Option<&ReconcileError>, view: &View) -> Result<(), TestCaseError> {
        let (key, routes, claim) = (key_of(app), Routes::new(view), Claim::new(app, view));
        for (request, tenant) in REQUESTS.iter().flat_map(|request| TENANTS.iter().map(move |tenant| (request, tenant))) {
            let found = routes.find(request, &app.spec.app_definition_id, tenant);
            let claims = claim.covers(request, tenant);
            prop_assert!(!claims || found.is_some(), "{} is claimed by {} and unknown", request, key);
            let receives = found.is_some_and(|route| route.key == key && route.bus.is_ok());
            prop_assert_eq!(receives, claims && error.is_none(), "{} {}: {} with {:?}", request, tenant, key, error);
        }
        Ok(())
    }

    /// No two apps receive the same webhooks, and the conditions of both name the other one.
    fn check_conditions(app: &BenchlingApp, all: &[BenchlingApp], view: &View) -> Result<(), TestCaseError> {
        let (key, claim, (error, contest)) = (key_of(app), Claim::new(app, view), operator(app, view));
        let rivals: Vec<_> = all.iter().filter(|other| key_of(*other) != key && Claim::new(other, view).overlaps(&claim)).collect();
        let receives = |other: &&&BenchlingApp| operator(other, view).0.is_none();
        let receiving: Vec<_> =
            rivals.iter().filter(receives).map(|other| (other.metadata.creation_timestamp.clone(), key_of(*other))).collect();
        let named = |text: &str| receiving.iter().find(|(_, other)| text.contains(other.as_str()));
        match &error {
            None => {
                prop_assert!(receiving.is_empty(), "{} and {:?} receive the same", key, receiving);
                prop_assert_eq!(contest.is_some(), !rivals.is_empty(), "{}: {:?}", key, contest);
            }
            Some(error) if error.reason == Reason::AppTaken => {
                let other = named(&error.message);
                prop_assert!(other.is_some_and(|other| *other < (app.metadata.creation_timestamp.clone(), key.clone())), "{}", error);
                prop_assert!(contest.is_some_and(|(reason, text)| reason == "OtherAppReceives" && named(&text).is_some()));
            }
            Some(_) => prop_assert!(contest.is_none_or(|(reason, text)| reason == "OtherAppReceives" && named(&text).is_some())),
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn routes_and_conditions_agree(apps in vec(app(), 0..7)) {
            let view = view(apps);
            let mut all = Vec::new();
            view.each_app(|app| all.push(app.clone()));
            for app in &all {
                check_routes(app, operator(app, &view).0.as_ref(), &view)?;
                check_conditions(app, &all, &view)?;
            }
        }
    }
}
