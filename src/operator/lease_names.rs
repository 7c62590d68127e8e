//! Names of Leases and of the holders of the common one, also for commands that read them.

/// Name of the Lease of a shard. `lease`: name of the Lease of the installation.
pub(crate) fn of_shard(lease: &str, shard: u16) -> String {
    format!("{lease}-shard-{shard}")
}

/// Name of a Lease by which a replica shows that it is alive. There are as many as shards.
pub(crate) fn of_replica(lease: &str, number: u16) -> String {
    format!("{lease}-replica-{number}")
}

/// The holder of the Lease of an installation with several shards: all replicas together.
pub(crate) fn common_holder(shards: u16) -> String {
    format!("{shards}-shards")
}

/// The number of shards of the installation whose Lease has this holder: 1 if the holder is a replica.
pub(crate) fn shards(holder: &str) -> u16 {
    holder.strip_suffix("-shards").and_then(|number| number.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_tells_the_number_of_shards() {
        assert_eq!(shards(&common_holder(16)), 16);
        assert_eq!(["tributary-6d5c8f7b9-x2x7q_5f0c7d1e9a3b8e42", "shards", ""].map(shards), [1, 1, 1]);
    }
}
