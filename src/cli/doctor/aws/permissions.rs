//! The operator's identity in an account, and what IAM's simulator says about it.

use tributary_aws::Session;
use tributary_core::{error::ReconcileError, names::Arn};

use crate::cli::doctor::{
    aws::needs,
    aws_facts::AccountFacts,
    object::Object,
    snapshot::{NotRead, Snapshot},
};

/// What a simulation never includes (IAM API reference, `SimulatePrincipalPolicy`).
const NEVER: &str = "simulations do not include them. If AWS denies an action that is not reported as missing, one of them is the cause.";

/// Simulates what the objects of the account need. What cannot be simulated is entered as not read.
pub(super) async fn read(session: &Session, snapshot: &Snapshot, account: &Object, facts: &mut AccountFacts, unread: &mut Vec<NotRead>) {
    let groups = needs::groups(snapshot, account.name());
    if groups.is_empty() {
        return;
    }
    let what = format!("permissions of the operator in {}", account.reference());
    let identity = match identity(session, account).await {
        Ok(identity) => identity,
        Err(why) => return unread.push(NotRead { what, why }),
    };
    for group in groups {
        match session.simulate(&identity, &group.simulation).await {
            Ok(evaluations) => group.judge(&evaluations, &mut facts.missing, unread),
            Err(error) => return unread.push(NotRead { what, why: why(&error) }),
        }
    }
    let others = format!("session policies, resource control policies and VPC endpoint policies for {}", account.reference());
    unread.push(NotRead { what: others, why: NEVER.into() });
    facts.identity = Some(identity);
}

/// Describes why a read failed, with the next step.
pub(super) fn why(error: &ReconcileError) -> String {
    match error.denied_action {
        Some(action) => {
            format!("your credentials do not allow {action}. Add it to their policy: tributary iam-policy doctor doctor-queues.")
        }
        None => format!("{}.", error.message.trim_end_matches('.')),
    }
}

/// Returns the ARN of the user or role that the operator has in the account.
async fn identity(session: &Session, account: &Object) -> Result<String, String> {
    let caller = account.data.pointer("/status/callerArn").and_then(|arn| arn.as_str());
    let caller = caller.ok_or("the operator has not used the account yet. Check its conditions.")?;
    match identity_of(caller) {
        Identity::Arn(arn) => Ok(arn),
        Identity::Role(name) => {
            // The ARN of a session has no path.
            let assumed = account.data.pointer("/spec/credentials/assumeRole/roleArn").and_then(|arn| arn.as_str());
            if let Some(arn) = assumed.filter(|arn| arn.rsplit('/').next() == Some(name.as_str())) {
                return Ok(arn.to_owned());
            }
            let role = session.role(&name).await.map_err(|error| why(&error))?;
            role.map(|role| role.arn).ok_or_else(|| format!("role {name}, which the operator used last, does not exist."))
        }
        Identity::Root => Err("the operator uses the account's root user, which no policy limits. Give it a role.".into()),
        Identity::Unknown => Err(format!("{caller} is neither a user nor a role of IAM.")),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Identity {
    /// ARN of a user or role.
    Arn(String),
    /// Name of the role of a session.
    Role(String),
    Root,
    Unknown,
}

fn identity_of(caller: &str) -> Identity {
    let Some(arn) = Arn::parse(caller) else { return Identity::Unknown };
    match (arn.service, arn.resource.split_once('/')) {
        ("iam", Some(("user" | "role", _))) => Identity::Arn(caller.to_owned()),
        ("sts", Some(("assumed-role", rest))) => Identity::Role(rest.split('/').next().unwrap_or(rest).to_owned()),
        ("iam", None) if arn.resource == "root" => Identity::Root,
        _ => Identity::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_is_that_of_the_caller_arn() {
        let user = "arn:aws:iam::111122223333:user/ci/op";
        assert_eq!(identity_of(user), Identity::Arn(user.into()));
        assert_eq!(identity_of("arn:aws:sts::111122223333:assumed-role/op/tributary"), Identity::Role("op".into()));
        assert_eq!(identity_of("arn:aws:iam::111122223333:root"), Identity::Root);
        assert_eq!(identity_of("arn:aws:sts::111122223333:federated-user/ann"), Identity::Unknown);
        assert_eq!(identity_of("nobody"), Identity::Unknown);
    }
}
