//! Routes: which app a webhook is for, and which bus its events go to. Pure.

use std::collections::BTreeMap;

use tributary_api::{AwsAccount, BenchlingApp, Identity};
use tributary_aws::Entry;
use tributary_core::{error::ReconcileError, kinds::ResolveApp, object::key_of, references::AppReferences, view::View};

use crate::gateway::envelope::Event;

/// An app that receives webhooks.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// `namespace/name`.
    pub(crate) key: String,
    pub(crate) definition: String,
    pub(crate) tenants: Vec<String>,
    path: String,
    source_prefix: String,
    /// The bus, or why events cannot be published to it now.
    pub(crate) bus: Result<Bus, ReconcileError>,
}

#[derive(Clone, Debug)]
pub(crate) struct Bus {
    pub(crate) identity: Identity,
    pub(crate) account: AwsAccount,
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

    /// Returns whether the path is the app's or below it: Benchling appends `/event`, `/canvas` or `/lifecycle` where the app's routing is SUFFIXED.
    fn serves(&self, path: &str) -> bool {
        path.strip_prefix(self.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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

/// The apps at one moment, by app definition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes(BTreeMap<String, Vec<Route>>);

impl Routes {
    pub(crate) fn new(view: &View) -> Self {
        let mut routes: BTreeMap<String, Vec<Route>> = BTreeMap::new();
        view.each_app(|app| {
            // An app that is being deleted keeps its webhooks until it is gone: rules may block its deletion.
            let route = Route::new(app, view);
            routes.entry(route.definition.clone()).or_default().push(route);
        });
        for of_definition in routes.values_mut() {
            // The longest path first; of equal paths, one with a usable bus first.
            of_definition.sort_by_key(|route| (std::cmp::Reverse(route.path.len()), route.bus.is_err(), route.key.clone()));
        }
        Self(routes)
    }

    /// Returns whether the path belongs to any app.
    pub(crate) fn has_path(&self, path: &str) -> bool {
        self.all().any(|route| route.serves(path))
    }

    pub(crate) fn find(&self, path: &str, definition: &str, tenant: &str) -> Option<&Route> {
        self.0.get(definition)?.iter().find(|route| route.serves(path) && route.tenants.iter().any(|own| own == tenant))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Route> {
        self.0.values().flatten()
    }

    pub(crate) fn has_definition(&self, definition: &str) -> bool {
        self.0.contains_key(definition)
    }
}
