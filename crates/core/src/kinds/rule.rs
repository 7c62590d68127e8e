//! `EventRule` in AWS: a rule and its targets. Targets whose sink is not there yet wait; the others do not wait for them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use tributary_api::{
    CommonStatus, DeadLettersStatus, DeletionPolicy, EventBus, EventRule, EventRuleStatus, Identity, ManagementPolicy, RuleState, Tags,
    Target,
};

use crate::{
    benchling,
    delivery::Deliverability,
    destinations::target,
    error::{Reason, ReconcileError},
    kinds::rule_status,
    managed::{Managed, Report},
    names::{self, Scope},
    object::{key_of, owner_of},
    ownership,
    plan::{PlanContext, WarningEvent},
    references::{AppReferences, RuleReferences},
    steps::{self, EventsStep, RuleSettings, Step, TargetSettings},
    view::View,
};

/// AWS's limit, fixed.
const TARGETS_PER_RULE: usize = 5;

#[derive(Debug, Serialize)]
pub struct DesiredRule {
    pub bus: String,
    pub name: String,
    pub settings: RuleSettings,
    pub tags: Tags,
    pub targets: Vec<TargetSettings>,
    /// Targets that cannot be put yet, and why. What AWS holds of them stays as it is.
    pub waiting: BTreeMap<String, String>,
    /// The first of the reasons, for the rule as a whole.
    #[serde(skip)]
    pub halt: Option<ReconcileError>,
    /// What is odd about the pattern.
    #[serde(skip)]
    pub warnings: Vec<String>,
    /// Why the bus gets no events, if it is a partner's.
    #[serde(skip)]
    pub source_problem: Option<String>,
}

impl DesiredRule {
    /// Whether a rule that is not there is made. One that has targets to wait for and none to send to would match events and drop them.
    pub fn is_put(&self) -> bool {
        !self.targets.is_empty() || self.waiting.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct ObservedRule {
    pub bus: String,
    pub name: String,
    pub arn: String,
    pub settings: RuleSettings,
    /// Set when an AWS service keeps the rule.
    pub managed_by: Option<String>,
    /// Read from [`crate::plan::Depth::Full`] on.
    pub targets: Option<Vec<TargetSettings>>,
    /// Read from [`crate::plan::Depth::Owner`] on.
    pub tags: Option<Tags>,
}

/// What was seen of a rule: itself, and whether events reach its targets, by their names. The second is known before the first exists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenRule {
    pub rule: Option<ObservedRule>,
    pub looks: Vec<Looked>,
}

/// What delivery to one target looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    /// Its name.
    pub target: String,
    pub verdict: Deliverability,
    pub dead_letters: Option<DeadLettersStatus>,
}

/// What an `EventRule` refers to.
pub trait ResolveRule {
    fn bus(&self, view: &View) -> Result<EventBus, ReconcileError>;
    /// The pattern in EventBridge's words, and what is odd about it.
    fn pattern(&self, bus: &EventBus, source: &str, view: &View) -> (Option<serde_json::Value>, Vec<String>);
    fn target(&self, index: usize, target: &Target, place: &Identity, view: &View) -> Result<TargetSettings, ReconcileError>;
}

impl ResolveRule for EventRule {
    fn bus(&self, view: &View) -> Result<EventBus, ReconcileError> {
        view.bus_for(self.metadata.namespace.as_deref().unwrap_or_default(), "spec.busRef", &self.spec.bus_ref)
    }

    fn pattern(&self, bus: &EventBus, source: &str, view: &View) -> (Option<serde_json::Value>, Vec<String>) {
        if let Some(app) = self.app(view) {
            let prefix = app.source_prefix();
            return match (&self.spec.benchling, &self.spec.event_pattern) {
                (Some(shorthand), _) => {
                    (Some(benchling::compile_webhook(shorthand, &prefix).into()), benchling::webhook_warnings(shorthand))
                }
                (None, pattern) => (pattern.clone().map(|pattern| benchling::of_source(pattern, &prefix).into()), vec![]),
            };
        }
        let namespace = bus.metadata.namespace.as_deref().unwrap_or_default();
        let subscription = owner_of(bus).and_then(|name| view.subscription(namespace, &name));
        let included = subscription.as_ref().map(|subscription| subscription.spec.event_types.as_slice());
        let is_benchling = source.starts_with(benchling::SOURCE_PREFIX);
        match (&self.spec.benchling, &self.spec.event_pattern) {
            (Some(shorthand), _) => (Some(benchling::compile(shorthand, source).into()), benchling::warnings(shorthand, included)),
            (None, Some(pattern)) if is_benchling => (Some(pattern.clone().into()), benchling::lint(pattern, source, included)),
            (None, pattern) => (pattern.clone().map(Into::into), vec![]),
        }
    }

