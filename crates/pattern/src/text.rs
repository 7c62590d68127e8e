//! Prefixes and suffixes of texts, as AWS's matcher compares them.

/// Whether a text begins with a prefix. AWS's matcher compares with the quotes around the text, so the prefix may hold the one behind it.
pub(crate) fn has_prefix(text: &str, prefix: &str) -> bool {
    text.starts_with(prefix) || prefix.strip_suffix('"') == Some(text)
}

/// Whether a text ends with a suffix, which may hold the quote in front of it.
pub(crate) fn has_suffix(text: &str, suffix: &str) -> bool {
    text.ends_with(suffix) || suffix.strip_prefix('"') == Some(text)
}
