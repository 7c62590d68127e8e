//! Merging of own statements into a resource policy that others may write too. The policy is read back after the write where AWS
//! has no revision to protect it (queues, topics, resource policies of CloudWatch Logs).

use std::future::Future;

use serde_json::{Value, json};

use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    policy_document::{canonical, sid_of, statements_of},
};

/// A policy document that is written as a whole.
pub(crate) trait Document: Sync {
    /// Returns the resource for messages, such as `queue orders`.
    fn what(&self) -> String;
    /// Returns the current document; empty without a policy.
    fn read(&self) -> impl Future<Output = Result<String, ReconcileError>> + Send;
    /// Replaces the document; an empty one removes the policy.
    fn write(&self, document: &str) -> impl Future<Output = Result<(), ReconcileError>> + Send;
}

/// Replaces the statements with the `Sid`s of `instead_of` by `ours`. The caller holds the lock of the policy.
///
/// # Errors
/// `Conflict` where another writer changed the policy in between; those of the document's calls.
pub(crate) async fn change(document: &impl Document, instead_of: &[String], ours: &[Value]) -> Result<(), ReconcileError> {
    let before = document.read().await?;
    let after = merge(&document.what(), &before, instead_of, ours)?;
    if same(&before, &after) {
        return Ok(());
    }
    document.write(&after).await?;
    if same(&document.read().await?, &after) {
        return Ok(());
    }
    Err(ReconcileError::new(
        RetryClass::Conflict,
        Reason::Conflict,
        format!("the policy of {} was changed by another writer at the same time. Retried automatically", document.what()),
    ))
}

fn same(a: &str, b: &str) -> bool {
    let canonical = |text: &str| statements_of(text).iter().map(canonical).collect::<Vec<_>>();
    canonical(a) == canonical(b)
}

fn parse(what: &str, policy: &str) -> Result<Value, ReconcileError> {
    if policy.is_empty() {
        return Ok(json!({"Version": "2012-10-17", "Statement": []}));
    }
    serde_json::from_str(policy).map_err(|error| {
        ReconcileError::new(
            RetryClass::Refused,
            Reason::Rejected,
            format!("the current policy of {what} is not JSON: {error}. No changes were made. Correct it in AWS."),
        )
    })
}

/// Keeps all other statements and the rest of the document. Without any statement the policy is removed (`""`;
/// docs/aws-facts.md, Q9).
fn merge(what: &str, policy: &str, instead_of: &[String], ours: &[Value]) -> Result<String, ReconcileError> {
    let mut document = parse(what, policy)?;
    let mut all = statements_of(policy);
    // A statement of the same `Sid` that another reconcile added meanwhile, such as the wide one of log groups, is replaced.
    let replaced = |sid: &str| instead_of.iter().any(|own| own == sid) || ours.iter().any(|statement| sid_of(statement) == Some(sid));
    all.retain(|other| !sid_of(other).is_some_and(replaced));
    all.extend(ours.iter().cloned());
    if all.is_empty() {
        return Ok(String::new());
    }
    if let Some(object) = document.as_object_mut() {
        object.insert("Statement".into(), Value::Array(all));
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_peoples_statements_survive_and_ours_leave() -> Result<(), ReconcileError> {
        let foreign = r#"{"Version":"2008-10-17","Id":"x","Statement":{"Sid":"theirs","Effect":"Allow","Principal":"*"}}"#;
        let (own, ours) = (["ours".to_owned()], [json!({"Sid": "ours", "Effect": "Allow"})]);
        let with = merge("q", foreign, &own, &ours)?;
        assert_eq!(statements_of(&with).len(), 2);
        assert!(with.contains("2008-10-17") && with.contains("theirs"));
        let without = merge("q", &with, &own, &[])?;
        assert_eq!(statements_of(&without), statements_of(foreign));
        assert_eq!(statements_of(&merge("q", &with, &[], &ours)?).len(), 2, "the same `Sid` stands there once");
        assert_eq!(merge("q", &merge("q", "", &own, &ours)?, &own, &[])?, "");
        assert!(merge("q", "no JSON", &own, &ours).is_err());
        Ok(())
    }
}
