//! Mutations of AWS AppSync. A sink names the ARN of the API and the fields of the mutation, which a target does not have: the fields are
//! those of its operation, and the API is that of the role's policy, or of a resource in the same input.

use std::collections::BTreeSet;

use serde_json::Value;
use tributary_api::{AppSyncSink, EventSinkSpec, ExistingGraphqlApi};
use tributary_core::{
    names::{Arn, Scope},
    steps::{GraphqlSettings, TargetSettings},
};

use super::{Parameters, Type, only};
use crate::cli::import::values::{renamed, text};

/// Between the ARN of an API and the name of a field (Service Authorization Reference, "Actions, resources, and condition keys for AWS
/// AppSync").
const FIELDS: &str = "/types/Mutation/fields/";

pub(super) const TYPE: Type = Type {
    existing,
    parameters: Some(Parameters {
        name: "AppSyncParameters",
        read: |parameters, target| {
            let operation = text(parameters, "GraphQLOperation").unwrap_or_default();
            target.graphql = Some(GraphqlSettings { operation, field_arns: vec![] });
            Ok(())
        },
        block: "appsync_target",
        of_block: |block| renamed(block, &[("graphql_operation", "GraphQLOperation")]),
    }),
    policies: &[],
    resource: None,
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "appsync").then(|| {
        only(target, TargetSettings { graphql: target.graphql.clone(), ..TargetSettings::default() })?;
        let graphql = target.graphql.clone().unwrap_or_default();
        let fields: Option<Vec<_>> = graphql.field_arns.iter().map(|arn| arn.split_once(FIELDS)).collect();
        let fields = fields.filter(|fields| !fields.is_empty()).ok_or_else(|| {
            format!("the target {} is a mutation of AWS AppSync: spec.appSync needs the ARN of the API, which neither the target nor its role names", target.id)
        })?;
        let app_sync = AppSyncSink {
            existing: ExistingGraphqlApi { arn: Some(target.arn.clone()), arn_from: None },
            api_arn: fields[0].0.to_owned(),
            operation: graphql.operation,
            fields: fields.into_iter().map(|(_, field)| field.to_owned()).collect(),
        };
        Ok(EventSinkSpec { app_sync: Some(Box::new(app_sync)), ..EventSinkSpec::default() })
    })
}

/// Whether the target is a mutation whose API is not known.
pub(in crate::cli::import) fn lacks_api(target: &TargetSettings) -> bool {
    target.graphql.as_ref().is_some_and(|graphql| graphql.field_arns.is_empty())
}

/// Enters the API into a target that lacks it.
///
/// # Errors
/// The fields of the operation are not known.
pub(in crate::cli::import) fn set_api(target: &mut TargetSettings, api: &str) -> Result<(), String> {
    let Some(graphql) = target.graphql.as_mut().filter(|graphql| graphql.field_arns.is_empty()) else { return Ok(()) };
    let fields = fields(&graphql.operation).map_err(|error| format!("the mutation of target {}: {error}", target.id))?;
    graphql.field_arns = fields.into_iter().map(|field| format!("{api}{FIELDS}{field}")).collect();
    Ok(())
}

/// Returns the only API whose mutations the statements of a role allow.
pub(in crate::cli::import) fn api_of(statements: &[Value]) -> Option<String> {
    let allowed = statements.iter().filter(|statement| statement["Effect"] == "Allow").map(|statement| &statement["Resource"]);
    let resources = allowed.flat_map(|resource| match resource {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        Value::String(one) => vec![one.as_str()],
        _ => vec![],
    });
    let apis: BTreeSet<_> = resources.filter_map(api).collect();
    let mut apis = apis.into_iter().filter(|api| !api.contains('*'));
    apis.next().filter(|_| apis.next().is_none())
}

/// Returns the ARN of the API in the ARN of a part of it.
fn api(resource: &str) -> Option<String> {
    let arn = Arn::parse(resource).filter(|arn| arn.service == "appsync")?;
    let id = arn.resource.strip_prefix("apis/")?.split('/').next()?;
    Some(Scope::of_arn(&arn).arn("appsync", &format!("apis/{id}")))
}

