//! Runs a file of cases, in the format of `tests/data/cases.jsonl`, and prints each disagreement. For comparisons with another matcher.
use serde_json::Value;
use tributary_pattern::Pattern;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: cases FILE.jsonl")?;
    let (mut total, mut wrong, mut words) = (0, 0, 0);
    for line in std::fs::read_to_string(path)?.lines() {
        let case: Value = serde_json::from_str(line)?;
        let text = |key: &str| case[key].as_str().unwrap_or_default();
        let (verdict, reason, syntax) = match Pattern::compile(text("pattern")) {
            Err(error) => ("invalid", error.reason, error.syntax),
            Ok(pattern) => match pattern.matches(text("event")) {
                Err(error) => ("event_error", error.reason, true),
                Ok(true) => ("match", String::new(), false),
                Ok(false) => ("nomatch", String::new(), false),
            },
        };
        total += 1;
        if verdict != text("expected") {
            wrong += 1;
            println!(
                "{verdict} ({reason}), expected {} ({})\n   {}\n   {}",
                text("expected"),
                text("error"),
                text("pattern"),
                text("event")
            );
        } else if verdict == "invalid" && !syntax && !text("error").starts_with(reason.as_str()) {
            words += 1;
            println!("words: {reason}\n  AWS: {}\n   {}", text("error"), text("pattern"));
        }
    }
    println!("{total} cases, {wrong} differ, {words} in other words");
    Ok(())
}
