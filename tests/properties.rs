//! Eventually stable reconciliation, as a property of every kind's plan: after the plan is applied to a model of AWS, nothing is left to
//! plan; a deletion leaves nothing; and on the way there no limit of AWS is broken.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection, option, prelude::*, sample::subsequence};
use serde_json::json;
use tributary::{
    api::{EventBus, EventRule, EventSink, Identity, OWNER_TAG, Tags},
    resources::{DesiredBus, DesiredRule, DesiredSink, Managed, ObservedBus, ObservedRule, ObservedSink, PlanContext},
    sinks::sqs::{DesiredQueue, DesiredSqs, ObservedQueue, ObservedSqs},
    steps::{BusSettings, EventsStep, RuleSettings, SqsStep, Step, TargetSettings},
};

const OWNER: &str = "i/Kind/ns/name";
const QUEUE_ARN: &str = "arn:aws:sqs:eu-west-1:111122223333:q";

fn with_context<R>(retain: bool, run: impl FnOnce(&PlanContext<'_>) -> R) -> R {
    let identity = Identity { name: "b".into(), ..Identity::default() };
    let tag_keys: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
    run(&PlanContext { identity: &identity, owner: OWNER, adopt: None, tag_keys: &tag_keys, retain })
}

/// A model of what AWS does with each step.
#[derive(Clone, Debug, Default)]
struct Model {
    bus: Option<ObservedBus>,
    rule: Option<ObservedRule>,
    queues: BTreeMap<String, ObservedQueue>,
}

impl Model {
    fn apply(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Events(step) => self.events(step),
            Step::Sqs(step) => self.sqs(step),
        }
    }

    fn events(&mut self, step: &EventsStep) -> Result<(), String> {
        match step.clone() {
            EventsStep::CreateEventBus { name, settings, tags } => {
                let bus = ObservedBus { arn: name.clone(), name, settings, tags: Some(tags), rules: vec![] };
                if self.bus.replace(bus).is_some() {
                    return Err("the bus exists".into());
                }
            }
            EventsStep::UpdateEventBus { settings, .. } => self.bus.as_mut().ok_or("no bus")?.settings = settings,
            EventsStep::DeleteEventBus { .. } => drop(self.bus.take().ok_or("no bus")?),
            EventsStep::PutRule { bus, name, settings, tags } => {
                if let Some(rule) = &mut self.rule {
                    rule.settings = settings;
                } else {
                    let arn = name.clone();
                    self.rule = Some(ObservedRule { bus, name, arn, settings, managed_by: None, targets: Some(vec![]), tags });
                }
            }
            EventsStep::DeleteRule { .. } => {
                let rule = self.rule.take().ok_or("no rule")?;
                if rule.targets.is_some_and(|targets| !targets.is_empty()) {
                    return Err("the rule has targets".into());
                }
            }
            EventsStep::PutTargets { targets: new, .. } => {
                let targets = self.rule.as_mut().and_then(|rule| rule.targets.as_mut()).ok_or("no rule")?;
                for target in new {
                    targets.retain(|t| t.id != target.id);
                    targets.push(target);
                }
                if targets.len() > 5 {
                    return Err("more than five targets".into());
                }
            }
            EventsStep::RemoveTargets { ids, .. } => {
                let targets = self.rule.as_mut().and_then(|rule| rule.targets.as_mut()).ok_or("no rule")?;
                targets.retain(|t| !ids.contains(&t.id));
            }
            EventsStep::TagResource { tags: new, .. } => self.tags().ok_or("nothing to tag")?.extend(new),
            EventsStep::UntagResource { keys, .. } => self.tags().ok_or("nothing to untag")?.retain(|key, _| !keys.contains(key)),
        }
        Ok(())
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        self.bus.as_mut().and_then(|bus| bus.tags.as_mut()).or(self.rule.as_mut().and_then(|rule| rule.tags.as_mut()))
    }

    fn sqs(&mut self, step: &SqsStep) -> Result<(), String> {
        match step.clone() {
            SqsStep::CreateQueue { name, attributes, tags } => {
                let queue = ObservedQueue { name: name.clone(), attributes, tags: Some(tags) };
                if self.queues.insert(name, queue).is_some() {
                    return Err("the queue exists".into());
                }
            }
            SqsStep::SetQueueAttributes { name, attributes: new } => {
                let attributes = &mut self.queues.get_mut(&name).ok_or("no queue")?.attributes;
                attributes.extend(new);
                attributes.retain(|_, value| !value.is_empty());
                if attributes.contains_key("KmsMasterKeyId") {
                    attributes.insert("SqsManagedSseEnabled".into(), "false".into());
                }
            }
            SqsStep::PutStatement { name, statement } => {
                let attributes = &mut self.queues.get_mut(&name).ok_or("no queue")?.attributes;
                attributes.insert("Policy".into(), json!({"Version": "2012-10-17", "Statement": [statement]}).to_string());
            }
            SqsStep::RemoveStatement { name, .. } => drop(self.queues.get_mut(&name).ok_or("no queue")?.attributes.remove("Policy")),
            SqsStep::TagQueue { name, tags: new } => {
                self.queues.get_mut(&name).and_then(|q| q.tags.as_mut()).ok_or("no queue")?.extend(new);
            }
            SqsStep::UntagQueue { name, keys } => {
                self.queues.get_mut(&name).and_then(|q| q.tags.as_mut()).ok_or("no queue")?.retain(|key, _| !keys.contains(key));
            }
            SqsStep::DeleteQueue { name } => drop(self.queues.remove(&name).ok_or("no queue")?),
        }
        Ok(())
    }

    fn sink(&self) -> Option<ObservedSink> {
        let (queue, dead_letter) = (self.queues.get("q").cloned(), self.queues.get("q-dlq").cloned());
        (queue.is_some() || dead_letter.is_some())
            .then_some(ObservedSink { sqs: ObservedSqs { queue, dead_letter, ..ObservedSqs::default() } })
    }
}

