//! The parts of a template, with their places.

use std::path::Path;

use serde_json::Value;

use super::flags::Stack;
use crate::cli::{
    Error,
    manifests::yaml::{self, Content, Node, Place},
};

/// A template.
#[derive(Clone, Debug)]
pub(super) struct Template {
    file: String,
    root: Node,
    pub(super) resources: Vec<Resource>,
}

/// A resource of a template.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    /// Logical ID.
    pub(super) id: String,
    pub(super) type_: String,
    pub(super) place: Place,
    /// Name of the condition on which it depends.
    pub(super) condition: Option<String>,
    pub(super) properties: Option<Node>,
}

/// What a template says and its text alone does not resolve.
#[derive(Clone, Debug)]
pub(super) struct Unresolved {
    pub(super) place: Place,
    /// Cause and next step.
    pub(super) cause: String,
}

impl Unresolved {
    pub(super) fn new(place: Place, cause: impl Into<String>) -> Self {
        Self { place, cause: cause.into() }
    }
}

impl Template {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| format!("{file}: {error}"))?;
        let text = String::from_utf8(bytes).map_err(|error| format!("{file}: byte {} is not UTF-8", error.utf8_error().valid_up_to()))?;
        let documents = yaml::documents(&text)
            .map_err(|(place, cause)| format!("{file}:{}:{}: not YAML: {cause}. Correct it.", place.line, place.column))?;
        let Some(root) = documents.into_iter().next() else { return Err(format!("{file}:1:1: empty. Name a template.").into()) };
        let mut template = Self { file, root, resources: vec![] };
        template.resources = template.read_resources()?;
        Ok(template)
    }

    fn read_resources(&self) -> Result<Vec<Resource>, Error> {
        let wrong = |place: Place, message: &str| Error::from(format!("{}: {message}", self.place(place)));
        let Some(node) = self.root.get("Resources") else {
            return Err(wrong(self.root.place, "no Resources: this is not a template of CloudFormation. Name a template."));
        };
        let Content::Map(entries) = &node.content else { return Err(wrong(node.place, "Resources must be an object.")) };
        let mut resources = Vec::new();
        for (id, place, node) in entries {
            if id.starts_with("Fn::") {
                return Err(wrong(
                    *place,
                    &format!(
                        "{id} among the Resources makes more of them. Import the processed template: aws cloudformation get-template --template-stage Processed."
                    ),
                ));
            }
            let Some(type_) = node.text("Type") else { return Err(wrong(*place, &format!("resource {id} has no Type. Add it."))) };
            let (condition, properties) = (node.text("Condition").map(str::to_owned), node.get("Properties").cloned());
            resources.push(Resource { id: id.clone(), type_: type_.to_owned(), place: *place, condition, properties });
        }
        Ok(resources)
    }

    /// Fails for a parameter of a flag that the template does not have.
    pub(super) fn check_parameters(&self, stack: &Stack) -> Result<(), Error> {
        let names: Vec<&str> = self.entries("Parameters").iter().map(|(name, ..)| name.as_str()).collect();
        match stack.parameters.keys().find(|name| !names.contains(&name.as_str())) {
            Some(unknown) => {
                let has = if names.is_empty() { "no parameters".into() } else { format!("the parameters {}", names.join(", ")) };
                Err(format!("--parameter {unknown}: {} has {has}. Correct the name.", self.file).into())
            }
            None => Ok(()),
        }
    }

    fn entries(&self, section: &str) -> &[(String, Place, Node)] {
        match self.root.get(section).map(|node| &node.content) {
            Some(Content::Map(entries)) => entries,
            _ => &[],
        }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&Node> {
        self.root.get("Parameters")?.get(name)
    }

    pub(super) fn condition(&self, name: &str) -> Option<&Node> {
        self.root.get("Conditions")?.get(name)
    }

    pub(super) fn mapping(&self, name: &str) -> Option<&Node> {
        self.root.get("Mappings")?.get(name)
    }

    /// Returns the node of `Globals` of SAM for a type, such as `Function`.
    pub(super) fn globals(&self, type_: &str) -> Option<&Node> {
        self.root.get("Globals")?.get(type_)
    }

    pub(super) fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    /// Returns `FILE:LINE:COLUMN`.
    pub(super) fn place(&self, place: Place) -> String {
        format!("{}:{}:{}", self.file, place.line, place.column)
    }

    /// Returns the cause with its place.
    pub(super) fn cause(&self, unresolved: &Unresolved) -> String {
        format!("{}: {}", self.place(unresolved.place), unresolved.cause)
    }
}

/// Returns the text of a scalar as CloudFormation has it: numbers and booleans are text where one is needed.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
