//! The operator's statements in the log resource policy of the installation.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use tributary_api::{EventSink, Identity, Permissions};

use crate::{
    destinations::{
        logs::state::{DesiredLogs, ObservedLogs},
        shared::grants,
    },
    error::ReconcileError,
    names::short_hash,
    object::key_of,
    policy_document::{canonical, full, our_statement, sid_of, single_source},
    steps::{LogsStep, Step},
    view::View,
};

/// Prefix of the names of log groups for `EventBridge`.
pub(super) const PREFIX: &str = "/aws/events/";
/// Maximum size of a resource policy, in characters.
pub(crate) const POLICY_CHARACTERS: usize = 5_120;
/// Characters of a policy document without statements, rounded up.
pub(crate) const FRAME: usize = 60;
/// `Sid` of the wide statement, which allows all log groups below [`PREFIX`].
const WIDE: &str = "TributaryWide";

/// Returns the name of the resource policy. An installation has one per account and Region.
pub fn policy_name(installation: &str) -> String {
    format!("tributary-{}", short_hash(installation, 12))
}

/// Returns `ownership::sid`, reduced to letters and digits, which CloudWatch Logs requires.
pub(crate) fn plain_sid(sid: &str) -> String {
    let plain: String = sid.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("Tributary{}", plain.strip_prefix("tributary").unwrap_or(&plain))
}

/// Returns the `Sid`s of the two statements.
pub(super) fn sids(sid: &str) -> [String; 2] {
    let base = plain_sid(sid);
    [format!("{base}Streams"), format!("{base}Events")]
}

