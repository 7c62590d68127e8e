//! A model of AWS for the properties: what each step does to buses, rules, queues, functions and log groups, and what it refuses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tributary_testkit::product::{
    Identity, SourceState, Tags,
    plan::{
        ArchiveSettings, ArchiveStep, BusInAws, BusSettings, BusStep, DesiredGrant, EventsStep, InvokeSettings, LambdaStep, LogsStep,
        Observed, ObservedArchive, ObservedBus, ObservedLambda, ObservedLogGroup, ObservedLogs, ObservedQueue, ObservedSink,
        ObservedSource, ObservedSqs, ObservedTrigger, RuleInAws, RuleStep, SqsStep, Step, TagStep, TriggerStep, policy_document, sid_of,
        statement,
    },
};

use super::{FUNCTION_ARN, GROUP_ARN};

/// Of whatever is planned.
pub fn identity() -> Identity {
    Identity { name: "b".into(), arn: GROUP_ARN.into(), ..Identity::default() }
}

/// A model of what AWS does with each step.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub bus: Option<BusInAws>,
    /// State of the partner event source, where there is one.
    pub source: Option<SourceState>,
    pub archives: Vec<ObservedArchive>,
    pub rule: Option<RuleInAws>,
    pub queues: BTreeMap<String, ObservedQueue>,
    pub mappings: Vec<ObservedTrigger>,
    pub function: Vec<Value>,
    pub invoke: InvokeSettings,
    /// The failure destinations that were set by a step.
    pub set_on_failure: BTreeSet<String>,
    pub group: Option<ObservedLogGroup>,
    pub log_policy: Vec<Value>,
    pub by_role: super::by_role::ByRole,
    pub api: super::api_destination::Api,
}

pub fn archive(aws_name: String, settings: ArchiveSettings) -> ObservedArchive {
    let (arn, state) = (aws_name.clone(), "ENABLED".into());
    ObservedArchive { aws_name, arn, state, state_reason: None, settings, event_count: 0, size_bytes: 0, retained: false }
}

