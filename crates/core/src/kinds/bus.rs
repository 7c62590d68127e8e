//! `EventBus` in AWS: the default bus is only used; a custom bus is created, updated and, once
//! empty, deleted; a partner event bus is associated with its event source (`partner.rs`).

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;

use tributary_api::{
    AccountRef, BusLog, BusLogDetail, DeletionPolicy, EventBus, EventBusStatus, Existing, Identity, ManagementPolicy, ResourceStatus, Tags,
    consents,
};

use crate::{
    destinations::target,
    error::{Reason, ReconcileError},
    kinds::{
        archives,
        bus_in_aws::{DesiredBus, ObservedBus},
        bus_logs, bus_policy, bus_steps,
        existing_bus::{self, Found},
        partner::{self, ObservedSource},
    },
    links::{Link, Linked},
    managed::{Managed, Report},
    names,
    object::{ObjectMetaExt, key_of},
    ownership,
    plan::{PlanContext, WarningEvent},
    references::{ReplayReferences, RuleReferences},
    steps::{self, BusSettings, BusStep, EventsStep, LogSettings, Step},
    view::View,
};

/// What an `EventBus` refers to.
pub(super) trait ResolveBus {
    /// ARN of the queue for events that the bus could not encrypt or decrypt.
    ///
    /// # Errors
    /// The sink does not exist, is not permitted, or is not ready.
    fn dead_letter(&self, namespace: &str, identity: &Identity, view: &View) -> Result<Option<String>, ReconcileError>;
}

impl ResolveBus for EventBus {
    fn dead_letter(&self, namespace: &str, identity: &Identity, view: &View) -> Result<Option<String>, ReconcileError> {
        let Some(dead_letter) = &self.spec.dead_letter else { return Ok(None) };
        let field = "spec.deadLetter.sinkRef";
        let sink = view.sink_for(namespace, field, &dead_letter.sink_ref)?;
        target::dead_letter_of_bus(field, &sink, identity, &identity.arn, view).map(Some)
    }
}

/// Refuses an object called `default` that does not say which bus it means (docs/adr/0027).
fn default_bus_unnamed() -> ReconcileError {
    ReconcileError::invalid(
        Reason::InvalidSpec,
        "EventBus default: spec.name is not set. To reference the default event bus, recreate the object with spec.name: default. For a \
         custom event bus, choose another metadata.name.",
    )
}

impl Managed for EventBus {
    type Desired = DesiredBus;
    type Observed = ObservedBus;

    const KIND: &'static str = "EventBus";

    fn management(&self) -> ManagementPolicy {
        self.spec.management_policy
    }
    fn deletion(&self) -> DeletionPolicy {
        if self.spec.existing.is_some() {
            return DeletionPolicy::Retain;
        }
        let retained = self.spec.event_source_name.is_some() || self.spec.archives.iter().any(tributary_api::Archive::retained);
        self.spec.deletion_policy.unwrap_or(if retained { DeletionPolicy::Retain } else { DeletionPolicy::Delete })
    }

    /// Archives, grants and log deliveries may be deleted although the bus stays.
    fn leaves_traces(&self) -> bool {
        let delivers = |status: &EventBusStatus| status.log_delivery.is_some();
        if self.spec.log.as_ref().is_some_and(|log| log.delivery.is_some()) || self.status.as_ref().is_some_and(delivers) {
            return true;
        }
        if !self.spec.grants.is_empty()
            || !self.spec.policy_statements.is_empty()
            || self.status.as_ref().is_some_and(|status| !status.grants.is_empty())
        {
            return true;
        }
        let rows = self.status.iter().flat_map(|status| &status.archives);
        self.spec.archives.iter().any(|archive| !archive.retained())
            || rows.into_iter().any(|row| row.deletion_policy == DeletionPolicy::Delete)
    }

