//! Names and ARNs of AWS resources, known before the resources exist.

use sha2::{Digest, Sha256};
use tributary_api::Identity;

/// Returns the first `characters` characters of the SHA-256 digest of a text, in hexadecimal.
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

/// Number of characters of the hash in a default name.
const HASH: usize = 8;

/// Returns `<namespace>-<name>`.
///
/// If that is longer than `longest` characters, contains characters that AWS does not allow, or can
/// also be the default name of another object, returns its beginning and a hash. `pinned` is the
/// name that the object has already, which it keeps.
pub fn default_name(namespace: &str, name: &str, longest: usize, allowed: fn(char) -> bool, pinned: Option<&str>) -> String {
    let plain = format!("{namespace}-{name}");
    let fits = plain.len() <= longest && plain.chars().all(allowed);
    if fits && (!is_ambiguous(name) || pinned == Some(&plain)) {
        return plain;
    }
    let clean: String = plain.chars().map(|c| if allowed(c) { c } else { '-' }).take(longest.saturating_sub(HASH + 1)).collect();
    format!("{clean}-{}", short_hash(&format!("{namespace}/{name}"), HASH))
}

/// Returns whether `<namespace>-<name>` can also be derived from another object.
///
/// Without a hyphen in the name, the last hyphen separates namespace and name. A name that is `dlq`
/// or looks like a hash could be the suffix of another object's name.
fn is_ambiguous(name: &str) -> bool {
    let is_hash = name.len() == HASH && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.contains('-') || name == "dlq" || is_hash
}

/// Returns whether names of buses and rules may contain the character (AWS API reference,
/// `CreateEventBus` and `PutRule`).
pub fn events_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// Returns whether names of queues may contain the character (AWS API reference, `CreateQueue`).
pub fn queue_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Name of the default event bus, which every account has in every Region.
pub const DEFAULT_BUS: &str = "default";

/// The partition, Region and account of a resource.
///
/// The methods return the ARN of a resource by its name. Those of a destination are in the folder
/// of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Partition, such as `aws` or `aws-cn`.
    pub partition: &'a str,
    /// Region, such as `eu-west-1`.
    pub region: &'a str,
    /// Account id: 12 digits.
    pub account_id: &'a str,
}

impl<'a> Scope<'a> {
    /// Returns the scope of an identity.
    pub fn of(identity: &'a Identity) -> Self {
        Self { partition: &identity.partition, region: &identity.region, account_id: &identity.account_id }
    }

    /// Returns the ARN of a regional resource. `resource` is the part after the account id.
    pub fn arn(self, service: &str, resource: &str) -> String {
        let Self { partition, region, account_id } = self;
        format!("arn:{partition}:{service}:{region}:{account_id}:{resource}")
    }

    /// Returns the ARN of an IAM role. `path` begins and ends with a slash.
    pub fn role(self, path: &str, name: &str) -> String {
        let Self { partition, account_id, .. } = self;
        format!("arn:{partition}:iam::{account_id}:role{path}{name}")
    }

    /// Returns the ARN of an event bus.
    pub fn bus(self, bus: &str) -> String {
        self.arn("events", &format!("event-bus/{bus}"))
    }

    /// Returns the ARN of a rule. A rule of the default bus has no bus in its ARN
    /// (docs/aws-facts.md, S3).
    pub fn rule(self, bus: &str, rule: &str) -> String {
        let bus = if bus == DEFAULT_BUS { String::new() } else { format!("{bus}/") };
        self.arn("events", &format!("rule/{bus}{rule}"))
    }

    /// Returns the ARN of a replay.
    pub fn replay(self, replay: &str) -> String {
        self.arn("events", &format!("replay/{replay}"))
    }
}

/// Returns the names of the bus and the rule of an ARN, if it is the ARN of a rule.
pub fn rule_of(arn: &str) -> Option<(&str, &str)> {
    let rule = Arn::parse(arn).filter(|arn| arn.service == "events")?.resource.strip_prefix("rule/")?;
    Some(rule.rsplit_once('/').unwrap_or((DEFAULT_BUS, rule)))
}

