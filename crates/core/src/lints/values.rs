//! What the fields of the envelope can hold: values that no event has, sources whose events do not
//! reach the bus, and patterns that no event matches.
//!
//! Every event has the fields of the envelope as strings, `resources` as a list of strings, and
//! `detail` as an object (EventBridge User Guide, "Events structure reference").

use serde_json::{Value, json};
use tributary_pattern::Pattern as Compiled;

use super::{
    Context, Lint, MAX_ALTERNATIVES, Pattern,
    id::warning,
    walk::{Field, alternatives, fields, operator, texts},
};

/// Digits of an account ID.
const ACCOUNT_DIGITS: usize = 12;

/// Fields that every event has as a string.
const STRINGS: [&str; 7] = ["version", "id", "detail-type", "source", "account", "time", "region"];

pub(super) fn check(pattern: &Pattern, context: &Context<'_>, all: &mut Vec<String>) {
    let alternatives = alternatives(pattern);
    let mut impossible = vec![];
    for alternative in &alternatives {
        let mut never = None;
        for field in fields(alternative) {
            for (index, element) in field.accepts.iter().enumerate() {
                all.extend(problem(&field, element, context).map(|problem| problem.text(&field, index, context)));
            }
            if !field.accepts.is_empty() && field.accepts.iter().all(|element| problem(&field, element, context).is_some()) {
                never.get_or_insert(field.path);
            }
        }
        impossible.push(never);
    }
    // Of more alternatives than are checked, another one may match.
    if alternatives.len() < MAX_ALTERNATIVES && impossible.iter().all(Option::is_some) {
        let mut paths: Vec<String> = impossible.into_iter().flatten().collect();
        paths.sort();
        paths.dedup();
        let text = format!("no event matches: no value that the pattern accepts is possible in {}. Correct it.", paths.join(" or "));
        all.push(warning(Lint::NeverMatches, context.field, text));
    }
}

/// Why an element of a field's list matches no event.
#[derive(Clone, Copy)]
enum Problem {
    /// The field is a string in every event.
    NotAString,
    /// The field is in every event.
    AlwaysPresent,
    /// The field is no object.
    NoObject,
    /// `detail` is an object.
    Object,
    Version,
    Account,
    Region,
    /// The bus receives the events of its partner only.
    OtherPartner,
    /// Events of AWS services arrive on the default bus.
    AwsSource,
}

impl Problem {
    fn text(self, field: &Field<'_>, index: usize, context: &Context<'_>) -> String {
        let Field { path, accepts } = field;
        let value = &accepts[index];
        let bus = context.bus_name();
        let lint = if matches!(self, Self::OtherPartner | Self::AwsSource) { Lint::ForeignSource } else { Lint::ImpossibleValue };
        let text = match self {
            Self::NotAString if value.is_number() => {
                format!("{path} is a string in every event, so the number {value} never matches. Write \"{value}\".")
            }
            Self::NotAString => format!("{path} is a string in every event, so {value} never matches. Write a string."),
            Self::AlwaysPresent => format!("every event has {path}, so {value} never matches. Remove it."),
            Self::NoObject => {
                let top = path.split('.').next().unwrap_or_default();
                format!("{top} is no object in any event, so {path} never matches. Write [\"...\"] in {top}.")
            }
            Self::Object => format!("detail is an object in every event, so {value} never matches. Name a field of detail."),
            Self::Version => format!("the version of every event is \"0\", so {value} never matches. Remove version."),
            Self::Account => format!("account IDs have {ACCOUNT_DIGITS} digits, so {value} never matches. Correct it."),
            Self::Region => format!("{value} is no name of a Region, such as us-east-1, so it never matches. Correct it."),
            Self::OtherPartner => {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("no event of this bus is from {value}. Write {bus}, or remove source.")
            }
            Self::AwsSource => format!(
                "AWS services send their events to the default bus, and no rule in this cluster forwards any to {bus}. Reference the \
                 default bus, or forward the events with a rule there."
            ),
        };
        warning(lint, &format!("{}.{path}[{index}]", context.field), text)
    }
}

/// Returns why the element matches no event; `None` if it can match one.
fn problem(field: &Field<'_>, element: &Value, context: &Context<'_>) -> Option<Problem> {
    let absent = element["exists"] == false;
    let (top, below) = field.path.split_once('.').map_or((field.path.as_str(), false), |(top, _)| (top, true));
    match (top, below) {
        ("resources", false) => (!absent && is_no_text(element)).then_some(Problem::NotAString),
        // The object itself counts as absent.
        ("detail", false) => (!absent).then_some(Problem::Object),
        (top, true) if top == "resources" || STRINGS.contains(&top) => (!absent).then_some(Problem::NoObject),
        (top, false) if STRINGS.contains(&top) => {
            if absent {
                return Some(Problem::AlwaysPresent);
            }
            if is_no_text(element) {
                return Some(Problem::NotAString);
            }
            envelope(top, element, context)
        }
        _ => None,
    }
}

