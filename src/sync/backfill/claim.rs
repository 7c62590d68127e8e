//! A claim on a backfill. Every write of its status has a precondition, so only one replica writes it. A replica whose claim is not
//! renewed in time sends nothing before it has renewed the claim.

use std::time::{Duration, Instant};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::MicroTime, jiff::Timestamp};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::sync::Mutex;

use tributary_api::{BackfillClaim, BackfillState, BenchlingBackfill, BenchlingBackfillStatus};
use tributary_core::{conditions::Outcome, guarded::Guarded};

use crate::sync::{
    backfill::{
        progress::{running, seconds, set_conditions},
        resolve::BackfillContext,
    },
    status::MANAGER,
};

/// Another replica has the claim, or the object was deleted. The worker must stop at once and not write to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("claim lost: another replica runs the backfill, or it was deleted")]
pub(crate) struct ClaimLost;

/// Wait between two attempts to write while the API server does not answer.
const RETRY_AFTER: Duration = Duration::from_millis(250);

struct Inner {
    version: String,
    status: BenchlingBackfillStatus,
    /// When the last successful write started. Other replicas count from when they saw it, which is later.
    renewed: Instant,
}

pub(crate) struct Claim {
    api: Api<Guarded<BenchlingBackfill>>,
    name: String,
    uid: String,
    holder: String,
    duration: Duration,
    inner: Mutex<Inner>,
}

impl Claim {
    /// Claims the object as it was read.
    ///
    /// # Errors
    /// The object was changed in the meantime.
    pub(crate) async fn acquire(
        api: Api<Guarded<BenchlingBackfill>>,
        backfill: &BenchlingBackfill,
        holder: &str,
        duration: Duration,
        context: &BackfillContext,
    ) -> Result<Self, ClaimLost> {
        let status = backfill.status.clone().unwrap_or_default();
        let inner = Inner { version: backfill.resource_version().unwrap_or_default(), status, renewed: Instant::now() };
        let (name, uid) = (backfill.name_any(), backfill.uid().unwrap_or_default());
        let claim = Self { api, name, uid, holder: holder.to_owned(), duration, inner: Mutex::new(inner) };
        claim
            .write(|status| {
                status.claim = Some(BackfillClaim { holder: claim.holder.clone(), renewed_at: MicroTime(Timestamp::now()) });
                status.common.identity = Some(context.identity.clone());
                status.tenant = Some(context.tenant.clone());
                // After an error, the condition keeps the error until there is progress.
                if status.state.replace(BackfillState::Running).is_none() {
                    set_conditions(status, backfill, &Outcome::Failed(running()), Timestamp::now());
                }
                status.started_at.get_or_insert_with(|| seconds(Timestamp::now()));
            })
            .await?;
        Ok(claim)
    }

    /// Returns the status as last written.
    pub(crate) async fn status(&self) -> BenchlingBackfillStatus {
        self.inner.lock().await.status.clone()
    }

    /// Checks that this replica may send now, and renews the claim if that is due.
    pub(crate) async fn check(&self) -> Result<(), ClaimLost> {
        if self.inner.lock().await.renewed.elapsed() < self.duration / 3 { Ok(()) } else { self.write(|_| ()).await }
    }

    /// Renews the claim while it is polled. Returns when the claim is lost.
    pub(crate) async fn keep_renewed(&self) -> ClaimLost {
        loop {
            tokio::time::sleep(self.duration / 4).await;
            if let Err(lost) = self.check().await {
                return lost;
            }
        }
    }

    /// Changes the status and renews the claim in one write.
    pub(crate) async fn write(&self, change: impl FnOnce(&mut BenchlingBackfillStatus)) -> Result<(), ClaimLost> {
        let mut inner = self.inner.lock().await;
        let mut status = inner.status.clone();
        if let Some(claim) = &mut status.claim {
            claim.renewed_at = MicroTime(Timestamp::now());
        }
        change(&mut status);
        loop {
            let started = Instant::now();
            match patch(&self.api, &self.name, &self.uid, &inner.version, &status).await {
                Ok(version) => {
                    *inner = Inner { version, status, renewed: started };
                    return Ok(());
                }
                Err(kube::Error::Api(answer)) if answer.code == 404 => return Err(ClaimLost),
                Err(kube::Error::Api(answer)) if answer.code == 409 => {
                    if let Some(version) = self.version_if_held().await? {
                        inner.version = version;
                    }
                }
                Err(error) => {
                    tracing::warn!(backfill = %self.name, %error, "status not written; retrying");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
            // After this time without a write, another replica may have taken over.
            if inner.renewed.elapsed() > self.duration * 2 / 3 {
                return Err(ClaimLost);
            }
        }
    }

    /// Returns the version of an object that was changed by another writer, such as an annotation. `None` if it cannot be read.
    ///
    /// # Errors
    /// The claim is another replica's, or the object was deleted.
    async fn version_if_held(&self) -> Result<Option<String>, ClaimLost> {
        let Ok(found) = self.api.get_opt(&self.name).await else { return Ok(None) };
        let live = found.and_then(|object| object.0.ok()).ok_or(ClaimLost)?;
        let holder = live.status.as_ref().and_then(|status| status.claim.as_ref()).map(|claim| claim.holder.as_str());
        let same = live.metadata.uid.as_deref() == Some(&self.uid) && live.metadata.deletion_timestamp.is_none();
        if same && holder == Some(&self.holder) { Ok(live.resource_version()) } else { Err(ClaimLost) }
    }
}

/// Writes the whole status if the object still has this version. Returns the new version.
pub(crate) async fn patch(
    api: &Api<Guarded<BenchlingBackfill>>,
    name: &str,
    uid: &str,
    version: &str,
    status: &BenchlingBackfillStatus,
) -> Result<String, kube::Error> {
    let patch = json!({
        "apiVersion": "tributary.dev/v1alpha1",
        "kind": "BenchlingBackfill",
        "metadata": {"name": name, "uid": uid, "resourceVersion": version},
        "status": status,
    });
    let written = api.patch_status(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(patch)).await?;
    Ok(written.resource_version().unwrap_or_default())
}
