//! Values that a field does not expect, derived from its schema. Pure.

use serde_json::{Map, Value, json};

/// Texts that have broken programs: combining, right to left, escapes, injection, wildcards, ARNs of others, very long.
const TEXTS: [&str; 22] = [
    "",
    " ",
    "x",
    "e\u{301}\u{327}",
    "\u{202e}txet",
    "a\u{0}b",
    "\\u0000",
    "\u{1f9ec}\u{1f469}\u{200d}\u{1f52c}",
    "'\"}{][",
    "{\"Version\":\"2012-10-17\"}",
    "*",
    "?",
    "a\nb",
    "%s%n${HOME}",
    "../../etc",
    "DEFAULT",
    "aws.partner/benchling.com",
    "arn:aws-cn:sqs:cn-north-1:999999999999:q",
    "arn:aws:sqs:eu-west-1:999999999999:q",
    "arn:aws:s3:::bucket",
    "arn:aws:sqs:::",
    "arn:::::::::::::::::::",
];

fn long(n: usize) -> Value {
    json!("a".repeat(n))
}

/// Texts close to the one that the seed has: often still within the pattern.
fn near(text: &str, account: &str) -> Vec<Value> {
    let mut cut = text.to_owned();
    cut.pop();
    let mut all =
        vec![json!(cut), json!(format!("{text}x")), json!(format!("{text}*")), json!(text.to_uppercase()), json!(format!("{text}\n"))];
    if text.contains(account) {
        all.push(json!(text.replace(account, "999999999999")));
        all.push(json!(text.replace("arn:aws:", "arn:aws-us-gov:")));
        all.push(json!(text.replace("eu-west-1", "eu-west-2")));
    }
    all
}

fn texts(schema: &Value, present: Option<&Value>, account: &str) -> Vec<Value> {
    let mut all: Vec<_> = TEXTS.iter().map(|text| json!(text)).collect();
    if let Some(text) = present.and_then(Value::as_str) {
        all.extend(near(text, account));
    }
    for one in schema["enum"].as_array().into_iter().flatten() {
        all.push(one.clone());
        all.extend(one.as_str().map(|text| json!(text.to_lowercase())));
    }
    if let Some(longest) = schema["maxLength"].as_u64().and_then(|n| usize::try_from(n).ok()) {
        all.extend([long(longest), long(longest + 1)]);
    }
    all.extend([long(5_000), long(100_000), json!(7), json!(true), json!([]), json!({})]);
    all
}

fn numbers(schema: &Value) -> Vec<Value> {
    let mut all = vec![json!(0), json!(-1), json!(1), json!(i32::MAX), json!(i64::from(i32::MAX) + 1), json!(i64::MIN), json!(u64::MAX)];
    all.extend([json!(1.5), json!(1e300), json!("1"), json!([1]), json!({})]);
    for bound in ["minimum", "maximum"] {
        if let Some(bound) = schema[bound].as_f64() {
            all.extend([-1.0, 0.0, 1.0].map(|off| json!(serde_json::Number::from_f64(bound + off).and_then(|n| n.as_f64()).map(whole))));
        }
    }
    all
}

#[allow(clippy::cast_possible_truncation)]
fn whole(number: f64) -> i64 {
    number as i64
}

fn map(n: usize) -> Value {
    Value::Object((0..n).map(|i| (format!("k{i}"), json!("v"))).collect())
}

fn maps(schema: &Value) -> Vec<Value> {
    let mut all = vec![map(0), map(1), map(1_000), json!({"": "v"}), json!({"k": ""}), json!({"k": null}), json!({"k": 7})];
    all.extend([json!({"aws:system": "v"}), json!({"tributary.dev/owner": "me/EventBus/x/y"}), json!({"e\u{301}\u{202e}": "\u{1f9ec}"})]);
    all.extend([json!({"a\nb": "c\u{0}d"}), json!({"a".repeat(129): "v"}), json!({"k": "a".repeat(257)}), json!([]), json!("x")]);
    if let Some(most) = schema["maxProperties"].as_u64().and_then(|n| usize::try_from(n).ok()) {
        all.extend([map(most), map(most + 1)]);
    }
    all
}

