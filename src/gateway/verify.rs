//! Verifies that Benchling signed a webhook within the last minutes. Pure.
//!
//! As benchling-sdk 1.25.0 does (`apps.helpers.webhook_helpers.verify`), except: invalid entries of the signature header are skipped where
//! the SDK raises an error, base64 is decoded strictly, and only P-256 keys verify.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};

use tributary_benchling::PublicKey;

/// Maximum difference between the webhook's time and the present, in seconds.
const TOLERANCE: f64 = 300.0;
/// Maximum number of signatures to verify. Benchling sends one or two; each takes about 0.1 ms.
const MAX_SIGNATURES: usize = 8;
/// Maximum length of a webhook id, in bytes.
const MAX_ID: usize = 256;

/// The signed headers, as received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Headers<'a> {
    pub(crate) id: &'a str,
    /// Unix seconds. The signature covers the literal text.
    pub(crate) timestamp: &'a str,
    pub(crate) signature: &'a str,
}

/// Why a webhook is rejected. The name is the label of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumIter, thiserror::Error)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Refused {
    #[error("headers webhook-id, webhook-timestamp and webhook-signature must each be present exactly once")]
    MissingHeader,
    #[error("webhook-timestamp is not a time")]
    BadTimestamp,
    #[error("webhook-timestamp is more than 5 minutes off")]
    OutOfTime,
    #[error("webhook-signature has no entry of the form v<n>der,<base64>")]
    NoSignature,
    #[error("no signature matches a key of the app")]
    WrongSignature,
}

/// A webhook with a valid id and time, and at least one signature to verify.
#[derive(Debug)]
pub(crate) struct Candidate {
    signed: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

impl Candidate {
    /// `now` is in Unix seconds.
    ///
    /// # Errors
    /// See [`Refused`].
    pub(crate) fn new(headers: Headers<'_>, body: &[u8], now: f64) -> Result<Self, Refused> {
        if headers.id.is_empty() || headers.id.len() > MAX_ID {
            return Err(Refused::MissingHeader);
        }
        let time: f64 = headers.timestamp.parse().map_err(|_| Refused::BadTimestamp)?;
        if !time.is_finite() {
            return Err(Refused::BadTimestamp);
        }
        if (now - time).abs() > TOLERANCE {
            return Err(Refused::OutOfTime);
        }
        let signatures: Vec<_> = headers.signature.split(' ').filter_map(der).take(MAX_SIGNATURES).collect();
        if signatures.is_empty() {
            return Err(Refused::NoSignature);
        }
        let mut signed = Vec::with_capacity(headers.id.len() + headers.timestamp.len() + body.len() + 2);
        for part in [headers.id.as_bytes(), b".", headers.timestamp.as_bytes(), b".", body] {
            signed.extend_from_slice(part);
        }
        Ok(Self { signed, signatures })
    }

    /// Checks that one of the keys made one of the signatures.
    pub(crate) fn verify(&self, keys: &[Key]) -> Result<(), Refused> {
        let good = keys.iter().any(|key| self.signatures.iter().any(|signature| key.0.verify_sig(&self.signed, signature).is_ok()));
        if good { Ok(()) } else { Err(Refused::WrongSignature) }
    }
}

/// Returns the signature of an entry `v1der,<base64>`.
fn der(entry: &str) -> Option<Vec<u8>> {
    let (version, signature) = entry.split_once(',')?;
    (version.contains("der") && !signature.contains(',')).then(|| BASE64_STANDARD.decode(signature).ok())?
}

/// A public key on P-256.
#[derive(Clone, Debug)]
pub(crate) struct Key(ParsedPublicKey);

impl Key {
    /// Returns the key, or `None` if its point is not on the curve.
    pub(crate) fn of(public: &PublicKey) -> Option<Self> {
        // Uncompressed point (SEC 1, 2.3.3).
        let point = [&[4][..], &public.x, &public.y].concat();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &point).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"version":"0","baseURL":"https://acme.benchling.com","tenantId":"ten_1","app":{"id":"app_1"},"appDefinition":{"id":"appdef_1","versionNumber":"0.0.1"},"channel":"events","message":{"type":"v2.entity.registered","id":"evt_1","resourceId":"bfi_1","createdAt":"2026-01-01T00:00:00+00:00","deprecated":false,"schema":{"id":"ts_1"}}}"#;
    const GOOD: &str = "v1der,MEUCIGCcIV1xra69kU7Vcc7P/CsGCMSEseYav1d0k0NeYjleAiEAlYH9iqEYEPX9uCZZczBuW2RCxrO4nxnXR4vo+a+dvpE=";
    const NOW: f64 = 1_767_225_600.0;

