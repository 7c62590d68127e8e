//! A rule as its manifests describe it, without a cluster and without AWS: what `tributary test`
//! evaluates. Pattern and inputs are made by the code that makes those for AWS.

use std::sync::Arc;

use tributary_api::{BusKind, EventBus, EventRule};

use crate::{
    benchling,
    kinds::{rule::ResolveRule, rule_check, rule_tested},
    names::{self, events_character},
    object::ObjectMetaExt,
    objects::fixed,
    rule_tests::{Subject, set_input},
    steps::TargetSettings,
    view::View,
};

/// Longest name of a rule and of a bus (EventBridge API, `PutRule` and `CreateEventBus`).
const RULE_NAME: usize = 64;
const BUS_NAME: usize = 256;

/// A rule that can be tested.
#[derive(Clone, Debug)]
pub struct ManifestRule {
    /// What the tests are evaluated against.
    pub subject: Subject,
    /// What is assumed because a manifest is not in the view.
    pub assumption: Option<String>,
}

/// Returns what the rule will be in AWS, as far as its tests can see it. The view holds the objects
/// of the manifests.
///
/// # Errors
/// AWS would reject the pattern or the schedule.
pub fn of_manifest(rule: &EventRule, view: &View) -> Result<ManifestRule, String> {
    let (bus, assumption) = bus(rule, view);
    let mut view = view.clone();
    // Only namespace and name of the app are in the pattern, so its manifest is not necessary.
    view.objects.apps = fixed(rule_tested::app(rule));
    let bus_name = bus_name(&bus);
    let (pattern, _) = rule.pattern(&bus, &bus_name, &view);
    rule_check::check(&rule.spec, pattern.as_ref()).map_err(|error| error.message)?;
    let targets = rule.spec.targets.iter().map(|target| {
        let mut settings = TargetSettings::default();
        set_input(&mut settings, target);
        settings
    });
    let name = rule.spec.name.clone();
    let name = name.unwrap_or_else(|| names::default_name(rule.own_namespace(), rule.own_name(), RULE_NAME, events_character, None));
    Ok(ManifestRule {
        subject: Subject {
            source: rule_tested::source(rule, &bus_name),
            bus: bus_name,
            rule: name,
            pattern,
            is_scheduled: rule.spec.schedule.is_some(),
            targets: targets.collect(),
        },
        assumption,
    })
}

/// The bus of the rule. For a missing `BenchlingSubscription`, a source of Benchling is assumed.
fn bus(rule: &EventRule, view: &View) -> (EventBus, Option<String>) {
    let reference = &rule.spec.bus_ref;
    let namespace = reference.namespace.as_deref().unwrap_or(rule.own_namespace());
    let mut bus = EventBus::new(&reference.name, tributary_api::EventBusSpec::default());
    bus.metadata.namespace = Some(namespace.to_owned());
    match reference.kind {
        BusKind::EventBus => (view.bus(namespace, &reference.name).map_or(bus, Arc::unwrap_or_clone), None),
        BusKind::BenchlingSubscription => {
            let subscription = view.subscription(namespace, &reference.name);
            let source = subscription.as_ref().map(|subscription| subscription.source_name());
            let assumed = source.is_none().then(|| {
                format!(
                    "BenchlingSubscription {namespace}/{} is not in the input. Events are assumed to come from {}test/test.",
                    reference.name,
                    benchling::SOURCE_PREFIX
                )
            });
            bus.spec.event_source_name = Some(source.unwrap_or_else(|| format!("{}test/test", benchling::SOURCE_PREFIX)));
            (bus, assumed)
        }
        BusKind::BenchlingApp => {
            let key = view.app(rule.own_namespace(), &reference.name).map(|app| app.bus_key());
            let of_app = key.as_deref().and_then(|key| key.split_once('/')).and_then(|(namespace, name)| view.bus(namespace, name));
            (of_app.map_or(bus, Arc::unwrap_or_clone), None)
        }
    }
}

