//! `spec.tests` of a rule: evaluated before AWS is read or written. A failed test keeps the rule in
//! AWS as it is, unless `spec.testPolicy` is `Warn` (ADR 0028).

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use tributary_api::{BenchlingApp, BenchlingAppSpec, EventRule, EventRuleStatus, TestPolicy};

use crate::{
    conditions,
    error::{Reason, ReconcileError, RetryClass},
    kinds::{
        rule_consent,
        rule_in_aws::{DesiredRule, ObservedRule},
    },
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
    Subject {
        source: source(rule, &desired.bus),
        bus: desired.bus.clone(),
        rule: desired.name.clone(),
        pattern: desired.settings.pattern.clone(),
        is_scheduled: desired.settings.schedule.is_some(),
        targets: desired.targets.iter().cloned().chain(waiting).collect(),
    }
}

/// The source that all events of the rule's bus or app have, if they have the same.
pub(super) fn source(rule: &EventRule, bus: &str) -> Option<String> {
    match app(rule) {
        Some(app) => Some(format!("{}{TEST_TENANT}", app.source_prefix())),
        None => bus.starts_with("aws.partner/").then(|| bus.to_owned()),
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
