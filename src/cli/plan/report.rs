//! The report of a plan: its JSON schema, and what the text and Markdown are made from. Field names are stable.

use serde::Serialize;
use serde_json::Value;
use tributary_core::{
    changes::{self, Action, Change},
    delivering::{Observed, monthly_cost},
    error::{Reason, ReconcileError, RetryClass},
    steps::Step,
};

use crate::operator::{
    self,
    dry_run::{ObjectPlan, Origin},
};

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::EnumIter)]
#[serde(rename_all = "camelCase")]
pub(super) enum Verdict {
    Create,
    Update,
    Replace,
    Delete,
    Unchanged,
    /// A person has to act first.
    Blocked,
    /// AWS or Kubernetes could not be read.
    Unreadable,
}

impl Verdict {
    /// The mark in front of an object.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "±",
            Self::Delete => "-",
            Self::Unchanged => "=",
            Self::Blocked => "!",
            Self::Unreadable => "?",
        }
    }

    pub(super) fn is_change(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Replace | Self::Delete)
    }

    pub(super) fn is_error(self) -> bool {
        matches!(self, Self::Blocked | Self::Unreadable)
    }
}

/// A reason with its message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Cause {
    pub(super) reason: String,
    pub(super) message: String,
}

impl From<&ReconcileError> for Cause {
    fn from(error: &ReconcileError) -> Self {
        let message = if error.reason == Reason::WrongAccount {
            // The operator's advice is about its own credentials.
            let what =
                error.message.split(". ").next().unwrap_or_default().replace("spec.credentials: they belong", "the credentials belong");
            format!("{what}. Set AWS_PROFILE or --profile to credentials of that account.")
        } else {
            error.message.clone()
        };
        Self { reason: error.reason.to_string(), message }
    }
}

/// What applying does for one object.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectReport {
    pub(super) kind: String,
    /// `namespace/name`, or `name` for a cluster-scoped kind.
    pub(super) object: String,
    /// File and line of the manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    /// Whether the cluster has the object.
    pub(super) in_cluster: bool,
    /// `manifest`, `cluster` or `parent`.
    pub(super) origin: &'static str,
    pub(super) action: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arn: Option<String>,
    /// The writes, in their order.
    pub(super) changes: Vec<Change>,
    /// Writes that `managementPolicy: Observe` withholds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) withheld: Vec<Change>,
    /// What is left as it is, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) left_alone: Vec<String>,
    /// Why the object is blocked, or could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Cause>,
    /// What the operator waits for before the object is ready. What comes after it is planned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) waits_for: Vec<Cause>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
}

/// A statement of a policy that is added or removed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Permission {
    pub(super) object: String,
    pub(super) statement: Value,
}

/// Number of objects by what happens to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Summary {
    pub(super) create: usize,
    pub(super) update: usize,
    pub(super) replace: usize,
    pub(super) delete: usize,
    pub(super) unchanged: usize,
    pub(super) blocked: usize,
    pub(super) unreadable: usize,
}

/// What reading the metrics of deliveries costs, at the default interval.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryMetrics {
    /// Number of rules.
    pub(super) rules: usize,
    /// US dollars.
    pub(super) usd_per_month: f64,
}

/// The whole report.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Version of the schema.
    pub(super) schema: &'static str,
    pub(super) summary: Summary,
    pub(super) objects: Vec<ObjectReport>,
    pub(super) permissions_added: Vec<Permission>,
    pub(super) permissions_removed: Vec<Permission>,
    /// What `observeDeliveries` costs afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delivery_metrics: Option<DeliveryMetrics>,
    /// What of the input cannot be used, and what could not be read.
    pub(super) problems: Vec<String>,
}

/// Reasons for which nothing is known of AWS.
fn is_unreadable(error: &ReconcileError) -> bool {
    matches!(error.class, RetryClass::Throttled | RetryClass::Transient)
        || matches!(error.reason, Reason::AccessDenied | Reason::WrongAccount | Reason::Unavailable | Reason::Throttled)
}

fn verdict(plan: &ObjectPlan, changes: &[Change]) -> Verdict {
    if let Some(error) = plan.error.as_ref().filter(|_| !plan.is_waiting()) {
        return if is_unreadable(error) { Verdict::Unreadable } else { Verdict::Blocked };
    }
    if changes.is_empty() {
        return if plan.is_deleted { Verdict::Delete } else { Verdict::Unchanged };
    }
    let noun = |change: &Change, verb: &str| change.call.split_once(':').and_then(|(_, call)| call.strip_prefix(verb)).map(str::to_owned);
    let deleted: Vec<_> = changes.iter().filter_map(|change| noun(change, "Delete")).collect();
    if plan.is_deleted {
        return Verdict::Delete;
    }
    if changes.iter().any(|change| noun(change, "Create").is_some_and(|noun| deleted.contains(&noun))) {
        return Verdict::Replace;
    }
    let creates = changes.iter().any(|change| change.action == Action::Create);
    if creates && is_empty(&plan.observed) { Verdict::Create } else { Verdict::Update }
}

/// Whether AWS holds nothing: no value but empty lists and states of what was read.
fn is_empty(observed: &Value) -> bool {
    match observed {
        Value::Object(object) => object.values().all(is_empty),
        Value::Array(items) => items.is_empty(),
        Value::Null | Value::Bool(_) => true,
        _ => false,
    }
}

