//! Which shards a replica takes and releases. Pure: the Leases decide who holds one, so that a decision on a wrong number of replicas only
//! makes the shares uneven for a while.

use std::collections::BTreeSet;

/// What a replica knows of the shards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation<'a> {
    /// Number of shards of the installation.
    pub(super) shards: u16,
    /// Number of live replicas, this one included.
    pub(super) live: usize,
    /// Shards that this replica holds, also one that it is releasing.
    pub(super) held: &'a BTreeSet<u16>,
    /// Shards that nobody holds.
    pub(super) free: &'a BTreeSet<u16>,
    /// Whether a shard that this replica released is on its way to another one.
    pub(super) moving: bool,
    /// The shard that this replica tries first, so that replicas do not all try the same one.
    pub(super) first: u16,
}

/// What a replica does next.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Decision {
    /// Shards to take.
    pub(super) take: Vec<u16>,
    /// The shard to release.
    pub(super) release: Option<u16>,
}

/// The most shards that a replica takes.
pub(super) fn share(shards: u16, live: usize) -> usize {
    usize::from(shards).div_ceil(live.max(1))
}

/// Decides: free shards up to the share are taken at once, shards above it are released one after the other.
pub(super) fn decide(situation: &Situation<'_>) -> Decision {
    let Situation { shards, live, held, free, moving, first } = *situation;
    let share = share(shards, live);
    let mut in_order: Vec<_> = free.iter().copied().collect();
    in_order.sort_by_key(|shard| (*shard < first, *shard));
    in_order.truncate(share.saturating_sub(held.len()));
    let release = held.last().copied().filter(|_| held.len() > share && !moving);
    Decision { take: in_order, release }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn set(shards: impl IntoIterator<Item = u16>) -> BTreeSet<u16> {
        shards.into_iter().collect()
    }

    #[test]
    fn the_shares_of_all_replicas_cover_all_shards() {
        assert_eq!([1, 2, 3, 5, 16, 17].map(|live| share(16, live)), [16, 8, 6, 4, 1, 1]);
        assert_eq!(share(16, 0), 16, "a replica that knows of none is one");
        for (shards, live) in (1..64).flat_map(|shards| (1..64).map(move |live| (shards, live))) {
            assert!(share(shards, live) * live >= usize::from(shards));
        }
    }

    #[test]
    fn free_shards_are_taken_up_to_the_share_and_surplus_is_released_one_by_one() {
        let (held, free) = (set([0, 1, 2, 3]), set([7, 9, 12, 15]));
        let situation = Situation { shards: 16, live: 3, held: &held, free: &free, moving: false, first: 10 };
        assert_eq!(decide(&situation), Decision { take: vec![12, 15], release: None });
        assert_eq!(decide(&Situation { live: 4, ..situation }), Decision::default(), "a full share");
        assert_eq!(decide(&Situation { live: 8, ..situation }), Decision { take: vec![], release: Some(3) });
        assert_eq!(decide(&Situation { live: 8, moving: true, ..situation }), Decision::default(), "the one before has not arrived");
    }

    /// Replicas, and who holds each shard. As Leases do, it gives a shard to the first that asks.
    struct Model {
        shards: u16,
        holders: BTreeMap<u16, usize>,
        live: BTreeSet<usize>,
        moves: usize,
    }

    impl Model {
        /// One round of a replica that believes in so many live ones.
        fn round(&mut self, replica: usize, believed: usize) {
            let held = set(self.holders.iter().filter(|(_, holder)| **holder == replica).map(|(shard, _)| *shard));
            let free = set((0..self.shards).filter(|shard| !self.holders.contains_key(shard)));
            let first = u16::try_from(replica * 5).unwrap() % self.shards;
            let situation = Situation { shards: self.shards, live: believed, held: &held, free: &free, moving: false, first };
            let Decision { take, release } = decide(&situation);
            assert!(take.is_empty() || release.is_none(), "what one round takes, it does not release");
            for shard in take {
                assert!(self.holders.insert(shard, replica).is_none(), "shard {shard} has two holders");
            }
            if let Some(shard) = release {
                self.holders.remove(&shard);
                self.moves += 1;
            }
        }

        fn counts(&self) -> Vec<usize> {
            self.live.iter().map(|replica| self.holders.values().filter(|holder| *holder == replica).count()).collect()
        }

        /// Rounds of all live replicas until nothing changes.
        fn settle(&mut self) {
            for _ in 0..=2 * self.shards {
                for replica in self.live.clone() {
                    self.round(replica, self.live.len());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_shard_gets_one_holder_and_the_shares_become_even(
            shards in 1_u16..40,
            events in prop::collection::vec((0_usize..6, any::<bool>(), 1_usize..7), 1..30),
        ) {
            let mut model = Model { shards, holders: BTreeMap::new(), live: BTreeSet::from([0]), moves: 0 };
            for (replica, joins, believed) in events {
                if joins {
                    model.live.insert(replica);
                } else if model.live.len() > 1 {
                    model.live.remove(&replica);
                    model.holders.retain(|_, holder| *holder != replica);
                }
                // A round of each with a number that may be wrong.
                for replica in model.live.clone() {
                    model.round(replica, believed);
                }
            }
            model.settle();
            prop_assert_eq!(model.holders.len(), usize::from(shards), "every shard has a holder");
            let (counts, share) = (model.counts(), share(shards, model.live.len()));
            prop_assert!(counts.iter().all(|count| *count <= share), "{:?}", counts);
            let moves = model.moves;
            model.settle();
            prop_assert_eq!(moves, model.moves, "and then nothing moves");
        }

        #[test]
        fn a_replica_that_joins_or_dies_moves_no_more_than_it_has_to(shards in 1_u16..40, live in 1_usize..6) {
            let mut model = Model { shards, holders: BTreeMap::new(), live: (0..live).collect(), moves: 0 };
            model.settle();
            let counts = model.counts();
            model.live.insert(live);
            model.settle();
            let surplus: usize = counts.iter().map(|count| count.saturating_sub(share(shards, live + 1))).sum();
            prop_assert_eq!(model.moves, surplus);
            let moves = model.moves;
            model.live.remove(&live);
            model.holders.retain(|_, holder| *holder != live);
            let stayed = model.holders.clone();
            model.settle();
            prop_assert_eq!(moves, model.moves, "nothing of the others moves when one dies");
            prop_assert!(stayed.iter().all(|(shard, holder)| model.holders.get(shard) == Some(holder)));
        }
    }
}
