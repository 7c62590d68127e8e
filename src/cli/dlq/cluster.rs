//! Reads rules and sinks from the cluster, with the permissions of the user. What the user may not read is a problem that is reported.

use std::collections::BTreeMap;

use kube::Api;
use tributary_api::{EventRule, EventSink, SinkRef};
use tributary_core::object::key_of;

use crate::cli::{
    Error,
    kube_flags::{Cluster, Namespaces},
    objects,
};

/// Rules and sinks of the cluster.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) rules: Vec<EventRule>,
    /// Sinks by `namespace/name`: those of the namespaces, and dead-letter queues elsewhere.
    pub(super) sinks: BTreeMap<String, EventSink>,
    /// What could not be read.
    pub(super) problems: Vec<String>,
}

/// `namespace/name` of a sink that an object of `namespace` refers to.
pub(super) fn sink_key(namespace: &str, reference: &SinkRef) -> String {
    format!("{}/{}", reference.namespace.as_deref().unwrap_or(namespace), reference.name)
}

/// Reads the objects.
///
/// # Errors
/// No rule can be read at all.
pub(super) async fn read(cluster: &Cluster, namespaces: &Namespaces) -> Result<Objects, Error> {
    let mut objects = Objects::default();
    let places: Vec<Option<&str>> = match namespaces {
        Namespaces::All => vec![None],
        Namespaces::Only(names) => names.iter().map(|name| Some(name.as_str())).collect(),
    };
    let mut is_read = false;
    for place in places {
        let (rules, sinks) = futures::join!(objects::list::<EventRule>(cluster, place), objects::list::<EventSink>(cluster, place));
        is_read |= rules.is_ok();
        objects.rules.extend(kept(rules, &mut objects.problems));
        objects.sinks.extend(kept(sinks, &mut objects.problems).into_iter().map(|sink| (key_of(&sink), sink)));
    }
    if !is_read {
        return Err(format!("no rule can be read:\n{}", objects.problems.join("\n")).into());
    }
    read_queues_elsewhere(cluster, &mut objects).await;
    Ok(objects)
}

/// Reads the sinks of dead-letter queues in other namespaces.
async fn read_queues_elsewhere(cluster: &Cluster, objects: &mut Objects) {
    let mut keys: Vec<String> = objects.rules.iter().flat_map(dead_letter_keys).filter(|key| !objects.sinks.contains_key(key)).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let Some((namespace, name)) = key.split_once('/') else { continue };
        match Api::<EventSink>::namespaced(cluster.client.clone(), namespace).get_opt(name).await {
            Ok(Some(sink)) => drop(objects.sinks.insert(key, sink)),
            Ok(None) => {
                objects.problems.push(format!("EventSink {key} not found. Create it, or correct deadLetter of the rules that name it."));
            }
            Err(kube::Error::Api(status)) if status.code == 403 => {
                objects.problems.push(format!("you may not get EventSink {key}, a dead-letter queue. Ask for the verb get."));
            }
            Err(error) => objects.problems.push(format!("EventSink {key} cannot be read: {error}")),
        }
    }
}

/// Keys of the sinks that are dead-letter queues of the rule's targets.
pub(super) fn dead_letter_keys(rule: &EventRule) -> impl Iterator<Item = String> {
    let namespace = rule.metadata.namespace.as_deref().unwrap_or_default();
    let queues = rule.spec.targets.iter().filter_map(|target| target.dead_letter.as_ref());
    queues.map(move |queue| sink_key(namespace, &queue.sink_ref))
}

fn kept<K>(list: Result<(Vec<K>, Vec<String>), String>, problems: &mut Vec<String>) -> Vec<K> {
    match list {
        Ok((objects, unreadable)) => {
            problems.extend(unreadable);
            objects
        }
        Err(problem) => {
            problems.push(problem);
            vec![]
        }
    }
}
