//! Intrinsic functions. What only AWS can resolve has a place and a cause. See "Intrinsic function reference" in the CloudFormation
//! User Guide.

use std::cell::RefCell;

use serde_json::{Map, Value};

use super::{
    flags::Stack,
    template::{Resource, Template, Unresolved, plain},
};
use crate::cli::manifests::yaml::{Content, Node, Place};

/// Depth of references to each other, beyond which they are a circle.
const DEEPEST: usize = 64;

/// `None` for `AWS::NoValue`.
type Resolved = Result<Option<Value>, Unresolved>;

/// Resolves the functions of a template.
pub(super) struct Resolver<'a> {
    pub(super) template: &'a Template,
    pub(super) stack: &'a Stack,
    /// How deep the resolved reference is among references.
    depth: RefCell<usize>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(template: &'a Template, stack: &'a Stack) -> Self {
        Self { template, stack, depth: RefCell::new(0) }
    }

    /// Returns the properties of a resource.
    pub(super) fn properties(&self, resource: &Resource) -> Result<Value, Unresolved> {
        let properties = resource.properties.as_ref().map(|node| self.resolve(node)).transpose()?;
        Ok(properties.flatten().unwrap_or_else(|| Map::new().into()))
    }

    /// Returns the value of a node.
    pub(super) fn resolve(&self, node: &Node) -> Resolved {
        if *self.depth.borrow() > DEEPEST {
            return Err(Unresolved::new(node.place, "refers to itself. Correct the template."));
        }
        *self.depth.borrow_mut() += 1;
        let resolved = self.resolve_node(node);
        *self.depth.borrow_mut() -= 1;
        resolved
    }

    fn resolve_node(&self, node: &Node) -> Resolved {
        if let Some((name, argument)) = function(node) {
            return self.call(&name, &argument, node.place);
        }
        match &node.content {
            Content::Scalar(value) => Ok(Some(value.clone())),
            Content::List(items) => {
                let items = items.iter().map(|item| self.resolve(item)).collect::<Result<Vec<_>, _>>()?;
                Ok(Some(Value::Array(items.into_iter().flatten().collect())))
            }
            Content::Map(entries) => {
                let mut map = Map::new();
                for (key, _, node) in entries {
                    map.extend(self.resolve(node)?.map(|value| (key.clone(), value)));
                }
                Ok(Some(map.into()))
            }
        }
    }

    fn call(&self, name: &str, argument: &Node, place: Place) -> Resolved {
        match name {
            "Ref" => self.reference(&self.text(argument)?, place),
            "Fn::GetAtt" => self.attribute(argument, place).map(Some),
            "Fn::Sub" => self.substitute(argument, place).map(|text| Some(text.into())),
            "Fn::Join" => {
                let [separator, items] = self.arguments(argument, name)?;
                let separator = plain(&separator).unwrap_or_default();
                let items = items.as_array().ok_or_else(|| Unresolved::new(place, "Fn::Join needs a list"))?;
                let texts = items.iter().map(plain).collect::<Option<Vec<_>>>();
                Ok(Some(texts.ok_or_else(|| Unresolved::new(place, "Fn::Join needs a list of texts"))?.join(&separator).into()))
            }
            "Fn::Split" => {
                let [separator, text] = self.arguments(argument, name)?;
                let (separator, text) = (plain(&separator).unwrap_or_default(), plain(&text).unwrap_or_default());
                Ok(Some(text.split(separator.as_str()).map(Value::from).collect()))
            }
            "Fn::Select" => {
                let [index, items] = self.arguments(argument, name)?;
                let index: Option<usize> = plain(&index).and_then(|text| text.parse().ok());
                let item = index.and_then(|index| items.as_array()?.get(index).cloned());
                item.map(Some).ok_or_else(|| Unresolved::new(place, "Fn::Select has no such item"))
            }
            "Fn::FindInMap" => self.find_in_map(argument, place),
            "Fn::If" => self.choose(argument, place),
            "Fn::Base64" => Ok(Some(base64_of(&self.text(argument)?).into())),
            "Fn::ToJsonString" => Ok(self.resolve(argument)?.map(|value| value.to_string().into())),
            "Fn::Length" => Ok(self.resolve(argument)?.and_then(|value| value.as_array().map(Vec::len)).map(Value::from)),
            "Fn::ImportValue" => Err(Unresolved::new(
                place,
                "Fn::ImportValue is a value of another stack, which only AWS knows. Replace it in the template, or import from the account.",
            )),
            _ => Err(Unresolved::new(place, format!("{name} is not supported. Replace it in the template, or import from the account."))),
        }
    }

    /// Returns the two arguments of a function.
    fn arguments(&self, argument: &Node, name: &str) -> Result<[Value; 2], Unresolved> {
        let wrong = || Unresolved::new(argument.place, format!("{name} needs a list of two"));
        let Content::List(items) = &argument.content else { return Err(wrong()) };
        let [first, second] = items.as_slice() else { return Err(wrong()) };
        Ok([self.resolve(first)?.unwrap_or_default(), self.resolve(second)?.unwrap_or_default()])
    }

    /// Returns the text of a node.
    pub(super) fn text(&self, node: &Node) -> Result<String, Unresolved> {
        self.resolve(node)?.as_ref().and_then(plain).ok_or_else(|| Unresolved::new(node.place, "must be a text"))
    }

    /// Returns the value of `Ref`: of a parameter, a pseudo parameter, or a resource.
    pub(super) fn reference(&self, name: &str, place: Place) -> Resolved {
        if let Some(pseudo) = name.strip_prefix("AWS::") {
            return self.pseudo(pseudo, place);
        }
        if let Some(parameter) = self.template.parameter(name) {
            return self.parameter(name, parameter, place).map(Some);
        }
        self.physical_reference(name, place).map(|value| Some(value.into()))
    }

    fn pseudo(&self, name: &str, place: Place) -> Resolved {
        let known = |value: &Option<String>, flag: &str| {
            let missing = || Unresolved::new(place, format!("AWS::{name} is not known. Set {flag}."));
            value.clone().map(|value| Some(value.into())).ok_or_else(missing)
        };
        match name {
            "NoValue" => Ok(None),
            "AccountId" => known(&self.stack.account_id, "--account-id"),
            "Region" => known(&self.stack.region, "--region"),
            "StackName" => known(&self.stack.name, "--stack-name"),
            "Partition" => Ok(Some(self.stack.partition().into())),
            "URLSuffix" => Ok(Some(if self.stack.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }.into())),
            _ => Err(Unresolved::new(place, format!("AWS::{name} is not known"))),
        }
    }

    fn parameter(&self, name: &str, parameter: &Node, place: Place) -> Result<Value, Unresolved> {
        let type_ = parameter.text("Type").unwrap_or_default();
        let given = self.stack.parameters.get(name).map(|value| Value::from(value.as_str()));
        let stored = type_.starts_with("AWS::SSM::Parameter::");
        let default = parameter.get("Default").filter(|_| !stored).map(Node::value);
        let value = given.or(default).ok_or_else(|| {
            let why = if stored { "is a parameter of Systems Manager" } else { "has no default" };
            Unresolved::new(place, format!("parameter {name} {why}. Set --parameter {name}=VALUE."))
        })?;
        let is_list = type_ == "CommaDelimitedList" || type_.starts_with("List<");
        Ok(match plain(&value) {
            Some(text) if is_list => text.split(',').map(|item| Value::from(item.trim())).collect(),
            Some(text) => text.into(),
            None => value,
        })
    }

    fn attribute(&self, argument: &Node, place: Place) -> Result<Value, Unresolved> {
        let (id, attribute) = match &argument.content {
            Content::List(items) => {
                let texts = items.iter().map(|item| self.text(item)).collect::<Result<Vec<_>, _>>()?;
                texts.split_first().map(|(id, rest)| (id.clone(), rest.join("."))).unwrap_or_default()
            }
            _ => self.text(argument)?.split_once('.').map(|(id, attribute)| (id.to_owned(), attribute.to_owned())).unwrap_or_default(),
        };
        self.physical_attribute(&id, &attribute, place).map(Value::from)
    }

    fn substitute(&self, argument: &Node, place: Place) -> Result<String, Unresolved> {
        let (template, variables) = match &argument.content {
            Content::List(items) => match items.as_slice() {
                [template, variables] => (self.text(template)?, Some(variables)),
                _ => return Err(Unresolved::new(place, "Fn::Sub needs a text, or a text and variables")),
            },
            _ => (self.text(argument)?, None),
        };
        let mut out = String::new();
        let mut rest = template.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let (name, behind) = after.split_once('}').ok_or_else(|| Unresolved::new(place, "Fn::Sub: ${ without }"))?;
            rest = behind;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let name = name.trim();
            let value = match variables.and_then(|variables| variables.get(name)) {
                Some(variable) => self.text(variable)?,
                None => match name.split_once('.').filter(|_| self.template.parameter(name).is_none()) {
                    Some((id, attribute)) => self.physical_attribute(id, attribute, place)?,
                    None => self.reference(name, place)?.as_ref().and_then(plain).unwrap_or_default(),
                },
            };
            out.push_str(&value);
        }
        out.push_str(rest);
        Ok(out)
    }

    fn find_in_map(&self, argument: &Node, place: Place) -> Resolved {
        let missing = || Unresolved::new(place, "Fn::FindInMap has no such entry in Mappings");
        let Content::List(keys) = &argument.content else { return Err(missing()) };
        let [map, first, second] = keys.get(..3).ok_or_else(missing)? else { return Err(missing()) };
        let map = self.template.mapping(&self.text(map)?).ok_or_else(missing)?;
        let entry = map.get(&self.text(first)?).ok_or_else(missing)?;
        Ok(Some(entry.get(&self.text(second)?).ok_or_else(missing)?.value()))
    }

    fn choose(&self, argument: &Node, place: Place) -> Resolved {
        let Content::List(items) = &argument.content else { return Err(Unresolved::new(place, "Fn::If needs a list of three")) };
        let [name, yes, no] = items.as_slice() else { return Err(Unresolved::new(place, "Fn::If needs a list of three")) };
        let name = self.text(name)?;
        self.resolve(if self.condition(&name, place)? { yes } else { no })
    }

    /// Returns whether the condition of this name holds.
    pub(super) fn condition(&self, name: &str, place: Place) -> Result<bool, Unresolved> {
        let node = self
            .template
            .condition(name)
            .ok_or_else(|| Unresolved::new(place, format!("condition {name} is not in Conditions. Add it.")))?;
        self.holds(node)
    }

    fn holds(&self, node: &Node) -> Result<bool, Unresolved> {
        if *self.depth.borrow() > DEEPEST {
            return Err(Unresolved::new(node.place, "refers to itself. Correct the template."));
        }
        let Some((name, argument)) = function(node) else { return Err(Unresolved::new(node.place, "is not a condition")) };
        *self.depth.borrow_mut() += 1;
        let mut all = argument.items().iter();
        let holds = match name.as_str() {
            "Condition" => self.text(&argument).and_then(|name| self.condition(&name, node.place)),
            "Fn::Equals" => self.arguments(&argument, &name).map(|[left, right]| plain(&left) == plain(&right)),
            "Fn::Not" => all.next().map_or(Ok(false), |inner| self.holds(inner).map(|holds| !holds)),
            "Fn::And" => all.try_fold(true, |so_far, inner| Ok(self.holds(inner)? && so_far)),
            "Fn::Or" => all.try_fold(false, |so_far, inner| Ok(self.holds(inner)? || so_far)),
            _ => Err(Unresolved::new(node.place, format!("{name} is not supported in a condition"))),
        };
        *self.depth.borrow_mut() -= 1;
        holds
    }
}

/// Returns the name and the argument of a function, in the long form or the short one.
fn function(node: &Node) -> Option<(String, Node)> {
    if let Some(tag) = node.tag.as_deref().and_then(|tag| tag.strip_prefix('!')) {
        let name = if matches!(tag, "Ref" | "Condition") { tag.to_owned() } else { format!("Fn::{tag}") };
        return Some((name, Node { tag: None, ..node.clone() }));
    }
    match &node.content {
        Content::Map(entries) => match entries.as_slice() {
            [(name, _, argument)] if name == "Ref" || name == "Condition" && argument.is_text() || name.starts_with("Fn::") => {
                Some((name.clone(), argument.clone()))
            }
            _ => None,
        },
        _ => None,
    }
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
