//! Benchmark, part 1b: `EventBridge` of the stand-in: buses, rules, targets, tags.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use serde_json::{Map, Value, json};

use super::{REGION, Refusal};

/// What `ListRules` gives on one page, at most.
const PAGE: usize = 100;

#[derive(Default)]
struct Rule {
    /// Fields as `PutRule` named them.
    fields: Map<String, Value>,
    targets: BTreeMap<String, Value>,
}

#[derive(Default)]
struct Bus {
    fields: Map<String, Value>,
    rules: BTreeMap<String, Rule>,
}

pub struct Events {
    account: Arc<str>,
    buses: BTreeMap<String, Bus>,
    /// By ARN.
    tags: BTreeMap<String, BTreeMap<String, Value>>,
    /// Partner event sources, and when a bus took each.
    sources: BTreeMap<String, Option<Instant>>,
    /// `Detail` of each event that was put, in order.
    put: Vec<String>,
}

type Answer = Result<Value, Refusal>;

fn text<'a>(request: &'a Value, key: &str) -> &'a str {
    request[key].as_str().unwrap_or_default()
}

/// The named fields of a request that hold something.
fn pick(request: &Value, keys: &[&str]) -> Map<String, Value> {
    let filled = |value: &Value| !(value.is_null() || value == "" || *value == json!({}));
    keys.iter().filter(|key| filled(&request[**key])).map(|key| ((*key).to_owned(), request[*key].clone())).collect()
}

fn missing(what: &str, name: &str) -> Refusal {
    Refusal::new("ResourceNotFoundException", format!("{what} {name} does not exist."))
}

fn bus_name(request: &Value) -> String {
    request["EventBusName"].as_str().unwrap_or("default").to_owned()
}

