//! Eventually stable reconciliation, as a property of every kind's plan: after the plan is applied to a model of AWS, nothing is left to
//! plan; a deletion leaves nothing; and on the way there no limit of AWS is broken.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection, option, prelude::*, sample::subsequence};
use serde_json::{Value, json};
use tributary::{
    api::{EventBus, EventRule, EventSink, Identity, OWNER_TAG, SourceState, Tags},
    resources::{
        BusInAws, DesiredBus, DesiredRule, DesiredSink, Managed, ObservedBus, ObservedRule, ObservedSink, PlanContext,
        partner::ObservedSource,
    },
    sinks::{
        Desired, Observed,
        grants::Grants,
        lambda::{DesiredLambda, ObservedLambda, function_of, statement},
        logs::{DesiredLogGroup, DesiredLogs, ObservedLogGroup, ObservedLogs},
        policy::sid_of,
        sqs::{DesiredQueue, DesiredSqs, ObservedQueue, ObservedSqs},
        triggers::{DesiredTrigger, ObservedTrigger},
    },
    steps::{BusSettings, EventsStep, InvokeSettings, LambdaStep, LogsStep, MappingSettings, RuleSettings, SqsStep, Step, TargetSettings},
};

const OWNER: &str = "i/Kind/ns/name";
const QUEUE_ARN: &str = "arn:aws:sqs:eu-west-1:111122223333:q";
const FUNCTION_ARN: &str = "arn:aws:lambda:eu-west-1:111122223333:function:f";
const GROUP_ARN: &str = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/events/g";

