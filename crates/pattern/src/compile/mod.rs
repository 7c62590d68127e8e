//! From a pattern's text to its alternatives, in the order in which AWS's compiler reads, so that the first error is the same.
mod cursor;
mod numeric;
mod operator;

use std::sync::Arc;

use crate::address::AddressRange;
use crate::alternative::{self, Alternative, Alternatives, Paths};
use crate::error::PatternError;
use crate::expression::{Expression, Expressions};
use crate::json::Token;
use crate::limits::Limits;
use crate::number;
use crate::warning::WarningKind;

use cursor::{Cursor, Refusal, Step, refuse};

/// Names that a field inside `$or` may not have.
const RESERVED_IN_OR: [&str; 24] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

/// Reads a pattern.
///
/// # Errors
/// The reason in AWS's words, and where it is.
pub(crate) fn compile(text: &str, limits: &Limits) -> Result<Alternatives, PatternError> {
    let mut compiler = Compiler {
        text,
        cursor: Cursor::new(text, limits.target),
        limits: *limits,
        open: Vec::new(),
        alternatives: Vec::new(),
        path: Vec::new(),
        paths: Paths::default(),
        accepts: Vec::new(),
    };
    compiler.pattern().map_err(|refusal| compiler.cursor.locate(text, refusal))
}

/// Longest pattern that is read, whatever the limits are: no quota comes near it.
const MAX_BYTES: usize = 256 << 10;
/// Most fields that AWS's matcher takes in a pattern.
const MAX_FIELDS: usize = 256;

/// A container that the compiler is in.
enum Open {
    /// An object. It is the value of a key unless it is the outermost one or one of `$or`.
    Object { inside_or: bool, named: bool, empty: bool },
    /// The array of `$or`: the alternatives before it, those of the objects that are done, and their count.
    Or { before: Vec<Alternative>, done: Vec<Alternative>, count: usize },
}

struct Compiler<'a> {
    text: &'a str,
    cursor: Cursor<'a>,
    limits: Limits,
    open: Vec<Open>,
    /// What was read so far, as alternatives.
    alternatives: Vec<Alternative>,
    /// The fields around the present one.
    path: Vec<String>,
    paths: Paths,
    /// What the fields accept.
    accepts: Vec<Arc<Expressions>>,
}

