//! Benchling's own SDK verifies the same webhooks as the gateway; every difference is explained.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tributary_testkit::{Bed, Webhook};

use crate::fixture::{Fixture, PATH};

/// accepted, refused or crashed: of each webhook.
fn judged(fixture: &Fixture, webhooks: &[Webhook]) -> Vec<String> {
    let bed = Bed::get();
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bed/benchling/sdk.py");
    let url = format!("{}/api/v1/apps/{{}}/jwks", bed.benchling);
    let mut child = Command::new(&bed.python).arg(script).arg(url).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let rows: Vec<_> = webhooks
        .iter()
        .map(|webhook| json!({"definition": fixture.definition(), "headers": webhook.headers, "body": webhook.body}).to_string() + "\n")
        .collect();
    child.stdin.take().unwrap().write_all(rows.concat().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let verdict = |line: &str| serde_json::from_str::<Value>(line).unwrap()["verdict"].as_str().unwrap().to_owned();
    lines.lines().map(verdict).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sdk_and_the_gateway_say_the_same_but_where_it_is_the_sdks_defect() {
    let fixture = Fixture::new("gw-sdk").await;
    let good = fixture.one(json!({})).await;
    let der = good.headers["webhook-signature"].split(' ').find(|entry| entry.contains("der")).unwrap().to_owned();
    let mut table: Vec<(String, Webhook, Option<&str>)> = Vec::new();
    let signed = |name: &str, signature: String| {
        let mut webhook = good.clone();
        webhook.headers.insert("webhook-signature".into(), signature);
        (name.to_owned(), webhook)
    };
    for (name, webhook, defect) in [
        ("as it comes", good.clone(), None),
        ("changed", fixture.one(json!({"bad": "body"})).await, None),
        ("another key", fixture.one(json!({"bad": "key"})).await, None),
        ("only raw", fixture.one(json!({"bad": "raw"})).await, None),
        ("no signature", fixture.one(json!({"bad": "missing"})).await, None),
        ("early enough", fixture.one(json!({"skewSeconds": -200})).await, None),
        ("late enough", fixture.one(json!({"skewSeconds": 200})).await, None),
        ("too early", fixture.one(json!({"skewSeconds": -400})).await, None),
        ("too late", fixture.one(json!({"skewSeconds": 400})).await, None),
        ("no time", fixture.one(json!({"timestamp": "nan"})).await, None),
        ("infinite time", fixture.one(json!({"timestamp": "inf"})).await, None),
        ("word for time", fixture.one(json!({"timestamp": "now"})).await, None),
        ("canvas", fixture.one(json!({"channel": "app_signals", "message": {"type": "v2.canvas.created"}})).await, None),
        ("umlaut", fixture.one(json!({"message": {"x": "Zürich 東京"}})).await, None),
        ("fraction", fixture.one(json!({"timestamp": format!("{}.25", unix())})).await, None),
        ("exponent", fixture.one(json!({"timestamp": format!("{}e0", unix())})).await, None),
        ("noise", fixture.one(json!({"bad": "noise"})).await, Some("an entry that is none raises in the SDK")),
        ("truncated", fixture.one(json!({"bad": "truncated"})).await, None),
    ] {
        table.push((name.to_owned(), webhook, defect));
    }
    for (name, signature, defect) in [
        ("another version", der.replace("v1der", "v27der"), None),
        ("der in another word", der.replace("v1der", "xderx"), None),
        ("twice", format!("{der} {der}"), None),
        ("raw before it", format!("v1,AAAA {der}"), None),
        ("base64 that breaks off", der[..der.len() - 5].to_owned(), Some("base64 that is none raises in the SDK")),
        ("empty signature", "v1der,".to_owned(), None),
        ("of another", format!("v1der,MEUCIQDx {der}"), None),
        ("two spaces", format!("v1,AAAA  {der}"), Some("a doubled space raises in the SDK")),
        ("no comma", format!("v1der {der}"), Some("an entry without a comma raises in the SDK")),
        ("two commas", format!("v1,a,b {der}"), Some("an entry with two commas raises in the SDK")),
        ("junk in base64", der.replacen("v1der,", "v1der,*", 1), Some("the SDK's base64 passes over letters that are none")),
    ] {
        let (name, webhook) = signed(name, signature);
        table.push((name, webhook, defect));
    }
    let webhooks: Vec<_> = table.iter().map(|(_, webhook, _)| webhook.clone()).collect();
    let verdicts = judged(&fixture, &webhooks);
    assert_eq!(verdicts.len(), table.len());
    for ((name, webhook, defect), verdict) in table.iter().zip(verdicts) {
        let status = fixture.post(PATH, webhook).await.0;
        let ours = match status {
            200 => "accepted",
            401 => "refused",
            other => panic!("{name}: {other}"),
        };
        assert_eq!(ours == verdict, defect.is_none(), "{name}: the gateway says {ours}, the SDK {verdict} ({defect:?})");
        // Stricter at most: what the SDK refuses is never accepted; where it raises, ours is either.
        assert!(ours == "refused" || verdict != "refused", "{name}");
    }
}

fn unix() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}
