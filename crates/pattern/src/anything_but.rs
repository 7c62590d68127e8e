//! `anything-but`: everything that is present, except what is listed.
use crate::ignore_case::IgnoreCase;
use crate::text::{has_prefix, has_suffix};
use crate::wildcard::Wildcard;

/// What is excepted. One list has values of one type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AnythingBut {
    Texts(Vec<String>),
    Numbers(Vec<f64>),
    IgnoreCase(Vec<IgnoreCase>),
    Prefixes(Vec<String>),
    Suffixes(Vec<String>),
    Wildcards(Vec<Wildcard>),
}

impl AnythingBut {
    pub(crate) fn is_numeric(&self) -> bool {
        matches!(self, Self::Numbers(_))
    }

    /// Whether a text is none of the excepted ones.
    pub(crate) fn match_text(&self, text: &str) -> bool {
        !match self {
            Self::Texts(texts) => texts.iter().any(|excepted| excepted == text),
            Self::Numbers(_) => false,
            Self::IgnoreCase(texts) => texts.iter().any(|excepted| excepted.equals(text)),
            Self::Prefixes(prefixes) => prefixes.iter().any(|prefix| has_prefix(text, prefix)),
            Self::Suffixes(suffixes) => suffixes.iter().any(|suffix| has_suffix(text, suffix)),
            Self::Wildcards(wildcards) => wildcards.iter().any(|wildcard| wildcard.matches(text)),
        }
    }

    /// Whether a number is none of the excepted ones. One that is not comparable is not.
    pub(crate) fn match_number(&self, number: Option<f64>) -> bool {
        match (self, number) {
            (Self::Numbers(excepted), Some(number)) => !excepted.iter().any(|excepted| excepted.total_cmp(&number).is_eq()),
            _ => true,
        }
    }
}
