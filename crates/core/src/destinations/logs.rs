//! The `logGroup` sink: a log group, and our statements in the one log resource policy that the installation has per account and region. Pure.
//!
//! `EventBridge` needs `logs:CreateLogStream` and `logs:PutLogEvents` from a resource policy; a role is refused. AWS allows 10 such policies per
//! account and Region, for all services together, and 5,120 characters each (user guide, "Using resource-based policies"; docs/aws-facts.md,
//! G9 to G12, PM4). So one policy serves all log groups of the installation. When it is nearly full, one statement for all of
//! `/aws/events/*`, as the console makes it, stands in for those of the single groups.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::Tags;

use crate::{
    destinations::grants::{self, Grants},
    error::{Reason, ReconcileError, RetryClass},
    names::short_hash,
    ownership,
    plan::PlanContext,
    policy_document::{canonical, full, sid_of, single_source},
    steps::{LogsStep, Step},
};

/// The beginning of the names of log groups that are meant for `EventBridge`.
pub const PREFIX: &str = "/aws/events/";
const POLICY_CHARACTERS: usize = 5_120;
const FRAME: usize = 60;
const WIDE: &str = "TributaryWide";

#[derive(Clone, Debug, Serialize)]
pub struct DesiredLogGroup {
    pub class: Option<String>,
    pub retention_days: Option<i32>,
    pub kms_key_arn: Option<String>,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize)]
