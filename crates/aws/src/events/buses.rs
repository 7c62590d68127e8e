//! Adapter of EventBridge: reads into `Observed...`, one call per step.

use std::time::Duration;

use aws_sdk_eventbridge::types::{self as sdk, RuleState, Tag};
use futures::future::BoxFuture;

use tributary_api::Tags;
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    kinds::{BusInAws, ObservedRule},
    names::DEFAULT_BUS,
    policy_document::statements_of,
    steps::{BusSettings, EventsStep, LogSettings, RuleSettings, TargetSettings},
};

use crate::{
    AwsError, Priority, Session,
    events::{
        connections::Values,
        targets::{dead_letter, observed_target, sdk_target},
    },
};

/// Sends one request at this session's pace.
macro_rules! send {
    ($self:expr, $call:literal, $request:expr) => {{
        let request = $request;
        $self.call(&$self.shared.events, $call, $self.priority, || Box::pin(request.clone().send())).await
    }};
}

pub(crate) use send;

impl Session {
    pub async fn bus(&self, name: &str) -> Result<Option<BusInAws>, ReconcileError> {
        match send!(self, "events:DescribeEventBus", self.events.describe_event_bus().name(name)) {
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
            Ok(bus) => Ok(Some(BusInAws {
                name: name.to_owned(),
                arn: bus.arn.unwrap_or_default(),
                settings: BusSettings {
                    description: bus.description.filter(|text| !text.is_empty()),
                    kms_key_id: bus.kms_key_identifier.filter(|text| !text.is_empty()),
                    dead_letter_arn: bus.dead_letter_config.and_then(|config| config.arn).filter(|text| !text.is_empty()),
                    log: bus.log_config.as_ref().and_then(observed_log),
                },
                statements: statements_of(bus.policy.as_deref().unwrap_or_default()),
                managed_by: bus.managed_by.filter(|text| !text.is_empty()),
                tags: None,
                rules: vec![],
            })),
        }
    }

    /// Tags of a bus or rule.
    pub async fn event_tags(&self, arn: &str) -> Result<Tags, ReconcileError> {
        let tags = send!(self, "events:ListTagsForResource", self.events.list_tags_for_resource().resource_arn(arn))?;
        Ok(tags.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    /// One rule, as the list of its bus has it; the list may be this old.
    pub async fn rule(&self, bus: &str, name: &str, age: Duration) -> Result<Option<ObservedRule>, ReconcileError> {
        self.shared.rules.read(bus, age, || self.list_rules(bus, None), |rules| rules.get(name).cloned()).await
    }

    /// Names of all rules that the bus has.
    pub async fn rule_names(&self, bus: &str) -> Result<Vec<String>, ReconcileError> {
        self.shared.rules.read(bus, Duration::ZERO, || self.list_rules(bus, None), |rules| rules.keys().cloned().collect()).await
    }

    /// The same asked of AWS by name. A list of several pages may miss a rule while others are deleted: what is not in it may be there.
    pub async fn rule_by_name(&self, bus: &str, name: &str) -> Result<Option<ObservedRule>, ReconcileError> {
        Ok(self.list_rules(bus, Some(name)).await?.into_iter().find(|rule| rule.name == name))
    }

    fn list_rules<'a>(&'a self, bus: &'a str, prefix: Option<&'a str>) -> BoxFuture<'a, Result<Vec<ObservedRule>, ReconcileError>> {
        Box::pin(async move {
            let (mut rules, mut next) = (Vec::new(), None);
            loop {
                // A page serves up to 100 rules, and somebody always waits for it: it is no sweep call.
                let request = self.events.list_rules().event_bus_name(bus).limit(100).set_next_token(next);
                let request = request.set_name_prefix(prefix.map(str::to_owned));
                let page = self.call(&self.shared.events, "events:ListRules", Priority::Change, || Box::pin(request.clone().send())).await;
                let page = match page {
                    Err(error) if error.is_not_found() => return Ok(vec![]),
                    page => page?,
                };
                rules.extend(page.rules.unwrap_or_default().into_iter().map(|rule| observed_rule(bus, rule)));
                next = page.next_token.filter(|token| !token.is_empty());
                if next.is_none() {
                    return Ok(rules);
                }
            }
        })
    }

