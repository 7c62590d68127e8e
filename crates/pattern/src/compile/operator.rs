//! The operators: objects with one key in a field's array.
use std::borrow::Cow;

use super::cursor::{Cursor, Refusal, Step, refuse};
use super::numeric;
use crate::address::AddressRange;
use crate::anything_but::AnythingBut;
use crate::expression::Expression;
use crate::ignore_case::IgnoreCase;
use crate::json::Token;
use crate::limits::Target;
use crate::number;
use crate::warning::WarningKind;
use crate::wildcard::Wildcard;

const ONE_KEY: &str = "Only one key allowed in match expression";
const TOO_MANY: &str = "Too many elements in numeric expression";

/// Reads an operator, from after its opening brace to its closing one.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Expression, Refusal> {
    let Token::Key(name) = cursor.next()? else {
        return refuse("Match expression name not found");
    };
    cursor.steps.push(Step::Key(name.to_string()));
    let (expression, otherwise) = match &*name {
        // Accepted by the matcher, and not on the page of the user guide.
        "exactly" => {
            cursor.warn(WarningKind::Undocumented);
            (Expression::Text(text(cursor, "exact match pattern must be a string")?.into_owned()), ONE_KEY)
        }
        "prefix" => (prefix(cursor)?, ONE_KEY),
        "suffix" => (suffix(cursor)?, ONE_KEY),
        "numeric" => (Expression::Numeric(numeric::read(cursor)?), TOO_MANY),
        "anything-but" => (Expression::AnythingBut(anything_but(cursor)?), TOO_MANY),
        "exists" => (exists(cursor)?, ONE_KEY),
        // AWS's words name the wrong operator here.
        "cidr" => (Expression::Address(cidr(cursor)?), ONE_KEY),
        "equals-ignore-case" => (Expression::EqualsIgnoreCase(ignore_case(cursor)?), ONE_KEY),
        "wildcard" => {
            not_in_pipes(cursor, "wildcard")?;
            (Expression::Wildcard(Wildcard::new(&text(cursor, "wildcard match pattern must be a string")?)?), ONE_KEY)
        }
        _ => return refuse(format!("Unrecognized match type {name}")),
    };
    cursor.expect(&Token::EndObject, otherwise)?;
    cursor.steps.pop();
    Ok(expression)
}

fn text<'a>(cursor: &mut Cursor<'a>, otherwise: &str) -> Result<Cow<'a, str>, Refusal> {
    if let Token::Text(text) = cursor.next()? { Ok(text) } else { refuse(otherwise) }
}

fn cidr(cursor: &mut Cursor<'_>) -> Result<AddressRange, Refusal> {
    let range = text(cursor, "prefix match pattern must be a string")?;
    if range.ends_with("/0") {
        cursor.warn(WarningKind::AllAddresses);
    }
    Ok(AddressRange::cidr(&range)?)
}

fn ignore_case(cursor: &mut Cursor<'_>) -> Result<IgnoreCase, Refusal> {
    Ok(IgnoreCase::new(&text(cursor, "equals-ignore-case match pattern must be a string")?))
}

fn not_in_pipes(cursor: &Cursor<'_>, operator: &str) -> Result<(), Refusal> {
    match cursor.target {
        Target::Bus => Ok(()),
        Target::Pipe => refuse(format!("{operator} is not supported in a filter of a pipe")),
    }
}

fn prefix(cursor: &mut Cursor<'_>) -> Result<Expression, Refusal> {
    match cursor.next()? {
        Token::StartObject => Ok(Expression::PrefixIgnoreCase(nested_ignore_case(cursor, "Prefix", "prefix")?)),
        Token::Text(text) => Ok(Expression::Prefix(text.into_owned())),
        _ => refuse("prefix match pattern must be a string"),
    }
}

fn suffix(cursor: &mut Cursor<'_>) -> Result<Expression, Refusal> {
    match cursor.next()? {
        Token::StartObject => Ok(Expression::SuffixIgnoreCase(nested_ignore_case(cursor, "Suffix", "suffix")?)),
        Token::Text(text) => Ok(Expression::Suffix(text.into_owned())),
        _ => refuse("suffix match pattern must be a string"),
    }
}

fn nested_ignore_case(cursor: &mut Cursor<'_>, title: &str, name: &str) -> Result<IgnoreCase, Refusal> {
    let Token::Key(operator) = cursor.next()? else {
        return refuse(format!("{title} expression name not found"));
    };
    if operator != "equals-ignore-case" {
        return refuse(format!("Unsupported {name} pattern: {operator}"));
    }
    let text = ignore_case(cursor)?;
    cursor.expect(&Token::EndObject, ONE_KEY)?;
    Ok(text)
}

