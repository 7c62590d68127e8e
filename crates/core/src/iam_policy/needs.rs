//! Which features the operator needs for an object. Those of a sink are in the folder of its destination.

use serde::de::DeserializeOwned;
use serde_json::Value;
use tributary_api::{
    AwsAccount, BenchlingSubscription, BusLog, BusLogDelivery, EventBus, EventRedrive, EventReplay, EventRule, EventSink, ObserveDeliveries,
};

use crate::{
    destinations::Type,
    feature::{Use, uses},
};

const BUSES: &[Use<EventBus>] = &[
    uses("buses", |bus| bus.spec.existing.is_none() && bus.spec.event_source_name.is_none()),
    uses("partner-buses", |bus| bus.spec.event_source_name.is_some()),
    uses("existing-buses", |bus| bus.spec.existing.is_some()),
    uses("bus-grants", |bus| !(bus.spec.grants.is_empty() && bus.spec.policy_statements.is_empty())),
    uses("archives", |bus| !bus.spec.archives.is_empty()),
    uses("keys", |bus| bus.spec.kms_key_id.is_some()),
    uses("bus-logs", |bus| delivery(bus.spec.log.as_ref()).is_some()),
    uses("bus-logs-to-firehose", |bus| delivery(bus.spec.log.as_ref()).is_some_and(|log| log.firehose.is_some())),
    uses("bus-logs-to-s3", |bus| delivery(bus.spec.log.as_ref()).is_some_and(|log| log.s3.is_some())),
    uses("delivering", |bus| observes(bus.spec.observe_deliveries)),
    uses("delivering-by-log", |bus| {
        observes(bus.spec.observe_deliveries) && delivery(bus.spec.log.as_ref()).is_some_and(BusLogDelivery::is_readable)
    }),
];

const ACCOUNTS: &[Use<AwsAccount>] = &[
    uses("change-events", |account| account.spec.change_events.is_some()),
    uses("delivering", |account| observes(account.spec.observe_deliveries)),
];

const RULES: &[Use<EventRule>] = &[
    uses("rules", |rule| !is_on_partner_bus(rule)),
    uses("partner-buses", is_on_partner_bus),
    uses("dead-letter-inspection", |rule| {
        rule.spec.targets.iter().filter_map(|target| target.dead_letter.as_ref()).any(|dead_letter| dead_letter.inspect)
    }),
];

const SUBSCRIPTIONS: &[Use<BenchlingSubscription>] = &[
    uses("partner-buses", |_| true),
    uses("bus-logs", |subscription| of_bus(subscription).is_some()),
    uses("bus-logs-to-firehose", |subscription| of_bus(subscription).is_some_and(|log| log.firehose.is_some())),
    uses("bus-logs-to-s3", |subscription| of_bus(subscription).is_some_and(|log| log.s3.is_some())),
    uses("delivering", |subscription| observes(subscription.spec.bus.as_ref().and_then(|bus| bus.observe_deliveries))),
    uses("delivering-by-log", |subscription| {
        observes(subscription.spec.bus.as_ref().and_then(|bus| bus.observe_deliveries))
            && of_bus(subscription).is_some_and(BusLogDelivery::is_readable)
    }),
];

const REPLAYS: &[Use<EventReplay>] = &[uses("replays", |_| true)];

const REDRIVES: &[Use<EventRedrive>] = &[uses("redrive", |_| true)];

/// Of any destination.
const SINKS: &[Use<EventSink>] = &[uses("roles", |sink| {
    sink.status.as_ref().is_some_and(|status| status.invocation_role_arn.is_some() || status.execution_role_arn.is_some())
})];

fn delivery(log: Option<&BusLog>) -> Option<&BusLogDelivery> {
    log?.delivery.as_ref()
}

fn of_bus(subscription: &BenchlingSubscription) -> Option<&BusLogDelivery> {
    delivery(subscription.spec.bus.as_ref()?.log.as_ref())
}

/// Whether the object itself says that deliveries are observed. What a bus has from its account, the account needs.
fn observes(own: Option<ObserveDeliveries>) -> bool {
    own == Some(ObserveDeliveries::Enabled)
}

fn is_on_partner_bus(rule: &EventRule) -> bool {
    let identity = rule.status.as_ref().and_then(|status| status.common.identity.as_ref());
    identity.is_some_and(|identity| identity.arn.contains(":rule/aws.partner/"))
}

/// Returns the names of the features that the operator needs for an object of this kind. An object that this version cannot read needs
/// none.
pub fn needed(kind: &str, object: &Value) -> Vec<&'static str> {
    match kind {
        "AwsAccount" => of_kind(object, ACCOUNTS),
        "EventBus" => of_kind(object, BUSES),
        "EventRedrive" => of_kind(object, REDRIVES),
        "EventRule" => of_kind(object, RULES),
        "BenchlingSubscription" => of_kind(object, SUBSCRIPTIONS),
        "EventReplay" => of_kind(object, REPLAYS),
        "EventSink" => read(object).map(|sink| of_sink(&sink)).unwrap_or_default(),
        _ => vec![],
    }
}

fn read<K: DeserializeOwned>(object: &Value) -> Option<K> {
    serde_json::from_value(object.clone()).ok()
}