fn with_context<R>(retain: bool, run: impl FnOnce(&PlanContext<'_>) -> R) -> R {
    let identity = Identity { name: "b".into(), arn: GROUP_ARN.into(), ..Identity::default() };
    let tag_keys: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
    run(&PlanContext { identity: &identity, owner: OWNER, adopt: None, tag_keys: &tag_keys, retain, orphan: false })
}

/// A model of what AWS does with each step.
#[derive(Clone, Debug, Default)]
struct Model {
    bus: Option<BusInAws>,
    /// State of the partner event source, where there is one.
    source: Option<SourceState>,
    rule: Option<ObservedRule>,
    queues: BTreeMap<String, ObservedQueue>,
    mappings: Vec<ObservedTrigger>,
    function: Vec<Value>,
    invoke: InvokeSettings,
    /// The failure destination that status remembers as ours.
    set_on_failure: Option<String>,
    group: Option<ObservedLogGroup>,
    log_policy: Vec<Value>,
}

impl Model {
    fn apply(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Events(step) => self.events(step),
            Step::Sqs(step) => self.sqs(step),
            Step::Lambda(step) => self.lambda(step),
            Step::Logs(step) => self.logs(step),
            Step::Child(step) => Err(format!("{step} is no step of AWS")),
        }
    }

    fn lambda(&mut self, step: &LambdaStep) -> Result<(), String> {
        match step.clone() {
            LambdaStep::AddPermission { sid, source, .. } => {
                if self.function.iter().any(|s| sid_of(s) == Some(&sid)) {
                    return Err("the statement id exists".into());
                }
                let prefix = sid.rsplit_once('-').map(|(prefix, _)| prefix.to_owned()).ok_or("no hash")?;
                self.function.push(statement(&prefix, FUNCTION_ARN, &source));
                let size = self.function.iter().map(|s| s.to_string().len() + 1).sum::<usize>();
                if size > 20_480 {
                    return Err(format!("the policy has {size} bytes"));
                }
            }
            LambdaStep::RemovePermission { sid, .. } => self.function.retain(|s| sid_of(s) != Some(&sid)),
            LambdaStep::PutFunctionEventInvokeConfig { settings, .. } => {
                self.set_on_failure.clone_from(&settings.on_failure);
                self.invoke = settings;
            }
            LambdaStep::DeleteFunctionEventInvokeConfig { .. } => self.invoke = InvokeSettings::default(),
            LambdaStep::CreateEventSourceMapping { function, settings, tags, .. } => {
                if self.mappings.iter().any(|m| m.function == function) {
                    return Err("there is a mapping to this function".into());
                }
                let (uuid, state) = (function.arn.clone(), "Enabled".to_owned());
                self.mappings.push(ObservedTrigger { arn: uuid.clone(), uuid, function, state, settings, tags: Some(tags) });
            }
            LambdaStep::UpdateEventSourceMapping { uuid, settings, .. } => {
                self.mappings.iter_mut().find(|m| m.uuid == uuid).ok_or("no mapping")?.settings = settings;
            }
            LambdaStep::DeleteEventSourceMapping { uuid, .. } => self.mappings.retain(|m| m.uuid != uuid),
            LambdaStep::TagEventSourceMapping { arn, tags } => {
                let mapping = self.mappings.iter_mut().find(|m| m.arn == arn).ok_or("no mapping")?;
                mapping.tags.get_or_insert_default().extend(tags);
            }
        }
        Ok(())
    }

    fn logs(&mut self, step: &LogsStep) -> Result<(), String> {
        let group = || "no log group".to_owned();
        match step.clone() {
            LogsStep::CreateLogGroup { class, kms_key_arn, tags, .. } => {
                let tags = Some(tags);
                let made = ObservedLogGroup { arn: GROUP_ARN.into(), class, kms_key_arn, tags, ..ObservedLogGroup::default() };
                if self.group.replace(made).is_some() {
                    return Err("the log group exists".into());
                }
            }
            LogsStep::PutRetentionPolicy { days, .. } => self.group.as_mut().ok_or_else(group)?.retention_days = Some(days),
            LogsStep::DeleteRetentionPolicy { .. } => self.group.as_mut().ok_or_else(group)?.retention_days = None,
            LogsStep::AssociateKmsKey { kms_key_arn, .. } => self.group.as_mut().ok_or_else(group)?.kms_key_arn = Some(kms_key_arn),
            LogsStep::DisassociateKmsKey { .. } => self.group.as_mut().ok_or_else(group)?.kms_key_arn = None,
            LogsStep::TagLogGroup { tags, .. } => self.group.as_mut().and_then(|g| g.tags.as_mut()).ok_or_else(group)?.extend(tags),
            LogsStep::UntagLogGroup { keys, .. } => {
                self.group.as_mut().and_then(|g| g.tags.as_mut()).ok_or_else(group)?.retain(|key, _| !keys.contains(key));
            }
            LogsStep::PutPolicyStatements { instead_of, statements, .. } => {
                self.log_policy.retain(|s| !sid_of(s).is_some_and(|sid| instead_of.iter().any(|own| own == sid)));
                self.log_policy.extend(statements);
                let size = self.log_policy.iter().map(|s| s.to_string().len() + 1).sum::<usize>() + 40;
                if size > 5_120 {
                    return Err(format!("the policy has {size} characters"));
                }
            }
            LogsStep::RemovePolicyStatements { sids, .. } => {
                self.log_policy.retain(|s| !sid_of(s).is_some_and(|sid| sids.iter().any(|own| own == sid)));
            }
            LogsStep::DeleteLogGroup { .. } => drop(self.group.take().ok_or_else(group)?),
        }
        Ok(())
    }

    #[allow(clippy::unnecessary_wraps)] // As `converges` wants it.
    fn observed_lambda(&self) -> Option<ObservedSink> {
        Some(Observed::Lambda(ObservedLambda {
            policy: Some(self.function.clone()),
            invoke: Some(self.invoke.clone()),
            on_failure_before: self.set_on_failure.clone(),
            ..ObservedLambda::default()
        }))
    }

    #[allow(clippy::unnecessary_wraps)] // As `converges` wants it.
    fn observed_logs(&self) -> Option<ObservedSink> {
        Some(Observed::LogGroup(ObservedLogs { group: self.group.clone(), policy: self.log_policy.clone(), ..ObservedLogs::default() }))
    }

    fn observed_bus(&self) -> Option<ObservedBus> {
        let has_bus = self.bus.is_some();
        let source = self.source.map(|state| ObservedSource { name: "b".into(), state, has_bus, ..ObservedSource::default() });
        (has_bus || source.is_some()).then(|| ObservedBus { bus: self.bus.clone(), source })
    }

    fn events(&mut self, step: &EventsStep) -> Result<(), String> {
        match step.clone() {
            EventsStep::CreateEventBus { name, source, settings, tags } => {
                if source.is_some() != self.source.is_some() || self.source.is_some_and(|state| state != SourceState::Pending) {
                    return Err(format!("a bus with source {source:?} while the source is {:?}", self.source));
                }
                self.source = self.source.map(|_| SourceState::Active);
                let bus = BusInAws { arn: name.clone(), name, settings, tags: Some(tags), ..BusInAws::default() };
                if self.bus.replace(bus).is_some() {
                    return Err("the bus exists".into());
                }
            }
            EventsStep::UpdateEventBus { settings, .. } => self.bus.as_mut().ok_or("no bus")?.settings = settings,
            EventsStep::DeleteEventBus { .. } => drop(self.bus.take().ok_or("no bus")?),
            EventsStep::ActivateEventSource { .. } => {
                if self.bus.is_none() || self.source != Some(SourceState::Pending) {
                    return Err("InvalidStateException".into());
                }
                self.source = Some(SourceState::Active);
            }
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
        let triggers = self.mappings.clone();
        (queue.is_some() || dead_letter.is_some() || !triggers.is_empty()).then_some(Observed::Sqs(ObservedSqs {
            queue,
            dead_letter,
            triggers,
            ..ObservedSqs::default()
        }))
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

fn grants(arn: &'static str) -> impl Strategy<Value = Grants> {
    let sid = tributary::resources::ownership::sid(OWNER);
    sources().prop_map(move |sources| Grants { arn: arn.into(), sid: sid.clone(), wanted: sources.clone(), sources, forgotten: false })
}

fn triggers() -> impl Strategy<Value = Vec<(u8, i32)>> {
    subsequence(vec![1_u8, 2, 3], 0..=3).prop_flat_map(|functions| functions.into_iter().map(|f| (Just(f), 1..20)).collect::<Vec<_>>())
}

fn desired_sink() -> impl Strategy<Value = DesiredSink> {
    (attributes(), any::<bool>(), tags(), grants(QUEUE_ARN), triggers()).prop_map(
        |(attributes, with_dead_letter, tags, grants, triggers)| {
            let queue = |name: &str, attributes| DesiredQueue { name: name.into(), arn: QUEUE_ARN.into(), attributes, tags: tags.clone() };
            let trigger = |(function, batch_size): (u8, i32)| DesiredTrigger {
                function: function_of(&format!("{FUNCTION_ARN}{function}")),
                settings: MappingSettings {
                    batch_size,
                    maximum_batching_window_seconds: 1,
                    maximum_concurrency: None,
                    report_batch_item_failures: batch_size % 2 == 0,
                    enabled: true,
                },
                tags: tags.clone(),
            };
            sink(Desired::Sqs(DesiredSqs {
                managed: Some(queue("q", attributes)),
                dead_letter: with_dead_letter.then(|| queue("q-dlq", BTreeMap::new())),
                name: "q".into(),
                grants,
                triggers: triggers.into_iter().map(trigger).collect(),
            }))
        },
    )
}

fn desired_lambda() -> impl Strategy<Value = DesiredSink> {
    (grants(FUNCTION_ARN), option::of("[xy]"))
        .prop_map(|(grants, on_failure)| sink(Desired::Lambda(DesiredLambda { function: function_of(FUNCTION_ARN), grants, on_failure })))
}

fn desired_logs() -> impl Strategy<Value = DesiredSink> {
    (grants(GROUP_ARN), tags(), option::of(1..3), option::of("[xy]")).prop_map(|(grants, tags, retention_days, kms_key_arn)| {
        let managed = Some(DesiredLogGroup { class: None, retention_days, kms_key_arn, tags });
        sink(Desired::LogGroup(DesiredLogs { name: "/aws/events/g".into(), managed, grants, policy: "p".into() }))
    })
}

fn sink(target: Desired) -> DesiredSink {
    DesiredSink { target, external: false, role_arn: None, halt: None }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn a_bus_converges_and_is_deleted(have in option::of((bus_settings(), tags())), want in (bus_settings(), tags())) {
        let mut model = Model {
            bus: have.map(|(settings, tags)| bus(settings, tags)),
            ..Model::default()
        };
        let desired = DesiredBus { name: "b".into(), source: None, settings: want.0, tags: want.1 };
        converges::<EventBus>(Some(&desired), &mut model, Model::observed_bus, 1)?;
        converges::<EventBus>(None, &mut model, Model::observed_bus, 1)?;
        prop_assert!(model.bus.is_none());
    }

    #[test]
    fn a_partners_bus_takes_its_source_whatever_state_it_is_in(
        have in option::of((bus_settings(), tags())),
        want in (bus_settings(), tags()),
        state in prop_oneof![Just(SourceState::Missing), Just(SourceState::Pending), Just(SourceState::Active), Just(SourceState::Deleted)],
    ) {
        let mut model = Model { bus: have.map(|(settings, tags)| bus(settings, tags)), source: Some(state), ..Model::default() };
        let had_bus = model.bus.is_some();
        let desired = DesiredBus { name: "b".into(), source: Some("b".into()), settings: want.0, tags: want.1 };
        converges::<EventBus>(Some(&desired), &mut model, Model::observed_bus, 1)?;
        let observed = model.observed_bus();
        let waits = EventBus::waiting(&desired, observed.as_ref(), &Identity::default()).is_some();
        match (state, had_bus) {
            (SourceState::Pending, _) => prop_assert!(model.source == Some(SourceState::Active) && model.bus.is_some() && !waits),
            (SourceState::Active, true) => prop_assert!(!waits),
            (SourceState::Active, false) => prop_assert!(waits && model.bus.is_none()),
            (SourceState::Missing | SourceState::Deleted, _) => prop_assert!(waits && model.bus.is_some() == had_bus),
        }
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
        let desired = DesiredRule { bus: "b".into(), name: "r".into(), settings: want.0, tags: want.2, targets: want.1, waiting, halt: None, warnings: vec![] };
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

    #[test]
    fn a_function_converges_and_its_policy_fits_beside_foreign_statements(before in desired_lambda(), want in desired_lambda()) {
        let foreign = json!({"Sid": "theirs", "Effect": "Allow"});
        let mut model = Model { function: vec![foreign.clone()], ..Model::default() };
        converges::<EventSink>(Some(&before), &mut model, Model::observed_lambda, 1)?;
        converges::<EventSink>(Some(&want), &mut model, Model::observed_lambda, 1)?;
        prop_assert!(model.function.contains(&foreign));
        converges::<EventSink>(None, &mut model, Model::observed_lambda, 1)?;
        prop_assert_eq!(model.function, vec![foreign]);
        prop_assert_eq!(model.invoke.on_failure, None);
    }

    #[test]
    fn a_log_group_converges_and_leaves_the_policy_as_it_was(before in desired_logs(), want in desired_logs()) {
        let foreign = json!({"Sid": "Theirs", "Effect": "Allow"});
        let mut model = Model { log_policy: vec![foreign.clone()], ..Model::default() };
        converges::<EventSink>(Some(&before), &mut model, Model::observed_logs, 1)?;
        converges::<EventSink>(Some(&want), &mut model, Model::observed_logs, 1)?;
        prop_assert!(model.log_policy.contains(&foreign));
        converges::<EventSink>(None, &mut model, Model::observed_logs, 1)?;
        prop_assert_eq!(model.log_policy, vec![foreign]);
        prop_assert!(model.group.is_none());
    }
}

fn bus(settings: BusSettings, tags: Tags) -> BusInAws {
    BusInAws { name: "b".into(), arn: "b".into(), settings, tags: Some(tags), ..BusInAws::default() }
}
