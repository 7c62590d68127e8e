//! The operator `numeric`.
use super::cursor::{Cursor, Refusal, refuse};
use crate::json::Token;
use crate::number;
use crate::numeric::{End, NumericRange};

const TOO_MANY: &str = "Too many elements in numeric expression";

/// Reads the array of the operator: a comparison, or two that are the ends of a range.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<NumericRange, Refusal> {
    cursor.expect(&Token::StartArray, "Value of numeric must be an array.")?;
    let token = cursor.next()?;
    let Token::Text(operator) = &token else {
        return refuse(format!("Invalid member in numeric match: {}", token.text()));
    };
    let value = cursor.next()?;
    match &**operator {
        "=" => {
            let number = number(&value, "equals")?;
            cursor.expect(&Token::EndArray, TOO_MANY)?;
            let end = Some(End { value: comparable(number)?, included: true });
            Ok(NumericRange { bottom: end, top: end })
        }
        ">" | ">=" => lower_end(cursor, number(&value, operator)?, &**operator == ">="),
        "<" | "<=" => {
            let number = number(&value, operator)?;
            cursor.expect(&Token::EndArray, TOO_MANY)?;
            Ok(NumericRange { bottom: None, top: Some(End { value: comparable(number)?, included: &**operator == "<=" }) })
        }
        _ => refuse(format!("Unrecognized numeric range operator: {operator}")),
    }
}

/// The rest after a lower end: nothing, or an upper end.
fn lower_end(cursor: &mut Cursor<'_>, bottom: &str, included: bool) -> Result<NumericRange, Refusal> {
    let token = cursor.next()?;
    if token == Token::EndArray {
        return Ok(NumericRange { bottom: Some(End { value: comparable(bottom)?, included }), top: None });
    }
    let Token::Text(operator) = &token else {
        return refuse(format!("Bad value in numeric range: {}", token.text()));
    };
    if !matches!(&**operator, "<" | "<=") {
        return refuse(format!("Bad numeric range operator: {operator}"));
    }
    let value = cursor.next()?;
    let top = number(&value, operator)?;
    cursor.expect(&Token::EndArray, "Too many terms in numeric range expression")?;
    let bottom = End { value: comparable(bottom)?, included };
    let top = End { value: comparable(top)?, included: &**operator == "<=" };
    if bottom.value >= top.value {
        return refuse("Bottom must be less than top");
    }
    Ok(NumericRange { bottom: Some(bottom), top: Some(top) })
}

fn number<'a>(token: &Token<'a>, operator: &str) -> Result<&'a str, Refusal> {
    if let Token::Number(text) = token { Ok(text) } else { refuse(format!("Value of {operator} must be numeric")) }
}

fn comparable(text: &str) -> Result<f64, Refusal> {
    number::comparable(text).ok_or_else(|| not_comparable(text))
}

/// The refusal of a number that has no exact value.
pub(super) fn not_comparable(text: &str) -> Refusal {
    format!("Cannot compare number : {text}").into()
}
