//! What objects are looked up by besides their names, so that an object finds those that refer to it without reading all of its kind.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tributary_api::{
    AccountRef, AwsAccount, BenchlingApp, BenchlingSubscription, CommonStatus, EventBus, EventRedrive, EventReplay, EventRule, EventSink,
    SinkRef,
};

/// A property by which objects are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link<'a> {
    /// The spec refers to the `EventSink` of this namespace and name.
    Sink(&'a str, &'a str),
    /// The spec refers to a bus by this namespace and name: those of an `EventBus`, or of the `BenchlingSubscription` or
    /// `BenchlingApp` that has one.
    Bus(&'a str, &'a str),
    /// The identity in status has this ARN.
    Resource(&'a str),
    /// The operator has the resource with this ARN in AWS for the sink.
    Owns(&'a str),
    /// What AWS holds for the object refers to this ARN, as `status.uses` says.
    Uses(&'a str),
    /// The object uses the `AwsAccount` of this name: the one of its identity, or else the one that its spec refers to.
    Account(&'a str),
    /// The object is being deleted.
    Deleting,
}

/// A kind whose objects have links.
pub trait Linked {
    /// Calls `add` for each link, some maybe twice.
    fn links(&self, add: &mut dyn FnMut(Link<'_>));

    /// Returns whether the object has the link.
    fn has(&self, link: Link<'_>) -> bool {
        let mut found = false;
        self.links(&mut |other| found |= other == link);
        found
    }
}

/// The namespace of an object, and that of a reference made from it.
fn namespace<'a>(metadata: &'a ObjectMeta, reference: Option<&'a str>) -> &'a str {
    reference.or(metadata.namespace.as_deref()).unwrap_or_default()
}

/// The links that follow from metadata and status, which all kinds have.
fn common(metadata: &ObjectMeta, status: Option<&CommonStatus>, add: &mut dyn FnMut(Link<'_>)) {
    if metadata.deletion_timestamp.is_some() {
        add(Link::Deleting);
    }
    let Some(status) = status else { return };
    if let Some(identity) = &status.identity {
        add(Link::Resource(&identity.arn));
        add(Link::Account(&identity.account));
    }
    status.uses.iter().for_each(|arn| add(Link::Uses(arn)));
}

/// The account of an object whose spec refers to one.
fn account<'a>(status: Option<&CommonStatus>, reference: Option<&'a AccountRef>, add: &mut dyn FnMut(Link<'_>)) {
    if status.is_none_or(|status| status.identity.is_none()) {
        add(Link::Account(reference.map_or("default", |reference| &reference.name)));
    }
}

fn sinks<'a>(metadata: &ObjectMeta, sinks: impl Iterator<Item = &'a SinkRef>, add: &mut dyn FnMut(Link<'_>)) {
    for sink in sinks {
        add(Link::Sink(namespace(metadata, sink.namespace.as_deref()), &sink.name));
    }
}

impl Linked for EventRule {
    fn links(&self, add: &mut dyn FnMut(Link<'_>)) {
        common(&self.metadata, self.status.as_ref().map(|status| &status.common), add);
        sinks(&self.metadata, self.sink_refs(), add);
        let bus = &self.spec.bus_ref;
        add(Link::Bus(namespace(&self.metadata, bus.namespace.as_deref()), &bus.name));
    }
}

impl Linked for EventBus {
    fn links(&self, add: &mut dyn FnMut(Link<'_>)) {
        let status = self.status.as_ref().map(|status| &status.common);
        common(&self.metadata, status, add);
        account(status, self.spec.account_ref.as_ref(), add);
        sinks(&self.metadata, self.sink_refs(), add);
    }
}

impl Linked for EventSink {
    fn links(&self, add: &mut dyn FnMut(Link<'_>)) {
        let status = self.status.as_ref().map(|status| &status.common);
        common(&self.metadata, status, add);
        account(status, self.spec.account_ref.as_ref(), add);
        sinks(&self.metadata, self.sink_refs(), add);
        let resources = self.status.iter().flat_map(|status| &status.common.resources);
        resources.for_each(|resource| add(Link::Owns(&resource.arn)));
        for bus in self.bus_refs() {
            add(Link::Bus(namespace(&self.metadata, bus.namespace.as_deref()), &bus.name));
        }
    }
}

impl Linked for BenchlingSubscription {
    fn links(&self, add: &mut dyn FnMut(Link<'_>)) {
        let status = self.status.as_ref().map(|status| &status.common);
        common(&self.metadata, status, add);
        account(status, self.spec.account_ref.as_ref(), add);
    }
}

/// Kinds of which there are few objects: only the links that all kinds have.
macro_rules! few {
    ($($kind:ident),*) => {
        $(impl Linked for $kind {
            fn links(&self, add: &mut dyn FnMut(Link<'_>)) {
                common(&self.metadata, self.status.as_ref().map(|status| &status.common), add);
            }
        })*
    };
}
few!(AwsAccount, BenchlingApp, EventRedrive, EventReplay);

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    fn object<K: DeserializeOwned>(kind: &str, spec: &Value) -> K {
        let metadata = json!({"namespace": "prod", "name": "this", "deletionTimestamp": "2026-11-30T00:00:00Z"});
        let identity = json!({"account": "a", "accountId": "1", "partition": "aws", "region": "r", "name": "n", "arn": "own"});
        let status =
            json!({"identity": identity, "uses": ["held", "held-too"], "resources": [{"type": "AWS::SQS::Queue", "arn": "queue"}]});
        let manifest = json!({"apiVersion": "tributary.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec, "status": status});
        serde_json::from_value(manifest).expect("an object")
    }

    /// Every reference to a sink or bus in a spec, wherever it is.
    fn references(spec: &Value, found: &mut Vec<(String, String, String)>) {
        match spec {
            Value::Object(fields) => {
                for (field, value) in fields {
                    if field == "sinkRef" || field == "busRef" {
                        let text = |name: &str, default: &str| value[name].as_str().unwrap_or(default).to_owned();
                        found.push((field.clone(), text("namespace", "prod"), text("name", "")));
                    }
                    references(value, found);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    fn check<K: DeserializeOwned + Linked>(kind: &str, spec: &Value) {
        let object: K = object(kind, spec);
        let mut found = Vec::new();
        references(spec, &mut found);
        assert!(!found.is_empty());
        for (field, namespace, name) in &found {
            let link = if field == "sinkRef" { Link::Sink(namespace, name) } else { Link::Bus(namespace, name) };
            assert!(object.has(link), "{kind}: {link:?}");
        }
        for link in [Link::Resource("own"), Link::Account("a"), Link::Uses("held"), Link::Uses("held-too"), Link::Deleting] {
            assert!(object.has(link), "{kind}: {link:?}");
        }
        assert!(!object.has(Link::Sink("other", &found[0].2)) && !object.has(Link::Resource("held")), "{kind}");
    }

    #[test]
    fn an_object_uses_the_account_of_its_identity_or_else_the_one_that_it_refers_to() {
        let spec = |reference: Option<&str>| reference.map_or(json!({}), |name| json!({"accountRef": {"name": name}}));
        let mut sink: EventSink = object("EventSink", &spec(Some("other")));
        assert!(sink.has(Link::Account("a")) && !sink.has(Link::Account("other")));
        sink.status = None;
        assert!(sink.has(Link::Account("other")) && !sink.has(Link::Account("a")));
        sink.spec.account_ref = None;
        assert!(sink.has(Link::Account("default")));
    }

    #[test]
    fn every_reference_of_a_spec_is_a_link() {
        check::<EventRule>(
            "EventRule",
            &json!({"busRef": {"name": "b", "namespace": "buses"}, "eventPattern": {}, "targets": [
                {"name": "t", "sinkRef": {"name": "one"}, "deadLetter": {"sinkRef": {"name": "two"}}},
                {"name": "u", "sinkRef": {"name": "three", "namespace": "sinks"}, "deadLetter": {"sinkRef": {"name": "four", "namespace": "sinks"}}}]}),
        );
        check::<EventRule>("EventRule", &json!({"busRef": {"kind": "BenchlingApp", "name": "app"}, "eventPattern": {}, "targets": []}));
        check::<EventBus>(
            "EventBus",
            &json!({"deadLetter": {"sinkRef": {"name": "one", "namespace": "sinks"}},
                "log": {"level": "ERROR", "delivery": {"logGroup": {"sinkRef": {"name": "log"}}}}}),
        );
        let sink: EventSink = object("EventSink", &json!({}));
        assert!(sink.has(Link::Owns("queue")));
        let machine = json!({"managed": {"definition": {}, "logging": {"sinkRef": {"name": "log"}}, "substitutions": {
            "queue": {"sinkRef": {"name": "one"}}, "bus": {"busRef": {"name": "b"}}, "other": {"busRef": {"name": "c", "namespace": "buses"}}}}});
        check::<EventSink>("EventSink", &json!({"stateMachine": machine}));
        let function = json!({"existing": {"arn": "arn:aws:lambda:r:1:function:f"}, "onFailure": {"sinkRef": {"name": "failed"}}});
        check::<EventSink>("EventSink", &json!({"lambda": function}));
    }
}
