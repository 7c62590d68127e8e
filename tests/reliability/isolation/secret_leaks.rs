//! Row N2: Secrets whose values are searched for in all output, through every error that involves credentials.

use std::{fmt::Write, process::Command};

use kube::api::ListParams;
use serde_json::{Value, json};
use tributary_testkit::{Aws, Bed, Collector, OPERATOR_NAMESPACE, REGION, Replica, Row, World, form, seed, until};

const API: &str = "tributary.dev/v1alpha1";

/// A secret value, and what it looks like wherever it may come out.
struct MarkedSecret {
    what: String,
    value: String,
    forms: Vec<String>,
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain([0, 0].iter()).take(3).fold(0_usize, |word, byte| (word << 8) | usize::from(*byte));
        (0..=chunk.len()).for_each(|i| text.push(char::from(LETTERS[(word >> (18 - 6 * i)) & 63])));
    }
    text
}

impl MarkedSecret {
    /// `core` alone stands in the value as it is, URL-encoded and JSON-escaped; base64 has it at one of three offsets.
    fn new(what: String, core: String, value: String) -> Self {
        let mut forms = vec![core.clone()];
        for offset in 0..3 {
            let shifted: Vec<u8> = std::iter::repeat_n(b' ', offset).chain(core.bytes()).collect();
            let text = base64(&shifted);
            // Letters that the neighbouring bytes have a part in are left out.
            forms.push(text[4..text.len() - 4].to_owned());
        }
        let hex = core.bytes().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        forms.push(hex);
        // As `Debug` prints bytes.
        forms.push(core.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", "));
        Self { what, value, forms }
    }

    fn found_in(&self, text: &str) -> Option<&str> {
        self.forms.iter().find(|form| text.contains(*form)).map(String::as_str)
    }
}

/// Unique to the run and the field: a number that occurs nowhere else, in letters that every encoding changes.
fn core(n: u64) -> String {
    let mut state = seed() ^ (u64::from(std::process::id()) << 32) ^ n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (0..3).fold("cnry".to_owned(), |mut text, _| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        write!(text, "{:08x}", state >> 32).unwrap();
        text
    })
}

