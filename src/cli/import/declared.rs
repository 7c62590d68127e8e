//! Resources as another tool declares them, in the words of CloudFormation, sorted into the model.

use std::collections::BTreeMap;

use serde_json::Value;
use tributary_api::OWNER_TAG;
use tributary_core::{
    names::{DEFAULT_BUS, PARTNER_BUS},
    steps::TargetSettings,
};

use super::{
    api, destinations,
    model::{Bus, Destination, Origin, Place, Resources, Rule},
    values::{others, tags, text},
};

/// Type of a target that is declared apart from its rule, with `Rule` and `EventBusName` among its properties.
pub(super) const TARGET: &str = "Target";

/// A resource as it is declared.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub(super) origin: Origin,
    /// Type in CloudFormation, or [`TARGET`].
    pub(super) type_: String,
    /// Name in AWS, or why it is not known.
    pub(super) name: Result<String, String>,
    /// ARN in AWS, if it is known.
    pub(super) arn: Option<String>,
    /// Properties, or why they are not known.
    pub(super) properties: Result<Value, String>,
}

/// What is not imported of these types, and why.
const REASONS: &[(&[&str], &str)] = &[
    (
        &["AWS::Events::EventBusPolicy", "aws_cloudwatch_event_bus_policy", "aws_cloudwatch_event_permission"],
        "the statement stays in the policy of the bus as it is, and the operator does not change it. Statements of an EventBus have IDs that the operator generates, so that an existing one cannot be adopted; add spec.grants or spec.policyStatements to create another one.",
    ),
    (
        &["AWS::Events::Archive", "aws_cloudwatch_event_archive"],
        "the archive stays as it is. Archives of an EventBus have names that the operator generates, so that an existing archive cannot be adopted; add spec.archives to create another one.",
    ),
    (
        &["AWS::Events::Connection", "aws_cloudwatch_event_connection"],
        "the connection and its secret stay in AWS as they are. A managed connection has a name that the operator generates, and AWS does not return secret values, so that an existing one cannot be adopted. Sinks reference the API destination that uses it.",
    ),
    (&["AWS::AppSync::GraphQLApi", "aws_appsync_graphql_api"], "the API stays as it is. Sinks reference it in spec.appSync."),
    (&["AWS::Events::Endpoint", "aws_cloudwatch_event_endpoint"], "no kind of Tributary has global endpoints."),
    (
        &[
            "AWS::IAM::Role",
            "AWS::IAM::Policy",
            "AWS::IAM::RolePolicy",
            "AWS::IAM::ManagedPolicy",
            "aws_iam_role",
            "aws_iam_policy",
            "aws_iam_role_policy",
            "aws_iam_role_policy_attachment",
            "aws_iam_policy_attachment",
        ],
        "the role stays as it is. Sinks reference roles of targets in spec.roleArn.",
    ),
];

/// Sorts the declared resources. References between them are resolved already.
pub(super) fn collect(all: Vec<Declared>, place: Place) -> Resources {
    let mut resources = Resources { place, ..Resources::default() };
    let api = |one: &Declared| destinations::endpoint(&one.type_, one.arn.as_deref()?, one.properties.as_ref().ok()?);
    let apis = all.iter().filter_map(api).collect();
    let (targets, all): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.type_ == TARGET);
    let mut targets = Targets::new(targets);
    for declared in all {
        let result = match declared.type_.as_str() {
            "AWS::Events::Rule" => rule(&declared, &mut targets, &apis).map(|rule| resources.rules.push(rule)),
            "AWS::Events::EventBus" => bus(&declared, &mut resources),
            type_ => match destinations::resource_type(type_) {
                Some(resource) => destination(&declared, resource, &mut resources),
                None => Err(reason(type_)),
            },
        };
        if let Err(reason) = result {
            resources.leave_out(&declared.origin, reason);
        }
    }
    for target in targets.0.iter().filter(|target| !target.is_taken) {
        resources
            .leave_out(&target.origin, target.wrong.clone().unwrap_or_else(|| "its rule is not in the input, or is not imported.".into()));
    }
    resources
}

/// What only permits a delivery.
const PERMISSION: &str =
    "the permission stays in AWS as it is. Sinks have permissions: External, so that the operator does not change policies.";

fn reason(type_: &str) -> String {
    if destinations::TYPES.iter().any(|all| all.policies.contains(&type_)) {
        return PERMISSION.into();
    }
    let known = REASONS.iter().find(|(types, _)| types.contains(&type_));
    known.map_or_else(|| "no kind of Tributary has resources of this type.".to_owned(), |(_, reason)| (*reason).to_owned())
}

/// Targets that are declared apart from their rules.
struct Targets(Vec<Target>);

