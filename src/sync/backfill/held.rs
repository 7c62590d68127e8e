//! Sync: a claimed backfill. Every write of its status has a precondition, so one replica at a time writes it; and who has not written for a
//! while sends nothing before it has.

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

use crate::sync::{backfill::resolve::Way, report::MANAGER};

/// Another replica has the claim, or the object is gone: whoever reads this stops at once, and writes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another replica works at it, or it was deleted")]
pub struct Lost;

/// Between two attempts to write, while the API server does not answer.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

struct Inner {
    version: String,
    status: BenchlingBackfillStatus,
    /// When the last write that went through was begun. Other replicas count from when they saw it, which is later.
    renewed: Instant,
}

pub struct Held {
    api: Api<Guarded<BenchlingBackfill>>,
    name: String,
    uid: String,
    holder: String,
    lasts: Duration,
    inner: Mutex<Inner>,
}

impl Held {
    /// Claims the object as it was read. It was changed meanwhile: `Lost`.
    pub async fn take(
        api: Api<Guarded<BenchlingBackfill>>,
        backfill: &BenchlingBackfill,
        holder: &str,
        lasts: Duration,
        way: &Way,
    ) -> Result<Self, Lost> {
        let status = backfill.status.clone().unwrap_or_default();
        let inner = Inner { version: backfill.resource_version().unwrap_or_default(), status, renewed: Instant::now() };
        let (name, uid) = (backfill.name_any(), backfill.uid().unwrap_or_default());
        let held = Self { api, name, uid, holder: holder.to_owned(), lasts, inner: Mutex::new(inner) };
        held.write(|status| {
            status.claim = Some(BackfillClaim { holder: held.holder.clone(), renewed_at: MicroTime(Timestamp::now()) });
            status.common.identity = Some(way.place.clone());
            status.tenant = Some(way.tenant.clone());
            // One that goes on after trouble still says what that was, until it gets on.
            if status.state.replace(BackfillState::Running).is_none() {
                crate::sync::backfill::status::say(
                    status,
                    backfill,
                    &Outcome::Failed(crate::sync::backfill::status::under_way()),
                    Timestamp::now(),
                );
            }
            status.started_at.get_or_insert_with(|| crate::sync::backfill::status::time(Timestamp::now()));
        })
        .await?;
        Ok(held)
    }

    /// As it was last written.
    pub async fn status(&self) -> BenchlingBackfillStatus {
        self.inner.lock().await.status.clone()
    }

    /// Whether this replica may send now: it renews the claim first where that is due.
    pub async fn is_mine(&self) -> Result<(), Lost> {
        if self.inner.lock().await.renewed.elapsed() < self.lasts / 3 { Ok(()) } else { self.write(|_| ()).await }
    }

    /// Renews the claim for as long as it is polled; returns when it is lost.
    pub async fn keep(&self) -> Lost {
        loop {
            tokio::time::sleep(self.lasts / 4).await;
            if let Err(lost) = self.is_mine().await {
                return lost;
            }
        }
    }

    /// Changes the status, and renews the claim with it.
    pub async fn write(&self, change: impl FnOnce(&mut BenchlingBackfillStatus)) -> Result<(), Lost> {
        let mut inner = self.inner.lock().await;
        let mut status = inner.status.clone();
        if let Some(claim) = &mut status.claim {
            claim.renewed_at = MicroTime(Timestamp::now());
        }
        change(&mut status);
        loop {
            let began = Instant::now();
            match patch(&self.api, &self.name, &self.uid, &inner.version, &status).await {
                Ok(version) => {
                    *inner = Inner { version, status, renewed: began };
                    return Ok(());
                }
                Err(kube::Error::Api(answer)) if answer.code == 404 => return Err(Lost),
                Err(kube::Error::Api(answer)) if answer.code == 409 => {
                    if let Some(version) = self.still_mine().await? {
                        inner.version = version;
                    }
                }
                Err(error) => {
                    tracing::warn!(backfill = %self.name, %error, "the status could not be written; it is tried again");
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
            // Who could not write for so long may have been followed by another.
            if inner.renewed.elapsed() > self.lasts * 2 / 3 {
                return Err(Lost);
            }
        }
    }

    /// Somebody changed the object: an annotation perhaps, or the claim. `None`: it could not be looked at.
    async fn still_mine(&self) -> Result<Option<String>, Lost> {
        let Ok(found) = self.api.get_opt(&self.name).await else { return Ok(None) };
        let live = found.and_then(|object| object.0.ok()).ok_or(Lost)?;
        let holder = live.status.as_ref().and_then(|status| status.claim.as_ref()).map(|claim| claim.holder.as_str());
        let same = live.metadata.uid.as_deref() == Some(&self.uid) && live.metadata.deletion_timestamp.is_none();
        if same && holder == Some(&self.holder) { Ok(live.resource_version()) } else { Err(Lost) }
    }
}

/// Writes the whole status on condition that the object is as it was; answers its new version.
pub async fn patch(
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