impl Compiler<'_> {
    fn pattern(&mut self) -> Result<Alternatives, Refusal> {
        self.check_length()?;
        if self.cursor.next()? != Token::StartObject {
            return refuse("Filter is not an object");
        }
        self.object()?;
        for alternative in &mut self.alternatives {
            check_fields(alternative)?;
        }
        let (all, paths) = (std::mem::take(&mut self.alternatives), std::mem::take(&mut self.paths));
        Ok(Alternatives { all, paths, accepts: std::mem::take(&mut self.accepts), warnings: self.cursor.warnings(self.text) })
    }

    fn check_length(&self) -> Result<(), Refusal> {
        if self.text.len() > MAX_BYTES {
            return refuse(format!("Event pattern has {} bytes, {MAX_BYTES} are allowed", self.text.len()));
        }
        let characters = self.text.chars().count();
        if characters > self.limits.characters {
            return refuse(format!("Event pattern has {characters} characters, {} are allowed", self.limits.characters));
        }
        Ok(())
    }

    /// Reads the outermost object, without recursion: patterns may be as deep as the reader allows.
    fn object(&mut self) -> Result<(), Refusal> {
        self.open.push(Open::Object { inside_or: false, named: false, empty: true });
        while let Some(open) = self.open.last_mut() {
            match open {
                Open::Object { inside_or, empty, .. } => {
                    let inside_or = *inside_or;
                    if let Token::Key(key) = self.cursor.next()? {
                        *empty = false;
                        self.key(&key, inside_or)?;
                    } else {
                        self.end_object()?;
                    }
                }
                Open::Or { .. } => self.branch()?,
            }
        }
        Ok(())
    }

    fn key(&mut self, key: &str, inside_or: bool) -> Result<(), Refusal> {
        self.cursor.steps.push(Step::Key(key.to_owned()));
        if key == "$or" {
            self.cursor.expect(&Token::StartArray, "It must be an Array followed with $or.")?;
            self.open.push(Open::Or { before: std::mem::take(&mut self.alternatives), done: Vec::new(), count: 0 });
            return Ok(());
        }
        if inside_or && RESERVED_IN_OR.contains(&key) {
            return refuse(format!("{key} is Ruler reserved fieldName which cannot be used inside $or."));
        }
        match self.cursor.next()? {
            Token::StartObject => {
                self.path.push(key.to_owned());
                self.open.push(Open::Object { inside_or, named: true, empty: true });
                Ok(())
            }
            Token::StartArray => self.field(key),
            _ => refuse(format!("\"{key}\" must be an object or an array")),
        }
    }

    fn field(&mut self, key: &str) -> Result<(), Refusal> {
        // Keys without a name at the begin of a path leave no dot.
        let around = self.path.join(".");
        let name = self.paths.number(if around.is_empty() { key.to_owned() } else { format!("{around}.{key}") });
        let (start, _) = self.cursor.span();
        let all = self.expressions()?;
        let (_, end) = self.cursor.span();
        let number = self.accepts.len();
        self.accepts.push(Arc::new(Expressions::new(all, self.text.get(start..end).unwrap_or_default().to_owned())));
        if self.alternatives.is_empty() {
            self.alternatives.push(Alternative::new());
        }
        // Enough for a warning: alternatives of `$or` may override each other on purpose.
        if self.alternatives.len() == 1
            && self.alternatives[0].len() < MAX_FIELDS
            && self.alternatives[0].iter().any(|(set, _)| *set == name)
        {
            self.cursor.warn(WarningKind::RepeatedField);
        }
        for alternative in &mut self.alternatives {
            alternative.push((name, number));
            if alternative.len() > 2 * MAX_FIELDS {
                check_fields(alternative)?;
            }
        }
        self.cursor.steps.pop();
        Ok(())
    }

    fn text_or_address(&mut self, text: String) -> Expression {
        let Some(address) = AddressRange::single(&text) else { return Expression::Text(text) };
        self.cursor.warn(WarningKind::Address);
        Expression::Address(address)
    }

    fn number(&mut self, text: &str) -> Expression {
        let value = number::comparable(text);
        if value.is_none() {
            self.cursor.warn(WarningKind::InexactNumber);
        }
        Expression::Number(value, text.to_owned())
    }

    fn end_object(&mut self) -> Result<(), Refusal> {
        if let Some(Open::Object { named, empty, .. }) = self.open.pop() {
            if empty {
                return refuse("Empty objects are not allowed");
            }
            if named {
                self.path.pop();
            }
        }
        if let Some(Open::Or { done, count, .. }) = self.open.last_mut() {
            done.append(&mut self.alternatives);
            if done.len() > self.limits.or_combinations {
                return refuse(format!("$or makes more than {} combinations", self.limits.or_combinations));
            }
            *count += 1;
        }
        self.cursor.steps.pop();
        Ok(())
    }

    /// Begins the next object of `$or`, or ends the array.
    fn branch(&mut self) -> Result<(), Refusal> {
        let token = self.cursor.next()?;
        let Some(Open::Or { before, done, count }) = self.open.last_mut() else {
            return Ok(());
        };
        match token {
            Token::EndArray => {
                if *count < 2 {
                    return refuse("There must have at least 2 Objects in $or relationship.");
                }
                self.alternatives = std::mem::take(done);
                self.open.pop();
                self.cursor.steps.pop();
            }
            Token::StartObject => {
                self.cursor.steps.push(Step::Index(*count));
                self.alternatives = if before.is_empty() { vec![Alternative::new()] } else { before.clone() };
                self.open.push(Open::Object { inside_or: true, named: false, empty: true });
            }
            _ => {
                self.cursor.steps.push(Step::Index(*count));
                return refuse("Only JSON object is allowed in array of $or relationship.");
            }
        }
        Ok(())
    }

    fn expressions(&mut self) -> Result<Vec<Expression>, Refusal> {
        let mut all = Vec::new();
        loop {
            self.cursor.steps.push(Step::Index(all.len()));
            let expression = match self.cursor.next()? {
                Token::EndArray => {
                    self.cursor.steps.pop();
                    break;
                }
                Token::StartObject => operator::read(&mut self.cursor)?,
                Token::Text(text) => self.text_or_address(text.into_owned()),
                Token::Number(text) => self.number(text),
                Token::True => Expression::Word("true"),
                Token::False => Expression::Word("false"),
                Token::Null => Expression::Word("null"),
                Token::StartArray | Token::EndObject | Token::Key(_) => {
                    return refuse("Match value must be String, number, true, false, or null");
                }
            };
            all.push(expression);
            self.cursor.steps.pop();
        }
        if all.is_empty() { refuse("Empty arrays are not allowed") } else { Ok(all) }
    }
}

/// Checks the number of fields of an alternative.
fn check_fields(alternative: &mut Alternative) -> Result<(), Refusal> {
    if alternative.len() > MAX_FIELDS {
        alternative::unify(alternative, |number| number);
    }
    if alternative.len() > MAX_FIELDS { refuse(format!("Event pattern has more than {MAX_FIELDS} fields")) } else { Ok(()) }
}
