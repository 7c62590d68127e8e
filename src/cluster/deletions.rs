//! Counts deletions in the status of an `AwsAccount`, as its `deletionBudget` says. Nothing else writes this field.

use std::collections::BTreeSet;

use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::sync::Mutex;
use tributary_api::{AwsAccount, CountedDeletion, GROUP, VERSION};
use tributary_core::{
    error::ReconcileError,
    gate::budget::{Admission, Exceeded, Receipt, admit},
    managed::Managed,
};

use crate::cluster::error::api_error;

/// Field manager of the counted deletions, so that a reconcile of the account leaves them as they are.
const MANAGER: &str = "tributary-deletions";

/// Counts deletions, one after the other.
pub(crate) struct DeletionCounter {
    client: Client,
    one_at_a_time: Mutex<()>,
}

impl DeletionCounter {
    /// A counter that reads and writes with this client.
    pub(crate) fn new(client: Client) -> Self {
        Self { client, one_at_a_time: Mutex::default() }
    }

    /// Counts the object, unless it is counted already. Reads the account from the API server, and writes on condition that it has not
    /// changed since: whoever counts at the same time, as a former leader may, has a conflict.
    ///
    /// # Errors
    /// The API server, above all with a conflict. Nothing is counted then.
    pub(crate) async fn count(
        &self,
        account: &str,
        object: &CountedDeletion,
        present: &BTreeSet<String>,
    ) -> Result<Result<Receipt, Exceeded>, ReconcileError> {
        let _one_at_a_time = self.one_at_a_time.lock().await;
        let api = Api::<AwsAccount>::all(self.client.clone());
        let live = api.get(account).await.map_err(api_error)?;
        match admit(&live, object, present) {
            Admission::Counted(receipt) => Ok(Ok(receipt)),
            Admission::Exceeded(exceeded) => Ok(Err(exceeded)),
            Admission::Room(deletions, receipt) => {
                let patch = json!({
                    "apiVersion": format!("{GROUP}/{VERSION}"),
                    "kind": AwsAccount::KIND,
                    "metadata": {"name": account, "resourceVersion": live.resource_version()},
                    "status": {"deletions": deletions},
                });
                api.patch_status(account, &PatchParams::apply(MANAGER).force(), &Patch::Apply(patch)).await.map_err(api_error)?;
                Ok(Ok(receipt))
            }
        }
    }
}
