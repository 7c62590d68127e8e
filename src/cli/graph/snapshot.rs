//! The objects of a cluster, as far as the user may read them, and what was not read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    kinds::Item,
    model::{NodeKind, Note},
};

/// A part of the cluster that is read by one list: a kind, in one or in all namespaces.
pub(crate) type Part = (NodeKind, Option<String>);

/// What is known of a cluster. Clones share the objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// By ID.
    pub(super) items: BTreeMap<String, Arc<Item>>,
    read: BTreeSet<Part>,
    notes: BTreeMap<Part, String>,
}

impl Snapshot {
    /// Replaces all objects of a part by what a list returned.
    pub(crate) fn replace(&mut self, part: &Part, items: Vec<Item>) {
        let is_of_part = |item: &Item| item.node.kind == part.0 && (part.1.is_none() || item.node.namespace == part.1);
        self.items.retain(|_, item| !is_of_part(item));
        for item in items {
            self.apply(item);
        }
        self.notes.remove(part);
        self.read.insert(part.clone());
    }

    /// Adds or replaces an object.
    pub(crate) fn apply(&mut self, item: Item) {
        self.items.insert(item.node.id.clone(), Arc::new(item));
    }

    /// Removes an object.
    pub(crate) fn remove(&mut self, id: &str) {
        self.items.remove(id);
    }

    /// Records why a part cannot be read. What was read of it before remains.
    pub(crate) fn note(&mut self, part: &Part, message: impl Into<String>) {
        self.notes.insert(part.clone(), message.into());
    }

    /// Removes the note of a part that can be read again.
    pub(crate) fn clear_note(&mut self, part: &Part) {
        self.notes.remove(part);
    }

    /// Returns whether an object that is not known does not exist.
    pub(super) fn is_read(&self, kind: NodeKind, namespace: Option<&str>) -> bool {
        self.read.contains(&(kind, None)) || self.read.contains(&(kind, namespace.map(str::to_owned)))
    }

    /// Returns whether no part was read.
    pub(super) fn is_unread(&self) -> bool {
        self.read.is_empty()
    }

    pub(super) fn notes(&self) -> Vec<Note> {
        let note =
            |((kind, namespace), message): (&Part, &String)| Note { kind: *kind, namespace: namespace.clone(), message: message.clone() };
        self.notes.iter().map(note).collect()
    }
}
