//! What is switched off on purpose, and perhaps forgotten.

use serde_json::json;
use tributary_api::annotation;

use crate::cli::doctor::{
    finding::{Finding, Severity},
    object::Object,
    snapshot::Snapshot,
};

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    snapshot.objects.iter().flat_map(|object| [paused(object), disabled(object)]).flatten().collect()
}

fn paused(object: &Object) -> Option<Finding> {
    let message = format!("the annotation {} stops reconciliation. Remove it to resume.", annotation::PAUSED);
    let finding = Finding::new("object-paused", Severity::Info, message, object.annotate(annotation::PAUSED, None));
    object.is_paused().then(|| finding.of(object.reference()).reason("Paused"))
}

fn disabled(object: &Object) -> Option<Finding> {
    let is_disabled = object.is("EventRule") && object.data["spec"]["state"] == json!("Disabled");
    let message = "spec.state is Disabled: the rule matches no events. Set it to Enabled to deliver events.";
    let finding = Finding::new("rule-disabled", Severity::Info, message, object.describe());
    is_disabled.then(|| finding.of(object.reference()))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};

    #[test]
    fn paused_objects_and_disabled_rules_are_listed() {
        let mut snapshot = healthy();
        snapshot.objects.push(paused_rule());
        snapshot.objects.push(object("EventRule", "off", json!({"state": "Disabled"}), json!({})));
        let found = check(&snapshot);
        assert_eq!(found[0].command, "kubectl annotate eventrules paused -n prod tributary.dev/paused-");
        assert_eq!(ids(found), ["object-paused", "rule-disabled"]);
    }
}
