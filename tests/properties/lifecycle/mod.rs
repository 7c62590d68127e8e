//! What a sink writes goes when it should, whatever was edited and whatever failed in between: two sinks of one existing resource, random
//! edits of their specs, writes that fail with and without effect, writes of others to the same resource.
//!
//! Everything that the operator created is in the desired state or in status, or gone. In the end nothing of the operator is left, and
//! nothing of others is gone.

#[allow(clippy::unwrap_used, reason = "a test fails by it")]
mod check;
#[allow(clippy::unwrap_used, reason = "a test fails by it")]
mod world;

use proptest::{collection, prelude::*, sample::select};

use world::{Edit, Event, Kind, World};

fn failure() -> impl Strategy<Value = Option<(usize, bool)>> {
    prop_oneof![2 => Just(None), 3 => (0..4_usize, any::<bool>()).prop_map(Some)]
}

fn edit() -> impl Strategy<Value = Edit> {
    let index = || proptest::option::of(0..2_usize);
    (prop::bool::weighted(0.3), index(), index(), 0..3_usize).prop_map(|(external, on_failure, boundary, rules)| Edit {
        external,
        on_failure,
        boundary,
        rules,
    })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..2_usize, edit()).prop_map(|(n, edit)| Event::Edit(n, edit)),
        6 => (0..2_usize, failure()).prop_map(|(n, failure)| Event::Reconcile(n, failure)),
        1 => (0..2_usize).prop_map(Event::SetFailureDestination),
        1 => (0..2_usize).prop_map(Event::Narrow),
        1 => (0..2_usize).prop_map(Event::AddRequired),
        1 => (0..2_usize, failure()).prop_map(|(n, failure)| Event::Delete(n, failure)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn what_a_sink_wrote_goes_and_what_others_wrote_stays(
        kind in select(vec![Kind::Lambda, Kind::Lambda, Kind::Sqs, Kind::LogGroup, Kind::Topic, Kind::TopicByRole, Kind::Machine]),
        events in collection::vec(event(), 1..24),
    ) {
        let mut world = World::new(kind);
        for event in &events {
            world.happen(event)?;
            world.check()?;
        }
        // Everything settles, two rounds for two sinks that share a function.
        for _ in 0..3 {
            for n in 0..2 {
                if world.sinks[n].metadata.deletion_timestamp.is_some() {
                    world.delete(n, None)?;
                }
                world.reconcile(n, None)?;
                world.check()?;
            }
        }
        prop_assert!(world.reconcile(0, None)? && world.reconcile(1, None)?, "still something to do");
        world.check_settled()?;
        for n in 0..2 {
            world.delete(n, None)?;
            world.check()?;
        }
        world.check_settled()?;
        prop_assert!(world.model.by_role.roles.is_empty(), "{:?}", world.model.by_role.roles);
        prop_assert_eq!(world.model.invoke.on_failure, world.theirs, "the failure destination that a sink has set");
    }
}