impl Model {
    pub fn apply(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Events(step) => self.events(step),
            Step::Sqs(step) => self.sqs(step),
            Step::Lambda(step) => self.lambda(step),
            Step::Trigger(step) => self.trigger(step),
            Step::Logs(step) => self.logs(step),
            Step::Sns(step) => self.by_role.sns(step),
            Step::States(step) => self.by_role.states(step),
            Step::Iam(step) => self.by_role.iam(step),
            Step::InRegion(step) => self.apply(&step.step),
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
                self.set_on_failure.extend(settings.on_failure.clone());
                self.invoke = settings;
            }
            LambdaStep::DeleteFunctionEventInvokeConfig { .. } => self.invoke = InvokeSettings::default(),
        }
        Ok(())
    }

    fn trigger(&mut self, step: &TriggerStep) -> Result<(), String> {
        match step.clone() {
            TriggerStep::CreateEventSourceMapping { function, settings, tags, .. } => {
                if self.mappings.iter().any(|m| m.function == function) {
                    return Err("there is a mapping to this function".into());
                }
                let (uuid, state) = (function.arn.clone(), "Enabled".to_owned());
                self.mappings.push(ObservedTrigger {
                    arn: uuid.clone(),
                    uuid,
                    function,
                    state,
                    settings,
                    filters_error: None,
                    tags: Some(tags),
                });
            }
            TriggerStep::UpdateEventSourceMapping { uuid, settings, .. } => {
                self.mappings.iter_mut().find(|m| m.uuid == uuid).ok_or("no mapping")?.settings = settings;
            }
            TriggerStep::DeleteEventSourceMapping { uuid, .. } => self.mappings.retain(|m| m.uuid != uuid),
            TriggerStep::TagEventSourceMapping { arn, tags } => {
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
    pub fn observed_lambda(&self) -> Option<ObservedSink> {
        Some(Observed::Lambda(ObservedLambda {
            policy: Some(self.function.clone()),
            invoke: Some(self.invoke.clone()),
            on_failure_ours: self.set_on_failure.clone(),
            ..ObservedLambda::default()
        }))
    }

    #[allow(clippy::unnecessary_wraps)] // As `converges` wants it.
    pub fn observed_logs(&self) -> Option<ObservedSink> {
        Some(Observed::LogGroup(ObservedLogs { group: self.group.clone(), policy: self.log_policy.clone(), ..ObservedLogs::default() }))
    }

    pub fn observed_bus(&self) -> Option<ObservedBus> {
        let has_bus = self.bus.is_some();
        let source = self.source.map(|state| ObservedSource { name: "b".into(), state, has_bus, ..ObservedSource::default() });
        (has_bus || source.is_some()).then(|| ObservedBus {
            bus: self.bus.clone(),
            source,
            archives: Some(self.archives.clone()),
            denied: None,
        })
    }

    fn events(&mut self, step: &EventsStep) -> Result<(), String> {
        match step {
            EventsStep::Bus(step) => self.bus_step(step.clone()),
            EventsStep::Rule(step) => self.rule_step(step.clone()),
            EventsStep::Archive(step) => self.archive_step(step.clone()),
            EventsStep::Connection(step) => self.api.apply_connection(step.clone()),
            EventsStep::ApiDestination(step) => self.api.apply_destination(step.clone()),
            EventsStep::Replay(_) => Err("replays are in no model".into()),
            EventsStep::Tags(step) => self.tag_step(step.clone()),
        }
    }

    fn bus_step(&mut self, step: BusStep) -> Result<(), String> {
        match step {
            BusStep::CreateEventBus { name, source, settings, tags } => {
                if source.is_some() != self.source.is_some() || self.source.is_some_and(|state| state != SourceState::Pending) {
                    return Err(format!("a bus with source {source:?} while the source is {:?}", self.source));
                }
                self.source = self.source.map(|_| SourceState::Active);
                let bus = BusInAws { arn: name.clone(), name, settings, tags: Some(tags), ..BusInAws::default() };
                if self.bus.replace(bus).is_some() {
                    return Err("the bus exists".into());
                }
            }
            BusStep::UpdateEventBus { settings, .. } => {
                let have = &mut self.bus.as_mut().ok_or("no bus")?.settings;
                let log = settings.log.clone().or_else(|| have.log.take()).filter(|log| !log.is_off());
                *have = BusSettings { log, ..settings };
            }
            BusStep::DeleteEventBus { .. } if !self.archives.is_empty() => return Err("the bus has archives".into()),
            BusStep::DeleteEventBus { .. } => drop(self.bus.take().ok_or("no bus")?),
            BusStep::PutPermission { sid, principal, organization, statement, .. } => {
                let bus = self.bus.as_mut().ok_or("no bus")?;
                bus.statements.retain(|statement| statement["Sid"] != sid.as_str());
                bus.statements
                    .push(statement.unwrap_or_else(|| DesiredGrant { sid, principal, organization, free: None }.statement(&identity())));
            }
            BusStep::RemovePermission { sid, .. } => {
                self.bus.as_mut().ok_or("no bus")?.statements.retain(|statement| statement["Sid"] != sid.as_str());
            }
            BusStep::ActivateEventSource { .. } => {
                if self.bus.is_none() || self.source != Some(SourceState::Pending) {
                    return Err("InvalidStateException".into());
                }
                self.source = Some(SourceState::Active);
            }
        }
        Ok(())
    }

    fn rule_step(&mut self, step: RuleStep) -> Result<(), String> {
        match step {
            RuleStep::PutRule { bus, name, settings, tags } => {
                if let Some(rule) = &mut self.rule {
                    rule.settings = settings;
                } else {
                    let arn = name.clone();
                    self.rule = Some(RuleInAws { bus, name, arn, settings, managed_by: None, targets: Some(vec![]), tags });
                }
            }
            RuleStep::DeleteRule { .. } => {
                let rule = self.rule.take().ok_or("no rule")?;
                if rule.targets.is_some_and(|targets| !targets.is_empty()) {
                    return Err("the rule has targets".into());
                }
            }
            RuleStep::PutTargets { targets: new, .. } => {
                let targets = self.rule.as_mut().and_then(|rule| rule.targets.as_mut()).ok_or("no rule")?;
                for target in new {
                    targets.retain(|t| t.id != target.id);
                    targets.push(target);
                }
                if targets.len() > 5 {
                    return Err("more than five targets".into());
                }
            }
            RuleStep::RemoveTargets { ids, .. } => {
                let targets = self.rule.as_mut().and_then(|rule| rule.targets.as_mut()).ok_or("no rule")?;
                targets.retain(|t| !ids.contains(&t.id));
            }
        }
        Ok(())
    }

    fn archive_step(&mut self, step: ArchiveStep) -> Result<(), String> {
        match step {
            ArchiveStep::CreateArchive { name, settings, .. } => {
                if self.bus.is_none() || self.archives.iter().any(|archive| archive.aws_name == name) {
                    return Err("no bus, or the archive exists".into());
                }
                self.archives.push(archive(name, settings));
            }
            ArchiveStep::UpdateArchive { name, settings } => {
                self.archives.iter_mut().find(|archive| archive.aws_name == name).ok_or("no archive")?.settings = settings;
            }
            ArchiveStep::DeleteArchive { name } => self.archives.retain(|archive| archive.aws_name != name),
        }
        Ok(())
    }

    fn tag_step(&mut self, step: TagStep) -> Result<(), String> {
        match step {
            TagStep::TagResource { tags: new, .. } => self.tags().ok_or("nothing to tag")?.extend(new),
            TagStep::UntagResource { keys, .. } => self.tags().ok_or("nothing to untag")?.retain(|key, _| !keys.contains(key)),
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
                put_statement(attributes, statement);
            }
            SqsStep::RemoveStatement { name, sid } => remove_statement(&mut self.queues.get_mut(&name).ok_or("no queue")?.attributes, &sid),
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

    pub fn sink(&self) -> Option<ObservedSink> {
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

/// Replaces the statement of this id in the policy of a queue or topic, as the one writer of the policy does.
pub fn put_statement(attributes: &mut BTreeMap<String, String>, statement: Value) {
    let sid = sid_of(&statement).unwrap_or_default().to_owned();
    remove_statement(attributes, &sid);
    let mut all = statements_in(attributes);
    all.push(statement);
    attributes.insert("Policy".into(), json!({"Version": "2012-10-17", "Statement": all}).to_string());
}

pub fn remove_statement(attributes: &mut BTreeMap<String, String>, sid: &str) {
    let mut all = statements_in(attributes);
    all.retain(|statement| sid_of(statement) != Some(sid));
    if all.is_empty() {
        attributes.remove("Policy");
    } else {
        attributes.insert("Policy".into(), json!({"Version": "2012-10-17", "Statement": all}).to_string());
    }
}

pub fn statements_in(attributes: &BTreeMap<String, String>) -> Vec<Value> {
    attributes.get("Policy").map(|policy| policy_document::statements_of(policy)).unwrap_or_default()
}
