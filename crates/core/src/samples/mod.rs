//! Samples: a realistic event for each event type of the Benchling catalogue and for common events
//! of AWS services, as EventBridge delivers them. Pure.
//!
//! The events are data, one a line in `data/`. Each line names the page that documents the shape.
//! Names, ids, accounts and tenants are made up.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::benchling;

/// Prefix of the names of samples that arrive by webhook. The type alone names the sample on
/// EventBridge, where Benchling sends the type on both channels.
const WEBHOOK: &str = "benchling.webhook/";

/// Maximum edit distance of a suggestion, in letters.
const NEAR: usize = 6;

const DATA: [&str; 3] = [include_str!("data/benchling.jsonl"), include_str!("data/webhooks.jsonl"), include_str!("data/aws.jsonl")];

static ALL: LazyLock<Vec<Sample>> =
    LazyLock::new(|| DATA.iter().flat_map(|text| text.lines()).filter_map(|line| serde_json::from_str(line).ok()).collect());

/// A sample event and where its shape is documented.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Sample {
    /// `v2.entity.registered`, `benchling.webhook/v2.entity.registered` or `aws.s3/Object Created`.
    #[serde(rename = "sample")]
    pub name: &'static str,
    /// Page or model that documents the shape.
    pub page: &'static str,
    event: &'static RawValue,
}

impl Sample {
    /// Returns the event as JSON text.
    pub fn text(&self) -> &'static str {
        self.event.get()
    }
}

/// Returns all samples: Benchling's event types in the order of the catalogue, then AWS events.
pub fn all() -> impl Iterator<Item = &'static Sample> {
    ALL.iter()
}

/// Returns the names of all samples.
pub fn types() -> impl Iterator<Item = &'static str> {
    all().map(|sample| sample.name)
}

/// Returns the sample of this name. A type that Benchling sends by webhook only can be named with
/// and without `benchling.webhook/`.
pub fn find(name: &str) -> Option<&'static Sample> {
    let named = |wanted: &str| all().find(|sample| sample.name == wanted);
    named(name).or_else(|| named(name.strip_prefix(WEBHOOK)?).filter(|sample| benchling::is_on_webhooks(sample.name)))
}

/// Returns the event of the sample of this name.
pub fn sample(name: &str) -> Option<Value> {
    serde_json::from_str(find(name)?.text()).ok()
}

/// Returns the names of the samples that are nearest to an unknown one, separated by commas.
pub fn suggestion(name: &str) -> Option<String> {
    let wanted = name.trim().to_lowercase();
    if let Some(types) = benchling::suggestion(&wanted) {
        return Some(types);
    }
    let (source, detail_type) = wanted.split_once('/').unwrap_or(("", &wanted));
    let parts = || types().filter_map(|known| Some((known, known.split_once('/')?)));
    let same_type: Vec<&str> = parts().filter(|(_, (_, of))| of.to_lowercase() == detail_type).map(|(known, _)| known).collect();
    if !same_type.is_empty() {
        return Some(same_type.join(", "));
    }
    let distance = |known: &str| {
        // The difference of lengths is a lower bound of the distance.
        if known.len().abs_diff(wanted.len()) > NEAR { usize::MAX } else { strsim::damerau_levenshtein(&known.to_lowercase(), &wanted) }
    };
    let nearest = types().map(|known| (distance(known), known)).min().filter(|(distance, _)| *distance <= NEAR);
    nearest.map(|(_, known)| known.to_owned()).or_else(|| {
        let of_source: Vec<&str> = parts().filter(|(_, (of, _))| *of == source || *of == wanted).map(|(known, _)| known).collect();
        (!of_source.is_empty()).then(|| of_source.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::benchling::{SOURCE_PREFIX, Standing, TYPES, carries_fields, resource_of};

    #[test]
    fn each_line_is_a_sample_with_a_name_of_its_own() {
        let lines = DATA.iter().flat_map(|text| text.lines()).count();
        let names: BTreeSet<_> = types().collect();
        assert_eq!((all().count(), names.len()), (lines, lines));
    }

    #[test]
    fn each_type_of_the_catalogue_has_a_sample_on_its_channel() {
        for (type_, standing) in TYPES {
            let event = sample(type_).unwrap_or_else(|| panic!("{type_} has no sample"));
            let source = event["source"].as_str().unwrap();
            let prefix = if *standing == Standing::WebhookOnly { WEBHOOK } else { SOURCE_PREFIX };
            assert!(source.starts_with(prefix), "{type_}: {source}");
            assert_eq!(benchling::is_on_webhooks(type_), sample(&format!("{WEBHOOK}{type_}")).is_some(), "{type_}");
        }
    }

    #[test]
    fn the_detail_type_is_the_name_and_a_pattern_for_it_matches() {
        for Sample { name, page, .. } in all() {
            let event = sample(name).unwrap();
            let detail_type = event["detail-type"].as_str().unwrap();
            let source = event["source"].as_str().unwrap();
            let full = if name.starts_with("aws.") { format!("{source}/{detail_type}") } else { detail_type.to_owned() };
            assert_eq!(name.strip_prefix(WEBHOOK).unwrap_or(name), full);
            for key in ["version", "id", "account", "time", "region"] {
                assert!(event[key].as_str().is_some_and(|text| !text.is_empty()), "{name}: {key}");
            }
            assert!(event["resources"].is_array() && event["detail"].is_object() && !page.is_empty(), "{name}");
            let matches = |pattern: &Value| {
                let pattern = tributary_pattern::Pattern::compile(&pattern.to_string()).unwrap();
                pattern.matches(find(name).unwrap().text()).unwrap_or_else(|error| panic!("{name}: {error}"))
            };
            assert!(matches(&serde_json::json!({"source": [source], "detail-type": [detail_type]})), "{name}");
            assert!(!matches(&serde_json::json!({"source": ["other"], "detail-type": [detail_type]})), "{name}");
        }
    }

    #[test]
    fn events_of_benchling_have_what_the_catalogue_says() {
        for (type_, _) in TYPES.iter().filter(|(_, standing)| *standing != Standing::WebhookOnly) {
            let detail = &sample(type_).unwrap()["detail"];
            assert_eq!((&detail["eventType"], &detail["deprecated"]), (&Value::from(*type_), &Value::from(false)));
            assert!(detail["id"].as_str().unwrap().starts_with("evt_"), "{type_}");
            let resource = resource_of(type_).unwrap();
            // Some events of a stage entry or worksheet hold an entry.
            let object = if detail[resource].is_object() { resource } else { "entry" };
            assert!(detail[object]["id"].is_string(), "{type_}: {object}");
            if carries_fields(type_) {
                let field = detail["updates"][0].as_str().unwrap().strip_prefix("fields.").unwrap().to_owned();
                assert!(detail[object]["fields"][&field].is_object(), "{type_}: {field}");
            }
            if detail[object]["schema"].is_object() && resource != "worksheet" {
                assert_eq!(detail["schema"], detail[object]["schema"], "{type_}");
            }
        }
    }

    #[test]
    fn an_unknown_name_suggests_known_ones() {
        for (wrong, right) in [
            ("v2.entity.created", "v2.entity.registered"),
            ("aws.s3/ObjectCreated", "aws.s3/Object Created"),
            ("aws.s3/object created", "aws.s3/Object Created"),
            ("Object Created", "aws.s3/Object Created"),
            ("aws.ecr", "aws.ecr/ECR Image Action, aws.ecr/ECR Image Scan"),
        ] {
            assert_eq!(suggestion(wrong).as_deref(), Some(right), "{wrong}");
        }
        assert_eq!(suggestion("OrderPlaced"), None);
    }
}
