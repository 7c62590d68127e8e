//! A reader of JSON, token by token. It keeps what the semantics of patterns need and general parsers drop: the spelling of numbers,
//! the order of keys, keys that occur twice, and the position of each token. The limits are those of the parser that AWS's matcher uses.
use std::borrow::Cow;

/// Deepest nesting that is accepted.
const MAX_DEPTH: usize = 1_000;
/// Longest number that is accepted, in bytes.
const MAX_NUMBER: usize = 1_000;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token<'a> {
    StartObject,
    EndObject,
    StartArray,
    EndArray,
    Key(Cow<'a, str>),
    Text(Cow<'a, str>),
    Number(&'a str),
    True,
    False,
    Null,
}

impl Token<'_> {
    /// The token as messages name it.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::StartObject => "{",
            Self::EndObject => "}",
            Self::StartArray => "[",
            Self::EndArray => "]",
            Self::Key(text) | Self::Text(text) => text,
            Self::Number(text) => text,
            Self::True => "true",
            Self::False => "false",
            Self::Null => "null",
        }
    }
}

/// A text that is no JSON: why, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) reason: String,
    pub(crate) offset: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Expect {
    /// A value, or the end of the array that has just begun.
    FirstElement,
    Element,
    /// A key, or the end of the object that has just begun.
    FirstKey,
    Key,
    Value,
    CommaOrEnd,
}