/// Returns whether names of log groups may contain the character (AWS API reference,
/// `CreateLogGroup`).
pub fn log_group_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '#')
}

/// The parts of an ARN. The resource part retains its colons and slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// Partition, such as `aws` or `aws-cn`.
    pub partition: &'a str,
    /// Service, such as `sqs`.
    pub service: &'a str,
    /// Region; empty for a global service such as IAM.
    pub region: &'a str,
    /// Account id; empty for some resources, such as partner event sources.
    pub account_id: &'a str,
    /// All that follows the account id.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Parses an ARN; `None` if the text is not an ARN.
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

    const SCOPE: Scope<'static> = Scope { partition: "aws", region: "eu-west-1", account_id: "111122223333" };

    #[test]
    fn a_long_name_is_cut_with_a_hash_and_stays_unique() {
        let (a, b) = ("x".repeat(70), format!("{}y", "x".repeat(69)));
        let (a, b) = (default_name("prod", &a, 64, events_character, None), default_name("prod", &b, 64, events_character, None));
        assert_eq!((a.len(), b.len()), (64, 64));
        assert_ne!(a, b);
        assert_eq!(default_name("prod", "orders", 64, events_character, None), "prod-orders");
    }

    /// Every way to divide texts of a few parts into namespace and name, with the names of dead-letter queues and hashes among them.
    #[test]
    fn no_two_objects_have_one_default_name() {
        use std::collections::BTreeMap;
        let hash = short_hash("a-b/c", HASH);
        let parts = ["a", "b", "c", "dlq", hash.as_str()];
        let mut texts: Vec<String> = parts.map(str::to_owned).into();
        for _ in 0..3 {
            let longer: Vec<_> = texts.iter().flat_map(|text| parts.map(|part| format!("{text}-{part}"))).collect();
            texts.extend(longer);
            texts.sort();
            texts.dedup();
        }
        let mut taken: BTreeMap<String, (String, String)> = BTreeMap::new();
        for text in &texts {
            for (at, _) in text.match_indices('-') {
                let (namespace, name) = (&text[..at], &text[at + 1..]);
                let own = default_name(namespace, name, 71, queue_character, None);
                for aws_name in [format!("{own}-dlq"), own] {
                    let object = (namespace.to_owned(), name.to_owned());
                    let other = taken.insert(aws_name.clone(), object.clone());
                    assert!(other.as_ref().is_none_or(|other| *other == object), "{aws_name}: {other:?} and {object:?}");
                }
            }
        }
        assert!(taken.len() > 1000);
    }

    #[test]
    fn an_object_keeps_the_name_that_it_has() {
        assert_eq!(default_name("a", "b-c", 64, events_character, Some("a-b-c")), "a-b-c");
        assert_ne!(default_name("a", "b-c", 64, events_character, Some("other")), "a-b-c");
        assert_ne!(default_name("a", "b-c", 64, events_character, None), default_name("a-b", "c", 64, events_character, None));
    }

    #[test]
    fn a_dot_cannot_stand_in_a_queue_name() {
        let name = default_name("prod", "a.b", 80, queue_character, None);
        assert!(name.starts_with("prod-a-b-") && name.chars().all(queue_character), "{name}");
    }

    #[test]
    fn rule_arns_name_the_bus_unless_it_is_the_default() {
        let china = Scope { partition: "aws-cn", region: "cn-north-1", ..SCOPE };
        assert_eq!(SCOPE.rule("default", "r"), "arn:aws:events:eu-west-1:111122223333:rule/r");
        assert_eq!(china.rule("b", "r"), "arn:aws-cn:events:cn-north-1:111122223333:rule/b/r");
    }

    #[test]
    fn a_rule_is_known_by_its_arn() {
        let arn = |bus| SCOPE.rule(bus, "r");
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