fn bus_name(bus: &EventBus) -> String {
    let existing = bus.spec.existing.as_ref().and_then(|existing| existing.name.as_ref().or(existing.arn.as_ref()));
    let given = existing.or(bus.spec.event_source_name.as_ref()).or(bus.spec.name.as_ref());
    given.map_or_else(
        || names::default_name(bus.own_namespace(), bus.own_name(), BUS_NAME, events_character, None),
        |given| names::bus_name(given).to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::jiff::Timestamp;
    use serde_json::{Value, json};
    use tributary_api::{BenchlingSubscription, EventRule};

    use super::*;
    use crate::{objects::Objects, settings::Settings};

    fn rule(spec: &Value) -> EventRule {
        serde_json::from_value(
            json!({"apiVersion": "tributary.dev/v1alpha1", "kind": "EventRule", "metadata": {"namespace": "ns", "name": "r"}, "spec": spec}),
        )
        .unwrap()
    }

    fn view(objects: Objects) -> View {
        View { objects, settings: Arc::new(Settings::default()), resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn the_pattern_is_that_of_the_bus_in_the_manifests() {
        let subscription: BenchlingSubscription = serde_json::from_value(json!({
            "apiVersion": "tributary.dev/v1alpha1", "kind": "BenchlingSubscription", "metadata": {"namespace": "ns", "name": "lims"},
            "spec": {"tenant": "acme", "appName": "seq"}
        }))
        .unwrap();
        let all = rule(&json!({"busRef": {"kind": "BenchlingSubscription", "name": "lims"}, "benchling": {}}));
        let given = view(Objects { subscriptions: fixed([subscription]), ..Objects::default() });
        let found = of_manifest(&all, &given).unwrap();
        let source = "aws.partner/benchling.com/acme/seq";
        assert_eq!(
            (found.subject.pattern, found.subject.source.as_deref(), found.assumption),
            (Some(json!({"source": [source]})), Some(source), None)
        );

        let assumed = of_manifest(&all, &view(Objects::default())).unwrap();
        assert_eq!(assumed.subject.pattern, Some(json!({"source": ["aws.partner/benchling.com/test/test"]})));
        assert!(assumed.assumption.unwrap().contains("ns/lims"));
    }

    #[test]
    fn an_existing_bus_is_known_by_its_name_or_arn() {
        let partner = "aws.partner/benchling.com/acme/seq";
        for existing in [json!({"name": partner}), json!({"arn": format!("arn:aws:events:eu-west-1:444455556666:event-bus/{partner}")})] {
            let bus: EventBus = serde_json::from_value(json!({
                "apiVersion": "tributary.dev/v1alpha1", "kind": "EventBus", "metadata": {"namespace": "ns", "name": "lims"},
                "spec": {"existing": existing}
            }))
            .unwrap();
            let objects = Objects { buses: fixed([bus]), ..Objects::default() };
            let tested = of_manifest(&rule(&json!({"busRef": {"name": "lims"}, "benchling": {}})), &view(objects)).unwrap();
            assert_eq!(tested.subject.source.as_deref(), Some(partner));
        }
    }

    #[test]
    fn an_app_needs_no_manifest() {
        let spec = json!({"busRef": {"kind": "BenchlingApp", "name": "lims"}, "benchling": {"eventTypes": ["v2.entity.registered"]}});
        let found = of_manifest(&rule(&spec), &view(Objects::default())).unwrap();
        let pattern = json!({"source": [{"prefix": "benchling.webhook/ns/lims/"}], "detail-type": ["v2.entity.registered"]});
        assert_eq!((found.subject.pattern, found.assumption), (Some(pattern), None));
    }

    #[test]
    fn a_pattern_that_aws_rejects_is_an_error() {
        let error = of_manifest(&rule(&json!({"busRef": {"name": "b"}, "eventPattern": {"source": "lims"}})), &view(Objects::default()))
            .unwrap_err();
        assert!(error.starts_with("spec.eventPattern.source: "), "{error}");
    }
}
