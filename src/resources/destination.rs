//! What an `EventSink` wants of AWS, by type: built from its spec and the view. Pure.

use std::borrow::Cow;

use k8s_openapi::jiff::SignedDuration;

use super::{Managed, View, key_of, names, ownership};
use crate::{
    api::{AwsAccount, BusRef, EventSink, Identity, ManagedQueue, ResourceStatus, SinkRef, Tags},
    runtime::halt::{Class, Halt, Reason},
    sinks::{
        grants::{self, Grants},
        logs::{self, DesiredLogGroup, DesiredLogs},
        reach,
        sqs::{self, DesiredQueue, DesiredSqs},
        triggers,
    },
};

impl EventSink {
    pub(super) fn account(&self, view: &View) -> Result<AwsAccount, Halt> {
        view.account_for(self.metadata.namespace.as_deref().unwrap_or_default(), self.spec.account_ref.as_ref())
    }

    /// Whether status knows of a resource that the sink made, in the spec now or not.
    fn knows(&self, check: impl Fn(&ResourceStatus) -> bool) -> bool {
        self.current().is_some_and(|status| status.common.resources.iter().any(check))
    }

    pub fn had_dead_letter(&self, queue_arn: &str) -> bool {
        let arn = sqs::dead_letter_name(queue_arn);
        self.knows(|resource| resource.arn == arn)
    }