fn of_kind<K: DeserializeOwned>(object: &Value, uses: &[Use<K>]) -> Vec<&'static str> {
    read(object).map(|object| among(&object, uses).collect()).unwrap_or_default()
}

fn of_sink(sink: &EventSink) -> Vec<&'static str> {
    let own = Type::of(sink).map(Type::uses).unwrap_or_default();
    among(sink, own).chain(among(sink, SINKS)).collect()
}

fn among<K>(object: &K, uses: &[Use<K>]) -> impl Iterator<Item = &'static str> {
    uses.iter().filter(|one| (one.is_needed)(object)).map(|one| one.feature)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::iam_policy::FEATURES;

    /// Features that no object shows: those of other processes and of commands, reads whose denial the condition `Deliverable` reports, and
    /// sends of a redrive, whose messages decide where they go.
    const OTHERS: [&str; 13] = [
        "backfill",
        "deliverable",
        "doctor",
        "doctor-queues",
        "import",
        "put-events",
        "redrive-to-buses",
        "redrive-to-functions",
        "redrive-to-queues",
        "redrive-to-state-machines",
        "redrive-to-topics",
        "sync",
        "trace",
    ];

    #[test]
    fn every_feature_of_the_operator_is_needed_for_some_object() {
        let names = |uses: Vec<&'static str>| uses.into_iter().collect::<BTreeSet<_>>();
        let sinks = Type::ALL.iter().flat_map(|type_| type_.uses()).chain(SINKS).map(|one| one.feature).collect();
        let mut all = names(sinks);
        all.append(&mut names(BUSES.iter().map(|one| one.feature).collect()));
        all.append(&mut names(RULES.iter().map(|one| one.feature).collect()));
        all.append(&mut names(SUBSCRIPTIONS.iter().map(|one| one.feature).collect()));
        all.append(&mut names(REPLAYS.iter().map(|one| one.feature).collect()));
        all.append(&mut names(ACCOUNTS.iter().map(|one| one.feature).collect()));
        all.append(&mut names(REDRIVES.iter().map(|one| one.feature).collect()));
        let known = names(FEATURES.iter().map(|feature| feature.name).collect());
        let without: Vec<_> = known.difference(&all).copied().collect();
        assert_eq!(without, OTHERS, "add a `Use` for a new feature of the operator, here or in the folder of its destination");
        assert!(all.is_subset(&known), "{all:?}");
    }

    #[test]
    fn an_object_needs_the_features_of_its_fields() {
        let object = |kind: &str, spec: Value, status: Value| {
            let object =
                json!({"apiVersion": "tributary.dev/v1alpha1", "kind": kind, "metadata": {"name": "a"}, "spec": spec, "status": status});
            needed(kind, &object)
        };
        assert_eq!(object("EventBus", json!({}), json!({})), ["buses"]);
        assert_eq!(object("EventBus", json!({"eventSourceName": "aws.partner/benchling.com/a/b"}), json!({})), ["partner-buses"]);
        let observed = json!({"observeDeliveries": "Enabled", "log": {"level": "ERROR", "delivery": {"logGroup": {"managed": {}}}}});
        assert_eq!(object("EventBus", observed.clone(), json!({})), ["buses", "bus-logs", "delivering", "delivering-by-log"]);
        let mut unreadable = observed;
        unreadable["log"]["delivery"]["logGroup"]["managed"]["class"] = json!("INFREQUENT_ACCESS");
        assert_eq!(object("EventBus", unreadable, json!({})), ["buses", "bus-logs", "delivering"]);
        let account = json!({"accountId": "111122223333", "region": "eu-west-1", "observeDeliveries": "Enabled"});
        assert_eq!(object("AwsAccount", account, json!({})), ["delivering"]);
        let queue = |existing: &str| json!({"sqs": {existing: {}}});
        assert_eq!(object("EventSink", queue("managed"), json!({"invocationRoleArn": "arn"})), ["queues", "roles"]);
        let mut existing = json!({"sqs": {"existing": {"arn": "arn:aws:sqs:eu-west-1:111122223333:q"}}});
        assert_eq!(object("EventSink", existing.clone(), json!({})), ["existing-queues"]);
        existing["permissions"] = json!("External");
        assert_eq!(object("EventSink", existing, json!({})), [""; 0]);
        let function = json!({"lambda": {"existing": {"arn": "arn:aws:lambda:eu-west-1:111122223333:function:f"}}});
        assert_eq!(object("EventSink", function, json!({})), ["functions"]);
        let rule = |arn: &str| {
            let identity =
                json!({"account": "a", "accountId": "111122223333", "partition": "aws", "region": "eu-west-1", "name": "r", "arn": arn});
            object("EventRule", json!({"busRef": {"name": "b"}, "targets": []}), json!({"identity": identity}))
        };
        assert_eq!(rule("arn:aws:events:eu-west-1:111122223333:rule/b/r"), ["rules"]);
        assert_eq!(rule("arn:aws:events:eu-west-1:111122223333:rule/aws.partner/benchling.com/a/b/r"), ["partner-buses"]);
        assert_eq!(object("EventRule", json!({"busRef": 7}), json!({})), [""; 0], "what cannot be read needs nothing");
    }
}
