//! Who is answered: requests with the token in their path that were addressed to loopback, and that no other site made.

use aws_lc_rs::{constant_time::verify_slices_are_equal, rand};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hyper::{HeaderMap, header};

use crate::cli::Error;

/// Names of this machine's loopback. Any port: the URL also works through a forwarded port.
const HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];

/// Secret of one run, which the URL contains.
pub(super) struct Token(String);

impl Token {
    /// Returns a token with 256 random bits.
    pub(super) fn random() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| "no random numbers are available for the token")?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the difference is.
    pub(super) fn is(&self, given: &str) -> bool {
        verify_slices_are_equal(self.0.as_bytes(), given.as_bytes()).is_ok()
    }
}

/// Checks that a page of this server, or a person, made the request.
///
/// # Errors
/// Why the request is rejected. A host name that does not mean loopback is one that another site resolved to it (DNS rebinding).
pub(super) fn check_origin(headers: &HeaderMap) -> Result<(), &'static str> {
    let one = |name| {
        let mut all = headers.get_all(name).iter();
        all.next().filter(|_| all.next().is_none()).map(|value| value.to_str().unwrap_or_default())
    };
    let host = one(header::HOST).unwrap_or_default();
    if !HOSTS.contains(&host.rsplit_once(':').map_or(host, |(name, _)| name)) {
        return Err("header Host does not name this machine. Open the URL that `tributary ui` printed.");
    }
    if !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let origin = one(header::ORIGIN).unwrap_or_default();
    if origin.strip_prefix("http://") == Some(host) {
        return Ok(());
    }
    Err("header Origin is that of another site. Open the URL that `tributary ui` printed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(all: &[(header::HeaderName, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(name, value.parse().unwrap());
        }
        check_origin(&headers).is_ok()
    }

    #[test]
    fn only_loopback_is_addressed() {
        use header::HOST;
        for (host, expected) in [
            ("127.0.0.1:4711", true),
            ("127.0.0.1", true),
            ("localhost:1", true),
            ("localhost.evil.example:1", false),
            ("127.0.0.1.evil.example", false),
            ("evil.example:127.0.0.1", false),
            ("evil.example", false),
            ("10.0.0.1:4711", false),
            ("", false),
        ] {
            assert_eq!(checked(&[(HOST, host)]), expected, "{host:?}");
        }
        assert!(!checked(&[]));
        assert!(!checked(&[(HOST, "localhost"), (HOST, "evil.example")]));
    }

    #[test]
    fn no_other_site_makes_requests() {
        use header::{HOST, ORIGIN};
        for (origin, expected) in [
            ("http://127.0.0.1:4711", true),
            ("http://127.0.0.1:4712", false),
            ("https://127.0.0.1:4711", false),
            ("http://localhost:4711", false),
            ("http://evil.example", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(checked(&[(HOST, "127.0.0.1:4711"), (ORIGIN, origin)]), expected, "{origin:?}");
        }
        let own = "http://127.0.0.1:4711";
        assert!(!checked(&[(HOST, "127.0.0.1:4711"), (ORIGIN, own), (ORIGIN, "http://evil.example")]));
    }

    #[test]
    fn a_token_is_random_and_compared_as_a_whole() {
        let (one, other) = (Token::random().unwrap(), Token::random().unwrap());
        assert_eq!(one.text().len(), 43);
        assert!(one.is(one.text()));
        for wrong in [other.text(), "", &one.text()[..42], &format!("{}x", one.text())] {
            assert!(!one.is(wrong), "{wrong}");
        }
    }
}
