//! Rules, and the targets that are put on them.

use std::time::Duration;

use aws_sdk_eventbridge::types::{self as sdk, RuleState, Tag};
use futures::future::BoxFuture;

use tributary_api::Tags;
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    kinds::RuleInAws,
    names::{DEFAULT_BUS, is_bus_arn},
    steps::{RuleSettings, RuleStep, TargetSettings},
};

use crate::{
    client::{
        call::{Call, Events},
        error::AwsError,
        rate_limiter::Priority,
        request::{ignore_not_found, non_empty, parsed, sdk_tags, send},
        session::Session,
    },
    events::targets::{observed_target, sdk_target},
};

impl Session {
    /// Returns one rule from the list of its bus's rules, which is no older than `age`. A rule on a bus of another account is requested
    /// by name: that account can allow the read of single rules only (docs/aws-facts.md, RT20).
    ///
    /// # Errors
    /// Those of `ListRules` or `DescribeRule`.
    pub async fn rule(&self, bus: &str, name: &str, age: Duration) -> Result<Option<RuleInAws>, ReconcileError> {
        if is_bus_arn(bus) {
            return self.described_rule(bus, name).await;
        }
        self.shared.caches.rules.read(&self.caller.arn, bus, age, || self.list_rules(bus, None), |rules| rules.get(name)).await
    }

    /// Returns the names of all rules of the bus, listed now.
    ///
    /// # Errors
    /// Those of `ListRules`.
    pub async fn rule_names(&self, bus: &str) -> Result<Vec<String>, ReconcileError> {
        self.shared
            .caches
            .rules
            .read(&self.caller.arn, bus, Duration::ZERO, || self.list_rules(bus, None), |rules| rules.names().map(str::to_owned).collect())
            .await
    }

    /// Returns all rules of the bus whose names begin with the prefix, listed now, without targets and tags.
    ///
    /// # Errors
    /// Those of `ListRules`.
    pub async fn rules_with_prefix(&self, bus: &str, prefix: Option<&str>) -> Result<Vec<RuleInAws>, ReconcileError> {
        self.list_rules(bus, prefix).await
    }

    /// Returns one rule, requested by name. A list of several pages may miss a rule while others are deleted.
    ///
    /// # Errors
    /// Those of `ListRules`.
    pub async fn rule_by_name(&self, bus: &str, name: &str) -> Result<Option<RuleInAws>, ReconcileError> {
        if is_bus_arn(bus) {
            return self.described_rule(bus, name).await;
        }
        Ok(self.list_rules(bus, Some(name)).await?.into_iter().find(|rule| rule.name == name))
    }

    async fn described_rule(&self, bus: &str, name: &str) -> Result<Option<RuleInAws>, ReconcileError> {
        let request = self.events.describe_rule().event_bus_name(bus).name(name);
        let found = ignore_not_found(send!(self, events, DescribeRule, request))?;
        Ok(found.map(|rule| RuleInAws {
            bus: bus.to_owned(),
            name: name.to_owned(),
            arn: rule.arn.unwrap_or_default(),
            settings: observed_settings(rule.description, rule.event_pattern, rule.schedule_expression, rule.state.as_ref()),
            managed_by: non_empty(rule.managed_by),
            targets: None,
            tags: None,
        }))
    }

