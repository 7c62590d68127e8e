//! Starts the sinks, then serves webhooks.

use std::{collections::BTreeMap, future::Future};

use tokio::net::TcpListener;

use tributary_api::{BenchlingApp, EventSink, consents};
use tributary_benchling::{AppClient, Urls};
use tributary_core::{benchling::schema_pattern, managed::Managed, object::key_of, view::View};

pub(crate) use crate::dev::bus::Report;
use crate::{
    dev::{
        bus::{BusRule, LocalBus},
        line::Line,
        objects::{DevObjects, DevRule},
    },
    gateway::{Answered, LocalGateway},
    operator::chosen_schemas,
    sync::{Address, LocalSink, LocalSinkSettings, TenantClients, tenant_of},
};

/// Requests in 30 seconds to Benchling, as for `tributary sync`.
const BUDGET: u32 = 200;

/// What the process needs besides its port.
pub(crate) struct DevOptions {
    pub(crate) objects: DevObjects,
    /// The client of all apps.
    pub(crate) client: AppClient,
    /// The database of all sinks.
    pub(crate) address: Address,
    pub(crate) urls: Urls,
    pub(crate) report: Report,
}

/// Serves webhooks until `stop` completes and open requests are answered.
///
/// # Errors
/// The objects do not fit together.
pub(crate) async fn run(options: DevOptions, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<(), String> {
    let DevOptions { mut objects, client, address, urls, report } = options;
    let view = objects.view();
    let mut all = std::mem::take(&mut objects.rules);
    let clients = TenantClients::new(urls.clone(), BUDGET);
    for rule in &mut all {
        configure(rule, &view, &clients, &client).await?;
    }
    let rules = all.into_iter().map(|rule| BusRule::new(rule, &objects.apps, &view));
    let rules: Vec<BusRule> = rules.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    let mut sinks = BTreeMap::new();
    for (namespace, key) in rules.iter().flat_map(BusRule::sinks) {
        let sink = objects.sinks.iter().find(|sink| key_of(*sink) == key);
        let sink =
            sink.ok_or_else(|| format!("EventSink {key} not found, which a rule references. Add its manifest, or correct the reference."))?;
        if !consents(&sink.metadata, &sink.spec.allowed_namespaces, namespace) {
            return Err(format!(
                "EventSink {key} does not allow references from namespace {namespace:?}. Add it to spec.allowedNamespaces."
            ));
        }
        if sinks.contains_key(&key) || sink.spec.postgres.is_none() {
            continue;
        }
        let settings = settings(sink, &objects.apps, &clients, &client, &address)?;
        let report = report.clone();
        let place = format!(
            "{}:{}/{}, table {}.{}",
            address.host, address.port, address.database, settings.spec.table.schema, settings.spec.table.name
        );
        let sink = key.clone();
        let say = move |state: Result<(), &crate::sync::SyncError>| {
            let problem = state.err().map(|error| (error.reason.to_string(), error.message.clone()));
            report(Line::Sink { sink: sink.clone(), place: place.clone(), problem });
        };
        sinks.insert(key, LocalSink::start(settings, say));
    }
    if sinks.is_empty() {
        return Err("no rule of a BenchlingApp or its EventBus has a target with a postgres sink. Add one to the manifests.".into());
    }
    let bus = LocalBus::new(rules, sinks, report.clone());
    let replied = move |Answered { webhook, path, status, text }| report(Line::Reply { webhook, path, status, text });
    LocalGateway::new(view, urls, bus).serve(listener, stop, replied).await;
    Ok(())
}

/// Puts the schemas that are chosen in Benchling into the pattern of a rule, as the operator does.
async fn configure(rule: &mut DevRule, view: &View, clients: &TenantClients, client: &AppClient) -> Result<(), String> {
    let Some(from) = rule.rule.configured_from() else { return Ok(()) };
    let (key, namespace) = (key_of(&rule.rule), rule.rule.metadata.namespace.as_deref().unwrap_or_default());
    let Some(app) = view.app(namespace, from.app) else { return Ok(()) };
    let mut ids = Vec::new();
    for tenant in &app.spec.tenants {
        let client = clients.get(tenant, (client.clone(), String::new())).map_err(|error| error.message)?;
        ids.extend(
            chosen_schemas(&client, &app.spec.app_definition_id, &from)
                .await
                .map_err(|error| format!("EventRule {key}: {}", error.message))?,
        );
    }
    let rule_with_ids = rule.rule.with_configured(ids);
    let schemas = rule_with_ids.spec.benchling.as_ref().and_then(|shorthand| shorthand.schemas.as_ref());
    if let (Some(schema), Some(pattern)) = (schemas.and_then(schema_pattern), &mut rule.subject.pattern) {
        pattern["detail"]["schema"] = schema;
    }
    Ok(())
}

fn settings(
    sink: &EventSink,
    apps: &[BenchlingApp],
    clients: &TenantClients,
    client: &AppClient,
    address: &Address,
) -> Result<LocalSinkSettings, String> {
    let (key, namespace) = (key_of(sink), sink.metadata.namespace.as_deref().unwrap_or_default());
    let spec = sink.spec.postgres.clone().unwrap_or_default();
    let app_key = format!("{namespace}/{}", spec.app_ref.name);
    let app = apps.iter().find(|app| key_of(*app) == app_key);
    let app = app.ok_or_else(|| {
        format!("EventSink {key}: spec.postgres.appRef: BenchlingApp {app_key} not found. Add its manifest, or correct the reference.")
    })?;
    let tenant = tenant_of(app, "spec.postgres", spec.tenant.as_ref()).map_err(|error| format!("EventSink {key}: {}", error.message))?;
    let tenant_client = clients.get(&tenant, (client.clone(), String::new())).map_err(|error| error.message)?;
    Ok(LocalSinkSettings { key, spec: *spec, app: app.clone(), tenant_client, address: address.clone() })
}