/// Plans, applies, and plans again until nothing is left, at most `passes` times.
fn converges<K: Managed>(
    desired: Option<&K::Desired>,
    model: &mut Model,
    observe: impl Fn(&Model) -> Option<K::Observed>,
    passes: usize,
) -> Result<(), TestCaseError> {
    for _ in 0..passes {
        let observed = observe(model);
        let steps = with_context(false, |context| K::plan(desired, observed.as_ref(), context))
            .map_err(|halt| TestCaseError::fail(halt.to_string()))?;
        for step in &steps {
            model.apply(step).map_err(|why| TestCaseError::fail(format!("{step}: {why}; of {steps:?}")))?;
        }
    }
    let observed = observe(model);
    let left = with_context(false, |context| K::plan(desired, observed.as_ref(), context))
        .map_err(|halt| TestCaseError::fail(halt.to_string()))?;
    prop_assert!(left.is_empty(), "still to do: {left:?}, of {observed:?}");
    Ok(())
}

fn tags() -> impl Strategy<Value = Tags> {
    collection::btree_map("[abc]", "[12]", 0..3).prop_map(|mut tags| {
        tags.insert(OWNER_TAG.into(), OWNER.into());
        tags
    })
}

fn bus_settings() -> impl Strategy<Value = BusSettings> {
    (option::of("[xy]"), option::of("[xy]"), option::of("[xy]")).prop_map(|(description, kms_key_id, dead_letter_arn)| BusSettings {
        description,
        kms_key_id,
        dead_letter_arn,
    })
}

fn rule_settings() -> impl Strategy<Value = RuleSettings> {
    (option::of("[xy]"), "[xy]", any::<bool>()).prop_map(|(description, source, enabled)| RuleSettings {
        description,
        pattern: Some(json!({"source": [source]})),
        schedule: None,
        enabled,
    })
}

