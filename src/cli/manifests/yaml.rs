//! YAML and JSON with the place of each node, so that messages can name the line and the column.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Spanned, Tagged};

/// Largest integer up to which all integers are exact as `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Line and column of a node in its file, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

/// A node of a document and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    /// Tag of YAML, such as `!Sub` in templates of CloudFormation. Manifests have none.
    pub(crate) tag: Option<String>,
    pub(crate) content: Content,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Scalar(Value),
    List(Vec<Node>),
    /// Entries in the order of the file, with the place of each key.
    Map(Vec<(String, Place, Node)>),
}

impl Node {
    /// Returns the node of a value, of which each part has the same place.
    pub(crate) fn of(value: Value, place: Place) -> Self {
        let content = match value {
            Value::Array(items) => Content::List(items.into_iter().map(|item| Self::of(item, place)).collect()),
            Value::Object(map) => Content::Map(map.into_iter().map(|(key, value)| (key, place, Self::of(value, place))).collect()),
            scalar => Content::Scalar(scalar),
        };
        Self { place, tag: None, content }
    }

    /// Returns whether the node is a text.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.content, Content::Scalar(Value::String(_)))
    }

    /// Returns the value of the key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|(name, ..)| name == key).map(|(.., node)| node),
            _ => None,
        }
    }

    /// Returns the text of the key.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.content {
            Content::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns the nodes of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the node as JSON.
    pub(crate) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Node::value).collect(),
            Content::Map(entries) => Value::Object(entries.iter().map(|(key, _, node)| (key.clone(), node.value())).collect::<Map<_, _>>()),
        }
    }
}

/// Reads all documents of a text. Empty documents are skipped.
///
/// # Errors
/// The text is not YAML: the place and the cause.
pub(crate) fn documents(text: &str) -> Result<Vec<Node>, (Place, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_saphyr::from_multiple::<Node>(text).map_err(|error| {
        let place = error.location().map_or(Place { line: 1, column: 1 }, place);
        // The first line is the cause, and it ends with the place. The rest draws the source.
        let rendered = error.without_snippet().to_string();
        let cause = rendered.lines().next().unwrap_or_default();
        let cause = cause.split_once(" at line ").map_or(cause, |(cause, _)| cause);
        (place, cause.trim_end_matches(['.', ':']).to_owned())
    })
}

fn place(location: serde_saphyr::Location) -> Place {
    Place { line: location.line(), column: location.column() }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(spanned, tag) = Tagged::<Spanned<Content>>::deserialize(deserializer)?;
        Ok(Self { place: place(spanned.referenced), tag, content: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    /// The API server stores a number without a fraction as an integer, also if it is written `1.0`.
    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        #[allow(clippy::cast_possible_truncation)] // Exact up to the limit.
        let number = if value.fract() == 0.0 && value.abs() < EXACT { Some(Number::from(value as i64)) } else { Number::from_f64(value) };
        Ok(Content::Scalar(number.map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            entries.push((key.value, place(key.referenced), map.next_value()?));
        }
        Ok(Content::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_node_has_its_place() {
        let all = documents("# head\n---\na: 1\nb:\n  - x\n  - {c: [1.0, 1.5, yes, ~, '1']}\n---\n---\nd: e\n").unwrap();
        assert_eq!(all.len(), 2, "empty documents are skipped");
        assert_eq!(all[0].value(), json!({"a": 1, "b": ["x", {"c": [1, 1.5, true, null, "1"]}]}));
        let b = all[0].get("b").unwrap();
        assert_eq!((b.items()[1].place, all[1].get("d").unwrap().place), (Place { line: 6, column: 5 }, Place { line: 9, column: 4 }));
        let Content::Map(entries) = &all[0].content else { panic!() };
        assert_eq!(entries[1].1, Place { line: 4, column: 1 });
    }

    #[test]
    fn tags_are_kept() {
        let all = documents("a: !Sub '${B}-1'\nb: !GetAtt C.Arn\nc: !Join [',', [!Ref D, 1]]\nd: !If\n  - x\n  - y\n").unwrap();
        let tags = ["a", "b", "c", "d"].map(|key| all[0].get(key).unwrap().tag.clone().unwrap());
        assert_eq!(tags, ["!Sub", "!GetAtt", "!Join", "!If"]);
        let list = all[0].get("c").unwrap().items()[1].items();
        assert_eq!((list[0].tag.as_deref(), list[0].value(), list[1].tag.as_deref()), (Some("!Ref"), json!("D"), None));
        assert_eq!(all[0].get("a").unwrap().place, Place { line: 1, column: 9 });
    }

    #[test]
    fn invalid_text_has_the_place_of_the_error() {
        for (text, line) in [("a: [1\n", 1), ("a: 1\na: 2\n", 2), ("a: b: c\n", 1), ("a:\n\t- b\n", 2), ("{{ .Values.x }}: {{ y }}", 1)] {
            let (place, cause) = documents(text).unwrap_err();
            assert!(place.line == line && place.column > 0 && !cause.is_empty() && !cause.contains('\n'), "{text}: {place:?} {cause}");
        }
        let deep = "[".repeat(10_000);
        assert!(documents(&deep).is_err(), "depth is bounded");
    }
}