    pub async fn targets(&self, bus: &str, rule: &str) -> Result<Vec<TargetSettings>, ReconcileError> {
        let (mut targets, mut next) = (Vec::new(), None);
        loop {
            let request = self.events.list_targets_by_rule().event_bus_name(bus).rule(rule).set_next_token(next);
            let page = match send!(self, "events:ListTargetsByRule", request) {
                Err(error) if error.is_not_found() => return Ok(vec![]),
                page => page?,
            };
            targets.extend(page.targets.unwrap_or_default().into_iter().map(observed_target));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(targets);
            }
        }
    }

    /// The only writes to EventBridge. `values`: the secret ones that the step names.
    pub async fn apply_events(&self, step: &EventsStep, values: &Values) -> Result<(), ReconcileError> {
        let events = &self.events;
        match step {
            EventsStep::CreateEventBus { name, source, settings, tags } => {
                let request = events
                    .create_event_bus()
                    .name(name)
                    .set_event_source_name(source.clone())
                    .set_description(settings.description.clone())
                    .set_kms_key_identifier(settings.kms_key_id.clone())
                    .set_dead_letter_config(dead_letter(settings.dead_letter_arn.as_ref()))
                    .set_log_config(settings.log.as_ref().map(sdk_log))
                    .set_tags(Some(sdk_tags(tags)?));
                let answer = send!(self, "events:CreateEventBus", request);
                self.shared.sources.forget().await;
                answer?;
            }
            EventsStep::ActivateEventSource { name } => {
                let answer = send!(self, "events:ActivateEventSource", events.activate_event_source().name(name));
                self.shared.sources.forget().await;
                match answer {
                    Err(error) if error.code == "InvalidStateException" => {
                        return Err(ReconcileError::new(
                            RetryClass::Refused,
                            Reason::Rejected,
                            format!(
                                "{}: {}: {} The source is Pending, and AWS does not join it with its old bus. Delete the rules and the bus {name} in AWS; bus and rules are then made anew by themselves",
                                error.call, error.code, error.message
                            ),
                        ));
                    }
                    answer => drop(answer?),
                }
            }
            EventsStep::UpdateEventBus { name, settings } => {
                // What is left out may stay as it is; empty says that there shall be none.
                let request = events
                    .update_event_bus()
                    .name(name)
                    .description(settings.description.clone().unwrap_or_default())
                    .kms_key_identifier(settings.kms_key_id.clone().unwrap_or_default())
                    .dead_letter_config(
                        dead_letter(settings.dead_letter_arn.as_ref()).unwrap_or_else(|| sdk::DeadLetterConfig::builder().build()),
                    )
                    .set_log_config(settings.log.as_ref().map(sdk_log));
                send!(self, "events:UpdateEventBus", request)?;
            }
            EventsStep::DeleteEventBus { name } => {
                send!(self, "events:DeleteEventBus", events.delete_event_bus().name(name))?;
            }
            EventsStep::PutPermission { bus, sid, principal, organization } => {
                let member = |id: &String| {
                    sdk::Condition::builder().r#type("StringEquals").key("aws:PrincipalOrgID").value(id).build().map_err(unbuilt)
                };
                let request = events.put_permission().event_bus_name(bus).statement_id(sid).action("events:PutEvents").principal(principal);
                let request = request.set_condition(organization.as_ref().map(member).transpose()?);
                send!(self, "events:PutPermission", request)?;
            }
            EventsStep::RemovePermission { bus, sid } => {
                let request = events.remove_permission().event_bus_name(bus).statement_id(sid);
                ignore_not_found(send!(self, "events:RemovePermission", request))?;
            }
            EventsStep::CreateArchive { .. } | EventsStep::UpdateArchive { .. } | EventsStep::DeleteArchive { .. } => {
                self.apply_archive(step).await?;
            }
            EventsStep::DeleteConnection { .. }
            | EventsStep::CreateApiDestination { .. }
            | EventsStep::UpdateApiDestination { .. }
            | EventsStep::DeleteApiDestination { .. } => self.apply_destination(step).await?,
            EventsStep::CreateConnection { .. } | EventsStep::UpdateConnection { .. } => self.apply_connection(step, values).await?,
            EventsStep::StartReplay { name, settings } => self.start_replay(name, settings).await?,
            EventsStep::CancelReplay { name } => self.cancel_replay(name).await?,
            EventsStep::PutRule { bus, name, settings, tags } => self.put_rule(bus, name, settings, tags.as_ref()).await?,
            EventsStep::DeleteRule { bus, name } => {
                let answer = send!(self, "events:DeleteRule", events.delete_rule().event_bus_name(bus).name(name));
                self.wrote_rule(bus, name, answer.as_ref().err(), None).await;
                ignore_not_found(answer)?;
            }
            EventsStep::PutTargets { bus, rule, targets } => self.put_targets(bus, rule, targets).await?,
            EventsStep::RemoveTargets { bus, rule, ids } => {
                let request = events.remove_targets().event_bus_name(bus).rule(rule).set_ids(Some(ids.clone()));
                if let Some(answer) = ignore_not_found(send!(self, "events:RemoveTargets", request))? {
                    let failed = answer.failed_entries.unwrap_or_default().into_iter();
                    let failed: Vec<_> = failed.filter(|entry| entry.error_code.as_deref() != Some("ResourceNotFoundException")).collect();
                    let count = i32::try_from(failed.len()).unwrap_or(i32::MAX);
                    let failed = failed.into_iter().map(|entry| (entry.target_id, entry.error_code, entry.error_message));
                    failed_entries("events:RemoveTargets", count, failed)?;
                }
            }
            EventsStep::TagResource { arn, tags } => {
                send!(self, "events:TagResource", events.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(tags)?)))?;
            }
            EventsStep::UntagResource { arn, keys } => {
                send!(self, "events:UntagResource", events.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.clone())))?;
            }
        }
        Ok(())
    }

    async fn put_targets(&self, bus: &str, rule: &str, targets: &[TargetSettings]) -> Result<(), ReconcileError> {
        let targets = targets.iter().map(sdk_target).collect::<Result<Vec<_>, _>>()?;
        let request = self.events.put_targets().event_bus_name(bus).rule(rule).set_targets(Some(targets));
        let answer = send!(self, "events:PutTargets", request)?;
        // HTTP 200 is not success.
        let failed = answer.failed_entries.unwrap_or_default();
        let failed = failed.into_iter().map(|entry| (entry.target_id, entry.error_code, entry.error_message));
        failed_entries("events:PutTargets", answer.failed_entry_count, failed)
    }

    async fn put_rule(&self, bus: &str, name: &str, settings: &RuleSettings, tags: Option<&Tags>) -> Result<(), ReconcileError> {
        let request = self
            .events
            .put_rule()
            .event_bus_name(bus)
            .name(name)
            .set_description(settings.description.clone())
            .set_event_pattern(settings.pattern.as_ref().map(ToString::to_string))
            .set_schedule_expression(settings.schedule.clone())
            // Left out, AWS enables the rule; a disabled one must say so each time.
            .state(if settings.enabled { RuleState::Enabled } else { RuleState::Disabled })
            .set_tags(tags.map(sdk_tags).transpose()?);
        let answer = send!(self, "events:PutRule", request);
        let arn = answer.as_ref().ok().and_then(|answer| answer.rule_arn.clone()).unwrap_or_default();
        let rule = ObservedRule {
            bus: bus.into(),
            name: name.into(),
            arn,
            settings: settings.clone(),
            managed_by: None,
            targets: None,
            tags: None,
        };
        self.wrote_rule(bus, name, answer.as_ref().err(), Some(rule)).await;
        answer.map(drop).map_err(ReconcileError::from)
    }

    async fn wrote_rule(&self, bus: &str, name: &str, error: Option<&AwsError>, rule: Option<ObservedRule>) {
        match error {
            None => self.shared.rules.wrote(bus, name, rule).await,
            // A refused write changed nothing: the list holds, and many refused rules do not make everyone wait for it anew.
            Some(error) if error.is_refusal() => {}
            Some(_) => self.shared.rules.forget(bus).await,
        }
    }
}

