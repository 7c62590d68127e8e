//! Resource policies: one writer per policy in the process, whoever contributes to it; merged by our own `Sid`s; read back where AWS has
//! no revision to guard a write with (SQS, account policies of Logs).

use std::{collections::HashMap, future::Future, sync::Arc};

use serde_json::{Value, json};
use tokio::sync::Mutex;

use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    policy_document::{canonical, sid_of, statements_of},
};

/// The writers of an account and region, by policy.
#[derive(Debug, Default)]
pub struct Policies(Mutex<HashMap<String, Arc<Mutex<()>>>>);

impl Policies {
    /// Waits until nobody else in the process writes this policy, then does the work.
    pub async fn write<T>(&self, policy: &str, work: impl Future<Output = Result<T, ReconcileError>>) -> Result<T, ReconcileError> {
        let lock = self.0.lock().await.entry(policy.to_owned()).or_default().clone();
        let _one_writer = lock.lock().await;
        work.await
    }
}

/// A policy document that is written as a whole.
pub trait Document: Sync {
    /// For messages, such as `queue orders`.
    fn what(&self) -> String;
    fn read(&self) -> impl Future<Output = Result<String, ReconcileError>> + Send;
    /// Empty: no policy.
    fn write(&self, document: &str) -> impl Future<Output = Result<(), ReconcileError>> + Send;
}

/// Reads the document, puts our statements in place of those with these `Sid`s, writes it, and reads it back: another writer may have come in
/// between.
pub async fn change(document: &impl Document, instead_of: &[String], ours: &[Value]) -> Result<(), ReconcileError> {
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
        format!("the policy of {} was written by somebody else in between; it is merged again", document.what()),
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
            format!("the present policy of {what} is no JSON ({error}); it is left as it is. Correct it in AWS"),
        )
    })
}

/// Other people's statements and the rest of the document stay as they are; without any statement the policy goes (`""`;
/// docs/aws-facts.md, Q9).
fn merge(what: &str, policy: &str, instead_of: &[String], ours: &[Value]) -> Result<String, ReconcileError> {
    let mut document = parse(what, policy)?;
    let mut all = statements_of(policy);
    // What another pass put there meanwhile under the same `Sid`, such as the wide statement of log groups, is put once.
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
