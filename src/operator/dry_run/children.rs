//! Children in a dry run: what steps on child objects would change in the cluster.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::runtime::reflector::ObjectRef;
use serde_json::Value;
use tributary_api::{EventBus, EventRule, EventSink, annotation};
use tributary_core::{managed::Managed, object::key_of, steps::ChildStep};

use super::objects::{Origin, Planned, Start, Starts, applied};
use crate::cluster::stores::Dependent;

/// Makes the change and returns the child, which has to be reconciled. `None` for a ConfigMap.
pub(super) fn apply(starts: &Starts, step: &ChildStep, now: Timestamp) -> Option<Dependent> {
    match step {
        ChildStep::ApplyChild { kind, manifest, .. } => match *kind {
            EventBus::KIND => put::<EventBus>(starts, manifest),
            EventSink::KIND => put::<EventSink>(starts, manifest),
            EventRule::KIND => put::<EventRule>(starts, manifest),
            _ => None,
        },
        ChildStep::DeleteChild { kind, namespace, name, orphan } => {
            let key = format!("{namespace}/{name}");
            match *kind {
                EventBus::KIND => delete::<EventBus>(starts, &key, *orphan, now),
                EventSink::KIND => delete::<EventSink>(starts, &key, *orphan, now),
                EventRule::KIND => delete::<EventRule>(starts, &key, *orphan, now),
                _ => None,
            }
        }
        ChildStep::ApplyConfigMap { .. } | ChildStep::DeleteConfigMap { .. } => None,
    }
}

fn put<K: Planned>(starts: &Starts, manifest: &Value) -> Option<Dependent> {
    let object: K = serde_json::from_value(manifest.clone()).ok()?;
    let owner = object.meta().owner_references.clone();
    let (reference, key) = (ObjectRef::from_obj(&object), key_of(&object));
    let mut all = K::starts(starts);
    let before = all.remove(&key);
    let live = before.as_ref().and_then(|start| start.live.clone());
    let mut object = applied(object, live.as_ref());
    object.meta_mut().owner_references = owner;
    let visible = before.as_ref().and_then(|start| start.visible);
    let reconciles = before.map_or(0, |start| start.reconciles);
    all.insert(key, Start { object, origin: Origin::Parent, live, visible, reconciles });
    Some(K::dependent(reference))
}

fn delete<K: Planned>(starts: &Starts, key: &str, orphan: bool, now: Timestamp) -> Option<Dependent> {
    let mut all = K::starts(starts);
    let object = &mut all.get_mut(key)?.object;
    object.meta_mut().deletion_timestamp.get_or_insert(Time(now));
    if orphan {
        object.meta_mut().annotations.get_or_insert_default().insert(annotation::ORPHAN.into(), "true".into());
    }
    Some(K::dependent(ObjectRef::from_obj(&*object)))
}