fn left_alone(plan: &ObjectPlan) -> Vec<String> {
    let mut left: Vec<_> = plan.warnings.iter().filter(|(reason, _)| reason == "LeftAlone").map(|(_, text)| text.clone()).collect();
    if plan.is_paused {
        left.push("annotation tributary.dev/paused is set: nothing is written".into());
    }
    if !plan.withheld.is_empty() {
        left.push(format!("managementPolicy is Observe: {} writes are only reported", plan.withheld.len()));
    }
    // Roles and policies go with the object; what else is deleted is its resource.
    let deletes = |step: &Step| step.name().starts_with("Delete") && !step.name().starts_with("DeleteRole");
    if plan.is_deleted && plan.error.is_none() && !plan.steps.iter().any(deletes) {
        left.push(match &plan.identity {
            Some(identity) => format!("{} stays in AWS: deletionPolicy is Retain, or the object is orphaned", identity.arn),
            None => "AWS holds nothing of the object".into(),
        });
    }
    left
}

impl ObjectReport {
    fn new(plan: &ObjectPlan, file: Option<&str>) -> Self {
        let changes: Vec<_> = plan.steps.iter().map(|step| changes::change(step, &plan.observed)).collect();
        let waits = plan.error.as_ref().filter(|_| plan.is_waiting());
        let hidden = ["LeftAlone", "DriftCorrected"];
        let is_error = |text: &str| plan.error.as_ref().is_some_and(|error| error.message == text);
        Self {
            kind: plan.kind.to_owned(),
            object: plan.key.clone(),
            file: file.map(str::to_owned),
            in_cluster: !plan.is_new,
            origin: match plan.origin {
                Origin::Manifest => "manifest",
                Origin::Cluster => "cluster",
                Origin::Parent => "parent",
            },
            action: verdict(plan, &changes),
            arn: plan.identity.as_ref().map(|identity| identity.arn.clone()),
            withheld: plan.withheld.iter().map(|step| changes::change(step, &plan.observed)).collect(),
            changes,
            left_alone: left_alone(plan),
            error: plan.error.as_ref().filter(|_| waits.is_none()).map(Cause::from),
            waits_for: plan.waits_for.iter().chain(waits).map(Cause::from).collect(),
            warnings: plan
                .warnings
                .iter()
                .filter(|(reason, text)| !hidden.contains(&reason.as_str()) && !is_error(text))
                .map(|(_, text)| text.clone())
                .collect(),
        }
    }

    /// Whether there is something to read about the object.
    pub(super) fn is_noteworthy(&self) -> bool {
        self.action != Verdict::Unchanged || !self.left_alone.is_empty() || !self.waits_for.is_empty() || !self.warnings.is_empty()
    }
}

impl Report {
    /// The report of these plans. `place` returns where an object is written.
    pub(super) fn new<'a>(plans: &[ObjectPlan], place: impl Fn(&str, &str) -> Option<&'a str>, problems: Vec<String>) -> Self {
        let objects: Vec<_> = plans.iter().map(|plan| ObjectReport::new(plan, place(plan.kind, &plan.key))).collect();
        let count = |verdict| objects.iter().filter(|object| object.action == verdict).count();
        let summary = Summary {
            create: count(Verdict::Create),
            update: count(Verdict::Update),
            replace: count(Verdict::Replace),
            delete: count(Verdict::Delete),
            unchanged: count(Verdict::Unchanged),
            blocked: count(Verdict::Blocked),
            unreadable: count(Verdict::Unreadable),
        };
        let permissions = |of: fn(&Change) -> (&[Value], &[Value])| {
            let changes = objects.iter().flat_map(|object| object.changes.iter().map(move |change| (object, change)));
            let statements = changes.flat_map(|(object, change)| {
                let (these, others) = of(change);
                // What is on both sides stays.
                let new = these.iter().filter(|statement| !others.contains(statement)).cloned();
                new.map(|statement| Permission { object: format!("{} {}", object.kind, object.object), statement }).collect::<Vec<_>>()
            });
            statements.collect()
        };
        Self {
            schema: "tributary.dev/plan/v1",
            summary,
            permissions_added: permissions(|change| (&change.granted, &change.revoked)),
            permissions_removed: permissions(|change| (&change.revoked, &change.granted)),
            delivery_metrics: None,
            objects,
            problems,
        }
    }

    /// The report with the cost of reading the metrics of these rules.
    pub(super) fn with_observed(mut self, rules: &[Observed]) -> Self {
        let usd_per_month = (monthly_cost(rules, operator::Options::default().resync) * 100.0).round() / 100.0;
        self.delivery_metrics = (!rules.is_empty()).then_some(DeliveryMetrics { rules: rules.len(), usd_per_month });
        self
    }

    /// 0: nothing to do; 2: changes; 1: something is blocked, could not be read, or is wrong in the input.
    pub(super) fn exit_code(&self) -> u8 {
        if !self.problems.is_empty() || self.objects.iter().any(|object| object.action.is_error()) {
            1
        } else if self.objects.iter().any(|object| object.action.is_change()) {
            2
        } else {
            0
        }
    }

    /// One line for people.
    pub(super) fn summary_line(&self) -> String {
        let Summary { create, update, replace, delete, unchanged, blocked, unreadable } = self.summary;
        let mut parts = vec![
            format!("{create} to create"),
            format!("{update} to update"),
            format!("{replace} to replace"),
            format!("{delete} to delete"),
            format!("{unchanged} unchanged"),
        ];
        let problems = if self.problems.len() == 1 { "problem" } else { "problems" };
        for (count, what) in [(blocked, "blocked"), (unreadable, "could not be read"), (self.problems.len(), problems)] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        let none = create + update + replace + delete + blocked + unreadable + self.problems.len() == 0;
        if none { format!("No changes. {unchanged} objects are in sync.") } else { format!("Plan: {}.", parts.join(", ")) }
    }
}
