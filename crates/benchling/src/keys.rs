//! Key sets: the public keys that verify an app's webhooks.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::{
    error::{BenchlingError, BenchlingErrorReason},
    http::{self, SMALL_ANSWER},
    tokens::Benchling,
};

/// Webhooks may wait for a key set, so this is shorter than the limit of other requests.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The coordinates of a public key on P-256. Whether they are on the curve is for the verifier to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// First coordinate, big-endian.
    pub x: [u8; 32],
    /// Second coordinate, big-endian.
    pub y: [u8; 32],
}

impl PublicKey {
    /// Returns the key with these coordinates in base64url, or `None` where one has not 32 bytes.
    pub fn of_base64(x: &str, y: &str) -> Option<Self> {
        let coordinate = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?.try_into().ok();
        Some(Self { x: coordinate(x)?, y: coordinate(y)? })
    }
}

impl Benchling {
    /// Requests the key set of an app definition. Keys that are not EC keys on P-256 are skipped.
    ///
    /// # Errors
    /// The definition is unknown, the endpoint does not answer, or the answer is not a key set.
    pub async fn key_set(&self, definition: &str) -> Result<Vec<PublicKey>, BenchlingError> {
        let request = self.http.get(self.urls.of_keys(definition)).timeout(TIMEOUT);
        let answer = http::send(request, SMALL_ANSWER).await.map_err(BenchlingError::unavailable)?;
        match answer.status {
            200 => parse_key_set(&answer.body),
            404 => Err(BenchlingError::new(
                BenchlingErrorReason::AppDefinitionNotFound,
                format!("app definition {definition} not found in Benchling (404). Correct spec.appDefinitionId."),
            )),
            other => Err(BenchlingError::unavailable(format!("the key endpoint answered {other}"))),
        }
    }
}

/// Returns the P-256 keys of a JSON Web Key Set (RFC 7517).
///
/// # Errors
/// The text is not a key set.
pub fn parse_key_set(text: &[u8]) -> Result<Vec<PublicKey>, BenchlingError> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    #[derive(Deserialize)]
    struct Jwk {
        kty: String,
        crv: String,
        x: String,
        y: String,
    }
    let not_a_set = |_| BenchlingError::unavailable("the answer of the key endpoint is not a key set");
    let set: Set = serde_json::from_slice(text).map_err(not_a_set)?;
    let p256 = |value| serde_json::from_value::<Jwk>(value).ok().filter(|jwk| jwk.kty == "EC" && jwk.crv == "P-256");
    Ok(set.keys.into_iter().filter_map(p256).filter_map(|jwk| PublicKey::of_base64(&jwk.x, &jwk.y)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWK: &str = r#"{"crv": "P-256", "kty": "EC", "x": "THR4hJDNRvFGWDM7QskTpUTZ1TIcL8e4bW6EuOSYTXQ", "y": "_V2JtfSaqweSFsqV_xZ_TlZSj_wpsRZV9iMoEqEkpnY"}"#;

    fn count(text: &str) -> Result<usize, BenchlingError> {
        parse_key_set(text.as_bytes()).map(|keys| keys.len())
    }

    #[test]
    fn only_p256_keys_are_returned_and_others_are_skipped() {
        let other = r#"{"kty": "RSA", "n": "AQAB", "e": "AQAB"}"#;
        assert_eq!(count(&format!(r#"{{"keys": [7, null, {other}, {JWK}, {{"kty": "EC"}}]}}"#)), Ok(1));
        let p384 = JWK.replace("P-256", "P-384");
        assert_eq!(count(&format!(r#"{{"keys": [{p384}]}}"#)), Ok(0));
        for bad in ["", "{}", "[]", "<html>", r#"{"keys": {}}"#] {
            assert!(count(bad).is_err_and(|error| error.message.contains("not a key set")), "{bad}");
        }
        assert!(PublicKey::of_base64("", "").is_none() && PublicKey::of_base64("AAAA", "????").is_none());
    }
}
