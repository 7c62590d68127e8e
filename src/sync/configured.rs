//! Schemas that are chosen in Benchling: resolves `configuredSchemas` with the configuration of the app.

use tributary_api::{BenchlingApp, ConfiguredSchema};
use tributary_benchling::{ConfigItem, TenantClient, choice};

use crate::sync::{
    error::{SyncError, SyncErrorReason},
    message::Schema,
    spec::kind,
};

/// Reads the configuration and returns the chosen schemas. Makes no request if the spec has no such schemas.
///
/// # Errors
/// Benchling cannot be read, or an item is missing or has no choice yet.
pub(crate) async fn schemas(client: &TenantClient, app: &BenchlingApp, wanted: &[ConfiguredSchema]) -> Result<Vec<Schema>, SyncError> {
    if wanted.is_empty() {
        return Ok(vec![]);
    }
    let items = client.configuration(&app.spec.app_definition_id).await?;
    wanted.iter().enumerate().map(|(index, schema)| resolve(index, schema, &items, client.tenant())).collect()
}

fn resolve(index: usize, wanted: &ConfiguredSchema, items: &[ConfigItem], tenant: &str) -> Result<Schema, SyncError> {
    let error = |what: &str, path: &[String], field: &str| {
        let at = format!("spec.postgres.configuredSchemas[{index}].{field}: {}", path.join(" > "));
        SyncError::new(SyncErrorReason::AppNotConfigured, format!("{at} {what}"))
    };
    let find = |path: &[String], type_: &str, field: &str| choice(items, path, type_, tenant).map_err(|what| error(&what, path, field));
    let id = find(&wanted.path, "entity_schema", "path")?.id.to_owned();
    let field = match wanted.field_path.as_slice() {
        [] => None,
        path => Some(find(path, "field", "fieldPath")?.name.ok_or_else(|| {
            let what = format!("is not accessible to the app in tenant {tenant}. A tenant admin gives the app access to the chosen field.");
            error(&what, path, "fieldPath")
        })?),
    };
    Ok(Schema { id, kind: wanted.kind.map(kind), field: field.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(path: &[&str], type_: &str, value: Option<&str>, name: Option<&str>) -> ConfigItem {
        let text = |text: Option<&str>| text.map(str::to_owned);
        ConfigItem { path: path.iter().map(|part| (*part).to_owned()).collect(), type_: type_.into(), value: text(value), name: text(name) }
    }

    fn wanted(path: &[&str], field_path: &[&str]) -> ConfiguredSchema {
        let owned = |path: &[&str]| path.iter().map(|part| (*part).to_owned()).collect();
        ConfiguredSchema { path: owned(path), field_path: owned(field_path), kind: None }
    }

    #[test]
    fn a_path_means_what_was_chosen_for_it() {
        let items = [
            item(&["Sample"], "entity_schema", Some("ts_1"), Some("Plasmid")),
            item(&["Sample", "Result"], "field", Some("tsf_1"), Some("Notes")),
            item(&["Open"], "entity_schema", None, None),
            item(&["Sample", "Hidden"], "field", Some("tsf_2"), None),
        ];
        let of = |wanted: ConfiguredSchema| resolve(0, &wanted, &items, "acme");
        let schema = of(wanted(&["Sample"], &["Sample", "Result"])).unwrap();
        assert_eq!((schema.id.as_str(), schema.field.as_deref()), ("ts_1", Some("Notes")));
        assert_eq!(of(wanted(&["Sample"], &[])).unwrap().field, None);
        for (wrong, says) in [
            (wanted(&["Open"], &[]), "has no choice yet"),
            (wanted(&["Other"], &[]), "is no item of type entity_schema"),
            (wanted(&["Sample", "Result"], &[]), "is no item of type entity_schema"),
            (wanted(&["Sample"], &["Sample", "Hidden"]), "is not accessible"),
        ] {
            let error = of(wrong).unwrap_err();
            assert_eq!(error.reason, SyncErrorReason::AppNotConfigured);
            assert!(error.message.contains(says) && error.message.contains("configuredSchemas[0]"), "{}", error.message);
        }
    }
}
