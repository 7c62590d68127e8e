//! What happens to an event: which rules match it, what each target gets, and which rules get a type of event. Evaluated by the code that
//! evaluates `spec.tests`.

use std::collections::{BTreeSet, HashMap};

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};
use tributary_core::{
    event_types::{EventType, Selection},
    names::{self, PARTNER_BUS},
    rule_tests::{self, Subject},
    samples,
    steps::TargetSettings,
};
use tributary_pattern::transform::Context;

use crate::cli::{
    graph::{EdgeKind, Graph, Node, RuleDetails, TargetDetails},
    ui::reply::Problem,
};

/// Maximum number of rules of which the reason of a mismatch is returned.
const MAX_MISSES: usize = 1_000;

/// A rule, and its bus.
struct Rule<'a> {
    node: &'a Node,
    details: &'a RuleDetails,
    bus: Option<&'a Node>,
}

fn rules(graph: &Graph) -> impl Iterator<Item = Rule<'_>> {
    let of_rule = graph.edges.iter().filter(|edge| edge.kind == EdgeKind::Rule);
    let buses: HashMap<&str, &Node> = of_rule.filter_map(|edge| Some((edge.to.as_str(), graph.node(&edge.from)?))).collect();
    graph.nodes.iter().filter_map(move |node| {
        let details = node.rule.as_deref()?;
        Some(Rule { node, details, bus: buses.get(node.id.as_str()).copied() })
    })
}

impl Rule<'_> {
    /// Name of the bus in AWS, where it is known.
    fn bus_name(&self) -> &str {
        let name = self.bus.and_then(|bus| bus.aws.as_ref()).map(|aws| aws.name.as_str());
        names::bus_name(name.unwrap_or_default())
    }

    /// The source of all events on the bus, if they have the same.
    fn source(&self) -> Option<String> {
        Some(self.bus_name()).filter(|name| name.starts_with(PARTNER_BUS)).map(str::to_owned)
    }

    fn subject(&self) -> Subject {
        let name = self.node.aws.as_ref().map(|aws| aws.name.clone()).filter(|name| !name.is_empty());
        Subject {
            bus: self.bus_name().to_owned(),
            rule: name.unwrap_or_else(|| self.node.name.clone()),
            source: self.source(),
            pattern: self.details.pattern.clone(),
            is_scheduled: self.details.schedule.is_some(),
            targets: self.details.targets.iter().map(settings).collect(),
        }
    }
}

fn settings(target: &TargetDetails) -> TargetSettings {
    TargetSettings {
        id: target.name.clone(),
        input: target.input.clone().map(Value::Object),
        input_path: target.input_path.clone(),
        transformer: target.input_transformer.as_ref().map(|t| (t.input_paths_map.clone(), t.input_template.clone())),
        ..TargetSettings::default()
    }
}

/// Returns the rules that match the event, with the input of each target, and why the others do not.
///
/// # Errors
/// The text is not one event.
pub(super) fn matches(graph: &Graph, text: &[u8], bus: Option<&str>) -> Result<Value, Problem> {
    let event = parse(text)?;
    if bus.is_some_and(|bus| graph.node(bus).is_none()) {
        return Err(Problem::bad_request("the event bus no longer exists. Choose another one."));
    }
    let now = now();
    let (mut matched, mut missed, mut invalid, mut count) = (vec![], vec![], vec![], 0_usize);
    let mut completed: HashMap<Option<String>, (Value, String)> = HashMap::new();
    for rule in rules(graph).filter(|rule| bus.is_none_or(|bus| rule.bus.is_some_and(|of| of.id == bus))) {
        let subject = rule.subject();
        let (event, text) = completed.entry(subject.source.clone()).or_insert_with(|| {
            let event = rule_tests::complete(event.clone(), &Subject { source: subject.source.clone(), ..Subject::default() });
            let text = event.to_string();
            (event, text)
        });
        count += 1;
        if rule.details.pattern.is_none() && rule.details.schedule.is_none() {
            invalid.push(json!({"id": rule.node.id, "message": "the pattern is not known before the operator has processed the rule"}));
            continue;
        }
        match rule_tests::difference(&subject, event, text) {
            Ok(None) => {
                matched.push(json!({"id": rule.node.id, "state": rule.details.state, "targets": inputs(&rule, &subject, text, &now)}));
            }
            Ok(Some(why)) if missed.len() < MAX_MISSES => missed.push(json!({"id": rule.node.id, "why": why.to_string()})),
            Ok(Some(_)) => {}
            Err(message) => invalid.push(json!({"id": rule.node.id, "message": message})),
        }
    }
    let given: BTreeSet<_> = event.keys().cloned().collect();
    let added = completed.values().next().and_then(|(event, _)| event.as_object());
    let added: Vec<_> = added.into_iter().flat_map(|event| event.keys()).filter(|field| !given.contains(*field)).collect();
    Ok(json!({"evaluated": count, "added": added, "matched": matched, "missed": missed, "invalid": invalid}))
}

