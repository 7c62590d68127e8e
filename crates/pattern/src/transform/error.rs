//! Why an input is refused or not delivered, and where.
use std::fmt;

use crate::error::{EventError, line_and_column};
use crate::json::SyntaxError;

/// The part of a target's input that is wrong, by its name in AWS's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputField {
    /// `Input`.
    Input,
    /// `InputPath`.
    InputPath,
    /// `InputTransformer.InputPathsMap`.
    InputPathsMap,
    /// A variable of `InputTransformer.InputPathsMap`.
    Variable(String),
    /// `InputTransformer.InputTemplate`.
    InputTemplate,
}

impl fmt::Display for InputField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input => f.write_str("Input"),
            Self::InputPath => f.write_str("InputPath"),
            Self::InputPathsMap => f.write_str("InputTransformer.InputPathsMap"),
            Self::Variable(name) => write!(f, "InputTransformer.InputPathsMap[{name}]"),
            Self::InputTemplate => f.write_str("InputTransformer.InputTemplate"),
        }
    }
}

/// Why `PutTargets` would refuse an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// The part that is wrong.
    pub field: InputField,
    /// What is wrong with it, as the rest of a sentence that starts with the field.
    pub reason: String,
    /// Line and column in characters, both from 1, where the text of the field is wrong at one place.
    pub position: Option<(usize, usize)>,
    /// AWS's own text, with `{}` for the id of the target. None where it is not known.
    pub(super) aws: Option<String>,
}

impl InputError {
    pub(super) fn new(field: InputField, reason: String) -> Self {
        Self { field, reason, position: None, aws: None }
    }

    pub(super) fn at(field: InputField, reason: String, text: &str, offset: usize) -> Self {
        Self { position: Some(line_and_column(text, offset)), ..Self::new(field, reason) }
    }

    pub(super) fn constant(text: &str, wrong: &SyntaxError) -> Self {
        Self::at(InputField::Input, format!("is not JSON: {}", wrong.reason), text, wrong.offset)
    }

    /// AWS's error text for a target, where it is known.
    pub fn aws_message(&self, target_id: &str) -> Option<String> {
        self.aws.as_ref().map(|text| text.replacen("{}", target_id, 1))
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.reason)?;
        self.position.map_or(Ok(()), |(line, column)| write!(f, " at line {line}, column {column}"))
    }
}

impl std::error::Error for InputError {}

/// What AWS accepts and does not do as it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputWarning {
    /// The part that it is about.
    pub field: InputField,
    /// What is doubtful, as the rest of a sentence that starts with the field.
    pub reason: String,
}

impl fmt::Display for InputWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.reason)
    }
}

/// Why a target gets nothing for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotDelivered {
    /// The event is not a JSON object.
    Event(EventError),
    /// A variable has no place in the string that it is in. EventBridge accepts the target and drops the event.
    Quoted {
        /// The variable.
        variable: String,
        /// What its value is.
        value: &'static str,
    },
    /// The filled template is not JSON. EventBridge accepts the target and drops the event.
    InvalidJson {
        /// The variable that makes it so, where one does.
        variable: Option<String>,
        /// What is wrong with the JSON.
        reason: String,
    },
}

impl NotDelivered {
    pub(super) fn event(text: &str, wrong: &SyntaxError) -> Self {
        let (line, column) = line_and_column(text, wrong.offset);
        Self::Event(EventError { reason: wrong.reason.clone(), line, column })
    }

    pub(super) fn no_object() -> Self {
        Self::Event(EventError { reason: "Event must be a JSON object".to_owned(), line: 1, column: 1 })
    }
}

impl fmt::Display for NotDelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(error) => error.fmt(f),
            Self::Quoted { variable, value } => write!(
                f,
                "<{variable}> is in double quotes and its value is {value}: EventBridge accepts the template and never delivers the event. \
                 Remove the quotes around <{variable}>."
            ),
            Self::InvalidJson { variable: Some(variable), reason } => write!(
                f,
                "the value of <{variable}> makes the template invalid JSON ({reason}), for EventBridge does not escape values in quotes: \
                 the event is never delivered. Use <{variable}> without quotes."
            ),
            Self::InvalidJson { variable: None, reason } => {
                write!(f, "the filled template is not JSON ({reason}): the event is never delivered. Correct the template.")
            }
        }
    }
}

impl std::error::Error for NotDelivered {}

/// Checks a length. AWS counts units of UTF-16, as Java does.
pub(super) fn within(field: &InputField, text: &str, max: usize) -> Result<(), InputError> {
    let length = text.encode_utf16().count();
    if length > max {
        return Err(InputError::new(field.clone(), format!("has {length} characters, and AWS allows at most {max}")));
    }
    Ok(())
}
