//! What an `EventSink` wants of AWS, by type: built from its spec and the view. Pure.

use k8s_openapi::jiff::SignedDuration;

use tributary_api::{AwsAccount, EventSink, Identity, ManagedQueue, ResourceStatus, Tags};

use crate::{
    destinations::{
        grants::{self, Grants},
        logs::{self, DesiredLogGroup, DesiredLogs},
        reach,
        sqs::{self, DesiredQueue, DesiredSqs},
        triggers,
    },
    error::{Reason, ReconcileError, RetryClass},
    managed::Managed,
    names,
    object::key_of,
    ownership,
    view::View,
};

/// What an `EventSink` refers to.
pub trait ResolveSink {
    fn account(&self, view: &View) -> Result<AwsAccount, ReconcileError>;
    /// Whether status knows of a resource that the sink made, in the spec now or not.
    fn knows(&self, check: impl Fn(&ResourceStatus) -> bool) -> bool;
    fn had_dead_letter(&self, queue_arn: &str) -> bool;
    /// A new sink that no rule names yet waits a moment, for rules that are applied together with it.
    fn wait_for_first_rule(&self, view: &View) -> Result<(), ReconcileError>;
    fn grants(&self, view: &View, place: &Identity, owner: &str) -> Grants;
    fn sqs(&self, view: &View, account: &AwsAccount, place: &Identity, owner: &str) -> Result<DesiredSqs, ReconcileError>;
    /// The failure destination waits for its queue; the permission does not wait for it.
    fn on_failure(&self, view: &View, place: &Identity) -> Result<Option<String>, ReconcileError>;
    fn logs(&self, view: &View, account: &AwsAccount, place: &Identity, owner: &str) -> DesiredLogs;
    /// Field and ARN of what exists already, from the spec or as an object told it.
    fn existing<'a>(&'a self, view: &'a View) -> Result<Option<(String, &'a str)>, ReconcileError>;
}

impl ResolveSink for EventSink {
    fn account(&self, view: &View) -> Result<AwsAccount, ReconcileError> {
        view.account_for(self.metadata.namespace.as_deref().unwrap_or_default(), self.spec.account_ref.as_ref())
    }

    fn knows(&self, check: impl Fn(&ResourceStatus) -> bool) -> bool {
        self.current().is_some_and(|status| status.common.resources.iter().any(check))
    }

    fn had_dead_letter(&self, queue_arn: &str) -> bool {
        let arn = sqs::dead_letter_name(queue_arn);
        self.knows(|resource| resource.arn == arn)
    }

    fn wait_for_first_rule(&self, view: &View) -> Result<(), ReconcileError> {
        let created = self.metadata.creation_timestamp.as_ref().map(|t| t.0);
        let wait = SignedDuration::try_from(view.settings.first_rule).unwrap_or_default();
        match created.and_then(|created| created.checked_add(wait).ok()) {
            Some(until) if until > view.now && self.current().is_none_or(|s| s.common.applied.is_none()) => Err(ReconcileError::new(
                RetryClass::Until(until),
                Reason::Applying,
                "waiting a moment for the first rule, so that the queue is created together with its policy",
            )),
            _ => Ok(()),
        }
    }

    fn grants(&self, view: &View, place: &Identity, owner: &str) -> Grants {
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

    fn sqs(&self, view: &View, account: &AwsAccount, place: &Identity, owner: &str) -> Result<DesiredSqs, ReconcileError> {
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

    fn on_failure(&self, view: &View, place: &Identity) -> Result<Option<String>, ReconcileError> {
        let Some(on_failure) = self.spec.lambda.as_ref().and_then(|lambda| lambda.on_failure.as_ref()) else { return Ok(None) };
        let field = "spec.lambda.onFailure.sinkRef";
        let sink = view.sink_for(self.metadata.namespace.as_deref().unwrap_or_default(), field, &on_failure.sink_ref)?;
        let arn = reach::standard_queue(field, &sink, place)?;
        if reach::exists(&sink) {
            return Ok(Some(arn));
        }
        Err(ReconcileError::blocked(Reason::SinkNotReady, format!("{field}: EventSink {} is not ready; see its conditions", key_of(&sink))))
    }

    fn logs(&self, view: &View, account: &AwsAccount, place: &Identity, owner: &str) -> DesiredLogs {
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

    fn existing<'a>(&'a self, view: &'a View) -> Result<Option<(String, &'a str)>, ReconcileError> {
        if let Some(task) = &self.spec.ecs_task {
            return Ok(Some(("spec.ecsTask.clusterArn".into(), &task.cluster_arn)));
        }
        let Some(existing) = self.spec.existing() else { return Ok(None) };
        if let Some(arn) = existing.arn {
            return Ok(Some((format!("{}.arn", existing.field), arn)));
        }
        let field = format!("{}.arnFrom", existing.field);
        match view.resolved_arn.as_deref() {
            Some(arn) => Ok(Some((field, arn))),
            None => Err(ReconcileError::transient(format!("{field}: not read yet"))),
        }
    }
}

/// A function that works a queue off is of the queue's account and region.
pub(crate) fn in_place(field: &str, arn: &str, place: &Identity) -> Result<(), ReconcileError> {
    let fits = names::Arn::parse(arn).is_some_and(|a| {
        (a.partition, a.region, a.account_id) == (place.partition.as_str(), place.region.as_str(), place.account_id.as_str())
    });
    if fits {
        return Ok(());
    }
    Err(ReconcileError::invalid(
        Reason::InvalidSpec,
        format!(
            "{field}: {arn} is not in partition {}, region {} and account {}, which accountRef and region say. Correct one or the other",
            place.partition, place.region, place.account_id
        ),
    ))
}
