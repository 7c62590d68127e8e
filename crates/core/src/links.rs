//! What objects are looked up by besides their names, so that an object finds those that refer to it without reading all of its kind.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tributary_api::{
    AwsAccount, BenchlingApp, BenchlingSubscription, CommonStatus, EventBus, EventRedrive, EventReplay, EventRule, EventSink, SinkRef,
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
    /// What AWS holds for the object refers to this ARN, as `status.uses` says.
    Uses(&'a str),
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
    }
    status.uses.iter().for_each(|arn| add(Link::Uses(arn)));
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
        common(&self.metadata, self.status.as_ref().map(|status| &status.common), add);
        sinks(&self.metadata, self.sink_refs(), add);
    }
}

impl Linked for EventSink {
    fn links(&self, add: &mut dyn FnMut(Link<'_>)) {
        common(&self.metadata, self.status.as_ref().map(|status| &status.common), add);
        sinks(&self.metadata, self.sink_refs(), add);
        for bus in self.bus_refs() {
            add(Link::Bus(namespace(&self.metadata, bus.namespace.as_deref()), &bus.name));
        }
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
few!(AwsAccount, BenchlingApp, BenchlingSubscription, EventRedrive, EventReplay);
