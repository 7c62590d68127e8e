//! Benchmark, part 2d: waits until all objects are Ready, or gone, by one watch of the rules. Reads as little of each object as it can,
//! for its own work takes time from the operator.

use std::{collections::BTreeSet, time::Duration};

use axum::http::Request;
use futures::TryStreamExt;
use kube::{Client, api::WatchEvent};
use serde::Deserialize;

use crate::{Result, objects::NAMESPACE, say, standin::ACCOUNT};

const PATIENCE: Duration = Duration::from_mins(20);

#[derive(Clone, Debug, Deserialize)]
pub struct Seen {
    metadata: Meta,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Deserialize)]
struct Meta {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    generation: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    #[serde(default)]
    observed_generation: i64,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct List {
    pub metadata: ListMeta,
    pub items: Vec<Seen>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListMeta {
    pub resource_version: String,
}

impl Seen {
    fn is_ready(&self) -> bool {
        self.ready_generation() == Some(self.metadata.generation)
    }

    pub fn generation(&self) -> i64 {
        self.metadata.generation
    }

    /// The generation that is Ready.
    pub fn ready_generation(&self) -> Option<i64> {
        let ready = self.status.conditions.iter().find(|c| c.type_ == "Ready" && c.status == "True");
        ready.map(|condition| condition.observed_generation)
    }

    /// Namespace and name.
    pub fn key(&self) -> String {
        format!("{}/{}", self.metadata.namespace, self.metadata.name)
    }

    pub fn why(&self) -> String {
        let ready = self.status.conditions.iter().find(|condition| condition.type_ == "Ready");
        let text = ready.map_or_else(|| "no condition".to_owned(), |c| format!("{}: {}", c.reason, c.message));
        format!("{}: {text}", self.metadata.name)
    }
}

fn path(plural: &str) -> String {
    let namespace = if plural == "awsaccounts" { String::new() } else { format!("namespaces/{NAMESPACE}/") };
    format!("/apis/tributary.dev/v1alpha1/{namespace}{plural}")
}

async fn list(client: &Client, plural: &str) -> Result<List> {
    list_at(client, &path(plural)).await
}

pub async fn list_at(client: &Client, path: &str) -> Result<List> {
    Ok(client.request(Request::get(path).body(vec![])?).await?)
}

/// What is waited for. Made before the operator starts, so that nothing is missed.
pub struct Rules {
    client: Client,
    version: String,
    /// Rules that are not there yet.
    open: BTreeSet<String>,
    gone: bool,
}

impl Rules {
    /// All rules that are there now shall become Ready, or go.
    pub async fn shall(client: &Client, gone: bool) -> Result<Self> {
        let list = list(client, "eventrules").await?;
        let open = list.items.iter().filter(|rule| gone || !rule.is_ready()).map(|rule| rule.metadata.name.clone()).collect();
        Ok(Self { client: client.clone(), version: list.metadata.resource_version, open, gone })
    }

    /// Waits for the rules, then for the few other objects.
    pub async fn wait(mut self) -> Result<()> {
        let what = if self.gone { "gone" } else { "Ready" };
        if let Ok(result) = tokio::time::timeout(PATIENCE, self.follow()).await {
            result?;
        } else {
            let list = list(&self.client, "eventrules").await?;
            let example = list.items.iter().find(|rule| self.open.contains(&rule.metadata.name)).map(Seen::why).unwrap_or_default();
            return Err(format!("{} rules are not {what} after {PATIENCE:?}, such as {example}", self.open.len()).into());
        }
        let until = tokio::time::Instant::now() + PATIENCE;
        for plural in ["eventbuses", "eventsinks", "awsaccounts"] {
            loop {
                let left = list(&self.client, plural).await?.items;
                let left: Vec<_> = left.iter().filter(|object| self.gone || !object.is_ready()).map(Seen::why).collect();
                if left.is_empty() {
                    break;
                }
                if tokio::time::Instant::now() > until {
                    return Err(format!("{plural} of account {ACCOUNT} are not {what} after {PATIENCE:?}: {}", left.join("; ")).into());
                }
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        }
        Ok(())
    }

    async fn follow(&mut self) -> Result<()> {
        while !self.open.is_empty() {
            if let Err(error) = self.watch().await {
                say(&format!("the watch of the rules is taken up again: {error}"));
            }
            if self.open.is_empty() {
                break;
            }
            // The API server may end a watch at any time; what came in between is in the list.
            let now = Self::shall(&self.client, self.gone).await?;
            self.open.retain(|name| now.open.contains(name));
            self.version = now.version;
        }
        Ok(())
    }

    async fn watch(&mut self) -> Result<()> {
        let query = format!("{}?watch=1&resourceVersion={}&timeoutSeconds={}", path("eventrules"), self.version, PATIENCE.as_secs() + 10);
        let stream = self.client.request_events::<Seen>(Request::get(query).body(vec![])?).await?;
        let mut stream = std::pin::pin!(stream);
        while !self.open.is_empty() {
            match stream.try_next().await?.ok_or("it ended")? {
                WatchEvent::Added(rule) | WatchEvent::Modified(rule) if !self.gone && rule.is_ready() => {
                    self.open.remove(&rule.metadata.name);
                }
                WatchEvent::Deleted(rule) if self.gone => {
                    self.open.remove(&rule.metadata.name);
                }
                WatchEvent::Error(error) => return Err(format!("{error:?}").into()),
                _ => {}
            }
        }
        Ok(())
    }
}