/// The reader.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    position: usize,
    /// Where the last token began.
    token_start: usize,
    /// The containers that are open: whether it is an object, and where it began.
    open: Vec<(bool, usize)>,
    expect: Expect,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, position: 0, token_start: 0, open: Vec::new(), expect: Expect::Value }
    }

    /// Where the last token began, in bytes.
    pub(crate) fn token_start(&self) -> usize {
        self.token_start
    }

    /// Where the last token ended, in bytes.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// How many containers are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The next token, or none at the end of the text.
    pub(crate) fn next(&mut self) -> Result<Option<Token<'a>>, SyntaxError> {
        self.skip_space();
        self.token_start = self.position;
        let Some(byte) = self.peek() else {
            return match self.open.last() {
                None => Ok(None),
                Some((object, start)) => {
                    let kind = if *object { "object" } else { "array" };
                    let begin = crate::error::line_and_column(self.text, *start);
                    Err(self.error(format!("the text ends inside the {kind} that begins at line {}, column {}", begin.0, begin.1)))
                }
            };
        };
        match self.expect {
            Expect::CommaOrEnd => self.comma_or_end(byte),
            Expect::FirstKey if byte == b'}' => Ok(Some(self.close(true))),
            Expect::FirstKey | Expect::Key => self.key(byte).map(Some),
            Expect::FirstElement if byte == b']' => Ok(Some(self.close(false))),
            Expect::FirstElement | Expect::Element | Expect::Value => self.value(byte).map(Some),
        }
    }

    fn comma_or_end(&mut self, byte: u8) -> Result<Option<Token<'a>>, SyntaxError> {
        let object = self.open.last().is_some_and(|(object, _)| *object);
        match byte {
            b',' => {
                self.position += 1;
                self.expect = if object { Expect::Key } else { Expect::Element };
                self.next()
            }
            b'}' if object => Ok(Some(self.close(true))),
            b']' if !object => Ok(Some(self.close(false))),
            _ => Err(self.unexpected(if object { "a comma or the end of the object" } else { "a comma or the end of the array" })),
        }
    }

    fn close(&mut self, object: bool) -> Token<'a> {
        self.position += 1;
        self.open.pop();
        self.after_value();
        if object { Token::EndObject } else { Token::EndArray }
    }

    fn after_value(&mut self) {
        // What follows the outermost value is not read: AWS's matcher does not either.
        self.expect = if self.open.is_empty() { Expect::Value } else { Expect::CommaOrEnd };
    }

    fn key(&mut self, byte: u8) -> Result<Token<'a>, SyntaxError> {
        if byte != b'"' {
            return Err(self.unexpected("a key in double quotes"));
        }
        let key = self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.unexpected("a colon"));
        }
        self.position += 1;
        self.expect = Expect::Value;
        Ok(Token::Key(key))
    }

    fn value(&mut self, byte: u8) -> Result<Token<'a>, SyntaxError> {
        let token = match byte {
            b'{' | b'[' => return self.start(byte == b'{'),
            b'"' => Token::Text(self.string()?),
            b'-' | b'0'..=b'9' => Token::Number(self.number()?),
            b't' => self.word("true", Token::True)?,
            b'f' => self.word("false", Token::False)?,
            b'n' => self.word("null", Token::Null)?,
            _ => return Err(self.unexpected("a value")),
        };
        self.after_value();
        Ok(token)
    }

    fn start(&mut self, object: bool) -> Result<Token<'a>, SyntaxError> {
        if self.open.len() == MAX_DEPTH {
            return Err(self.error(format!("the nesting is deeper than {MAX_DEPTH}")));
        }
        self.open.push((object, self.position));
        self.position += 1;
        self.expect = if object { Expect::FirstKey } else { Expect::FirstElement };
        Ok(if object { Token::StartObject } else { Token::StartArray })
    }

    fn word(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, SyntaxError> {
        let rest = &self.text.as_bytes()[self.position..];
        let ends = rest.get(word.len()).is_none_or(|next| !next.is_ascii_alphanumeric() && *next != b'_' && *next != b'$' && *next < 0x80);
        if !rest.starts_with(word.as_bytes()) || !ends {
            return Err(self.unexpected("a value"));
        }
        self.position += word.len();
        Ok(token)
    }

    fn number(&mut self) -> Result<&'a str, SyntaxError> {
        let start = self.position;
        if self.peek() == Some(b'-') {
            self.position += 1;
        }
        let integer = self.digits("a digit")?;
        if integer > 1 && self.text.as_bytes()[self.position - integer] == b'0' {
            self.position -= integer;
            return Err(self.error("Invalid numeric value: Leading zeroes not allowed".to_owned()));
        }
        if self.peek() == Some(b'.') {
            self.position += 1;
            self.digits("a digit after the decimal point")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.position += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.position += 1;
            }
            self.digits("a digit of the exponent")?;
        }
        if self.position - start > MAX_NUMBER {
            return Err(self.error(format!("the number is longer than {MAX_NUMBER} characters")));
        }
        let separated = self.peek().is_none_or(|next| matches!(next, b' ' | b'\t' | b'\r' | b'\n' | b',' | b'}' | b']'));
        if !separated && !self.open.is_empty() {
            return Err(self.unexpected("the end of the number"));
        }
        Ok(&self.text[start..self.position])
    }

    fn digits(&mut self, what: &str) -> Result<usize, SyntaxError> {
        let start = self.position;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.position += 1;
        }
        if self.position == start { Err(self.unexpected(what)) } else { Ok(self.position - start) }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, SyntaxError> {
        self.position += 1;
        let start = self.position;
        let rest = &self.text.as_bytes()[start..];
        let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
        self.position += end.unwrap_or(rest.len());
        match self.peek() {
            Some(b'"') => {
                let text = &self.text[start..self.position];
                self.position += 1;
                Ok(Cow::Borrowed(text))
            }
            Some(b'\\') => self.escaped_string(start).map(Cow::Owned),
            Some(_) => Err(self.error("a control character in a string must be escaped".to_owned())),
            None => Err(self.error("the text ends inside a string".to_owned())),
        }
    }

    fn escaped_string(&mut self, start: usize) -> Result<String, SyntaxError> {
        let mut result = self.text[start..self.position].to_owned();
        let mut plain = self.position;
        loop {
            match self.peek() {
                Some(b'"') => {
                    result.push_str(&self.text[plain..self.position]);
                    self.position += 1;
                    return Ok(result);
                }
                Some(b'\\') => {
                    result.push_str(&self.text[plain..self.position]);
                    result.push(self.escape()?);
                    plain = self.position;
                }
                Some(byte) if byte >= 0x20 => self.position += 1,
                Some(_) => return Err(self.error("a control character in a string must be escaped".to_owned())),
                None => return Err(self.error("the text ends inside a string".to_owned())),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        self.position += 1;
        let Some(byte) = self.peek() else {
            return Err(self.error("the text ends inside a string".to_owned()));
        };
        let char = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.position += 1;
                return self.code_point();
            }
            _ => return Err(self.unexpected("one of the escapes of JSON")),
        };
        self.position += 1;
        Ok(char)
    }

    /// What follows `\u`. Half a surrogate pair reads as `?`: so Java writes it in UTF-8, and AWS's matcher compares that.
    fn code_point(&mut self) -> Result<char, SyntaxError> {
        let first = self.hex()?;
        if (0xD800..0xDC00).contains(&first) && self.text[self.position..].starts_with("\\u") {
            let before = self.position;
            self.position += 2;
            let second = self.hex()?;
            if (0xDC00..0xE000).contains(&second) {
                let combined = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(combined).unwrap_or('?'));
            }
            self.position = before;
        }
        Ok(char::from_u32(first).unwrap_or('?'))
    }

    fn hex(&mut self) -> Result<u32, SyntaxError> {
        let digits = self.text.get(self.position..self.position + 4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(value) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
            return Err(self.unexpected("four hexadecimal digits"));
        };
        self.position += 4;
        Ok(value)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.position += 1;
        }
    }

    fn error(&self, reason: String) -> SyntaxError {
        SyntaxError { reason, offset: self.position }
    }

    fn unexpected(&self, wanted: &str) -> SyntaxError {
        let mut at = self.position.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        self.error(match self.text[at..].chars().next() {
            None => format!("the text ends where {wanted} is expected"),
            Some(quote @ ('\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2018}' | '\u{2019}' | '\u{ab}' | '\u{bb}')) => {
                format!("{quote} is a typographic quote where {wanted} is expected. Use the straight double quote \"")
            }
            Some(char) => format!("unexpected {char:?} where {wanted} is expected"),
        })
    }
}