    fn keys() -> Vec<Key> {
        let public =
            PublicKey::of_base64("THR4hJDNRvFGWDM7QskTpUTZ1TIcL8e4bW6EuOSYTXQ", "_V2JtfSaqweSFsqV_xZ_TlZSj_wpsRZV9iMoEqEkpnY").unwrap();
        vec![Key::of(&public).unwrap()]
    }

    fn judged(signature: &str, timestamp: &str, body: &str, now: f64) -> Result<(), Refused> {
        Candidate::new(Headers { id: "msg_1", timestamp, signature }, body.as_bytes(), now)?.verify(&keys())
    }

    #[test]
    fn the_vector_is_accepted_and_no_other_body() {
        assert_eq!(judged(GOOD, "1767225600", BODY, NOW), Ok(()));
        for index in [0, BODY.len() / 2, BODY.len() - 1] {
            let mut body = BODY.as_bytes().to_vec();
            body[index] ^= 1;
            let candidate = Candidate::new(Headers { id: "msg_1", timestamp: "1767225600", signature: GOOD }, &body, NOW).unwrap();
            assert_eq!(candidate.verify(&keys()), Err(Refused::WrongSignature));
        }
        assert_eq!(judged(GOOD, "1767225600", &format!("{BODY} "), NOW), Err(Refused::WrongSignature));
        // The literal text is signed, not the time that it means.
        assert_eq!(judged(GOOD, "1767225600.0", BODY, NOW), Err(Refused::WrongSignature));
    }

    #[test]
    fn webhooks_are_valid_for_five_minutes_either_way() {
        for (now, verdict) in [
            (NOW + 300.0, Ok(())),
            (NOW - 300.0, Ok(())),
            (NOW + 300.1, Err(Refused::OutOfTime)),
            (NOW + 301.0, Err(Refused::OutOfTime)),
            (NOW - 301.0, Err(Refused::OutOfTime)),
        ] {
            assert_eq!(judged(GOOD, "1767225600", BODY, now), verdict, "{now}");
        }
        for bad in ["nan", "inf", "-inf", "", "soon", "1e400", "0x10"] {
            assert_eq!(judged(GOOD, bad, BODY, NOW), Err(Refused::BadTimestamp), "{bad}");
        }
    }

    #[test]
    fn invalid_entries_are_skipped() {
        for noise in ["v1", "v1,", ",", "", "v1der,a,b", "v1der,!!!", "v1der", "v2,AAAA", "nonsense"] {
            assert_eq!(judged(&format!("{noise} {GOOD}  {noise}"), "1767225600", BODY, NOW), Ok(()), "{noise}");
            assert!(judged(noise, "1767225600", BODY, NOW).is_err(), "{noise}");
        }
        assert_eq!(judged(&GOOD.replace("v1der", "v1"), "1767225600", BODY, NOW), Err(Refused::NoSignature));
        assert_eq!(judged(&GOOD[..40], "1767225600", BODY, NOW), Err(Refused::NoSignature));
        let many = "v1der,AAAA ".repeat(MAX_SIGNATURES);
        assert_eq!(judged(&format!("{many}{GOOD}"), "1767225600", BODY, NOW), Err(Refused::WrongSignature), "as many as are tried");
    }

    #[test]
    fn a_point_that_is_not_on_the_curve_is_not_a_key() {
        assert!(Key::of(&PublicKey { x: [0; 32], y: [0; 32] }).is_none());
    }
}