fn principal() -> Value {
    json!({"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]})
}

/// Returns the statements for a log group. Creating log streams is allowed for all rules, since the
/// call does not name one; writing events is allowed for `sources` only.
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

/// Returns the wide statement, if it includes the log group.
fn wide(group_arn: &str) -> Option<Value> {
    let (head, _) = group_arn.split_once(&format!(":log-group:{PREFIX}"))?;
    Some(json!({
        "Sid": WIDE, "Effect": "Allow", "Principal": principal(), "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": format!("{head}:log-group:{PREFIX}*:*"),
    }))
}

/// Returns whether the policy has the wide statement.
pub(crate) fn is_wide(policy: &[Value], group_arn: &str) -> bool {
    policy.iter().any(|statement| wide(group_arn).is_some_and(|wide| canonical(statement) == canonical(&wide)))
}

/// Returns the sources that the operator's statement allows; none if the wide statement applies.
pub fn granted(observed: &ObservedLogs, sid: &str) -> BTreeSet<String> {
    let [_, events] = sids(sid);
    our_statement(&observed.policy, &events).map(|s| single_source(s, "ArnLike", "aws:SourceArn")).unwrap_or_default()
}

/// Returns the sources that the policy allows after all steps.
pub(super) fn sources_in_policy(want: &DesiredLogs, observed: Option<&ObservedLogs>) -> BTreeSet<String> {
    let nothing = ObservedLogs::default();
    let have = observed.unwrap_or(&nothing);
    // One log group uses at most half of the policy.
    want.grants.fit(&granted(have, &want.grants.sid), &have.live, POLICY_CHARACTERS / 2, grants::in_a_list)
}

/// Returns the step that updates the operator's statements; `None` if they match.
///
/// # Errors
/// The policy has no room for the statements.
pub(super) fn policy_step(want: &DesiredLogs, have: &ObservedLogs) -> Result<Option<Step>, ReconcileError> {
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
    // The same write removes all single statements that the wide one replaces.
    let below = |s: &&Value| s.get("Resource").and_then(Value::as_str).is_some_and(|r| r.contains(&format!(":log-group:{PREFIX}")));
    let ours = have.policy.iter().filter(below).filter_map(sid_of).filter(|sid| sid.starts_with("Tributary"));
    let mut instead_of: Vec<String> = ours.map(str::to_owned).collect();
    instead_of.extend(own);
    match wide(&want.grants.arn).map(|wide| vec![wide]) {
        Some(wide) if length(&instead_of, &wide) <= POLICY_CHARACTERS => {
            Ok(Some(LogsStep::PutPolicyStatements { policy, instead_of, statements: wide }.into()))
        }
        _ => Err(full(
            &format!("CloudWatch Logs ({policy})"),
            &format!("AWS allows {POLICY_CHARACTERS} characters, and only log groups below {PREFIX} can share one statement"),
        )),
    }
}

/// Returns whether other sinks need the policy of the installation, even of the same log group.
pub fn needed_by_others(sink: &EventSink, identity: &Identity, view: &View) -> bool {
    let mut others = false;
    view.each_sink(|other| {
        if others || other.spec.log_group.is_none() || other.spec.permissions != Permissions::Managed || key_of(other) == key_of(sink) {
            return;
        }
        let there = other.status.as_ref().and_then(|status| status.common.identity.as_ref());
        // Sinks without senders that are deleted at the same time do not keep the policy for each other.
        others = there.is_some_and(|there| (&there.account_id, &there.region) == (&identity.account_id, &identity.region))
            && (other.metadata.deletion_timestamp.is_none() || !grants::wanted(other, view).is_empty());
    });
    others
}

/// Returns the `Sid`s of the operator's statements to remove, and of the wide one if no other log
/// group needs it.
pub(super) fn leaving(have: &ObservedLogs, own: &[String], group_arn: &str) -> Vec<String> {
    let mut sids: Vec<String> =
        have.policy.iter().filter_map(sid_of).filter(|sid| own.iter().any(|own| own == sid)).map(str::to_owned).collect();
    if !have.others && is_wide(&have.policy, group_arn) {
        sids.push(WIDE.to_owned());
    }
    sids
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::{
        destinations::shared::grants::Grants,
        error::Reason,
        objects::{Objects, fixed},
        ownership,
    };

    fn want(name: &str) -> DesiredLogs {
        let arn = format!("arn:aws:logs:eu-west-1:111122223333:log-group:{name}");
        let rule = BTreeSet::from(["arn:aws:events:eu-west-1:111122223333:rule/aws.partner/benchling.com/acme/app/rule".to_owned()]);
        let grants = Grants { arn, sid: ownership::sid(name), wanted: rule.clone(), sources: rule, ..Grants::default() };
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
        assert_eq!(policy_step(&want("/other/group"), &have).map_err(|error| error.reason), Err(Reason::PolicyFull));
    }

    #[test]
    fn another_sink_of_the_same_group_needs_the_policy_too() {
        let sink = |name: &str, arn: &str| -> EventSink {
            let identity = json!({"account": "a", "accountId": "1", "partition": "aws", "region": "r", "name": "g", "arn": arn});
            let object = json!({
                "apiVersion": "tributary.dev/v1alpha1", "kind": "EventSink", "metadata": {"name": name, "namespace": "ns"},
                "spec": {"logGroup": {"existing": {"arn": arn}}}, "status": {"identity": identity},
            });
            serde_json::from_value(object).expect("the sink is well formed")
        };
        let needed = |others: Vec<EventSink>| {
            let one = sink("one", "g");
            let identity = one.status.as_ref().and_then(|status| status.common.identity.clone()).unwrap_or_default();
            let objects = Objects { sinks: fixed(others.into_iter().chain([one.clone()]).collect::<Vec<_>>()), ..Objects::default() };
            let view =
                View { objects, settings: Arc::default(), resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH };
            needed_by_others(&one, &identity, &view)
        };
        assert!(!needed(vec![]), "itself does not count");
        assert!(needed(vec![sink("two", "g")]));
        assert!(needed(vec![sink("two", "h")]));
    }

    #[test]
    fn the_wide_statement_goes_with_the_last_group() {
        let want = want("/aws/events/a");
        let others = ObservedLogs { policy: wide(&want.grants.arn).into_iter().collect(), others: true, ..ObservedLogs::default() };
        assert!(leaving(&others, &[], &want.grants.arn).is_empty());
        assert_eq!(leaving(&ObservedLogs { others: false, ..others }, &[], &want.grants.arn), [WIDE]);
    }
}
