//! `spec.tests` of a rule: evaluated before AWS is read or written. A failed test keeps the rule in
//! AWS as it is, unless `spec.testPolicy` is `Warn` (ADR 0028).

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use tributary_api::{BenchlingApp, BenchlingAppSpec, EventRule, EventRuleStatus, TestPolicy};

use crate::{
    conditions,
    error::{Reason, ReconcileError, RetryClass},
    kinds::{
        rule_configured, rule_consent,
        rule_in_aws::{DesiredRule, ObservedRule},
    },
    names,
    plan::WarningEvent,
    references::AppReferences,
    rule_tests::{self, ConfigMapValues, Failure, Subject, set_input},
    steps::TargetSettings,
};

/// Type of the condition.
pub(super) const TYPE: &str = "TestsPassed";

/// Tenant in the source of test events of an app.
const TEST_TENANT: &str = "test";

/// Evaluates the tests, records the result in the condition, and decides whether the change is held
/// back.
///
/// # Errors
/// A test did not pass, and nothing is to be written. If something in AWS is no longer permitted, the
/// change is recorded as held back instead: what is not permitted is removed in any case.
pub(super) fn run(
    rule: &EventRule,
    status: &mut EventRuleStatus,
    desired: &mut DesiredRule,
    values: &ConfigMapValues,
    now: Timestamp,
) -> Result<(), ReconcileError> {
    let tests = &rule.spec.tests;
    let outcomes = rule_tests::run(tests, &subject(rule, desired), values);
    let failure = rule_tests::failure(&outcomes, rule.spec.test_policy);
    let state = (!tests.is_empty()).then(|| match &failure {
        Some(Failure { reason, message }) => ("False", reason.to_string(), message.clone()),
        None => ("True", TYPE.to_owned(), format!("all {} tests passed", tests.len())),
    });
    conditions::set(&mut status.common.conditions, TYPE, state, rule.metadata.generation, now);
    let Some(Failure { reason, message }) = failure.filter(|_| rule.spec.test_policy == TestPolicy::Enforce) else { return Ok(()) };
    // A `ConfigMap` of the same commit may arrive later than the rule, which is no mistake of the rule.
    let recheck = recheck_after(rule, status, now).filter(|_| reason == Reason::TestInvalid);
    let until = |wait| RetryClass::Until(now + SignedDuration::try_from(wait).unwrap_or_default());
    let error = ReconcileError::new(recheck.map_or(RetryClass::Invalid, until), reason, message);
    if desired.refused.arns.is_empty() {
        return Err(error);
    }
    desired.held_back = Some(error);
    Ok(())
}

/// After how long the tests are evaluated again although the rule has not changed. `ConfigMap`s are
/// not watched: soon after a change of the result every second, later every minute.
pub(super) fn recheck_after(rule: &EventRule, status: &EventRuleStatus, now: Timestamp) -> Option<Duration> {
    rule.spec.tests.iter().find_map(|test| test.config_map_key())?;
    let since = status.common.condition(TYPE)?.last_transition_time.0;
    let age = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    Some((age / 4).clamp(Duration::from_secs(1), Duration::from_mins(1)))
}

/// The Warning Event of a failure that holds nothing back. One that does is in the condition `Ready`,
/// which has an Event of its own.
pub(super) fn warning_event(rule: &EventRule, before: &EventRuleStatus, now: &EventRuleStatus) -> Option<WarningEvent> {
    let failed = now.common.condition(TYPE).filter(|condition| condition.status == "False" && rule.spec.test_policy == TestPolicy::Warn)?;
    let was = before.common.condition(TYPE).filter(|condition| condition.status == "False");
    if was.is_some_and(|was| was.message == failed.message) {
        return None;
    }
    let reason = Reason::named(&failed.reason).unwrap_or(Reason::TestFailed);
    Some(WarningEvent { reason: reason.into(), message: failed.message.clone() })
}

/// What AWS holds in the rule after the plan of a change that is held back.
pub(super) fn uses(desired: &DesiredRule, observed: Option<&ObservedRule>) -> Option<BTreeSet<String>> {
    let Some(rule) = observed.and_then(|observed| observed.rule.as_ref()) else { return Some(BTreeSet::new()) };
    let (_, remaining) = rule_consent::removal(desired, rule.targets.as_ref()?);
    Some(remaining.iter().flat_map(TargetSettings::uses).cloned().collect())
}

