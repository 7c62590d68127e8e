//! Dependents of `EventSink`.

use std::hash::Hash;

use kube::runtime::reflector::ObjectRef;
use tributary_api::{EventSink, GrantStatus};
use tributary_core::{
    destinations::Type,
    links::Link,
    managed::Managed,
    object::{ObjectMetaExt, key_of, owner_of},
    view::View,
};

use super::{Dependents, child_readiness, concerned_accounts, deleting_used, lifecycle, parent, reference, sink_of};
use crate::cluster::stores::Dependent;

impl Dependents for EventSink {
    fn dependents(&self, view: &View) -> Vec<Dependent> {
        let this = Dependent::EventSink(ObjectRef::new(self.own_name()).within(self.own_namespace()));
        let mut dependents: Vec<_> = parent(self, view).into_iter().collect();
        // A sink waits for the sinks that it refers to; one that is being deleted waits for its referrers.
        dependents.extend(self.sink_refs().map(|sink| sink_of(self, sink)));
        // One that is being deleted waits for objects that do not refer to another sink with its resource.
        let is_shared = Type::of(self).is_ok_and(Type::depends_on_other_sinks);
        if let Some(resource) = self.pinned_identity() {
            view.each_sink_with(Link::Resource(&resource.arn), |sink| {
                let concerned = is_shared || sink.is_deleting();
                if concerned && sink.pinned_identity() == Some(resource) && key_of(sink) != key_of(self) {
                    dependents.push(Dependent::EventSink(reference(sink)));
                }
            });
        }
        let link = Link::Sink(self.own_namespace(), self.own_name());
        view.each_sink_with(link, |sink| dependents.push(Dependent::EventSink(reference(sink))));
        view.each_rule_with(link, |rule| dependents.push(Dependent::EventRule(reference(rule))));
        view.each_bus_with(link, |bus| dependents.push(Dependent::EventBus(reference(bus))));
        view.each_redrive(|redrive| {
            let is_waiting = redrive.status.as_ref().is_none_or(|status| status.state.is_none());
            if is_waiting && sink_of(redrive, &redrive.spec.sink_ref) == this {
                dependents.push(Dependent::EventRedrive(reference(redrive)));
            }
        });
        dependents.extend(concerned_accounts(self, view));
        dependents.extend(deleting_used(self, view));
        dependents
    }

    fn visible_state(&self) -> impl Hash + '_ {
        let status = self.status.as_ref();
        let exists = status.is_some_and(|status| !status.common.resources.is_empty());
        let shown = status.map(|status| {
            let grants: Vec<_> = status.grants.iter().map(grant_fields).collect();
            // Its order does not change: the fields of an object are sorted.
            let admitted = status.admitted.as_ref().and_then(|admitted| serde_json::to_string(admitted).ok());
            (grants, &status.common.uses, &status.on_failure_arn, &status.invocation_role_arn, admitted)
        });
        let last_event = owner_of(self).and_then(|_| status?.last_event_time.as_ref()).map(|time| time.0);
        (lifecycle(self), exists, shown, child_readiness(self), last_event)
    }
}

/// What rules read of a grant: from when on they may rely on it.
fn grant_fields(grant: &GrantStatus) -> impl Hash + '_ {
    let GrantStatus { source, usable_after, released_at } = grant;
    (source, usable_after.0, released_at.as_ref().map(|time| time.0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
    use serde_json::json;
    use tributary_api::{AwsAccount, EventBus};
    use tributary_core::objects::{Objects, fixed};

    use super::*;

    fn sink(name: &str, spec: &serde_json::Value, arn: &str) -> EventSink {
        let identity = json!({"account": "a", "accountId": "1", "partition": "aws", "region": "r", "name": "n", "arn": arn});
        let (metadata, status) = (json!({"namespace": "prod", "name": name}), json!({"identity": identity}));
        let manifest =
            json!({"apiVersion": "tributary.dev/v1alpha1", "kind": "EventSink", "metadata": metadata, "spec": spec, "status": status});
        serde_json::from_value(manifest).expect("an EventSink")
    }

    #[test]
    fn sinks_of_one_function_reconcile_with_each_other_and_those_of_one_queue_do_not() {
        let function = json!({"lambda": {"existing": {"arn": "f"}}});
        let queue = json!({"sqs": {"existing": {"arn": "q"}}});
        let all = vec![
            sink("first", &function, "f"),
            sink("second", &function, "f"),
            sink("other", &function, "g"),
            sink("queue", &queue, "q"),
            sink("same-queue", &queue, "q"),
        ];
        let objects = Objects { sinks: fixed(all.clone()), ..Objects::default() };
        let view = View { objects, settings: Arc::default(), resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH };
        let second = Dependent::EventSink(ObjectRef::new("second").within("prod"));
        assert_eq!(all[0].dependents(&view), [second]);
        for alone in &all[2..] {
            assert_eq!(alone.dependents(&view), [], "{}", alone.own_name());
        }
    }

    #[test]
    fn only_a_deleting_sink_whose_resource_is_used_is_woken() {
        let queue = json!({"sqs": {"existing": {"arn": "q"}}});
        let leaving = |name: &str, arn: &str| {
            let mut sink = sink(name, &queue, arn);
            sink.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
            sink
        };
        let all = vec![leaving("used", "q"), leaving("unused", "r"), sink("stays", &queue, "q")];
        let objects = Objects { sinks: fixed(all.clone()), ..Objects::default() };
        let view = View { objects, settings: Arc::default(), resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH };
        let used = [Dependent::EventSink(ObjectRef::new("used").within("prod"))];
        assert_eq!(all[2].dependents(&view), used, "the rules of a sink that is being deleted may refer to this one now");
        let mut bus: EventBus = serde_json::from_value(json!({"metadata": {"namespace": "prod", "name": "b"}, "spec": {}})).unwrap();
        assert_eq!(bus.dependents(&view), []);
        bus.status = serde_json::from_value(json!({"uses": ["q"]})).unwrap();
        assert_eq!(bus.dependents(&view), used);
    }

    #[test]
    fn of_the_accounts_that_are_being_deleted_only_that_of_the_object_is_woken() {
        let queue = json!({"sqs": {"existing": {"arn": "q"}}});
        let account = |name: &str| {
            let manifest = json!({"metadata": {"name": name}, "spec": {"accountId": "111122223333", "region": "eu-west-1"}});
            let mut account: AwsAccount = serde_json::from_value(manifest).unwrap();
            account.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
            account
        };
        let mut pinned = sink("pinned", &queue, "q");
        let objects = Objects { accounts: fixed(["a", "b", "default"].map(account)), ..Objects::default() };
        let view = View { objects, settings: Arc::default(), resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH };
        let woken = |name: &str| [Dependent::AwsAccount(ObjectRef::new(name))];
        assert_eq!(pinned.dependents(&view), woken("a"));
        pinned.status = None;
        assert_eq!(pinned.dependents(&view), woken("default"), "it has nothing in AWS, and may have soon");
    }
}
