//! Rules with their targets. A rule is written with all its targets or not at all: those that its object lacks would be removed.

use serde_json::{Map, Value};
use tributary_api::{BusRef, EventRule, EventRuleSpec, InputTransformer, RetryPolicy, Target, TargetDeadLetter};
use tributary_core::{
    names::{Arn, Scope, bus_name},
    steps::TargetSettings,
};

use super::{
    Object, Writer,
    sinks::{self, Wanted, dead_letter},
};
use crate::cli::{
    Error,
    import::model::{Remark, Rule},
};

/// Most targets of a rule (`EventRule`, `spec.targets`).
const MOST_TARGETS: usize = 5;
/// Retries that AWS makes without a policy (EventBridge API reference, `RetryPolicy`).
const DEFAULT_AGE: i32 = 86_400;
const DEFAULT_ATTEMPTS: i32 = 185;

/// A target with the sinks that it needs.
struct Draft {
    target: Target,
    sink: Wanted,
    dead_letter: Option<Wanted>,
}

impl Writer<'_> {
    pub(super) fn all_rules(&mut self, rules: Vec<Rule>) -> Result<(), Error> {
        for rule in rules {
            match draft(&rule) {
                Ok((spec, drafts)) => self.rule(&rule, spec, drafts)?,
                Err(reason) => {
                    let text = format!("{reason}. The rule stays as it is.");
                    self.output.report.left_out.push(Remark { origin: rule.origin, text });
                }
            }
        }
        Ok(())
    }

    fn rule(&mut self, rule: &Rule, mut spec: EventRuleSpec, drafts: Vec<Draft>) -> Result<(), Error> {
        let bus = self.bus_object_of(&rule.bus, &rule.origin)?;
        for Draft { mut target, sink, dead_letter } in drafts {
            if target.input.as_ref().is_some_and(|input| input.values().any(has_whole_fraction)) {
                let text = format!(
                    "the input of target {} has a number such as 1.0, which Kubernetes stores as 1, so that adoption writes the target once.",
                    target.name
                );
                self.output.report.notes.push(Remark { origin: rule.origin.clone(), text });
            }
            target.sink_ref = self.sink_ref(sink, &rule.origin)?;
            if let Some(dead) = dead_letter {
                target.dead_letter = Some(TargetDeadLetter { sink_ref: self.sink_ref(dead, &rule.origin)?, inspect: false });
            }
            spec.targets.push(target);
        }
        let name = self.names.unique("EventRule", &[rule.name.clone(), format!("{bus}-{}", rule.name)]);
        spec.bus_ref = BusRef { name: bus, ..BusRef::default() };
        let object = Object { kind: "EventRule", name: &name, origin: &rule.origin, is_adopted: true, spec: &spec };
        let document = self.document::<EventRule>(&object)?;
        self.output.rules.push(document);
        let foreign = Arn::parse(&rule.bus);
        let scope = foreign.as_ref().map(Scope::of_arn).or_else(|| self.scope());
        if let Some(arn) = scope.map(|scope| scope.rule(bus_name(&rule.bus), &rule.name)) {
            self.grant_arn(&arn);
        }
        Ok(())
    }
}

/// Returns the rule without its references.
fn draft(rule: &Rule) -> Result<(EventRuleSpec, Vec<Draft>), String> {
    if rule.targets.len() > MOST_TARGETS {
        return Err(format!("it has {} targets, and an EventRule has at most {MOST_TARGETS}", rule.targets.len()));
    }
    let settings = &rule.settings;
    if settings.pattern.is_none() && settings.schedule.is_none() {
        return Err("it has neither an event pattern nor a schedule".into());
    }
    let event_pattern = settings.pattern.as_ref().map(|pattern| object(pattern, "its event pattern")).transpose()?.map(Into::into);
    let spec = EventRuleSpec {
        name: Some(rule.name.clone()),
        description: settings.description.clone(),
        event_pattern,
        schedule: settings.schedule.clone(),
        state: settings.state,
        tags: (!rule.tags.is_empty()).then(|| rule.tags.clone()),
        ..EventRuleSpec::default()
    };
    let drafts = rule.targets.iter().map(draft_of_target).collect::<Result<_, _>>()?;
    Ok((spec, drafts))
}

fn draft_of_target(target: &TargetSettings) -> Result<Draft, String> {
    let name = format!("the input of target {}", target.id);
    let (age, attempts) = (
        target.maximum_event_age_seconds.filter(|age| *age != DEFAULT_AGE),
        target.maximum_retry_attempts.filter(|attempts| *attempts != DEFAULT_ATTEMPTS),
    );
    let retry = RetryPolicy { maximum_event_age_seconds: age, maximum_retry_attempts: attempts };
    let transformer = target.transformer.clone();
    Ok(Draft {
        sink: sinks::of_target(target)?,
        dead_letter: target.dead_letter_arn.as_deref().map(dead_letter).transpose()?,
        target: Target {
            name: target.id.clone(),
            input: target.input.as_ref().map(|input| object(input, &name)).transpose()?,
            input_path: target.input_path.clone().filter(|path| path != "$"),
            input_transformer: transformer.map(|(input_paths_map, input_template)| InputTransformer { input_paths_map, input_template }),
            retry: (age.is_some() || attempts.is_some()).then_some(retry),
            ..Target::default()
        },
    })
}

fn object(value: &Value, what: &str) -> Result<Map<String, Value>, String> {
    value.as_object().cloned().ok_or_else(|| format!("{what} is not a JSON object, and an EventRule has objects only"))
}

/// Returns whether a number has a fraction of zero, which the API server does not keep.
fn has_whole_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64() && number.as_f64().is_some_and(|number| number.fract() == 0.0),
        Value::Array(items) => items.iter().any(has_whole_fraction),
        Value::Object(map) => map.values().any(has_whole_fraction),
        _ => false,
    }
}
