//! All objects of the product in the namespaces.

use std::collections::BTreeSet;

use futures::future::join_all;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams},
    core::GroupVersionKind,
};
use tributary_api::{GROUP, VERSION};

use crate::{
    cli::{
        doctor::{
            kinds,
            object::Object,
            read::request::why,
            snapshot::{NotRead, Read},
        },
        kube_flags::Namespaces,
    },
    cluster::pages,
};

/// Returns the objects that can be read, and the kinds that cannot.
pub(super) async fn objects(client: &Client, namespaces: &Namespaces) -> (Vec<Object>, Vec<NotRead>) {
    let lists = kinds::crds().iter().flat_map(|crd| apis(client, crd, namespaces).into_iter().map(|(what, api)| of_kind(crd, what, api)));
    let (mut objects, mut unread) = (Vec::new(), Vec::new());
    for list in join_all(lists).await {
        match list {
            Ok(list) => objects.extend(list),
            Err(not_read) => unread.push(not_read),
        }
    }
    if *namespaces != Namespaces::All {
        retain_used_accounts(&mut objects);
    }
    (objects, unread)
}

/// Keeps the accounts that the objects use: those of other tenants are not for the user of a namespace to repair.
fn retain_used_accounts(objects: &mut Vec<Object>) {
    let used: BTreeSet<String> = objects.iter().filter_map(|object| object.account()).map(str::to_owned).collect();
    objects.retain(|object| !object.is("AwsAccount") || used.contains(object.name()));
}

/// What is listed, in words, and where.
fn apis(client: &Client, crd: &CustomResourceDefinition, namespaces: &Namespaces) -> Vec<(String, Api<DynamicObject>)> {
    let names = &crd.spec.names;
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, &names.kind), &names.plural);
    match namespaces {
        Namespaces::Only(all) if crd.spec.scope == "Namespaced" => {
            let one = |namespace: &String| {
                let api = Api::namespaced_with(client.clone(), namespace, &resource);
                (format!("{} in namespace {namespace}", names.plural), api)
            };
            all.iter().map(one).collect()
        }
        Namespaces::All | Namespaces::Only(_) => vec![(names.plural.clone(), Api::all_with(client.clone(), &resource))],
    }
}

async fn of_kind(crd: &CustomResourceDefinition, what: String, api: Api<DynamicObject>) -> Read<Vec<Object>> {
    let names = &crd.spec.names;
    let page = |params: ListParams| {
        let api = &api;
        async move { api.list(&params).await }
    };
    match pages::list(page, |object| Object::new(&names.kind, &names.plural, object)).await {
        // Without its CRD, a kind has no objects. The check of the CRDs reports it.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(vec![]),
        other => other.map_err(|error| NotRead { what, why: why(&error) }),
    }
}
