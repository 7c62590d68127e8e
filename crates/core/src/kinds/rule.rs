//! `EventRule` in AWS: a rule and its targets. Targets whose sink does not exist yet wait; the
//! others do not wait for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use tributary_api::{
    ConfigMapKeyRef, DeletionPolicy, EventBus, EventRule, EventRuleStatus, Identity, JsonObject, ManagementPolicy, RuleState, Tags, Target,
};

use crate::{
    benchling,
    claim::Claim,
    delivering::is_observed,
    destinations::target,
    error::{Reason, ReconcileError},
    kinds::{
        rule_check, rule_configured, rule_consent, rule_described,
        rule_in_aws::{DesiredRule, ObservedRule, Refused},
        rule_lints::Linted,
        rule_status,
        rule_steps::{check_owner, new_target_waits, put_rule, put_targets, target_steps},
        rule_tested,
    },
    limits,
    managed::{ConfiguredFrom, Managed, Report},
    names,
    object::{ObjectMetaExt, key_of, owner_of},
    ownership,
    plan::{PlanContext, WarningEvent},
    references::{AppReferences, BusReferences, RuleReferences},
    rule_tests::{ConfigMapValues, set_input},
    settings::Settings,
    steps::{self, RuleSettings, RuleStep, Step, TargetSettings},
    view::View,
};

/// What an `EventRule` refers to.
pub(super) trait ResolveRule {
    /// The bus of the rule.
    ///
    /// # Errors
    /// The bus does not exist, or its side does not permit the reference.
    fn bus(&self, view: &View) -> Result<Arc<EventBus>, ReconcileError>;

    /// Checks that the bus can have the rule.
    ///
    /// # Errors
    /// AWS does not support the schedule or the state on it, or it is not ready.
    fn check_bus(&self, bus: &EventBus, bus_name: &str) -> Result<(), ReconcileError>;
    /// The event pattern for EventBridge, and findings about it.
    fn pattern(&self, bus: &EventBus, source: &str, view: &View) -> (Option<serde_json::Value>, Vec<String>);
    /// The target at this index of `spec.targets`.
    ///
    /// # Errors
    /// A sink does not exist, is not permitted, or is not ready.
    fn target(&self, index: usize, target: &Target, identity: &Identity, view: &View) -> Result<TargetSettings, ReconcileError>;
}

impl ResolveRule for EventRule {
    fn check_bus(&self, bus: &EventBus, bus_name: &str) -> Result<(), ReconcileError> {
        if self.spec.schedule.is_some() && bus_name != names::DEFAULT_BUS {
            return Err(ReconcileError::invalid(
                Reason::InvalidSpec,
                format!(
                    "spec.schedule: AWS runs schedules on the default bus only, but spec.busRef is {bus_name}. Reference an EventBus with spec.name: default."
                ),
            ));
        }
        let is_partner = names::bus_name(bus_name).starts_with(names::PARTNER_BUS);
        if self.spec.state == RuleState::EnabledWithAllCloudTrailManagementEvents && is_partner {
            return Err(ReconcileError::invalid(
                Reason::InvalidSpec,
                format!(
                    "spec.state: AWS supports {} on no partner event bus, but spec.busRef is {bus_name}. Set Enabled.",
                    self.spec.state
                ),
            ));
        }
        // An existing bus serves its rules, also when it is not ready.
        if !bus.status.as_ref().is_some_and(|status| status.common.is_ready() || !status.common.resources.is_empty()) {
            return Err(ReconcileError::blocked(
                Reason::BusNotReady,
                format!("spec.busRef: EventBus {} is not ready. See its conditions.", key_of(bus)),
            ));
        }
        Ok(())
    }

    fn bus(&self, view: &View) -> Result<Arc<EventBus>, ReconcileError> {
        view.bus_for(self.own_namespace(), "spec.busRef", &self.spec.bus_ref)
    }

