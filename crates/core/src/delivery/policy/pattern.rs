//! Patterns in policies: wildcards and policy variables (IAM user guide, "IAM policy elements:
//! Variables and tags").

use super::context::{Context, Key};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Is(char),
    One,
    Any,
}

/// A text in which `*` matches any characters and `?` one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Token>);

/// Why a text with policy variables has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoValue {
    /// The call does not contain the key of this variable.
    Absent(String),
    /// The value of this variable is not known.
    Unknown(String),
}

/// How a text of a policy is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wildcards {
    Active,
    Literal,
}

fn token(character: char, wildcards: Wildcards) -> Token {
    match (character, wildcards) {
        ('*', Wildcards::Active) => Token::Any,
        ('?', Wildcards::Active) => Token::One,
        (other, _) => Token::Is(other),
    }
}

impl Pattern {
    /// Reads a text without policy variables, as in policies of version 2008-10-17.
    pub(super) fn plain(text: &str, wildcards: Wildcards) -> Self {
        Self(text.chars().map(|character| token(character, wildcards)).collect())
    }

    /// Reads a text with policy variables, as in policies of version 2012-10-17.
    ///
    /// # Errors
    /// A variable has no value, or one that is not known.
    pub(super) fn with_variables(text: &str, wildcards: Wildcards, context: &Context) -> Result<Self, NoValue> {
        let (mut tokens, mut rest) = (Vec::new(), text);
        while let Some((before, (variable, behind))) =
            rest.split_once("${").and_then(|(before, after)| Some((before, after.split_once('}')?)))
        {
            tokens.extend(Self::plain(before, wildcards).0);
            tokens.extend(value(variable, context)?.chars().map(Token::Is));
            rest = behind;
        }
        tokens.extend(Self::plain(rest, wildcards).0);
        Ok(Self(tokens))
    }

    pub(super) fn lowercase(&self) -> Self {
        let lower = |token: &Token| match token {
            Token::Is(character) => character.to_lowercase().map(Token::Is).collect(),
            other => vec![*other],
        };
        Self(self.0.iter().flat_map(lower).collect())
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        matches(&self.0, &text.chars().collect::<Vec<_>>())
    }

    /// Returns the parts between the first five colons, at most six.
    pub(super) fn parts(&self) -> Vec<Self> {
        self.0.splitn(6, |token| *token == Token::Is(':')).map(|part| Self(part.to_vec())).collect()
    }
}

/// Returns the value of a variable: the part between `${` and `}`.
fn value(variable: &str, context: &Context) -> Result<String, NoValue> {
    // `${*}`, `${?}` and `${$}` are the characters themselves.
    if matches!(variable, "*" | "?" | "$") {
        return Ok(variable.to_owned());
    }
    let (key, default) = variable.split_once(',').map_or((variable, None), |(key, default)| (key, Some(default.trim())));
    let default = default.and_then(|default| default.strip_prefix('\'')?.strip_suffix('\''));
    let name = || format!("the policy variable ${{{variable}}}");
    match (context.get(key.trim()), default) {
        (Some(Key::Values(values)), _) if values.len() == 1 => Ok(values[0].clone()),
        (Some(Key::Absent), Some(default)) => Ok(default.to_owned()),
        (Some(Key::Absent), None) => Err(NoValue::Absent(name())),
        // Keys with several values cannot be variables.
        (Some(Key::Values(_) | Key::Withheld) | None, _) => Err(NoValue::Unknown(name())),
    }
}

fn matches(pattern: &[Token], text: &[char]) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut retry = None;
    while position < text.len() {
        match pattern.get(at) {
            Some(Token::Any) => {
                retry = Some((at, position));
                at += 1;
            }
            Some(Token::One) => (at, position) = (at + 1, position + 1),
            Some(Token::Is(character)) if *character == text[position] => (at, position) = (at + 1, position + 1),
            _ => {
                let Some((any, matched)) = retry else { return false };
                retry = Some((any, matched + 1));
                (at, position) = (any + 1, matched + 1);
            }
        }
    }
    pattern[at..].iter().all(|token| *token == Token::Any)
}