/// What the tests are evaluated against: what AWS gets. A target whose sink is not ready is tested
/// too.
fn subject(rule: &EventRule, desired: &DesiredRule) -> Subject {
    let waiting = rule.spec.targets.iter().filter(|target| desired.waiting.contains_key(&target.name)).map(|target| {
        let mut settings = TargetSettings::default();
        set_input(&mut settings, target);
        settings
    });
    let bus = names::bus_name(&desired.bus);
    Subject {
        source: source(rule, bus),
        bus: bus.to_owned(),
        rule: desired.name.clone(),
        pattern: rule_configured::tested_pattern(rule, desired.settings.pattern.clone()),
        is_scheduled: desired.settings.schedule.is_some(),
        targets: desired.targets.iter().cloned().chain(waiting).collect(),
    }
}

/// The source that all events of the rule's bus or app have, if they have the same.
pub(super) fn source(rule: &EventRule, bus: &str) -> Option<String> {
    match app(rule) {
        Some(app) => Some(format!("{}{TEST_TENANT}", app.source_prefix())),
        None => bus.starts_with(names::PARTNER_BUS).then(|| bus.to_owned()),
    }
}

/// An app with the namespace and name of the one that the rule refers to.
pub(super) fn app(rule: &EventRule) -> Option<BenchlingApp> {
    let key = rule.app_key()?;
    let (namespace, name) = key.split_once('/')?;
    let mut app = BenchlingApp::new(name, BenchlingAppSpec::default());
    app.metadata.namespace = Some(namespace.to_owned());
    Some(app)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};
    use tributary_api::{ConfigMapKeyRef, Identity, RuleState, Tags};

    use super::*;
    use crate::{
        kinds::{Refused, RuleInAws},
        managed::Managed,
        plan::PlanContext,
        steps::RuleSettings,
    };

    fn rule(spec: &Value) -> EventRule {
        let whole = json!({"apiVersion": "tributary.dev/v1alpha1", "kind": "EventRule", "metadata": {"name": "r", "namespace": "ns"}, "spec": spec});
        serde_json::from_value(whole).unwrap()
    }

    fn settings(pattern: Value) -> RuleSettings {
        RuleSettings { description: None, pattern: Some(pattern), schedule: None, state: RuleState::Enabled }
    }

    fn target(id: &str, arn: &str) -> TargetSettings {
        TargetSettings { id: id.into(), arn: arn.into(), ..TargetSettings::default() }
    }

    fn desired(targets: Vec<TargetSettings>) -> DesiredRule {
        DesiredRule {
            bus: "b".into(),
            name: "r".into(),
            settings: settings(json!({"source": ["new"]})),
            tags: Tags::new(),
            targets,
            waiting: BTreeMap::new(),
            refused: Refused::default(),
            error: None,
            held_back: None,
            warnings: vec![],
            source_problem: None,
            observes: false,
        }
    }

    /// A rule for events of `new`, with a test for an event of this source.
    fn tested(source: &str, more: &Value) -> EventRule {
        let mut spec = json!({"busRef": {"name": "b"}, "tests": [{"name": "t", "event": {"source": source}, "expect": "Match"}]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule(&spec)
    }

    fn condition(status: &EventRuleStatus) -> Option<(&str, &str)> {
        status.common.condition(TYPE).map(|condition| (condition.status.as_str(), condition.reason.as_str()))
    }

    #[test]
    fn a_failed_test_holds_back_unless_the_policy_is_warn() {
        let now = Timestamp::UNIX_EPOCH;
        for (rule, held, shown) in [
            (tested("new", &json!({})), None, Some(("True", "TestsPassed"))),
            (tested("old", &json!({})), Some(Reason::TestFailed), Some(("False", "TestFailed"))),
            (tested("old", &json!({"testPolicy": "Warn"})), None, Some(("False", "TestFailed"))),
            (tested("old", &json!({"tests": []})), None, None),
        ] {
            let mut status = EventRuleStatus::default();
            let result = run(&rule, &mut status, &mut desired(vec![]), &BTreeMap::new(), now);
            assert_eq!((result.err().map(|error| error.reason), condition(&status)), (held, shown));
        }
    }

    #[test]
    fn a_rule_of_an_app_is_tested_with_events_of_the_app() {
        let of_app = json!({"busRef": {"kind": "BenchlingApp", "name": "lims"}});
        let rule = tested("x", &of_app);
        assert_eq!(subject(&rule, &desired(vec![])).source.as_deref(), Some("benchling.webhook/ns/lims/test"));
        let mut of_partner = desired(vec![]);
        of_partner.bus = "aws.partner/benchling.com/acme/app".into();
        let rule = tested("x", &json!({}));
        assert_eq!(subject(&rule, &of_partner).source, Some(of_partner.bus.clone()));
        let mut by_arn = desired(vec![]);
        by_arn.bus = format!("arn:aws:events:eu-west-1:444455556666:event-bus/{}", of_partner.bus);
        assert_eq!((subject(&rule, &by_arn).source, subject(&rule, &by_arn).bus), (Some(of_partner.bus.clone()), of_partner.bus.clone()));
        assert_eq!(subject(&rule, &desired(vec![])).source, None);
    }

    #[test]
    fn a_target_that_waits_is_tested() {
        let spec = json!({"targets": [{"name": "q", "sinkRef": {"name": "q"}, "input": {"a": 1}}]});
        let rule = tested("new", &spec);
        let mut waiting = desired(vec![]);
        waiting.waiting.insert("q".into(), "not ready".into());
        assert_eq!(subject(&rule, &waiting).targets[0].input, Some(json!({"a": 1})));
    }

    #[test]
    fn what_is_held_back_leaves_all_but_what_is_not_permitted() {
        let now = Timestamp::UNIX_EPOCH;
        let rule = tested("old", &json!({}));
        // `a` and `b` are to get another queue; the owner of the present one of `a` refuses.
        let mut want = desired(vec![target("a", "new-a"), target("b", "new-b")]);
        want.refused.arns.insert("old-a".into());
        run(&rule, &mut EventRuleStatus::default(), &mut want, &BTreeMap::new(), now).unwrap();
        assert_eq!(want.waits_for().map(|error| error.reason), Some(Reason::TestFailed));
        let identity = Identity::default();
        let in_aws = RuleInAws {
            bus: "b".into(),
            name: "r".into(),
            arn: "arn".into(),
            settings: settings(json!({"source": ["old"]})),
            managed_by: None,
            targets: Some(vec![target("a", "old-a"), target("b", "old-b")]),
            tags: None,
        };
        let observed = ObservedRule { rule: Some(in_aws), ..ObservedRule::default() };
        let steps = EventRule::plan(Some(&want), Some(&observed), &PlanContext::new(&identity, "owner")).unwrap();
        let names: Vec<_> = steps.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), 1, "{names:?}");
        assert!(names[0].contains("RemoveTargets") && names[0].contains('a'), "{names:?}");
        assert_eq!(EventRule::uses(&want, Some(&observed)), Some(BTreeSet::from(["old-b".to_owned()])));
        assert_eq!(EventRule::plan(Some(&want), None, &PlanContext::new(&identity, "owner")).unwrap(), [], "nothing is created");
    }

    #[test]
    fn config_maps_are_read_again_soon_and_later_less_often() {
        let start = Timestamp::UNIX_EPOCH;
        let from = json!({"name": "t", "eventFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}, "expect": "Match"});
        let rule = tested("x", &json!({"tests": [from]}));
        let mut status = EventRuleStatus::default();
        let key = ConfigMapKeyRef { name: "m".into(), key: "k".into() };
        let missing = run(&rule, &mut status, &mut desired(vec![]), &BTreeMap::new(), start).unwrap_err();
        assert!(matches!(missing.class, RetryClass::Until(_)) && !missing.stalled(), "{missing:?}: it may be applied next");
        let values = BTreeMap::from([(key, Ok(r#"{"source": "old"}"#.to_owned()))]);
        let failed = run(&rule, &mut status, &mut desired(vec![]), &values, start).unwrap_err();
        assert!(failed.stalled(), "{failed:?}: a person has to correct it");
        for (age, wait) in [(0, 1), (40, 10), (86_400, 60)] {
            let now = start + SignedDuration::from_secs(age);
            assert_eq!(recheck_after(&rule, &status, now), Some(Duration::from_secs(wait)), "{age}");
        }
        let inline = tested("x", &json!({}));
        assert_eq!(recheck_after(&inline, &status, start), None, "a watch event reports changes of the rule");
    }
}