    fn pattern(&self, bus: &EventBus, source: &str, view: &View) -> (Option<serde_json::Value>, Vec<String>) {
        let given = self.spec.event_pattern.as_ref().map(JsonObject::parsed);
        if let Some(app) = self.app(view) {
            let prefix = app.source_prefix();
            return match &self.spec.benchling {
                Some(shorthand) => (Some(benchling::compile_webhook(shorthand, &prefix).into()), benchling::webhook_warnings(shorthand)),
                None => (given.map(|pattern| benchling::of_source(pattern, &prefix).into()), vec![]),
            };
        }
        let subscription = owner_of(bus).and_then(|name| view.subscription(bus.own_namespace(), &name));
        let included = subscription.as_ref().map(|subscription| subscription.spec.event_types.as_slice());
        if let Some(shorthand) = &self.spec.benchling {
            return (Some(benchling::compile(shorthand, source).into()), benchling::warnings(shorthand, included));
        }
        let linted = given.as_ref().filter(|_| source.starts_with(benchling::SOURCE_PREFIX));
        let warnings = linted.map(|pattern| benchling::lint(pattern, included));
        (given.map(Into::into), warnings.unwrap_or_default())
    }

    fn target(&self, index: usize, target: &Target, identity: &Identity, view: &View) -> Result<TargetSettings, ReconcileError> {
        let namespace = self.own_namespace();
        let field = format!("spec.targets[{index}].sinkRef");
        let sink = view.sink_for(namespace, &field, &target.sink_ref)?;
        let mut settings = target::target(&field, &sink, identity, &identity.arn, view)?;
        set_input(&mut settings, target);
        check_shared_bus(index, &settings, identity)?;
        let changed = settings.input.is_some() || settings.input_path.is_some() || settings.transformer.is_some();
        if changed && !target::accepts_transformed_events(&sink, identity) {
            return Err(ReconcileError::blocked(
                Reason::InvalidSpec,
                format!(
                    "spec.targets[{index}]: AWS forwards events to a bus of another account or Region unchanged. Remove input, inputPath and \
                     inputTransformer, and transform the event there."
                ),
            ));
        }
        settings.maximum_event_age_seconds = target.retry.and_then(|retry| retry.maximum_event_age_seconds);
        settings.maximum_retry_attempts = target.retry.and_then(|retry| retry.maximum_retry_attempts);
        if let Some(dead_letter) = &target.dead_letter {
            let field = format!("spec.targets[{index}].deadLetter.sinkRef");
            let sink = view.sink_for(namespace, &field, &dead_letter.sink_ref)?;
            settings.dead_letter_arn = Some(target::dead_letter(&field, &sink, identity, &identity.arn, view)?);
        }
        limits::check_target(&format!("spec.targets[{index}]"), &settings)?;
        Ok(settings)
    }
}

impl Managed for EventRule {
    type Desired = DesiredRule;
    type Observed = ObservedRule;

