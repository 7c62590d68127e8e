//! How fast patterns are. Prints one figure a line, as JSON; a missed aim is not a failure. Run by `make bench`, and alone with
//! `cargo bench --locked -p tributary-pattern`.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use serde_json::{Value, json};
use tributary_pattern::{Limits, Pattern, RuleSet};

/// Seconds for which each figure is measured.
const DURATION: f64 = 2.0;

fn main() {
    one_shot();
    let small = stream(300);
    let large = stream(3_000);
    print("time of 3,000 rules, as a ratio to 300", small / large, "10, at most", small / large < 10.0);
    percentile();
}

fn print(figure: &str, value: f64, aim: &str, met: bool) {
    println!("{}", json!({"figure": figure, "value": (value * 100.0).round() / 100.0, "aim": aim, "met": met}));
}

/// Seconds that this process had a core: other processes do not change the figures. Wall time where the kernel does not tell.
fn seconds() -> f64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

/// How often a second of one core `run` can be called, which gets the number of the call.
fn rate(mut run: impl FnMut(usize)) -> f64 {
    let start = seconds();
    let mut calls = 0;
    while seconds() - start < DURATION {
        for _ in 0..1_000 {
            run(calls);
            calls += 1;
        }
    }
    calls as f64 / (seconds() - start)
}

/// Compiling and matching once: the public cases.
fn one_shot() {
    let text = |case: &Value, key: &str| case[key].as_str().unwrap().to_owned();
    let cases: Vec<_> = include_str!("../tests/data/cases.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|case| (text(&case, "pattern"), text(&case, "event")))
        .collect();
    let rate = rate(|call| {
        let (pattern, event) = &cases[call % cases.len()];
        black_box(Pattern::compile(pattern).map(|pattern| pattern.matches(event)).is_ok());
    });
    print("public cases compiled and matched per second", rate, "50,000", rate >= 50_000.0);
}

/// The events per second that a set of rules is held against.
fn stream(rules: usize) -> f64 {
    let patterns: Vec<Pattern> = (0..rules).map(|number| Pattern::compile_within(&pattern(number), &Limits::BUS).unwrap()).collect();
    let set = RuleSet::new(&patterns);
    let events: Vec<String> = (0..1_000).map(event).collect();
    let matched: usize = events.iter().map(|event| set.matches(event).unwrap().len()).sum();
    assert!(matched > 100, "{matched} matches");
    let rate = rate(|call| {
        black_box(set.matches(&events[call % events.len()]).is_ok());
    });
    print(
        &format!("events per second against {rules} rules"),
        rate,
        if rules == 300 { "100,000" } else { "" },
        rules != 300 || rate >= 100_000.0,
    );
    rate
}

/// Rules as teams write them: an event type each, most with a schema, some with a range, a prefix or a wildcard.
fn pattern(number: usize) -> String {
    let kind = number % 150;
    let detail = match number % 10 {
        0 => r#","detail":{"request":{"priority":[{"numeric":[">=",3]}]}}"#.to_owned(),
        1 => format!(r#","detail":{{"entity":{{"name":[{{"prefix":"P{}"}}]}}}}"#, number % 7),
        2 => r#","detail":{"entity":{"webURL":[{"wildcard":"https://*/lims/*"}]}}"#.to_owned(),
        3 => String::new(),
        _ => format!(r#","detail":{{"schema":{{"id":["ts_{}"]}}}}"#, number / 10),
    };
    format!(r#"{{"source":["aws.partner/benchling.com/acme/lims"],"detail-type":["v2.kind{kind}.created"]{detail}}}"#)
}

/// An event of about 1 KiB.
fn event(number: usize) -> String {
    let kind = number % 150;
    let fields: String = (0..8).fold(String::new(), |mut all, field| {
        let _ = write!(all, r#""field {field}":{{"type":"text","value":"value {field} of {number}","isMulti":false}},"#);
        all
    });
    format!(
        r#"{{"version":"0","id":"{number}","detail-type":"v2.kind{kind}.created","source":"aws.partner/benchling.com/acme/lims","account":"111122223333","time":"2026-01-01T00:00:00Z","region":"eu-west-1","resources":[],"detail":{{"id":"evt_{number}","schema":{{"id":"ts_{}","name":"Plasmid"}},"request":{{"priority":{}}},"entity":{{"name":"P{number}","webURL":"https://acme.benchling.com/lims/{number}","fields":{{{}}}}}}}}}"#,
        number % 40,
        number % 5,
        fields.trim_end_matches(','),
    )
}

/// The p99 of a pattern of 4 KiB and an event of 256 KiB.
fn percentile() {
    let values = |name: &str| (0..100).map(|number| format!("\"{name}-{number:04}\"")).collect::<Vec<_>>().join(",");
    let pattern = format!(
        r#"{{"source":["s"],"detail":{{"list":{{"x":[{}],"y":[{}],"z":[{}]}},"w":[{{"wildcard":"*a*b"}}]}}}}"#,
        values("first"),
        values("second"),
        values("third")
    );
    let items: String = (0..4_850).fold(String::new(), |mut all, number| {
        let _ = write!(all, r#"{{"x":"first-{:04}","y":"second-{:04}","z":"other-{number}"}},"#, number % 90, number % 91);
        all
    });
    let event = format!(r#"{{"source":"s","detail":{{"list":[{}],"w":"a long value that ends with b"}}}}"#, items.trim_end_matches(','));
    let compiled = Pattern::compile(&pattern).unwrap();
    let mut times: Vec<f64> = (0..1_000)
        .map(|_| {
            // Wall time: the kernel counts a process's time in ticks that are longer than one match.
            let start = Instant::now();
            black_box(compiled.matches(&event).is_ok());
            start.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let what = format!("p99 of a pattern of {} bytes and an event of {} KiB, in ms", pattern.len(), event.len() >> 10);
    print(&what, times[989], "2, at most", times[989] <= 2.0);
    print("- the median", times[499], "", true);
}
