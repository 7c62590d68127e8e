//! Flags of `tributary import cloudformation`: what a template does not say of its stack.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::Value;
use tributary_core::names::Arn;

use crate::cli::Error;

/// The template, and what it does not say of its stack.
#[derive(Args, Clone, Debug)]
pub(in crate::cli::import) struct StackFlags {
    /// Template of CloudFormation or SAM, as YAML or JSON.
    pub(super) template: PathBuf,
    /// Value of a parameter. Defaults to that of the template. Can be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = crate::cli::import::pair)]
    parameter: Vec<(String, String)>,
    /// Name or ARN of a resource whose name CloudFormation generated, by its logical ID; or the value of an attribute, as
    /// `ID.ATTRIBUTE=VALUE`. Can be repeated.
    #[arg(long, value_name = "ID=NAME", value_parser = crate::cli::import::pair)]
    physical_id: Vec<(String, String)>,
    /// Output of `aws cloudformation describe-stack-resources --stack-name NAME`: names, account, Region and name of the stack.
    #[arg(long, value_name = "FILE")]
    stack_resources: Option<PathBuf>,
    /// Name of the stack, for `AWS::StackName`.
    #[arg(long)]
    stack_name: Option<String>,
    /// AWS Region, for `AWS::Region`.
    #[arg(long, env = "AWS_REGION")]
    region: Option<String>,
    /// AWS account ID, for `AWS::AccountId`.
    #[arg(long, value_name = "ID")]
    account_id: Option<String>,
}

/// What is known of the stack.
#[derive(Clone, Debug, Default)]
pub(super) struct Stack {
    pub(super) parameters: BTreeMap<String, String>,
    /// Physical IDs by logical ID, and attributes by `ID.ATTRIBUTE`.
    pub(super) physical: BTreeMap<String, String>,
    pub(super) name: Option<String>,
    pub(super) region: Option<String>,
    pub(super) account_id: Option<String>,
}

impl Stack {
    pub(super) fn partition(&self) -> &'static str {
        match self.region.as_deref() {
            Some(region) if region.starts_with("cn-") => "aws-cn",
            Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }
}

impl StackFlags {
    pub(super) fn stack(&self) -> Result<Stack, Error> {
        let mut stack = self.stack_resources.as_deref().map(described).transpose()?.unwrap_or_default();
        stack.parameters = self.parameter.iter().cloned().collect();
        stack.physical.extend(self.physical_id.iter().cloned());
        // A flag takes precedence over the file.
        stack.name = self.stack_name.clone().or(stack.name);
        stack.account_id = self.account_id.clone().or(stack.account_id);
        stack.region = stack.region.or_else(|| self.region.clone());
        Ok(stack)
    }
}

/// Reads the answer of `DescribeStackResources` or `ListStackResources`.
fn described(path: &Path) -> Result<Stack, Error> {
    let file = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))?;
    let answer: Value =
        serde_json::from_str(&text).map_err(|error| format!("{file}:{}:{}: not JSON: {error}", error.line(), error.column()))?;
    let list = answer.get("StackResources").or_else(|| answer.get("StackResourceSummaries")).and_then(Value::as_array);
    let list = list.ok_or_else(|| format!("{file}: has no StackResources. Save the output of `aws cloudformation describe-stack-resources --stack-name NAME --output json`."))?;
    let mut stack = Stack::default();
    for resource in list {
        let of = |name: &str| resource.get(name).and_then(Value::as_str).map(str::to_owned);
        if let (Some(id), Some(physical)) = (of("LogicalResourceId"), of("PhysicalResourceId")) {
            stack.physical.insert(id, physical);
        }
        stack.name = of("StackName").or(stack.name);
        let id = of("StackId").unwrap_or_default();
        if let Some(arn) = Arn::parse(&id) {
            (stack.region, stack.account_id) = (Some(arn.region.to_owned()), Some(arn.account_id.to_owned()));
        }
    }
    Ok(stack)
}
