//! From a dead letter to the step that sends it.

use std::collections::{BTreeMap, BTreeSet};

use tributary_pattern::transform::Context;

use super::{Kept, KeptReason, Letter, PublishedEvent, event};
use crate::{
    destinations::Type,
    names::{Arn, bus_of, rule_of},
    rule_tests::delivered,
    steps::{Redelivery, Step, TargetSettings},
};

/// A rule of the cluster, with the targets that AWS has of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTargets {
    /// `namespace/name` of the object.
    pub key: String,
    /// ARN of the rule.
    pub arn: String,
    /// Targets in AWS. They are named in the spec too.
    pub targets: Vec<TargetSettings>,
}

impl RuleTargets {
    /// Returns whether a user means the rule by this name, `namespace/name` or `name`.
    pub fn is_named(&self, name: &str) -> bool {
        self.key == name || self.key.rsplit('/').next() == Some(name)
    }

    /// Returns the targets with the ARN that the letter names.
    pub fn targets_of<'a>(&'a self, letter: &'a Letter) -> impl Iterator<Item = &'a TargetSettings> {
        self.targets.iter().filter(|target| letter.target_arn.as_ref() == Some(&target.arn))
    }
}

/// What decides how dead letters are sent.
#[derive(Clone, Copy, Debug)]
pub struct Redrive<'a> {
    /// Rules by ARN.
    pub rules: &'a BTreeMap<String, RuleTargets>,
    /// ARNs of sinks to which letters of targets go that their rule does not have any more; `None` to keep these letters.
    pub removed_targets: Option<&'a BTreeSet<String>>,
    /// Names of targets that the user chose. They tell targets with the same ARN apart.
    pub targets: &'a [String],
}

/// A dead letter that can be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// `namespace/name` of the rule.
    pub rule: String,
    /// Name of the target; `None` for one that the rule does not have any more.
    pub target: Option<String>,
    /// The step that sends it.
    pub step: Step,
    /// Size of what is sent.
    pub bytes: usize,
}

impl Redrive<'_> {
    /// Returns the rule that the letter names.
    pub fn rule(&self, letter: &Letter) -> Option<&RuleTargets> {
        self.rules.get(letter.rule_arn.as_ref()?)
    }

    /// Plans how the letter is sent.
    ///
    /// # Errors
    /// Why it stays in the queue.
    pub fn plan(&self, letter: &Letter) -> Result<Planned, Kept> {
        let (Some(rule_arn), Some(target_arn)) = (&letter.rule_arn, &letter.target_arn) else {
            let message = "the message has no attributes RULE_ARN and TARGET_ARN, so EventBridge did not send it. Process it by hand.";
            return Err(KeptReason::NotADeadLetter.because(message));
        };
        let rule = self.rule(letter).ok_or_else(|| {
            let message =
                format!("no EventRule that you can read is rule {rule_arn}. Read its namespace too, or process the message by hand.");
            KeptReason::RuleNotFound.because(message)
        })?;
        let Some(target) = self.target(rule, letter)? else { return self.removed(rule, letter, target_arn) };
        let (_, name) = rule_of(rule_arn).unwrap_or_default();
        // The letter does not contain when EventBridge received the event.
        let time = event::time_of(&letter.body);
        let context = Context { rule_arn, rule_name: name, ingestion_time: &time };
        let payload = delivered(target, &letter.body, &context).map_err(|why| {
            let why = why.trim_start_matches("none: ").trim_end_matches('.');
            KeptReason::InputNotBuilt
                .because(format!("the input of target {} cannot be built: {why}. Correct the target of the rule.", target.id))
        })?;
        let group = target.message_group_id.clone();
        planned(rule, Some(target.id.clone()), redelivery(letter, target_arn, group, payload))
    }

    /// Returns the target that the letter is for; `None` if the rule does not have it any more.
    fn target<'r>(&self, rule: &'r RuleTargets, letter: &'r Letter) -> Result<Option<&'r TargetSettings>, Kept> {
        let all: Vec<_> = rule.targets_of(letter).collect();
        let is_chosen = |target: &&&TargetSettings| self.targets.contains(&target.id);
        let chosen: Vec<_> = if all.len() > 1 { all.iter().filter(is_chosen).copied().collect() } else { all.clone() };
        match (chosen.as_slice(), all.is_empty()) {
            ([one], _) => Ok(Some(one)),
            (_, true) => Ok(None),
            _ => {
                let names: Vec<_> = all.iter().map(|target| target.id.as_str()).collect();
                let message = format!(
                    "EventRule {} has several targets with this ARN: {}. Name the one to send to as target.",
                    rule.key,
                    names.join(", ")
                );
                Err(KeptReason::TargetAmbiguous.because(message))
            }
        }
    }

    /// Plans a letter of a target that the rule does not have any more: the whole event, since its input is not known.
    fn removed(&self, rule: &RuleTargets, letter: &Letter, target_arn: &str) -> Result<Planned, Kept> {
        match self.removed_targets {
            Some(sinks) if sinks.contains(target_arn) => planned(rule, None, redelivery(letter, target_arn, None, letter.body.clone())),
            Some(_) => {
                let message =
                    format!("EventRule {} does not have target {target_arn} any more, and no EventSink that you can read is it.", rule.key);
                Err(KeptReason::TargetRemoved.because(message))
            }
            None => {
                let message =
                    format!("EventRule {} does not have target {target_arn} any more. Add the target, or allow removed targets.", rule.key);
                Err(KeptReason::TargetRemoved.because(message))
            }
        }
    }
}

fn redelivery(letter: &Letter, target_arn: &str, message_group_id: Option<String>, payload: String) -> Redelivery {
    Redelivery { message_id: letter.message_id.clone(), target_arn: target_arn.to_owned(), message_group_id, payload: payload.into() }
}

fn planned(rule: &RuleTargets, target: Option<String>, letter: Redelivery) -> Result<Planned, Kept> {
    let (arn, bytes) = (letter.target_arn.clone(), letter.payload.expose().len());
    if bus_of(&arn).is_some() {
        check_published(&arn, letter.payload.expose())?;
    }
    let unsupported = || {
        let message = format!("nothing but EventBridge can send events to {arn}. Publish the event again, or replay it from an archive.");
        KeptReason::TargetUnsupported.because(message)
    };
    let is_here = |target: &Arn<'_>| Arn::parse(&rule.arn).is_some_and(|rule| rule.region == target.region);
    let type_ = Arn::parse(&arn).filter(is_here).and_then(|arn| Type::of_target(&arn)).ok_or_else(unsupported)?;
    let step = type_.redrive(letter).ok_or_else(unsupported)?;
    Ok(Planned { rule: rule.key.clone(), target, step, bytes })
}

/// Checks what only `EventBridge` itself can send to a bus.
fn check_published(bus: &str, event: &str) -> Result<(), Kept> {
    let Some(event) = PublishedEvent::parse(event) else {
        let message = "the event lacks source, detail-type or detail, which PutEvents requires. Process the message by hand.";
        return Err(KeptReason::InputNotBuilt.because(message));
    };
    if event.is_reserved() {
        let message = format!(
            "PutEvents accepts no events of source {:?}, which AWS reserves, so that they cannot be sent to {bus}. Replay them from an archive.",
            event.source
        );
        return Err(KeptReason::SourceReserved.because(message));
    }
    Ok(())
}
