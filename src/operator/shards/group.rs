//! The lease that all replicas with the same number of shards hold together.
//!
//! It is the lease that one leader holds in an installation without shards. Shards have leases of their own, with names of their own:
//! without a common lease, replicas with another number of shards, as during an upgrade, would lead at the same time. While any replica
//! of this number of shards is alive, the lease is renewed, and no replica of another number leads anything.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use tributary_core::fence::Fence;

use crate::operator::{
    lease::{Candidate, Held, LeaseOptions, holder},
    lease_names,
};

/// This replica's part in holding the common lease.
pub(super) struct Group {
    candidate: Candidate,
    options: LeaseOptions,
    holder: String,
    membership: Option<Membership>,
    /// Who holds the lease while this group does not.
    other: Option<String>,
}

struct Membership {
    fence: Fence,
    /// The lease as it was last read or written, and when that was requested.
    last: Held,
    /// When it was last known to change.
    changed: Instant,
}

/// What a read of the lease, which the group holds, says.
#[derive(Debug, PartialEq)]
enum Reading {
    /// Another replica renewed it after this moment.
    Renewed(Instant),
    /// It was renewed a moment ago.
    Fresh,
    /// It is this replica's turn to renew it.
    Due,
}

/// Compares two reads, by resourceVersion and the moment before each was requested. A version that differs from that of the last read was
/// written after that read was requested, however long ago the lease was renewed by the clocks of others.
fn compare(last: (Option<&str>, Instant), version: Option<&str>, unchanged: Duration, interval: Duration) -> Reading {
    if last.0 != version {
        return Reading::Renewed(last.1);
    }
    if unchanged < interval { Reading::Fresh } else { Reading::Due }
}

fn version(lease: &Lease) -> Option<&str> {
    lease.metadata.resource_version.as_deref()
}

impl Group {
    pub(super) fn new(client: Client, options: &LeaseOptions, shards: u16) -> Self {
        // Also what `kubectl get lease` shows.
        let holder = lease_names::common_holder(shards);
        let candidate = Candidate::new(client, options.clone(), holder.clone());
        Self { candidate, options: options.clone(), holder, membership: None, other: None }
    }

    /// The fence that is open while this replica knows that the group holds the lease.
    pub(super) fn fence(&self) -> Option<&Fence> {
        self.membership.as_ref().map(|membership| &membership.fence)
    }

    /// Who holds the lease while this group does not.
    pub(super) fn other(&self) -> &str {
        self.other.as_deref().unwrap_or("no replica")
    }

    /// Limits a request to the timeout of those for leases.
    pub(super) async fn in_time<T>(&self, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
        self.candidate.in_time(request).await
    }

    /// Takes the lease as it was just read, by a request at `read_at`: joins its holders, renews it when that is due, or waits.
    ///
    /// # Errors
    /// The API server. The fence closes in time if this recurs.
    pub(super) async fn update(&mut self, now: Option<Lease>, read_at: Instant) -> Result<(), kube::Error> {
        if self.fence().is_some_and(|fence| fence.check().is_err()) {
            // Terms within the old fence have to end before there is a new one.
            self.leave();
            return Ok(());
        }
        let turn = self.candidate.compare(now.as_ref(), &|_| {});
        match now {
            Some(lease) if holder(&lease) == Some(&self.holder) => self.join(lease, read_at).await,
            // Deleted. Members recreate it.
            None if self.membership.is_some() => self.renew().await,
            // Not of this group: members have lost it.
            _ if self.membership.is_some() => {
                self.leave();
                Ok(())
            }
            now => {
                self.other = now.as_ref().and_then(holder).map(str::to_owned);
                if let Some(held) = self.candidate.claim(turn, now).await? {
                    self.keep(held);
                }
                Ok(())
            }
        }
    }

