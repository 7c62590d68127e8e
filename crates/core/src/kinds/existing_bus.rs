//! An event bus that another tool manages (ADR 0029): read, never written. Rules of this account
//! are put on it, also if it belongs to another account.

use serde_json::{Value, json};

use tributary_api::{AwsAccount, EventBus, EventBusStatus, ExistingEventBus, Identity, ResourceStatus};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    kinds::bus_in_aws::{DesiredBus, ObservedBus},
    names::{self, Arn, Scope},
    object::ObjectMetaExt,
    view::{self, View},
};

/// Actions on rules that the account of a bus has to allow another account, and that the operator's
/// role needs (EventBridge user guide, "Example policies for event buses"). `PutRule` with tags needs
/// `TagResource`; rules there cannot be listed.
pub(crate) const RULE_ACTIONS: [&str; 9] = [
    "events:PutRule",
    "events:DeleteRule",
    "events:DescribeRule",
    "events:PutTargets",
    "events:RemoveTargets",
    "events:ListTargetsByRule",
    "events:TagResource",
    "events:UntagResource",
    "events:ListTagsForResource",
];

/// Returns the identity of the bus that the spec references.
///
/// # Errors
/// The account's grants do not allow the ARN, it is not resolved yet, or is in another partition or
/// Region.
pub(super) fn identity(bus: &EventBus, existing: &ExistingEventBus, account: &AwsAccount, view: &View) -> Result<Identity, ReconcileError> {
    let namespace = bus.own_namespace();
    let mut identity =
        view::identity(account, bus.spec.region.as_ref(), existing.name.clone().unwrap_or_default(), |scope, name| scope.bus(name));
    let (field, arn) = match (&existing.name, &existing.arn) {
        (Some(_), _) => ("spec.existing.name", Some(identity.arn.clone())),
        (None, Some(arn)) => ("spec.existing.arn", Some(arn.clone())),
        (None, None) => ("spec.existing.arnFrom", view.resolved_arn.clone()),
    };
    let arn = arn.ok_or_else(|| ReconcileError::transient(format!("{field}: ARN is not resolved yet")))?;
    view.permit_arn(account, namespace, field, &arn)?;
    let invalid = |what: String| ReconcileError::invalid(Reason::InvalidSpec, format!("{field}: {what}"));
    let (parsed, name) =
        Arn::parse(&arn).zip(names::bus_of(&arn)).ok_or_else(|| invalid(format!("{arn} is not the ARN of an event bus")))?;
    if parsed.partition != identity.partition {
        return Err(invalid(format!(
            "{arn} is not in partition {}, which spec.accountRef selects. Correct the ARN or spec.accountRef.",
            identity.partition
        )));
    }
    if bus.spec.region.as_ref().is_some_and(|region| region != parsed.region) {
        return Err(invalid(format!("{arn} is not in Region {}, which spec.region selects. Omit spec.region.", identity.region)));
    }
    parsed.region.clone_into(&mut identity.region);
    name.clone_into(&mut identity.name);
    identity.arn.clone_from(&arn);
    Ok(identity)
}

/// Returns the desired state, of which nothing is written.
pub(super) fn desired(identity: &Identity) -> DesiredBus {
    DesiredBus { name: identity.name.clone(), existing: true, ..DesiredBus::default() }
}

/// Whether the bus exists, as far as AWS tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It exists.
    Yes,
    /// It does not exist.
    No,
    /// AWS denied the read. A rule that is put on it tells.
    Unknown,
}

impl Found {
    /// Returns what was observed.
    pub(super) fn of(observed: Option<&ObservedBus>) -> Self {
        match observed {
            Some(ObservedBus { bus: Some(_), .. }) => Self::Yes,
            Some(ObservedBus { denied: Some(_), .. }) => Self::Unknown,
            Some(_) | None => Self::No,
        }
    }
}

/// Returns why the bus is not ready.
pub(super) fn waiting(observed: Option<&ObservedBus>, identity: &Identity) -> Option<ReconcileError> {
    let arn = &identity.arn;
    match Found::of(observed) {
        Found::Yes => source_problem(observed?, identity),
        Found::No => Some(ReconcileError::new(
            RetryClass::Refused,
            Reason::BusNotFound,
            format!("spec.existing: AWS has no event bus {arn}. Create it with the tool that manages it, or recreate this object with another reference."),
        )),
        Found::Unknown => observed?.denied.clone().map(|error| {
            let message = format!(
                "spec.existing: cannot read event bus {arn}: {} Rules are put on it nevertheless. Allow events:DescribeEventBus in the operator's \
                 policy and, for a bus of another account, in the policy of the bus (status.requiredStatement).",
                error.message.trim_end_matches('.').to_owned() + "."
            );
            ReconcileError { message, ..error }
        }),
    }
}

/// Returns why a partner event bus receives no events. Its owner has to act, not the operator.
fn source_problem(observed: &ObservedBus, identity: &Identity) -> Option<ReconcileError> {
    let source = observed.source.as_ref()?;
    let state: &str = source.state.into();
    (source.state != tributary_api::SourceState::Active).then(|| {
        ReconcileError::new(
            RetryClass::Polled,
            Reason::SourceDeleted,
            format!(
                "event source {} is {state}, so the bus receives no events. The owner of event bus {} has to activate or recreate the event source.",
                source.name, identity.arn
            ),
        )
    })
}

/// Fills in the status: the bus as a resource, unless it does not exist, so that rules are put on it.
pub(super) fn report(status: &mut EventBusStatus, found: Found) {
    let Some(identity) = &status.common.identity else { return };
    status.required_statement = required_statements(identity).map(|statements| statements.to_string());
    let arn = identity.arn.clone();
    status.common.resources = match found {
        Found::Yes | Found::Unknown => vec![ResourceStatus { type_: "AWS::Events::EventBus".into(), arn }],
        Found::No => vec![],
    };
}

/// Returns the statements that the policy of a bus in another account needs. `events:creatorAccount`
/// limits them to rules that this account created; a new rule has no creator yet (EventBridge user
/// guide, "Using IAM policy conditions in Amazon EventBridge").
fn required_statements(bus: &Identity) -> Option<Value> {
    let arn = Arn::parse(&bus.arn).filter(|_| names::is_foreign(bus))?;
    let account = format!("arn:{}:iam::{}:root", bus.partition, bus.account_id);
    let rules = Scope::of_arn(&arn).rule(&bus.name, "*");
    Some(json!([
        {
            "Sid": format!("ReadBy{}", bus.account_id),
            "Effect": "Allow",
            "Principal": {"AWS": account},
            "Action": "events:DescribeEventBus",
            "Resource": bus.arn,
        },
        {
            "Sid": format!("RulesOf{}", bus.account_id),
            "Effect": "Allow",
            "Principal": {"AWS": account},
            "Action": RULE_ACTIONS,
            "Resource": rules,
            "Condition": {"StringEqualsIfExists": {"events:creatorAccount": bus.account_id}},
        },
    ]))
}