    fn target(&self, index: usize, target: &Target, place: &Identity, view: &View) -> Result<TargetSettings, ReconcileError> {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let field = format!("spec.targets[{index}].sinkRef");
        let sink = view.sink_for(namespace, &field, &target.sink_ref)?;
        let mut settings = target::target(&field, &sink, place, &place.arn, view)?;
        settings.id.clone_from(&target.name);
        settings.input = target.input.clone().map(serde_json::Value::Object);
        settings.input_path.clone_from(&target.input_path);
        settings.transformer = target.input_transformer.as_ref().map(|t| (t.input_paths_map.clone(), t.input_template.clone()));
        let changed = settings.input.is_some() || settings.input_path.is_some() || settings.transformer.is_some();
        if changed && !target::accepts_transformed_events(&sink, place) {
            return Err(ReconcileError::blocked(
                Reason::InvalidSpec,
                format!(
                    "spec.targets[{index}]: AWS passes events on to a bus of another account or Region as they are. Leave input, inputPath and inputTransformer out, and change the event there"
                ),
            ));
        }
        settings.maximum_event_age_seconds = target.retry.and_then(|retry| retry.maximum_event_age_seconds);
        settings.maximum_retry_attempts = target.retry.and_then(|retry| retry.maximum_retry_attempts);
        if let Some(dead_letter) = &target.dead_letter {
            let field = format!("spec.targets[{index}].deadLetter.sinkRef");
            let sink = view.sink_for(namespace, &field, &dead_letter.sink_ref)?;
            settings.dead_letter_arn = Some(target::dead_letter(&field, &sink, place, &place.arn, view)?);
        }
        Ok(settings)
    }
}

impl Managed for EventRule {
    type Status = EventRuleStatus;
    type Desired = DesiredRule;
    type Observed = SeenRule;

    const KIND: &'static str = "EventRule";

    fn current(&self) -> Option<&EventRuleStatus> {
        self.status.as_ref()
    }
    fn common(status: &EventRuleStatus) -> &CommonStatus {
        &status.common
    }
    fn common_mut(status: &mut EventRuleStatus) -> &mut CommonStatus {
        &mut status.common
    }
    fn management(&self) -> ManagementPolicy {
        self.spec.management_policy
    }
    fn deletion(&self) -> DeletionPolicy {
        self.spec.deletion_policy.unwrap_or(DeletionPolicy::Delete)
    }

    fn identity(&self, view: &View) -> Result<Identity, ReconcileError> {
        let bus = self.bus(view)?;
        let there = bus.identity(view)?;
        let (namespace, name) = (self.metadata.namespace.as_deref().unwrap_or_default(), self.metadata.name.as_deref().unwrap_or_default());
        view.account_for(namespace, Some(&tributary_api::AccountRef { name: there.account.clone(), ..Default::default() }))?;
        let name = self.spec.name.clone().unwrap_or_else(|| names::default_name(namespace, name, 64, names::events_character));
        Ok(Identity { arn: Scope::of(&there).rule(&there.name, &name), name, bus: Some(there.name.clone()), ..there })
    }

    fn desired(&self, view: &View, place: &Identity) -> Result<DesiredRule, ReconcileError> {
        let bus = self.bus(view)?;
        let bus_name = place.bus.clone().unwrap_or_else(|| names::DEFAULT_BUS.into());
        if self.spec.schedule.is_some() && bus_name != names::DEFAULT_BUS {
            return Err(ReconcileError::invalid(
                Reason::InvalidSpec,
                format!(
                    "spec.schedule: AWS runs schedules only on the default bus, and spec.busRef is {bus_name}. Refer to an EventBus with name: default"
                ),
            ));
        }
        // Once it is there, a bus serves its rules whatever else is the matter with it.
        if !bus.status.as_ref().is_some_and(|status| status.common.is_ready() || !status.common.resources.is_empty()) {
            return Err(ReconcileError::blocked(
                Reason::BusNotReady,
                format!("spec.busRef: EventBus {} is not ready; see its conditions", key_of(&bus)),
            ));
        }
        let (pattern, warnings) = self.pattern(&bus, &bus_name, view);
        let defaults = view.account(&place.account).map(|account| account.spec.default_tags).unwrap_or_default();
        let owner = ownership::owner(&view.settings.installation_id, Self::KIND, &key_of(self));
        let (mut targets, mut waiting, mut halt) = (Vec::new(), BTreeMap::new(), None);
        for (index, target) in self.spec.targets.iter().enumerate() {
            match self.target(index, target, place, view) {
                Ok(settings) => targets.push(settings),
                Err(why) => {
                    waiting.insert(target.name.clone(), why.message.clone());
                    halt.get_or_insert(why);
                }
            }
        }
        Ok(DesiredRule {
            bus: bus_name,
            name: place.name.clone(),
            settings: RuleSettings {
                description: self.spec.description.clone(),
                pattern,
                schedule: self.spec.schedule.clone(),
                enabled: self.spec.state == RuleState::Enabled,
            },
            tags: ownership::tags(&defaults, self.spec.tags.as_ref(), &owner),
            targets,
            waiting,
            halt,
            warnings,
            source_problem: source_problem(&bus),
        })
    }

