//! IAM policies as AWS evaluates them, as far as the delivery of events needs it (IAM user guide,
//! "Policy evaluation logic"). Pure.
//!
//! A condition on a key whose value only AWS knows makes the decision `Unknown`.

use serde_json::{Map, Value};
use wildmatch::WildMatch;

/// The caller.
#[derive(Clone, Copy, Debug)]
pub enum Principal<'a> {
    /// An AWS service, such as `events.amazonaws.com`.
    Service(&'a str),
    /// A role, by its ARN. Statements in the role's own policies have no principal.
    Role(&'a str),
}

/// One call to evaluate.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The caller.
    pub principal: Principal<'a>,
    /// IAM action, such as `sqs:SendMessage`.
    pub action: &'a str,
    /// ARN of the resource.
    pub resource: &'a str,
    /// Condition keys in lower case, with their values.
    pub context: &'a [(&'a str, &'a str)],
}

/// The result of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows the call, and none denies it.
    Allowed,
    /// The statement with this `Sid` or number denies the call.
    Denied(String),
    /// No statement applies to the call.
    Silent,
    /// The decision depends on this condition, which only AWS can evaluate.
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fits {
    Yes,
    No,
    Unknown(String),
}

impl Fits {
    fn of(fits: bool) -> Self {
        if fits { Self::Yes } else { Self::No }
    }

    fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Yes => other(),
            Self::Unknown(why) => match other() {
                Self::No => Self::No,
                _ => Self::Unknown(why),
            },
        }
    }
}

/// Evaluates the policy of a resource, or the trust policy of a role. A statement applies to the
/// principals that it names.
pub fn on_resource(statements: &[Value], request: &Request<'_>) -> Decision {
    decide(statements, request, true)
}

/// Evaluates the role's own policies.
pub fn of_role(statements: &[Value], request: &Request<'_>) -> Decision {
    decide(statements, request, false)
}

fn decide(statements: &[Value], request: &Request<'_>, names_principal: bool) -> Decision {
    let (mut allowed, mut unknown) = (false, None);
    for (index, statement) in statements.iter().enumerate() {
        let fits = fits(statement, request, names_principal);
        let denies = statement.get("Effect").and_then(Value::as_str) == Some("Deny");
        match (fits, denies) {
            (Fits::No, _) => {}
            (Fits::Yes, true) => {
                let sid =
                    statement.get("Sid").and_then(Value::as_str).map_or_else(|| format!("number {}", index + 1), |sid| format!("{sid:?}"));
                return Decision::Denied(sid);
            }
            (Fits::Yes, false) => allowed = true,
            // An unknown denial always matters. An unknown permission matters only if no other
            // statement allows the call.
            (Fits::Unknown(why), true) => unknown = Some((why, true)),
            (Fits::Unknown(why), false) => {
                unknown.get_or_insert((why, false));
            }
        }
    }
    match unknown {
        Some((why, denial)) if denial || !allowed => Decision::Unknown(why),
        _ if allowed => Decision::Allowed,
        _ => Decision::Silent,
    }
}

fn fits(statement: &Value, request: &Request<'_>, names_principal: bool) -> Fits {
    let principal = || if names_principal { who(statement, request.principal) } else { Fits::Yes };
    let action =
        pair(statement, "Action", "NotAction", |pattern| WildMatch::new(&pattern.to_lowercase()).matches(&request.action.to_lowercase()));
    // A trust policy has no resource.
    let resource = || match (statement.get("Resource"), statement.get("NotResource")) {
        (None, None) => Fits::Yes,
        _ => pair(statement, "Resource", "NotResource", |pattern| WildMatch::new(pattern).matches(request.resource)),
    };
    action.and(resource).and(principal).and(|| conditions(statement.get("Condition"), request))
}

fn pair(statement: &Value, yes: &str, no: &str, matches: impl Fn(&str) -> bool) -> Fits {
    let any = |value: &Value| texts(value).iter().any(|text| matches(text));
    match (statement.get(yes), statement.get(no)) {
        (Some(value), _) => Fits::of(any(value)),
        (None, Some(value)) => Fits::of(!any(value)),
        (None, None) => Fits::No,
    }
}

fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        single => vec![text(single)],
    }
}

/// `*` matches every principal, including services.
fn who(statement: &Value, principal: Principal<'_>) -> Fits {
    let named = |value: &Value| match value {
        Value::String(all) => all == "*",
        Value::Object(kinds) => names(kinds, principal),
        _ => false,
    };
    match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(value), _) => Fits::of(named(value)),
        (None, Some(value)) => Fits::of(!named(value)),
        (None, None) => Fits::No,
    }
}

fn names(kinds: &Map<String, Value>, principal: Principal<'_>) -> bool {
    let has =
        |kind: &str, matches: &dyn Fn(&str) -> bool| kinds.get(kind).is_some_and(|value| texts(value).iter().any(|text| matches(text)));
    if has("AWS", &|text| text == "*") {
        return true;
    }
    match principal {
        Principal::Service(service) => has("Service", &|text| text == service),
        Principal::Role(arn) => {
            let account = arn.split(':').nth(4).unwrap_or_default();
            has("AWS", &|text| text == arn || text == account || text.ends_with(&format!("::{account}:root")))
        }
    }
}

fn conditions(condition: Option<&Value>, request: &Request<'_>) -> Fits {
    let operators = condition.and_then(Value::as_object);
    operators.into_iter().flatten().fold(Fits::Yes, |fits, (operator, keys)| {
        fits.and(|| {
            keys.as_object()
                .into_iter()
                .flatten()
                .fold(Fits::Yes, |fits, (key, values)| fits.and(|| holds(operator, key, &texts(values), request)))
        })
    })
}

