//! Warning Events about objects of the product.

use futures::future::join_all;
use k8s_openapi::api::events::v1::Event;
use kube::{Api, Client, api::ListParams};
use tributary_api::GROUP;

use crate::cli::{
    doctor::{
        read::request::read,
        snapshot::{Read, WarningEvent},
    },
    kube_flags::Namespaces,
};

pub(super) async fn warnings(client: &Client, namespaces: &Namespaces) -> Read<Vec<WarningEvent>> {
    let apis: Vec<(String, Api<Event>)> = match namespaces {
        Namespaces::All => vec![("Events".into(), Api::all(client.clone()))],
        Namespaces::Only(names) => {
            names.iter().map(|name| (format!("Events in namespace {name}"), Api::namespaced(client.clone(), name))).collect()
        }
    };
    let params = ListParams::default().fields("type=Warning");
    let lists = join_all(apis.iter().map(|(what, api)| read(what, api.list(&params)))).await;
    let all = lists.into_iter().collect::<Read<Vec<_>>>()?;
    Ok(all.into_iter().flat_map(|list| list.items).filter_map(warning).collect())
}

fn warning(event: Event) -> Option<WarningEvent> {
    let about = event.regarding.filter(|about| about.api_version.as_deref().is_some_and(|version| version.starts_with(GROUP)))?;
    let series = event.series.map(|series| series.last_observed_time.0);
    let last = series.or(event.deprecated_last_timestamp.map(|time| time.0)).or(event.event_time.map(|time| time.0))?;
    Some(WarningEvent {
        kind: about.kind?,
        namespace: about.namespace,
        name: about.name?,
        reason: event.reason.unwrap_or_default(),
        note: event.note.unwrap_or_default(),
        last,
    })
}
