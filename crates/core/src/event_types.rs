//! Which event types a pattern selects: what it says about source and type of an event, apart from what it says about the rest. Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use tributary_pattern::Pattern;

use crate::{
    benchling::{SOURCE_PREFIX, WEBHOOK_SOURCE},
    samples,
};

/// Fields that an event type decides.
const TYPE_FIELDS: [&str; 2] = ["detail-type", "detail.eventType"];
const SOURCE: &str = "source";

/// What a pattern selects of the events of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// Those whose other fields fit too: the fields, sorted.
    Some(Vec<String>),
    /// None of them.
    None,
}

/// Source, type and `detail.eventType` of the events of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventType {
    detail_type: String,
    /// `None` for AWS events.
    type_in_detail: Option<String>,
    /// `None` if it depends on the bus.
    source: Option<String>,
}

impl EventType {
    /// Returns the type of this name: that of a sample, such as `aws.s3/Object Created`, or any type of Benchling or of an application.
    pub fn named(name: &str) -> Self {
        let Some(sample) = samples::sample(name) else {
            return Self { detail_type: name.to_owned(), type_in_detail: Some(name.to_owned()), source: None };
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let is_benchling = |source: &String| source.starts_with(SOURCE_PREFIX) || source.starts_with(WEBHOOK_SOURCE);
        let detail_type = text(&sample["detail-type"]).unwrap_or_else(|| name.to_owned());
        let source = text(&sample["source"]).filter(|source| !is_benchling(source));
        let type_in_detail = text(&sample["detail"]["eventType"]).or_else(|| source.is_none().then(|| detail_type.clone()));
        Self { detail_type, type_in_detail, source }
    }

    /// Returns what the pattern selects of the events of this type. `bus_source` is the source of all events on the bus, if they have the
    /// same.
    ///
    /// # Errors
    /// The pattern is not valid.
    pub fn selected_by(&self, pattern: &Value, bus_source: Option<&str>) -> Result<Selection, String> {
        if let (Some(own), Some(of_bus)) = (self.source.as_deref(), bus_source)
            && own != of_bus
        {
            return Ok(Selection::None);
        }
        let source = self.source.as_deref().or(bus_source);
        let mut others = BTreeSet::new();
        let known = |path: &str| TYPE_FIELDS.contains(&path) || (path == SOURCE && source.is_some());
        let projected = project(pattern, "", &known, &mut others);
        let mut event = json!({"detail-type": self.detail_type, "detail": {}});
        if let Some(source) = source {
            event[SOURCE] = source.into();
        }
        if let Some(type_) = &self.type_in_detail {
            event["detail"]["eventType"] = type_.as_str().into();
        }
        if let Some(projected) = projected {
            let pattern = Pattern::compile(&projected.to_string()).map_err(|error| error.to_string())?;
            if !pattern.matches(&event.to_string()).map_err(|error| error.to_string())? {
                return Ok(Selection::None);
            }
        }
        Ok(if others.is_empty() { Selection::All } else { Selection::Some(others.into_iter().collect()) })
    }
}

/// Returns the part of the pattern about known fields; `None` if it is empty. Paths of other fields are added to `others`.
fn project(pattern: &Value, path: &str, known: &dyn Fn(&str) -> bool, others: &mut BTreeSet<String>) -> Option<Value> {
    let mut kept = Map::new();
    for (name, value) in pattern.as_object()? {
        let at = match (name.as_str(), path) {
            ("$or", _) => path.to_owned(),
            (_, "") => name.clone(),
            _ => format!("{path}.{name}"),
        };
        let part = match value {
            Value::Array(alternatives) if name == "$or" => {
                let alternatives: Vec<_> = alternatives.iter().map(|one| project(one, &at, known, others)).collect();
                // An alternative without known fields can match an event of any type.
                alternatives.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
            }
            Value::Object(_) => project(value, &at, known, others),
            _ if known(&at) => Some(value.clone()),
            _ => {
                others.insert(at);
                None
            }
        };
        kept.extend(part.map(|part| (name.clone(), part)));
    }
    (!kept.is_empty()).then_some(Value::Object(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTNER: &str = "aws.partner/benchling.com/acme/lims";

    fn selected(type_: &str, pattern: &Value, bus: Option<&str>) -> Selection {
        EventType::named(type_).selected_by(pattern, bus).unwrap()
    }

    fn some(fields: &[&str]) -> Selection {
        Selection::Some(fields.iter().map(|field| (*field).to_owned()).collect())
    }

    #[test]
    fn a_type_is_selected_by_its_names_and_the_rest_is_a_condition() {
        let registered = "v2.entity.registered";
        for (pattern, bus, expected) in [
            (json!({"detail-type": [registered]}), None, Selection::All),
            (json!({"detail": {"eventType": [{"prefix": "v2.entity."}]}}), Some(PARTNER), Selection::All),
            (json!({"source": [PARTNER]}), Some(PARTNER), Selection::All),
            (json!({"source": [{"prefix": "aws.partner/benchling.com"}]}), None, some(&["source"])),
            (json!({"source": ["lims"]}), Some(PARTNER), Selection::None),
            (json!({"detail-type": ["v2.entry.created"]}), Some(PARTNER), Selection::None),
            (json!({"detail-type": [{"anything-but": registered}]}), None, Selection::None),
            (
                json!({"detail-type": [registered], "detail": {"schema": {"name": ["Plasmid"]}, "eventType": [registered]}}),
                Some(PARTNER),
                some(&["detail.schema.name"]),
            ),
            (json!({"detail": {"schema": {"name": ["Plasmid"]}}}), None, some(&["detail.schema.name"])),
        ] {
            assert_eq!(selected(registered, &pattern, bus), expected, "{pattern}");
        }
    }

    #[test]
    fn an_alternative_without_the_type_selects_every_type() {
        let or = |second: Value| json!({"$or": [{"detail-type": ["other"]}, second]});
        assert_eq!(selected("t", &or(json!({"detail-type": ["t"]})), None), Selection::All);
        assert_eq!(selected("t", &or(json!({"detail": {"x": [1]}})), None), some(&["detail.x"]));
        assert_eq!(selected("t", &or(json!({"detail-type": ["more"]})), None), Selection::None);
        let nested = json!({"detail": {"$or": [{"eventType": ["t"]}, {"eventType": ["u"], "x": [1]}]}});
        assert_eq!(selected("t", &nested, None), some(&["detail.x"]));
        assert_eq!(selected("v", &nested, None), Selection::None);
    }

    #[test]
    fn an_aws_event_comes_from_its_service() {
        let created = "aws.s3/Object Created";
        assert_eq!(selected(created, &json!({"source": ["aws.s3"]}), None), Selection::All);
        assert_eq!(selected(created, &json!({"source": ["aws.ec2"]}), None), Selection::None);
        assert_eq!(
            selected(created, &json!({"detail-type": ["Object Created"]}), Some(PARTNER)),
            Selection::None,
            "not on a partner event bus"
        );
        assert_eq!(
            selected(created, &json!({"detail-type": ["Object Created"], "detail": {"bucket": {"name": ["b"]}}}), None),
            some(&["detail.bucket.name"])
        );
    }

    #[test]
    fn a_pattern_that_is_not_valid_is_an_error() {
        assert!(EventType::named("t").selected_by(&json!({"detail-type": [{"like": "t"}]}), None).is_err());
    }
}
