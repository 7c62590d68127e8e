//! Lints of a rule: the context in which its pattern is checked, from the bus and from what other
//! rules were admitted with.

use serde_json::{Map, Value};
use tributary_api::{EventBus, EventRule, Identity, JsonObject, RuleState};

use crate::{
    lints::{self, BusContext, Context, Forwarding},
    names,
    object::owner_of,
    references::RuleReferences,
    steps::TargetSettings,
    view::View,
};

/// A rule whose lints are wanted.
pub(super) struct Linted<'a> {
    pub(super) rule: &'a EventRule,
    pub(super) bus: &'a EventBus,
    pub(super) identity: &'a Identity,
    /// The pattern that AWS gets.
    pub(super) pattern: Option<&'a Value>,
    /// The targets that can be put.
    pub(super) targets: &'a [TargetSettings],
}

impl Linted<'_> {
    /// Returns the warnings about the pattern, besides those about Benchling's types.
    pub(super) fn warnings(&self, view: &View) -> Vec<String> {
        let Some(pattern) = self.pattern.and_then(Value::as_object).filter(|pattern| !lints::is_too_long(pattern)) else { return vec![] };
        let (is_app, spec) = (self.rule.app(view).is_some(), &self.rule.spec);
        let own: Vec<(&str, &str)> = self
            .targets
            .iter()
            .filter(|target| names::is_bus_arn(&target.arn))
            .map(|target| (target.id.as_str(), target.arn.as_str()))
            .collect();
        let has_wildcard = lints::has_wildcard(pattern);
        let others = self.others(view, has_wildcard, !own.is_empty() || self.asks_for_origin(pattern));
        let bus_arn = lints::bus_arn(self.identity);
        let context = Context {
            field: if spec.benchling.is_some() { "spec.benchling" } else { "spec.eventPattern" },
            identity: self.identity,
            state: spec.state,
            bus: BusContext {
                is_shared: self.is_shared(),
                others_publish: self.others_publish(),
                is_forwarded_to: others.forwarding.iter().any(|rule| rule.to.iter().any(|bus| Some(bus) == bus_arn.as_ref())),
                wildcard_rules: others.wildcard_rules + usize::from(has_wildcard),
            },
        };
        let mut all = match spec.event_pattern.as_ref().map(JsonObject::parsed) {
            // The pattern for AWS has the source of the app as well.
            Some(pattern) if is_app => lints::check(&pattern, &Context { bus: BusContext { is_shared: false, ..context.bus }, ..context }),
            Some(pattern) => lints::check(&pattern, &context),
            None => lints::catch_all(pattern, &context).into_iter().collect(),
        };
        if let Some(from) = bus_arn.filter(|_| spec.state != RuleState::Disabled) {
            let forwarding = Forwarding { from, pattern: pattern.clone(), to: vec![] };
            all.extend(lints::feeds_own_bus(&forwarding, &own, &others.forwarding));
        }
        all
    }

    /// Name of the bus in AWS.
    fn bus_name(&self) -> &str {
        names::bus_name(self.identity.bus.as_deref().unwrap_or(names::DEFAULT_BUS))
    }

    /// Whether others use the bus too, as they do one that another tool manages. The rule of a
    /// subscription's monitoring is meant to match everything.
    fn is_shared(&self) -> bool {
        let spec = &self.bus.spec;
        let shared = self.bus_name() == names::DEFAULT_BUS || spec.existing.is_some() || !spec.allowed_namespaces.is_empty();
        owner_of(self.rule).is_none() && shared
    }

    /// Whether others may publish to the bus. Who publishes to one that another tool manages is not
    /// known.
    fn others_publish(&self) -> bool {
        let spec = &self.bus.spec;
        spec.existing.is_some() || !spec.grants.is_empty() || !spec.policy_statements.is_empty()
    }

    /// Reads the other rules once, and only if the result depends on them.
    fn others(&self, view: &View, has_wildcard: bool, forwards: bool) -> Others {
        let mut others = Others::default();
        if !has_wildcard && !forwards {
            return others;
        }
        let own = (&self.rule.metadata.namespace, &self.rule.metadata.name);
        view.each_rule(|rule| {
            if (&rule.metadata.namespace, &rule.metadata.name) != own && rule.spec.state != RuleState::Disabled {
                others.add(rule, self.identity, has_wildcard);
            }
        });
        others
    }

    /// Whether it matters to the lints who forwards events to the bus.
    fn asks_for_origin(&self, pattern: &Map<String, Value>) -> bool {
        let bus = self.bus_name();
        let text = Value::Object(pattern.clone()).to_string();
        let of_aws = bus != names::DEFAULT_BUS && !bus.starts_with(names::PARTNER_BUS) && text.contains("\"aws.");
        of_aws || (self.is_shared() && (text.contains("\"account\"") || text.contains("\"region\"")))
    }
}