    fn in_use(&self, _: &View) -> Vec<String> {
        vec![]
    }

    fn plan(desired: Option<&DesiredRule>, observed: Option<&SeenRule>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
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
                    steps.push(EventsStep::RemoveTargets { bus: have.bus.clone(), rule: have.name.clone(), ids }.into());
                }
                steps.push(EventsStep::DeleteRule { bus: have.bus.clone(), name: have.name.clone() }.into());
            }
        }
        Ok(steps)
    }

    fn waiting(desired: &DesiredRule, _: Option<&SeenRule>, _: &Identity) -> Option<ReconcileError> {
        desired.halt.clone()
    }

    fn tags(desired: &DesiredRule) -> Option<&Tags> {
        Some(&desired.tags)
    }

    fn report(&self, status: &mut EventRuleStatus, report: &Report<'_, Self>) {
        rule_status::report(self, status, report);
    }

    fn warning_events(&self, before: &EventRuleStatus, now: &EventRuleStatus) -> Vec<WarningEvent> {
        rule_status::warning_events(before, now)
    }
}

/// What the bus says of its partner's event source, while no events come from there.
fn source_problem(bus: &EventBus) -> Option<String> {
    bus.spec.event_source_name.as_ref()?;
    let ready = bus.status.as_ref()?.common.condition("Ready").filter(|condition| condition.status == "False")?;
    ready.reason.starts_with("Source").then(|| format!("EventBus {}: {}", key_of(bus), ready.message))
}

fn check_owner(have: &ObservedRule, context: &PlanContext<'_>) -> Result<(), ReconcileError> {
    let what = format!("rule {} on bus {}", have.name, have.bus);
    if let Some(service) = &have.managed_by {
        return Err(ReconcileError::invalid(
            Reason::NotOwned,
            format!("{what} is kept by {service}, and can be changed by nobody else. Choose another name"),
        ));
    }
    have.tags.as_ref().map_or(Ok(()), |tags| ownership::check(&what, tags, context))
}

fn put_rule(want: &DesiredRule, new: bool) -> Step {
    let tags = new.then(|| want.tags.clone());
    EventsStep::PutRule { bus: want.bus.clone(), name: want.name.clone(), settings: want.settings.clone(), tags }.into()
}

fn put_targets(want: &DesiredRule, targets: Vec<TargetSettings>) -> Step {
    EventsStep::PutTargets { bus: want.bus.clone(), rule: want.name.clone(), targets }.into()
}

/// Targets are put in place and only then are old ones removed, so that no event is lost; where all five places are taken, some go first.
fn target_steps(want: &DesiredRule, have: &[TargetSettings]) -> Vec<Step> {
    let changed: Vec<_> = want.targets.iter().filter(|t| !have.contains(t)).cloned().collect();
    let ids: BTreeSet<_> = want.targets.iter().map(|t| &t.id).chain(want.waiting.keys()).collect();
    let mut stale: Vec<_> = have.iter().filter(|t| !ids.contains(&t.id)).map(|t| t.id.clone()).collect();
    let new = changed.iter().filter(|t| !have.iter().any(|h| h.id == t.id)).count();
    let crowded = (have.len() + new).saturating_sub(TARGETS_PER_RULE).min(stale.len());
    let later = stale.split_off(crowded);
    let remove = |ids: Vec<String>| EventsStep::RemoveTargets { bus: want.bus.clone(), rule: want.name.clone(), ids }.into();
    let mut steps = Vec::new();
    if !stale.is_empty() {
        steps.push(remove(stale));
    }
    if !changed.is_empty() {
        steps.push(put_targets(want, changed));
    }
    // While a new target waits for its sink, what it may stand in for goes on: better one target too many than none.
    let newcomer_waits = want.waiting.keys().any(|id| !have.iter().any(|t| t.id == *id));
    if !later.is_empty() && !newcomer_waits {
        steps.push(remove(later));
    }
    steps
}
