//! The `runCommand` sink: an SSM document that Run Command runs on instances for each event.

use serde_json::{Value, json};

use tributary_api::{EventSink, Identity, RunCommandSink};

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::{Call, Destination},
        shared::context::{ResolveContext, in_scope},
    },
    error::{Reason, ReconcileError},
    names::{Arn, Scope},
    steps::{CommandSettings, TargetSettings},
};

/// The `runCommand` type.
pub(crate) struct RunCommand;

/// Key of a target that lists instances (EventBridge API reference, `RunCommandTarget`).
const INSTANCES: &str = "InstanceIds";
/// Prefix of the key of a target that names a tag.
const TAG: &str = "tag:";

impl Destination for RunCommand {
    type Desired = DesiredByRole;

    const NAME: &'static str = "runCommand";
    const RESOURCE_TYPE: &'static str = "AWS::SSM::Document";
    const ACTIONS: &'static [&'static str] = &["ssm:SendCommand"];

    /// A document of AWS has no account in its ARN.
    fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
        let Some(existing) = Self::existing(context)? else {
            // Rejected by admission.
            return Err(ReconcileError::invalid(Reason::InvalidSpec, "spec.runCommand.existing: required"));
        };
        let identity = context.foreign_identity(&existing)?;
        let of_aws = Arn::parse(existing.1).is_some_and(|arn| {
            arn.account_id.is_empty() && (arn.partition, arn.region) == (identity.partition.as_str(), identity.region.as_str())
        });
        if !of_aws {
            in_scope(&existing.0, existing.1, &identity)?;
        }
        Ok(identity)
    }

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredByRole, ReconcileError> {
        let mut desired = by_role::desired::<Self>(context, identity)?;
        if let Some(command) = &context.sink.spec.run_command {
            let instances = instances(&settings(command), Scope::of(identity));
            for (index, instance) in instances.iter().enumerate() {
                let field =
                    if command.tag.is_some() { "spec.runCommand.tag".to_owned() } else { format!("spec.runCommand.instanceIds[{index}]") };
                context.permit_arn(&field, instance)?;
            }
            if let Some(role) = &mut desired.role {
                role.rights = statements(command, &identity.arn, &instances);
            }
        }
        Ok(desired)
    }

    fn set_parameters(_: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
        target.command = sink.spec.run_command.as_deref().map(settings);
        target.command.iter_mut().for_each(|command| command.account_id = account_of(sink));
        Ok(())
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "ssm" && arn.resource.starts_with("document/")
    }

    fn calls(target: &TargetSettings) -> Vec<Call> {
        let Some(arn) = Arn::parse(&target.arn) else { return vec![] };
        let instances = target.command.iter().flat_map(|command| {
            instances(command, Scope { partition: arn.partition, region: arn.region, account_id: &command.account_id })
        });
        std::iter::once(target.arn.clone()).chain(instances).map(|resource| ("ssm:SendCommand", vec![resource])).collect()
    }

    /// The tag of the instances, by the names that IAM has for it (Service Authorization Reference,
    /// "Actions, resources, and condition keys for AWS Systems Manager").
    fn contexts(target: &TargetSettings) -> Vec<Vec<(String, String)>> {
        let tag = target.command.as_ref().and_then(|command| Some((command.key.strip_prefix(TAG)?.to_lowercase(), &command.values)));
        let Some((key, values)) = tag else { return vec![vec![]] };
        let names = ["ssm:resourcetag", "aws:resourcetag", "ec2:resourcetag"].map(|name| format!("{name}/{key}"));
        values.iter().map(|value| names.iter().map(|name| (name.clone(), value.clone())).collect()).collect()
    }
}

fn account_of(sink: &EventSink) -> String {
    let identity = sink.status.as_ref().and_then(|status| status.common.identity.as_ref());
    identity.map(|identity| identity.account_id.clone()).unwrap_or_default()
}

fn settings(command: &RunCommandSink) -> CommandSettings {
    let (key, values) = match (&command.tag, &command.instance_ids) {
        (Some(tag), _) => (format!("{TAG}{}", tag.key), tag.values.clone()),
        (None, ids) => (INSTANCES.to_owned(), ids.clone().unwrap_or_default()),
    };
    CommandSettings { key, values, account_id: String::new() }
}

/// Returns the ARNs of the instances; of those with a tag, one ARN that ends in `*`.
fn instances(command: &CommandSettings, scope: Scope<'_>) -> Vec<String> {
    let Scope { partition, region, account_id } = scope;
    let arn = |service: &str, rest: String| format!("arn:{partition}:{service}:{region}:{account_id}:{rest}");
    if command.key != INSTANCES {
        return vec![arn("ec2", "instance/*".to_owned())];
    }
    let of = |id: &String| {
        if id.starts_with("mi-") { arn("ssm", format!("managed-instance/{id}")) } else { arn("ec2", format!("instance/{id}")) }
    };
    command.values.iter().map(of).collect()
}

/// Returns the statements of the role (EventBridge user guide, "IAM roles for sending events to
/// targets", and Systems Manager user guide, "Restricting Run Command access based on tags").
fn statements(command: &RunCommandSink, document: &str, instances: &[String]) -> Vec<Value> {
    let mut on_instances = json!({"Effect": "Allow", "Action": RunCommand::ACTIONS, "Resource": instances});
    if let Some(tag) = &command.tag {
        on_instances["Condition"] = json!({"StringEquals": {format!("ssm:resourceTag/{}", tag.key): tag.values}});
    }
    vec![json!({"Effect": "Allow", "Action": RunCommand::ACTIONS, "Resource": document}), on_instances]
}

#[cfg(test)]
mod tests {
    use tributary_api::InstanceTag;

    use super::*;

    const SCOPE: Scope<'_> = Scope { partition: "aws", region: "eu-west-1", account_id: "111122223333" };
    const DOCUMENT: &str = "arn:aws:ssm:eu-west-1::document/AWS-RunShellScript";

    fn resources(command: &RunCommandSink) -> Vec<Value> {
        statements(command, DOCUMENT, &instances(&settings(command), SCOPE))
    }

    #[test]
    fn the_role_reaches_these_instances_only() {
        let ids = ["i-0123456789abcdef0", "mi-0123456789abcdef0"].map(String::from).to_vec();
        let command = RunCommandSink { instance_ids: Some(ids), ..RunCommandSink::default() };
        let arns = [
            "arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0",
            "arn:aws:ssm:eu-west-1:111122223333:managed-instance/mi-0123456789abcdef0",
        ];
        let allow = |resource: Value| json!({"Effect": "Allow", "Action": ["ssm:SendCommand"], "Resource": resource});
        assert_eq!(resources(&command), [allow(json!(DOCUMENT)), allow(json!(arns))]);
    }

    #[test]
    fn instances_with_a_tag_are_all_instances_with_a_condition() {
        let tag = InstanceTag { key: "role".into(), values: vec!["web".into(), "worker".into()] };
        let statement = &resources(&RunCommandSink { tag: Some(tag), ..RunCommandSink::default() })[1];
        assert_eq!(statement["Resource"], json!(["arn:aws:ec2:eu-west-1:111122223333:instance/*"]));
        assert_eq!(statement["Condition"], json!({"StringEquals": {"ssm:resourceTag/role": ["web", "worker"]}}));
    }
}
