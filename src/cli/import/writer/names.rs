//! Names of objects, made from the names of resources.

use std::collections::BTreeSet;

use tributary_core::names::short_hash;

/// Longest name: that of a label, so that the name can be used as the value of one.
const LONGEST: usize = 63;
/// Number of characters of the hash of a name that is too long.
const HASH: usize = 8;

/// Names that are taken, by kind.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<(&'static str, String)>);

impl Names {
    /// Returns the first of these names that is free, or the last one with a number.
    pub(super) fn unique(&mut self, kind: &'static str, candidates: &[String]) -> String {
        let names: Vec<String> = candidates.iter().map(|text| object_name(text)).collect();
        let last = names.last().cloned().unwrap_or_default();
        let numbered = (2..).map(|number: u32| object_name(&format!("{last}-{number}")));
        let mut all = names.into_iter().chain(numbered);
        let free = all.find(|name| !self.0.contains(&(kind, name.clone()))).unwrap_or(last);
        self.0.insert((kind, free.clone()));
        free
    }
}

/// Returns the text as a name of Kubernetes: `OrderCreated` becomes `order-created`.
fn object_name(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut name = String::with_capacity(text.len());
    for (at, &letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            if !name.ends_with('-') {
                name.push('-');
            }
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| letters.get(at)).copied().unwrap_or(' ');
        let after = letters.get(at + 1).copied().unwrap_or(' ');
        let begins_word =
            letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || (before.is_ascii_uppercase() && after.is_ascii_lowercase()));
        if begins_word && !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    let name = name.trim_matches('-');
    let hash = short_hash(text, HASH);
    if name.is_empty() {
        return format!("import-{hash}");
    }
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let beginning: String = name.chars().take(LONGEST - HASH - 1).collect();
    format!("{}-{hash}", beginning.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_aws_becomes_a_name_of_kubernetes() {
        for (aws, expected) in [
            ("orders", "orders"),
            ("TemplatePlasmidToSQS-demo", "template-plasmid-to-sqs-demo"),
            ("SQSQueue", "sqs-queue"),
            ("order_created.v2", "order-created-v2"),
            ("/aws/events/Orders", "aws-events-orders"),
            ("S3Events", "s3events"),
            ("demo-HandleLambda-1J5Z", "demo-handle-lambda-1j5z"),
            ("-x-", "x"),
        ] {
            assert_eq!(object_name(aws), expected);
        }
        let long = object_name(&"x".repeat(80));
        assert!(long.len() == LONGEST && long != object_name(&"x".repeat(81)), "{long}");
        assert!(object_name("___").starts_with("import-"));
    }

    #[test]
    fn a_taken_name_is_not_given_again() {
        let mut names = Names::default();
        let both = ["orders".to_owned(), "orders-sns".to_owned()];
        let given: Vec<_> = (0..4).map(|_| names.unique("EventSink", &both)).collect();
        assert_eq!(given, ["orders", "orders-sns", "orders-sns-2", "orders-sns-3"]);
        assert_eq!(names.unique("EventRule", &both), "orders");
    }
}
