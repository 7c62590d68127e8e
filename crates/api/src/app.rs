//! `BenchlingApp`: an app in Benchling whose webhooks the gateway takes and puts on a bus.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BusRef, CommonStatus};

/// An app in Benchling with webhooks: `tributary gateway` verifies them and puts each on the bus before it answers. Rules name the app, or its
/// bus, in `busRef`. The object makes nothing in AWS; deleting it ends the taking of its webhooks.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "BenchlingApp",
    plural = "benchlingapps",
    shortname = "bapp",
    category = "tributary",
    namespaced,
    status = "BenchlingAppStatus",
    derive = "PartialEq",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url"),
    printcolumn(name = "Credentials", type_ = "string", json_path = ".status.conditions[?(@.type==\"CredentialsWork\")].status"),
    printcolumn(name = "Keys", type_ = "integer", json_path = ".status.webhooks.keys"),
    printcolumn(name = "Accepted", type_ = "integer", json_path = ".status.webhooks.accepted"),
    printcolumn(name = "Last-Event", type_ = "date", json_path = ".status.webhooks.lastEventTime"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Bus", type_ = "string", json_path = ".status.identity.name", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[x_kube(
    validation = Rule::new("self.busRef == oldSelf.busRef").message("busRef is immutable: make another BenchlingApp"),
    validation = Rule::new("self.busRef.kind == 'EventBus'").message("busRef names an EventBus: only the partner puts events on the bus of a BenchlingSubscription")
)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingAppSpec {
    /// Names of the tenants that the app is installed in: `acme` of `acme.benchling.com`. Webhooks of other tenants are refused.
    #[schemars(length(min = 1, max = 20), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = Rule::new("self.all(tenant, tenant.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'))").message("a tenant is the first part of its host name alone, in small letters: acme of acme.benchling.com"))]
    pub tenants: Vec<String>,
    /// The app's definition, such as `appdef_Fn1OZVKR`, as Benchling's Developer Console shows it. Its keys verify the webhooks.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub app_definition_id: String,
    /// The app's OAuth client. Webhooks need none; it is checked, and who reads objects from Benchling uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<AppCredentials>,
    /// Path of the app's URL at the gateway; what is below it (`/event`, `/canvas`, `/lifecycle`) is served too. Apps may share one.
    #[serde(default = "default_path")]
    #[schemars(length(min = 2, max = 256), regex(pattern = r"^(/[A-Za-z0-9._~-]+)+$"))]
    pub path: String,
    /// The `EventBus` that the webhooks are put on.
    pub bus_ref: BusRef,
}

fn default_path() -> String {
    "/1/webhooks".into()
}

/// The client of an app, as `Create Client Secret` in Benchling's Developer Console shows it.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppCredentials {
    /// A Secret of the app's namespace with `BENCHLING_CLIENT_ID` and `BENCHLING_CLIENT_SECRET`.
    pub secret_ref: AppSecretRef,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppSecretRef {
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingAppStatus {
    #[serde(flatten)]
    pub common: CommonStatus,
    /// The URL to enter in Benchling's Developer Console as Webhook URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What events of the app have as `source`: this, and the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_prefix: Option<String>,
    /// What the gateway tells. Its own field manager writes it, so the operator only reads it.
    #[serde(default, skip_serializing)]
    pub webhooks: Option<WebhookStatus>,
}

/// What became of the app's webhooks, over all replicas of the gateway; written at most every few seconds.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookStatus {
    /// Keys of the app's set that can verify a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub keys: Option<i64>,
    /// When the key set was last fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_fetched_at: Option<Time>,
    /// When an event was last put on the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event_time: Option<Time>,
    /// Webhooks that EventBridge accepted.
    #[serde(default)]
    pub accepted: i64,
    /// Webhooks that had been accepted before, and were not put again.
    #[serde(default)]
    pub duplicates: i64,
    /// Webhooks that were not verified: a signature that is missing or wrong, a time too far from now.
    #[serde(default)]
    pub refused: i64,
    /// Verified webhooks that EventBridge did not accept in time; Benchling sends them again.
    #[serde(default)]
    pub failed: i64,
    /// Accepted webhooks of a type that nobody knows.
    #[serde(default)]
    pub unknown_types: i64,
    /// What is wrong now, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl BenchlingApp {
    /// `namespace/name` of its `EventBus`.
    pub fn bus_key(&self) -> String {
        let namespace = self.spec.bus_ref.namespace.as_deref().or(self.metadata.namespace.as_deref()).unwrap_or_default();
        format!("{namespace}/{}", self.spec.bus_ref.name)
    }

    /// Whether webhooks of the same app and tenant would arrive for both on the same path.
    pub fn collides(&self, other: &Self) -> bool {
        self.spec.app_definition_id == other.spec.app_definition_id
            && self.spec.path == other.spec.path
            && self.spec.tenants.iter().any(|tenant| other.spec.tenants.contains(tenant))
    }
}
