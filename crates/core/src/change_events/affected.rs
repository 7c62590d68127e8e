//! From changed resources to the objects that they belong to: by the identity and the resources in their status.

use std::collections::{BTreeMap, BTreeSet};

use tributary_api::{AwsAccount, BenchlingApp, BenchlingSubscription, EventBus, EventRedrive, EventReplay, EventRule, EventSink};

use crate::{
    for_each_kind,
    links::Link,
    managed::Managed,
    object::{ObjectMetaExt, key_of},
    view::View,
};

use super::calls::keys;

/// Names an object of any kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Kind of the object.
    pub kind: &'static str,
    /// Namespace of the object; `None` for a cluster-scoped kind.
    pub namespace: Option<String>,
    /// Name of the object.
    pub name: String,
    /// `namespace/name`, or `name` for a cluster-scoped kind.
    pub key: String,
}

/// Returns the objects of this `AwsAccount` that the changed resources, given by canonical ARN, belong to, each with its resources that
/// changed. Objects of other `AwsAccount`s are not affected, although they may stand for the same AWS account.
pub fn affected(view: &View, account: &str, changed: &BTreeSet<String>) -> BTreeMap<ObjectKey, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    if changed.is_empty() {
        return found;
    }
    macro_rules! find_all {
        ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {
            $(view.objects.$plural.each_linked(Link::Account(account), &mut |object| find::<$kind>(object, view, account, changed, &mut found));)*
        };
    }
    for_each_kind!(find_all);
    found
}

fn find<K: Managed>(object: &K, view: &View, account: &str, changed: &BTreeSet<String>, found: &mut BTreeMap<ObjectKey, BTreeSet<String>>) {
    let Some(identity) = object.pinned_identity().filter(|identity| identity.account == account) else { return };
    let resources = object.current().map(|status| K::common(status).resources.as_slice()).unwrap_or_default();
    let arns = std::iter::once(&identity.arn).chain(resources.iter().map(|resource| &resource.arn));
    let of_object = arns.flat_map(|arn| keys(arn, &view.settings.installation_id));
    let touched: BTreeSet<_> = of_object.filter(|key| changed.contains(key)).collect();
    if !touched.is_empty() {
        let namespace = object.meta().namespace.clone();
        let key = ObjectKey { kind: K::KIND, namespace, name: object.own_name().to_owned(), key: key_of(object) };
        found.insert(key, touched);
    }
}