struct Target {
    origin: Origin,
    /// Bus, and rule.
    of: (String, String),
    properties: Value,
    wrong: Option<String>,
    is_taken: bool,
}

impl Targets {
    fn new(declared: Vec<Declared>) -> Self {
        let target = |one: Declared| {
            let (mut properties, wrong) = match one.properties {
                Ok(properties) => (properties, None),
                Err(reason) => (Value::Null, Some(reason)),
            };
            let mut take = |name: &str| {
                properties.as_object_mut().and_then(|map| map.remove(name)).and_then(|value| value.as_str().map(str::to_owned))
            };
            let of = (
                take("EventBusName").filter(|bus| !bus.is_empty()).unwrap_or_else(|| DEFAULT_BUS.into()),
                take("Rule").unwrap_or_default(),
            );
            Target { origin: one.origin, of, properties, wrong, is_taken: false }
        };
        Self(declared.into_iter().map(target).collect())
    }

    /// Returns the targets of a rule.
    fn take(&mut self, bus: &str, rule: &str) -> Result<Vec<Value>, String> {
        let mut found = Vec::new();
        for target in self.0.iter_mut().filter(|target| target.of.0 == bus && target.of.1 == rule) {
            if let Some(wrong) = &target.wrong {
                return Err(format!("its target {} is not known: {wrong}", target.origin.resource));
            }
            target.is_taken = true;
            found.push(target.properties.clone());
        }
        Ok(found)
    }
}

fn rule(declared: &Declared, targets: &mut Targets, apis: &BTreeMap<String, String>) -> Result<Rule, String> {
    let (name, properties) = (declared.name.clone()?, declared.properties.clone()?);
    not_owned(&properties)?;
    let bus = text(&properties, "EventBusName").unwrap_or_else(|| DEFAULT_BUS.into());
    let settings = api::rule(&properties)?;
    let inner = match properties.get("Targets") {
        None | Some(Value::Null) => vec![],
        Some(Value::Array(targets)) => targets.clone(),
        Some(_) => return Err("Targets is not a list.".into()),
    };
    let all = inner.into_iter().chain(targets.take(&bus, &name)?);
    let targets = all.map(|properties| target(&properties, apis)).collect::<Result<_, _>>()?;
    Ok(Rule { origin: declared.origin.clone(), bus, name, settings, targets, tags: tags(properties.get("Tags")).unwrap_or_default() })
}

fn target(properties: &Value, apis: &BTreeMap<String, String>) -> Result<TargetSettings, String> {
    let mut target = api::target(properties)?;
    if let Some(api) = apis.get(&target.arn) {
        destinations::set_api(&mut target, api)?;
    }
    Ok(target)
}

fn not_owned(properties: &Value) -> Result<(), String> {
    let owner = tags(properties.get("Tags")).and_then(|tags| tags.get(OWNER_TAG).cloned());
    owner.map_or(Ok(()), |owner| Err(format!("it belongs to {owner} already.")))
}

fn bus(declared: &Declared, resources: &mut Resources) -> Result<(), String> {
    let (name, properties) = (declared.name.clone()?, declared.properties.clone()?);
    not_owned(&properties)?;
    let settings = api::bus(&properties)?;
    let source = text(&properties, "EventSourceName");
    if source.is_some_and(|source| source != name) || name.contains('/') && !name.starts_with(PARTNER_BUS) {
        return Err("a partner event bus has the name of its event source.".into());
    }
    if properties.get("Policy").is_some_and(|policy| !others(policy, &[]).is_empty()) {
        resources.note(&declared.origin, "its policy stays as it is, and no manifest has its statements.");
    }
    let tags = tags(properties.get("Tags")).unwrap_or_default();
    resources.buses.push(Bus { origin: declared.origin.clone(), name, settings, tags });
    Ok(())
}

fn destination(declared: &Declared, resource: &'static destinations::ResourceType, resources: &mut Resources) -> Result<(), String> {
    let name = declared.name.clone()?;
    let arn = declared.arn.clone().ok_or("its ARN is not known. Import it from the account: tributary import aws.")?;
    let origin = declared.origin.clone();
    let (type_, managed) = match &resource.managed {
        None => ("", Err("no sink manages destinations of this type".to_owned())),
        Some(managed) => {
            let properties = declared.properties.clone();
            if let Ok(properties) = &properties {
                let unmanaged = (managed.unmanaged)(&name, properties);
                if !unmanaged.is_empty() {
                    resources.note(&origin, format!("{} stays as it is, and the operator does not manage it.", unmanaged.join(", ")));
                }
            }
            (managed.flag, properties.and_then(|properties| (managed.sink)(&name, &properties)))
        }
    };
    resources.destinations.push(Destination { origin, type_, arn, managed });
    Ok(())
}
