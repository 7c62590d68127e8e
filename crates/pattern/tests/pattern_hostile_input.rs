//! No input makes it panic, and none keeps it long: large, deep, cut off, and combinatorial ones.
#![allow(clippy::unwrap_used)]
use tributary_pattern::{Limits, Pattern};

/// A xorshift generator: the same inputs in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit.max(1)
    }
}

#[test]
fn changed_cases_do_not_panic() {
    let mut random = Random(0x5eed);
    let lines: Vec<&str> = include_str!("data/cases.jsonl").lines().collect();
    let noise =
        ["{", "}", "[", "]", "\"", ",", ":", "*", "\\", "\\u", "\\ud800", "e", "-", "1e999", "\u{1f600}", "\u{0}", "null", "$or", "."];
    let texts: Vec<(String, String)> = lines
        .iter()
        .map(|line| {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            (case["pattern"].as_str().unwrap().to_owned(), case["event"].as_str().unwrap().to_owned())
        })
        .collect();
    let mut change = |text: &str| {
        let mut chars: Vec<String> = text.chars().map(String::from).collect();
        for _ in 0..=random.below(3) {
            let at = random.below(chars.len() + 1);
            match random.below(3) {
                0 if at < chars.len() => drop(chars.remove(at)),
                1 => chars.truncate(at),
                _ => chars.insert(at, noise[random.below(noise.len())].to_owned()),
            }
        }
        chars.concat()
    };
    let mut matched = 0;
    for _ in 0..20 {
        for (pattern, event) in &texts {
            if let Ok(pattern) = Pattern::compile(&change(pattern)) {
                matched += usize::from(pattern.matches(&change(event)) == Ok(true));
            }
        }
    }
    assert!(matched > 0, "the changes left nothing that is valid");
}

