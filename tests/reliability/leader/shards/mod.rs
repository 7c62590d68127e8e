//! Shards: replicas of the real binary that share several AWS accounts. The journals show who called AWS in each, the Leases who might.

mod failover;
mod fleet;
mod handover;
mod history;