    /// The queue that the sink makes, whatever works it off.
    pub fn managed_queue(&self) -> Option<Cow<'_, ManagedQueue>> {
        let of_sqs = self.spec.sqs.as_ref().and_then(|sqs| sqs.managed.as_ref()).map(Cow::Borrowed);
        of_sqs.or_else(|| Some(Cow::Owned(self.spec.postgres.as_ref()?.managed_queue())))
    }

    pub fn had_triggers(&self) -> bool {
        self.current().is_some_and(|status| !status.triggers.is_empty())
    }

    /// A new sink that no rule names yet waits a moment, for rules that are applied together with it.
    pub(super) fn wait_for_first_rule(&self, view: &View) -> Result<(), Halt> {
        let created = self.metadata.creation_timestamp.as_ref().map(|t| t.0);
        let wait = SignedDuration::try_from(view.settings.first_rule).unwrap_or_default();
        match created.and_then(|created| created.checked_add(wait).ok()) {
            Some(until) if until > view.now && self.current().is_none_or(|s| s.common.applied.is_none()) => Err(Halt::new(
                Class::Until(until),
                Reason::Applying,
                "waiting a moment for the first rule, so that the queue is created together with its policy",
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn grants(&self, view: &View, place: &Identity, owner: &str) -> Grants {
        let wanted = grants::wanted(self, view);
        let before = self.current().map_or(&[][..], |status| &status.grants);
        Grants {
            arn: place.arn.clone(),
            sid: ownership::sid(owner),
            sources: grants::held(&wanted, before, view.now, &view.settings),
            forgotten: !view.settings.grant_grace.is_zero()
                && before.is_empty()
                && self.current().is_none_or(|status| status.common.applied.is_none()),
            wanted,
        }
    }

    pub(super) fn sqs(&self, view: &View, account: &AwsAccount, place: &Identity, owner: &str) -> Result<DesiredSqs, Halt> {
        let spec = self.spec.sqs.as_ref();
        let grants = self.grants(view, place, owner);
        let managed = self.managed_queue();
        let managed = managed.as_deref();
        if managed.is_some() && grants.wanted.is_empty() {
            self.wait_for_first_rule(view)?;
        }
        let tags = |own: Option<&Tags>| ownership::tags(&account.spec.default_tags, own, owner);
        let queue = |name: String, spec: &ManagedQueue, attributes| DesiredQueue {
            arn: names::queue_arn(&place.partition, &place.region, &place.account_id, &name),
            name,
            attributes,
            tags: tags(spec.tags.as_ref()),
        };
        let dead_letter = managed
            .filter(|managed| managed.dead_letter.is_some())
            .map(|managed| queue(sqs::dead_letter_name(&place.name), managed, sqs::dead_letter_attributes(managed)));
        let attributes = |managed| sqs::attributes(managed, dead_letter.as_ref().map(|d| d.arn.as_str()));
        let triggers = spec.map(|spec| spec.triggers.as_slice()).unwrap_or_default();
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        for (index, trigger) in triggers.iter().enumerate() {
            let field = format!("spec.sqs.triggers[{index}].functionArn");
            view.permit_arn(account, namespace, &field, &trigger.function_arn)?;
            in_place(&field, &trigger.function_arn, place)?;
        }
        Ok(DesiredSqs {
            managed: managed.map(|managed| queue(place.name.clone(), managed, attributes(managed))),
            dead_letter,
            name: place.name.clone(),
            grants,
            triggers: triggers.iter().map(|trigger| triggers::desired(trigger, &tags(None))).collect(),
        })
    }

    /// The failure destination waits for its queue; the permission does not wait for it.
    pub(super) fn on_failure(&self, view: &View, place: &Identity) -> Result<Option<String>, Halt> {
        let Some(on_failure) = self.spec.lambda.as_ref().and_then(|lambda| lambda.on_failure.as_ref()) else { return Ok(None) };
        let field = "spec.lambda.onFailure.sinkRef";
        let sink = view.sink_for(self.metadata.namespace.as_deref().unwrap_or_default(), field, &on_failure.sink_ref)?;
        let arn = reach::standard_queue(field, &sink, place)?;
        if reach::exists(&sink) {
            return Ok(Some(arn));
        }
        Err(Halt::blocked(Reason::SinkNotReady, format!("{field}: EventSink {} is not ready; see its conditions", key_of(&sink))))
    }

    pub(super) fn logs(&self, view: &View, account: &AwsAccount, place: &Identity, owner: &str) -> DesiredLogs {
        let managed = self.spec.log_group.as_ref().and_then(|spec| spec.managed.as_ref());
        DesiredLogs {
            name: place.name.clone(),
            managed: managed.map(|managed| DesiredLogGroup {
                class: managed.class.map(|class| class.to_string()),
                retention_days: managed.retention_days,
                kms_key_arn: managed.kms_key_arn.clone(),
                tags: ownership::tags(&account.spec.default_tags, managed.tags.as_ref(), owner),
            }),
            grants: self.grants(view, place, owner),
            policy: logs::policy_name(&view.settings.installation_id),
        }
    }

    /// The queue that takes what the function failed to work off.
    pub fn on_failure_ref(&self) -> Option<&SinkRef> {
        self.spec.lambda.as_ref()?.on_failure.as_ref().map(|on_failure| &on_failure.sink_ref)
    }

    /// Every sink that this one needs: failure destination, log group, what a workflow sends to.
    pub fn sink_refs(&self) -> impl Iterator<Item = &SinkRef> {
        let machine = self.spec.state_machine.as_ref().and_then(|machine| machine.managed.as_ref());
        let logging = machine.and_then(|machine| machine.logging.as_ref()).map(|logging| &logging.sink_ref);
        let substitutions = machine.into_iter().flat_map(|machine| machine.substitutions.values());
        let substitutions = substitutions.filter_map(|substitution| substitution.sink_ref.as_ref());
        self.on_failure_ref().into_iter().chain(logging).chain(substitutions)
    }

    /// Every bus that this sink's workflow sends to.
    pub fn bus_refs(&self) -> impl Iterator<Item = &BusRef> {
        let machine = self.spec.state_machine.as_ref().and_then(|machine| machine.managed.as_ref());
        let substitutions = machine.into_iter().flat_map(|machine| machine.substitutions.values());
        substitutions.filter_map(|substitution| substitution.bus_ref.as_ref())
    }

    /// Field and ARN of what exists already, from the spec or as an object told it.
    pub(super) fn existing<'a>(&'a self, view: &'a View) -> Result<Option<(String, &'a str)>, Halt> {
        if let Some(task) = &self.spec.ecs_task {
            return Ok(Some(("spec.ecsTask.clusterArn".into(), &task.cluster_arn)));
        }
        let Some(existing) = self.spec.existing() else { return Ok(None) };
        if let Some(arn) = existing.arn {
            return Ok(Some((format!("{}.arn", existing.field), arn)));
        }
        let field = format!("{}.arnFrom", existing.field);
        match view.told_arn.as_deref() {
            Some(arn) => Ok(Some((field, arn))),
            None => Err(Halt::transient(format!("{field}: not read yet"))),
        }
    }

    /// Whether a reference, made from this namespace, means the sink.
    pub(super) fn refers(&self, from: Option<&str>, reference: &SinkRef) -> bool {
        Some(&reference.name) == self.metadata.name.as_ref()
            && reference.namespace.as_deref().or(from) == self.metadata.namespace.as_deref()
    }
}

/// A function that works a queue off is of the queue's account and region.
pub(super) fn in_place(field: &str, arn: &str, place: &Identity) -> Result<(), Halt> {
    let fits = names::Arn::parse(arn).is_some_and(|a| {
        (a.partition, a.region, a.account_id) == (place.partition.as_str(), place.region.as_str(), place.account_id.as_str())
    });
    if fits {
        return Ok(());
    }
    Err(Halt::invalid(
        Reason::InvalidSpec,
        format!(
            "{field}: {arn} is not in partition {}, region {} and account {}, which accountRef and region say. Correct one or the other",
            place.partition, place.region, place.account_id
        ),
    ))
}
