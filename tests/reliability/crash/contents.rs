//! What AWS and the namespace hold, to compare one run with another.

use std::collections::{BTreeMap, BTreeSet};

use kube::api::ListParams;
use serde_json::{Value, json};
use tributary_testkit::World;

pub type Contents = BTreeMap<String, Value>;

/// Everything that AWS holds, and every object of ours with its spec and finalizers; what differs from world to world is taken out.
pub async fn contents(world: &World) -> Contents {
    let mut all = world.aws.contents().await;
    for kind in ["BenchlingSubscription", "EventBus", "EventRule", "EventSink", "EventReplay"] {
        for object in world.api(kind).list(&ListParams::default()).await.unwrap() {
            all.insert(format!("{kind} {}", object.metadata.name.unwrap()), json!([object.data["spec"], object.metadata.finalizers]));
        }
    }
    // What a sink exports leaves with it, at a moment that the garbage collector chooses.
    let exported = ListParams::default().labels("app.kubernetes.io/managed-by=tributary");
    for object in world.api_in(Some(&world.namespace), "v1", "ConfigMap").list(&exported).await.unwrap() {
        let owner = object.metadata.owner_references.iter().flatten().next().map(|owner| format!("{} {}", owner.kind, owner.name));
        if owner.is_some_and(|owner| all.contains_key(&owner)) {
            all.insert(format!("ConfigMap {}", object.metadata.name.unwrap()), object.data["data"].clone());
        }
    }
    let mut text = serde_json::to_string(&all).unwrap();
    // A role's name ends in a hash of its owner, which has the namespace in it.
    for name in world.aws.roles().await.into_keys() {
        text = text.replace(&name, name.rsplit_once('-').map_or(name.as_str(), |(head, _)| head));
    }
    // Names of archives end in a hash of the owner, which carries the namespace.
    for archive in world.aws.archives().await {
        let name = archive["ArchiveName"].as_str().unwrap();
        text = text.replace(name, &format!("{}HASH", &name[..name.len() - 8]));
    }
    // So do those of API destinations and their connections, and AWS makes up the end of the ARN.
    for name in world.aws.api_destinations().await.into_iter().chain(world.aws.connections().await) {
        if let Some(arn) = world.aws.api_destination(&name).await.and_then(|found| found["ApiDestinationArn"].as_str().map(str::to_owned)) {
            text = text.replace(&arn, arn.rsplit_once('/').map_or(arn.as_str(), |(head, _)| head));
        }
        text = text.replace(&name, &format!("{}HASH", &name[..name.len() - 8]));
    }
    let text = hide_hashes(&text.replace(&world.namespace, "NS").replace(&world.aws.account, "ACCOUNT"));
    let mut all: Contents = serde_json::from_str(&text).unwrap();
    for value in all.values_mut() {
        hide_sids(value);
    }
    all
}

/// A default name that could be another object's ends in a hash, which carries the namespace.
fn hide_hashes(text: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let shown = |part: &str| {
        let (name, rest) = part.split_at(part.find(|c| !is_name(c)).unwrap_or(part.len()));
        let hash = name.rsplit_once('-').filter(|(head, hash)| {
            head.contains("NS-") && hash.len() == 8 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        });
        hash.map_or_else(|| part.to_owned(), |(head, _)| format!("{head}-HASH{rest}"))
    };
    text.split_inclusive(|c| !is_name(c)).map(shown).collect()
}

/// Sids carry a hash of the owner, which carries the namespace; targets have no order.
fn hide_sids(value: &mut Value) {
    // The policy of a bus is a text.
    let document = value.as_str().filter(|text| text.contains("\"Statement\"")).and_then(|text| serde_json::from_str(text).ok());
    if let Some(document) = document {
        *value = document;
    }
    match value {
        Value::Object(object) => {
            if let Some(sid) =
                object.get_mut("Sid").filter(|sid| sid.as_str().is_some_and(|sid| sid.to_lowercase().starts_with("tributary")))
            {
                *sid = json!("OURS");
            }
            object.values_mut().for_each(hide_sids);
        }
        Value::Array(items) => {
            items.iter_mut().for_each(hide_sids);
            items.sort_by_key(Value::to_string);
        }
        _ => {}
    }
}

/// Takes out what is ours and stays when its object is deleted: where the deletion came before all was made, it may be missing or half made.
pub fn without_retained(mut all: Contents, after_deletion: &Contents) -> Contents {
    all.retain(|name, _| !after_deletion.get(name).is_some_and(|value| value.to_string().contains("tributary.dev/owner")));
    all
}

pub fn assert_same(have: &Contents, want: &Contents, what: &str) {
    let names: BTreeSet<_> = have.keys().chain(want.keys()).filter(|name| have.get(*name) != want.get(*name)).collect();
    let differences: Vec<_> = names.iter().map(|name| format!("{name}: have {:?}, want {:?}", have.get(*name), want.get(*name))).collect();
    assert!(differences.is_empty(), "{what}: {}", differences.join("; "));
}