pub(crate) fn ignore_not_found<T>(answer: Result<T, AwsError>) -> Result<Option<T>, ReconcileError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn failed_entries(
    call: &str,
    count: i32,
    entries: impl Iterator<Item = (Option<String>, Option<String>, Option<String>)>,
) -> Result<(), ReconcileError> {
    if count == 0 {
        return Ok(());
    }
    let entries: Vec<_> =
        entries.map(|(id, code, message)| (id.unwrap_or_default(), code.unwrap_or_default(), message.unwrap_or_default())).collect();
    let passing = entries.iter().any(|(_, code, _)| code.contains("Concurrent") || code.contains("Throttl") || code.contains("Internal"));
    let text: Vec<_> = entries.iter().map(|(id, code, message)| format!("target {id}: {code}: {message}")).collect();
    let class = if passing { RetryClass::Transient } else { RetryClass::Refused };
    let text = if text.is_empty() { format!("{count} entries failed, and AWS does not say which") } else { text.join("; ") };
    Err(ReconcileError::new(
        class,
        Reason::TargetRejected,
        format!("{call}: AWS answered 200 and refused {count}: {text}. Correct that target in spec.targets; it is tried again by itself"),
    )
    .of(entries.into_iter().map(|(id, ..)| id).collect()))
}

fn sdk_log(log: &LogSettings) -> sdk::LogConfig {
    sdk::LogConfig::builder().level(log.level.as_str().into()).include_detail(log.detail.as_str().into()).build()
}

