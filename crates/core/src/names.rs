//! Names and ARNs: what a thing is called in AWS before it exists. Pure.

use sha2::{Digest, Sha256};

/// First characters of the SHA-256 of a text, in hex.
pub fn short_hash(text: &str, characters: usize) -> String {
    use std::fmt::Write;
    let mut hex = String::with_capacity(characters + 1);
    for byte in Sha256::digest(text.as_bytes()) {
        if hex.len() >= characters {
            break;
        }
        let _ = write!(hex, "{byte:02x}");
    }
    hex.truncate(characters);
    hex
}

/// `<namespace>-<name>`, or its beginning and a hash where it is longer than AWS allows or has characters that AWS does not.
pub fn default_name(namespace: &str, name: &str, longest: usize, allowed: fn(char) -> bool) -> String {
    const HASH: usize = 8;
    let plain = format!("{namespace}-{name}");
    if plain.len() <= longest && plain.chars().all(allowed) {
        return plain;
    }
    let clean: String = plain.chars().map(|c| if allowed(c) { c } else { '-' }).take(longest.saturating_sub(HASH + 1)).collect();
    format!("{clean}-{}", short_hash(&format!("{namespace}/{name}"), HASH))
}

/// Characters of bus and rule names (AWS API reference, `CreateEventBus` and `PutRule`).
pub fn events_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// Characters of queue names (AWS API reference, `CreateQueue`).
pub fn queue_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

pub const DEFAULT_BUS: &str = "default";

/// A rule of the default bus has no bus in its ARN (docs/aws-facts.md, S3).
pub fn rule_arn(partition: &str, region: &str, account_id: &str, bus: &str, rule: &str) -> String {
    let bus = if bus == DEFAULT_BUS { String::new() } else { format!("{bus}/") };
    format!("arn:{partition}:events:{region}:{account_id}:rule/{bus}{rule}")
}

/// Bus and name of the rule that an ARN speaks of.
pub fn rule_of(arn: &str) -> Option<(&str, &str)> {
    let rule = Arn::parse(arn).filter(|arn| arn.service == "events")?.resource.strip_prefix("rule/")?;
    Some(rule.rsplit_once('/').unwrap_or((DEFAULT_BUS, rule)))
}

pub fn bus_arn(partition: &str, region: &str, account_id: &str, bus: &str) -> String {
    format!("arn:{partition}:events:{region}:{account_id}:event-bus/{bus}")
}

pub fn replay_arn(partition: &str, region: &str, account_id: &str, replay: &str) -> String {
    format!("arn:{partition}:events:{region}:{account_id}:replay/{replay}")
}

/// Without the id that AWS puts behind it, which is not known before the destination exists.
pub fn api_destination_arn(partition: &str, region: &str, account_id: &str, destination: &str) -> String {
    format!("arn:{partition}:events:{region}:{account_id}:api-destination/{destination}")
}

pub fn queue_arn(partition: &str, region: &str, account_id: &str, queue: &str) -> String {
    format!("arn:{partition}:sqs:{region}:{account_id}:{queue}")
}

pub fn topic_arn(partition: &str, region: &str, account_id: &str, topic: &str) -> String {
    format!("arn:{partition}:sns:{region}:{account_id}:{topic}")
}

pub fn state_machine_arn(partition: &str, region: &str, account_id: &str, machine: &str) -> String {
    format!("arn:{partition}:states:{region}:{account_id}:stateMachine:{machine}")
}

/// Characters of log group names (API reference, `CreateLogGroup`).
pub fn log_group_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '#')
}

/// Without the `:*` that `DescribeLogGroups` puts behind it (docs/aws-facts.md, G4): what `EventBridge` takes as target
/// (docs/aws-facts.md, D9).
pub fn log_group_arn(partition: &str, region: &str, account_id: &str, group: &str) -> String {
    format!("arn:{partition}:logs:{region}:{account_id}:log-group:{group}")
}

/// `function` is a name, or a name and a qualifier.
pub fn function_arn(partition: &str, region: &str, account_id: &str, function: &str) -> String {
    format!("arn:{partition}:lambda:{region}:{account_id}:function:{function}")
}

/// The parts of an ARN; the resource part keeps its colons and slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    pub partition: &'a str,
    pub service: &'a str,
    pub region: &'a str,
    pub account_id: &'a str,
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    pub fn parse(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (prefix, partition, service, region, account_id, resource) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        (prefix == "arn").then_some(Self { partition, service, region, account_id, resource })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_with_a_hash_and_stays_unique() {
        let (a, b) = ("x".repeat(70), format!("{}y", "x".repeat(69)));
        let (a, b) = (default_name("prod", &a, 64, events_character), default_name("prod", &b, 64, events_character));
        assert_eq!((a.len(), b.len()), (64, 64));
        assert_ne!(a, b);
        assert_eq!(default_name("prod", "orders", 64, events_character), "prod-orders");
    }

    #[test]
    fn a_dot_cannot_stand_in_a_queue_name() {
        let name = default_name("prod", "a.b", 80, queue_character);
        assert!(name.starts_with("prod-a-b-") && name.chars().all(queue_character), "{name}");
    }

    #[test]
    fn rule_arns_name_the_bus_unless_it_is_the_default() {
        assert_eq!(rule_arn("aws", "eu-west-1", "111122223333", "default", "r"), "arn:aws:events:eu-west-1:111122223333:rule/r");
        assert_eq!(rule_arn("aws-cn", "cn-north-1", "111122223333", "b", "r"), "arn:aws-cn:events:cn-north-1:111122223333:rule/b/r");
    }

    #[test]
    fn a_rule_is_known_by_its_arn() {
        let arn = |bus| rule_arn("aws", "eu-west-1", "111122223333", bus, "r");
        for bus in ["default", "b", "aws.partner/benchling.com/acme/app"] {
            assert_eq!(rule_of(&arn(bus)), Some((bus, "r")));
        }
        assert_eq!(rule_of("arn:aws:sqs:eu-west-1:111122223333:rule/r"), None);
    }

    #[test]
    fn an_arn_keeps_the_slashes_of_its_resource() {
        let arn = "arn:aws:events:us-west-2:111122223333:event-bus/aws.partner/benchling.com/acme/app";
        assert_eq!(Arn::parse(arn).map(|a| a.resource), Some("event-bus/aws.partner/benchling.com/acme/app"));
        assert_eq!(Arn::parse("queue"), None);
    }
}
