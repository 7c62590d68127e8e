//! ARNs in `Resource` and in conditions.

use super::{fits::Fits, pattern::Pattern};

/// Compares the pattern of a condition with an ARN: part by part between the colons (IAM user
/// guide, "ARN condition operators").
pub(super) fn like(text: &str, pattern: &Pattern, arn: &str) -> Fits {
    let (patterns, parts) = (pattern.parts(), parts(arn));
    if parts.len() < 6 {
        return Fits::unknown(format!("an ARN condition on {arn}"));
    }
    if patterns.len() == 6 {
        return Fits::of(each(&patterns, &parts));
    }
    // The documentation does not tell what fewer parts match.
    if pattern.matches(arn) { Fits::unknown(format!("the ARN pattern {text}")) } else { Fits::No }
}

/// Compares the pattern of a `Resource` with an ARN. AWS completes missing parts with `*` (IAM user
/// guide, "Policies reference: Resource").
pub(super) fn resource(text: &str, pattern: &Pattern, resource: &str) -> Fits {
    let whole = pattern.matches(resource);
    let parts = parts(resource);
    if text == "*" || parts.len() < 6 {
        return Fits::of(whole);
    }
    let patterns = pattern.parts();
    let by_part = text.starts_with("arn:") && each(&patterns, &parts[..patterns.len()]);
    // The documentation restricts a wildcard to its part, but does not tell what AWS does with one
    // that matches only beyond it.
    Fits::of(by_part).agreed(&Fits::of(whole || by_part), || format!("the resource pattern {text}"))
}

fn parts(arn: &str) -> Vec<&str> {
    arn.splitn(6, ':').collect()
}

fn each(patterns: &[Pattern], parts: &[&str]) -> bool {
    patterns.iter().zip(parts).all(|(pattern, part)| pattern.matches(part))
}
