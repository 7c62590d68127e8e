//! Gateway: which app a webhook is for, and where its events go. Pure: reads the view, as the operator does.

use tributary_api::{AwsAccount, BenchlingApp, Identity};
use tributary_aws::Entry;
use tributary_core::{error::ReconcileError, kinds::ResolveApp, object::key_of, references::AppReferences, view::View};

use crate::gateway::envelope::Event;
use std::collections::BTreeMap;

/// An app that webhooks may come for.
#[derive(Clone, Debug)]
pub struct Route {
    /// `namespace/name`.
    pub key: String,
    pub definition: String,
    pub tenants: Vec<String>,
    path: String,
    source_prefix: String,
    /// Where its events go; or why they cannot now.
    pub bus: Result<Bus, ReconcileError>,
}

#[derive(Clone, Debug)]
pub struct Bus {
    pub identity: Identity,
    pub account: AwsAccount,
}

impl Route {
    fn new(app: &BenchlingApp, view: &View) -> Self {
        let bus = app.accepts_webhooks(view).and_then(|identity| {
            let account = view.account_for(
                app.metadata.namespace.as_deref().unwrap_or_default(),
                Some(&tributary_api::AccountRef { name: identity.account.clone(), ..Default::default() }),
            )?;
            Ok(Bus { identity, account })
        });
        Self {
            key: key_of(app),
            definition: app.spec.app_definition_id.clone(),
            tenants: app.spec.tenants.clone(),
            path: app.spec.path.clone(),
            source_prefix: app.source_prefix(),
            bus,
        }
    }

    /// The path itself, and what is below it: Benchling appends `/event`, `/canvas` or `/lifecycle` where the app's routing is SUFFIXED.
    fn serves(&self, path: &str) -> bool {
        path.strip_prefix(self.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    pub fn entry(&self, bus: &Bus, tenant: &str, event: Event) -> Entry {
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

/// All apps, as of one moment.
#[derive(Clone, Debug, Default)]
pub struct Routes(BTreeMap<String, Vec<Route>>);

impl Routes {
    pub fn new(view: &View) -> Self {
        let mut routes: BTreeMap<String, Vec<Route>> = BTreeMap::new();
        view.each_app(|app| {
            // One that goes still takes its webhooks until it is gone: rules may wait for it.
            let route = Route::new(app, view);
            routes.entry(route.definition.clone()).or_default().push(route);
        });
        for of_one in routes.values_mut() {
            // The longest path first; of those that collide the one that may.
            of_one.sort_by_key(|route| (std::cmp::Reverse(route.path.len()), route.bus.is_err(), route.key.clone()));
        }
        Self(routes)
    }

    /// Whether any app is served there.
    pub fn knows(&self, path: &str) -> bool {
        self.all().any(|route| route.serves(path))
    }

    pub fn find(&self, path: &str, definition: &str, tenant: &str) -> Option<&Route> {
        self.0.get(definition)?.iter().find(|route| route.serves(path) && route.tenants.iter().any(|own| own == tenant))
    }

    pub fn all(&self) -> impl Iterator<Item = &Route> {
        self.0.values().flatten()
    }

    pub fn has_definition(&self, definition: &str) -> bool {
        self.0.contains_key(definition)
    }
}
