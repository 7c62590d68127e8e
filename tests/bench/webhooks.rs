//! Benchmark, part 6a: Benchling's side of the gateway: a key, its set over HTTP, and signed webhooks as the bytes of their requests.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use axum::{Router, routing::get};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::Result;

pub const DEFINITION: &str = "appdef_Bench";
pub const TENANT: &str = "acme";
pub const PATH: &str = "/1/webhooks";

/// A webhook, signed.
pub struct Signed {
    pub id: String,
    /// Head and body, as they go over the wire.
    pub request: Vec<u8>,
}

pub struct Benchling {
    /// Of the key set, as the gateway's flag wants it.
    pub keys_url: String,
    key: EcdsaKeyPair,
    server: JoinHandle<()>,
}

impl Benchling {
    pub async fn start() -> Result<Self> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref())?;
        // An uncompressed point: 4, x, y.
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let half = |half: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(half);
        let set = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": half(x), "y": half(y), "kid": "key_bench"}]}).to_string();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let keys_url = format!("http://{}/apps/{{app_definition_id}}/jwks", listener.local_addr()?);
        let app = Router::new().fallback(get(move || async move { ([("content-type", "application/json")], set) }));
        let server = tokio::spawn(async move { drop(axum::serve(listener, app).await) });
        Ok(Self { keys_url, key, server })
    }

    /// As Benchling sends it, with a `v1` signature that nobody reads before the one that counts.
    pub fn sign(&self, id: &str) -> Result<Signed> {
        let body = json!({
            "version": "0", "baseURL": format!("https://{TENANT}.benchling.com"), "tenantId": "ten_Bench", "app": {"id": "app_Bench"},
            "appDefinition": {"id": DEFINITION, "versionNumber": "0.0.1"}, "channel": "events",
            "message": {"type": "v2.entity.registered", "id": format!("evt_{id}"), "resourceId": format!("bfi_{id}"), "deprecated": false,
                "createdAt": "2026-01-01T00:00:00.000001+00:00", "schema": {"id": "ts_plasmid"}},
        })
        .to_string();
        let time = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let signature = self.key.sign(&SystemRandom::new(), format!("{id}.{time}.{body}").as_bytes())?;
        let (der, raw) = (BASE64_STANDARD.encode(signature), BASE64_STANDARD.encode([0; 64]));
        let request = format!(
            "POST {PATH} HTTP/1.1\r\nhost: hooks.example.com\r\ncontent-type: application/json\r\ncontent-length: {}\r\nwebhook-id: {id}\r\n\
             webhook-timestamp: {time}\r\nwebhook-signature: v1,{raw} v1der,{der}\r\n\r\n{body}",
            body.len()
        );
        Ok(Signed { id: id.to_owned(), request: request.into_bytes() })
    }

    /// So many, each with an id of its own.
    pub fn sign_all(&self, prefix: &str, count: usize) -> Result<Vec<Signed>> {
        (0..count).map(|n| self.sign(&format!("wh_{prefix}_{n}"))).collect()
    }
}

impl Drop for Benchling {
    fn drop(&mut self) {
        self.server.abort();
    }
}
