//! Leader election: one `Lease` (coordination.k8s.io), written with its resourceVersion as a precondition.
//!
//! Only the local monotonic clock decides; the times in the lease are for people. A candidate waits until the lease has not changed for
//! its whole duration. The leader stops writing after two thirds of it, counted from before the renewal was sent.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};

use tributary_core::fence::Fence;

/// The lease that elects the leader.
#[derive(Clone, Debug)]
pub struct LeaseOptions {
    /// Name of the `Lease`.
    pub name: String,
    /// Namespace of the `Lease`.
    pub namespace: String,
    /// Lease duration, in whole seconds. Other replicas take over when an unreleased lease expires.
    pub duration: Duration,
}

impl LeaseOptions {
    /// After this long without a renewal the leader stops writing. The rest of the duration is for calls in flight.
    pub(super) fn deadline(&self) -> Duration {
        self.duration * 2 / 3
    }

    /// Interval between renewals: 2 seconds of 15.
    pub(super) fn renewal_interval(&self) -> Duration {
        self.duration.mul_f64(2.0 / 15.0)
    }

    /// Interval at which a candidate reads the lease. A released lease is acquired within it.
    fn read_interval(&self) -> Duration {
        self.renewal_interval() / 2
    }

    /// The pause until a candidate reads again. Candidates that start together do not stay together.
    pub(super) fn pause(&self) -> Duration {
        self.read_interval().mul_f64(0.8 + 0.4 * fastrand::f64())
    }

    /// Timeout of one request. A second request must fit before the deadline.
    fn timeout(&self) -> Duration {
        self.duration / 4
    }
}

/// The lease as a candidate last read it, and since when it has not changed, by the candidate's own clock.
#[derive(Debug)]
struct LastRead {
    lease: Option<Lease>,
    since: Instant,
}

/// What a candidate may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Turn {
    /// Create the lease: there is none, and no replica can still rely on an earlier one.
    Create,
    /// Acquire the lease: it was released, or not renewed for its whole duration.
    Acquire,
    /// Wait: another replica may hold it.
    Wait,
}

fn spec(lease: &Lease) -> Option<&LeaseSpec> {
    lease.spec.as_ref()
}

pub(super) fn holder(lease: &Lease) -> Option<&str> {
    spec(lease)?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// What the candidate `identity` may do. `now` is the lease as it is, `before` as it was; it has not changed for `unchanged`.
fn turn(identity: &str, now: Option<&Lease>, before: Option<&Lease>, unchanged: Duration, ours: Duration) -> Turn {
    let written = now.or(before).and_then(spec).and_then(|spec| u64::try_from(spec.lease_duration_seconds?).ok());
    // The leader may have another duration configured: the longer one counts.
    let duration = ours.max(Duration::from_secs(written.unwrap_or_default()));
    match (now, before) {
        // Also a lease of our own, whose answer was lost: no other replica relies on it.
        (Some(lease), _) if holder(lease).is_none_or(|holder| holder == identity) || unchanged >= duration => Turn::Acquire,
        (None, None) => Turn::Create,
        // It was deleted, and its holder may not know yet.
        (None, Some(lease)) if holder(lease).is_none() || unchanged >= duration => Turn::Create,
        _ => Turn::Wait,
    }
}

/// Why a leadership term ended before the operator was stopped.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("lease not renewed in time: {0}")]
    NotRenewed(String),
    #[error("lease held by {}", .0.as_deref().unwrap_or("no replica"))]
    Taken(Option<String>),
}

impl Lost {
    /// The replica that holds the lease now, if one is known.
    pub(super) fn holder(&self) -> Option<&str> {
        match self {
            Self::NotRenewed(_) => None,
            Self::Taken(holder) => holder.as_deref(),
        }
    }
}

/// The lease while this replica holds it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) lease: Lease,
    /// Just before the request that acquired or renewed it was sent.
    pub(super) requested_at: Instant,
}

/// A name of this process in leases, which no other process has, unlike a pod's name.
pub(super) fn unique(name: &str) -> String {
    format!("{name}_{:016x}", fastrand::u64(..))
}

/// A replica that wants to lead.
pub(super) struct Candidate {
    api: Api<Lease>,
    options: LeaseOptions,
    /// The holder that it writes; see [`unique`].
    identity: String,
    last_read: Option<LastRead>,
}

impl Candidate {
    pub(super) fn new(client: Client, options: LeaseOptions, identity: String) -> Self {
        Self { api: Api::namespaced(client, &options.namespace), options, identity, last_read: None }
    }

