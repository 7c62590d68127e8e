//! `BenchlingApp`: a Benchling app whose webhooks the gateway publishes to an event bus.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BusRef, CommonStatus};

/// Benchling app with webhooks. `tributary gateway` verifies each webhook and publishes it to the
/// event bus before it responds.
///
/// Rules reference the app, or its bus, in `busRef`. The object creates no AWS resources. When it
/// is deleted, the gateway rejects its webhooks.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "BenchlingApp",
    plural = "benchlingapps",
    doc = "Benchling app whose webhooks are published to an event bus.",
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
    validation = Rule::new("self.busRef == oldSelf.busRef").message("spec.busRef is immutable. Delete and recreate the object."),
    validation = Rule::new("self.busRef.kind == 'EventBus'").message("spec.busRef must reference an EventBus: only the partner can publish to the bus of a BenchlingSubscription. Set spec.busRef.kind to EventBus.")
)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingAppSpec {
    /// Benchling tenants in which the app is installed, such as `acme` for `acme.benchling.com`.
    /// The gateway rejects webhooks of other tenants. 1 to 20 entries of at most 63 characters.
    #[schemars(length(min = 1, max = 20), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = Rule::new("self.all(tenant, tenant.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'))").message("spec.tenants[] must be the first label of the tenant's host name, in lower case. For acme.benchling.com, set acme."))]
    pub tenants: Vec<String>,
    /// ID of the app definition in the Benchling Developer Console, such as `appdef_Fn1OZVKR`. Its
    /// public keys verify the webhooks. Maximum 128 characters.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub app_definition_id: String,
    /// OAuth client of the app. Defaults to none, which is sufficient for webhooks. `postgres`
    /// sinks and `BenchlingBackfill` objects use it to read from Benchling. The condition
    /// `CredentialsWork` reports whether Benchling accepts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<AppCredentials>,
    /// Path of the app's webhook URL at the gateway. The gateway also serves its subpaths `/event`,
    /// `/canvas`, and `/lifecycle`. Several apps can share a path. Defaults to `/1/webhooks`. 2 to
    /// 256 characters.
    #[serde(default = "default_path")]
    #[schemars(length(min = 2, max = 256), regex(pattern = r"^(/[A-Za-z0-9._~-]+)+$"))]
    pub path: String,
    /// `EventBus` that receives the webhooks. Immutable.
    pub bus_ref: BusRef,
}

fn default_path() -> String {
    "/1/webhooks".into()
}

/// OAuth client of a Benchling app, from "Create Client Secret" in the Benchling Developer Console.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppCredentials {
    /// Secret in the namespace of the app with the keys `BENCHLING_CLIENT_ID` and
    /// `BENCHLING_CLIENT_SECRET`.
    pub secret_ref: AppSecretRef,
}

/// Reference to a Secret in the namespace of the app.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppSecretRef {
    /// Name of the Secret. Maximum 253 characters.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Observed state of a `BenchlingApp`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingAppStatus {
    /// Status fields shared by all kinds.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// URL to enter as the Webhook URL in the Benchling Developer Console. Absent if the gateway's
    /// external URL is not configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Prefix of the `source` of the app's events. The name of the tenant follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_prefix: Option<String>,
    /// Webhook statistics. Written by `tributary gateway`.
    #[serde(default, skip_serializing)]
    pub webhooks: Option<WebhookStatus>,
}

/// Webhook statistics of all gateway replicas. Updated at most every few seconds.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookStatus {
    /// Number of public keys of the app that can verify a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub keys: Option<i64>,
    /// Time at which the public keys were last fetched from Benchling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_fetched_at: Option<Time>,
    /// Time at which an event was last published to the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event_time: Option<Time>,
    /// Number of webhooks that EventBridge accepted.
    #[serde(default)]
    pub accepted: i64,
    /// Number of webhooks that were accepted before and not published again.
    #[serde(default)]
    pub duplicates: i64,
    /// Number of webhooks that failed verification: the signature is missing or wrong, or the
    /// timestamp is outside the tolerance.
    #[serde(default)]
    pub refused: i64,
    /// Number of verified webhooks that EventBridge did not accept in time. Benchling sends them
    /// again.
    #[serde(default)]
    pub failed: i64,
    /// Number of accepted webhooks with an unknown event type.
    #[serde(default)]
    pub unknown_types: i64,
    /// Current problem and next step. Absent if there is no problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl BenchlingApp {
    /// `namespace/name` of its `EventBus`.
    pub fn bus_key(&self) -> String {
        let namespace = self.spec.bus_ref.namespace.as_deref().or(self.metadata.namespace.as_deref()).unwrap_or_default();
        format!("{namespace}/{}", self.spec.bus_ref.name)
    }
}
