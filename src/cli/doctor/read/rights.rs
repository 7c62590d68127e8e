//! Whether the operator's `ServiceAccount` has the permissions that the chart gives it, by reviews of the API server.

use futures::{StreamExt, stream};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::{Api, Client, api::PostParams};

use crate::{
    cli::{
        doctor::{
            object::Object,
            read::request::read,
            snapshot::{OperatorRights, Read, Right},
        },
        generate,
    },
    operator::lease_names,
};

/// Reviews at the same time.
const AT_ONCE: usize = 16;

pub(super) async fn of_operator(
    client: &Client,
    namespace: &str,
    account: &str,
    lease: (&str, u16),
    objects: &[Object],
) -> Read<OperatorRights> {
    let needed = needed(namespace, lease, objects);
    let mut reviews = stream::iter(needed).map(|right| review(client, namespace, account, right)).buffered(AT_ONCE);
    let mut rights = Vec::new();
    // Who may not make one review may make none.
    while let Some(right) = reviews.next().await {
        rights.push(right?);
    }
    Ok(OperatorRights { namespace: namespace.to_owned(), service_account: account.to_owned(), rights })
}

/// What the chart's `ClusterRole` and `Role` give, and the Secrets of accounts.
fn needed(namespace: &str, (lease, shards): (&str, u16), objects: &[Object]) -> Vec<Right> {
    let right = |verb: &str, group: &str, resource: &str, name: Option<&str>, namespace: Option<&str>| Right {
        verb: verb.to_owned(),
        group: group.to_owned(),
        resource: resource.to_owned(),
        name: name.map(str::to_owned),
        namespace: namespace.map(str::to_owned),
        is_granted: false,
    };
    let mut all = Vec::new();
    for rule in generate::rules() {
        for resource in &rule.resources {
            all.extend(rule.verbs.iter().map(|verb| right(verb, rule.group, resource, rule.name, None)));
        }
    }
    // The Role names the Leases, except for `create` and `list`, whose requests have no name.
    let of_shards = (0..shards).filter(|_| shards > 1);
    let of_shards = of_shards.flat_map(|number| [lease_names::of_shard(lease, number), lease_names::of_replica(lease, number)]);
    let mut leases: Vec<_> = of_shards.map(|name| ("update", Some(name))).collect();
    if shards > 1 {
        leases.push(("list", None));
    }
    leases.extend([("get", Some(lease.to_owned())), ("update", Some(lease.to_owned())), ("create", None)]);
    all.extend(leases.iter().map(|(verb, name)| right(verb, "coordination.k8s.io", "leases", name.as_deref(), Some(namespace))));
    let secrets = objects.iter().filter(|object| object.is("AwsAccount"));
    let secrets = secrets.filter_map(|account| account.data.pointer("/spec/credentials/secretRef/name")?.as_str());
    all.extend(secrets.map(|name| right("get", "", "secrets", Some(name), Some(namespace))));
    all
}

async fn review(client: &Client, namespace: &str, account: &str, right: Right) -> Read<Right> {
    let (resource, subresource) = right.resource.split_once('/').map_or((right.resource.as_str(), None), |(a, b)| (a, Some(b)));
    let groups = ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}"), "system:authenticated".to_owned()];
    let attributes = ResourceAttributes {
        verb: Some(right.verb.clone()),
        group: Some(right.group.clone()),
        resource: Some(resource.to_owned()),
        subresource: subresource.map(str::to_owned),
        name: right.name.clone(),
        namespace: right.namespace.clone(),
        ..ResourceAttributes::default()
    };
    let spec = SubjectAccessReviewSpec {
        user: Some(format!("system:serviceaccount:{namespace}:{account}")),
        groups: Some(groups.to_vec()),
        resource_attributes: Some(attributes),
        ..SubjectAccessReviewSpec::default()
    };
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
    let answer = read("permissions of the operator", api.create(&PostParams::default(), &review)).await?;
    Ok(Right { is_granted: answer.status.is_some_and(|status| status.allowed), ..right })
}
