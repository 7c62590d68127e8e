//! Texts without what has the form of a secret: messages, logs. The product writes no secret there; this is for what others write.

use serde_json::Value;

const REDACTED: &str = "[redacted]";
/// Parts of names of fields whose values are secrets.
const SENSITIVE: [&str; 8] = ["password", "passwd", "secret", "token", "authorization", "signature", "credential", "apikey"];
/// Ends of names of fields that only name a secret, or count something.
const HARMLESS: [&str; 6] = ["ref", "name", "arn", "seconds", "reason", "status"];

fn is_sensitive(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    SENSITIVE.iter().any(|part| name.contains(part)) && !HARMLESS.iter().any(|end| name.ends_with(end))
}

/// A line of a log, as JSON or text.
pub(super) fn line(line: &str) -> String {
    match serde_json::from_str::<Value>(line) {
        Ok(document @ Value::Object(_)) => value(document).to_string(),
        _ => text(line),
    }
}

/// The value with the texts of sensitive fields replaced, and all other texts scrubbed.
pub(super) fn value(mut value: Value) -> Value {
    scrub(&mut value);
    value
}

fn scrub(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(_) if is_sensitive(name) => *field = REDACTED.into(),
                    field => scrub(field),
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(scrub),
        Value::String(all) => *all = text(all),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text without access keys, values of sensitive names, authorization headers, and users in URLs.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Set after a word that announces a secret, such as `Bearer` or `password:`.
    let mut is_next_secret = false;
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim_end();
        let space = &part[word.len()..];
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let announces = ["bearer", "basic"].contains(&bare.to_lowercase().as_str());
        if is_next_secret && !announces && !word.is_empty() {
            out.push_str(REDACTED);
            is_next_secret = false;
        } else {
            out.push_str(&scrubbed(word));
            let names_a_secret = word.ends_with([':', '=']) && is_sensitive(bare);
            is_next_secret = announces || names_a_secret || (is_next_secret && word.is_empty());
        }
        out.push_str(space);
    }
    out
}

fn scrubbed(word: &str) -> String {
    let word = &without_user(word);
    // An assignment, also in a query: `a=1&token=2`.
    let parts: Vec<_> = word.split_inclusive(['&', ';', ',', '?']).map(assignment).collect();
    let word = parts.concat();
    let is_key = |part: &str| {
        part.len() == 20 && (part.starts_with("AKIA") || part.starts_with("ASIA")) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    match word.split(|c: char| !c.is_ascii_alphanumeric()).find(|part| is_key(part)) {
        Some(key) => word.replace(key, REDACTED),
        None => word,
    }
}

fn assignment(part: &str) -> String {
    let Some((name, value)) = part.split_once(['=', ':']) else { return part.to_owned() };
    if value.is_empty() || !is_sensitive(name) || name.starts_with("arn") {
        return part.to_owned();
    }
    let end = if part.ends_with(['&', ';', ',', '?']) { &part[part.len() - 1..] } else { "" };
    format!("{name}{}{REDACTED}{end}", &part[name.len()..=name.len()])
}

/// `https://user:password@host` without the user.
fn without_user(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => format!("{scheme}://{REDACTED}{}", &rest[user.len()..]),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_replaced_and_other_texts_are_not() {
        for (given, expected) in [
            ("Authorization: Bearer abc def", "Authorization: Bearer [redacted] def"),
            ("password: abc next", "password: [redacted] next"),
            ("a password=abc&x=1 next", "a password=[redacted]&x=1 next"),
            ("key AKIAIOSFODNN7EXAMPLE.", "key [redacted]."),
            ("https://ann:abc@host/path", "https://[redacted]@host/path"),
            ("https://host/?x=1&X-Amz-Security-Token=abc", "https://host/?x=1&X-Amz-Security-Token=[redacted]"),
            ("the Secret keys was not found. Create it.", "the Secret keys was not found. Create it."),
            ("arn:aws:secretsmanager:eu-west-1:1:secret:a", "arn:aws:secretsmanager:eu-west-1:1:secret:a"),
            ("", ""),
        ] {
            assert_eq!(text(given), expected, "{given}");
        }
    }

    #[test]
    fn fields_of_json_are_replaced_by_their_names() {
        assert_eq!(
            line(r#"{"password":"abc","secretRef":"n","message":"Bearer abc"}"#),
            r#"{"message":"Bearer [redacted]","password":"[redacted]","secretRef":"n"}"#
        );
        assert_eq!(line("plain text"), "plain text");
    }
}
