//! The evaluation of a policy: its statements, their elements, and what follows from them.

use serde_json::Value;

use super::{
    arn, condition,
    fits::Fits,
    outcome::{Decision, Denial, Outcome},
    pattern::{Pattern, Wildcards},
    principal,
    request::Request,
    text::{Reader, texts},
};

/// Evaluates the policy of a resource, or the trust policy of a role. A statement applies to the
/// principals that it names.
pub fn on_resource(statements: &[Value], request: &Request<'_>) -> Decision {
    outcome(statements, request, true).decision()
}

/// Evaluates the role's own policies.
pub fn of_role(statements: &[Value], request: &Request<'_>) -> Decision {
    outcome(statements, request, false).decision()
}

/// Evaluates a policy. `names_principal`: a statement applies to the principals that it names.
pub(in crate::delivery) fn outcome(statements: &[Value], request: &Request<'_>, names_principal: bool) -> Outcome {
    statements
        .iter()
        .enumerate()
        .fold(Outcome::silent(), |found, (index, statement)| found.join(one(index, statement, request, names_principal)))
}

fn one(index: usize, statement: &Value, request: &Request<'_>, names_principal: bool) -> Outcome {
    let nothing = Outcome::silent();
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Outcome { allows: fits(statement, request, names_principal, false), ..nothing },
        Some("Deny") => {
            let denial = match fits(statement, request, names_principal, true) {
                Fits::Yes => Denial::By(sid(index, statement)),
                Fits::No => Denial::No,
                Fits::Unknown(why) => Denial::Unknown(why),
            };
            Outcome { denial, ..nothing }
        }
        _ => Outcome { denial: Denial::Unknown("a statement without a valid Effect".into()), ..nothing },
    }
}

fn sid(index: usize, statement: &Value) -> String {
    let sid = statement.get("Sid").and_then(Value::as_str);
    sid.map_or_else(|| format!("number {}", index + 1), |sid| format!("{sid:?}"))
}

fn fits(statement: &Value, request: &Request<'_>, names_principal: bool, denies: bool) -> Fits {
    let principal = || if names_principal { principal::fits(statement, request.principal, denies) } else { Fits::Yes };
    let context = request.context;
    let condition = || {
        let met = condition::fits(statement, context, denies);
        let has_condition = statement.get("Condition").and_then(Value::as_object).is_some_and(|condition| !condition.is_empty());
        if met == Fits::Yes && has_condition && !denies && context.conditions_unsupported() {
            return Fits::unknown("a Condition, which AWS does not support for EventBridge in this policy");
        }
        met
    };
    action(statement, request.action).and(|| resource(statement, request, denies)).and(principal).and(condition)
}

/// Actions are not case-sensitive.
fn action(statement: &Value, action: &str) -> Fits {
    let action = action.to_lowercase();
    let any = |value: &Value| texts(value).iter().any(|text| Pattern::plain(&text.to_lowercase(), Wildcards::Active).matches(&action));
    match (statement.get("Action"), statement.get("NotAction")) {
        (Some(value), _) => Fits::of(any(value)),
        (None, Some(value)) => Fits::of(!any(value)),
        (None, None) => Fits::No,
    }
}

fn resource(statement: &Value, request: &Request<'_>, denies: bool) -> Fits {
    let reader = Reader::of(statement, request.context, denies).negated(statement.get("NotResource").is_some());
    let one = |text: &String| reader.read(text, Wildcards::Active, |pattern| arn::resource(text, pattern, request.resource));
    let any = |value: &Value| Fits::any(texts(value).iter().map(one));
    match (statement.get("Resource"), statement.get("NotResource")) {
        (Some(value), _) => any(value),
        (None, Some(value)) => any(value).not(),
        // A trust policy has no resource.
        (None, None) => Fits::Yes,
    }
}
