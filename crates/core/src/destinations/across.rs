//! Resources of other accounts, to which EventBridge delivers with a role of the rule's account
//! (EventBridge user guide, "Sending events to an AWS service in another account"; docs/aws-facts.md,
//! PM50). Nothing of the resource is read or written: its owner adds a statement to its policy.

use serde_json::{Value, json};

use tributary_api::{EventSink, Identity, Permissions};

use crate::{
    destinations::{
        Desired,
        by_role::{self, DesiredByRole},
        contract::Destination,
        shared::context::ResolveContext,
    },
    error::{Reason, ReconcileError},
    names::{Arn, is_foreign},
    steps::TargetSettings,
};

/// Returns the identity of a sink's resource. One of another account has to be of a type that
/// EventBridge delivers to across accounts, in the Region of the sink.
///
/// # Errors
/// See [`Destination::identity`]; the resource is in another partition or Region.
pub(super) fn identity<D: Destination>(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
    let Some(existing) = D::existing(context)? else { return D::identity(context) };
    let (field, arn) = (&existing.0, existing.1);
    let Some(parsed) = Arn::parse(arn).filter(|parsed| D::is_delivered_across_accounts(parsed)) else { return D::identity(context) };
    if parsed.account_id == context.account.spec.account_id {
        return D::identity(context);
    }
    let identity = context.foreign_identity(&existing)?;
    if (parsed.partition, parsed.region) == (identity.partition.as_str(), identity.region.as_str()) {
        return Ok(identity);
    }
    Err(ReconcileError::invalid(
        Reason::InvalidSpec,
        format!(
            "{field}: {arn} is not in partition {} and Region {}, which spec.accountRef and spec.region select. EventBridge delivers to another \
             account only in the Region of the rule. Correct the ARN or the fields.",
            identity.partition, identity.region
        ),
    ))
}

/// Returns the desired state of a sink. If its resource belongs to another account, that is a role.
///
/// # Errors
/// See [`Destination::desired`]; the spec has what the operator cannot set up in another account.
pub(super) fn desired<D: Destination>(context: &ResolveContext<'_>, identity: &Identity) -> Result<Desired, ReconcileError>
where
    Desired: From<D::Desired>,
{
    if !is_foreign(identity) {
        return D::desired(context, identity).map(Into::into);
    }
    check(context.sink, identity)?;
    let desired = by_role::desired::<D>(context, identity)?;
    let role = context.sink.spec.role_arn.as_ref().or(desired.role.as_ref().map(|role| &role.arn));
    let statements_there = role.and_then(|role| statement::<D>(&desired.grants.sid, identity, role)).into_iter().collect();
    Ok(DesiredByRole { statements_there, ..desired }.into())
}

fn check(sink: &EventSink, identity: &Identity) -> Result<(), ReconcileError> {
    let (spec, arn) = (&sink.spec, &identity.arn);
    let problem = if spec.sqs.as_ref().is_some_and(|sqs| !sqs.triggers.is_empty()) {
        format!("spec.sqs.triggers: {arn} belongs to another account, where the operator makes no changes. Remove triggers.")
    } else if sink.on_failure_ref().is_some() {
        format!("spec.lambda.onFailure: {arn} belongs to another account, where the operator makes no changes. Remove onFailure.")
    } else if spec.permissions == Permissions::External && spec.role_arn.is_none() {
        format!("spec.roleArn: required, because {arn} belongs to another account and spec.permissions is External. Set roleArn.")
    } else {
        return Ok(());
    };
    Err(ReconcileError::invalid(Reason::InvalidSpec, problem))
}

/// Returns the statement that allows the role. A principal of a policy has to exist: the condition
/// names the role, so that the statement can be added before the role exists. The policy of a
/// function supports no such condition (Lambda API reference, `AddPermission`).
fn statement<D: Destination>(sid: &str, identity: &Identity, role: &str) -> Option<Value> {
    let arn = Arn::parse(&identity.arn)?;
    let target = TargetSettings { arn: identity.arn.clone(), ..TargetSettings::default() };
    let action = D::calls(&target).first().map(|(action, _)| *action)?;
    if arn.service == "lambda" {
        return Some(json!({"Sid": sid, "Effect": "Allow", "Principal": {"AWS": role}, "Action": action, "Resource": identity.arn}));
    }
    Some(json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": format!("arn:{}:iam::{}:root", identity.partition, identity.account_id)},
        "Action": action,
        "Resource": identity.arn,
        "Condition": {"ArnEquals": {"aws:PrincipalArn": role}},
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destinations::{arn, event_bus, kinesis, lambda, sns, sqs};

    const ROLE: &str = "arn:aws:iam::111122223333:role/r";

    fn at(arn: &str) -> Identity {
        let texts = ["111122223333", "aws", "eu-west-1"].map(str::to_owned);
        let [account_id, partition, region] = texts;
        Identity { account_id, partition, region, arn: arn.into(), ..Identity::default() }
    }

    #[test]
    fn the_types_are_those_of_the_user_guide() {
        let across = |resource: &str| {
            let arn = format!("arn:aws:{resource}");
            let parsed = Arn::parse(&arn).map(|parsed| {
                sqs::Sqs::is_delivered_across_accounts(&parsed) && parsed.service == "sqs"
                    || sns::Sns::is_delivered_across_accounts(&parsed) && parsed.service == "sns"
                    || lambda::Lambda::is_delivered_across_accounts(&parsed) && parsed.service == "lambda"
                    || kinesis::Kinesis::is_delivered_across_accounts(&parsed) && parsed.service == "kinesis"
                    || arn::Arn::is_delivered_across_accounts(&parsed)
            });
            parsed.unwrap_or_default()
        };
        for yes in ["sqs", "sns", "lambda", "kinesis", "execute-api"] {
            assert!(across(&format!("{yes}:eu-west-1:999988887777:x")), "{yes}");
        }
        for no in ["firehose", "states", "logs", "ecs", "batch", "codebuild"] {
            assert!(!across(&format!("{no}:eu-west-1:999988887777:x")), "{no}");
        }
    }

    #[test]
    fn the_statement_there_allows_the_role_and_nobody_else() {
        let queue = at("arn:aws:sqs:eu-west-1:999988887777:q");
        let statement = |statement: Option<Value>| statement.unwrap_or_default();
        let of_queue = statement(super::statement::<sqs::Sqs>("s", &queue, ROLE));
        assert_eq!(of_queue["Condition"]["ArnEquals"]["aws:PrincipalArn"], ROLE);
        assert_eq!((&of_queue["Action"], &of_queue["Resource"]), (&json!("sqs:SendMessage"), &json!(queue.arn)));
        assert_eq!(of_queue["Principal"]["AWS"], "arn:aws:iam::111122223333:root");
        let function = at("arn:aws:lambda:eu-west-1:999988887777:function:f");
        let of_function = statement(super::statement::<lambda::Lambda>("s", &function, ROLE));
        assert_eq!((&of_function["Principal"]["AWS"], of_function.get("Condition")), (&json!(ROLE), None));
        let bus = at("arn:aws:events:eu-west-1:999988887777:event-bus/b");
        assert_eq!(statement(super::statement::<event_bus::EventBus>("s", &bus, ROLE))["Action"], "events:PutEvents");
        let api = at("arn:aws:execute-api:eu-west-1:999988887777:a/prod/POST/x");
        assert_eq!(statement(super::statement::<arn::Arn>("s", &api, ROLE))["Action"], "execute-api:Invoke");
    }
}