#[test]
fn depth_is_bounded() {
    let deep = format!("{}[1]{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let error = Pattern::compile(&deep).unwrap_err();
    assert!(error.syntax && error.reason.contains("deeper than 1000"), "{error}");
    let pattern = Pattern::compile(r#"{"a":[1]}"#).unwrap();
    let event = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(pattern.matches(&event).unwrap_err().reason.contains("deeper than 1000"));
}

#[test]
fn size_and_combinations_are_bounded() {
    let long = format!(r#"{{"a":["{}"]}}"#, "x".repeat(10 << 10));
    let error = Pattern::compile_within(&long, &Limits::BUS).unwrap_err();
    assert!(error.reason.contains("2048 are allowed"), "{error}");
    let or = r#"{"$or":[{"a":[1]},{"b":[1]}]}"#;
    let many = format!("{{{}}}", [&or[1..or.len() - 1]; 12].join(","));
    let error = Pattern::compile(&many).unwrap_err();
    assert_eq!(error.reason, "$or makes more than 1000 combinations");
}

#[test]
fn elements_of_many_arrays_are_not_combined() {
    // Four arrays of 300 elements: 8.1 billion combinations, none of which satisfies the last field.
    let elements = vec![r#"{"x":1}"#; 300].join(",");
    let event = format!(r#"{{"a":[{elements}],"b":[{elements}],"c":[{elements}],"d":[{elements}],"z":[{{"x":1}},{{"y":1}}]}}"#);
    let pattern = Pattern::compile(r#"{"a":{"x":[1]},"b":{"x":[1]},"c":{"x":[1]},"d":{"x":[1]},"z":{"x":[1],"y":[1]}}"#).unwrap();
    assert_eq!(pattern.matches(&event), Ok(false));
}

#[test]
fn a_wildcard_takes_linear_time() {
    let pattern = Pattern::compile(r#"{"a":[{"wildcard":"*aaaaaaaaaaaaaaab*aaaaaaaaaaaaaaab*"}]}"#).unwrap();
    let event = format!(r#"{{"a":"{}"}}"#, "a".repeat(256 << 10));
    assert_eq!(pattern.matches(&event), Ok(false));
}

#[test]
fn an_error_names_the_path_and_the_position() {
    let error = Pattern::compile("{\n  \"detail\": {\"state\": [\"a\", {\"prefix\": 1}]}\n}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "Event pattern is not valid. Reason: prefix match pattern must be a string at detail.state[1].prefix (line 2, column 40)"
    );
    let error = Pattern::compile("{\u{201c}source\u{201d}: [\"x\"]}").unwrap_err();
    assert!(error.syntax && error.reason.contains("typographic quote"), "{error}");
}

#[test]
fn a_filter_of_a_pipe_has_fewer_operators() {
    let pipe = Limits { target: tributary_pattern::Target::Pipe, ..Limits::BUS };
    for operator in [r#"{"wildcard":"a*"}"#, r#"{"anything-but":{"prefix":"a"}}"#] {
        let pattern = format!(r#"{{"a":[{operator}]}}"#);
        assert!(Pattern::compile_within(&pattern, &Limits::BUS).is_ok());
        assert!(Pattern::compile_within(&pattern, &pipe).unwrap_err().reason.contains("not supported in a filter of a pipe"));
    }
}

/// Runs something that takes a few milliseconds, and more in tests that are not optimized.
fn quick<T>(run: impl FnOnce() -> T) -> T {
    let start = std::time::Instant::now();
    let result = run();
    let limit = if cfg!(debug_assertions) { 5_000 } else { 50 };
    assert!(start.elapsed().as_millis() < limit, "took {:?}", start.elapsed());
    result
}

#[test]
fn bad_input_is_refused_quickly_and_with_a_position() {
    let compile = |text: &[u8]| quick(|| Pattern::compile_bytes(text, &Limits::NONE).unwrap_err());
    let large = format!(r#"{{"a":["{}"]}}"#, "x".repeat(10 << 20));
    let error = compile(large.as_bytes());
    assert!(error.reason.contains("262144 are allowed") && error.location.line == 1, "{error}");
    let error = compile(b"{\n\"a\": [\"\xff\"]}");
    assert_eq!((error.location.line, error.location.column), (2, 8), "{error}");
    assert!(error.reason.contains("byte 0xFF"), "{error}");
    let deep = "[".repeat(200_000);
    assert!(compile(format!("{{\"a\":{deep}").as_bytes()).location.column > 1);
    let unclosed = format!("{{\"a\":[\"{}", "\\u0041".repeat(40_000));
    assert!(compile(unclosed.as_bytes()).reason.contains("the text ends inside a string"));
}

#[test]
fn wildcards_that_blow_up_are_refused_quickly() {
    let compile = |pattern: &str| quick(|| Pattern::compile_within(pattern, &Limits::ANY_LENGTH).map(|_| ()));
    let too_complex = |pattern: &str| compile(pattern).unwrap_err().reason.starts_with("Rule is too complex - try using fewer wildcard");
    assert!(too_complex(r#"{"a":[{"wildcard":"*:*:*:*:*:event-bus/*"}]}"#), "recorded: docs/aws-facts.md, T9");
    assert!(too_complex(&format!(r#"{{"a":[{{"wildcard":"{}"}}]}}"#, "F*e*a*t*u*r*e*".repeat(10_000))));
    assert_eq!(compile(r#"{"a":[{"wildcard":"*ababab"}]}"#), Ok(()));
    // Each letter doubles the sets of places that a value can be at.
    let exploding = format!(r#"{{"a":[{{"wildcard":"*a{}"}}]}}"#, "?".repeat(30));
    quick(|| Pattern::compile(&exploding).unwrap().complexity());
    let many = (0..500).map(|n| format!(r#"{{"wildcard":"a{n}*b{n}"}}"#)).collect::<Vec<_>>().join(",");
    let found = quick(|| Pattern::compile(&format!(r#"{{"a":[{many}]}}"#)).unwrap().complexity());
    assert!(found.value >= 10, "{found:?}");
}

#[test]
fn combinations_of_large_fields_are_quick() {
    let values = (0..2_000).map(|n| format!("\"value{n}\"")).collect::<Vec<_>>().join(",");
    let or = |name: &str| format!(r#""$or":[{}]"#, (0..10).map(|n| format!(r#"{{"{name}{n}":[{values}]}}"#)).collect::<Vec<_>>().join(","));
    let pattern = format!(r"{{{}}}", or("a"));
    assert!(quick(|| Pattern::compile(&pattern).unwrap().matches(r#"{"a3":"value7"}"#)).unwrap());
    let fields = (0..240).map(|n| format!(r#""f{n}":[1]"#)).collect::<Vec<_>>().join(",");
    let small = |name: &str| format!(r#""$or":[{}]"#, (0..10).map(|n| format!(r#"{{"{name}{n}":[1]}}"#)).collect::<Vec<_>>().join(","));
    let pattern = format!(r"{{{},{},{},{fields}}}", small("a"), small("b"), small("c"));
    assert!(!quick(|| Pattern::compile(&pattern).unwrap().matches("{}")).unwrap());
}

#[test]
fn what_versions_of_aws_differ_on_is_a_warning() {
    use tributary_pattern::WarningKind::{Address, AllAddresses, InexactNumber, RepeatedField, Undocumented};
    let warnings = |pattern: &str| {
        let pattern = Pattern::compile(pattern).unwrap();
        pattern.warnings().iter().map(|warning| (warning.kind, warning.location.path.clone())).collect::<Vec<_>>()
    };
    let cases = [
        (r#"{"a":[{"exactly":"x"}]}"#, Undocumented, "a[0].exactly"),
        (r#"{"a":["x","10.0.0.1"]}"#, Address, "a[1]"),
        (r#"{"a":[{"cidr":"10.0.0.0/0"}]}"#, AllAddresses, "a[0].cidr"),
        (r#"{"a":{"b":[9007199254740993]}}"#, InexactNumber, "a.b[0]"),
        (r#"{"a":[1],"a":[2]}"#, RepeatedField, "a"),
    ];
    for (pattern, kind, path) in cases {
        assert_eq!(warnings(pattern), [(kind, path.to_owned())], "{pattern}");
    }
    assert_eq!(warnings(r#"{"a":["x",1.5,{"cidr":"10.0.0.0/8"}],"$or":[{"b":[1]},{"b":[2]}]}"#), []);
    assert_eq!(warnings(&format!(r#"{{"a":[{}1]}}"#, "\"::1\",".repeat(100))).len(), 20);
}
