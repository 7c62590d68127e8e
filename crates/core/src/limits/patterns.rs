//! The patterns of AWS's API models as functions, since one of Java's needs no engine here.

/// Returns whether a text matches a pattern of the models; `None` for a pattern that is not known.
///
/// Not known are those of ARNs: AWS makes them, or admission and the grants of the account check
/// them.
pub(super) fn matches(pattern: &str, text: &str) -> Option<bool> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = |c: char| word(c) || matches!(c, '.' | '-');
    let all = |allowed: &dyn Fn(char) -> bool| !text.is_empty() && text.chars().all(allowed);
    let none_or_all = |allowed: &dyn Fn(char) -> bool| text.chars().all(allowed);
    Some(match pattern {
        r"[\.\-_A-Za-z0-9]+" | "([a-zA-Z0-9-_.]+)" => all(&name),
        r"[/\.\-_A-Za-z0-9]+" => all(&|c| name(c) || c == '/'),
        r"[\.\-_/#A-Za-z0-9]+" => all(&|c| name(c) || matches!(c, '/' | '#')),
        "[a-zA-Z0-9-_]+" | "([a-zA-Z0-9-_]+)" | r"[A-Za-z0-9\_\-]+" => all(&|c| word(c) || c == '-'),
        r"^[a-zA-Z0-9_\-/:]*$" => none_or_all(&|c| word(c) || matches!(c, '-' | '/' | ':')),
        r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$" => {
            all(&|c| c.is_ascii_alphanumeric() || c == '-') && !text.starts_with('-') && !text.ends_with('-')
        }
        r"[\w+=,.@-]+" => all(&|c| word(c) || "+=,.@-".contains(c)),
        r"[\w-]*" => none_or_all(&|c| word(c) || c == '-'),
        r"[\w]*" => none_or_all(&word),
        "^[0-9A-Za-z]+$" => all(&|c| c.is_ascii_alphanumeric()),
        // Java's dot matches no line terminator.
        ".*" => none_or_all(&|c| !line_terminator(c)),
        r"\p{ASCII}*" => text.is_ascii(),
        r"^(?!\s*$).+" => all(&|c| !line_terminator(c)) && !text.chars().all(java_space),
        r"(\d{12}|\*)" => text == "*" || (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())),
        "^[!#$%&'*+-.^_`|~0-9a-zA-Z]+$" => all(&|c| word(c) || "!#$%&'*+,-.^`|~".contains(c)),
        r"^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$" => padded(text, |c| matches!(c, '\x20'..='\x7E')),
        r"^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$" => padded(text, |c| c > '\x1F' && c != '\x7F' && c != ':'),
        r"[^\x00-\x1F\x7F]+" => all(&|c| c > '\x1F' && c != '\x7F'),
        r"[^\x00-\x09\x0B\x0C\x0E-\x1F\x7F]+" => all(&|c| (c > '\x1F' && c != '\x7F') || matches!(c, '\n' | '\r')),
        r"^((%[0-9A-Fa-f]{2}|[-()_.!~*';/?:@\x26=+$,A-Za-z0-9])+)([).!';/?:,])?$" => url(text),
        r"[\u0009\u000A\u000D\u0020-\u00FF]+" => all(&|c| latin(c)),
        r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*" => none_or_all(&|c| latin(c) && !matches!(c, '\x7F'..='\u{A0}')),
        r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)" => {
            text == "/" || (text.len() > 2 && text.starts_with('/') && text.ends_with('/') && none_or_all(&|c| matches!(c, '!'..='~')))
        }
        r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+" | r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$" => all(&tag_character),
        r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"
        | r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"
        | r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"
        | r"^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$" => none_or_all(&tag_character),
        r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+" => text == "$LATEST.PUBLISHED" || all(&|c| word(c) || matches!(c, '-' | '$')),
        _ => return None,
    })
}

/// Returns whether keys and values of tags may contain the character, in every service (IAM user
/// guide, "Rules for tagging").
pub(super) fn tag_character(c: char) -> bool {
    c.is_alphabetic() || c.is_numeric() || "_.:/=+-@".contains(c) || (c.is_whitespace() && !c.is_control())
}

fn line_terminator(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What `\s` matches in Java.
fn java_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0B' | '\x0C' | '\r')
}

fn latin(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FF}')
}

/// Whether the text has a character that is allowed, and besides such only tabs.
fn padded(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    text.chars().any(&allowed) && text.chars().all(|c| c == '\t' || allowed(c))
}

fn url(text: &str) -> bool {
    let mut rest = text.chars();
    let hex = |rest: &mut std::str::Chars<'_>| rest.next().is_some_and(|c| c.is_ascii_hexdigit());
    while let Some(c) = rest.next() {
        let good = match c {
            '%' => hex(&mut rest) && hex(&mut rest),
            _ => c.is_ascii_alphanumeric() || "-()_.!~*';/?:@&=+$,".contains(c),
        };
        if !good {
            return false;
        }
    }
    !text.is_empty()
}
