//! Publishing to one bus with the credentials of its `AwsAccount`, as it is at the moment of the call.

use std::sync::Arc;

use tributary_aws::{Answer, Entry, Session, Sessions};
use tributary_core::{error::ReconcileError, view::View};

use crate::{
    cluster::secrets::Secrets,
    gateway::routes::Bus,
    put_events::{PutError, PutEvents},
};

/// What publishing needs.
pub(crate) struct Aws {
    pub(crate) view: View,
    pub(crate) sessions: Sessions,
    pub(crate) secrets: Secrets,
}

/// The account and Region of a bus.
pub(crate) struct BusPublisher {
    aws: Arc<Aws>,
    /// Name of the `AwsAccount`.
    account: String,
    account_id: String,
    region: String,
}

impl BusPublisher {
    /// Returns the publisher to this bus.
    pub(crate) fn new(aws: Arc<Aws>, bus: &Bus) -> Self {
        Self {
            aws,
            account: bus.identity.account.clone(),
            account_id: bus.account.spec.account_id.clone(),
            region: bus.identity.region.clone(),
        }
    }

    async fn session(&self) -> Result<Session, ReconcileError> {
        let account = self.aws.view.account(&self.account);
        let account = account
            .filter(|account| account.spec.account_id == self.account_id)
            .ok_or_else(|| ReconcileError::transient(format!("AwsAccount {} not found, or its account id changed", self.account)))?;
        let keys = self.aws.secrets.keys_of(&account).await?;
        self.aws.sessions.open(&account, &self.region, keys).await
    }
}

impl PutEvents for BusPublisher {
    async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, PutError> {
        let session = self.session().await.map_err(|error| PutError::NotSent(error.to_string()))?;
        Ok(session.put(entries).await?)
    }
}
