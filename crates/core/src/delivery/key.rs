//! Encryption keys of targets and dead-letter queues.

use super::{
    facts::{Fact, KeyFacts},
    policy::{self, Decision, Principal, Request},
    reason::{Deliverability, DeliverabilityReason},
    service::{SERVICE, context},
};

/// Returns whether `EventBridge` can use the encryption key of `what`.
///
/// A customer managed key needs a policy that allows it. The policies of AWS managed keys never
/// allow it (developer guides of queues and topics, "Key management").
pub(super) fn evaluate(what: &str, fact: Option<&Fact<KeyFacts>>, account: &str) -> Deliverability {
    let no = |message: String| Deliverability::no(DeliverabilityReason::KeyNotUsable, message);
    let known = match fact {
        None => return Deliverability::Yes,
        Some(Fact::Missing) => return no(format!("the encryption key of {what} does not exist. Use another key.")),
        Some(Fact::Denied { action }) => return Deliverability::denied(&format!("the encryption key of {what}"), action),
        Some(Fact::Unavailable) => return Deliverability::Unavailable,
        Some(Fact::Known(known)) => known,
    };
    if known.managed_by_aws {
        return no(format!(
            "{what} is encrypted with an AWS managed key, which EventBridge cannot use. Use a customer managed key, or SSE-SQS for a queue."
        ));
    }
    if !known.enabled {
        return no(format!("the encryption key of {what} is disabled or pending deletion. Enable it."));
    }
    let context = context(&[("aws:sourceaccount", account)]);
    for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
        let request = Request { principal: Principal::Service(SERVICE), action, resource: "*", context: &context };
        match policy::on_resource(&known.policy, &request) {
            Decision::Allowed => {}
            Decision::Unknown(why) => return Deliverability::unclear(&format!("the policy of the encryption key of {what}"), &why),
            Decision::Denied(_) | Decision::Silent => {
                return no(format!(
                    r#"the policy of the encryption key of {what} does not allow {action} for EventBridge. Add: {{"Effect":"Allow","Principal":{{"Service":"{SERVICE}"}},"Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"*"}}"#
                ));
            }
        }
    }
    Deliverability::Yes
}
