//! Requests that are not from Benchling or are malformed: rejected, counted, and never put on the bus.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tributary_testkit::{Webhook, until};

use crate::fixture::{Fixture, PATH, Running};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_put_that_benchling_did_not_sign_for_this_app() {
    let fixture = Fixture::new("gw-bad").await;
    let mut refused = 0;
    for wish in [
        json!({"bad": "body"}),
        json!({"bad": "key"}),
        json!({"bad": "raw"}),
        json!({"bad": "missing"}),
        json!({"bad": "truncated"}),
        json!({"skewSeconds": -400}),
        json!({"skewSeconds": 400}),
        json!({"timestamp": "nan"}),
        json!({"timestamp": "soon"}),
    ] {
        let (status, text) = fixture.post(PATH, &fixture.one(wish.clone()).await).await;
        assert_eq!(status, 401, "{wish}: {text}");
        refused += 1;
    }
    // A header that is there twice, of which nobody knows which was signed.
    let good = fixture.one(json!({})).await;
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut request = fixture.benchling.http.post(fixture.gateway.url(PATH)).body(good.body.clone()).header(name, "x");
        for (name, value) in &good.headers {
            request = request.header(name, value);
        }
        assert_eq!(request.send().await.unwrap().status(), 401, "{name} twice");
        refused += 1;
    }
    // Signed by Benchling, and for somebody else: the envelope chooses the app, and its keys verify.
    let other = fixture.benchling.app(json!({})).await;
    let theirs = fixture.benchling.sign(&other, json!({})).await.remove(0);
    let stolen = Webhook { headers: theirs.headers.clone(), ..good.clone() };
    assert_eq!(fixture.post(PATH, &stolen).await.0, 401);
    refused += 1;
    assert_eq!(fixture.post(PATH, &theirs).await.0, 404, "an app that nobody has here");
    for envelope in [json!({"baseURL": "https://other.benchling.com"}), json!({"baseURL": "https://evil.example"})] {
        assert_eq!(fixture.post(PATH, &fixture.one(json!({"envelope": envelope})).await).await.0, 404, "{envelope}");
    }
    for path in ["/", "/1", "/1/webhooksx", "/2/webhooks", "/metrics", "/healthz"] {
        assert_eq!(fixture.post(path, &good).await.0, 404, "{path}");
    }
    for raw in ["", "{}", "[]", "null", "{\"appDefinition\":", "<xml/>", &"[".repeat(200_000)] {
        assert_eq!(fixture.post(PATH, &fixture.one(json!({"raw": raw})).await).await.0, 400, "{raw:.20}");
    }
    let status = fixture.benchling.http.get(fixture.gateway.url(PATH)).send().await.unwrap().status();
    assert_eq!(status, 405);
    assert!(fixture.puts().await.is_empty());
    fixture.wait_for_status("refusals", |status| status["refused"] == refused && status["accepted"] == 0).await;
    let metrics = fixture.metrics().await;
    for reason in ["missing_header", "bad_timestamp", "out_of_time", "no_signature", "wrong_signature"] {
        assert!(metrics.contains(&format!(r#"tributary_gateway_refusals_total{{reason="{reason}"}}"#)), "{reason}: {metrics}");
    }
    // A good signature among noise is good.
    assert_eq!(fixture.post(PATH, &fixture.one(json!({"bad": "noise"})).await).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_are_bounded_however_they_come() {
    let fixture = Fixture::new("gw-large").await;
    let large = fixture.one(json!({"message": {"x": "y".repeat(300_000)}})).await;
    assert_eq!(fixture.post(PATH, &large).await.0, 413, "by its Content-Length");
    let parts: Vec<Result<Vec<u8>, std::io::Error>> = (0..300).map(|_| Ok(vec![b'x'; 1_024])).collect();
    let body = parts.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    let mut stream = TcpStream::connect(fixture.gateway.public).await.unwrap();
    stream.write_all(format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").as_bytes()).await.unwrap();
    for part in body {
        let chunk = [format!("{:x}\r\n", part.len()).into_bytes(), part, b"\r\n".to_vec()].concat();
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let mut answer = vec![0; 64];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer)).await.unwrap().unwrap_or(0);
    assert!(String::from_utf8_lossy(&answer[..read]).contains(" 413 "), "{}", String::from_utf8_lossy(&answer[..read]));
    // Just below the limit it is taken.
    let fits = fixture.one(json!({"message": {"x": "y".repeat(200_000)}})).await;
    assert_eq!(fixture.post(PATH, &fits).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_of_a_stranger_do_not_keep_webhooks_out() {
    let fixture = Fixture::new("gw-full").await;
    // Room for one large body.
    let gateway = Running::start(&fixture.world, &fixture.benchling, |options| options.limits.bodies = 256 * 1_024).await;
    let (large, thin) = (fixture.one(json!({"message": {"x": "y".repeat(200_000)}})).await, fixture.one(json!({})).await);
    let (http, url) = (&fixture.benchling.http, gateway.url(PATH));
    let mut stranger = TcpStream::connect(gateway.public).await.unwrap();
    stranger.write_all(format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 262144\r\n\r\n").as_bytes()).await.unwrap();
    stranger.write_all(&vec![b' '; 262_143]).await.unwrap();
    tributary_testkit::until("there is no room", || async { (large.post(http, &url).await.0 == 503).then_some(()) }).await;
    assert_eq!(thin.post(http, &url).await.0, 200);
    drop(stranger);
    tributary_testkit::until("there is room again", || async { (large.post(http, &url).await.0 == 200).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_senders_hold_up_nobody_and_are_let_go() {
    let fixture = Fixture::new("gw-slow").await;
    // More than the gateway takes at a time, which send a head's first letters and no more, or a head and no body.
    let gateway = Running::start(&fixture.world, &fixture.benchling, |options| options.limits.connections = 64).await;
    let mut slow = Vec::new();
    for index in 0..200 {
        let mut stream = TcpStream::connect(gateway.public).await.unwrap();
        let text = if index % 2 == 0 {
            format!("POST {PATH} HT")
        } else {
            format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{")
        };
        stream.write_all(text.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    // They are let go in turn, so a real one gets its answer in the end.
    let webhook = fixture.one(json!({})).await;
    let (http, url) = (reqwest::Client::builder().timeout(Duration::from_secs(50)).build().unwrap(), gateway.url(PATH));
    let (status, text) = tokio::time::timeout(Duration::from_mins(1), webhook.post(&http, &url)).await.unwrap();
    assert_eq!(status, 200, "{text}");
    for mut stream in slow {
        // Ended by the gateway, with 408 or without a word.
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "a slow connection is still open");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_connections_at_once_are_served() {
    let fixture = Fixture::new("gw-500").await;
    let webhooks = fixture.sign(json!({"count": 500})).await;
    let url = fixture.gateway.url(PATH);
    let sends = webhooks.into_iter().map(|webhook| {
        let url = url.clone();
        // A client of its own: a connection of its own.
        tokio::spawn(async move {
            let mut statuses = vec![];
            // A sender that is not served in time gets an error or is disconnected, and resends, as Benchling does.
            while statuses.last() != Some(&200) && statuses.len() < 100 {
                statuses.push(webhook.post(&reqwest::Client::new(), &url).await.0);
            }
            (webhook.id, statuses)
        })
    });
    let all: Vec<_> = futures::future::join_all(sends).await.into_iter().map(Result::unwrap).collect();
    let taken: std::collections::BTreeSet<_> = fixture.taken().await.into_iter().collect();
    for (id, statuses) in &all {
        assert!(statuses.iter().all(|status| [0, 200, 503].contains(status)) && statuses.last() == Some(&200), "{id}: {statuses:?}");
        assert!(taken.contains(id));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_readiness_tell_the_truth_and_metrics_are_not_for_the_world() {
    let fixture = Fixture::new("gw-health").await;
    let get = |url: String| async move { reqwest::get(url).await.map_or(0, |answer| answer.status().as_u16()) };
    assert_eq!((get(fixture.gateway.url("/health")).await, get(fixture.gateway.url("/ready")).await), (200, 200));
    assert_eq!(get(fixture.gateway.url("/metrics")).await, 404);
    let admin = format!("http://{}", fixture.gateway.admin);
    assert_eq!((get(format!("{admin}/healthz")).await, get(format!("{admin}/readyz")).await), (200, 200));
    let Fixture { world, benchling, app: Value::Object(_), gateway } = fixture else { panic!() };
    // While it drains it serves, and says that it is not ready.
    gateway.stop().await;
    let gateway = Running::start(&world, &benchling, |options| options.drain = Duration::from_secs(3)).await;
    let (url, stopping) = (gateway.url("/ready"), tokio::spawn(gateway.stop()));
    until("it is not ready any more", || async { (get(url.clone()).await == 503).then_some(()) }).await;
    stopping.await.unwrap();
}
