//! Input transformers: what `EventBridge` requires of paths and templates beyond their lengths
//! (EventBridge user guide, "Input transformation"; docs/aws-facts.md, RT7 and X6).

use std::collections::BTreeMap;

use serde_json::Value;

/// Returns what is wrong with a JSON path, if anything.
pub(super) fn path_problem(path: &str) -> Option<&'static str> {
    let good = path == "$" || path.starts_with("$.") || path.starts_with("$[");
    (!good).then_some("is not a JSON path: it must be $ or start with \"$.\"")
}

/// Returns what is wrong with a template, if anything.
pub(super) fn template_problem(template: &str, paths: &BTreeMap<String, String>) -> Option<String> {
    let (filled, names) = filled(template);
    if let Some(name) = names.into_iter().find(|name| !paths.contains_key(*name) && !name.starts_with("aws.events.")) {
        return Some(format!("uses <{name}>, which inputPathsMap does not define"));
    }
    let json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
    let lines = || filled.lines().map(str::trim).filter(|line| !line.is_empty()).all(|line| line.starts_with('"') && json(line));
    let good = !filled.trim().is_empty() && (json(&filled) || lines());
    (!good).then(|| "is neither JSON nor text in double quotes".to_owned())
}

/// The template with each placeholder outside of quotes as a number, and the names of all of them.
fn filled(template: &str) -> (String, Vec<&str>) {
    let (mut out, mut names, mut quoted, mut escaped) = (String::new(), Vec::new(), false, false);
    let mut rest = template;
    while let Some(c) = rest.chars().next() {
        if let Some(name) = placeholder(rest) {
            names.push(name);
            out.push(if quoted { 'x' } else { '0' });
            rest = &rest[name.len() + 2..];
            continue;
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    (out, names)
}

/// The name of the placeholder that the text starts with.
fn placeholder(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('<')?.split_once('>')?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!name.is_empty() && name.chars().all(good)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_json_or_quoted_text() {
        let paths = BTreeMap::from([("a".to_owned(), "$.a".to_owned()), ("b".to_owned(), "$.b".to_owned())]);
        for good in [
            r#"{"a": <a>, "b": "x <b>"}"#,
            r#""text with <a> and \"<b>\"""#,
            "\"one <a>\"\n\"two <b>\"",
            "<a>",
            "[<a>, <b>]",
            r#"{"event": <aws.events.event.json>}"#,
            "\"5 < 6\"",
        ] {
            assert_eq!(template_problem(good, &paths), None, "{good}");
        }
        for bad in ["text with <a>", "{\"a\": <a>", "", "{a: <a>}", "\"open <a>", "one\n\"two\""] {
            assert_eq!(template_problem(bad, &paths).as_deref(), Some("is neither JSON nor text in double quotes"), "{bad}");
        }
        assert_eq!(template_problem("\"<c>\"", &paths).as_deref(), Some("uses <c>, which inputPathsMap does not define"));
    }

    #[test]
    fn paths_start_at_the_event() {
        for (path, good) in [("$", true), ("$.detail.id", true), ("$[0]", true), ("detail.id", false), ("", false), ("$detail", false)] {
            assert_eq!(path_problem(path).is_none(), good, "{path}");
        }
    }
}
