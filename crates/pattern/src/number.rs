//! Numbers as AWS compares them: those that a 64-bit floating-point number represents exactly, by value; others by their spelling only.

/// The value of a number of JSON, or none where the nearest 64-bit floating-point number prints as another one, such as
/// `9007199254740993` or `1e400`. Zero has no sign.
pub fn comparable(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    // Small integers, by far the most numbers, need no comparison of digits.
    if text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value);
    }
    (Decimal::read(text)? == Decimal::read(&shortest(value))?).then_some(if value == 0.0 { 0.0 } else { value })
}

/// The shortest decimal that reads as this number. Where one digit suffices, Java prints the nearest decimal of two.
fn shortest(value: f64) -> String {
    let text = format!("{value:e}");
    if text.contains('.') { text } else { format!("{value:.1e}") }
}

/// A decimal number in its only form: digits without zeros at either end, and the power of ten of the last one.
#[derive(Debug, PartialEq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, power) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = integer.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0').collect();
        let mut exponent = power.parse::<i64>().ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent = exponent.checked_add(1)?;
        }
        Some(if digits.is_empty() { Self { negative: false, digits, exponent: 0 } } else { Self { negative, digits, exponent } })
    }
}

#[cfg(test)]
mod tests {
    use super::comparable;

    #[test]
    fn a_number_is_comparable_where_the_nearest_double_prints_as_it() {
        for (text, value) in [("1", 1.0_f64), ("1.0", 1.0), ("10e-1", 1.0), ("-0", 0.0), ("0.1", 0.1), ("123456789012", 123_456_789_012.0)]
        {
            assert_eq!(comparable(text).map(f64::to_bits), Some(value.to_bits()), "{text}");
        }
        for text in ["9007199254740993", "1e400", "0.10000000000000000001", "1e-400", "5e-324", "1e99999999999999999999"] {
            assert_eq!(comparable(text), None, "{text}");
        }
        assert_eq!(comparable("4.9e-324"), Some(f64::from_bits(1)));
    }
}
