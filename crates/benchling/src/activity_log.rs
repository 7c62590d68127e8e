//! The activity log: sessions of an app that people see in Benchling (`app-sessions` of the v2 API).

use serde_json::{Value, json};

use crate::{
    error::{BenchlingError, message_of},
    tenant::TenantClient,
};

/// After this, Benchling ends a session that was not completed.
const SESSION_TIMEOUT_SECONDS: u32 = 60;

impl TenantClient {
    /// Records a finished run in the app's activity log, with a line per failure and success.
    ///
    /// The status values are those of `AppSessionUpdateStatus` and `AppSessionMessageStyle` of the v2 API.
    ///
    /// # Errors
    /// Benchling did not take the session, or could not be reached.
    pub async fn record_activity(&self, app: &str, name: &str, failed: &[String], done: &[String]) -> Result<(), BenchlingError> {
        let session = json!({"appId": app, "name": name, "timeoutSeconds": SESSION_TIMEOUT_SECONDS});
        let (status, body) = self.send(reqwest::Method::POST, "/api/v2/app-sessions", Some(session)).await?;
        let id = body
            .get("id")
            .and_then(Value::as_str)
            .filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)));
        let Some(id) = id.filter(|_| status < 300) else {
            return Err(BenchlingError::unavailable(format!("the activity log answered {status}: {}", message_of(&body))));
        };
        let outcome = match (failed, done) {
            ([], _) => "SUCCEEDED",
            (_, []) => "FAILED",
            _ => "COMPLETED_WITH_WARNINGS",
        };
        let styled = |lines: &[String], style| lines.iter().map(|line| json!({"content": line, "style": style})).collect::<Vec<_>>();
        let messages = [styled(failed, "ERROR"), styled(done, "SUCCESS")].concat();
        let end = json!({"status": outcome, "messages": messages});
        self.send(reqwest::Method::PATCH, &format!("/api/v2/app-sessions/{id}"), Some(end)).await.map(drop)
    }
}
