//! Who a statement applies to (IAM user guide, "AWS JSON policy elements: Principal" and
//! "AWS JSON policy elements: `NotPrincipal`").

use serde_json::{Map, Value};

use super::{fits::Fits, request::Principal, text::texts};

/// Returns whether a statement of a resource policy applies to the caller.
pub(super) fn fits(statement: &Value, principal: Principal<'_>, denies: bool) -> Fits {
    match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(value), _) => named(value, principal, denies),
        (None, Some(value)) => excepted(value, principal),
        (None, None) => Fits::No,
    }
}

/// `*` and `{"AWS": "*"}` are every principal, services included.
fn named(value: &Value, principal: Principal<'_>, denies: bool) -> Fits {
    match value {
        Value::String(all) => Fits::of(all == "*"),
        Value::Object(kinds) if has(kinds, "AWS", |text| text == "*") => Fits::Yes,
        Value::Object(kinds) => match principal {
            Principal::Service(service) => services(kinds, service),
            Principal::Role(arn) => role(kinds, arn, denies),
            Principal::Account(account) => Fits::of(has(kinds, "AWS", |text| is_account(text, account))),
        },
        _ => Fits::No,
    }
}

/// Returns whether `NotPrincipal` includes the caller, that is, does not list it.
fn excepted(value: &Value, principal: Principal<'_>) -> Fits {
    let unknown = || Fits::unknown("NotPrincipal");
    let Value::Object(kinds) = value else { return unknown() };
    if has(kinds, "AWS", |text| text == "*") {
        return unknown();
    }
    match principal {
        Principal::Service(service) => services(kinds, service).not(),
        // A session is excepted only if its account, its role and the session are listed.
        Principal::Role(arn) => {
            let account = account_of(arn);
            if has(kinds, "AWS", |text| text.contains(account)) { unknown() } else { Fits::Yes }
        }
        Principal::Account(_) => unknown(),
    }
}

fn has(kinds: &Map<String, Value>, kind: &str, matches: impl Fn(&str) -> bool) -> bool {
    kinds.get(kind).is_some_and(|value| texts(value).iter().any(|text| matches(text)))
}

/// A principal of the same service with another suffix, such as that of a Region, is perhaps the
/// same.
fn services(kinds: &Map<String, Value>, service: &str) -> Fits {
    if has(kinds, "Service", |text| text == service) {
        return Fits::Yes;
    }
    let label = |text: &str| text.split('.').next().unwrap_or_default().to_lowercase();
    let similar = |text: &str| text.contains('*') || label(text) == label(service);
    if has(kinds, "Service", similar) { Fits::unknown("another name of the service principal") } else { Fits::No }
}

/// A permission for the account leaves the decision to the role's own policies. A denial for it is
/// one for all its principals.
fn role(kinds: &Map<String, Value>, arn: &str, denies: bool) -> Fits {
    let account = account_of(arn);
    if has(kinds, "AWS", |text| text == arn || (denies && is_account(text, account))) {
        return Fits::Yes;
    }
    let sessions = format!("::{account}:assumed-role/{}/", arn.rsplit('/').next().unwrap_or_default());
    if has(kinds, "AWS", |text| text.contains(&sessions)) { Fits::unknown("the name of the role's session") } else { Fits::No }
}

fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

fn is_account(text: &str, account: &str) -> bool {
    text == account || text.ends_with(&format!(":iam::{account}:root"))
}