fn parse(text: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(event)) => Ok(event),
        Ok(_) => Err(Problem::bad_request("the event is not a JSON object. Paste one event with source, detail-type and detail.")),
        Err(error) => Err(Problem::bad_request(format!("the event is not valid JSON: {error}. Correct it."))),
    }
}

/// Returns what each target gets.
fn inputs(rule: &Rule<'_>, subject: &Subject, text: &str, now: &str) -> Vec<Value> {
    let arn = rule.node.arns.first().cloned().unwrap_or_else(|| subject.rule_arn());
    let context = Context { rule_arn: &arn, rule_name: &subject.rule, ingestion_time: now };
    let of_target = |(target, details): (&TargetSettings, &TargetDetails)| {
        let (input, error) = match rule_tests::delivered(target, text, &context) {
            Ok(input) => (Some(input), None),
            Err(why) => (None, Some(why)),
        };
        json!({"name": target.id, "sink": details.sink, "input": input, "error": error})
    };
    subject.targets.iter().zip(&rule.details.targets).map(of_target).collect()
}

fn now() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

/// Returns the rules that get events of the type, and on which other fields that depends.
pub(super) fn who(graph: &Graph, type_: &str) -> Value {
    let event_type = EventType::named(type_);
    let (mut found, mut invalid) = (vec![], vec![]);
    for rule in rules(graph) {
        let Some(pattern) = &rule.details.pattern else { continue };
        let (selection, fields) = match event_type.selected_by(pattern, rule.source().as_deref()) {
            Ok(Selection::All) => ("All", vec![]),
            Ok(Selection::Some(fields)) => ("Some", fields),
            Ok(Selection::None) => continue,
            Err(message) => {
                invalid.push(json!({"id": rule.node.id, "message": message}));
                continue;
            }
        };
        let sinks: Vec<_> = rule.details.targets.iter().map(|target| &target.sink).collect();
        found.push(json!({"id": rule.node.id, "state": rule.details.state, "selection": selection, "fields": fields, "sinks": sinks}));
    }
    let is_known = samples::find(type_).is_some();
    let suggestion = if is_known { None } else { samples::suggestion(type_) };
    json!({"type": type_, "isKnown": is_known, "suggestion": suggestion, "rules": found, "invalid": invalid})
}

/// Returns the names of known event types, and of those that patterns name.
pub(super) fn types(graph: &Graph) -> Value {
    let mut all: BTreeSet<String> = samples::types().map(str::to_owned).collect();
    for pattern in rules(graph).filter_map(|rule| rule.details.pattern.as_ref()) {
        for values in [&pattern["detail-type"], &pattern["detail"]["eventType"]] {
            all.extend(values.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        }
    }
    json!({"types": all})
}

/// Returns a realistic event of the type.
///
/// # Errors
/// The type is unknown.
pub(super) fn sample(type_: &str) -> Result<Value, Problem> {
    samples::sample(type_).map(|event| json!({"event": event})).ok_or_else(|| {
        let near = samples::suggestion(type_).map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
        Problem::not_found(format!("no sample of type {type_:?}.{near} Choose a type from the list."))
    })
}
