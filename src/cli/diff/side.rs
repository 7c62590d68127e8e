//! One side of a comparison: the specs of its objects, and what identifies the tenant that they are for.

use std::{collections::BTreeSet, sync::Arc};

use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use serde::Serialize;
use serde_json::Value;
use tributary_api::CommonStatus;
use tributary_core::{
    kinds::of_manifest,
    object::owner_of,
    objects::{Objects, fixed},
    settings::Settings,
    view::View,
};

use crate::operator::dry_run::ObjectSet;

/// One side of a comparison.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// What the user named.
    pub(super) label: String,
    pub(super) objects: Vec<Object>,
    /// Account IDs and Regions that the side is known to use.
    pub(super) accounts: BTreeSet<String>,
    pub(super) regions: BTreeSet<String>,
    /// What cannot be compared.
    pub(super) problems: Vec<String>,
}

/// An object to compare.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    /// With all defaults that the types know.
    pub(super) spec: Value,
    /// Pattern of a rule as AWS gets it, also that of `spec.benchling`.
    pub(super) pattern: Option<Value>,
}

impl Side {
    /// Returns the side with these objects. Objects that a subscription created are compared as part of it.
    pub(super) fn new(label: &str, set: &ObjectSet, problems: Vec<String>) -> Self {
        let mut side = Self { label: label.to_owned(), problems, ..Self::default() };
        let view = View {
            objects: Objects {
                buses: fixed(set.buses.iter().cloned()),
                subscriptions: fixed(set.subscriptions.iter().cloned()),
                apps: fixed(set.apps.iter().cloned()),
                ..Objects::default()
            },
            settings: Arc::new(Settings::default()),
            resolved_arn: None,
            resolved_definition: None,
            now: Timestamp::UNIX_EPOCH,
        };
        side.add(&set.subscriptions, |subscription| subscription.status.as_ref().map(|status| &status.common));
        side.add(&set.apps, |app| app.status.as_ref().map(|status| &status.common));
        side.add(&set.buses, |bus| bus.status.as_ref().map(|status| &status.common));
        side.add(&set.sinks, |sink| sink.status.as_ref().map(|status| &status.common));
        for rule in &set.rules {
            let pattern = of_manifest(rule, &view).ok().and_then(|manifest| manifest.subject.pattern);
            side.add(std::slice::from_ref(rule), |rule| rule.status.as_ref().map(|status| &status.common));
            if let Some(object) = side.objects.last_mut().filter(|object| Some(&object.name) == rule.metadata.name.as_ref()) {
                object.pattern = pattern;
            }
        }
        for account in &set.accounts {
            side.accounts.insert(account.spec.account_id.clone());
            side.regions.insert(account.spec.region.clone());
        }
        side
    }

    fn add<K: Resource<DynamicType = ()> + Serialize>(&mut self, objects: &[K], status: impl Fn(&K) -> Option<&CommonStatus>) {
        for object in objects.iter().filter(|object| owner_of(*object).is_none()) {
            if let Some(identity) = status(object).and_then(|status| status.identity.as_ref()) {
                self.accounts.insert(identity.account_id.clone());
                self.regions.insert(identity.region.clone());
            }
            let meta = object.meta();
            let spec = serde_json::to_value(object).ok().and_then(|mut value| Some(value.get_mut("spec")?.take()));
            self.objects.push(Object {
                kind: K::kind(&()).into_owned(),
                namespace: meta.namespace.clone().unwrap_or_default(),
                name: meta.name.clone().unwrap_or_default(),
                spec: spec.unwrap_or_default(),
                pattern: None,
            });
        }
    }

    pub(super) fn namespaces(&self) -> BTreeSet<&str> {
        self.objects.iter().map(|object| object.namespace.as_str()).collect()
    }
}