/// What is known of the other rules, from what they were admitted with.
#[derive(Default)]
struct Others {
    forwarding: Vec<Forwarding>,
    wildcard_rules: usize,
}

impl Others {
    fn add(&mut self, rule: &EventRule, own: &Identity, counts: bool) {
        let Some(status) = &rule.status else { return };
        let Some(identity) = &status.common.identity else { return };
        let buses = status.targets.iter().filter(|target| target.ready).filter_map(|target| target.arn.as_ref());
        let to: Vec<String> = buses.filter(|arn| names::is_bus_arn(arn)).cloned().collect();
        let same_bus = || lints::bus_arn(identity) == lints::bus_arn(own);
        let text = status.event_pattern.as_deref().unwrap_or_default();
        if to.is_empty() && !(counts && text.contains("wildcard") && same_bus()) {
            return;
        }
        let Ok(Value::Object(pattern)) = serde_json::from_str(text) else { return };
        self.wildcard_rules += usize::from(counts && same_bus() && lints::has_wildcard(&pattern));
        if let Some(from) = lints::bus_arn(identity).filter(|_| !to.is_empty()) {
            self.forwarding.push(Forwarding { from, pattern, to });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{objects::Objects, settings::Settings};

    const THEIRS: &str = "arn:aws:events:eu-west-1:444455556666:event-bus/default";

    fn object<K: serde::de::DeserializeOwned>(kind: &str, spec: &Value) -> K {
        let meta = json!({"namespace": "ns", "name": "x"});
        serde_json::from_value(json!({"apiVersion": "tributary.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec})).unwrap()
    }

    fn warnings(bus: &Value, reference: &str, pattern: &Value) -> Vec<String> {
        let rule: EventRule = object("EventRule", &json!({"busRef": {"name": "x"}, "eventPattern": pattern}));
        let identity = Identity {
            partition: "aws".into(),
            region: "eu-west-1".into(),
            account_id: "111122223333".into(),
            bus: Some(reference.into()),
            ..Identity::default()
        };
        let view = View {
            objects: Objects::default(),
            settings: Arc::new(Settings::default()),
            resolved_arn: None,
            resolved_definition: None,
            now: Timestamp::UNIX_EPOCH,
        };
        let linted = Linted { rule: &rule, bus: &object("EventBus", bus), identity: &identity, pattern: Some(pattern), targets: &[] };
        linted.warnings(&view)
    }

    #[test]
    fn who_publishes_is_unknown_of_a_bus_that_others_manage_or_share() {
        let of_aws = json!({"source": ["aws.ec2"]});
        assert!(warnings(&json!({}), "b", &of_aws)[0].contains("[foreign-source]"));
        let statement = json!({"name": "s", "principals": {"services": ["s3.amazonaws.com"]}, "actions": ["events:PutEvents"]});
        for bus in [json!({"existing": {"name": "b"}}), json!({"policyStatements": [statement]})] {
            assert_eq!(warnings(&bus, "b", &of_aws), [""; 0], "{bus}");
        }
    }

    #[test]
    fn a_bus_of_another_account_is_known_by_its_name() {
        let bus = json!({"existing": {"arn": THEIRS}});
        assert_eq!(warnings(&bus, THEIRS, &json!({"source": ["aws.ec2"]})), [""; 0]);
        let everything = warnings(&bus, THEIRS, &json!({"version": ["0"]}));
        assert!(everything[0].contains("every event of default") && everything[0].ends_with("[catch-all]"), "{everything:?}");
        let identity = Identity { bus: Some(THEIRS.into()), ..Identity::default() };
        assert_eq!(lints::bus_arn(&identity).as_deref(), Some(THEIRS));
    }
}