fn exists(cursor: &mut Cursor<'_>) -> Result<Expression, Refusal> {
    match cursor.next()? {
        Token::True => Ok(Expression::Exists),
        Token::False => Ok(Expression::Absent),
        _ => refuse("exists match pattern must be either true or false."),
    }
}

/// What `anything-but` can be applied to, besides plain values.
#[derive(Clone, Copy)]
enum Excepted {
    IgnoreCase,
    Prefix,
    Suffix,
    Wildcard,
}

fn anything_but(cursor: &mut Cursor<'_>) -> Result<AnythingBut, Refusal> {
    let token = cursor.next()?;
    if token != Token::StartObject {
        return plain_values(cursor, token);
    }
    let Token::Key(operator) = cursor.next()? else {
        return refuse("Anything-But expression name not found");
    };
    let excepted = match &*operator {
        "equals-ignore-case" => Excepted::IgnoreCase,
        "prefix" => Excepted::Prefix,
        "suffix" => Excepted::Suffix,
        "wildcard" => Excepted::Wildcard,
        _ => return refuse(format!("Unsupported anything-but pattern: {operator}")),
    };
    cursor.steps.push(Step::Key(operator.to_string()));
    not_in_pipes(cursor, &format!("anything-but with {operator}"))?;
    let texts = excepted_texts(cursor, excepted)?;
    let result = match excepted {
        Excepted::IgnoreCase => AnythingBut::IgnoreCase(texts.iter().map(|text| IgnoreCase::new(text)).collect()),
        Excepted::Prefix => AnythingBut::Prefixes(texts),
        Excepted::Suffix => AnythingBut::Suffixes(texts),
        Excepted::Wildcard => AnythingBut::Wildcards(texts.iter().map(|text| Wildcard::new(text)).collect::<Result<_, _>>()?),
    };
    cursor.expect(&Token::EndObject, TOO_MANY)?;
    cursor.steps.pop();
    Ok(result)
}

/// Hands over the one value, or each value of the list.
fn each<'a>(cursor: &mut Cursor<'a>, first: Token<'a>, mut take: impl FnMut(Token<'a>) -> Result<(), Refusal>) -> Result<(), Refusal> {
    match first {
        Token::Text(_) | Token::Number(_) => take(first),
        Token::StartArray => loop {
            match cursor.next()? {
                Token::EndArray => return Ok(()),
                token => take(token)?,
            }
        },
        _ => refuse("Value of anything-but must be an array or single string/number value."),
    }
}

fn plain_values<'a>(cursor: &mut Cursor<'a>, first: Token<'a>) -> Result<AnythingBut, Refusal> {
    let (mut texts, mut numbers) = (Vec::new(), Vec::new());
    each(cursor, first, |token| {
        match token {
            Token::Text(text) => texts.push(text.into_owned()),
            Token::Number(text) => numbers.push(number::comparable(text).ok_or_else(|| numeric::not_comparable(text))?),
            _ => return refuse("Inside anything but list, start|null|boolean is not supported."),
        }
        Ok(())
    })?;
    match (texts.is_empty(), numbers.is_empty()) {
        (false, true) => Ok(AnythingBut::Texts(texts)),
        (true, false) => Ok(AnythingBut::Numbers(numbers)),
        _ => refuse("Inside anything but list, either all values are number or string, mixed type is not supported"),
    }
}

fn excepted_texts(cursor: &mut Cursor<'_>, excepted: Excepted) -> Result<Vec<String>, Refusal> {
    let mut texts = Vec::new();
    let first = cursor.next()?;
    each(cursor, first, |token| match (token, excepted) {
        (Token::Text(text), Excepted::Prefix | Excepted::Suffix) if text.is_empty() => refuse("Null prefix/suffix not allowed"),
        (Token::Text(text), _) => {
            texts.push(text.into_owned());
            Ok(())
        }
        (_, Excepted::IgnoreCase) => refuse("Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."),
        (_, Excepted::Wildcard) => refuse("wildcard match pattern must be a string"),
        (_, Excepted::Prefix | Excepted::Suffix) => refuse("prefix/suffix match pattern must be a string"),
    })?;
    // AWS's compiler takes an empty list and its matcher fails on it.
    if texts.is_empty() { refuse("Empty arrays are not allowed") } else { Ok(texts) }
}
