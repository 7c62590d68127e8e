//! Where Benchling is. The installation configures it, never an object or an event.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// URL templates of the Benchling endpoints.
#[derive(Clone, Debug)]
pub struct Urls {
    /// Base URL of a tenant's API. `{tenant}` is replaced by the tenant's name.
    pub tenant: String,
    /// URL of an app's key set. `{app_definition_id}` is replaced by the id of its definition (benchling-sdk 1.25.0, `webhook_helpers`).
    pub keys: String,
}

impl Default for Urls {
    fn default() -> Self {
        Self {
            tenant: "https://{tenant}.benchling.com".into(),
            keys: "https://apps.benchling.com/api/v1/apps/{app_definition_id}/jwks".into(),
        }
    }
}

impl Urls {
    /// Returns the URL of a path of a tenant's API, such as `/api/v2/token`.
    pub fn of_tenant(&self, tenant: &str, path: &str) -> String {
        format!("{}{path}", self.tenant.replace("{tenant}", &encoded(tenant)).trim_end_matches('/'))
    }

    /// Returns the URL of the key set of an app definition.
    pub fn of_keys(&self, definition: &str) -> String {
        self.keys.replace("{app_definition_id}", &encoded(definition))
    }
}

fn encoded(text: &str) -> String {
    // The characters of ids and tenant names. Any other character could change the path or the host.
    const SET: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');
    utf8_percent_encode(text, SET).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_becomes_another_host_or_path() {
        let urls = Urls::default();
        assert_eq!(urls.of_tenant("acme", "/api/v2/token"), "https://acme.benchling.com/api/v2/token");
        assert_eq!(urls.of_tenant("evil.example/", "/x"), "https://evil%2Eexample%2F.benchling.com/x");
        assert_eq!(urls.of_keys("appdef_1"), "https://apps.benchling.com/api/v1/apps/appdef_1/jwks");
        assert_eq!(urls.of_keys("../x"), "https://apps.benchling.com/api/v1/apps/%2E%2E%2Fx/jwks");
    }
}
