//! The event of a test: where it comes from, and the fields of the envelope that it may omit.

use serde_json::{Map, Value, json};

use tributary_api::{ConfigMapKeyRef, RuleTest};

use super::{ConfigMapValues, Subject, TEST_ACCOUNT, TEST_REGION, TEST_TIME};
use crate::{
    benchling::{SOURCE_PREFIX, WEBHOOK_SOURCE},
    samples,
};

/// `id` of test events.
const TEST_ID: &str = "00000000-0000-0000-0000-000000000000";
/// `source` of test events on a bus with several sources.
const TEST_SOURCE: &str = "tributary.test";
/// `detail-type` of test events that are not Benchling's.
const TEST_DETAIL_TYPE: &str = "Test";

/// `source` of the events of a schedule (EventBridge User Guide, "Creating a scheduled rule").
pub const SCHEDULED_SOURCE: &str = "aws.events";
/// `detail-type` of the events of a schedule.
pub const SCHEDULED_DETAIL_TYPE: &str = "Scheduled Event";

/// Whether the event is one of a schedule. Its `resources` are not compared: samples name a rule of
/// their own.
pub(super) fn is_scheduled(event: &Value) -> bool {
    event["source"] == SCHEDULED_SOURCE && event["detail-type"] == SCHEDULED_DETAIL_TYPE
}

/// Returns the event of the test, complete.
///
/// # Errors
/// There is no such event. The text has the cause and the next step.
pub fn resolve(test: &RuleTest, subject: &Subject, values: &ConfigMapValues) -> Result<Value, String> {
    let given = [test.event.is_some(), test.event_from.is_some(), test.sample.is_some()];
    if given.iter().filter(|given| **given).count() != 1 {
        return Err("set exactly one of event, eventFrom, and sample.".into());
    }
    if let Some(key) = test.config_map_key() {
        return Ok(complete(from_config_map(key, values)?, subject));
    }
    if let Some(type_) = &test.sample {
        return sample(type_, subject).ok_or_else(|| {
            let near = samples::suggestion(type_).map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
            format!("sample: unknown type {type_:?}.{near} `tributary sample --list` prints all types.")
        });
    }
    Ok(complete(test.event.clone().unwrap_or_default(), subject))
}

fn from_config_map(ConfigMapKeyRef { name, key }: &ConfigMapKeyRef, values: &ConfigMapValues) -> Result<Map<String, Value>, String> {
    let field = "eventFrom.configMapKeyRef";
    let reference = ConfigMapKeyRef { name: name.clone(), key: key.clone() };
    let text = match values.get(&reference) {
        Some(Ok(text)) => text,
        Some(Err(why)) => return Err(format!("{field}: ConfigMap {name}: {why}")),
        None => return Err(format!("{field}: ConfigMap {name} not found, or it has no key {key}. Create it or correct the reference.")),
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(event)) => Ok(event),
        Ok(_) => Err(format!("{field}: key {key} of ConfigMap {name} is not a JSON object. Correct it.")),
        Err(error) => Err(format!("{field}: key {key} of ConfigMap {name} is not JSON: {error}. Correct it.")),
    }
}

/// A sample as the rule's bus would have it. Events of Benchling get the source of the bus, and a
/// rule of a `BenchlingApp` gets the webhook of the type.
fn sample(type_: &str, subject: &Subject) -> Option<Value> {
    let source = subject.source.as_deref();
    let by_webhook = source.filter(|source| source.starts_with(WEBHOOK_SOURCE)).map(|_| format!("{WEBHOOK_SOURCE}{type_}"));
    let mut event = by_webhook.and_then(|name| samples::sample(&name)).or_else(|| samples::sample(type_))?;
    let is_benchling = |source: &str| source.starts_with(SOURCE_PREFIX) || source.starts_with(WEBHOOK_SOURCE);
    if let Some(source) = source
        && event["source"].as_str().is_some_and(is_benchling)
    {
        event["source"] = source.into();
    }
    Some(event)
}

/// Adds the fields of the envelope that the event omits. The rule's account, Region and the present
/// time are not used: the same test would have different results.
///
/// | field | value |
/// |---|---|
/// | `version` | `"0"` |
/// | `id` | `00000000-0000-0000-0000-000000000000` |
/// | `source` | that of the partner event bus or app; `aws.events` for a rule with only a schedule; otherwise `tributary.test` |
/// | `detail-type` | `detail.eventType`; `Scheduled Event` for a rule with only a schedule; otherwise `Test` |
/// | `account` | `123456789012` |
/// | `time` | `2026-01-01T00:00:00Z` |
/// | `region` | `us-east-1` |
/// | `resources` | `[]`; the rule's ARN for a rule with only a schedule |
/// | `detail` | `{}` |
pub fn complete(mut event: Map<String, Value>, subject: &Subject) -> Value {
    let only_schedule = subject.is_scheduled && subject.pattern.is_none();
    let (source, detail_type, resources) = if only_schedule {
        (SCHEDULED_SOURCE, SCHEDULED_DETAIL_TYPE, json!([subject.rule_arn()]))
    } else {
        let type_ = event.get("detail").and_then(|detail| detail["eventType"].as_str());
        (subject.source.as_deref().unwrap_or(TEST_SOURCE), type_.unwrap_or(TEST_DETAIL_TYPE), json!([]))
    };
    let defaults = json!({
        "version": "0", "id": TEST_ID, "source": source, "detail-type": detail_type, "account": TEST_ACCOUNT, "time": TEST_TIME,
        "region": TEST_REGION, "resources": resources, "detail": {},
    });
    for (field, value) in defaults.as_object().into_iter().flatten() {
        event.entry(field.clone()).or_insert_with(|| value.clone());
    }
    Value::Object(event)
}