/// Whether the element matches no string.
fn is_no_text(element: &Value) -> bool {
    match element {
        Value::Number(_) | Value::Bool(_) | Value::Null => true,
        Value::Object(_) => matches!(operator(element), Some(("numeric", _))),
        Value::String(_) | Value::Array(_) => false,
    }
}

fn envelope(name: &str, element: &Value, context: &Context<'_>) -> Option<Problem> {
    match name {
        "version" => (!accepts(name, element, "0")).then_some(Problem::Version),
        "account" => parts(element).is_some_and(|parts| !parts.iter().any(Part::is_account)).then_some(Problem::Account),
        "region" => parts(element).is_some_and(|parts| !parts.iter().any(Part::is_region)).then_some(Problem::Region),
        "source" if context.is_partner_bus() => (!accepts(name, element, context.bus_name())).then_some(Problem::OtherPartner),
        "source" => {
            let of_aws =
                element.as_str().is_some_and(|source| source.starts_with("aws.") && !source.starts_with(crate::names::PARTNER_BUS));
            let unreachable =
                context.bus_name() != crate::names::DEFAULT_BUS && !context.bus.others_publish && !context.bus.is_forwarded_to;
            (of_aws && unreachable).then_some(Problem::AwsSource)
        }
        _ => None,
    }
}

/// Whether the element accepts this value, as EventBridge decides it. One that AWS refuses counts as
/// accepted: it has an error of its own.
fn accepts(name: &str, element: &Value, value: &str) -> bool {
    let Ok(pattern) = Compiled::compile(&json!({name: [element]}).to_string()) else { return true };
    pattern.matches(&json!({name: value}).to_string()) == Ok(true)
}

/// What a value must have, by one text of an element.
enum Part {
    Whole(String),
    Begin(String),
    End(String),
    Wildcard(String),
}

/// Returns the texts of an element, of which the value must have one; `None` where that is no matter
/// of single texts.
fn parts(element: &Value) -> Option<Vec<Part>> {
    if let Some(text) = element.as_str() {
        return Some(vec![Part::Whole(text.to_owned())]);
    }
    let (name, argument) = operator(element)?;
    let nested = operator(argument).filter(|(name, _)| *name == "equals-ignore-case").map(|(_, inner)| inner);
    let any_case = name == "equals-ignore-case" || nested.is_some();
    let texts = texts(nested.unwrap_or(argument));
    // Other letters have forms of their own, and a quote stands for the end of the value.
    if !["exactly", "equals-ignore-case", "prefix", "suffix", "wildcard"].contains(&name)
        || texts.iter().any(|text| !text.is_ascii() || text.contains('"'))
    {
        return None;
    }
    let part = |text: &str| {
        let text = if any_case { text.to_lowercase() } else { text.to_owned() };
        match name {
            "prefix" => Part::Begin(text),
            "suffix" => Part::End(text),
            "wildcard" => Part::Wildcard(text),
            _ => Part::Whole(text),
        }
    };
    Some(texts.into_iter().map(part).collect())
}

impl Part {
    fn is_account(&self) -> bool {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match self {
            Self::Whole(text) => text.len() == ACCOUNT_DIGITS && digits(text),
            Self::Begin(text) | Self::End(text) => text.len() <= ACCOUNT_DIGITS && digits(text),
            Self::Wildcard(text) => {
                let literal = text.replace('*', "");
                literal.len() <= ACCOUNT_DIGITS && digits(&literal) && (text.contains('*') || literal.len() == ACCOUNT_DIGITS)
            }
        }
    }

    /// The shape of the names, such as `us-gov-west-1`. Not a list: AWS adds Regions.
    fn is_region(&self) -> bool {
        let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        match self {
            Self::Whole(text) => {
                let parts: Vec<&str> = text.split('-').collect();
                let [first, middle @ .., last] = parts.as_slice() else { return false };
                let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
                let number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
                word(first) && !middle.is_empty() && middle.iter().all(word) && number
            }
            Self::Begin(text) | Self::End(text) => letters(text),
            Self::Wildcard(text) => letters(&text.replace('*', "")),
        }
    }
}
