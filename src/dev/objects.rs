//! The objects that the process works with, and the view of them in which the gateway finds apps and buses. Pure.

use std::{collections::BTreeSet, sync::Arc};

use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use tributary_api::{AwsAccount, BenchlingApp, EventBus, EventBusSpec, EventBusStatus, EventRule, EventSink, Identity, ResourceStatus};
use tributary_core::{
    objects::{Objects, fixed},
    rule_tests::{Subject, TEST_ACCOUNT, TEST_REGION},
    settings::Settings,
    view::View,
};

/// What the manifests or flags describe.
#[derive(Default)]
pub(crate) struct DevObjects {
    pub(crate) apps: Vec<BenchlingApp>,
    pub(crate) buses: Vec<EventBus>,
    pub(crate) sinks: Vec<EventSink>,
    pub(crate) rules: Vec<DevRule>,
}

/// A rule, and its pattern and targets as AWS would get them.
#[derive(Clone)]
pub(crate) struct DevRule {
    pub(crate) rule: EventRule,
    pub(crate) subject: Subject,
}

/// Name of the only account.
const ACCOUNT: &str = "default";

/// Returns the ARN that stands for the bus of this `namespace/name`.
pub(crate) fn bus_arn(key: &str) -> String {
    format!("arn:aws:events:{TEST_REGION}:{TEST_ACCOUNT}:event-bus/{key}")
}

impl DevObjects {
    /// Returns the view in which each bus that an app refers to is ready, whether or not there is a manifest of it.
    pub(crate) fn view(&self) -> View {
        let keys: BTreeSet<String> = self.apps.iter().map(BenchlingApp::bus_key).collect();
        let buses = keys.iter().filter_map(|key| self.bus(key));
        let objects = Objects {
            accounts: fixed(account()),
            apps: fixed(self.apps.iter().cloned()),
            buses: fixed(buses),
            sinks: fixed(self.sinks.iter().cloned()),
            ..Objects::default()
        };
        let settings = Arc::new(Settings::default());
        View { objects, settings, resolved_arn: None, resolved_definition: None, now: Timestamp::now() }
    }

    /// Returns the bus as if it existed: what its manifest says of others' access stays.
    fn bus(&self, key: &str) -> Option<EventBus> {
        let (namespace, name) = key.split_once('/')?;
        let is_it = |bus: &&EventBus| bus.metadata.namespace.as_deref() == Some(namespace) && bus.metadata.name.as_deref() == Some(name);
        let given = self.buses.iter().find(is_it).map(|bus| bus.spec.clone()).unwrap_or_default();
        let spec = EventBusSpec {
            allowed_namespaces: given.allowed_namespaces,
            event_source_name: given.event_source_name,
            ..EventBusSpec::default()
        };
        let mut bus = EventBus::new(name, spec);
        bus.metadata.namespace = Some(namespace.to_owned());
        let mut status = EventBusStatus::default();
        let arn = bus_arn(key);
        status.common.resources = vec![ResourceStatus { type_: "AWS::Events::EventBus".into(), arn: arn.clone() }];
        status.common.identity = Some(Identity {
            account: ACCOUNT.into(),
            account_id: TEST_ACCOUNT.into(),
            partition: "aws".into(),
            region: TEST_REGION.into(),
            name: key.to_owned(),
            bus: None,
            arn,
        });
        bus.status = Some(status);
        Some(bus)
    }
}

/// Returns an account that every namespace may use. No request is made with it.
fn account() -> Option<AwsAccount> {
    let spec = json!({"accountId": TEST_ACCOUNT, "region": TEST_REGION, "grants": [{"namespaces": ["*"]}]});
    serde_json::from_value(json!({"metadata": {"name": ACCOUNT}, "spec": spec})).ok()
}