/// Objects without a schema: event patterns and constant inputs.
fn free() -> Vec<Value> {
    let mut deep = json!(["x"]);
    for _ in 0..60 {
        deep = json!({"d": deep});
    }
    let or: Vec<_> = (0..30).map(|i| json!({"source": [format!("s{i}")]})).collect();
    let detail = |test: Value| json!({"detail": {"x": [test]}});
    vec![
        json!({}),
        json!({"source": []}),
        json!({"source": "x"}),
        json!({"source": {}}),
        json!({"source": [null]}),
        json!({"source": [[["x"]]]}),
        json!({"source": ["'\"}{\u{0}\u{202e}\n"]}),
        json!({"": [""]}),
        json!({"$or": or}),
        json!({"$or": []}),
        json!({"$or": "x"}),
        json!({"source": ["a".repeat(3_000)]}),
        json!({"source": [u64::MAX, i64::MIN, 1e300, -0.0]}),
        json!({"account": ["*"]}),
        detail(json!({"numeric": []})),
        detail(json!({"numeric": ["<"]})),
        detail(json!({"numeric": [">", 5, "<", 1]})),
        detail(json!({"prefix": 1})),
        detail(json!({"prefix": {"equals-ignore-case": 7}})),
        detail(json!({"wildcard": "*".repeat(60)})),
        detail(json!({"wildcard": "\\"})),
        detail(json!({"anything-but": []})),
        detail(json!({"anything-but": {"anything-but": ["x"]}})),
        detail(json!({"exists": "yes"})),
        detail(json!({"cidr": "999.0.0.0/99"})),
        detail(json!({"nonsense": true, "prefix": "x"})),
        json!({"detail-type": ["v2.entity.registred"], "detail": {"entity": {"schema": {"name": ["x"]}}}}),
        deep,
        json!([]),
        json!("x"),
    ]
}

fn lists(schema: &Value, present: Option<&Value>, account: &str) -> Vec<Value> {
    let items = &schema["items"];
    let item = present.and_then(|list| list.get(0)).cloned().unwrap_or_else(|| json!("x"));
    let of = |n: usize| Value::Array(vec![item.clone(); n]);
    let mut all = vec![of(0), of(2), of(1_000), json!([null]), json!({}), json!("x"), json!([[]]), json!([{}])];
    if let Some(most) = schema["maxItems"].as_u64().and_then(|n| usize::try_from(n).ok()) {
        all.extend([of(most), of(most + 1)]);
        let different = |n: usize| (0..n).map(|i| renamed(&item, i)).collect::<Vec<_>>();
        all.extend([json!(different(most)), json!(different(most + 1))]);
    }
    if items["type"] == "string" {
        all.extend(texts(items, present.and_then(|list| list.get(0)), account).into_iter().map(|text| json!([text])));
    }
    all
}

/// The item under another name, so that it is another one.
fn renamed(item: &Value, i: usize) -> Value {
    match item {
        Value::String(text) => json!(format!("{text}{i}")),
        Value::Object(fields) => {
            let mut fields = fields.clone();
            for key in ["name", "functionArn"] {
                if let Some(Value::String(text)) = fields.get(key) {
                    let text = format!("{text}{i}");
                    fields.insert(key.into(), json!(text));
                }
            }
            Value::Object(fields)
        }
        other => other.clone(),
    }
}

/// Everything that the field is given in turn.
pub fn hostile(schema: &Value, present: Option<&Value>, account: &str) -> Vec<Value> {
    let mut all = match schema["type"].as_str() {
        Some("string") => texts(schema, present, account),
        Some("integer" | "number") => numbers(schema),
        Some("boolean") => vec![json!(true), json!(false), json!("true"), json!(1), json!({})],
        Some("array") => lists(schema, present, account),
        _ if schema["x-kubernetes-preserve-unknown-fields"] == true => free(),
        _ if schema.get("additionalProperties").is_some() => maps(schema),
        _ => vec![json!({}), json!([]), json!("x"), json!(7)],
    };
    all.push(Value::Null);
    all
}

/// Something that fits the schema, for the neighbours that a mutated field must have.
pub fn sample(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("string") => schema["enum"].get(0).cloned().unwrap_or_else(|| json!("x")),
        Some("integer" | "number") => schema["minimum"].as_f64().map_or_else(|| json!(1), |least| json!(whole(least))),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        _ => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            Value::Object(required.map(|name| (name.to_owned(), sample(&schema["properties"][name]))).collect::<Map<_, _>>())
        }
    }
}