pub struct DesiredLogs {
    pub name: String,
    /// The log group to make; `None` for an existing one.
    pub managed: Option<DesiredLogGroup>,
    pub grants: Grants,
    /// Name of the policy.
    pub policy: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedLogGroup {
    pub arn: String,
    pub class: Option<String>,
    pub retention_days: Option<i32>,
    pub kms_key_arn: Option<String>,
    /// Read from [`crate::plan::Depth::Owner`] on.
    pub tags: Option<Tags>,
    /// Milliseconds since 1970 of the last event; of a managed group, where it can be read.
    pub last_event: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedLogs {
    pub group: Option<ObservedLogGroup>,
    /// Statements of our policy.
    pub policy: Vec<Value>,
    /// Rules that no object here stands for any more, and that still send to the group.
    pub live: BTreeSet<String>,
    /// Whether other sinks of the installation need the policy.
    pub others: bool,
}

/// One policy per installation, account and region.
pub fn policy_name(installation: &str) -> String {
    format!("tributary-{}", short_hash(installation, 12))
}

/// Begins with what `ownership::sid` says; a `Sid` here has letters and digits only.
fn sids(sid: &str) -> [String; 2] {
    let plain: String = sid.chars().filter(char::is_ascii_alphanumeric).collect();
    let base = format!("Tributary{}", plain.strip_prefix("tributary").unwrap_or(&plain));
    [format!("{base}Streams"), format!("{base}Events")]
}

fn principal() -> Value {
    json!({"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]})
}

/// Streams are made without naming a rule; events are let in for these rules only.
pub fn statements(sid: &str, group_arn: &str, sources: &BTreeSet<String>) -> Vec<Value> {
    let [streams, events] = sids(sid);
    let resource = format!("{group_arn}:*");
    vec![
        json!({"Sid": streams, "Effect": "Allow", "Principal": principal(), "Action": "logs:CreateLogStream", "Resource": resource}),
        json!({
            "Sid": events, "Effect": "Allow", "Principal": principal(), "Action": "logs:PutLogEvents", "Resource": resource,
            "Condition": {"ArnLike": {"aws:SourceArn": sources}},
        }),
    ]
}

fn wide(group_arn: &str) -> Option<Value> {
    let (head, _) = group_arn.split_once(&format!(":log-group:{PREFIX}"))?;
    Some(json!({
        "Sid": WIDE, "Effect": "Allow", "Principal": principal(), "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": format!("{head}:log-group:{PREFIX}*:*"),
    }))
}

fn is_wide(policy: &[Value], group_arn: &str) -> bool {
    policy.iter().any(|statement| wide(group_arn).is_some_and(|wide| canonical(statement) == canonical(&wide)))
}

/// The sources that our statement lets in; none by name where one statement stands for all.
pub fn granted(observed: &ObservedLogs, sid: &str) -> BTreeSet<String> {
    let [_, events] = sids(sid);
    crate::policy_document::our_statement(&observed.policy, &events)
        .map(|s| single_source(s, "ArnLike", "aws:SourceArn"))
        .unwrap_or_default()
}

/// Sources as they are let in.
pub fn sources_in_policy(want: &DesiredLogs, observed: Option<&ObservedLogs>) -> BTreeSet<String> {
    let nothing = ObservedLogs::default();
    let have = observed.unwrap_or(&nothing);
    // Half of the policy at most for one group.
    let held = want.grants.to_hold(&granted(have, &want.grants.sid), &have.live);
    grants::collapse(&held, POLICY_CHARACTERS / 2, grants::in_a_list)
}

/// Whether one statement for all of `/aws/events/*` stands in for this group's own.
pub fn widened(want: &DesiredLogs, observed: Option<&ObservedLogs>, applied: &[Step]) -> bool {
    let written = applied.iter().any(|step| match step {
        Step::Logs(LogsStep::PutPolicyStatements { statements, .. }) => is_wide(statements, &want.grants.arn),
        _ => false,
    });
    written || observed.is_some_and(|have| is_wide(&have.policy, &want.grants.arn))
}

pub fn plan(
    desired: Option<&DesiredLogs>,
    observed: Option<&ObservedLogs>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let nothing = ObservedLogs::default();
    let have = observed.unwrap_or(&nothing);
    let Some(want) = desired else { return remove(have, context) };
    let mut steps = Vec::new();
    match (&want.managed, &have.group) {
        (Some(managed), group) => steps.extend(group_steps(want, managed, group.as_ref(), context)?),
        (None, Some(_)) => {}
        (None, None) => {
            return Err(ReconcileError::new(
                RetryClass::Refused,
                Reason::TargetNotFound,
                format!(
                    "spec.logGroup.existing: AWS has no log group {}. Create it, correct the ARN, or let the operator make one with spec.logGroup.managed",
                    want.name
                ),
            ));
        }
    }
    steps.extend(policy_step(want, have)?);
    Ok(steps)
}

fn group_steps(
    want: &DesiredLogs,
    managed: &DesiredLogGroup,
    have: Option<&ObservedLogGroup>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let name = || want.name.clone();
    let mut steps: Vec<Step> = Vec::new();
    let Some(have) = have else {
        let (class, kms_key_arn, tags) = (managed.class.clone(), managed.kms_key_arn.clone(), managed.tags.clone());
        steps.push(LogsStep::CreateLogGroup { name: name(), class, kms_key_arn, tags }.into());
        steps.extend(managed.retention_days.map(|days| LogsStep::PutRetentionPolicy { name: name(), days }.into()));
        return Ok(steps);
    };
    if let Some(tags) = &have.tags {
        ownership::check(&format!("log group {}", want.name), tags, context)?;
        let (tags, keys) = ownership::tag_changes(&managed.tags, tags, context);
        if !tags.is_empty() {
            steps.push(LogsStep::TagLogGroup { arn: want.grants.arn.clone(), tags }.into());
        }
        if !keys.is_empty() {
            steps.push(LogsStep::UntagLogGroup { arn: want.grants.arn.clone(), keys }.into());
        }
    }
    if managed.class.is_some() && have.class.is_some() && managed.class != have.class {
        return Err(ReconcileError::invalid(
            Reason::InvalidSpec,
            format!(
                "spec.logGroup.managed.class: log group {} exists with another class, which AWS cannot change. Choose another name",
                want.name
            ),
        ));
    }
    match (managed.retention_days, have.retention_days) {
        (Some(days), present) if present != Some(days) => steps.push(LogsStep::PutRetentionPolicy { name: name(), days }.into()),
        (None, Some(_)) => steps.push(LogsStep::DeleteRetentionPolicy { name: name() }.into()),
        _ => {}
    }
    match (&managed.kms_key_arn, &have.kms_key_arn) {
        (Some(key), present) if present.as_ref() != Some(key) => {
            steps.push(LogsStep::AssociateKmsKey { name: name(), kms_key_arn: key.clone() }.into());
        }
        (None, Some(_)) => steps.push(LogsStep::DisassociateKmsKey { name: name() }.into()),
        _ => {}
    }
    Ok(steps)
}

/// What puts our statements in order.
pub fn policy_step(want: &DesiredLogs, have: &ObservedLogs) -> Result<Option<Step>, ReconcileError> {
    let (sid, policy) = (&want.grants.sid, want.policy.clone());
    let own = sids(sid).to_vec();
    let present: Vec<_> = have.policy.iter().filter(|s| sid_of(s).is_some_and(|s| own.iter().any(|own| own == s))).collect();
    let sources = sources_in_policy(want, Some(have));
    if sources.is_empty() {
        let sids = leaving(have, &own, &want.grants.arn);
        return Ok((!sids.is_empty()).then(|| LogsStep::RemovePolicyStatements { policy, sids }.into()));
    }
    if is_wide(&have.policy, &want.grants.arn) {
        return Ok(None);
    }
    let statements = statements(sid, &want.grants.arn, &sources);
    if present.len() == statements.len() && present.iter().zip(&statements).all(|(a, b)| canonical(a) == canonical(b)) {
        return Ok(None);
    }
    let length = |instead_of: &[String], statements: &[Value]| {
        let kept = have.policy.iter().filter(|s| !sid_of(s).is_some_and(|s| instead_of.iter().any(|own| own == s)));
        FRAME + kept.chain(statements).map(|s| s.to_string().len() + 1).sum::<usize>()
    };
    if length(&own, &statements) <= POLICY_CHARACTERS {
        return Ok(Some(LogsStep::PutPolicyStatements { policy, instead_of: own, statements }.into()));
    }
    // All single statements that the wide one stands for go in the same write.
    let below = |s: &&Value| s.get("Resource").and_then(Value::as_str).is_some_and(|r| r.contains(&format!(":log-group:{PREFIX}")));
    let ours = have.policy.iter().filter(below).filter_map(sid_of).filter(|sid| sid.starts_with("Tributary"));
    let mut instead_of: Vec<String> = ours.map(str::to_owned).collect();
    instead_of.extend(own);
    match wide(&want.grants.arn).map(|wide| vec![wide]) {
        Some(wide) if length(&instead_of, &wide) <= POLICY_CHARACTERS => {
            Ok(Some(LogsStep::PutPolicyStatements { policy, instead_of, statements: wide }.into()))
        }
        _ => Err(full(
            &format!("CloudWatch Logs that the operator keeps ({policy})"),
            &format!(
                "AWS allows {POLICY_CHARACTERS} characters. Log groups below {PREFIX} share one statement when it gets full; this one is not below it"
            ),
        )),
    }
}

/// Our statements, and the wide one with the last of us.
fn leaving(have: &ObservedLogs, own: &[String], group_arn: &str) -> Vec<String> {
    let mut sids: Vec<String> =
        have.policy.iter().filter_map(sid_of).filter(|sid| own.iter().any(|own| own == sid)).map(str::to_owned).collect();
    if !have.others && is_wide(&have.policy, group_arn) {
        sids.push(WIDE.to_owned());
    }
    sids
}

/// Deletion: the group if it is ours to delete, and our statements.
fn remove(have: &ObservedLogs, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let mut steps: Vec<Step> = Vec::new();
    if let Some(group) = have.group.as_ref().filter(|_| !context.retain) {
        if let Some(tags) = &group.tags {
            ownership::check(&format!("log group {}", context.identity.name), tags, context)?;
        }
        steps.push(LogsStep::DeleteLogGroup { name: context.identity.name.clone() }.into());
    }
    let installation = context.owner.split('/').next().unwrap_or_default();
    let sids = leaving(have, &sids(&ownership::sid(context.owner)), &context.identity.arn);
    if !sids.is_empty() {
        steps.push(LogsStep::RemovePolicyStatements { policy: policy_name(installation), sids }.into());
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(name: &str) -> DesiredLogs {
        let arn = format!("arn:aws:logs:eu-west-1:111122223333:log-group:{name}");
        let rule = BTreeSet::from(["arn:aws:events:eu-west-1:111122223333:rule/aws.partner/benchling.com/acme/app/rule".to_owned()]);
        let grants = Grants { arn, sid: ownership::sid(name), wanted: rule.clone(), sources: rule, forgotten: false };
        DesiredLogs { name: name.into(), managed: None, grants, policy: "tributary-x".into() }
    }

    fn apply(have: &mut ObservedLogs, step: Option<Step>) {
        let Some(Step::Logs(LogsStep::PutPolicyStatements { instead_of, statements, .. })) = step else { return };
        have.policy.retain(|s| !instead_of.iter().any(|sid| sid_of(s) == Some(sid)));
        have.policy.extend(statements);
    }

    #[test]
    fn fifty_groups_share_one_policy_and_foreign_statements_stay() {
        let mut have = ObservedLogs { policy: vec![json!({"Sid": "Theirs", "Effect": "Allow"})], ..ObservedLogs::default() };
        for n in 0..50 {
            let want = want(&format!("/aws/events/prod-group-{n}"));
            let step = policy_step(&want, &have).expect("it fits");
            apply(&mut have, step);
            assert_eq!(policy_step(&want, &have).expect("it fits"), None, "nothing left to do");
            assert!(have.policy.iter().map(|s| s.to_string().len() + 1).sum::<usize>() + FRAME <= POLICY_CHARACTERS);
        }
        assert!(have.policy.iter().any(|s| sid_of(s) == Some("Theirs")));
        assert!(have.policy.iter().any(|s| sid_of(s) == Some(WIDE)));
        let elsewhere = want("/other/group");
        assert!(policy_step(&elsewhere, &have).is_ok_and(|step| step.is_some()), "a group elsewhere has its own statements");
    }

    #[test]
    fn a_full_policy_is_said_to_be_full() {
        let have = ObservedLogs { policy: vec![json!({"Sid": "x".repeat(5_000)})], ..ObservedLogs::default() };
        assert_eq!(policy_step(&want("/other/group"), &have).map_err(|halt| halt.reason), Err(Reason::PolicyFull));
    }

    #[test]
    fn the_wide_statement_goes_with_the_last_group() {
        let want = want("/aws/events/a");
        let others = ObservedLogs { policy: wide(&want.grants.arn).into_iter().collect(), others: true, ..ObservedLogs::default() };
        assert!(leaving(&others, &[], &want.grants.arn).is_empty());
        assert_eq!(leaving(&ObservedLogs { others: false, ..others }, &[], &want.grants.arn), [WIDE]);
    }
}