const BUS_FIELDS: [&str; 4] = ["Description", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig"];
const RULE_FIELDS: [&str; 5] = ["EventPattern", "ScheduleExpression", "State", "Description", "RoleArn"];

impl Events {
    pub fn new(account: Arc<str>) -> Self {
        Self {
            account,
            buses: BTreeMap::from([("default".to_owned(), Bus::default())]),
            tags: BTreeMap::new(),
            sources: BTreeMap::new(),
            put: vec![],
        }
    }

    fn bus_arn(&self, bus: &str) -> String {
        format!("arn:aws:events:{REGION}:{}:event-bus/{bus}", self.account)
    }

    fn rule_arn(&self, bus: &str, rule: &str) -> String {
        let bus = if bus == "default" { String::new() } else { format!("{bus}/") };
        format!("arn:aws:events:{REGION}:{}:rule/{bus}{rule}", self.account)
    }

    /// Buses, without the default one.
    pub fn buses(&self) -> usize {
        self.buses.len() - 1
    }

    pub fn appear(&mut self, source: &str) {
        self.sources.insert(source.to_owned(), None);
    }

    pub fn taken(&self, source: &str) -> Option<Instant> {
        self.sources.get(source).copied().flatten()
    }

    pub fn put(&self) -> &[String] {
        &self.put
    }

    pub fn call(&mut self, op: &str, request: &Value) -> Answer {
        match op {
            "PutEvents" => {
                let mut entries = vec![];
                for entry in request["Entries"].as_array().into_iter().flatten() {
                    self.put.push(text(entry, "Detail").to_owned());
                    entries.push(json!({"EventId": self.put.len().to_string()}));
                }
                Ok(json!({"FailedEntryCount": 0, "Entries": entries}))
            }
            "ListEventSources" => {
                let state = |taken: &Option<Instant>| if taken.is_some() { "ACTIVE" } else { "PENDING" };
                let rows = self.sources.iter().map(|(name, taken)| json!({"Name": name, "State": state(taken)}));
                Ok(json!({"EventSources": rows.collect::<Vec<_>>()}))
            }
            "CreateEventBus" => self.create_bus(request),
            "DescribeEventBus" => self.describe_bus(request),
            "UpdateEventBus" => {
                let bus = self.bus(text(request, "Name"))?;
                bus.fields = pick(request, &BUS_FIELDS);
                Ok(json!({}))
            }
            "DeleteEventBus" => self.delete_bus(text(request, "Name")),
            "ListRules" => self.list_rules(request),
            "DescribeRule" => {
                let (bus, name) = (bus_name(request), text(request, "Name").to_owned());
                let arn = self.rule_arn(&bus, &name);
                let rule = self.rule(&bus, &name)?;
                Ok(described(&bus, &name, arn, rule))
            }
            "PutRule" => self.put_rule(request),
            "DeleteRule" => self.delete_rule(request),
            "PutTargets" => {
                let rule = self.rule(&bus_name(request), text(request, "Rule"))?;
                for target in request["Targets"].as_array().into_iter().flatten() {
                    rule.targets.insert(text(target, "Id").to_owned(), target.clone());
                }
                Ok(json!({"FailedEntryCount": 0, "FailedEntries": []}))
            }
            "RemoveTargets" => {
                let rule = self.rule(&bus_name(request), text(request, "Rule"))?;
                for id in request["Ids"].as_array().into_iter().flatten() {
                    rule.targets.remove(id.as_str().unwrap_or_default());
                }
                Ok(json!({"FailedEntryCount": 0, "FailedEntries": []}))
            }
            "ListTargetsByRule" => {
                let rule = self.rule(&bus_name(request), text(request, "Rule"))?;
                Ok(json!({"Targets": rule.targets.values().collect::<Vec<_>>()}))
            }
            "TagResource" => {
                self.tag(text(request, "ResourceARN"), &request["Tags"]);
                Ok(json!({}))
            }
            "UntagResource" => {
                let tags = self.tags.entry(text(request, "ResourceARN").to_owned()).or_default();
                for key in request["TagKeys"].as_array().into_iter().flatten() {
                    tags.remove(key.as_str().unwrap_or_default());
                }
                Ok(json!({}))
            }
            "ListTagsForResource" => Ok(json!({"Tags": self.tags_of(text(request, "ResourceARN"))})),
            _ => Err(Refusal::new("UnknownOperationException", format!("the benchmark's stand-in does not know {op}"))),
        }
    }

    /// Buses with their rules and targets, as requests.
    pub fn contents(&self) -> Value {
        let rule = |bus: &str, (name, rule): (&String, &Rule)| {
            let mut fields = rule.fields.clone();
            fields.insert("Name".into(), json!(name));
            fields.insert("Tags".into(), self.tags_of(&self.rule_arn(bus, name)));
            json!({"rule": fields, "targets": rule.targets.values().collect::<Vec<_>>()})
        };
        let bus = |(name, bus): (&String, &Bus)| {
            let mut fields = bus.fields.clone();
            fields.insert("Name".into(), json!(name));
            fields.insert("Tags".into(), self.tags_of(&self.bus_arn(name)));
            json!({"bus": fields, "rules": bus.rules.iter().map(|entry| rule(name, entry)).collect::<Vec<_>>()})
        };
        self.buses.iter().filter(|(name, _)| *name != "default").map(bus).collect()
    }

    fn bus(&mut self, name: &str) -> Result<&mut Bus, Refusal> {
        self.buses.get_mut(name).ok_or_else(|| missing("Event bus", name))
    }

    fn rule(&mut self, bus: &str, name: &str) -> Result<&mut Rule, Refusal> {
        self.bus(bus)?.rules.get_mut(name).ok_or_else(|| missing("Rule", &format!("{name} on event bus {bus}")))
    }

    fn tag(&mut self, arn: &str, tags: &Value) {
        let all = self.tags.entry(arn.to_owned()).or_default();
        for tag in tags.as_array().into_iter().flatten() {
            all.insert(text(tag, "Key").to_owned(), tag["Value"].clone());
        }
    }

    fn tags_of(&self, arn: &str) -> Value {
        self.tags.get(arn).into_iter().flatten().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
    }

    fn create_bus(&mut self, request: &Value) -> Answer {
        if let Some(source) = request["EventSourceName"].as_str() {
            *self.sources.get_mut(source).ok_or_else(|| missing("Event source", source))? = Some(Instant::now());
        }
        let name = text(request, "Name");
        if self.buses.contains_key(name) {
            return Err(Refusal::new("ResourceAlreadyExistsException", format!("Event bus {name} already exists.")));
        }
        self.buses.insert(name.to_owned(), Bus { fields: pick(request, &BUS_FIELDS), rules: BTreeMap::new() });
        let arn = self.bus_arn(name);
        self.tag(&arn, &request["Tags"]);
        Ok(json!({"EventBusArn": arn}))
    }

    fn describe_bus(&mut self, request: &Value) -> Answer {
        let name = request["Name"].as_str().unwrap_or("default");
        let mut fields = self.bus(name)?.fields.clone();
        fields.insert("Name".into(), json!(name));
        fields.insert("Arn".into(), json!(self.bus_arn(name)));
        Ok(Value::Object(fields))
    }

    fn delete_bus(&mut self, name: &str) -> Answer {
        if self.buses.get(name).is_some_and(|bus| !bus.rules.is_empty()) {
            return Err(Refusal::new("ValidationException", format!("Event bus {name} can't be deleted since it has rules.")));
        }
        self.buses.remove(name);
        self.tags.remove(&self.bus_arn(name));
        Ok(json!({}))
    }

    /// The token is the name of the last rule of the page before.
    fn list_rules(&self, request: &Value) -> Answer {
        let (bus, prefix, after) = (bus_name(request), text(request, "NamePrefix"), text(request, "NextToken"));
        let limit = request["Limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE).clamp(1, PAGE);
        let rules = &self.buses.get(&bus).ok_or_else(|| missing("Event bus", &bus))?.rules;
        let mut rest = rules.iter().filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after).peekable();
        let page: Vec<_> =
            rest.by_ref().take(limit).map(|(name, rule)| (name, described(&bus, name, self.rule_arn(&bus, name), rule))).collect();
        let next = page.last().filter(|_| rest.peek().is_some()).map(|(name, _)| (*name).clone());
        let mut answer = json!({"Rules": page.into_iter().map(|(_, rule)| rule).collect::<Vec<_>>()});
        if let Some(next) = next {
            answer["NextToken"] = json!(next);
        }
        Ok(answer)
    }

    fn put_rule(&mut self, request: &Value) -> Answer {
        let (bus, name) = (bus_name(request), text(request, "Name"));
        let arn = self.rule_arn(&bus, name);
        let rules = &mut self.bus(&bus)?.rules;
        let new = !rules.contains_key(name);
        rules.entry(name.to_owned()).or_default().fields = pick(request, &RULE_FIELDS);
        // AWS ignores the tags of a rule that exists.
        if new {
            self.tag(&arn, &request["Tags"]);
        }
        Ok(json!({"RuleArn": arn}))
    }

    fn delete_rule(&mut self, request: &Value) -> Answer {
        let (bus, name) = (bus_name(request), text(request, "Name"));
        let rules = &mut self.bus(&bus)?.rules;
        if rules.get(name).is_some_and(|rule| !rule.targets.is_empty()) {
            return Err(Refusal::new("ValidationException", "Rule can't be deleted since it has targets."));
        }
        rules.remove(name);
        self.tags.remove(&self.rule_arn(&bus, name));
        Ok(json!({}))
    }
}

fn described(bus: &str, name: &str, arn: String, rule: &Rule) -> Value {
    let mut fields = rule.fields.clone();
    fields.insert("Name".into(), json!(name));
    fields.insert("Arn".into(), Value::String(arn));
    fields.insert("EventBusName".into(), json!(bus));
    fields.entry("State").or_insert_with(|| json!("ENABLED"));
    Value::Object(fields)
}
