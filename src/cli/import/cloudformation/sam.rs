//! Events of functions and state machines of SAM as the rules that SAM makes of them. See "EventSource" in the AWS SAM Developer Guide,
//! and "Generated CloudFormation resources for AWS SAM" for their logical IDs.

use serde_json::{Value, json};

use super::template::{Resource, Template};
use crate::cli::{
    import::destinations::{self, QUEUE, Sam},
    manifests::yaml::{Content, Node, Place},
};

/// Longest ID of a target.
const LONGEST_ID: usize = 64;

/// Properties of an event that its rule has under another name.
const OF_RULE: [(&str, &str); 7] = [
    ("Name", "Name"),
    ("RuleName", "Name"),
    ("EventBusName", "EventBusName"),
    ("Pattern", "EventPattern"),
    ("Schedule", "ScheduleExpression"),
    ("Description", "Description"),
    ("State", "State"),
];
/// Properties of an event that its target has.
const OF_TARGET: [&str; 3] = ["Input", "InputPath", "RetryPolicy"];

/// Returns the template with the rules of all events.
pub(super) fn expanded(mut template: Template) -> Template {
    let mut made = Vec::new();
    for resource in &template.resources {
        let mut kinds = destinations::TYPES.iter().filter_map(|all| all.resource.as_ref()?.sam.as_ref());
        let Some(kind) = kinds.find(|kind| kind.type_ == resource.type_) else { continue };
        let events = resource.properties.as_ref().and_then(|properties| properties.get("Events"));
        let Some(Content::Map(events)) = events.map(|events| &events.content) else { continue };
        for (name, place, event) in events {
            let type_ = event.text("Type").unwrap_or_default();
            if matches!(type_, "EventBridgeRule" | "CloudWatchEvent" | "Schedule") {
                let event = Event { resource, kind, id: format!("{}{name}", resource.id), place: *place };
                made.extend(event.resources(event_properties(events, name), alias(&template, resource, kind)));
            } else if type_ == "ScheduleV2" {
                let (id, condition) = (format!("{}{name}", resource.id), resource.condition.clone());
                made.push(Resource { id, type_: "AWS::Scheduler::Schedule".into(), place: *place, condition, properties: None });
            }
        }
    }
    template.resources.extend(made);
    template
}

fn event_properties<'a>(events: &'a [(String, Place, Node)], name: &str) -> Option<&'a Node> {
    events.iter().find(|(of, ..)| of == name)?.2.get("Properties")
}

/// Returns the alias that the events of a function invoke.
fn alias(template: &Template, resource: &Resource, kind: &Sam) -> Option<Node> {
    let own = resource.properties.as_ref().and_then(|properties| properties.get("AutoPublishAlias"));
    own.or_else(|| template.globals(kind.globals)?.get("AutoPublishAlias")).cloned()
}

struct Event<'a> {
    resource: &'a Resource,
    kind: &'a Sam,
    /// Logical ID of the rule.
    id: String,
    place: Place,
}

impl Event<'_> {
    /// Returns the rule, and the resources of its own that it refers to.
    fn resources(&self, properties: Option<&Node>, alias: Option<Node>) -> Vec<Resource> {
        let mut made = Vec::new();
        let empty = self.node(json!({}));
        let properties = properties.unwrap_or(&empty);
        let mut target = vec![self.entry("Id", self.target_id(properties)), self.entry("Arn", self.arn(alias))];
        if self.kind.has_role {
            let role = format!("{}Role", self.id);
            target.push(self.entry("RoleArn", self.node(json!({"Fn::GetAtt": [role, "Arn"]}))));
            made.push(self.made(role, "AWS::IAM::Role"));
        }
        target.extend(OF_TARGET.iter().filter_map(|name| Some(self.entry(name, properties.get(name)?.clone()))));
        if let Some(dead_letter) = properties.get("DeadLetterConfig") {
            let queue = dead_letter.text("QueueLogicalId").map_or_else(|| format!("{}Queue", self.id), str::to_owned);
            let arn = dead_letter.get("Arn").cloned();
            if arn.is_none() {
                made.push(self.made(queue.clone(), QUEUE));
            }
            let arn = arn.unwrap_or_else(|| self.node(json!({"Fn::GetAtt": [queue, "Arn"]})));
            target.push(
                self.entry("DeadLetterConfig", Node { content: Content::Map(vec![self.entry("Arn", arn)]), ..self.node(Value::Null) }),
            );
        }
        let target = Node { content: Content::Map(target), ..self.node(Value::Null) };
        let mut rule: Vec<_> = OF_RULE.iter().filter_map(|(from, to)| Some(self.entry(to, properties.get(from)?.clone()))).collect();
        match properties.get("Enabled").map(|node| &node.content) {
            Some(Content::Scalar(Value::Bool(enabled))) => {
                let state = if *enabled { "ENABLED" } else { "DISABLED" };
                rule.push(self.entry("State", self.node(state.into())));
            }
            // A function that is resolved to a boolean.
            Some(_) => rule.extend(properties.get("Enabled").map(|node| self.entry("Enabled", node.clone()))),
            None => {}
        }
        rule.push(self.entry("Targets", Node { content: Content::List(vec![target]), ..self.node(Value::Null) }));
        let rule = Node { content: Content::Map(rule), ..self.node(Value::Null) };
        made.push(Resource { properties: Some(rule), ..self.made(self.id.clone(), "AWS::Events::Rule") });
        made
    }

    fn target_id(&self, properties: &Node) -> Node {
        let id = format!("{}{}", self.id, self.kind.target);
        let given = properties.get("Target").and_then(|target| target.get("Id")).cloned();
        given.unwrap_or_else(|| {
            // SAM shortens a longer one with a hash.
            let id = if id.len() <= LONGEST_ID { Value::from(id) } else { json!({"Fn::GetAtt": [self.id, "TargetId"]}) };
            self.node(id)
        })
    }

    fn arn(&self, alias: Option<Node>) -> Node {
        let arn = self.node(json!({"Fn::GetAtt": [self.resource.id, "Arn"]}));
        match alias {
            None => arn,
            Some(alias) => {
                let parts = Node { content: Content::List(vec![arn, alias]), ..self.node(Value::Null) };
                let join = Node { content: Content::List(vec![self.node(":".into()), parts]), ..self.node(Value::Null) };
                Node { content: Content::Map(vec![self.entry("Fn::Join", join)]), ..self.node(Value::Null) }
            }
        }
    }

    fn made(&self, id: String, type_: &str) -> Resource {
        Resource { id, type_: type_.into(), place: self.place, condition: self.resource.condition.clone(), properties: None }
    }

    fn entry(&self, name: &str, node: Node) -> (String, Place, Node) {
        (name.to_owned(), self.place, node)
    }

    fn node(&self, value: Value) -> Node {
        Node::of(value, self.place)
    }
}
