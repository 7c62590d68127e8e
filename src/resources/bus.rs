//! `EventBus` in AWS: the default bus is only used; a custom bus is made, changed and, once empty, deleted. Pure.

use serde::Serialize;

use super::{Managed, PlanContext, Report, View, key_of, matches, names, ownership};
use crate::{
    api::{CommonStatus, DeletionPolicy, EventBus, EventBusStatus, Identity, ManagementPolicy, ResourceStatus, Tags},
    runtime::halt::{Halt, Reason},
    sinks,
    steps::{BusSettings, EventsStep, Step},
};

#[derive(Debug, Serialize)]
pub struct DesiredBus {
    pub name: String,
    pub settings: BusSettings,
    pub tags: Tags,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedBus {
    pub name: String,
    pub arn: String,
    pub settings: BusSettings,
    /// Read from [`super::Depth::Owner`] on.
    pub tags: Option<Tags>,
    /// Rules that AWS has on the bus, whoever made them; read at [`super::Depth::Delete`].
    pub rules: Vec<String>,
}

impl Managed for EventBus {
    type Status = EventBusStatus;
    type Desired = DesiredBus;
    type Observed = ObservedBus;

    const KIND: &'static str = "EventBus";

    fn current(&self) -> Option<&EventBusStatus> {
        self.status.as_ref()
    }
    fn common(status: &EventBusStatus) -> &CommonStatus {
        &status.common
    }
    fn common_mut(status: &mut EventBusStatus) -> &mut CommonStatus {
        &mut status.common
    }
    fn management(&self) -> ManagementPolicy {
        self.spec.management_policy
    }
    fn deletion(&self) -> DeletionPolicy {
        self.spec.deletion_policy.unwrap_or(DeletionPolicy::Delete)
    }

    fn place(&self, view: &View) -> Result<Identity, Halt> {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let account = view.account_for(namespace, self.spec.account_ref.as_ref())?;
        let name = self.spec.name.clone().unwrap_or_else(|| {
            names::default_name(namespace, self.metadata.name.as_deref().unwrap_or_default(), 256, names::events_character)
        });
        Ok(super::view::identity(&account, self.spec.region.as_ref(), name, names::bus_arn))
    }

    fn desired(&self, view: &View, place: &Identity) -> Result<DesiredBus, Halt> {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let account = view.account_for(namespace, self.spec.account_ref.as_ref())?;
        let dead_letter_arn = match &self.spec.dead_letter {
            None => None,
            Some(dead_letter) => {
                let field = "spec.deadLetter.sinkRef";
                let sink = view.sink_for(namespace, field, &dead_letter.sink_ref)?;
                Some(sinks::dead_letter(field, &sink, place, &place.arn, view)?)
            }
        };
        let owner = ownership::owner(&view.settings.installation_id, Self::KIND, &key_of(self));
        Ok(DesiredBus {
            name: place.name.clone(),
            settings: BusSettings { description: self.spec.description.clone(), kms_key_id: self.spec.kms_key_id.clone(), dead_letter_arn },
            tags: ownership::tags(&account.spec.default_tags, self.spec.tags.as_ref(), &owner),
        })
    }

    fn in_use(&self, view: &View) -> Vec<String> {
        let mut users = Vec::new();
        view.each_rule(|rule| {
            let namespace = rule.spec.bus_ref.namespace.as_ref().or(rule.metadata.namespace.as_ref());
            // A rule that the bus never consented to cannot hold it up.
            let from = rule.metadata.namespace.as_deref().unwrap_or_default();
            let known = rule.metadata.namespace == self.metadata.namespace
                || matches(&self.spec.allowed_namespaces, from)
                || rule.status.as_ref().is_some_and(|status| status.common.identity.is_some());
            if known && Some(&rule.spec.bus_ref.name) == self.metadata.name.as_ref() && namespace == self.metadata.namespace.as_ref() {
                users.push(format!("EventRule {}", key_of(rule)));
            }
        });
        users
    }

    fn plan(desired: Option<&DesiredBus>, observed: Option<&ObservedBus>, context: &PlanContext<'_>) -> Result<Vec<Step>, Halt> {
        if context.identity.name == names::DEFAULT_BUS {
            return Ok(vec![]);
        }
        let mut steps: Vec<Step> = Vec::new();
        match (desired, observed) {
            (None, None) => {}
            (Some(want), None) => steps.push(
                EventsStep::CreateEventBus { name: want.name.clone(), settings: want.settings.clone(), tags: want.tags.clone() }.into(),
            ),
            (Some(want), Some(have)) => {
                if let Some(tags) = &have.tags {
                    ownership::check(&format!("event bus {}", have.name), tags, context)?;
                    steps.extend(ownership::tag_steps(&have.arn, &want.tags, tags, context));
                }
                if want.settings != have.settings {
                    steps.push(EventsStep::UpdateEventBus { name: want.name.clone(), settings: want.settings.clone() }.into());
                }
            }
            (None, Some(have)) => {
                if let Some(tags) = &have.tags {
                    ownership::check(&format!("event bus {}", have.name), tags, context)?;
                }
                if !have.rules.is_empty() {
                    return Err(Halt::blocked(
                        Reason::InUse,
                        format!(
                            "event bus {} still has rules in AWS that no object here stands for: {}. Delete them, or keep the bus with deletionPolicy: Retain",
                            have.name,
                            have.rules.join(", ")
                        ),
                    ));
                }
                steps.push(EventsStep::DeleteEventBus { name: have.name.clone() }.into());
            }
        }
        Ok(steps)
    }

    fn tags(desired: &DesiredBus) -> Option<&Tags> {
        Some(&desired.tags)
    }

    fn report(&self, status: &mut EventBusStatus, report: &Report<'_, Self>) {
        if report.complete()
            && let Some(identity) = &status.common.identity
        {
            status.common.resources = vec![ResourceStatus { type_: "AWS::Events::EventBus".into(), arn: identity.arn.clone() }];
        }
    }
}
