//! Facts about buses and API destinations as targets.

use tributary_core::{delivery::TargetFacts, error::ReconcileError, names::Arn};

use crate::client::session::Session;

/// Connections in these states send requests.
const AUTHORIZED: [&str; 2] = ["AUTHORIZED", "ACTIVE"];

impl Session {
    /// Returns what delivery to the bus or API destination depends on.
    pub(crate) async fn event_target_facts(&self, arn: &str, resource: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        if resource.starts_with("api-destination/") {
            return self.read_destination(arn, resource).await;
        }
        Ok(self.bus(resource.trim_start_matches("event-bus/")).await?.map(|_| TargetFacts::default()))
    }

    /// A recreated API destination has another ARN, so that the target's ARN refers to nothing.
    async fn read_destination(&self, arn: &str, resource: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        let name = |resource: &str| resource.split('/').nth(1).unwrap_or_default().to_owned();
        let Some(destination) = self.http_destination(&name(resource)).await?.filter(|found| found.arn.starts_with(arn)) else {
            return Ok(None);
        };
        let connection = Arn::parse(&destination.connection_arn).map(|arn| name(arn.resource)).unwrap_or_default();
        let unauthorized = match self.connection(&connection).await? {
            Some(connection) => Some(connection.state).filter(|state| !AUTHORIZED.contains(&state.as_str())),
            None => Some("deleted".to_owned()),
        };
        Ok(Some(TargetFacts { unauthorized, ..TargetFacts::default() }))
    }
}