fn targets(from: [&'static str; 5]) -> impl Strategy<Value = Vec<TargetSettings>> {
    (subsequence(from.to_vec(), 0..=5), "[xy]").prop_map(|(ids, arn)| {
        ids.into_iter().map(|id| TargetSettings { id: id.into(), arn: arn.clone(), ..TargetSettings::default() }).collect()
    })
}

fn attributes() -> impl Strategy<Value = BTreeMap<String, String>> {
    (option::of("[12]"), option::of("[12]"), option::of(prop_oneof![Just(("SqsManagedSseEnabled", "true")), Just(("KmsMasterKeyId", "k"))]))
        .prop_map(|(delay, redrive, encryption)| {
            let redrive = redrive.map(|count| json!({"deadLetterTargetArn": "d", "maxReceiveCount": count}).to_string());
            let all = [("DelaySeconds", delay), ("RedrivePolicy", redrive)];
            let all = all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            all.chain(encryption.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
        })
}

fn sources() -> impl Strategy<Value = BTreeSet<String>> {
    collection::btree_set("arn:aws:events:eu-west-1:111122223333:rule/bus/[a-z]{20}", 0..120)
}

fn desired_sink() -> impl Strategy<Value = DesiredSink> {
    (attributes(), any::<bool>(), tags(), sources()).prop_map(|(attributes, with_dead_letter, tags, sources)| {
        let queue = |name: &str, attributes| DesiredQueue { name: name.into(), arn: QUEUE_ARN.into(), attributes, tags: tags.clone() };
        let sqs = DesiredSqs {
            managed: Some(queue("q", attributes)),
            dead_letter: with_dead_letter.then(|| queue("q-dlq", BTreeMap::new())),
            arn: QUEUE_ARN.into(),
            name: "q".into(),
            sid: tributary::resources::ownership::sid(OWNER),
            wanted: sources.clone(),
            sources,
            forgotten: false,
        };
        DesiredSink { sqs, external: false }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn a_bus_converges_and_is_deleted(have in option::of((bus_settings(), tags())), want in (bus_settings(), tags())) {
        let mut model = Model {
            bus: have.map(|(settings, tags)| ObservedBus { name: "b".into(), arn: "b".into(), settings, tags: Some(tags), rules: vec![] }),
            ..Model::default()
        };
        let desired = DesiredBus { name: "b".into(), settings: want.0, tags: want.1 };
        converges::<EventBus>(Some(&desired), &mut model, |model| model.bus.clone(), 1)?;
        converges::<EventBus>(None, &mut model, |model| model.bus.clone(), 1)?;
        prop_assert!(model.bus.is_none());
    }

    #[test]
    fn a_rule_converges_within_five_targets_and_is_deleted(
        have in option::of((rule_settings(), targets(["a", "b", "c", "d", "e"]), tags())),
        want in (rule_settings(), targets(["c", "d", "e", "f", "g"]), tags()),
        waiting in option::of(Just("w")),
    ) {
        let named = |settings, targets, tags| ObservedRule {
            bus: "b".into(), name: "r".into(), arn: "r".into(), settings, managed_by: None, targets: Some(targets), tags: Some(tags),
        };
        let mut model = Model { rule: have.map(|(settings, targets, tags)| named(settings, targets, tags)), ..Model::default() };
        let waiting: BTreeMap<_, _> = waiting.filter(|_| want.1.len() < 5).map(|id: &str| (id.to_owned(), String::new())).into_iter().collect();
        let desired = DesiredRule { bus: "b".into(), name: "r".into(), settings: want.0, tags: want.2, targets: want.1, waiting, halt: None };
        converges::<EventRule>(Some(&desired), &mut model, |model| model.rule.clone(), 1)?;
        converges::<EventRule>(None, &mut model, |model| model.rule.clone(), 1)?;
        prop_assert!(model.rule.is_none());
    }

    #[test]
    fn a_sink_converges_whatever_was_there_before_and_its_policy_fits(before in desired_sink(), want in desired_sink()) {
        let mut model = Model::default();
        converges::<EventSink>(Some(&before), &mut model, Model::sink, 1)?;
        converges::<EventSink>(Some(&want), &mut model, Model::sink, 1)?;
        let policy = model.queues["q"].attributes.get("Policy").map_or(0, String::len);
        prop_assert!(policy <= 8_192, "the policy has {policy} bytes");
        converges::<EventSink>(None, &mut model, Model::sink, 1)?;
        prop_assert!(!model.queues.contains_key("q"));
    }
}
