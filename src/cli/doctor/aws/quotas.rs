//! How many rules and buses there are, from lists.

use std::collections::BTreeSet;

use tributary_aws::Session;
use tributary_core::{error::ReconcileError, names::is_foreign};

use crate::cli::doctor::{
    aws_facts::{BusUse, RegionUse},
    finding::ObjectRef,
    snapshot::Snapshot,
};

/// Returns Region, name and object of each bus of an account that an object stands for.
pub(super) fn buses(snapshot: &Snapshot, account: &str) -> Vec<(String, String, ObjectRef)> {
    let mut seen = BTreeSet::new();
    let buses = snapshot.of_kind("EventBus").filter_map(|bus| Some((bus, bus.status.identity.as_ref()?)));
    let own = buses.filter(|(_, identity)| identity.account == account && !is_foreign(identity));
    own.filter(|(_, identity)| seen.insert((identity.region.clone(), identity.name.clone())))
        .map(|(bus, identity)| (identity.region.clone(), identity.name.clone(), bus.reference()))
        .collect()
}

/// Counts the rules of a bus, also those of others.
pub(super) async fn rules(session: &Session, region: String, name: String, object: ObjectRef) -> Result<BusUse, ReconcileError> {
    let rules = session.rules_with_prefix(&name, None).await?.len();
    Ok(BusUse { object, name, region, rules })
}

/// Counts the buses of the Region.
pub(super) async fn region(session: &Session, region: &str) -> Result<RegionUse, ReconcileError> {
    Ok(RegionUse { region: region.to_owned(), buses: session.bus_names().await?.len() })
}
