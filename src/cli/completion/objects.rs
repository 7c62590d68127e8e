//! Names of objects of the cluster, such as `eventrule/orders`. Completion waits for a moment only, and says nothing about errors.

use std::time::Duration;

use clap::Parser;
use kube::{
    Api, CustomResourceExt,
    api::{ApiResource, DynamicObject, ListParams},
};
use tributary_api::{
    AwsAccount, BenchlingApp, BenchlingBackfill, BenchlingSubscription, EventBus, EventRedrive, EventReplay, EventRule, EventSink,
};

use crate::cli::kube_flags::{KubeFlags, Namespaces};

/// How long a shell waits for names.
const LIMIT: Duration = Duration::from_secs(3);
/// More names than this are no help.
const MOST: u32 = 500;

/// A kind as kubectl names it. The CRDs, which have the same, take long to build for someone who presses a key.
struct Kind {
    resource: ApiResource,
    short_names: &'static [&'static str],
}

impl Kind {
    fn of<K: CustomResourceExt>() -> Self {
        Self { resource: K::api_resource(), short_names: K::shortnames() }
    }

    fn all() -> [Self; 9] {
        [
            Self::of::<AwsAccount>(),
            Self::of::<BenchlingSubscription>(),
            Self::of::<BenchlingApp>(),
            Self::of::<BenchlingBackfill>(),
            Self::of::<EventBus>(),
            Self::of::<EventRule>(),
            Self::of::<EventSink>(),
            Self::of::<EventReplay>(),
            Self::of::<EventRedrive>(),
        ]
    }

    fn is_namespaced(&self) -> bool {
        self.resource.kind != "AwsAccount"
    }

    /// Whether the word is one of its names. The singular is the kind in lower case.
    fn is_named(&self, word: &str) -> bool {
        let names = [self.resource.kind.as_str(), self.resource.plural.as_str()];
        names.iter().chain(self.short_names).any(|name| name.eq_ignore_ascii_case(word))
    }
}

/// The flags that say which cluster and namespace.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Flags {
    #[command(flatten)]
    kube: KubeFlags,
}

/// Returns the kinds that fit, each with the slash before the name.
pub(super) fn kinds(last: &str) -> Vec<String> {
    Kind::all().iter().map(|kind| format!("{}/", kind.resource.kind.to_lowercase())).filter(|kind| kind.starts_with(last)).collect()
}

/// Returns the objects of the kind before the slash of `last`, none if they cannot be read in time. `before` are the other words.
pub(super) async fn names(before: &[String], last: &str) -> Vec<String> {
    let names = tokio::time::timeout(LIMIT, read(before, last)).await;
    let fits = |name: &String| name.starts_with(last);
    names.ok().flatten().unwrap_or_default().into_iter().filter(fits).collect()
}

async fn read(before: &[String], last: &str) -> Option<Vec<String>> {
    let (kind, _) = last.split_once('/')?;
    let known = Kind::all().into_iter().find(|known| known.is_named(kind))?;
    let kube = flags(before)?;
    let cluster = kube.connect().await.ok()?;
    let resource = &known.resource;
    let all = || Api::<DynamicObject>::all_with(cluster.client.clone(), resource);
    let (apis, is_qualified) = match kube.namespaces(&cluster) {
        Namespaces::Only(names) if known.is_namespaced() => {
            let one = |name: &String| Api::namespaced_with(cluster.client.clone(), name, resource);
            (names.iter().map(one).collect(), names.len() > 1)
        }
        Namespaces::Only(_) => (vec![all()], false),
        Namespaces::All => (vec![all()], true),
    };
    let mut found = Vec::new();
    for api in apis {
        let objects = api.list_metadata(&ListParams::default().limit(MOST)).await.ok()?;
        for object in objects.items {
            let namespace = object.metadata.namespace.filter(|_| is_qualified).map(|namespace| format!("{namespace}/")).unwrap_or_default();
            found.push(format!("{kind}/{namespace}{}", object.metadata.name.unwrap_or_default()));
        }
    }
    Some(found)
}

/// Returns the flags for the cluster among the words, which need not be a whole command.
fn flags(words: &[String]) -> Option<KubeFlags> {
    const WITH_VALUE: [&str; 4] = ["-n", "--namespace", "--context", "--kubeconfig"];
    const ALONE: [&str; 2] = ["-A", "--all-namespaces"];
    let (mut own, mut words) = (Vec::new(), words.iter());
    while let Some(word) = words.next() {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        if WITH_VALUE.contains(&word.as_str()) {
            own.extend([word.clone(), words.next()?.clone()]);
        } else if ALONE.contains(&word.as_str()) || WITH_VALUE.contains(&name) {
            own.push(word.clone());
        }
    }
    Flags::try_parse_from(own).ok().map(|flags| flags.kube)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_those_of_the_crds() {
        let crds = tributary_api::crds();
        assert_eq!(crds.len(), Kind::all().len());
        for crd in crds {
            let names = &crd.spec.names;
            let kind = Kind::all().into_iter().find(|kind| kind.resource.kind == names.kind).unwrap();
            assert_eq!((&kind.resource.plural, kind.is_namespaced()), (&names.plural, crd.spec.scope == "Namespaced"));
            let all = names.short_names.iter().flatten().chain(&names.singular);
            all.for_each(|name| assert!(kind.is_named(name), "{name}"));
        }
    }

    #[test]
    fn kinds_end_in_a_slash_and_flags_are_found_among_other_words() {
        assert_eq!(kinds("eventru"), ["eventrule/"]);
        assert!(kinds("").len() >= 8 && kinds("x").is_empty());
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert!(flags(&words("tree --unhealthy -n prod --context=x -o json")).is_some());
        assert!(flags(&words("tree -A -n prod")).is_none(), "the flags exclude each other");
        assert!(flags(&words("tree -n")).is_none());
    }
}
