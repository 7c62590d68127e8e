//! Which requests are answered, and with which headers.

use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::cli::ui::feed::publish;

#[tokio::test]
async fn requests_without_the_token_are_rejected() {
    let all = start();
    let truncated = &all.token[..42];
    for path in [
        "/",
        "",
        "/api/graph",
        "/x/api/graph",
        &format!("/{truncated}/api/graph"),
        &format!("//{}/api/graph", all.token),
        "/%20/assets/app.js",
    ] {
        let request =
            Request::builder().uri(format!("http://127.0.0.1{path}")).header(header::HOST, "127.0.0.1").body(Full::default()).unwrap();
        let answer = all.answer(request).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(all.answer(all.request(&Method::GET, "", "")).await.status(), StatusCode::OK);
    let uri = format!("/{}", all.token);
    let without_slash = Request::builder().uri(&uri).header(header::HOST, "localhost").body(Full::default()).unwrap();
    let answer = all.answer(without_slash).await;
    assert_eq!(
        (answer.status(), answer.headers()[header::LOCATION].to_str().unwrap()),
        (StatusCode::PERMANENT_REDIRECT, format!("{uri}/").as_str())
    );
}

#[tokio::test]
async fn requests_of_other_sites_are_rejected() {
    let all = start();
    let mut rebound = all.request(&Method::GET, "api/graph", "");
    rebound.headers_mut().insert(header::HOST, "evil.example:4711".parse().unwrap());
    assert_eq!(all.answer(rebound).await.status(), StatusCode::FORBIDDEN);
    let mut foreign = all.request(&Method::POST, "api/match", "{}");
    foreign.headers_mut().insert(header::ORIGIN, "http://evil.example".parse().unwrap());
    assert_eq!(all.answer(foreign).await.status(), StatusCode::FORBIDDEN);
    // A form of another site can send this type without asking.
    let mut form = all.request(&Method::POST, "api/match", "{}");
    form.headers_mut().insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_eq!(all.answer(form).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn each_path_has_one_method() {
    let all = start();
    for (path, allowed) in
        [("", "GET"), ("assets/app.js", "GET"), ("api/graph", "GET"), ("api/object/EventSink/prod/queue", "GET"), ("api/match", "POST")]
    {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD, Method::OPTIONS] {
            let answer = all.answer(all.request(&method, path, "{}")).await;
            if method == *allowed {
                assert_eq!(answer.status(), StatusCode::OK, "{method} {path}");
            } else {
                assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
                assert_eq!(answer.headers()[header::ALLOW], allowed, "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn no_other_file_is_served() {
    let all = start();
    for path in [
        "assets/../mod.rs",
        "assets/..%2f..%2fmod.rs",
        "assets/%2e%2e/Cargo.toml",
        "assets//etc/passwd",
        "assets/",
        "../../etc/passwd",
        "api/",
        "api/object/EventSink",
        "api/object/EventSink/prod",
        "api/object/EventSink/prod/queue/x",
        "index.html",
        "assets/app.js/",
        "api/object/%ff/a/b",
    ] {
        assert_eq!(all.answer(all.request(&Method::GET, path, "")).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let (status, body) = all.json(&Method::GET, "api/object/EventSink/prod/unknown", "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body["error"]["message"].as_str().unwrap().contains("not found"), "{body}");
}

#[tokio::test]
async fn every_answer_is_kept_by_nobody_and_runs_nothing_foreign() {
    let all = start();
    for path in ["", "assets/app.js", "assets/icon.svg", "api/graph", "unknown", "api/sample?type=nonsense"] {
        let answer = all.answer(all.request(&Method::GET, path, "")).await;
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
        let one = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        assert_eq!(
            (one("cache-control"), one("referrer-policy"), one("x-content-type-options")),
            ("no-store".into(), "no-referrer".into(), "nosniff".into()),
            "{path}"
        );
        assert_eq!((one("x-frame-options"), one("cross-origin-resource-policy")), ("DENY".into(), "same-origin".into()), "{path}");
        assert!(!answer.headers().keys().any(|name| name.as_str().starts_with("access-control")), "{path}: no other site may read it");
    }
}

#[tokio::test]
async fn an_event_is_checked_before_it_is_evaluated() {
    let all = start();
    for (body, status, part) in [
        ("", StatusCode::BAD_REQUEST, "not valid JSON"),
        ("{\n  \"source\": x}", StatusCode::BAD_REQUEST, "line 2 column"),
        ("[{}]", StatusCode::BAD_REQUEST, "not a JSON object"),
        (&"[".repeat(100_000), StatusCode::BAD_REQUEST, "recursion limit"),
        (&format!("{{\"detail\": \"{}\"}}", "x".repeat(1 << 20)), StatusCode::PAYLOAD_TOO_LARGE, "1048576 bytes"),
    ] {
        let (found, answer) = all.json(&Method::POST, "api/match", body).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(found == status && message.contains(part), "{found} {message}");
    }
    let (status, _) = all.json(&Method::POST, "api/match?bus=EventBus%2Fprod%2Fnone", "{}").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(all.json(&Method::GET, "api/changes?since=x", "").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(all.json(&Method::GET, "api/who", "").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_page_is_told_of_changes_and_of_the_end() {
    const SOON: Duration = Duration::from_secs(10);
    let all = start();
    assert_eq!(all.get("api/changes?since=0").await, json!({"version": 1}));
    let waiting = all.get("api/changes?since=1");
    tokio::pin!(waiting);
    assert!(timeout(Duration::from_millis(50), &mut waiting).await.is_err(), "nothing has changed");
    publish(&all.feed, graph());
    assert!(timeout(Duration::from_millis(50), &mut waiting).await.is_err(), "the same graph is no change");
    let mut changed = snapshot();
    object::<EventSink>(&mut changed, "EventSink", "new", json!({"sqs": {"managed": {}}}), json!({"conditions": ready()}));
    publish(&all.feed, changed.graph());
    assert_eq!(timeout(SOON, waiting).await.unwrap(), json!({"version": 2}));
    let waiting = all.get("api/changes?since=2");
    all.stop.send_replace(true);
    assert_eq!(timeout(SOON, waiting).await.unwrap(), json!({"version": 2}));
}
