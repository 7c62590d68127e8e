//! Benchmark, part 2b: requests of the operator to Kubernetes, counted in the API server's audit log.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::PathBuf,
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Result;

pub struct Audit {
    path: PathBuf,
    user: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    stage: String,
    verb: String,
    user: User,
    #[serde(default)]
    object_ref: Option<Object>,
    #[serde(default)]
    response_status: Option<Status>,
    request_received_timestamp: Timestamp,
    stage_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

/// Number and mean duration by verb and resource.
#[derive(Default)]
pub struct Requests(BTreeMap<String, (usize, Duration)>);

impl Audit {
    pub fn new(path: PathBuf, user: &'static str) -> Self {
        Self { path, user }
    }

    /// Where the log ends now.
    pub fn mark(&self) -> Result<u64> {
        Ok(std::fs::metadata(&self.path)?.len())
    }

    /// The operator's requests since the mark that have been answered; a watch counts when it begins.
    pub fn since(&self, mark: u64) -> Result<Requests> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(mark))?;
        let mut requests = Requests::default();
        for line in BufReader::new(file).lines() {
            // The last line may be half written.
            let Ok(line) = serde_json::from_str::<Line>(&line?) else { continue };
            let counts = if line.verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
            if line.stage != counts || line.user.username != self.user {
                continue;
            }
            requests.add(&line);
        }
        Ok(requests)
    }
}

impl Requests {
    fn add(&mut self, line: &Line) {
        let mut key = line.verb.clone();
        if let Some(object) = &line.object_ref {
            key = format!("{key} {}", object.resource);
            key.extend(object.subresource.iter().map(|name| format!("/{name}")));
        }
        let code = line.response_status.as_ref().map_or(0, |status| status.code);
        if code >= 400 {
            key = format!("{key} ({code})");
        }
        let entry = self.0.entry(key).or_default();
        entry.0 += 1;
        entry.1 += Duration::try_from(line.stage_timestamp.duration_since(line.request_received_timestamp)).unwrap_or_default();
    }

    /// All requests but those for the lease of the leader, whose number depends on the time only.
    pub fn total(&self) -> usize {
        self.0.iter().filter(|(key, _)| !key.contains(" leases")).map(|(_, (count, _))| count).sum()
    }

    /// Writes to objects. The lease of the leader is renewed whatever happens, and is none of them.
    pub fn writes(&self) -> usize {
        let is_write = |key: &str| !["get ", "list ", "watch "].iter().any(|read| key.starts_with(read)) && !key.contains(" leases");
        self.0.iter().filter(|(key, _)| is_write(key)).map(|(_, (count, _))| count).sum()
    }

    pub fn json(&self) -> Value {
        let row = |(key, (count, time)): (&String, &(usize, Duration))| {
            let mean = time.as_secs_f64() * 1_000.0 / f64::from(u32::try_from(*count).unwrap_or(u32::MAX).max(1));
            (key.clone(), json!({"count": count, "meanMs": (mean * 10.0).round() / 10.0}))
        };
        Value::Object(self.0.iter().map(row).collect())
    }
}
