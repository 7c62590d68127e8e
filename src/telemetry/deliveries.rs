//! Metrics of what became of deliveries. The number of rules with series of their own is bounded.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use tributary_api::EventRuleStatus;
use tributary_core::kinds::DELIVERING;

/// Number of rules with series of their own at most, four each. Failing rules come first.
const MOST_RULES: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveringLabels {
    delivering: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabels {
    namespace: String,
    name: String,
}

/// Number of rules by their condition, and the figures of each rule.
#[derive(Debug, Default)]
pub(super) struct DeliveryMetrics {
    rules: Family<DeliveringLabels, Gauge>,
    delivering: Family<RuleLabels, Gauge>,
    last_delivered: Family<RuleLabels, Gauge>,
    failed: Family<RuleLabels, Gauge>,
}

/// An observed rule: namespace, name, status.
pub(crate) type ObservedRule<'a> = (&'a str, &'a str, &'a EventRuleStatus);

impl DeliveryMetrics {
    /// Returns the metrics, registered.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("rules_delivering", "EventRules by value of the Delivering condition", metrics.rules.clone());
        registry.register(
            "rule_delivering",
            "1 while the Delivering condition of an EventRule is True, 0 while it is False",
            metrics.delivering.clone(),
        );
        registry.register(
            "rule_last_delivery_timestamp_seconds",
            "Minute of the last delivery in Unix seconds, by EventRule",
            metrics.last_delivered.clone(),
        );
        registry.register(
            "rule_failed_deliveries",
            "Deliveries that failed permanently in the hour before the last one, by EventRule; 0 while deliveries do not fail",
            metrics.failed.clone(),
        );
        metrics
    }

    /// Removes all series.
    pub(super) fn clear(&self) {
        self.rules.clear();
        self.delivering.clear();
        self.last_delivered.clear();
        self.failed.clear();
    }

    /// Replaces all series by those of these rules.
    pub(super) fn set<'a>(&self, rules: impl Iterator<Item = ObservedRule<'a>>) {
        self.clear();
        let condition = |status: &'a EventRuleStatus| status.common.condition(DELIVERING).map(|condition| condition.status.as_str());
        let mut rules: Vec<_> = rules.filter_map(|(namespace, name, status)| Some((condition(status)?, namespace, name, status))).collect();
        rules.sort_by_key(|(condition, namespace, name, _)| (*condition != "False", *namespace, *name));
        for label in ["True", "False", "Unknown"] {
            let count = rules.iter().filter(|(condition, ..)| *condition == label).count();
            self.rules.get_or_create(&DeliveringLabels { delivering: label }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        for (condition, namespace, name, status) in rules.into_iter().take(MOST_RULES) {
            let labels = RuleLabels { namespace: namespace.to_owned(), name: name.to_owned() };
            if condition != "Unknown" {
                self.delivering.get_or_create(&labels).set(i64::from(condition == "True"));
            }
            let Some(deliveries) = &status.deliveries else { continue };
            self.failed.get_or_create(&labels).set(deliveries.failed);
            if let Some(at) = &deliveries.last_delivered_at {
                self.last_delivered.get_or_create(&labels).set(at.0.as_second());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use serde_json::json;

    use super::*;

    fn status(condition: &str, failed: i64) -> EventRuleStatus {
        serde_json::from_value(json!({
            "conditions": [{"type": "Delivering", "status": condition, "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            "deliveries": {"lastDeliveredAt": "1970-01-01T00:01:00Z", "failed": failed},
        }))
        .unwrap()
    }

    #[test]
    fn observed_rules_have_series_and_failing_ones_come_first() {
        let mut registry = Registry::with_prefix("tributary");
        let metrics = DeliveryMetrics::new(&mut registry);
        let encoded = || {
            let mut out = String::new();
            text::encode(&mut out, &registry).map(|()| out).unwrap()
        };
        let (healthy, failing, quiet, unobserved) =
            (status("True", 0), status("False", 3), status("Unknown", 0), EventRuleStatus::default());
        let names: Vec<String> = (0..2 * MOST_RULES).map(|n| format!("r{n}")).collect();
        let many = names.iter().map(|name| ("ns", name.as_str(), &healthy));
        metrics.set(many.chain([("ns", "z", &failing), ("ns", "quiet", &quiet), ("ns", "other", &unobserved)]));
        let text = encoded();
        assert!(text.contains("tributary_rules_delivering{delivering=\"True\"} 2000\n"), "{text}");
        assert!(text.contains("tributary_rule_delivering{namespace=\"ns\",name=\"z\"} 0\n"), "{text}");
        assert!(text.contains("tributary_rule_failed_deliveries{namespace=\"ns\",name=\"z\"} 3\n"), "{text}");
        assert!(text.contains("tributary_rule_last_delivery_timestamp_seconds{namespace=\"ns\",name=\"z\"} 60\n"), "{text}");
        assert_eq!(text.matches("tributary_rule_failed_deliveries{").count(), MOST_RULES);
        assert!(!text.contains("other"));
        metrics.set([("ns", "quiet", &quiet)].into_iter());
        let text = encoded();
        assert!(!text.contains("tributary_rule_delivering{") && text.contains("rules_delivering{delivering=\"Unknown\"} 1"), "{text}");
    }
}
