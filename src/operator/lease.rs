//! Who leads: one `Lease` (coordination.k8s.io) that is read and written with its resourceVersion, and judged by the local monotonic clock.
//! The times written in it are for people. A candidate waits until the lease has not changed for its whole duration, by its own clock; the
//! leader stops itself after two thirds of it, counted from before the renewal was sent.

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

#[derive(Clone, Debug)]
pub struct LeaseOptions {
    pub name: String,
    pub namespace: String,
    /// How long a leader that went without a word is waited for, in whole seconds.
    pub duration: Duration,
}

impl LeaseOptions {
    /// After this long without a renewal the leader writes nothing more. What is left of the duration is for calls that are on their way.
    fn deadline(&self) -> Duration {
        self.duration * 2 / 3
    }

    /// Between two renewals: 2 seconds of 15.
    fn renewal(&self) -> Duration {
        self.duration.mul_f64(2.0 / 15.0)
    }

    /// Between two looks of a candidate: a lease that was given back is taken within it.
    fn look(&self) -> Duration {
        self.renewal() / 2
    }

    /// For one request; a second one must fit before the deadline.
    fn timeout(&self) -> Duration {
        self.duration / 4
    }
}

/// What a candidate last saw, and since when by its own clock.
#[derive(Debug)]
struct Seen {
    lease: Option<Lease>,
    since: Instant,
}

#[derive(Debug, PartialEq)]
enum Turn {
    /// There is none, and there was none that somebody may still trust in.
    Create,
    /// It was given back, or not renewed for its whole duration.
    Take,
    Wait,
}

fn spec(lease: &Lease) -> Option<&LeaseSpec> {
    lease.spec.as_ref()
}

fn holder(lease: &Lease) -> Option<&str> {
    spec(lease)?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// Whose turn it is, `after` the lease was last seen to change. `now` is the lease as it is there now, `before` as it was.
fn turn(me: &str, now: Option<&Lease>, before: Option<&Lease>, after: Duration, ours: Duration) -> Turn {
    let written = now.or(before).and_then(spec).and_then(|spec| u64::try_from(spec.lease_duration_seconds?).ok());
    // The leader may have been started with another duration than we: believe the longer one.
    let duration = ours.max(Duration::from_secs(written.unwrap_or_default()));
    match (now, before) {
        // Our own, when the answer that gave it to us was lost: nobody else trusts in it.
        (Some(lease), _) if holder(lease).is_none_or(|holder| holder == me) || after >= duration => Turn::Take,
        (None, None) => Turn::Create,
        // Somebody deleted it; its holder does not know yet.
        (None, Some(lease)) if holder(lease).is_none() || after >= duration => Turn::Create,
        _ => Turn::Wait,
    }
}

/// Why a term ended before its replica was told to stop.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    #[error("the lease could not be renewed in time: {0}")]
    NotRenewed(String),
    #[error("{0} holds the lease")]
    Taken(String),
}

/// The lease in our hands.
#[derive(Debug)]
pub struct Held {
    lease: Lease,
    /// Just before the request that gave it to us was sent.
    asked: Instant,
}

pub struct Candidate {
    api: Api<Lease>,
    options: LeaseOptions,
    /// Unique to this process, unlike a pod's name.
    identity: String,
    seen: Option<Seen>,
}

impl Candidate {
    pub fn new(client: Client, options: LeaseOptions, name: &str) -> Self {
        let identity = format!("{name}_{:016x}", fastrand::u64(..));
        Self { api: Api::namespaced(client, &options.namespace), options, identity, seen: None }
    }

