//! Row A2-parsers: generated inputs for everything that parses text of users or of AWS. No panic, and the documented properties hold.

use std::{collections::BTreeSet, panic::catch_unwind};

use serde_json::{Map, Value, json};
use tributary_testkit::{
    Row, form,
    product::{
        BenchlingShorthand, EventBus, EventRule, EventSink, api, benchling,
        plan::{Arn, default_name, events_character, function_of, grants, log_group_character, policy_document, queue_character, rule_of},
    },
    seed,
};

/// Pieces of which inputs are put together: what the parsers look for, and what they do not expect.
const PIECES: [&str; 40] = [
    "arn:",
    "aws",
    ":",
    "::",
    "/",
    "rule/",
    "events",
    "sqs",
    "lambda",
    "logs",
    "function:",
    "log-group:",
    "111122223333",
    "eu-west-1",
    "*",
    "?",
    "\n",
    "\u{0}",
    "e\u{301}",
    "\u{202e}",
    "\u{1f9ec}",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    "Statement",
    "Sid",
    "ArnLike",
    "aws:SourceArn",
    "v2.",
    "entity.",
    ".updated.fields",
    "created",
    "default",
    "",
    " ",
    "-dlq",
    ".fifo",
];

fn text(random: &mut fastrand::Rng) -> String {
    let n = if random.u8(..) == 0 { 400 } else { random.usize(..9) };
    let piece = |random: &mut fastrand::Rng| match random.u8(..8) {
        0 => random.char(..).to_string(),
        _ => PIECES[random.usize(..PIECES.len())].to_owned(),
    };
    (0..n).map(|_| piece(random)).collect()
}

const KEYS: [&str; 14] = [
    "source",
    "detail-type",
    "detail",
    "entity",
    "schema",
    "name",
    "id",
    "$or",
    "prefix",
    "anything-but",
    "exists",
    "Statement",
    "Sid",
    "Condition",
];

fn value(random: &mut fastrand::Rng, depth: usize) -> Value {
    match random.u8(..if depth == 0 { 5 } else { 9 }) {
        0 => Value::Null,
        1 => json!(random.bool()),
        2 => json!(random.i64(..)),
        3 | 4 => json!(text(random)),
        5 | 6 => (0..random.usize(..4)).map(|_| value(random, depth - 1)).collect(),
        _ => Value::Object(fields(random, depth - 1)),
    }
}

fn fields(random: &mut fastrand::Rng, depth: usize) -> Map<String, Value> {
    let key = |random: &mut fastrand::Rng| if random.u8(..4) == 0 { text(random) } else { KEYS[random.usize(..KEYS.len())].to_owned() };
    (0..random.usize(..5)).map(|_| (key(random), value(random, depth))).collect()
}

fn texts(random: &mut fastrand::Rng) -> Vec<String> {
    (0..random.usize(..6)).map(|_| text(random)).collect()
}

fn arns(random: &mut fastrand::Rng) {
    let arn = text(random);
    if let Some(parts) = Arn::parse(&arn) {
        let again = format!("arn:{}:{}:{}:{}:{}", parts.partition, parts.service, parts.region, parts.account_id, parts.resource);
        assert_eq!(again, arn, "an ARN loses nothing");
    }
    let _ = (rule_of(&arn), format!("{:?}", function_of(&arn)));
}

fn names(random: &mut fastrand::Rng) {
    let (namespace, name) = (text(random), text(random));
    for (longest, allowed) in [(64, events_character as fn(char) -> bool), (80, queue_character), (512, log_group_character)] {
        let made = default_name(&namespace, &name, longest, allowed, Some(&namespace).filter(|_| random.bool()).map(String::as_str));
        assert!(made.len() <= longest && made.chars().all(allowed), "{namespace:?} {name:?}: {made:?}");
    }
    let _ = (api::matches(&texts(random), &name), grants::covers(&namespace, &name));
}

fn patterns(random: &mut fastrand::Rng) {
    let included = texts(random);
    let _ = benchling::lint(&fields(random, 4), Some(&included).filter(|_| random.bool()).map(Vec::as_slice));
    let _ = benchling::type_warnings("spec.eventTypes", &included);
    let schemas = random.bool().then(|| json!({"ids": texts(random), "names": texts(random)}));
    let shorthand = json!({"eventTypes": texts(random), "schemas": schemas, "updatedFields": texts(random)});
    let shorthand: BenchlingShorthand = serde_json::from_value(shorthand).unwrap();
    let compiled = benchling::compile(&shorthand, &text(random));
    let _ = (benchling::warnings(&shorthand, None), benchling::lint(&compiled, None));
}

fn policies(random: &mut fastrand::Rng) {
    let document = if random.bool() { value(random, 4).to_string() } else { text(random) };
    for statement in policy_document::statements_of(&document) {
        let _ = (policy_document::sid_of(&statement), policy_document::single_source(&statement, "ArnLike", "aws:SourceArn"));
        let canonical = policy_document::canonical(&statement);
        assert_eq!(policy_document::canonical(&canonical), canonical, "canonical is canonical");
    }
    let sources: BTreeSet<_> = texts(random).into_iter().collect();
    let collapsed = grants::collapse(&sources, random.usize(..2_000), grants::in_a_list);
    let lost = sources.iter().find(|source| !collapsed.iter().any(|granted| grants::covers(granted, source)));
    assert!(lost.is_none() || sources.iter().any(|source| rule_of(source).is_none()), "{lost:?} is not covered by {collapsed:?}");
}

/// Objects out of anything: they are read or refused, never a panic.
fn objects(random: &mut fastrand::Rng) {
    let object = json!({"metadata": {"name": text(random)}, "spec": value(random, 4), "status": value(random, 3)});
    let _ = serde_json::from_value::<EventBus>(object.clone());
    let _ = serde_json::from_value::<EventRule>(object.clone());
    let _ = serde_json::from_value::<EventSink>(object);
}

#[test]
fn no_input_makes_a_parser_panic() {
    let mut row = Row::new(
        "A2-parsers",
        "Generated ARNs, names, event patterns, shorthands, policies and objects: no panic, and the invariants of the parsers hold.",
    );
    let n: u64 = form(2_000, 2_000_000);
    let parsers = [arns as fn(&mut fastrand::Rng), names, patterns, policies, objects];
    let mut slowest = std::time::Duration::ZERO;
    for i in 0..n {
        let seed = seed().wrapping_mul(1_000_003).wrapping_add(i);
        let parser = parsers[usize::try_from(i % 5).unwrap()];
        let started = std::time::Instant::now();
        let outcome = catch_unwind(|| parser(&mut fastrand::Rng::with_seed(seed)));
        slowest = slowest.max(started.elapsed());
        row.trial(outcome.map_err(|why| {
            let text = why.downcast_ref::<String>().cloned().or_else(|| why.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            format!("parser {} of seed {seed}: {}", i % 5, text.unwrap_or_default())
        }));
    }
    row.figure("slowest, ms", u64::try_from(slowest.as_millis()).unwrap_or_default());
    row.end();
}
