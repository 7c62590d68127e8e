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
    let long = format!(r#"{{"a":["{}"]}}"#, "x".repeat(10 << 20));
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