    async fn join(&mut self, lease: Lease, read_at: Instant) -> Result<(), kube::Error> {
        let Some(membership) = &mut self.membership else {
            // How long ago it was renewed is not known.
            let mut held = Held { lease, requested_at: read_at };
            if self.candidate.renew(&mut held).await?.is_none() {
                self.keep(held);
            }
            return Ok(());
        };
        let last = (version(&membership.last.lease), membership.last.requested_at);
        let reading = compare(last, version(&lease), membership.changed.elapsed(), self.options.renewal_interval());
        membership.last = Held { lease, requested_at: read_at };
        match reading {
            Reading::Renewed(since) => {
                membership.fence.extend(since + self.options.deadline());
                membership.changed = read_at;
                Ok(())
            }
            Reading::Fresh => Ok(()),
            Reading::Due => self.renew().await,
        }
    }

    async fn renew(&mut self) -> Result<(), kube::Error> {
        let Some(membership) = &mut self.membership else { return Ok(()) };
        let mut held = Held { lease: membership.last.lease.clone(), requested_at: membership.last.requested_at };
        match self.candidate.renew(&mut held).await? {
            None => self.keep(held),
            Some(_) => self.leave(),
        }
        Ok(())
    }

    fn keep(&mut self, held: Held) {
        let deadline = held.requested_at + self.options.deadline();
        let fence = self.membership.take().map_or_else(|| Fence::until(deadline), |membership| membership.fence);
        fence.extend(deadline);
        self.membership = Some(Membership { fence, changed: held.requested_at, last: held });
    }

    /// Closes the fence for good: a later membership has another one.
    fn leave(&mut self) {
        if let Some(membership) = self.membership.take() {
            membership.fence.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_renewal_by_another_replica_counts_from_the_read_before_it() {
        let (read, second) = (Instant::now(), Duration::from_secs(1));
        let compare = |version, unchanged| compare((Some("7"), read), Some(version), unchanged, 2 * second);
        assert_eq!(compare("8", Duration::ZERO), Reading::Renewed(read));
        assert_eq!(compare("7", second), Reading::Fresh);
        assert_eq!(compare("7", 2 * second), Reading::Due);
    }

    proptest! {
        /// Members read and renew at random moments, one of them stops, and at some moment all do. A replica with another number of
        /// shards takes the lease when it has not changed for its whole duration since it was first read so.
        #[test]
        fn no_member_writes_once_another_group_may_lead(
            steps in prop::collection::vec((0_usize..3, 100_u64..1_500, any::<bool>()), 1..60),
            rival_reads in 100_u64..1_200,
        ) {
            let (start, duration) = (Instant::now(), Duration::from_secs(15));
            let (deadline, interval) = (duration * 2 / 3, Duration::from_secs(2));
            let at = |ms: u64| start + Duration::from_millis(ms);
            // Version 0 was written at the start; each member joined by a renewal of its own then.
            let (mut writes, mut now) = (vec![0_u64], 0);
            let mut members = [(0_usize, 0_u64, 0_u64, 0_u64); 3].map(|(version, read, changed, _)| (version, read, changed, at(0) + deadline));
            for (member, pause, fails) in steps {
                now += pause;
                let current = writes.len() - 1;
                let (version, read, changed, fence) = &mut members[member];
                if at(now) >= *fence {
                    continue;
                }
                let last = version.to_string();
                let unchanged = Duration::from_millis(now - *changed);
                match compare((Some(&last), at(*read)), Some(&current.to_string()), unchanged, interval) {
                    Reading::Renewed(since) => {
                        *fence = since + deadline;
                        *changed = now;
                    }
                    Reading::Due if !fails => {
                        writes.push(now);
                        (*changed, *fence) = (now, at(now) + deadline);
                    }
                    Reading::Fresh | Reading::Due => {}
                }
                (*version, *read) = (writes.len() - 1, now);
            }
            // The rival reads at its own interval, and first reads the last version no earlier than it was written.
            let last = *writes.last().unwrap();
            let first_read = last.div_ceil(rival_reads) * rival_reads;
            let taken = at(first_read) + duration;
            for (.., fence) in members {
                prop_assert!(fence + duration.saturating_sub(deadline) <= taken, "a third of the duration is left for calls in flight");
            }
        }
    }
}
