//! What a target of a rule gets: constant input, input paths and input transformers.
//!
//! Here belongs what AWS says of `Input`, `InputPath` and `InputTransformer` of a target: which of them `PutTargets` refuses, which
//! text the target gets for an event, and which events EventBridge accepts and never delivers. Limits of the request as a whole, and
//! what a type of target requires of its input, belong to the callers.
//!
//! Sources: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>,
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html>, and the facts X1 to X6 and XT1 to XT10 of
//! `docs/aws-facts.md`, which also says what is a guess.
//!
//! ```
//! use std::collections::BTreeMap;
//! use tributary_pattern::transform::{Context, Input};
//!
//! let paths = BTreeMap::from([("state".to_owned(), "$.detail.state".to_owned())]);
//! let input = Input::Transformer { paths, template: r#"{"rule": <aws.events.rule-name>, "text": "now <state>"}"#.to_owned() };
//! let context = Context { rule_arn: "arn:aws:events:eu-west-1:111122223333:rule/r", rule_name: "r", ingestion_time: "2026-01-01T00:00:00Z" };
//! let delivered = input.compile()?.evaluate(r#"{"detail":{"state":"running"}}"#, &context).unwrap();
//! assert_eq!(delivered.text, r#"{"rule":"r","text":"now running"}"#);
//! # Ok::<(), tributary_pattern::transform::InputError>(())
//! ```
mod error;
mod path;
mod template;
mod tree;
mod values;

use std::collections::BTreeMap;

use path::JsonPath;
use template::Template;
use tree::Node;
use values::Values;

pub use error::{InputError, InputField, InputWarning, NotDelivered};

/// Longest constant input and longest template, in characters.
pub const MAX_TEXT: usize = 8_192;
/// Longest path, in characters.
pub const MAX_PATH: usize = 256;
/// Most entries of `InputPathsMap`.
pub const MAX_PATHS: usize = 100;

/// What a target gets for an event. AWS allows at most one of `Input`, `InputPath` and `InputTransformer`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Input {
    /// The whole event.
    #[default]
    Event,
    /// `Input`: constant text, which is JSON.
    Constant(String),
    /// `InputPath`: the value at a JSON path.
    Path(String),
    /// `InputTransformer`: a template with values of the event.
    Transformer {
        /// `InputPathsMap`: the JSON path of each variable.
        paths: BTreeMap<String, String>,
        /// `InputTemplate`: JSON with variables such as `<name>`, or lines of text in double quotes.
        template: String,
    },
}

/// What the reserved variables stand for, besides the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context<'a> {
    /// `<aws.events.rule-arn>`.
    pub rule_arn: &'a str,
    /// `<aws.events.rule-name>`.
    pub rule_name: &'a str,
    /// `<aws.events.event.ingestion-time>`: when EventBridge received the event, as ISO 8601.
    pub ingestion_time: &'a str,
}

/// The text that a target gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The text. JSON is minified; lines of text keep their quotes.
    pub text: String,
    /// Variables without a value in this event, sorted. Empty for anything but a transformer.
    pub missing: Vec<String>,
}

/// An input that AWS accepts.
#[derive(Debug, Clone)]
pub struct CompiledInput {
    shape: Shape,
    warnings: Vec<InputWarning>,
}

#[derive(Debug, Clone)]
enum Shape {
    Event,
    Constant(String),
    Path(JsonPath),
    Transformer { paths: BTreeMap<String, JsonPath>, template: Template },
}

impl Input {
    /// Reads the input.
    ///
    /// # Errors
    /// `PutTargets` would refuse it.
    pub fn compile(&self) -> Result<CompiledInput, InputError> {
        let mut warnings = Vec::new();
        let shape = match self {
            Self::Event => Shape::Event,
            Self::Constant(text) => {
                error::within(&InputField::Input, text, MAX_TEXT)?;
                tree::parse(text).map_err(|wrong| InputError::constant(text, &wrong))?;
                Shape::Constant(text.clone())
            }
            Self::Path(text) => Shape::Path(path::read(text, &InputField::InputPath, &mut warnings)?),
            Self::Transformer { paths, template } => {
                let paths = compile_paths(paths, &mut warnings)?;
                let template = Template::compile(template, &paths)?;
                template.warn(&paths, &mut warnings);
                Shape::Transformer { paths, template }
            }
        };
        Ok(CompiledInput { shape, warnings })
    }
}

fn compile_paths(paths: &BTreeMap<String, String>, warnings: &mut Vec<InputWarning>) -> Result<BTreeMap<String, JsonPath>, InputError> {
    if paths.len() > MAX_PATHS {
        let reason = format!("has {} entries, and AWS allows at most {MAX_PATHS}", paths.len());
        return Err(InputError::new(InputField::InputPathsMap, reason));
    }
    let mut compiled = BTreeMap::new();
    for (name, text) in paths {
        let field = InputField::Variable(name.clone());
        if name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws.")) {
            return Err(InputError::new(field, "has a name that AWS reserves: names must not start with \"AWS.\"".to_owned()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || !name.chars().all(allowed) {
            let reason = "has a name that AWS does not allow: names consist of letters, digits, - and _".to_owned();
            return Err(InputError::new(field, reason));
        }
        compiled.insert(name.clone(), path::read(text, &field, warnings)?);
    }
    Ok(compiled)
}

impl CompiledInput {
    /// What AWS accepts and does not do as it reads.
    pub fn warnings(&self) -> &[InputWarning] {
        &self.warnings
    }

    /// The keys of the JSON object that a template is. None for other templates, and for inputs without one.
    pub fn template_keys(&self) -> Option<&[String]> {
        match &self.shape {
            Shape::Transformer { template, .. } => template.keys.as_deref(),
            Shape::Event | Shape::Constant(_) | Shape::Path(_) => None,
        }
    }

    /// The text that the target gets for an event.
    ///
    /// # Errors
    /// EventBridge does not deliver anything for this event, or the event is not a JSON object.
    pub fn evaluate(&self, event: &str, context: &Context<'_>) -> Result<Delivered, NotDelivered> {
        let root = tree::parse(event).map_err(|wrong| NotDelivered::event(event, &wrong))?;
        if !root.is_object() {
            return Err(NotDelivered::no_object());
        }
        let (text, missing) = match &self.shape {
            Shape::Event => (root.json(), Vec::new()),
            Shape::Constant(text) => (text.clone(), Vec::new()),
            // Not established: what AWS delivers for a path that the event does not have.
            Shape::Path(path) => (path.find(&root).map_or_else(|| "null".to_owned(), |found| found.json()), Vec::new()),
            Shape::Transformer { paths, template } => {
                let values = Values::new(paths, &root, context);
                (template.fill(&values)?, values.missing())
            }
        };
        Ok(Delivered { text, missing })
    }
}

/// The JSON value of a text, without the space between its parts, or none if it is no JSON. For comparing what targets get.
pub fn minify(text: &str) -> Option<String> {
    tree::parse(text).ok().map(|node: Node<'_>| node.json())
}
