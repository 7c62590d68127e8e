//! What a field of a pattern accepts: the expressions of its array, and how a value is held against them.
use std::{borrow::Cow, fmt};

use crate::address::{self, AddressRange};
use crate::anything_but::AnythingBut;
use crate::hash::Set;
use crate::ignore_case::IgnoreCase;
use crate::number;
use crate::numeric::NumericRange;
use crate::text::{has_prefix, has_suffix};
use crate::wildcard::Wildcard;

/// A leaf of an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    /// A number by its spelling.
    Number(&'a str),
    /// `true`, `false` or `null`.
    Word(&'static str),
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(text) => f.write_str(text),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// One element of a field's array.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Text(String),
    /// A number: its value where it is comparable, and its spelling.
    Number(Option<f64>, String),
    Word(&'static str),
    Prefix(String),
    Suffix(String),
    EqualsIgnoreCase(IgnoreCase),
    PrefixIgnoreCase(IgnoreCase),
    SuffixIgnoreCase(IgnoreCase),
    Wildcard(Wildcard),
    Numeric(NumericRange),
    Address(AddressRange),
    AnythingBut(AnythingBut),
    Exists,
    Absent,
}

impl Expression {
    /// The wildcards that it has: several in a list of `anything-but`.
    pub(crate) fn wildcards(&self) -> &[Wildcard] {
        match self {
            Self::Wildcard(wildcard) => std::slice::from_ref(wildcard),
            Self::AnythingBut(AnythingBut::Wildcards(wildcards)) => wildcards,
            _ => &[],
        }
    }

    /// Whether it makes numbers compare by value in its whole field.
    fn is_numeric(&self) -> bool {
        match self {
            Self::Number(value, _) => value.is_some(),
            Self::Numeric(_) => true,
            Self::AnythingBut(anything_but) => anything_but.is_numeric(),
            _ => false,
        }
    }
}

/// All expressions of a field: one of them must hold.
#[derive(Debug, Clone)]
pub(crate) struct Expressions {
    pub(crate) all: Vec<Expression>,
    /// The array as it is written.
    pub(crate) source: String,
    numeric: bool,
    addresses: bool,
    /// The texts, where there are many, and the places of the other expressions.
    many: Option<(Set<String>, Vec<usize>)>,
    /// How many of them have wildcards.
    pub(crate) wildcards: usize,
    /// Whether the field may be absent.
    pub(crate) absent: bool,
}

impl Expressions {
    pub(crate) fn new(all: Vec<Expression>, source: String) -> Self {
        Self {
            numeric: all.iter().any(Expression::is_numeric),
            addresses: all.iter().any(|expression| matches!(expression, Expression::Address(_))),
            many: many_texts(&all),
            wildcards: all.iter().filter(|expression| !expression.wildcards().is_empty()).count(),
            absent: all.contains(&Expression::Absent),
            all,
            source,
        }
    }

    /// Whether a value that is present matches one of them.
    pub(crate) fn match_value(&self, value: &Value<'_>) -> bool {
        if self.addresses && self.match_address(value) {
            return true;
        }
        if let (Some((texts, others)), Value::Text(text)) = (&self.many, value) {
            return texts.contains(text.as_ref()) || others.iter().any(|place| match_text(&self.all[*place], text));
        }
        // A value that compares as a number is compared by value only, and only if some expression asks for it.
        let number = match value {
            Value::Number(text) if self.numeric => number::comparable(text),
            _ => None,
        };
        self.all.iter().any(|expression| match value {
            Value::Text(text) => match_text(expression, text),
            Value::Number(text) => match_number(expression, text, number),
            Value::Word(word) => match expression {
                Expression::Word(wanted) => wanted == word,
                Expression::AnythingBut(_) | Expression::Exists => true,
                _ => false,
            },
        })
    }

    /// A value that is an address is also compared by its hexadecimal digits.
    fn match_address(&self, value: &Value<'_>) -> bool {
        let Value::Text(text) = value else {
            return false;
        };
        address::digits(text).is_some_and(|digits| {
            self.all.iter().any(|expression| match expression {
                Expression::Address(range) => range.contains(&digits),
                // The digits of an address may be the spelling of a number.
                Expression::Number(_, spelling) => spelling.as_bytes() == digits,
                _ => false,
            })
        })
    }
}

/// From how many texts on a table is faster than comparing.
const MANY: usize = 8;

fn many_texts(all: &[Expression]) -> Option<(Set<String>, Vec<usize>)> {
    let text = |expression: &Expression| if let Expression::Text(text) = expression { Some(text.clone()) } else { None };
    let texts: Set<String> = all.iter().filter_map(text).collect();
    let others = || all.iter().enumerate().filter(|(_, expression)| text(expression).is_none()).map(|(place, _)| place).collect();
    (texts.len() >= MANY).then(|| (texts, others()))
}

fn match_text(expression: &Expression, text: &str) -> bool {
    match expression {
        Expression::Text(wanted) => wanted == text,
        Expression::Prefix(prefix) => has_prefix(text, prefix),
        Expression::Suffix(suffix) => has_suffix(text, suffix),
        Expression::EqualsIgnoreCase(wanted) => wanted.equals(text),
        Expression::PrefixIgnoreCase(prefix) => prefix.is_prefix(text),
        Expression::SuffixIgnoreCase(suffix) => suffix.is_suffix(text),
        Expression::Wildcard(wildcard) => wildcard.matches(text),
        Expression::AnythingBut(anything_but) => anything_but.match_text(text),
        Expression::Exists => true,
        Expression::Number(..) | Expression::Word(_) | Expression::Numeric(_) | Expression::Address(_) | Expression::Absent => false,
    }
}

fn match_number(expression: &Expression, spelling: &str, number: Option<f64>) -> bool {
    match (expression, number) {
        (Expression::Number(Some(wanted), _), Some(number)) => wanted.total_cmp(&number).is_eq(),
        (Expression::Number(_, wanted), None) => wanted == spelling,
        (Expression::Numeric(range), Some(number)) => range.contains(number),
        // A range of addresses compares the digits of whatever it is given.
        (Expression::Address(range), None) => range.contains(spelling.as_bytes()),
        (Expression::AnythingBut(anything_but), number) => anything_but.match_number(number),
        (Expression::Exists, _) => true,
        _ => false,
    }
}