    /// Waits until this replica holds the lease. `on_holder` is called with the holder whenever that changes.
    pub(super) async fn acquire(&mut self, on_holder: impl Fn(Option<&str>)) -> Held {
        loop {
            match self.attempt(&on_holder).await {
                Ok(Some(held)) => return held,
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, lease = self.options.name, "cannot read or acquire the lease; retrying"),
            }
            tokio::time::sleep(self.options.pause()).await;
        }
    }

    async fn attempt(&mut self, on_holder: &impl Fn(Option<&str>)) -> Result<Option<Held>, kube::Error> {
        let now = self.in_time(self.api.get_opt(&self.options.name)).await?;
        let turn = self.compare(now.as_ref(), on_holder);
        self.claim(turn, now).await
    }

    /// Takes the lease, where it is this candidate's turn: `now` is the lease that was compared. `None` if it waits, or another candidate
    /// was faster.
    pub(super) async fn claim(&mut self, turn: Turn, now: Option<Lease>) -> Result<Option<Held>, kube::Error> {
        let requested_at = Instant::now();
        let lease = self.renewed(now.unwrap_or_default(), true);
        let written = match turn {
            Turn::Wait => return Ok(None),
            Turn::Create => self.in_time(self.api.create(&PostParams::default(), &lease)).await,
            Turn::Acquire => self.in_time(self.api.replace(&self.options.name, &PostParams::default(), &lease)).await,
        };
        match written {
            Ok(lease) => {
                self.last_read = None;
                Ok(Some(Held { lease, requested_at }))
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Compares the lease with what was read before, and remembers it. Returns what this candidate may do.
    pub(super) fn compare(&mut self, now: Option<&Lease>, on_holder: &impl Fn(Option<&str>)) -> Turn {
        let before = self.last_read.as_ref().and_then(|read| read.lease.as_ref());
        let version = |lease: Option<&Lease>| lease.and_then(|lease| lease.metadata.resource_version.clone());
        // A deleted lease counts as unchanged: its time runs on.
        let changed = self.last_read.is_none() || (now.is_some() && version(now) != version(before));
        let unchanged = if changed { Duration::ZERO } else { self.last_read.as_ref().map(|read| read.since.elapsed()).unwrap_or_default() };
        let turn = turn(&self.identity, now, before, unchanged, self.options.duration);
        if changed {
            let now_held_by = now.and_then(holder);
            if self.last_read.is_none() || now_held_by != before.and_then(holder) {
                on_holder(now_held_by);
            }
            self.last_read = Some(LastRead { lease: now.cloned(), since: Instant::now() });
        }
        turn
    }

    /// The lease to write: held by this replica, renewed now. Its resourceVersion is that of the lease that was read.
    fn renewed(&self, lease: Lease, acquired: bool) -> Lease {
        let (now, old) = (MicroTime(Timestamp::now()), lease.spec.unwrap_or_default());
        let transitions = old.lease_transitions.unwrap_or_default();
        Lease {
            metadata: ObjectMeta { name: Some(self.options.name.clone()), ..lease.metadata },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(self.options.duration.as_secs()).ok(),
                acquire_time: if acquired { Some(now.clone()) } else { old.acquire_time },
                renew_time: Some(now),
                lease_transitions: Some(if acquired { transitions.saturating_add(1) } else { transitions }),
                ..old
            }),
        }
    }

    /// The write fence of a term that begins with this lease.
    pub(super) fn fence(&self, held: &Held) -> Fence {
        Fence::until(held.requested_at + self.options.deadline())
    }

    /// Renews the lease, and with it the fence, until it is lost. `held` is the last lease that this replica wrote.
    pub(super) async fn hold(&self, held: &mut Held, fence: &Fence) -> Lost {
        let mut cause = "no request was answered".to_owned();
        loop {
            let until = held.requested_at + self.options.deadline();
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return Lost::NotRenewed(cause);
            };
            tokio::time::sleep(self.options.renewal_interval().min(left)).await;
            match self.renew(held).await {
                Ok(None) => fence.extend(held.requested_at + self.options.deadline()),
                Ok(Some(lost)) => return lost,
                Err(error) => {
                    tracing::warn!(%error, lease = self.options.name, "cannot renew the lease; retrying");
                    cause = error.to_string();
                }
            }
        }
    }

    /// Renews the lease once. Returns why it is lost, if it is.
    pub(super) async fn renew(&self, held: &mut Held) -> Result<Option<Lost>, kube::Error> {
        let requested_at = Instant::now();
        let lease = self.renewed(held.lease.clone(), false);
        let code = match self.in_time(self.api.replace(&self.options.name, &PostParams::default(), &lease)).await {
            Ok(lease) => {
                *held = Held { lease, requested_at };
                return Ok(None);
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => status.code,
            Err(error) => return Err(error),
        };
        // It was changed or deleted, or the last renewal took effect although its answer was lost.
        match self.in_time(self.api.get_opt(&self.options.name)).await? {
            Some(lease) if holder(&lease) == Some(&self.identity) => {
                let lease = self.renewed(lease, false);
                held.lease = self.in_time(self.api.replace(&self.options.name, &PostParams::default(), &lease)).await?;
            }
            Some(lease) => return Ok(Some(Lost::Taken(holder(&lease).map(str::to_owned)))),
            None => {
                // A create takes no resourceVersion. The held lease keeps its own, or a later renewal would have no precondition.
                let lease = self.renewed(Lease { metadata: ObjectMeta::default(), ..held.lease.clone() }, false);
                held.lease = self.in_time(self.api.create(&PostParams::default(), &lease)).await?;
            }
        }
        tracing::info!(code, "lease renewed after another client changed or deleted it");
        held.requested_at = requested_at;
        Ok(None)
    }

    /// Releases the lease, so that the next replica need not wait. The resourceVersion guards the lease of another holder.
    pub(super) async fn release(&self, held: Held) {
        match self.clear_holder(held.lease).await {
            Ok(()) => tracing::info!(lease = self.options.name, "lease released"),
            Err(error) => tracing::warn!(%error, lease = self.options.name, "cannot release the lease; it expires"),
        }
    }

    async fn clear_holder(&self, lease: Lease) -> Result<(), kube::Error> {
        let free = |lease| {
            let mut lease = self.renewed(lease, false);
            if let Some(spec) = &mut lease.spec {
                spec.holder_identity = None;
            }
            lease
        };
        match self.in_time(self.api.replace(&self.options.name, &PostParams::default(), &free(lease))).await {
            // A renewal that was in flight when the operator was stopped may have taken effect.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            written => return written.map(drop),
        }
        let lease = self.in_time(self.api.get(&self.options.name)).await?;
        if holder(&lease) == Some(&self.identity) {
            self.in_time(self.api.replace(&self.options.name, &PostParams::default(), &free(lease))).await?;
        }
        Ok(())
    }

    /// Limits the request to the timeout: one that hangs must not outlast the lease.
    pub(super) async fn in_time<T>(&self, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
        let late = |_| kube::Error::Service(format!("no answer within {} ms", self.options.timeout().as_millis()).into());
        tokio::time::timeout(self.options.timeout(), request).await.map_err(late)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, seconds: i32) -> Lease {
        let spec = LeaseSpec {
            holder_identity: Some(holder.into()),
            lease_duration_seconds: Some(seconds),
            // Whatever another clock says.
            renew_time: Some(MicroTime(Timestamp::UNIX_EPOCH)),
            ..LeaseSpec::default()
        };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    #[test]
    fn only_the_own_clock_decides_who_leads() {
        let ours = Duration::from_secs(15);
        let (a, short, long, free) = (lease("a", 15), lease("a", 1), lease("a", 60), lease("", 15));
        let turn = |now: Option<&Lease>, before: Option<&Lease>, after: u64| turn("me", now, before, Duration::from_secs(after), ours);
        assert_eq!(turn(None, None, 0), Turn::Create);
        assert_eq!(turn(Some(&free), None, 0), Turn::Acquire);
        // Its renewTime is long past, and that says nothing.
        assert_eq!(turn(Some(&a), None, 0), Turn::Wait);
        assert_eq!(turn(Some(&a), Some(&a), 14), Turn::Wait);
        assert_eq!(turn(Some(&a), Some(&a), 15), Turn::Acquire);
        // The longer of the two durations counts.
        assert_eq!(turn(Some(&short), Some(&short), 14), Turn::Wait);
        assert_eq!(turn(Some(&long), Some(&long), 59), Turn::Wait);
        assert_eq!(turn(Some(&long), Some(&long), 60), Turn::Acquire);
        // Deleted while it was held: its holder may still write.
        assert_eq!(turn(None, Some(&a), 14), Turn::Wait);
        assert_eq!(turn(None, Some(&a), 15), Turn::Create);
        assert_eq!(turn(None, Some(&free), 0), Turn::Create);
        assert_eq!(turn(Some(&lease("me", 15)), Some(&a), 0), Turn::Acquire);
    }

    #[test]
    fn a_leader_has_stopped_before_a_candidate_may_start() {
        for seconds in [1, 3, 15, 60] {
            let options = LeaseOptions { name: String::new(), namespace: String::new(), duration: Duration::from_secs(seconds) };
            assert!(options.deadline() < options.duration);
            assert!(options.renewal_interval() + 2 * options.timeout() <= options.deadline(), "two tries fit before the deadline");
            assert!(options.read_interval() <= Duration::from_secs(1) || seconds > 15);
        }
    }
}
