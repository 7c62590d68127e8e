//! Benchmark, part 1i: CBOR (RFC 8949), as far as the protocol Smithy RPC v2 CBOR uses it. Times come and go as whole seconds.

use serde_json::{Map, Value, json};

/// Ends lists, maps and texts of unknown length.
const BREAK: u8 = 0xff;
/// In the first byte of such a value.
const UNKNOWN: u8 = 31;
/// In the first byte of a value: eight bytes follow with the number.
const EIGHT: u8 = 27;

struct Reader<'a>(&'a [u8]);

/// The value; `None` for what is not CBOR.
pub fn read(bytes: &[u8]) -> Option<Value> {
    Reader(bytes).value()
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self, size: u32) -> Option<u64> {
        (0..size).try_fold(0, |number, _| Some(number << 8 | u64::from(self.byte()?)))
    }

    /// The number that the first byte has, or announces.
    fn argument(&mut self, extra: u8) -> Option<u64> {
        match extra {
            0..24 => Some(extra.into()),
            24..28 => self.number(1 << (extra - 24)),
            _ => None,
        }
    }

    fn value(&mut self) -> Option<Value> {
        let first = self.byte()?;
        let (kind, extra) = (first >> 5, first & 31);
        if kind == 7 {
            return match extra {
                20 => Some(Value::Bool(false)),
                21 => Some(Value::Bool(true)),
                22 | 23 => Some(Value::Null),
                26 => self.number(4).and_then(|bits| u32::try_from(bits).ok()).map(|bits| json!(f32::from_bits(bits))),
                27 => self.number(8).map(|bits| json!(f64::from_bits(bits))),
                _ => None,
            };
        }
        // Without a length, it ends with a byte of its own.
        let argument = if extra == UNKNOWN { None } else { Some(self.argument(extra)?) };
        match kind {
            0 => Some(json!(argument?)),
            1 => Some(json!(-1 - i64::try_from(argument?).ok()?)),
            2 | 3 => self.text(argument).map(Value::String),
            4 => self.many(argument, Self::value).map(Value::Array),
            5 => {
                let pairs = self.many(argument, |reader| Some((reader.value()?.as_str()?.to_owned(), reader.value()?)))?;
                Some(Value::Object(pairs.into_iter().collect::<Map<_, _>>()))
            }
            _ => self.value(),
        }
    }

    fn text(&mut self, length: Option<u64>) -> Option<String> {
        let Some(length) = length else {
            return self.many(None, |reader| Some(reader.value()?.as_str()?.to_owned())).map(|parts| parts.concat());
        };
        let (text, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn many<T>(&mut self, length: Option<u64>, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut all = vec![];
        let is_over = |reader: &Self, done: usize| length.map_or(reader.0.first() == Some(&BREAK), |length| done as u64 >= length);
        while !is_over(self, all.len()) {
            all.push(read(self)?);
        }
        if length.is_none() {
            self.byte();
        }
        Some(all)
    }
}

/// The value as bytes. What lies in `Timestamps` is a time.
pub fn write(value: &Value) -> Vec<u8> {
    let mut bytes = vec![];
    append(&mut bytes, value, false);
    bytes
}

fn head(bytes: &mut Vec<u8>, kind: u8, number: u64) {
    bytes.push(kind << 5 | EIGHT);
    bytes.extend(number.to_be_bytes());
}

fn append(bytes: &mut Vec<u8>, value: &Value, is_time: bool) {
    match value {
        Value::Null => bytes.push(0xf6),
        Value::Bool(is_true) => bytes.push(if *is_true { 0xf5 } else { 0xf4 }),
        Value::Number(number) => {
            if is_time {
                bytes.push(0xc1);
            }
            if let Some(number) = number.as_u64() {
                head(bytes, 0, number);
            } else {
                bytes.push(0xfb);
                bytes.extend(number.as_f64().unwrap_or_default().to_be_bytes());
            }
        }
        Value::String(text) => {
            head(bytes, 3, text.len() as u64);
            bytes.extend(text.as_bytes());
        }
        Value::Array(all) => {
            head(bytes, 4, all.len() as u64);
            for value in all {
                append(bytes, value, is_time);
            }
        }
        Value::Object(all) => {
            head(bytes, 5, all.len() as u64);
            for (key, value) in all {
                append(bytes, &Value::String(key.clone()), false);
                append(bytes, value, key == "Timestamps");
            }
        }
    }
}