    /// Waits until the lease is ours. `told` hears who has it, when that changes.
    pub async fn acquire(&mut self, told: impl Fn(&str)) -> Held {
        loop {
            match self.attempt(&told).await {
                Ok(Some(held)) => return held,
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, lease = self.options.name, "the lease could not be read or taken; it is tried again"),
            }
            tokio::time::sleep(self.options.look().mul_f64(0.8 + 0.4 * fastrand::f64())).await;
        }
    }

    async fn attempt(&mut self, told: &impl Fn(&str)) -> Result<Option<Held>, kube::Error> {
        let now = self.in_time(self.api.get_opt(&self.options.name)).await?;
        let before = self.seen.as_ref().and_then(|seen| seen.lease.as_ref());
        let version = |lease: Option<&Lease>| lease.and_then(|lease| lease.metadata.resource_version.clone());
        // A deleted lease is state as it was: its time runs on.
        let changed = self.seen.is_none() || (now.is_some() && version(now.as_ref()) != version(before));
        let after = if changed { Duration::ZERO } else { self.seen.as_ref().map(|seen| seen.since.elapsed()).unwrap_or_default() };
        let turn = turn(&self.identity, now.as_ref(), before, after, self.options.duration);
        if changed {
            let whose = |lease: Option<&Lease>| lease.and_then(holder).map(str::to_owned);
            if whose(now.as_ref()) != whose(before) || self.seen.is_none() {
                told(whose(now.as_ref()).as_deref().unwrap_or("nobody"));
            }
            self.seen = Some(Seen { lease: now.clone(), since: Instant::now() });
        }
        if turn == Turn::Wait {
            return Ok(None);
        }
        let asked = Instant::now();
        let lease = self.ours(now.unwrap_or_default(), true);
        let written = match turn {
            Turn::Create => self.in_time(self.api.create(&PostParams::default(), &lease)).await,
            _ => self.in_time(self.api.replace(&self.options.name, &PostParams::default(), &lease)).await,
        };
        match written {
            Ok(lease) => {
                self.seen = None;
                Ok(Some(Held { lease, asked }))
            }
            // Another candidate was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The lease as we write it: held by us, renewed now. Its resourceVersion is that of the lease that was read.
    fn ours(&self, lease: Lease, taken: bool) -> Lease {
        let (now, old) = (MicroTime(Timestamp::now()), lease.spec.unwrap_or_default());
        let transitions = old.lease_transitions.unwrap_or_default();
        Lease {
            metadata: ObjectMeta { name: Some(self.options.name.clone()), ..lease.metadata },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(self.options.duration.as_secs()).ok(),
                acquire_time: if taken { Some(now.clone()) } else { old.acquire_time },
                renew_time: Some(now),
                lease_transitions: Some(if taken { transitions.saturating_add(1) } else { transitions }),
                ..old
            }),
        }
    }

    /// The fence of a term that begins with this.
    pub fn fence(&self, held: &Held) -> Fence {
        Fence::until(held.asked + self.options.deadline())
    }

    /// Renews the lease, and with it the fence, until it is lost. `held` is always the last that we wrote.
    pub async fn hold(&self, held: &mut Held, fence: &Fence) -> Lost {
        let mut trouble = "no request was answered".to_owned();
        loop {
            let until = held.asked + self.options.deadline();
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return Lost::NotRenewed(trouble);
            };
            tokio::time::sleep(self.options.renewal().min(left)).await;
            match self.renew(held).await {
                Ok(None) => fence.extend(held.asked + self.options.deadline()),
                Ok(Some(lost)) => return lost,
                Err(error) => {
                    tracing::warn!(%error, lease = self.options.name, "the lease was not renewed; it is tried again");
                    trouble = error.to_string();
                }
            }
        }
    }

    async fn renew(&self, held: &mut Held) -> Result<Option<Lost>, kube::Error> {
        let asked = Instant::now();
        let lease = self.ours(held.lease.clone(), false);
        let code = match self.in_time(self.api.replace(&self.options.name, &PostParams::default(), &lease)).await {
            Ok(lease) => {
                *held = Held { lease, asked };
                return Ok(None);
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => status.code,
            Err(error) => return Err(error),
        };
        // Somebody touched it, or our own last renewal took effect though its answer was lost; or it is gone.
        match self.in_time(self.api.get_opt(&self.options.name)).await? {
            Some(lease) if holder(&lease) == Some(&self.identity) => {
                let lease = self.ours(lease, false);
                held.lease = self.in_time(self.api.replace(&self.options.name, &PostParams::default(), &lease)).await?;
            }
            Some(lease) => return Ok(Some(Lost::Taken(holder(&lease).unwrap_or("nobody").to_owned()))),
            None => {
                // Without a resourceVersion, for a create; what we hold keeps its own, or a later renewal would have no precondition.
                let lease = self.ours(Lease { metadata: ObjectMeta::default(), ..held.lease.clone() }, false);
                held.lease = self.in_time(self.api.create(&PostParams::default(), &lease)).await?;
            }
        }
        tracing::info!(code, "the lease was taken up again after somebody changed or deleted it");
        held.asked = asked;
        Ok(None)
    }

    /// Gives the lease back, so that the next replica need not wait. Only what we hold: the resourceVersion says so.
    pub async fn release(&self, held: Held) {
        match self.give_back(held.lease).await {
            Ok(()) => tracing::info!(lease = self.options.name, "lease given back"),
            Err(error) => tracing::warn!(%error, lease = self.options.name, "the lease could not be given back; it runs out"),
        }
    }

    async fn give_back(&self, lease: Lease) -> Result<(), kube::Error> {
        let free = |lease| {
            let mut lease = self.ours(lease, false);
            if let Some(spec) = &mut lease.spec {
                spec.holder_identity = None;
            }
            lease
        };
        match self.in_time(self.api.replace(&self.options.name, &PostParams::default(), &free(lease))).await {
            // A renewal that was under way when we were told to stop may have taken effect.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            written => return written.map(drop),
        }
        let lease = self.in_time(self.api.get(&self.options.name)).await?;
        if holder(&lease) == Some(&self.identity) {
            self.in_time(self.api.replace(&self.options.name, &PostParams::default(), &free(lease))).await?;
        }
        Ok(())
    }

    /// A request that hangs must not outlast the lease.
    async fn in_time<T>(&self, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
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
            // Whatever somebody's clock says.
            renew_time: Some(MicroTime(Timestamp::UNIX_EPOCH)),
            ..LeaseSpec::default()
        };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    #[test]
    fn only_our_own_clock_decides_whose_turn_it_is() {
        let ours = Duration::from_secs(15);
        let (a, short, long, free) = (lease("a", 15), lease("a", 1), lease("a", 60), lease("", 15));
        let turn = |now: Option<&Lease>, before: Option<&Lease>, after: u64| turn("me", now, before, Duration::from_secs(after), ours);
        assert_eq!(turn(None, None, 0), Turn::Create);
        assert_eq!(turn(Some(&free), None, 0), Turn::Take);
        // Its renewTime is long past, and that says nothing.
        assert_eq!(turn(Some(&a), None, 0), Turn::Wait);
        assert_eq!(turn(Some(&a), Some(&a), 14), Turn::Wait);
        assert_eq!(turn(Some(&a), Some(&a), 15), Turn::Take);
        // The longer of the two durations counts.
        assert_eq!(turn(Some(&short), Some(&short), 14), Turn::Wait);
        assert_eq!(turn(Some(&long), Some(&long), 59), Turn::Wait);
        assert_eq!(turn(Some(&long), Some(&long), 60), Turn::Take);
        // Deleted while it was held: its holder may still write.
        assert_eq!(turn(None, Some(&a), 14), Turn::Wait);
        assert_eq!(turn(None, Some(&a), 15), Turn::Create);
        assert_eq!(turn(None, Some(&free), 0), Turn::Create);
        assert_eq!(turn(Some(&lease("me", 15)), Some(&a), 0), Turn::Take);
    }

    #[test]
    fn a_leader_has_stopped_before_a_candidate_may_start() {
        for seconds in [1, 3, 15, 60] {
            let options = LeaseOptions { name: String::new(), namespace: String::new(), duration: Duration::from_secs(seconds) };
            assert!(options.deadline() < options.duration);
            assert!(options.renewal() + 2 * options.timeout() <= options.deadline(), "two tries fit before the deadline");
            assert!(options.look() <= Duration::from_secs(1) || seconds > 15);
        }
    }
}