/// Condition keys that are absent from calls by a service principal (IAM user guide, "Global
/// condition context keys").
const ABSENT: [&str; 10] = [
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:userid",
    "aws:username",
    "aws:sourceip",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:multifactorauthpresent",
];

fn holds(operator: &str, key: &str, wanted: &[String], request: &Request<'_>) -> Fits {
    let key = key.to_lowercase();
    let found = request.context.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    if found.is_none() && !ABSENT.contains(&key.as_str()) && !request.context.iter().any(|(name, _)| *name == ALL_KNOWN) {
        return Fits::Unknown(format!("a condition on {key}"));
    }
    let operator = operator.to_lowercase();
    let operator = operator.split_once(':').map_or(operator.as_str(), |(_, operator)| operator);
    let (operator, if_exists) = operator.strip_suffix("ifexists").map_or((operator, false), |operator| (operator, true));
    if operator == "null" {
        return Fits::of(wanted.iter().any(|wanted| (wanted == "true") == found.is_none()));
    }
    let negated = operator.contains("not");
    let Some(found) = found else { return Fits::of(if_exists || negated) };
    let any = |matches: &dyn Fn(&str) -> bool| Fits::of(wanted.iter().any(|wanted| matches(wanted)) != negated);
    match operator.replace("not", "").as_str() {
        "stringequals" => any(&|wanted| wanted == found),
        "stringequalsignorecase" => any(&|wanted| wanted.eq_ignore_ascii_case(found)),
        "stringlike" => any(&|wanted| WildMatch::new(wanted).matches(found)),
        // Both compare with wildcards, part by part between the colons.
        "arnequals" | "arnlike" => any(&|wanted| arn_like(wanted, found)),
        "bool" => any(&|wanted| wanted.eq_ignore_ascii_case(found)),
        other => Fits::Unknown(format!("the condition operator {other}")),
    }
}

/// Condition key that marks a context as complete: every other key is absent from the call.
pub const ALL_KNOWN: &str = "*";

fn arn_like(pattern: &str, arn: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    loop {
        match (patterns.next(), parts.next()) {
            // A final `*` matches the rest too.
            (None | Some("*"), None) => return true,
            (Some(pattern), Some(part)) if WildMatch::new(pattern).matches(part) => {}
            _ => return pattern == "*",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/b/r";

    fn ask(statements: &[Value]) -> Decision {
        let context = [("aws:sourcearn", RULE), ("aws:sourceaccount", "111122223333")];
        let principal = Principal::Service("events.amazonaws.com");
        on_resource(
            statements,
            &Request { principal, action: "sqs:SendMessage", resource: "arn:aws:sqs:eu-west-1:111122223333:q", context: &context },
        )
    }

    #[allow(clippy::needless_pass_by_value)] // The table below reads better without a reference in each row.
    fn with(more: Value) -> Value {
        let mut statement =
            json!({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"});
        statement.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        statement
    }

    #[test]
    fn statements_are_read_as_aws_reads_them() {
        use Decision::{Allowed, Silent};
        let condition = |operator: &str, key: &str, value: &str| with(json!({"Condition": {operator: {key: value}}}));
        for (statement, want) in [
            (with(json!({})), Allowed),
            (with(json!({"Principal": "*"})), Allowed),
            (with(json!({"Principal": {"AWS": "*"}})), Allowed),
            (with(json!({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}})), Silent),
            (with(json!({"Principal": {"Service": ["s3.amazonaws.com", "events.amazonaws.com"]}})), Allowed),
            (with(json!({"Action": "SQS:Send*"})), Allowed),
            (with(json!({"Action": ["sqs:ReceiveMessage"]})), Silent),
            (with(json!({"Resource": "arn:aws:sqs:*:*:q"})), Allowed),
            (with(json!({"Resource": "arn:aws:sqs:eu-west-1:111122223333:other"})), Silent),
            (condition("ArnLike", "AWS:SourceArn", RULE), Allowed),
            (condition("ArnEquals", "aws:SourceArn", "arn:aws:events:*:*:rule/b/*"), Allowed),
            (condition("ArnLike", "aws:SourceArn", "arn:aws:events:eu-west-1:111122223333:rule/b"), Silent),
            (condition("StringEquals", "aws:SourceArn", "arn:aws:events:eu-west-1:111122223333:rule/b/*"), Silent),
            (condition("StringEquals", "aws:SourceAccount", "999988887777"), Silent),
            (condition("StringNotEquals", "aws:SourceAccount", "999988887777"), Allowed),
            (condition("StringEquals", "aws:PrincipalOrgID", "o-1"), Silent),
            (condition("StringEqualsIfExists", "aws:PrincipalOrgID", "o-1"), Allowed),
            (condition("Null", "aws:SourceArn", "true"), Silent),
        ] {
            assert_eq!(ask(std::slice::from_ref(&statement)), want, "{statement}");
        }
    }

    #[test]
    fn a_denial_wins_and_what_cannot_be_known_is_said() {
        let deny = with(json!({"Sid": "no", "Effect": "Deny", "Principal": "*"}));
        assert_eq!(ask(&[with(json!({})), deny]), Decision::Denied("\"no\"".into()));
        let odd = with(json!({"Condition": {"StringEquals": {"aws:SourceOrgID": "o-1"}}}));
        assert!(matches!(ask(std::slice::from_ref(&odd)), Decision::Unknown(_)));
        assert_eq!(ask(&[odd.clone(), with(json!({}))]), Decision::Allowed, "another statement allows it");
        let mut perhaps = odd;
        perhaps["Effect"] = json!("Deny");
        assert!(matches!(ask(&[with(json!({})), perhaps]), Decision::Unknown(_)));
    }
}