/// An account whose credentials fail in one way: what, the fault of its calls, and what its two secret values are made into.
type Way = (&'static str, Value, fn(String) -> String);

fn ways() -> Vec<Way> {
    let same: fn(String) -> String = |core| format!("{core}+/=\"\\&x");
    let error = |code: &str, message: &str| json!([{"match": "sts.*", "kind": "error", "status": 403, "code": code, "message": message}]);
    let kind = |matched: &str, kind: &str| json!([{"match": matched, "kind": kind}]);
    vec![
        ("works", json!([]), same),
        (
            "later refused",
            json!([{"match": "events.*", "kind": "error", "status": 400, "code": "AccessDeniedException", "message": "no"}]),
            same,
        ),
        ("later garbage", kind("events.*", "garbage"), same),
        ("refused", error("InvalidClientTokenId", "The security token included in the request is invalid."), same),
        ("expired", error("ExpiredToken", "The security token included in the request is expired"), same),
        ("bad signature", error("SignatureDoesNotMatch", "The request signature we calculated does not match"), same),
        ("throttled", kind("sts.*", "throttle"), same),
        ("server error", kind("sts.*", "error"), same),
        ("garbage", kind("sts.*", "garbage"), same),
        ("reset", kind("sts.*", "reset"), same),
        ("reply lost", kind("sts.*", "applied_reset"), same),
        ("hangs", kind("sts.*", "hang"), same),
        ("a newline", json!([]), |core| format!("{core}\nX-Injected: {core}")),
        ("a control character", json!([]), |core| format!("{core}\u{1}{core}")),
        ("not ASCII", json!([]), |core| format!("{core}\u{fc}\u{1F511}")),
        ("huge", json!([]), |core| core.repeat(8_000)),
        ("a key that is missing", json!([]), same),
        ("TLS to a server without", json!([]), same),
        ("nobody listens", json!([]), same),
    ]
}

/// What a run of the binary made visible, by where.
async fn visible(world: &World, replica: &Replica, collector: &Collector, accounts: &[Aws]) -> Vec<(String, String)> {
    let mut all = vec![("the log".to_owned(), replica.log())];
    // Attributes are plain text in Protocol Buffers.
    all.extend(collector.exports().iter().map(|export| ("traces".into(), String::from_utf8_lossy(&export.body).into_owned())));
    for path in ["/metrics", "/healthz", "/readyz"] {
        all.push((path.into(), replica.get(path).await.map(|answer| answer.1).unwrap_or_default()));
    }
    for (version, kind) in [(API, "EventBus"), (API, "AwsAccount"), ("events.k8s.io/v1", "Event")] {
        let list = world.api_in(Some(&world.namespace), version, kind).list(&ListParams::default()).await.unwrap();
        all.push((format!("{kind} objects"), serde_json::to_string(&list.items).unwrap()));
    }
    for account in accounts {
        all.push(("the journal of AWS calls".into(), format!("{:?}", account.journal(0).await.0)));
    }
    all
}

#[allow(clippy::too_many_lines)] // one row, in its order
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_error_exposes_a_secret_at_any_log_level() {
    let mut row = Row::new(
        "N2-secrets",
        "Random secret keys, session tokens and a ServiceAccount token in every credentials error, at all log levels, in both log formats: none in logs, objects, Events, metrics, health, calls or CLI output.",
    );
    let world = World::empty("canaries").await;
    let (mut canaries, mut accounts) = (vec![], vec![]);
    for (i, (what, faults, make)) in (0_u64..).zip(ways()) {
        let aws = Aws::new(Bed::get());
        aws.faults(faults).await;
        let name = format!("way{i}-{}", world.namespace);
        let mut values = json!({"AWS_ACCESS_KEY_ID": aws.account});
        for (j, key) in (0_u64..).zip(["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]) {
            let core = core(i * 2 + j);
            let canary = MarkedSecret::new(format!("{key} ({what})"), core.clone(), make(core));
            values[key] = json!(canary.value);
            canaries.push(canary);
        }
        if what == "a key that is missing" {
            values.as_object_mut().unwrap().remove("AWS_ACCESS_KEY_ID");
        }
        world.apply_in(Some(OPERATOR_NAMESPACE), "v1", "Secret", &name, json!({"stringData": values})).await;
        let endpoint = match what {
            "TLS to a server without" => aws.endpoint.replacen("http:", "https:", 1),
            "nobody listens" => "http://127.0.0.1:1".into(),
            _ => aws.endpoint.clone(),
        };
        let spec = json!({"accountId": aws.account, "region": REGION, "endpoint": endpoint, "credentials": {"secretRef": {"name": name}}, "grants": [{"namespaces": [world.namespace]}]});
        world.apply_in(None, API, "AwsAccount", &name, json!({"spec": spec})).await;
        accounts.push((name, aws));
    }
    let kubeconfig = Bed::get().operator_kubeconfig();
    let token = kubeconfig["users"][0]["user"]["token"].as_str().unwrap().to_owned();
    let signature = token.rsplit('.').next().unwrap().to_owned();
    canaries.push(MarkedSecret::new("token of the ServiceAccount".into(), signature, token));

    let runs = form(
        vec![("trace", "json"), ("trace", "text"), ("debug", "text")],
        ["error", "warn", "info", "debug", "trace"].into_iter().flat_map(|level| [(level, "json"), (level, "text")]).collect(),
    );
    let (mut texts, collector) = (0, Collector::start().await);
    let header = MarkedSecret::new("header of the exports".into(), core(998), core(998));
    let header_variable = format!("x-token={}", header.value);
    canaries.push(header);
    for (level, format) in &runs {
        let bus = |i: usize| format!("{level}-{format}-{i}");
        let flags = ["--log", level, "--log-format", format, "--leader-elect", "false", "--aws-timeout-seconds", "2"];
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
            ("OTEL_EXPORTER_OTLP_HEADERS", header_variable.as_str()),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ];
        let name = format!("{level}-{format}");
        let replica = Replica::with(&world, &name, &kubeconfig, "999999999999", &flags, &variables);
        for (i, (account, _)) in accounts.iter().enumerate() {
            world.apply("EventBus", &bus(i), json!({"accountRef": {"name": account}})).await;
        }
        let api = world.api("EventBus");
        until("every bus has a condition", || async {
            let list = api.list(&ListParams::default()).await.unwrap();
            let prefix = format!("{level}-{format}-");
            let of_this_run = list.items.iter().filter(|bus| bus.metadata.name.as_ref().is_some_and(|name| name.starts_with(&prefix)));
            let ready = |bus: &kube::api::DynamicObject| {
                bus.data["status"]["conditions"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["reason"] != "Applying"))
            };
            (of_this_run.filter(|bus| ready(bus)).count() == accounts.len()).then_some(())
        })
        .await;
        let is_ours = |span: &tributary_testkit::Span| span.name == "reconcile EventBus" && span.resource["service.instance.id"] == name;
        collector
            .wait("traces of this run", |spans| (spans.iter().filter(|span| is_ours(span)).count() >= accounts.len()).then_some(()))
            .await;
        let all = visible(&world, &replica, &collector, &accounts.iter().map(|account| account.1.clone()).collect::<Vec<_>>()).await;
        if *level == "trace" || *level == "debug" {
            assert!(all[0].1.contains("AWS call failed"), "the log speaks at {level}: {:.2000}", all[0].1);
        }
        assert!(!all[0].1.contains("panicked"), "{level} {format}: a panic");
        for canary in &canaries {
            let hits: Vec<_> = all.iter().filter_map(|(place, text)| Some((place, canary.found_in(text)?, text))).collect();
            let tell = |(place, form, text): &(&String, &str, &String)| {
                let line = text.lines().find(|line| line.contains(form)).unwrap_or_default();
                let at = line.find(form).unwrap_or_default();
                let from = (0..=at.saturating_sub(200)).rev().find(|i| line.is_char_boundary(*i)).unwrap_or_default();
                format!("{place}: {} ... {}", line.chars().take(160).collect::<String>(), &line[from..at])
            };
            row.trial(if hits.is_empty() {
                Ok(())
            } else {
                Err(format!("{} at {level} in {format}: {}", canary.what, hits.iter().map(tell).collect::<Vec<_>>().join("; ")))
            });
        }
        texts += all.len();
    }
    // A kubeconfig that cannot be read, with a token in it, and one that is no YAML at all.
    let bad = MarkedSecret::new("token of a bad kubeconfig".into(), core(999), core(999));
    let folder = env!("CARGO_TARGET_TMPDIR");
    for (i, text) in [
        format!("users: [{{name: x, user: {{token: [{0}]}}}}]", bad.value),
        format!("token: \"{0}\n  : {0}", bad.value),
        format!("users:\n- name: x\n  user: {}", bad.value),
    ]
    .iter()
    .enumerate()
    {
        let path = format!("{folder}/bad-{i}.yaml");
        std::fs::write(&path, text).unwrap();
        for arguments in [&["run", "--leader-elect", "false", "--log", "trace"][..], &["--help"], &["run", "--help"]] {
            let output = Command::new(tributary_testkit::executable())
                .args(arguments)
                .env("KUBECONFIG", &path)
                .env("RUST_BACKTRACE", "1")
                .env("AWS_SECRET_ACCESS_KEY", &bad.value)
                .output()
                .unwrap();
            let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(!text.is_empty());
            row.trial(bad.found_in(&text).map_or(Ok(()), |_| Err(format!("{} {i}, {arguments:?}: {text}", bad.what))));
            texts += 1;
        }
    }
    // What is there is found: in each form, as it stands in an object, a log line, a header.
    let planted = &canaries[0];
    let (json_text, core) = (serde_json::to_string(&planted.value).unwrap(), &planted.forms[0]);
    let encoded: String = core.clone() + "%2B%2F%3D";
    for text in [
        planted.value.clone(),
        json_text,
        encoded,
        base64(planted.value.as_bytes()),
        base64(format!("x:{}", planted.value).as_bytes()),
        format!("{:?}", planted.value.as_bytes()),
    ] {
        assert!(planted.found_in(&text).is_some(), "the scanner sees {text}");
    }
    row.figure("secret values", canaries.len() + 1);
    row.figure("failure modes", accounts.len());
    row.figure("runs of the binary", runs.len());
    row.figure("texts searched", texts);
    row.end();
}
