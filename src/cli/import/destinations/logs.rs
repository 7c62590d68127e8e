//! Log groups of CloudWatch Logs.

use futures::FutureExt;
use serde_json::{Value, json};
use tributary_api::{EventSinkSpec, ExistingLogGroup, LogGroupClass, LogGroupSink, ManagedLogGroup};
use tributary_aws::{Session, TagRead};
use tributary_core::{
    error::ReconcileError,
    names::{Arn, Scope},
    steps::TargetSettings,
};

use super::{Managed, Reference, ResourceType, Type, only};
use crate::cli::import::values::{number, others, tags, text};

pub(super) const TYPE: Type = Type {
    existing,
    parameters: None,
    policies: &["AWS::Logs::ResourcePolicy", "aws_cloudwatch_log_resource_policy"],
    resource: Some(ResourceType {
        type_: "AWS::Logs::LogGroup",
        name: "LogGroupName",
        terraform: (
            "aws_cloudwatch_log_group",
            &[
                ("name", "LogGroupName"),
                ("retention_in_days", "RetentionInDays"),
                ("log_group_class", "LogGroupClass"),
                ("kms_key_id", "KmsKeyId"),
            ],
        ),
        reference: Reference::Name,
        arn: |scope: Scope<'_>, name: &str| Some(scope.arn("logs", &format!("log-group:{name}:*"))),
        sam: None,
        managed: Some(Managed {
            flag: "log-group",
            sink,
            unmanaged: |_, properties| others(properties, &["LogGroupName", "RetentionInDays", "LogGroupClass", "KmsKeyId", "Tags"]),
            read: |session, arn| read(session, arn).boxed(),
        }),
    }),
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "logs").then(|| {
        only(target, TargetSettings::default())?;
        let existing = Some(ExistingLogGroup { arn: Some(target.arn.clone()), arn_from: None });
        Ok(EventSinkSpec { log_group: Some(Box::new(LogGroupSink { managed: None, existing })), ..EventSinkSpec::default() })
    })
}

fn sink(name: &str, properties: &Value) -> Result<EventSinkSpec, String> {
    let class = match text(properties, "LogGroupClass").as_deref() {
        None | Some("STANDARD") => None,
        Some("INFREQUENT_ACCESS") => Some(LogGroupClass::InfrequentAccess),
        Some(class) => return Err(format!("spec.logGroup.managed.class has no value {class}")),
    };
    let group = ManagedLogGroup {
        name: Some(name.to_owned()),
        retention_days: number(properties, "RetentionInDays").filter(|days| *days != 0),
        class,
        kms_key_arn: text(properties, "KmsKeyId"),
        tags: tags(properties.get("Tags")),
    };
    Ok(EventSinkSpec { log_group: Some(Box::new(LogGroupSink { managed: Some(group), existing: None })), ..EventSinkSpec::default() })
}

async fn read(session: &Session, arn: &str) -> Result<Option<Value>, ReconcileError> {
    let arn = arn.trim_end_matches(":*");
    let name = Arn::parse(arn).map_or(arn, |arn| arn.resource).trim_start_matches("log-group:");
    let group = session.log_group(name, arn, TagRead::Skip).await?;
    Ok(group.map(|group| json!({"RetentionInDays": group.retention_days, "LogGroupClass": group.class, "KmsKeyId": group.kms_key_arn})))
}
