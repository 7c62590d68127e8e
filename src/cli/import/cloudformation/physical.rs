//! Names and ARNs of the resources of a stack: from the template where it names them, otherwise from flags.

use tributary_core::names::{Arn, DEFAULT_BUS, Scope, bus_name};

use super::{
    functions::Resolver,
    template::{Resource, Unresolved, plain},
};
use crate::cli::{
    import::destinations::{self, Reference, ResourceType},
    manifests::yaml::Place,
};

/// Properties with the name, of types that are no destination. Their `Ref` is the name.
const OTHERS: [(&str, &str); 6] = [
    ("AWS::Events::Rule", "Name"),
    ("AWS::IAM::Role", "RoleName"),
    ("AWS::S3::Bucket", "BucketName"),
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::Serverless::SimpleTable", "TableName"),
    ("AWS::KMS::Key", "KeyId"),
];

/// Returns the resource type of a type of a template, also of one of SAM.
fn resource_type(type_: &str) -> Option<&'static ResourceType> {
    let mut all = destinations::TYPES.iter().filter_map(|all| all.resource.as_ref());
    let of_sam = |resource: &&ResourceType| resource.sam.as_ref().is_some_and(|sam| sam.type_ == type_);
    destinations::resource_type(type_).or_else(|| all.find(of_sam))
}

/// Returns the type in CloudFormation of a type of a template.
pub(super) fn type_of(type_: &str) -> &str {
    resource_type(type_).map_or(type_, |resource| resource.type_)
}

fn name_property(type_: &str) -> Option<&'static str> {
    let other = || OTHERS.iter().find(|(other, _)| *other == type_).map(|(_, property)| *property);
    let name = |resource: &'static ResourceType| match &resource.sam {
        Some(sam) if sam.type_ == type_ => sam.name,
        _ => resource.name,
    };
    resource_type(type_).map(name).or_else(other)
}

/// Returns the name in a physical ID, which is a name, an ARN, a URL, or the bus and the name of a rule.
fn name_in(physical: &str) -> &str {
    let is_path = physical.starts_with("arn:") || physical.starts_with("https:");
    let last = if is_path { physical.rsplit(['/', ':']).next() } else { physical.rsplit('|').next() };
    last.unwrap_or(physical)
}

impl Resolver<'_> {
    fn known(&self, id: &str, place: Place) -> Result<&Resource, Unresolved> {
        let missing = || Unresolved::new(place, format!("{id} is neither a parameter nor a resource of the template. Correct it."));
        self.template.resource(id).ok_or_else(missing)
    }

    /// Returns the name of a resource in AWS.
    pub(super) fn name(&self, id: &str, place: Place) -> Result<String, Unresolved> {
        let resource = self.known(id, place)?;
        if let Some(physical) = self.stack.physical.get(id) {
            return Ok(name_in(physical).to_owned());
        }
        let node = name_property(&resource.type_).and_then(|property| resource.properties.as_ref()?.get(property));
        let name = node.map(|node| self.resolve(node)).transpose()?.flatten();
        name.as_ref().and_then(plain).ok_or_else(|| {
            Unresolved::new(place, format!("CloudFormation generated the name of {id}. Set --physical-id {id}=NAME, or --stack-resources."))
        })
    }

    fn scope(&self, place: Place) -> Result<Scope<'_>, Unresolved> {
        let missing = |name: &str, flag: &str| Unresolved::new(place, format!("AWS::{name} is not known. Set {flag}."));
        Ok(Scope {
            partition: self.stack.partition(),
            region: self.stack.region.as_deref().ok_or_else(|| missing("Region", "--region"))?,
            account_id: self.stack.account_id.as_deref().ok_or_else(|| missing("AccountId", "--account-id"))?,
        })
    }

    /// Returns the ARN of a resource.
    pub(super) fn arn(&self, id: &str, place: Place) -> Result<String, Unresolved> {
        let resource = self.known(id, place)?;
        if let Some(arn) = self.stack.physical.get(&format!("{id}.Arn")) {
            return Ok(arn.clone());
        }
        if let Some(arn) = self.stack.physical.get(id).filter(|physical| Arn::parse(physical).is_some()) {
            return Ok(arn.clone());
        }
        let type_ = type_of(&resource.type_);
        let unknown = || {
            let text = format!("the ARN of {id} ({}) is not known. Set --physical-id {id}.Arn=ARN.", resource.type_);
            Unresolved::new(place, text)
        };
        let name = self.name(id, place)?;
        let property = |property: &str| -> Result<Option<String>, Unresolved> {
            let node = resource.properties.as_ref().and_then(|properties| properties.get(property));
            Ok(node.map(|node| self.resolve(node)).transpose()?.flatten().as_ref().and_then(plain))
        };
        match type_ {
            "AWS::S3::Bucket" => Ok(format!("arn:{}:s3:::{name}", self.stack.partition())),
            "AWS::IAM::Role" => Ok(self.scope(place)?.role(property("Path")?.as_deref().unwrap_or("/"), &name)),
            "AWS::KMS::Key" => Ok(self.scope(place)?.arn("kms", &format!("key/{name}"))),
            "AWS::DynamoDB::Table" | "AWS::Serverless::SimpleTable" => Ok(self.scope(place)?.arn("dynamodb", &format!("table/{name}"))),
            "AWS::Events::Rule" => {
                let bus = property("EventBusName")?.unwrap_or_else(|| DEFAULT_BUS.into());
                Ok(self.scope(place)?.rule(bus_name(&bus), &name))
            }
            _ => {
                let resource = resource_type(type_).ok_or_else(unknown)?;
                (resource.arn)(self.scope(place)?, &name).ok_or_else(unknown)
            }
        }
    }

    /// Returns the value of `Ref` of a resource.
    pub(super) fn physical_reference(&self, id: &str, place: Place) -> Result<String, Unresolved> {
        let resource = self.known(id, place)?;
        match resource_type(&resource.type_).map(|resource| resource.reference) {
            Some(Reference::Arn) => self.arn(id, place),
            Some(Reference::Url(url)) => Ok(url(self.scope(place)?, &self.name(id, place)?)),
            Some(Reference::Name) => self.name(id, place),
            None if name_property(&resource.type_).is_some() => self.name(id, place),
            None => self.stack.physical.get(id).cloned().ok_or_else(|| {
                let text =
                    format!("the physical ID of {id} ({}) is not known. Set --physical-id {id}=ID, or --stack-resources.", resource.type_);
                Unresolved::new(place, text)
            }),
        }
    }

    /// Returns the value of `Fn::GetAtt`.
    pub(super) fn physical_attribute(&self, id: &str, attribute: &str, place: Place) -> Result<String, Unresolved> {
        if let Some(value) = self.stack.physical.get(&format!("{id}.{attribute}")) {
            return Ok(value.clone());
        }
        let resource = self.known(id, place)?;
        let is_known = name_property(&resource.type_).is_some();
        match attribute {
            "Arn" | "TopicArn" => self.arn(id, place),
            "Name" | "QueueName" | "TopicName" if is_known => self.name(id, place),
            "QueueUrl" => self.physical_reference(id, place),
            _ => Err(Unresolved::new(
                place,
                format!("the attribute {attribute} of {id} is not known. Set --physical-id {id}.{attribute}=VALUE."),
            )),
        }
    }
}
