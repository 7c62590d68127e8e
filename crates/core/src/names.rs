//! Names and ARNs of AWS resources, known before the resources exist.

use std::borrow::Cow;

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

/// Prefix of the names of partner event buses (EventBridge API reference, `CreateEventBus`).
pub const PARTNER_BUS: &str = "aws.partner/";

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

    /// Returns the scope of an ARN.
    pub fn of_arn(arn: &Arn<'a>) -> Self {
        Self { partition: arn.partition, region: arn.region, account_id: arn.account_id }
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

/// Returns the name of the bus of an ARN, if it is the ARN of an event bus.
pub fn bus_of(arn: &str) -> Option<&str> {
    Arn::parse(arn).filter(|arn| arn.service == "events")?.resource.strip_prefix("event-bus/")
}

/// Returns whether the resource with this identity belongs to another account than that of its object.
pub fn is_foreign(identity: &Identity) -> bool {
    // Some resources of AWS itself have no account in their ARN.
    Arn::parse(&identity.arn).is_some_and(|arn| !arn.account_id.is_empty() && arn.account_id != identity.account_id)
}

/// Returns what calls name the bus with this identity: its name, or its ARN if it belongs to another
/// account (EventBridge user guide, "Permissions for event buses").
pub fn bus_reference(bus: &Identity) -> &str {
    if is_foreign(bus) { &bus.arn } else { &bus.name }
}

/// Returns what calls of an account name the bus of this rule, and the name of the rule; `None` for
/// another ARN.
pub fn rule_reference<'a>(rule_arn: &'a str, account_id: &str) -> Option<(Cow<'a, str>, &'a str)> {
    let (bus, rule) = rule_of(rule_arn)?;
    let arn = Arn::parse(rule_arn)?;
    let bus = if arn.account_id == account_id { Cow::Borrowed(bus) } else { Cow::Owned(Scope::of_arn(&arn).bus(bus)) };
    Some((bus, rule))
}

/// Returns the ARN of a rule on the bus with this identity. The account of the bus owns the rule,
/// also one that another account creates (EventBridge API reference, `DescribeRule`, `CreatedBy`).
pub fn rule_on(bus: &Identity, rule: &str) -> String {
    let arn = Arn::parse(&bus.arn);
    let scope = arn.as_ref().map_or_else(|| Scope::of(bus), Scope::of_arn);
    scope.rule(&bus.name, rule)
}

/// Returns the name of the bus that a call names.
pub fn bus_name(reference: &str) -> &str {
    bus_of(reference).unwrap_or(reference)
}

/// Returns whether a call that names the bus in this way is about a bus of another account.
pub fn is_bus_arn(reference: &str) -> bool {
    bus_of(reference).is_some()
}

/// The parts of an ARN. The resource part retains its colons and slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// Partition, such as `aws` or `aws-cn`.
    pub partition: &'a str,
    /// Service, such as `events`.
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
    fn a_resource_of_aws_itself_is_not_foreign() {
        let is_foreign = |arn: &str| is_foreign(&Identity { account_id: "111122223333".into(), arn: arn.into(), ..Identity::default() });
        assert!(is_foreign("arn:aws:sqs:eu-west-1:999988887777:q"));
        assert!(!is_foreign("arn:aws:sqs:eu-west-1:111122223333:q"));
        assert!(!is_foreign("arn:aws:ssm:eu-west-1::document/AWS-RunShellScript"));
    }

    #[test]
    fn a_bus_of_another_account_is_named_by_its_arn() {
        let own = Identity { account_id: "111122223333".into(), name: "b".into(), arn: SCOPE.bus("b"), ..Identity::default() };
        let theirs = Identity { arn: Scope { account_id: "444455556666", ..SCOPE }.bus("b"), ..own.clone() };
        assert_eq!((bus_reference(&own), bus_reference(&theirs)), ("b", theirs.arn.as_str()));
        assert_eq!((bus_name("b"), bus_name(&theirs.arn)), ("b", "b"));
        for (bus, is_foreign) in [(&own, false), (&theirs, true)] {
            let rule = rule_on(bus, "r");
            assert_eq!(Arn::parse(&rule).map(|arn| arn.account_id), Arn::parse(&bus.arn).map(|arn| arn.account_id));
            assert_eq!(rule_reference(&rule, &own.account_id), Some((bus_reference(bus).into(), "r")));
            assert_eq!(is_bus_arn(bus_reference(bus)), is_foreign);
        }
    }

    #[test]
    fn an_arn_keeps_the_slashes_of_its_resource() {
        let arn = "arn:aws:events:us-west-2:111122223333:event-bus/aws.partner/benchling.com/acme/app";
        assert_eq!(Arn::parse(arn).map(|a| a.resource), Some("event-bus/aws.partner/benchling.com/acme/app"));
        assert_eq!(Arn::parse("queue"), None);
    }
}
