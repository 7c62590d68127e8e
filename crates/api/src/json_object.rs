//! A JSON object that is kept as text.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// JSON object with any fields, kept as its text. Parsed, each level of it takes 600 bytes and more, and a process that watches
/// objects keeps all of them. Fields are sorted, so that two texts are equal if the objects are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JsonObject(Box<str>);

impl JsonObject {
    /// The object. Empty if it was made of one that is nested deeper than 127 levels, which no parser returns.
    pub fn parsed(&self) -> Map<String, Value> {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl From<Map<String, Value>> for JsonObject {
    fn from(object: Map<String, Value>) -> Self {
        Self(Value::Object(object).to_string().into())
    }
}

impl Serialize for JsonObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.parsed().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_what_it_was_made_of() {
        let value = json!({"z": [1, 2.5, -3, 1e300, null, true], "a": {"text": "\u{e4}\"\n"}, "empty": {}});
        let object: JsonObject = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(Value::Object(object.parsed()), value);
        assert_eq!(serde_json::to_value(&object).unwrap(), value);
        assert!(serde_json::from_value::<JsonObject>(json!([])).is_err());
    }

    #[test]
    fn the_order_of_fields_makes_no_difference() {
        let read = |text| serde_json::from_str::<JsonObject>(text).unwrap();
        assert_eq!(read(r#"{"a": 1, "b": 2}"#), read(r#"{"b":2,"a":1}"#));
    }

    #[test]
    fn the_deepest_object_that_a_parser_returns_is_not_lost() {
        let nested = |levels: usize| format!("{}1{}", r#"{"d":"#.repeat(levels), "}".repeat(levels));
        let deepest = (100..200).rev().find_map(|levels| serde_json::from_str::<JsonObject>(&nested(levels)).ok()).unwrap();
        assert!(!deepest.parsed().is_empty());
    }
}
