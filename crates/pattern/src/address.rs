//! Addresses of the Internet Protocol, and ranges of them. AWS's matcher compares addresses as hexadecimal digits, digit by digit, and so
//! does this module: a range of one family also holds addresses of the other whose digits lie in it.
use std::net::{Ipv4Addr, Ipv6Addr};

/// An address as hexadecimal digits, 8 or 32 of them.
pub(crate) type Digits = Vec<u8>;

/// The text as an address, if AWS's matcher takes it for one.
pub(crate) fn digits(text: &str) -> Option<Digits> {
    looks_like_address(text).then(|| parse(text)).flatten().map(|bytes| hex(&bytes))
}

/// Whether the text has the characters of an address. Others are never tried.
fn looks_like_address(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.contains(&b':') {
        return bytes.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b':');
    }
    // Cheap refusal first: most values begin with a letter.
    bytes.first().is_some_and(u8::is_ascii_digit) && is_quad(text)
}

fn is_quad(text: &str) -> bool {
    let mut parts = 0;
    text.split('.').all(|part| {
        parts += 1;
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
    }) && parts == 4
}

fn parse(text: &str) -> Option<Vec<u8>> {
    if text.contains(':') {
        let address: Ipv6Addr = shorten_groups(text).parse().ok()?;
        // A mapped IPv4 address is one of IPv4.
        return Some(address.to_ipv4_mapped().map_or_else(|| address.octets().to_vec(), |mapped| mapped.octets().to_vec()));
    }
    let octets: Vec<u8> = text.split('.').map(octet).collect::<Option<_>>()?;
    let octets: [u8; 4] = octets.try_into().ok()?;
    Some(Ipv4Addr::from(octets).octets().to_vec())
}

/// Zeros in front do not make an octet octal.
fn octet(text: &str) -> Option<u8> {
    let digits = text.trim_start_matches('0');
    if digits.is_empty() { Some(0) } else { digits.parse().ok() }
}

/// Groups of IPv6 may have any number of zeros in front.
fn shorten_groups(text: &str) -> String {
    let shorten = |group: &str| {
        if group.len() > 4 {
            group[..group.len() - 1].trim_start_matches('0').to_owned() + &group[group.len() - 1..]
        } else {
            group.to_owned()
        }
    };
    text.split(':').map(shorten).collect::<Vec<_>>().join(":")
}

fn hex(bytes: &[u8]) -> Digits {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 };
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// Addresses from one to another one, both included.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AddressRange {
    bottom: Digits,
    top: Digits,
}

impl AddressRange {
    /// The range of one address.
    pub(crate) fn single(text: &str) -> Option<Self> {
        let digits = digits(text)?;
        Some(Self { bottom: digits.clone(), top: digits })
    }

    /// A range in the notation `10.0.0.0/8`.
    ///
    /// # Errors
    /// AWS's words for what is wrong.
    pub(crate) fn cidr(text: &str) -> Result<Self, String> {
        // Java's split drops empty parts at the end.
        let parts: Vec<&str> = text.split('/').collect();
        let kept = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
        let [address, mask] = parts[..kept] else {
            return Err("Malformed CIDR, one '/' required".to_owned());
        };
        let mask: i32 = mask.parse().map_err(|_| "Malformed CIDR, mask bits must be an integer".to_owned())?;
        let Ok(mask) = usize::try_from(mask) else {
            return Err("Malformed CIDR, mask bits must not be negative".to_owned());
        };
        let bytes = if looks_like_address(address) {
            parse(address).ok_or_else(|| format!("Invalid IP address: {address}"))?
        } else {
            return Err(format!("Nonstandard IP address: {address}"));
        };
        match bytes.len() {
            4 if mask > 31 => Err("IPv4 mask bits must be < 32".to_owned()),
            16 if mask > 127 => Err("IPv6 mask bits must be < 128".to_owned()),
            _ => Ok(Self { bottom: hex(&masked(&bytes, mask, false)), top: hex(&masked(&bytes, mask, true)) }),
        }
    }

    /// Whether digits lie in the range. Decided by the first digit that lies strictly between both ends: shorter and longer
    /// sequences of digits are compared as far as both go.
    pub(crate) fn contains(&self, value: &[u8]) -> bool {
        let (mut above_bottom, mut below_top) = (false, false);
        for (index, digit) in value.iter().enumerate() {
            if !matches!(digit, b'0'..=b'9' | b'A'..=b'F') {
                return false;
            }
            if !above_bottom {
                if *digit < self.bottom[index] {
                    return false;
                }
                above_bottom = *digit > self.bottom[index];
            }
            if !below_top {
                if *digit > self.top[index] {
                    return false;
                }
                below_top = *digit < self.top[index];
            }
            if (above_bottom && below_top) || index + 1 == self.bottom.len() {
                return true;
            }
        }
        false
    }
}

/// The address with all bits after the mask set or cleared.
fn masked(bytes: &[u8], mask: usize, set: bool) -> Vec<u8> {
    let fixed = |index: usize| mask.saturating_sub(index * 8).min(8);
    bytes
        .iter()
        .enumerate()
        .map(|(index, byte)| {
            let free = u8::try_from((1_u16 << (8 - fixed(index))) - 1).unwrap_or(u8::MAX);
            if set { byte | free } else { byte & !free }
        })
        .collect()
}
