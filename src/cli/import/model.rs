//! AWS resources as they were found, whatever described them: the account itself, a template, or the state of another tool.
//!
//! Each source fills [`Resources`], and `writer` turns them into manifests. Data only.

use std::fmt;

use tributary_api::{EventSinkSpec, Tags};
use tributary_core::steps::{BusSettings, RuleSettings, TargetSettings};

/// Where a resource was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    /// The resource by its type and name, such as `rule orders/created` or `AWS::Events::Rule Created`.
    pub(super) resource: String,
    /// `FILE:LINE:COLUMN`, if there is a file.
    pub(super) place: Option<String>,
}

impl Origin {
    /// Returns the origin of a resource that was read from AWS.
    pub(super) fn aws(resource: impl Into<String>) -> Self {
        Self { resource: resource.into(), place: None }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.resource),
            None => f.write_str(&self.resource),
        }
    }
}

/// An event bus.
#[derive(Clone, Debug)]
pub(super) struct Bus {
    pub(super) origin: Origin,
    /// Name of the bus.
    pub(super) name: String,
    pub(super) settings: BusSettings,
    pub(super) tags: Tags,
}

/// A rule with all its targets.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) origin: Origin,
    /// Name of the bus, or its ARN.
    pub(super) bus: String,
    pub(super) name: String,
    pub(super) settings: RuleSettings,
    pub(super) targets: Vec<TargetSettings>,
    pub(super) tags: Tags,
}

/// A resource that can be the destination of a sink, and its settings.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) origin: Origin,
    /// Value of `--manage` for the type.
    pub(super) type_: &'static str,
    pub(super) arn: String,
    /// The sink that manages it, or why none can.
    pub(super) managed: Result<EventSinkSpec, String>,
}

/// Something that the user has to know about a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Remark {
    pub(super) origin: Origin,
    /// What is the case, why, and the next step.
    pub(super) text: String,
}

/// The account and Region of the resources, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) partition: Option<String>,
    pub(super) region: Option<String>,
    pub(super) account_id: Option<String>,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Resources {
    pub(super) place: Place,
    pub(super) buses: Vec<Bus>,
    pub(super) rules: Vec<Rule>,
    pub(super) destinations: Vec<Destination>,
    /// What is not imported.
    pub(super) left_out: Vec<Remark>,
    /// What cannot be read, such as for lack of a permission.
    pub(super) unread: Vec<Remark>,
    /// What is imported, and has a part that no manifest has.
    pub(super) notes: Vec<Remark>,
}

impl Resources {
    pub(super) fn leave_out(&mut self, origin: &Origin, reason: impl Into<String>) {
        self.left_out.push(Remark { origin: origin.clone(), text: reason.into() });
    }

    pub(super) fn note(&mut self, origin: &Origin, text: impl Into<String>) {
        self.notes.push(Remark { origin: origin.clone(), text: text.into() });
    }
}
