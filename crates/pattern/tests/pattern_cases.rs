//! What AWS's open-source matcher says of patterns and events: the public cases, and cases that were made at random and given to it.
#![allow(clippy::unwrap_used)]
use serde_json::Value;
use tributary_pattern::Pattern;

/// The verdicts of all cases of a file that differ, and how many reasons were compared.
fn differences(cases: &str) -> (Vec<String>, usize) {
    let (mut wrong, mut reasons) = (Vec::new(), 0);
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| case[key].as_str().unwrap_or_default();
        let (verdict, reason, syntax) = match Pattern::compile(text("pattern")) {
            Err(error) => ("invalid", error.reason, error.syntax),
            Ok(pattern) => match pattern.matches(text("event")) {
                Err(error) => ("event_error", error.reason, true),
                Ok(true) => ("match", String::new(), false),
                Ok(false) => ("nomatch", String::new(), false),
            },
        };
        if verdict != text("expected") {
            wrong.push(format!("{}: {verdict} ({reason}), expected {}: {}", text("id"), text("expected"), text("pattern")));
        } else if verdict == "invalid" && !syntax {
            reasons += 1;
            if reason != text("error") {
                wrong.push(format!("{}: {reason:?}, AWS says {:?}", text("id"), text("error")));
            }
        }
    }
    (wrong, reasons)
}

#[test]
fn public_cases_agree() {
    let cases = include_str!("data/cases.jsonl");
    let (wrong, reasons) = differences(cases);
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases.lines().count() == 1_533 && reasons > 90, "{reasons} reasons");
}

#[test]
fn generated_cases_agree() {
    let cases = include_str!("data/generated.jsonl");
    let (wrong, reasons) = differences(cases);
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases.lines().count() == 6_003 && reasons > 1_000, "{reasons} reasons");
}

#[test]
fn complexity_agrees() {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for line in include_str!("data/cases.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let Some(complexity) = case["complexity"].as_u64() else { continue };
        let found = Pattern::compile(case["pattern"].as_str().unwrap()).unwrap().complexity();
        compared += 1;
        if !found.exact || u64::try_from(found.value).unwrap() != complexity {
            wrong.push(format!("{}: {found:?}, AWS says {complexity}: {}", case["id"], case["pattern"]));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(compared, 272);
}

/// All patterns of the cases at once, against every seventh event: as each one of them alone.
#[test]
fn a_set_of_patterns_agrees_with_each_of_them() {
    let cases: Vec<Value> = include_str!("data/cases.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let patterns: Vec<Pattern> = cases.iter().filter_map(|case| Pattern::compile(case["pattern"].as_str().unwrap()).ok()).collect();
    let set = tributary_pattern::RuleSet::new(&patterns);
    let mut matched = 0;
    for case in cases.iter().step_by(7) {
        let event = case["event"].as_str().unwrap();
        let wanted: Result<Vec<bool>, _> = patterns.iter().map(|pattern| pattern.matches(event)).collect();
        let wanted = wanted.map(|all| (0..all.len()).filter(|index| all[*index]).collect::<Vec<_>>());
        assert_eq!(set.matches(event), wanted, "{event}");
        matched += wanted.map_or(0, |all| all.len());
    }
    assert!(matched > 1_000, "{matched} matches");
}