fn observed_log(log: &sdk::LogConfig) -> Option<LogSettings> {
    let level = log.level.as_ref()?;
    let detail = log.include_detail.as_ref().unwrap_or(&sdk::IncludeDetail::None);
    Some(LogSettings { level: level.as_str().to_owned(), detail: detail.as_str().to_owned() }).filter(|log| !log.is_off())
}

fn sdk_tags(tags: &Tags) -> Result<Vec<Tag>, ReconcileError> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(unbuilt)).collect()
}

pub(crate) fn unbuilt(error: impl std::fmt::Display) -> ReconcileError {
    ReconcileError::invalid(Reason::InvalidSpec, format!("the request could not be built: {error}"))
}

fn observed_rule(bus: &str, rule: sdk::Rule) -> ObservedRule {
    ObservedRule {
        bus: rule
            .event_bus_name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| if bus.is_empty() { DEFAULT_BUS.into() } else { bus.into() }),
        name: rule.name.unwrap_or_default(),
        arn: rule.arn.unwrap_or_default(),
        settings: RuleSettings {
            description: rule.description.filter(|text| !text.is_empty()),
            pattern: rule.event_pattern.filter(|text| !text.is_empty()).map(|text| parsed(&text)),
            schedule: rule.schedule_expression.filter(|text| !text.is_empty()),
            enabled: rule.state != Some(RuleState::Disabled),
        },
        managed_by: rule.managed_by.filter(|text| !text.is_empty()),
        targets: None,
        tags: None,
    }
}

/// A pattern that is no JSON cannot be ours, and differs from whatever we want.
pub(crate) fn parsed(pattern: &str) -> serde_json::Value {
    serde_json::from_str(pattern).unwrap_or_else(|_| pattern.into())
}
