//! Signing keys: rotation, an unavailable endpoint, and key sets without a usable key.

use serde_json::json;
use tributary_testkit::until;

use crate::fixture::{Fixture, PATH, Running};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_mid_stream_and_nothing_is_lost() {
    let fixture = Fixture::new("gw-rotate").await;
    let definition = fixture.definition();
    let old = fixture.one(json!({})).await;
    let mut all = Vec::new();
    for action in ["overlap", "retire", "rotate", "rotate"] {
        all.extend(fixture.send(json!({"count": 20, "attempts": 40, "everyMs": 250})).await);
        fixture.benchling.control("keys", json!({"appDefinitionId": definition, "action": action})).await;
    }
    all.extend(fixture.send(json!({"count": 20, "attempts": 40, "everyMs": 250})).await);
    for webhook in &all {
        assert_eq!(webhook["attempts"].as_array().unwrap().last().unwrap()["status"], 200, "{webhook}");
    }
    let taken = fixture.taken().await;
    assert!(all.iter().all(|webhook| taken.iter().filter(|id| *id == webhook["id"].as_str().unwrap()).count() == 1));
    // A key that was withdrawn verifies nothing any more.
    assert_eq!(fixture.post(PATH, &old).await.0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_signatures_ask_benchling_now_and_then_only() {
    let fixture = Fixture::new("gw-flood").await;
    let bad = fixture.sign(json!({"count": 200, "bad": "key"})).await;
    let path = format!("/api/v1/apps/{}/jwks", fixture.definition());
    for webhook in &bad {
        assert_eq!(fixture.post(PATH, webhook).await.0, 401);
    }
    let url = format!("{}/_emu/requests?path={path}", fixture.benchling.url);
    let log: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let fetches = log["requests"].as_array().unwrap().len();
    assert!(fetches < 20, "{fetches} fetches for 200 bad signatures");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_endpoint_is_down_the_known_keys_serve() {
    let fixture = Fixture::new("gw-down").await;
    let path = format!("/api/v1/apps/{}/jwks", fixture.definition());
    assert_eq!(fixture.post(PATH, &fixture.one(json!({})).await).await.0, 200);
    for fault in [
        json!({"status": 500}),
        json!({"status": null, "hangMs": 60_000}),
        json!({"status": 200, "body": "{\"keys\": []}"}),
        json!({"status": 200, "body": "<html>"}),
    ] {
        fixture.benchling.fault(&path, fault.clone()).await;
        // One that no key verifies has them fetched, in vain; the others do not wait for that.
        let (bad, good) = (fixture.one(json!({"bad": "key"})).await, fixture.one(json!({})).await);
        let (refused, accepted) = tokio::join!(fixture.post(PATH, &bad), fixture.post(PATH, &good));
        assert_eq!(accepted.0, 200, "{fault}");
        assert!([401, 503].contains(&refused.0), "{fault}: {refused:?}");
        fixture.benchling.forget_fault(&path).await;
    }
    // A replica that starts now has none: it cannot say who is good, and has it sent again.
    fixture.benchling.fault(&path, json!({"status": 500})).await;
    let second = Running::start(&fixture.world, &fixture.benchling, |_| {}).await;
    let webhook = fixture.one(json!({})).await;
    let url = second.url(PATH);
    assert_eq!(webhook.post(&fixture.benchling.http, &url).await.0, 503);
    fixture
        .wait_for_status("no keys", |status| {
            status["message"].as_str().is_some_and(|message| message.contains("the key endpoint answered 500"))
        })
        .await;
    fixture.benchling.forget_fault(&path).await;
    until("it has keys", || async { (webhook.post(&fixture.benchling.http, &url).await.0 == 200).then_some(()) }).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_keys_on_p256_verify() {
    let fixture = Fixture::with("gw-p384", json!({"curve": "P-384"}), json!({})).await;
    let webhook = fixture.one(json!({})).await;
    assert_eq!(fixture.post(PATH, &webhook).await.0, 503, "the set has no key that may verify");
    fixture.wait_for_status("why", |status| status["message"].as_str().is_some_and(|message| message.contains("no EC key on P-256"))).await;
    let definition = fixture.definition();
    fixture
        .benchling
        .control("keys", json!({"appDefinitionId": definition, "action": "add", "jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}))
        .await;
    fixture.benchling.control("keys", json!({"appDefinitionId": definition, "action": "add", "curve": "P-256"})).await;
    until("it is refused", || async { (fixture.post(PATH, &webhook).await.0 == 401).then_some(()) }).await;
    assert!(fixture.puts().await.is_empty());
}