    const KIND: &'static str = "EventRule";
    const LEAVES_IF_REFUSED: bool = true;
    const CLAIMED_IN_METADATA: bool = true;
    const LOCAL_CONDITIONS: &'static [&'static str] = &[rule_tested::TYPE];

    fn shrink(&mut self) {
        self.spec.targets.shrink_to_fit();
        if let Some(status) = &mut self.status {
            Claim::remove_recorded(&mut self.metadata, &status.common);
            status.targets.shrink_to_fit();
            status.common.shrink();
        }
    }
    fn management(&self) -> ManagementPolicy {
        self.spec.management_policy
    }
    fn deletion(&self) -> DeletionPolicy {
        self.spec.deletion_policy.unwrap_or(DeletionPolicy::Delete)
    }

    fn configured_from(&self) -> Option<ConfiguredFrom<'_>> {
        rule_configured::from(self)
    }

    fn with_configured(&self, schema_ids: Vec<String>) -> Self {
        rule_configured::with(self, schema_ids)
    }

    fn identity(&self, view: &View) -> Result<Identity, ReconcileError> {
        let of_bus = self.bus(view)?.admitted_identity(view)?;
        let (namespace, name) = (self.own_namespace(), self.own_name());
        view.account_for(namespace, Some(&tributary_api::AccountRef { name: of_bus.account.clone(), ..Default::default() }))?;
        let pinned = self.pinned_identity().map(|identity| identity.name.as_str());
        let name = self.spec.name.clone().unwrap_or_else(|| names::default_name(namespace, name, 64, names::events_character, pinned));
        Ok(Identity { arn: names::rule_on(&of_bus, &name), name, bus: Some(names::bus_reference(&of_bus).to_owned()), ..of_bus })
    }

    fn desired(&self, view: &View, identity: &Identity) -> Result<DesiredRule, ReconcileError> {
        let bus = self.bus(view)?;
        let bus_name = identity.bus.clone().unwrap_or_else(|| names::DEFAULT_BUS.into());
        self.check_bus(&bus, &bus_name)?;
        let (pattern, mut warnings) = self.pattern(&bus, names::bus_name(&bus_name), view);
        let defaults = view.account(&identity.account).map(|account| account.spec.default_tags.clone()).unwrap_or_default();
        let owner = ownership::owner(&view.settings.installation_id, Self::KIND, &key_of(self));
        let (mut targets, mut waiting, mut error) = (Vec::new(), BTreeMap::new(), None::<ReconcileError>);
        let mut refused = Refused::default();
        for (index, target) in self.spec.targets.iter().enumerate() {
            match self.target(index, target, identity, view) {
                Ok(settings) => targets.push(settings),
                Err(cause) => {
                    waiting.insert(target.name.clone(), cause.message.clone());
                    if cause.reason.is_refusal() {
                        refused.targets.insert(target.name.clone());
                    }
                    error.get_or_insert(cause);
                }
            }
        }
        refused.arns = rule_consent::refused_arns(self, &targets, view);
        if refused.arns.is_empty() {
            // Else what is not permitted goes first, and AWS rejects the rest.
            rule_check::check(&self.spec, pattern.as_ref())?;
        }
        let linted = Linted { rule: self, bus: &bus, identity, pattern: pattern.as_ref(), targets: &targets };
        warnings.extend(linted.warnings(view));
        Ok(DesiredRule {
            bus: bus_name,
            name: identity.name.clone(),
            settings: RuleSettings {
                description: self.spec.description.clone(),
                pattern,
                schedule: self.spec.schedule.clone(),
                state: self.spec.state,
            },
            tags: ownership::tags(&defaults, self.spec.tags.as_ref(), &owner),
            targets,
            waiting,
            refused,
            error,
            held_back: None,
            warnings,
            source_problem: source_problem(&bus),
            observes: is_observed(&bus, view.account(&identity.account).as_deref()),
        })
    }

    fn referenced_by(&self, _: &View) -> Vec<String> {
        vec![]
    }

    fn config_map_keys(&self) -> BTreeSet<ConfigMapKeyRef> {
        self.spec.tests.iter().filter_map(|test| test.config_map_key().cloned()).collect()
    }

    fn run_tests(
        &self,
        status: &mut EventRuleStatus,
        desired: &mut DesiredRule,
        values: &ConfigMapValues,
        now: Timestamp,
    ) -> Result<(), ReconcileError> {
        rule_tested::run(self, status, desired, values, now)
    }

    fn withdraws(desired: &DesiredRule, observed: Option<&ObservedRule>, step: &Step) -> bool {
        let have = observed.and_then(|seen| seen.rule.as_ref()?.targets.as_deref()).unwrap_or_default();
        rule_consent::removal(desired, have).0.contains(step)
    }

    fn incomplete(desired: &DesiredRule) -> Option<ReconcileError> {
        desired.waits_for().cloned()
    }

    fn requeue_after(&self, status: &EventRuleStatus, now: Timestamp, _: &Settings) -> Option<Duration> {
        rule_tested::recheck_after(self, status, now)
    }

    fn plan(
        desired: Option<&DesiredRule>,
        observed: Option<&ObservedRule>,
        context: &PlanContext<'_>,
    ) -> Result<Vec<Step>, ReconcileError> {
        let observed = observed.and_then(|seen| seen.rule.as_ref());
        let mut steps: Vec<Step> = Vec::new();
        match (desired, observed) {
            (None, None) => {}
            (Some(want), None) => {
                if !want.is_put() {
                    return Ok(steps);
                }
                steps.push(put_rule(want, true));
                if !want.targets.is_empty() {
                    steps.push(put_targets(want, want.targets.clone()));
                }
            }
            (Some(want), Some(have)) => {
                check_owner(have, context)?;
                // First, so that settings that AWS rejects keep nothing there.
                steps.extend(have.targets.as_ref().map(|targets| rule_consent::removal(want, targets).0).unwrap_or_default());
                if want.held_back.is_some() {
                    return Ok(steps);
                }
                if want.settings != have.settings {
                    steps.push(put_rule(want, false));
                }
                if let Some(tags) = &have.tags {
                    steps.extend(steps::tag_steps(&have.arn, &want.tags, tags, context));
                }
                if let Some(targets) = &have.targets {
                    steps.extend(target_steps(want, targets));
                }
            }
            (None, Some(have)) => {
                check_owner(have, context)?;
                let ids: Vec<_> = have.targets.iter().flatten().map(|target| target.id.clone()).collect();
                if !ids.is_empty() {
                    steps.push(RuleStep::RemoveTargets { bus: have.bus.clone(), rule: have.name.clone(), ids }.into());
                }
                steps.push(RuleStep::DeleteRule { bus: have.bus.clone(), name: have.name.clone() }.into());
            }
        }
        Ok(steps)
    }

    fn uses(desired: &DesiredRule, observed: Option<&ObservedRule>) -> Option<BTreeSet<String>> {
        if desired.held_back.is_some() {
            return rule_tested::uses(desired, observed);
        }
        let mut uses: BTreeSet<String> = desired.targets.iter().flat_map(TargetSettings::uses).cloned().collect();
        if !desired.waiting.is_empty()
            && let Some(rule) = observed.and_then(|observed| observed.rule.as_ref())
        {
            let have = rule.targets.as_ref()?;
            let waits = new_target_waits(desired, have);
            let kept = have.iter().filter(|target| {
                desired.waiting.contains_key(&target.id) || (waits && !desired.targets.iter().any(|want| want.id == target.id))
            });
            uses.extend(kept.flat_map(TargetSettings::uses).cloned());
        }
        Some(uses)
    }

    fn report_unreached(&self, status: &mut EventRuleStatus, error: &ReconcileError) {
        rule_status::report_unreached(status, error);
    }

    fn waiting(desired: &DesiredRule, _: Option<&ObservedRule>, _: &Identity) -> Option<ReconcileError> {
        desired.waits_for().cloned()
    }

    fn tags(desired: &DesiredRule) -> Option<&Tags> {
        Some(&desired.tags)
    }

    fn report(&self, status: &mut EventRuleStatus, report: &Report<'_, Self>) {
        rule_status::report(self, status, report);
    }

    fn is_in_aws(observed: &ObservedRule) -> bool {
        observed.rule.is_some()
    }

    fn is_described(&self) -> bool {
        rule_described::is_described(self)
    }

    fn is_withdrawn(&self) -> bool {
        self.status.as_ref().is_some_and(rule_consent::is_withdrawn)
    }

    fn withdrawn(&self, status: &mut EventRuleStatus, error: &ReconcileError, now: Timestamp) {
        rule_consent::withdrawn(self, status, error, now);
    }

    fn record_intent(&self, status: &mut EventRuleStatus, _: &DesiredRule, _: &[Step]) {
        // Permitted again: from here on there may be a rule in AWS.
        if rule_consent::is_withdrawn(status) {
            status.common.conditions.retain(|condition| condition.type_ != "Deliverable");
        }
    }

    fn warning_events(&self, before: &EventRuleStatus, now: &EventRuleStatus) -> Vec<WarningEvent> {
        rule_status::warning_events(self, before, now)
    }
}

/// Checks that AWS accepts the target of a rule that this account puts on a bus of another account:
/// only event buses (EventBridge user guide, "Sending events to an AWS service in another account").
fn check_shared_bus(index: usize, target: &TargetSettings, identity: &Identity) -> Result<(), ReconcileError> {
    let bus = identity.bus.as_deref().unwrap_or_default();
    if !names::is_bus_arn(bus) || names::bus_of(&target.arn).is_some() {
        return Ok(());
    }
    Err(ReconcileError::blocked(
        Reason::InvalidSpec,
        format!(
            "spec.targets[{index}]: {bus} belongs to another account, and AWS supports only event buses as targets of its rules. Send to an \
             EventSink of type eventBus of this account, and reference this sink in a rule on that bus."
        ),
    ))
}

/// Why a partner event bus receives no events.
fn source_problem(bus: &EventBus) -> Option<String> {
    if bus.spec.event_source_name.is_none() && bus.spec.existing.is_none() {
        return None;
    }
    let ready = bus.status.as_ref()?.common.condition("Ready").filter(|condition| condition.status == "False")?;
    Reason::named(&ready.reason).is_some_and(Reason::is_about_event_source).then(|| format!("EventBus {}: {}", key_of(bus), ready.message))
}
