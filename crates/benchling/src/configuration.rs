//! The configuration of an app: what a tenant admin chose for the items in the manifest of the app (Benchling, "App Configuration").

use serde_json::Value;

use crate::{
    error::{BenchlingError, BenchlingErrorReason, message_of},
    tenant::TenantClient,
};

/// Items of one page, the maximum.
const PAGE_SIZE: &str = "100";
/// Most pages that are read. An app has few items.
const MAX_PAGES: usize = 20;

/// An item of the configuration (`AppConfigItem` in Benchling's v2 API).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigItem {
    /// Names from the top of the manifest's `configuration` down to the item, such as `["My Schema 1", "My Field 1"]`.
    pub path: Vec<String>,
    /// Type of the item, such as `entity_schema` or `field`.
    pub type_: String,
    /// What the admin chose, such as the id of a schema. `None` until then.
    pub value: Option<String>,
    /// Name of the chosen object. `None` if nothing is chosen, or the app has no access to it.
    pub name: Option<String>,
}

/// What a tenant admin chose for an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// ID of the chosen object.
    pub id: &'a str,
    /// Its name. `None` if the app has no access to it.
    pub name: Option<&'a str>,
}

/// Returns the choice for the item of this path and type. Items of different types can have one path.
///
/// # Errors
/// There is no such item, or nothing is chosen: what, to be read after the path, and the next step.
pub fn choice<'a>(items: &'a [ConfigItem], path: &[String], type_: &str, tenant: &str) -> Result<Choice<'a>, String> {
    let item = items.iter().find(|item| item.path == path && item.type_ == type_).ok_or_else(|| {
        format!(
            "is no item of type {type_} in the configuration of the app in tenant {tenant}. Add it to the manifest of the app, or correct the path."
        )
    })?;
    let id = item.value.as_deref().ok_or_else(|| {
        format!("has no choice yet in tenant {tenant}. A tenant admin opens the app in Benchling, tab Configuration, and chooses one.")
    })?;
    Ok(Choice { id, name: item.name.as_deref() })
}

impl TenantClient {
    /// Lists the configuration of the installation of an app definition in the tenant.
    ///
    /// # Errors
    /// The app is not installed or is installed several times, or see [`BenchlingErrorReason`].
    pub async fn configuration(&self, definition: &str) -> Result<Vec<ConfigItem>, BenchlingError> {
        let app_id = self.installation(definition).await?;
        let items = self.list("/api/v2/app-configuration-items", "appConfigurationItems", ("appId", &app_id)).await?;
        Ok(items.iter().filter_map(item).collect())
    }

    /// Returns the id (`app_...`) of the installation of an app definition in the tenant. Archived installations do not count.
    ///
    /// # Errors
    /// The app is not installed or is installed several times, or see [`BenchlingErrorReason`].
    async fn installation(&self, definition: &str) -> Result<String, BenchlingError> {
        let apps = self.list("/api/v2/apps", "apps", ("appDefinitionId", definition)).await?;
        let installed = |app: &&Value| app.get("archiveRecord").is_none_or(Value::is_null);
        let ids: Vec<_> = apps.iter().filter(installed).filter_map(|app| app.get("id")?.as_str()).collect();
        match ids.as_slice() {
            [id] => Ok((*id).to_owned()),
            found => Err(BenchlingError::new(
                BenchlingErrorReason::AppNotPermitted,
                format!(
                    "tenant {} shows the app {} installations of definition {definition}, and one is required. Install the app there, or correct spec.appDefinitionId of the BenchlingApp.",
                    self.tenant(),
                    found.len()
                ),
            )),
        }
    }

    /// Reads all pages of a list.
    async fn list(&self, path: &str, list: &str, filter: (&str, &str)) -> Result<Vec<Value>, BenchlingError> {
        let encoded = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let (mut all, mut token) = (Vec::new(), String::new());
        for _ in 0..MAX_PAGES {
            let next = if token.is_empty() { String::new() } else { format!("&nextToken={}", encoded(&token)) };
            let (status, mut body) = self.get(&format!("{path}?pageSize={PAGE_SIZE}&{}={}{next}", filter.0, encoded(filter.1))).await?;
            let Some(Value::Array(items)) = body.get_mut(list).map(Value::take).filter(|_| status == 200) else {
                return Err(self.list_error(path, status, &body));
            };
            all.extend(items);
            body.get("nextToken").and_then(Value::as_str).unwrap_or_default().clone_into(&mut token);
            if token.is_empty() {
                break;
            }
        }
        Ok(all)
    }

    fn list_error(&self, path: &str, status: u16, body: &Value) -> BenchlingError {
        let what = format!("{path} of tenant {} answered {status}: {}", self.tenant(), message_of(body));
        match status {
            403 | 404 => BenchlingError::new(
                BenchlingErrorReason::AppNotPermitted,
                format!("{what}. The app needs access to itself and its configuration: check its installation in the tenant."),
            ),
            400 => BenchlingError::new(
                BenchlingErrorReason::RequestRejected,
                format!("{what}. Correct spec.appDefinitionId of the BenchlingApp."),
            ),
            _ => BenchlingError::unavailable(format!("{what}. The request is retried automatically.")),
        }
    }
}

/// Reads an item. One without path or type is skipped.
fn item(item: &Value) -> Option<ConfigItem> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let path = item.get("path")?.as_array()?.iter().map(|part| text(Some(part))).collect::<Option<Vec<_>>>()?;
    Some(ConfigItem {
        path,
        type_: text(item.get("type"))?,
        value: text(item.get("value")),
        name: item.get("linkedResource").and_then(|resource| text(resource.get("name"))),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_may_be_without_a_choice_or_access() {
        let chosen = json!({"path": ["S", "F"], "type": "field", "value": "tsf_1", "linkedResource": {"id": "tsf_1", "name": "Notes"}});
        let read = item(&chosen).unwrap();
        assert_eq!((read.path, read.value.as_deref(), read.name.as_deref()), (vec!["S".into(), "F".into()], Some("tsf_1"), Some("Notes")));
        let open = item(&json!({"path": ["S"], "type": "entity_schema", "value": null, "linkedResource": null})).unwrap();
        assert_eq!((open.value, open.name), (None, None));
        let inaccessible =
            json!({"path": ["S"], "type": "entity_schema", "value": "ts_1", "linkedResource": {"resourceType": "inaccessible_resource"}});
        assert_eq!(item(&inaccessible).unwrap().name, None);
        for other in [json!({}), json!({"path": "S", "type": "x"}), json!({"path": [1], "type": "x"})] {
            assert_eq!(item(&other), None);
        }
    }
}
