//! Objects of all kinds in manifests, as they would be applied, for `tributary plan` and `tributary import`.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{NamespaceResourceScope, api::core::v1::ConfigMap};
use kube::{CustomResourceExt, Resource};
use serde::de::DeserializeOwned;
use tributary_api::{AwsAccount, BenchlingApp, BenchlingSubscription, EventBus, EventRedrive, EventReplay, EventRule, EventSink};
use tributary_core::{for_each_kind, object::key_of};

use crate::{
    cli::manifests::{Document, Input, Problem, typed},
    operator::dry_run::ObjectSet,
};

/// The objects of all manifests.
#[derive(Default)]
pub(crate) struct Manifests {
    /// Objects of our kinds.
    pub(crate) objects: ObjectSet,
    /// `ConfigMap`s, which objects may read definitions, ARNs and events from.
    pub(crate) config_maps: Vec<ConfigMap>,
    /// What cannot be used.
    pub(crate) problems: Vec<Problem>,
    /// File and line of each object, by kind and key.
    places: BTreeMap<(String, String), String>,
}

impl Manifests {
    /// Sorts the documents by kind. What does not fit the schema of its kind is a problem. `namespace` is that of objects that name none.
    pub(crate) fn new(input: Input, namespace: &str) -> Self {
        let mut manifests = Self { problems: input.problems, ..Self::default() };
        for document in input.units.iter().flatten().flat_map(typed::items) {
            manifests.add(&document, namespace);
        }
        manifests
    }

    /// Where an object is written, as `FILE:LINE`.
    pub(crate) fn place(&self, kind: &str, key: &str) -> Option<&str> {
        self.places.get(&(kind.to_owned(), key.to_owned())).map(String::as_str)
    }

    /// The namespaces of the objects.
    pub(crate) fn namespaces(&self) -> BTreeSet<String> {
        self.places.keys().filter_map(|(_, key)| key.split_once('/')).map(|(namespace, _)| namespace.to_owned()).collect()
    }

    fn add(&mut self, document: &Document, namespace: &str) {
        if (document.node.text("apiVersion"), document.node.text("kind")) == (Some("v1"), Some("ConfigMap")) {
            match typed::typed::<ConfigMap>(document, Some(namespace)) {
                Ok(config_map) => self.config_maps.push(config_map),
                Err(problem) => self.problems.push(problem),
            }
            return;
        }
        match typed::own_kind(document) {
            Ok(Some(kind)) => self.object(document, &kind, namespace),
            Ok(None) => {}
            Err(problem) => self.problems.push(problem),
        }
    }

    fn object(&mut self, document: &Document, kind: &str, namespace: &str) {
        macro_rules! sort {
            ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {
                match kind {
                    $(stringify!($kind) => {
                        let object = self.checked::<$kind>(document, Scope::of::<$kind>().namespace(namespace));
                        self.objects.$plural.extend(object);
                    })*
                    // Kinds that make nothing in AWS, such as BenchlingBackfill.
                    _ => {}
                }
            };
        }
        for_each_kind!(sort);
    }

    fn checked<K>(&mut self, document: &Document, namespace: Option<&str>) -> Option<K>
    where
        K: CustomResourceExt + Resource<DynamicType = ()> + DeserializeOwned,
    {
        match typed::checked::<K>(document, namespace) {
            Ok(object) => {
                let place = format!("{}:{}", document.file, document.node.place.line);
                self.places.insert((K::kind(&()).into_owned(), key_of(&object)), place);
                Some(object)
            }
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }
}

/// Whether a kind is namespaced.
enum Scope {
    Namespaced,
    Cluster,
}

impl Scope {
    fn of<K: Resource<DynamicType = ()>>() -> Self
    where
        K::Scope: 'static,
    {
        let namespaced = std::any::TypeId::of::<K::Scope>() == std::any::TypeId::of::<NamespaceResourceScope>();
        if namespaced { Self::Namespaced } else { Self::Cluster }
    }

    fn namespace(self, namespace: &str) -> Option<&str> {
        match self {
            Self::Namespaced => Some(namespace),
            Self::Cluster => None,
        }
    }
}
