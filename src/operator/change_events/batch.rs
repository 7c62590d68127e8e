//! From the messages of a batch to the objects whose resources others changed. No I/O.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use tributary_core::{
    change_events::{self, ObjectKey},
    recorded_call::RecordedCall,
    view::View,
};

use crate::operator::changes::Changes;

/// The account that receives the events.
pub(super) struct Receiver<'a> {
    /// Name of the `AwsAccount`.
    pub(super) account: &'a str,
    /// 12-digit AWS account ID.
    pub(super) account_id: &'a str,
    /// Partition, such as `aws`.
    pub(super) partition: &'a str,
    /// ARN of the operator's identity in the account.
    pub(super) caller_arn: &'a str,
}

/// What a batch of messages means.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The objects to reconcile, each once, with its changes.
    pub(super) objects: BTreeMap<ObjectKey, Changes>,
    /// Number of messages by outcome, for the metrics.
    pub(super) outcomes: BTreeMap<&'static str, usize>,
    /// Whether one of them is an event of CloudTrail.
    pub(super) arrived: bool,
}

impl Batch {
    /// Evaluates messages, given by their bodies.
    pub(super) fn of<'a>(bodies: impl Iterator<Item = &'a str>, receiver: &Receiver<'_>, view: &View, now: Instant) -> Self {
        let mut batch = Self::default();
        let mut calls: Vec<(RecordedCall, BTreeSet<String>)> = Vec::new();
        for body in bodies {
            match RecordedCall::parse(body) {
                Err(error) => {
                    tracing::warn!(account = receiver.account, %error, "change event dropped");
                    batch.count("malformed");
                }
                Ok(call) => {
                    batch.arrived = true;
                    if change_events::is_own(&call, receiver.caller_arn) {
                        batch.count("own");
                        continue;
                    }
                    let of_account = call.account_id == receiver.account_id;
                    let changed = if of_account { change_events::changed(&call, receiver.partition) } else { BTreeSet::new() };
                    calls.push((call, changed));
                }
            }
        }
        let all = calls.iter().flat_map(|(_, changed)| changed).cloned().collect();
        let affected = change_events::affected(view, receiver.account, &all);
        let concerned: BTreeSet<_> = affected.values().flatten().collect();
        for (_, changed) in &calls {
            batch.count(if changed.iter().any(|resource| concerned.contains(resource)) { "reconciled" } else { "unrelated" });
        }
        for (object, resources) in &affected {
            let changes = batch.objects.entry(object.clone()).or_default();
            for (call, _) in calls.iter().filter(|(_, changed)| !changed.is_disjoint(resources)) {
                changes.add(change_events::description(call), now);
            }
        }
        batch
    }

    fn count(&mut self, outcome: &'static str) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::jiff::Timestamp;
    use serde_json::{Value, json};
    use tributary_api::EventRule;
    use tributary_core::{
        objects::{Objects, fixed},
        settings::Settings,
    };

    use super::*;

    const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/b/r";
    const OPERATOR: &str = "arn:aws:sts::111122223333:assumed-role/operator/one";

    fn view() -> View {
        let identity = json!({"account": "main", "accountId": "111122223333", "partition": "aws", "region": "eu-west-1", "name": "r",
                              "arn": RULE});
        let rule: EventRule = serde_json::from_value(json!({
            "apiVersion": "tributary.dev/v1alpha1", "kind": "EventRule", "metadata": {"namespace": "a", "name": "r"},
            "spec": {"busRef": {"name": "b"}, "eventPattern": {"source": ["x"]}}, "status": {"identity": identity},
        }))
        .unwrap();
        let objects = Objects { rules: fixed([rule]), ..Objects::default() };
        View { objects, settings: Arc::new(Settings::default()), resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH }
    }

    #[allow(clippy::needless_pass_by_value, reason = "values are written in place")]
    fn event(account: &str, caller: &str, agent: &str, request: Value, id: usize) -> String {
        json!({
            "detail-type": "AWS API Call via CloudTrail", "account": account,
            "detail": {"eventTime": "t", "eventSource": "events.amazonaws.com", "eventName": "RemoveTargets", "awsRegion": "eu-west-1",
                       "userIdentity": {"arn": caller}, "userAgent": agent, "requestParameters": request, "requestID": id.to_string()},
        })
        .to_string()
    }

    fn batch(bodies: &[String]) -> Batch {
        let receiver = Receiver { account: "main", account_id: "111122223333", partition: "aws", caller_arn: OPERATOR };
        Batch::of(bodies.iter().map(String::as_str), &receiver, &view(), Instant::now())
    }

    #[test]
    fn each_message_has_one_outcome_and_only_changes_by_others_reach_objects() {
        let (ours, theirs) = (json!({"rule": "r", "eventBusName": "b"}), json!({"rule": "other"}));
        let alice = "arn:aws:iam::111122223333:user/alice";
        let batch = batch(&[
            "not JSON".to_owned(),
            event("111122223333", OPERATOR, "aws-sdk-rust/1 app/tributary", ours.clone(), 1),
            event("111122223333", alice, "aws-cli/2", theirs, 2),
            event("444455556666", alice, "aws-cli/2", ours.clone(), 3),
            event("111122223333", alice, "aws-cli/2", ours, 4),
        ]);
        let expected = [("malformed", 1), ("own", 1), ("reconciled", 1), ("unrelated", 2)];
        assert_eq!(batch.outcomes, expected.into());
        let mut changes: Vec<_> = batch.objects.into_values().collect();
        assert_eq!(changes.len(), 1);
        assert_eq!(
            changes[0].take_text().as_deref(),
            Some("changed by arn:aws:iam::111122223333:user/alice at t: RemoveTargets (request 4)")
        );
    }

    #[test]
    fn five_hundred_changes_of_one_object_are_one_reconcile() {
        let request = json!({"rule": "r", "eventBusName": "b"});
        let bodies: Vec<_> = (0..500).map(|n| event("111122223333", "arn:aws:iam::1:user/a", "cli", request.clone(), n)).collect();
        let batch = batch(&bodies);
        assert_eq!((batch.objects.len(), batch.outcomes), (1, [("reconciled", 500)].into()));
    }

    #[test]
    fn what_is_no_event_does_not_count_as_arrival() {
        assert!(!batch(&["{}".to_owned()]).arrived);
        assert!(batch(&[event("111122223333", OPERATOR, "aws-sdk-rust/1 app/t", json!({}), 1)]).arrived);
    }
}
