//! Condition operators: how a value in a policy is compared with one of the call (IAM user guide,
//! "IAM JSON policy elements: Condition operators").

use std::{cmp::Ordering, net::IpAddr};

use k8s_openapi::jiff::Timestamp;

use super::{
    arn,
    fits::Fits,
    pattern::{Pattern, Wildcards},
    text::Reader,
};

/// Which values match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Text,
    TextIgnoringCase,
    TextWithWildcards,
    Arn,
    Bool,
    Number(&'static [Ordering]),
    Date(&'static [Ordering]),
    Address,
}

const EQUAL: &[Ordering] = &[Ordering::Equal];
const LESS: &[Ordering] = &[Ordering::Less];
const AT_MOST: &[Ordering] = &[Ordering::Less, Ordering::Equal];
const GREATER: &[Ordering] = &[Ordering::Greater];
const AT_LEAST: &[Ordering] = &[Ordering::Greater, Ordering::Equal];

/// Returns the comparison of an operator in lower case, and whether it is negated.
pub(super) fn operator(name: &str) -> Option<(Comparison, bool)> {
    Some(match name {
        "stringequals" | "binaryequals" => (Comparison::Text, false),
        "stringnotequals" => (Comparison::Text, true),
        "stringequalsignorecase" => (Comparison::TextIgnoringCase, false),
        "stringnotequalsignorecase" => (Comparison::TextIgnoringCase, true),
        "stringlike" => (Comparison::TextWithWildcards, false),
        "stringnotlike" => (Comparison::TextWithWildcards, true),
        "arnequals" | "arnlike" => (Comparison::Arn, false),
        "arnnotequals" | "arnnotlike" => (Comparison::Arn, true),
        "bool" => (Comparison::Bool, false),
        "numericequals" => (Comparison::Number(EQUAL), false),
        "numericnotequals" => (Comparison::Number(EQUAL), true),
        "numericlessthan" => (Comparison::Number(LESS), false),
        "numericlessthanequals" => (Comparison::Number(AT_MOST), false),
        "numericgreaterthan" => (Comparison::Number(GREATER), false),
        "numericgreaterthanequals" => (Comparison::Number(AT_LEAST), false),
        "dateequals" => (Comparison::Date(EQUAL), false),
        "datenotequals" => (Comparison::Date(EQUAL), true),
        "datelessthan" => (Comparison::Date(LESS), false),
        "datelessthanequals" => (Comparison::Date(AT_MOST), false),
        "dategreaterthan" => (Comparison::Date(GREATER), false),
        "dategreaterthanequals" => (Comparison::Date(AT_LEAST), false),
        "ipaddress" => (Comparison::Address, false),
        "notipaddress" => (Comparison::Address, true),
        _ => return None,
    })
}

impl Comparison {
    /// Returns whether the value of the call matches the one in the policy.
    pub(super) fn matches(self, wanted: &str, found: &str, reader: Reader<'_>) -> Fits {
        let unknown = || Fits::unknown(format!("whether {found} matches {wanted}"));
        match self {
            Self::Text => reader.read(wanted, Wildcards::Literal, |pattern| Fits::of(pattern.matches(found))),
            Self::TextIgnoringCase => {
                let compare = |pattern: &Pattern| Fits::of(pattern.lowercase().matches(&found.to_lowercase()));
                reader.read(wanted, Wildcards::Literal, compare)
            }
            Self::TextWithWildcards => reader.read(wanted, Wildcards::Active, |pattern| Fits::of(pattern.matches(found))),
            Self::Arn => reader.read(wanted, Wildcards::Active, |pattern| arn::like(wanted, pattern, found)),
            // The documentation knows "true" and "false" only.
            Self::Bool if wanted != found && wanted.eq_ignore_ascii_case(found) => unknown(),
            Self::Bool => Fits::of(wanted == found),
            Self::Number(orders) => match (found.parse::<f64>(), wanted.parse::<f64>()) {
                (Ok(found), Ok(wanted)) => Fits::of(found.partial_cmp(&wanted).is_some_and(|order| orders.contains(&order))),
                _ => unknown(),
            },
            Self::Date(orders) => match (date(found), date(wanted)) {
                (Some(found), Some(wanted)) => Fits::of(orders.contains(&found.cmp(&wanted))),
                _ => unknown(),
            },
            Self::Address => match (found.parse::<IpAddr>(), range(wanted)) {
                (Ok(found), Some((network, bits))) => Fits::of(contains(network, bits, found)),
                _ => unknown(),
            },
        }
    }
}

/// Parses a date with its time, or seconds since 1970.
fn date(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::from_second(text.parse().ok()?).ok())
}

/// Parses an address range. Without a prefix length it is one address.
fn range(text: &str) -> Option<(IpAddr, u32)> {
    let (network, bits) = text.split_once('/').map_or((text, None), |(network, bits)| (network, Some(bits)));
    let network: IpAddr = network.parse().ok()?;
    let all = if network.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(all), |bits| bits.parse().ok())?;
    (bits <= all).then_some((network, bits))
}

fn contains(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}