/// Returns the ARNs of endpoint and API if a resource of Terraform is an API. The ID of the endpoint is the first part of the host of the
/// API's URL.
pub(in crate::cli::import) fn endpoint(type_: &str, arn: &str, attributes: &Value) -> Option<(String, String)> {
    let url = attributes.pointer("/uris/GRAPHQL").filter(|_| type_ == "aws_appsync_graphql_api")?.as_str()?;
    let id = url.strip_prefix("https://")?.split('.').next()?;
    Some((Scope::of_arn(&Arn::parse(arn)?).arn("appsync", &format!("endpoints/graphql-api/{id}")), arn.to_owned()))
}

/// Returns the fields of a mutation (GraphQL specification, "Document" and "Fields").
///
/// # Errors
/// The operation is no mutation, or has fragments, whose fields are elsewhere.
fn fields(operation: &str) -> Result<Vec<String>, String> {
    let tokens = tokens(operation);
    if tokens.first().map(String::as_str) != Some("mutation") {
        return Err("it does not begin with `mutation`".into());
    }
    let (mut braces, mut parentheses, mut found) = (0_usize, 0_usize, Vec::new());
    for (index, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" if parentheses == 0 => braces += 1,
            "}" if parentheses == 0 => braces = braces.saturating_sub(1),
            "(" => parentheses += 1,
            ")" => parentheses = parentheses.saturating_sub(1),
            "." if braces == 1 && parentheses == 0 => return Err("it has fragments".into()),
            name if braces == 1 && parentheses == 0 && name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic()) => {
                // Before a colon is an alias, after an `@` the name of a directive.
                let is_alias = tokens.get(index + 1).is_some_and(|next| next == ":");
                let is_directive = index > 0 && tokens[index - 1] == "@";
                if !is_alias && !is_directive && !found.iter().any(|one| one == name) {
                    found.push(name.to_owned());
                }
            }
            _ => {}
        }
    }
    if found.is_empty() { Err("it has no fields".into()) } else { Ok(found) }
}

/// Names, numbers and single characters, without strings and comments.
fn tokens(operation: &str) -> Vec<String> {
    let (mut all, mut rest) = (Vec::new(), operation);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' => string(rest),
            c if c == '_' || c.is_ascii_alphanumeric() => {
                let end = rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
                all.push(rest[..end].to_owned());
                end
            }
            c => {
                if !c.is_whitespace() && c != ',' {
                    all.push(c.to_string());
                }
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    all
}

/// Returns the length of a string with its quotes.
fn string(text: &str) -> usize {
    if let Some(block) = text.strip_prefix("\"\"\"") {
        return block.find("\"\"\"").map_or(text.len(), |end| end + 6);
    }
    let mut is_escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            '"' if !is_escaped => return index + 1,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_fields_of_a_mutation_are_those_of_its_first_level() {
        let of = |operation: &str| fields(operation).unwrap();
        assert_eq!(of("mutation Publish($id: ID!) { publish(id: $id, note: \"} fake { x\") { id name } }"), ["publish"]);
        assert_eq!(of("# two\nmutation{first:publish(in:{a:{b:1}}){id} @include(if:true) record}"), ["publish", "record"]);
        assert_eq!(of("mutation M { a(text: \"\"\"b } \" c\"\"\") again: a }"), ["a"]);
        for wrong in ["query { a }", "mutation { ...Parts }", "mutation {}", "", "mutation M($a: String = \"{"] {
            assert!(fields(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_api_is_the_only_one_that_the_role_may_change() {
        let statement = |resources: Value| vec![json!({"Effect": "Allow", "Action": "appsync:GraphQL", "Resource": resources})];
        let part = |api: &str, part: &str| format!("arn:aws:appsync:eu-west-1:111122223333:apis/{api}{part}");
        assert_eq!(api_of(&statement(json!([part("a", "/types/Mutation/fields/x"), part("a", "/*")]))), Some(part("a", "")));
        assert_eq!(api_of(&statement(json!([part("a", "/*"), part("b", "/*")]))), None);
        assert_eq!(api_of(&statement(json!("arn:aws:appsync:eu-west-1:111122223333:apis/*"))), None);
        assert_eq!(api_of(&statement(json!("*"))), None);
    }
}
