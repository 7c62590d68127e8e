//! The stand-in for Benchling, and one tenant of it: its apps, what it holds, its faults, its signed webhooks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{aws::http, bed::Bed, product::Urls, world::World};

/// One tenant; another test has another one.
#[derive(Clone)]
pub struct Benchling {
    /// URL of the stand-in.
    pub url: String,
    /// Name of the tenant.
    pub tenant: String,
    /// A client for requests to the stand-in and to webhooks.
    pub http: reqwest::Client,
}

impl Benchling {
    /// The world's own tenant.
    pub fn of(world: &World) -> Self {
        Self { url: Bed::get().benchling.clone(), tenant: format!("t{}", world.aws.account), http: http() }
    }

    /// Where the product finds this tenant.
    pub fn urls(&self) -> Urls {
        Urls { tenant: format!("{}/{{tenant}}", self.url), keys: format!("{}/api/v1/apps/{{app_definition_id}}/jwks", self.url) }
    }

    /// A wish about this tenant, unless it names another.
    pub async fn control(&self, control: &str, mut wish: Value) -> Value {
        wish.as_object_mut().unwrap().entry("tenant").or_insert_with(|| json!(self.tenant));
        self.ask(control, &wish).await
    }

    async fn ask(&self, control: &str, wish: &Value) -> Value {
        let answer = self.http.post(format!("{}/_emu/{control}", self.url)).body(wish.to_string()).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{control} {wish}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// What the stand-in recorded of this tenant.
    pub async fn get(&self, control: &str, query: &str) -> Value {
        let url = format!("{}/_emu/{control}?tenant={}&{query}", self.url, self.tenant);
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// Installs an app, or changes it.
    pub async fn app(&self, wish: Value) -> Value {
        self.control("apps", wish).await
    }

    /// A fault of the paths that this regular expression fits, of whatever tenant.
    pub async fn fault(&self, path: &str, mut wish: Value) {
        wish["path"] = json!(path);
        self.ask("faults", &wish).await;
    }

    /// The same of paths of the tenant's API.
    pub async fn own_fault(&self, path: &str, wish: Value) {
        self.fault(&format!("^/{}{path}", self.tenant), wish).await;
    }

    /// Removes the faults of this path.
    pub async fn forget_fault(&self, path: &str) {
        let answer = self.http.delete(format!("{}/_emu/faults?path={path}", self.url)).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// Requests of the tenant's API whose path has this in it.
    pub async fn requests(&self, path: &str) -> Vec<Value> {
        self.get("requests", &format!("path=/{}/.*{path}", self.tenant)).await["requests"].as_array().unwrap().clone()
    }

    /// Entities as Benchling has them from now on.
    pub async fn entities(&self, collection: &str, entities: Vec<Value>) {
        self.control("entities", json!({"collection": collection, "entities": entities})).await;
    }

    /// Webhooks of the app, signed now.
    pub async fn sign(&self, app: &Value, mut wish: Value) -> Vec<Webhook> {
        wish["appDefinitionId"] = app["appDefinitionId"].clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let made = self.control("sign", wish).await;
        let read = |row: &Value| Webhook {
            id: text(&row["id"]),
            event: text(&row["eventId"]),
            headers: serde_json::from_value(row["headers"].clone()).unwrap(),
            body: text(&row["body"]),
        };
        made["webhooks"].as_array().unwrap().iter().map(read).collect()
    }
}

/// A signed webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The id in its `webhook-id` header.
    pub id: String,
    /// Id of the event in it.
    pub event: String,
    /// Headers, the signature among them.
    pub headers: BTreeMap<String, String>,
    /// The signed body.
    pub body: String,
}

impl Webhook {
    /// Status and text; status 0 where no answer came.
    pub async fn post(&self, http: &reqwest::Client, url: &str) -> (u16, String) {
        let mut request = http.post(url).body(self.body.clone());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
            Err(error) => (0, error.to_string()),
        }
    }
}
