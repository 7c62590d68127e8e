//! Keys: rotation, an endpoint that is down, and sets that have none to verify with.

use serde_json::json;
use tributary_testkit::until;

use crate::stage::{PATH, Running, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_mid_stream_and_nothing_is_lost() {
    let stage = Stage::new("gw-rotate").await;
    let definition = stage.definition();
    let old = stage.one(json!({})).await;
    let mut all = Vec::new();
    for action in ["overlap", "retire", "rotate", "rotate"] {
        all.extend(stage.send(json!({"count": 20, "attempts": 40, "everyMs": 250})).await);
        stage.benchling.control("keys", json!({"appDefinitionId": definition, "action": action})).await;
    }
    all.extend(stage.send(json!({"count": 20, "attempts": 40, "everyMs": 250})).await);
    for webhook in &all {
        assert_eq!(webhook["attempts"].as_array().unwrap().last().unwrap()["status"], 200, "{webhook}");
    }
    let taken = stage.taken().await;
    assert!(all.iter().all(|webhook| taken.iter().filter(|id| *id == webhook["id"].as_str().unwrap()).count() == 1));
    // A key that was withdrawn verifies nothing any more.
    assert_eq!(stage.post(PATH, &old).await.0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_signatures_ask_benchling_now_and_then_only() {
    let stage = Stage::new("gw-flood").await;
    let bad = stage.sign(json!({"count": 200, "bad": "key"})).await;
    let path = format!("/api/v1/apps/{}/jwks", stage.definition());
    for webhook in &bad {
        assert_eq!(stage.post(PATH, webhook).await.0, 401);
    }
    let url = format!("{}/_emu/requests?path={path}", stage.benchling.url);
    let asked: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let asked = asked["requests"].as_array().unwrap().len();
    assert!(asked < 20, "{asked} fetches for 200 bad signatures");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_endpoint_is_down_the_known_keys_serve() {
    let stage = Stage::new("gw-down").await;
    let path = format!("/api/v1/apps/{}/jwks", stage.definition());
    assert_eq!(stage.post(PATH, &stage.one(json!({})).await).await.0, 200);
    for fault in [
        json!({"status": 500}),
        json!({"status": null, "hangMs": 60_000}),
        json!({"status": 200, "body": "{\"keys\": []}"}),
        json!({"status": 200, "body": "<html>"}),
    ] {
        stage.benchling.fault(&path, fault.clone()).await;
        // One that no key verifies has them fetched, in vain; the others do not wait for that.
        let (bad, good) = (stage.one(json!({"bad": "key"})).await, stage.one(json!({})).await);
        let (refused, accepted) = tokio::join!(stage.post(PATH, &bad), stage.post(PATH, &good));
        assert_eq!(accepted.0, 200, "{fault}");
        assert!([401, 503].contains(&refused.0), "{fault}: {refused:?}");
        stage.benchling.forget_fault(&path).await;
    }
    // A replica that starts now has none: it cannot say who is good, and has it sent again.
    stage.benchling.fault(&path, json!({"status": 500})).await;
    let second = Running::start(&stage.world, &stage.benchling, |_| {}).await;
    let webhook = stage.one(json!({})).await;
    let url = second.url(PATH);
    assert_eq!(webhook.post(&stage.benchling.http, &url).await.0, 503);
    stage.told("no keys", |status| status["message"].as_str().is_some_and(|said| said.contains("the key endpoint answered 500"))).await;
    stage.benchling.forget_fault(&path).await;
    until("it has keys", || async { (webhook.post(&stage.benchling.http, &url).await.0 == 200).then_some(()) }).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_keys_on_p256_verify() {
    let stage = Stage::with("gw-p384", json!({"curve": "P-384"}), json!({})).await;
    let webhook = stage.one(json!({})).await;
    assert_eq!(stage.post(PATH, &webhook).await.0, 503, "the set has no key that may verify");
    stage.told("why", |status| status["message"].as_str().is_some_and(|said| said.contains("no EC key on P-256"))).await;
    let definition = stage.definition();
    stage
        .benchling
        .control("keys", json!({"appDefinitionId": definition, "action": "add", "jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}))
        .await;
    stage.benchling.control("keys", json!({"appDefinitionId": definition, "action": "add", "curve": "P-256"})).await;
    until("it is refused", || async { (stage.post(PATH, &webhook).await.0 == 401).then_some(()) }).await;
    assert!(stage.puts().await.is_empty());
}
