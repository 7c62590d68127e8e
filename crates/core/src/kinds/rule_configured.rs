//! `spec.benchling.schemas.configured` of a rule: schemas that a tenant admin chooses in Benchling, in the
//! configuration of the app (ADR 0032). The operator reads the choice before it computes the desired
//! state.

use serde_json::Value;

use tributary_api::{BusKind, EventRule};

use crate::{benchling::schema_pattern, managed::ConfiguredFrom};

/// The field with the paths.
const FIELD: &str = "spec.benchling.schemas.configured";

/// Returns the paths of the rule, and the app in whose configuration they are.
pub(super) fn from(rule: &EventRule) -> Option<ConfiguredFrom<'_>> {
    let paths = &rule.spec.benchling.as_ref()?.schemas.as_ref()?.configured;
    // Admission accepts no other kind with them. Without an app, the placeholders match no schema.
    let is_of_app = rule.spec.bus_ref.kind == BusKind::BenchlingApp;
    (!paths.is_empty() && is_of_app).then_some(ConfiguredFrom { app: &rule.spec.bus_ref.name, field: FIELD, paths })
}

/// Returns the rule with the IDs in the place of the paths.
pub(super) fn with(rule: &EventRule, schema_ids: Vec<String>) -> EventRule {
    let mut rule = rule.clone();
    if let Some(schemas) = rule.spec.benchling.as_mut().and_then(|shorthand| shorthand.schemas.as_mut()) {
        schemas.configured.clear();
        schemas.ids.extend(schema_ids);
    }
    rule
}

/// Returns the pattern that tests are evaluated against: with placeholders in the place of the IDs, so
/// that the same test has the same result in each tenant, and without Benchling.
pub(super) fn tested_pattern(rule: &EventRule, pattern: Option<Value>) -> Option<Value> {
    let mut pattern = pattern?;
    let schemas = from(rule).and(rule.spec.benchling.as_ref()).and_then(|shorthand| shorthand.schemas.as_ref());
    if let Some(schema) = schemas.and_then(schema_pattern) {
        pattern["detail"]["schema"] = schema;
    }
    Some(pattern)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::benchling::compile_webhook;

    fn rule(schemas: &Value) -> EventRule {
        let spec = json!({"busRef": {"kind": "BenchlingApp", "name": "lims"}, "benchling": {"schemas": schemas}});
        serde_json::from_value(json!({"metadata": {"namespace": "ns", "name": "r"}, "spec": spec})).unwrap()
    }

    fn pattern(rule: &EventRule) -> Value {
        compile_webhook(rule.spec.benchling.as_ref().unwrap(), "benchling.webhook/ns/lims/").into()
    }

    #[test]
    fn the_pattern_has_the_chosen_schemas_and_tests_have_placeholders() {
        let written = rule(&json!({"ids": ["ts_1"], "configured": [{"path": ["Sample"]}]}));
        assert_eq!(from(&written).unwrap().app, "lims");
        let resolved = with(&written, vec!["ts_2".into(), "ts_1".into()]);
        assert!(from(&resolved).is_none());
        assert_eq!(pattern(&resolved)["detail"]["schema"], json!({"id": ["ts_1", "ts_2"]}));
        let tested = tested_pattern(&written, Some(pattern(&resolved))).unwrap();
        assert_eq!(tested["detail"]["schema"], json!({"id": ["ts_1", "configured:Sample"]}));
        assert_eq!(tested, pattern(&written), "as `tributary test` has it");
    }

    #[test]
    fn other_rules_are_as_they_are() {
        for schemas in [json!({}), json!({"ids": ["ts_1"]})] {
            let written = rule(&schemas);
            assert!(from(&written).is_none());
            assert_eq!(tested_pattern(&written, Some(pattern(&written))), Some(pattern(&written)));
        }
        assert_eq!(tested_pattern(&rule(&json!({})), None), None);
    }
}