    fn list_rules<'a>(&'a self, bus: &'a str, prefix: Option<&'a str>) -> BoxFuture<'a, Result<Vec<RuleInAws>, ReconcileError>> {
        Box::pin(async move {
            let mut rules = Vec::new();
            let mut next = None;
            loop {
                let request = self.events.list_rules().event_bus_name(bus).limit(100).set_next_token(next);
                let request = request.set_name_prefix(prefix.map(str::to_owned));
                // A page serves up to 100 rules, and some reconcile waits for it, so that it never has the priority of a resync.
                let page = ignore_not_found(send!(self, events, ListRules, request, Priority::Change))?;
                let Some(page) = page else { return Ok(vec![]) };
                rules.extend(page.rules.unwrap_or_default().into_iter().map(|rule| observed_rule(bus, rule)));
                next = non_empty(page.next_token);
                if next.is_none() {
                    return Ok(rules);
                }
            }
        })
    }

    /// Returns the targets of a rule; none if the rule does not exist.
    ///
    /// # Errors
    /// Those of `ListTargetsByRule`.
    pub async fn targets(&self, bus: &str, rule: &str) -> Result<Vec<TargetSettings>, ReconcileError> {
        let mut targets = Vec::new();
        let mut next = None;
        loop {
            let request = self.events.list_targets_by_rule().event_bus_name(bus).rule(rule).set_next_token(next);
            let Some(page) = ignore_not_found(send!(self, events, ListTargetsByRule, request))? else { return Ok(vec![]) };
            targets.extend(page.targets.unwrap_or_default().into_iter().map(observed_target));
            next = non_empty(page.next_token);
            if next.is_none() {
                return Ok(targets);
            }
        }
    }

    pub(super) async fn apply_rule(&self, step: &RuleStep) -> Result<(), ReconcileError> {
        match step {
            RuleStep::PutRule { bus, name, settings, tags } => self.put_rule(bus, name, settings, tags.as_ref()).await,
            RuleStep::DeleteRule { bus, name } => {
                let answer = send!(self, events, DeleteRule, self.events.delete_rule().event_bus_name(bus).name(name));
                self.record_rule_write(bus, name, answer.as_ref().err(), None).await;
                ignore_not_found(answer)?;
                Ok(())
            }
            RuleStep::PutTargets { bus, rule, targets } => self.put_targets(bus, rule, targets).await,
            RuleStep::RemoveTargets { bus, rule, ids } => self.remove_targets(bus, rule, ids).await,
        }
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
            // AWS enables a rule whose request omits the state.
            .state(sdk_state(settings.state))
            .set_tags(tags.map(|tags| sdk_tags!(Tag, tags)).transpose()?);
        let answer = send!(self, events, PutRule, request);
        let rule = RuleInAws {
            bus: bus.into(),
            name: name.into(),
            arn: answer.as_ref().ok().and_then(|answer| answer.rule_arn.clone()).unwrap_or_default(),
            settings: settings.clone(),
            managed_by: None,
            targets: None,
            tags: None,
        };
        self.record_rule_write(bus, name, answer.as_ref().err(), Some(rule)).await;
        answer.map(drop).map_err(ReconcileError::from)
    }

    /// Puts the targets. AWS rejects a call as a whole for one invalid target (docs/aws-facts.md, E11): then each is put separately, so
    /// that one does not keep the events from the others.
    async fn put_targets(&self, bus: &str, rule: &str, targets: &[TargetSettings]) -> Result<(), ReconcileError> {
        let rejection = match self.put_batch(bus, rule, targets).await {
            Err(error) if error.reason == Reason::Rejected => error,
            answer => return answer,
        };
        if let [only] = targets {
            let message = format!("target {}: {}", only.id, rejection.message);
            return Err(ReconcileError::new(RetryClass::Refused, Reason::TargetRejected, message).of(vec![only.id.clone()]));
        }
        let (mut rejected, mut texts) = (Vec::new(), Vec::new());
        for target in targets {
            match self.put_batch(bus, rule, std::slice::from_ref(target)).await {
                Ok(()) => {}
                Err(error) if error.stalled() => {
                    rejected.push(target.id.clone());
                    texts.push(format!("target {}: {}", target.id, error.message.trim_end_matches('.')));
                }
                Err(error) => return Err(error),
            }
        }
        if rejected.is_empty() {
            return Ok(());
        }
        Err(ReconcileError::new(RetryClass::Refused, Reason::TargetRejected, texts.join("; ")).of(rejected))
    }

    async fn put_batch(&self, bus: &str, rule: &str, targets: &[TargetSettings]) -> Result<(), ReconcileError> {
        let targets = targets.iter().map(sdk_target).collect::<Result<Vec<_>, _>>()?;
        let request = self.events.put_targets().event_bus_name(bus).rule(rule).set_targets(Some(targets));
        let answer = send!(self, events, PutTargets, request)?;
        // AWS answers HTTP 200 where it refuses single targets.
        let entries = answer.failed_entries.unwrap_or_default().into_iter();
        let failed = entries.map(|entry| FailedEntry::new(entry.target_id, entry.error_code, entry.error_message)).collect();
        check_entries(Events::PutTargets, answer.failed_entry_count, failed)
    }

    async fn remove_targets(&self, bus: &str, rule: &str, ids: &[String]) -> Result<(), ReconcileError> {
        let request = self.events.remove_targets().event_bus_name(bus).rule(rule).set_ids(Some(ids.to_vec()));
        let Some(answer) = ignore_not_found(send!(self, events, RemoveTargets, request))? else { return Ok(()) };
        let entries = answer.failed_entries.unwrap_or_default().into_iter();
        let entries = entries.map(|entry| FailedEntry::new(entry.target_id, entry.error_code, entry.error_message));
        let failed: Vec<_> = entries.filter(|entry| !entry.is_not_found()).collect();
        check_entries(Events::RemoveTargets, i32::try_from(failed.len()).unwrap_or(i32::MAX), failed)
    }

    /// Enters the outcome of a write into the list of the bus's rules; `rule` is `None` after a deletion.
    async fn record_rule_write(&self, bus: &str, name: &str, error: Option<&AwsError>, rule: Option<RuleInAws>) {
        match error {
            None => self.shared.caches.rules.record_write(bus, name, rule).await,
            // A refused write changed nothing, so the list holds: many refused rules do not cause as many lists.
            Some(error) if error.is_refusal() => {}
            Some(_) => self.shared.caches.rules.forget(bus).await,
        }
    }
}

