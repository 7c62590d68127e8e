//! Objects of manifests: the rules to test, and what they refer to.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::{api::core::v1::ConfigMap, jiff::Timestamp};
use kube::CustomResourceExt;
use serde::de::DeserializeOwned;
use tributary_api::{BenchlingApp, BenchlingSubscription, ConfigMapKeyRef, EventBus, EventRule, EventSink};
use tributary_core::{
    objects::{Objects, fixed},
    rule_tests::ConfigMapValues,
    settings::Settings,
    view::View,
};

use crate::cli::manifests::{
    Document, Input, Problem, typed,
    yaml::{Node, Place},
};

/// Namespace of objects that name none.
const DEFAULT_NAMESPACE: &str = "default";

/// A rule and where it is written.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) rule: EventRule,
    pub(crate) file: String,
    place: Place,
    /// Index of the unit, of which references are resolved first.
    pub(crate) unit: usize,
    /// Places of `spec.tests`, in their order.
    tests: Vec<Place>,
}

impl Found {
    /// Returns `NAMESPACE/NAME`.
    pub(crate) fn key(&self) -> String {
        let metadata = &self.rule.metadata;
        format!("{}/{}", metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
    }

    /// Returns the line on which the rule starts.
    pub(crate) fn line(&self) -> u64 {
        self.place.line
    }

    /// Returns the line of a test.
    pub(crate) fn line_of_test(&self, index: usize) -> u64 {
        self.tests.get(index).unwrap_or(&self.place).line
    }

    /// Returns what is wrong with the rule as a whole.
    pub(crate) fn problem(&self, message: String) -> Problem {
        Problem { file: self.file.clone(), place: Some(self.place), message }
    }
}

/// The rules of all manifests, and the objects that they refer to.
#[derive(Default)]
pub(crate) struct Inventory {
    pub(crate) rules: Vec<Found>,
    pub(crate) problems: Vec<Problem>,
    units: Vec<Related>,
}

/// Objects that rules refer to, of one unit.
#[derive(Clone, Default)]
struct Related {
    buses: Vec<EventBus>,
    subscriptions: Vec<BenchlingSubscription>,
    apps: Vec<BenchlingApp>,
    sinks: Vec<EventSink>,
    /// By namespace, name and key.
    config_maps: BTreeMap<(String, String), BTreeMap<String, String>>,
}

impl Inventory {
    /// Sorts the documents by kind. What does not fit the schema of its kind is a problem.
    pub(crate) fn new(input: Input) -> Self {
        let mut inventory = Self { problems: input.problems, ..Self::default() };
        for (unit, documents) in input.units.iter().enumerate() {
            inventory.units.push(Related::default());
            for document in documents.iter().flat_map(typed::items) {
                inventory.list(unit, &document);
            }
        }
        inventory
    }

    /// Returns what the rule may refer to. Its own unit takes precedence over the others.
    pub(crate) fn view(&self, unit: usize) -> View {
        let order =
            || self.units.get(unit).into_iter().chain(self.units.iter().enumerate().filter(move |(at, _)| *at != unit).map(|(_, of)| of));
        let objects = Objects {
            // Later manifests of one object replace earlier ones, as when they are applied.
            buses: fixed(order().flat_map(|of| of.buses.iter().rev().cloned())),
            subscriptions: fixed(order().flat_map(|of| of.subscriptions.iter().rev().cloned())),
            apps: fixed(order().flat_map(|of| of.apps.iter().rev().cloned())),
            sinks: fixed(order().flat_map(|of| of.sinks.iter().rev().cloned())),
            ..Objects::default()
        };
        View { objects, settings: Arc::new(Settings::default()), resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH }
    }

    /// Returns the values of the `ConfigMap` keys that the tests of the rule refer to.
    pub(crate) fn config_map_values(&self, found: &Found) -> ConfigMapValues {
        let namespace = found.rule.metadata.namespace.clone().unwrap_or_default();
        let order = self.units.get(found.unit).into_iter().chain(&self.units).collect::<Vec<_>>();
        let value = |ConfigMapKeyRef { name, key }: &ConfigMapKeyRef| {
            let of_unit = |unit: &&Related| unit.config_maps.get(&(namespace.clone(), name.clone()))?.get(key).cloned();
            order.iter().find_map(of_unit)
        };
        let keys = found.rule.spec.tests.iter().filter_map(|test| test.config_map_key());
        keys.filter_map(|key| Some((key.clone(), Ok(value(key)?)))).collect()
    }

    fn list(&mut self, unit: usize, document: &Document) {
        if (document.node.text("apiVersion"), document.node.text("kind")) == (Some("v1"), Some("ConfigMap")) {
            if let Some(map) = self.keep(typed::typed::<ConfigMap>(document, Some(DEFAULT_NAMESPACE)).map_err(|problem| vec![problem])) {
                let key = (map.metadata.namespace.unwrap_or_default(), map.metadata.name.unwrap_or_default());
                self.units[unit].config_maps.insert(key, map.data.unwrap_or_default());
            }
            return;
        }
        match typed::own_kind(document) {
            Ok(Some(kind)) => self.object(unit, document, &kind),
            Ok(None) => {}
            Err(problem) => self.problems.push(problem),
        }
    }

    fn object(&mut self, unit: usize, document: &Document, kind: &str) {
        match kind {
            "EventRule" => {
                let tests = document.node.get("spec").and_then(|spec| spec.get("tests")).map(Node::items).unwrap_or_default();
                let tests = tests.iter().map(|test| test.place).collect();
                if let Some(rule) = self.checked::<EventRule>(document) {
                    self.rules.push(Found { rule, file: document.file.clone(), place: document.node.place, unit, tests });
                }
            }
            "EventBus" => {
                let bus = self.checked(document);
                self.units[unit].buses.extend(bus);
            }
            "BenchlingSubscription" => {
                let subscription = self.checked(document);
                self.units[unit].subscriptions.extend(subscription);
            }
            "BenchlingApp" => {
                let app = self.checked(document);
                self.units[unit].apps.extend(app);
            }
            "EventSink" => {
                let sink = self.checked(document);
                self.units[unit].sinks.extend(sink);
            }
            // Kinds that no rule is tested with.
            _ => {}
        }
    }

    /// Returns the object, if it fits the schema of its kind.
    fn checked<K: CustomResourceExt + DeserializeOwned>(&mut self, document: &Document) -> Option<K> {
        self.keep(typed::checked(document, Some(DEFAULT_NAMESPACE)))
    }

    fn keep<K>(&mut self, object: Result<K, Vec<Problem>>) -> Option<K> {
        object.map_err(|problems| self.problems.extend(problems)).ok()
    }
}