    fn arn_from(&self) -> Option<Existing<'_>> {
        self.spec.existing.as_ref()?.by_arn().filter(|existing| existing.arn_from.is_some())
    }

    fn account_ref(&self) -> Option<AccountRef> {
        Some(self.spec.account_ref.clone().unwrap_or_default())
    }

    fn identity(&self, view: &View) -> Result<Identity, ReconcileError> {
        let namespace = self.own_namespace();
        let account = view.account_for(namespace, self.spec.account_ref.as_ref())?;
        if let Some(existing) = &self.spec.existing {
            return existing_bus::identity(self, existing, &account, view);
        }
        let pinned = self.pinned_identity().map(|identity| identity.name.as_str());
        let name = match self.spec.event_source_name.as_ref().or(self.spec.name.as_ref()) {
            Some(name) => name.clone(),
            None if self.own_name() == names::DEFAULT_BUS && pinned.is_none() => return Err(default_bus_unnamed()),
            None => names::default_name(namespace, self.own_name(), 256, names::events_character, pinned),
        };
        Ok(crate::view::identity(&account, self.spec.region.as_ref(), name, |scope, name| scope.bus(name)))
    }

    fn desired(&self, view: &View, identity: &Identity) -> Result<DesiredBus, ReconcileError> {
        let namespace = self.own_namespace();
        let account = view.account_for(namespace, self.spec.account_ref.as_ref())?;
        if self.spec.existing.is_some() {
            return Ok(existing_bus::desired(identity));
        }
        if self.spec.event_source_name.is_some() {
            partner::only_one(self, identity, view)?;
        }
        let (dead_letter_arn, dead_letter_waits) = match self.dead_letter(namespace, identity, view) {
            Ok(arn) => (arn, None),
            Err(error) if self.spec.event_source_name.is_some() || error.reason.is_refusal() => (None, Some(error)),
            Err(error) => return Err(error),
        };
        let owner = ownership::owner(&view.settings.installation_id, Self::KIND, &key_of(self));
        let (grants, mut refused) = bus_policy::desired(self, view, &account);
        let (archives, not_permitted) = archives::desired(self, view, &account, identity);
        refused.error = refused.error.or(not_permitted);
        refused.dead_letter = dead_letter_waits.as_ref().filter(|error| error.reason.is_refusal()).and_then(|_| {
            let reference = &self.spec.dead_letter.as_ref()?.sink_ref;
            let sink = view.sink(reference.namespace.as_deref().unwrap_or(namespace), &reference.name)?;
            target::arn(&sink).cloned()
        });
        let tags = ownership::tags(&account.spec.default_tags, self.spec.tags.as_ref(), &owner);
        let (logs, logs_wait) = match bus_logs::desired(self, view, &account, identity, &tags) {
            Ok(logs) => (logs, None),
            Err(error) => (None, Some(error)),
        };
        Ok(DesiredBus {
            name: identity.name.clone(),
            source: self.spec.event_source_name.clone(),
            existing: false,
            reported_only: self.spec.management_policy == ManagementPolicy::Observe,
            settings: BusSettings {
                description: self.spec.description.clone(),
                kms_key_id: self.spec.kms_key_id.clone(),
                dead_letter_arn,
                log: self.spec.log.as_ref().map(log),
            },
            tags,
            archives,
            grants,
            dead_letter_waits,
            refused,
            logs,
            logs_wait,
        })
    }

    fn referenced_by(&self, view: &View) -> Vec<String> {
        let mut referrers = Vec::new();
        // Objects in namespaces without consent cannot block deletion.
        let permits = |namespace: &str| consents(&self.metadata, &self.spec.allowed_namespaces, namespace);
        let this = Link::Bus(self.own_namespace(), self.own_name());
        view.each_rule_with(this, |rule| {
            if (permits(rule.own_namespace()) || rule.may_be_in_aws()) && rule.means(self) {
                referrers.push(format!("EventRule {}", key_of(rule)));
            }
        });
        view.each_app(|app| {
            if permits(app.own_namespace()) && app.bus_key() == key_of(self) {
                referrers.push(format!("BenchlingApp {}", key_of(app)));
            }
        });
        view.each_replay(|replay| {
            if permits(replay.own_namespace()) && replay.holds(self) {
                referrers.push(format!("EventReplay {}", key_of(replay)));
            }
        });
        view.each_sink_with(this, |sink| {
            if permits(sink.own_namespace()) {
                referrers.push(format!("EventSink {}", key_of(sink)));
            }
        });
        if let Some(identity) = self.pinned_identity() {
            view.each_sink_with(Link::Uses(&identity.arn), |sink| {
                if !(permits(sink.own_namespace()) && sink.has(this)) {
                    referrers.push(format!("EventSink {} (in AWS)", key_of(sink)));
                }
            });
        }
        referrers
    }

    fn plan(desired: Option<&DesiredBus>, observed: Option<&ObservedBus>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
        let source = observed.and_then(|observed| observed.source.as_ref());
        if desired.is_some_and(|want| want.existing) || source.is_some_and(|source| source.unchanged) {
            return Ok(vec![]);
        }
        let kept = observed.and_then(|observed| observed.archives.as_deref());
        let have = observed.and_then(|observed| observed.bus.as_ref());
        let logs = bus_steps::logs(desired, observed, context);
        if context.identity.name == names::DEFAULT_BUS {
            return bus_steps::default_bus(desired, have, kept, logs, context);
        }
        let mut steps: Vec<Step> = Vec::new();
        match (desired, have) {
            // AWS removes nothing of them with the bus.
            (None, None) => steps.extend(logs.into_iter().flatten()),
            (Some(want), None) => {
                bus_policy::check_size(&want.grants, &[], context)?;
                // Without its dead-letter queue only a partner event bus is created, whose source expires.
                let complete = want.dead_letter_waits.is_none() || want.source.is_some();
                if complete && source.is_none_or(ObservedSource::accepts_bus) {
                    let (name, source) = (want.name.clone(), want.source.clone());
                    steps.push(BusStep::CreateEventBus { name, source, settings: want.settings.clone(), tags: want.tags.clone() }.into());
                    steps.extend(bus_policy::steps(&want.grants, &[], context));
                    steps.extend(archives::steps(&want.archives, kept.unwrap_or_default(), &context.identity.arn));
                    steps.extend(logs.into_iter().flatten());
                }
            }
            (Some(want), Some(have)) => {
                if !want.reported_only {
                    bus_steps::check_owner(have, context)?;
                }
                if let Some(tags) = &have.tags {
                    steps.extend(steps::tag_steps(&have.arn, &want.tags, tags, context));
                }
                let mut settings = want.settings.clone();
                if want.dead_letter_waits.is_some() && have.settings.dead_letter_arn != want.refused.dead_letter {
                    settings.dead_letter_arn.clone_from(&have.settings.dead_letter_arn);
                }
                if settings != have.settings {
                    if settings.log.is_none() && have.settings.log.is_some() {
                        settings.log = Some(LogSettings::off());
                    }
                    steps.push(BusStep::UpdateEventBus { name: want.name.clone(), settings }.into());
                }
                bus_policy::check_size(&want.grants, &have.statements, context)?;
                steps.extend(bus_policy::steps(&want.grants, &want.refused.statements(&have.statements, context.identity), context));
                if source.is_some_and(ObservedSource::waits_for_activation) {
                    steps.push(BusStep::ActivateEventSource { name: want.name.clone() }.into());
                }
                if let Some(kept) = kept {
                    steps.extend(archives::steps(&want.archives, kept, &context.identity.arn));
                }
                steps.extend(logs.into_iter().flatten());
            }
            (None, Some(have)) => steps = bus_steps::removal(have, kept.unwrap_or_default(), logs, context)?,
        }
        Ok(steps)
    }

    fn uses(desired: &DesiredBus, observed: Option<&ObservedBus>) -> Option<BTreeSet<String>> {
        let kept = || observed?.bus.as_ref()?.settings.dead_letter_arn.as_ref();
        let queue = desired.settings.dead_letter_arn.as_ref().or_else(|| desired.dead_letter_waits.as_ref().and_then(|_| kept()));
        let logs = observed.and_then(|observed| observed.logs.as_ref());
        let of_logs = bus_logs::uses(desired.logs.as_ref(), desired.logs_wait.is_some(), logs);
        Some(queue.into_iter().cloned().chain(of_logs).collect())
    }

    fn waiting(desired: &DesiredBus, observed: Option<&ObservedBus>, identity: &Identity) -> Option<ReconcileError> {
        if desired.existing {
            return existing_bus::waiting(observed, identity);
        }
        let source = observed.and_then(|observed| observed.source.as_ref()).and_then(|source| source.error(identity));
        let kept = observed.and_then(|observed| observed.archives.as_deref());
        let refused = || desired.refused.error.clone();
        source
            .or_else(|| desired.dead_letter_waits.clone())
            .or_else(refused)
            .or_else(|| archives::invalid(&desired.archives))
            .or_else(|| archives::waiting(kept?))
            .or_else(|| desired.logs_wait.clone())
            .or_else(|| bus_steps::logs_refused(desired, observed, identity))
    }

    fn tags(desired: &DesiredBus) -> Option<&Tags> {
        Some(&desired.tags)
    }

    fn record_observed(&self, status: &mut EventBusStatus, observed: Option<&ObservedBus>, now: Timestamp) {
        status.event_source = observed.and_then(|o| o.source.as_ref()).map(|source| source.status(&[], now));
    }

    fn record_intent(&self, status: &mut EventBusStatus, desired: &DesiredBus, _: &[Step]) {
        status.archives = archives::planned_rows(&status.archives, &desired.archives);
        let new = desired.grants.iter().map(|grant| grant.sid.clone()).filter(|sid| !status.grants.contains(sid)).collect::<Vec<_>>();
        status.grants.extend(new);
        status.log_delivery = bus_logs::intent(status.log_delivery.as_ref(), desired.logs.as_ref());
    }

    fn report(&self, status: &mut EventBusStatus, report: &Report<'_, Self>) {
        let (observed, now) = (report.observed, report.now);
        status.event_source = observed.and_then(|o| o.source.as_ref()).map(|source| source.status(report.applied, now));
        if self.spec.existing.is_some() {
            existing_bus::report(status, Found::of(observed));
            return;
        }
        let exists = observed.is_some_and(|o| o.bus.is_some()) || report.complete() || created(report.applied);
        if let Some(identity) = &status.common.identity
            && exists
        {
            if let Some(desired) = report.desired {
                if report.complete() {
                    status.grants = desired.grants.iter().map(|grant| grant.sid.clone()).collect();
                }
                let kept = observed.and_then(|observed| observed.archives.as_deref());
                status.archives = archives::rows(&status.archives, &desired.archives, kept, report.applied, report.complete(), identity);
                let logs = observed.and_then(|observed| observed.logs.as_ref());
                let (before, want) = (status.log_delivery.as_ref(), desired.logs.as_ref());
                status.log_delivery = bus_logs::report(before, want, logs, report.complete(), identity);
            }
            status.common.resources = vec![ResourceStatus { type_: "AWS::Events::EventBus".into(), arn: identity.arn.clone() }];
            status.common.resources.extend(archives::resources(&status.archives));
            status.common.resources.extend(bus_logs::resources(status.log_delivery.as_ref(), identity));
        } else if observed.and_then(|o| o.source.as_ref()).is_some_and(|source| !source.unchanged) {
            // The partner event bus was deleted: its rules must not continue as if it existed.
            status.common.resources.clear();
        }
    }

    fn warning_events(&self, before: &EventBusStatus, now: &EventBusStatus) -> Vec<WarningEvent> {
        partner::warning_events(before.event_source.as_ref(), now.event_source.as_ref())
    }
}

fn log(log: &BusLog) -> LogSettings {
    let detail: &str = log.include_detail.unwrap_or(BusLogDetail::None).into();
    let level: &str = log.level.into();
    LogSettings { level: level.into(), detail: detail.into() }
}

fn created(applied: &[Step]) -> bool {
    applied.iter().any(|step| matches!(step, Step::Events(EventsStep::Bus(BusStep::CreateEventBus { .. }))))
}