/// One target that AWS refused in a call that succeeded for the others.
struct FailedEntry {
    target: String,
    code: String,
    message: String,
}

impl FailedEntry {
    fn new(target: Option<String>, code: Option<String>, message: Option<String>) -> Self {
        Self { target: target.unwrap_or_default(), code: code.unwrap_or_default(), message: message.unwrap_or_default() }
    }

    fn is_not_found(&self) -> bool {
        self.code == "ResourceNotFoundException"
    }

    /// AWS does not document the codes of entries; these parts of names are common to the transient ones of all its services.
    fn is_transient(&self) -> bool {
        ["Concurrent", "Throttl", "Internal"].iter().any(|part| self.code.contains(part))
    }
}

/// Returns an error if `count` entries of the call failed.
fn check_entries(call: Events, count: i32, failed: Vec<FailedEntry>) -> Result<(), ReconcileError> {
    if count == 0 {
        return Ok(());
    }
    let class = if failed.iter().any(FailedEntry::is_transient) { RetryClass::Transient } else { RetryClass::Refused };
    let texts: Vec<_> = failed.iter().map(|entry| format!("target {}: {}: {}", entry.target, entry.code, entry.message)).collect();
    let text = if texts.is_empty() { format!("{count} entries failed, and AWS does not report which") } else { texts.join("; ") };
    let message = format!(
        "{}: AWS answered 200 and refused {count}: {text}. Correct that target in spec.targets. Retried automatically",
        Call::from(call)
    );
    let targets = failed.into_iter().map(|entry| entry.target).collect();
    Err(ReconcileError::new(class, Reason::TargetRejected, message).of(targets))
}

/// The rule as a row of its bus's list. Its bus is what the request named: AWS may return a name for an ARN.
fn observed_rule(bus: &str, rule: sdk::Rule) -> RuleInAws {
    RuleInAws {
        bus: if bus.is_empty() { DEFAULT_BUS } else { bus }.to_owned(),
        name: rule.name.unwrap_or_default(),
        arn: rule.arn.unwrap_or_default(),
        settings: observed_settings(rule.description, rule.event_pattern, rule.schedule_expression, rule.state.as_ref()),
        managed_by: non_empty(rule.managed_by),
        targets: None,
        tags: None,
    }
}

fn observed_settings(
    description: Option<String>,
    pattern: Option<String>,
    schedule: Option<String>,
    state: Option<&RuleState>,
) -> RuleSettings {
    RuleSettings {
        description: non_empty(description),
        pattern: non_empty(pattern).map(|text| parsed(&text)),
        schedule: non_empty(schedule),
        state: observed_state(state),
    }
}

fn sdk_state(state: tributary_api::RuleState) -> RuleState {
    match state {
        tributary_api::RuleState::Enabled => RuleState::Enabled,
        tributary_api::RuleState::Disabled => RuleState::Disabled,
        tributary_api::RuleState::EnabledWithAllCloudTrailManagementEvents => RuleState::EnabledWithAllCloudtrailManagementEvents,
    }
}

fn observed_state(state: Option<&RuleState>) -> tributary_api::RuleState {
    match state {
        Some(RuleState::Disabled) => tributary_api::RuleState::Disabled,
        Some(RuleState::EnabledWithAllCloudtrailManagementEvents) => tributary_api::RuleState::EnabledWithAllCloudTrailManagementEvents,
        _ => tributary_api::RuleState::Enabled,
    }
}
