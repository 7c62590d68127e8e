//! Fetches traces from the log groups of a scope.

use std::collections::BTreeSet;

use tributary_core::trace::{Trace, traces};

use super::{
    envelope,
    read::{Range, Reader, Records},
    scope::Scope,
};
use crate::cli::Error;

/// Which events.
#[derive(Clone, Debug)]
pub(super) enum Events {
    /// Those with IDs of EventBridge or Benchling.
    Ids(BTreeSet<String>),
    /// The last ones.
    Last(usize),
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    /// The oldest first.
    pub(super) traces: Vec<Trace>,
    /// What is missing, and the next step.
    pub(super) notes: Vec<String>,
}

/// Returns the traces of the range.
///
/// # Errors
/// No log group can be read, or an event of Benchling is in none of them.
pub(super) async fn fetch(scope: &Scope, events: &Events, range: Range) -> Result<Found, Error> {
    let mut found = Found { notes: scope.notes.clone(), ..Found::default() };
    let ids = match events {
        Events::Ids(ids) => Some(event_ids(scope, ids, range, &mut found.notes).await?),
        Events::Last(_) => None,
    };
    let (mut records, mut is_read) = (Vec::new(), false);
    for (region, group) in &scope.groups {
        let session = scope.session(region)?;
        let mut reader = Reader::new(&session.session, group);
        let read = match (&ids, events) {
            (Some(ids), _) => reader.events(ids, range).await,
            (None, Events::Last(count)) => reader.last(*count, &scope.filter, range).await,
            (None, Events::Ids(_)) => Ok(Records::default()),
        };
        match read {
            Ok(read) => {
                is_read = true;
                records.extend(read.records);
                if read.is_cut {
                    found.notes.push(format!("log group {group} has more records than are read at once. Set --since to a shorter time."));
                }
            }
            Err(why) => found.notes.push(why),
        }
    }
    if !is_read {
        return Err(found.notes.join("\n").into());
    }
    found.traces = traces(&records);
    found.traces.retain_mut(|trace| scope.filter.apply(trace));
    if ids.is_some() && !found.traces.is_empty() {
        // What other buses lack is of no interest once the event is found.
        found.notes.drain(..scope.notes.len());
    }
    if let Events::Last(count) = events {
        let surplus = found.traces.len().saturating_sub(*count);
        found.traces.drain(..surplus);
    }
    Ok(found)
}

/// Returns the IDs of EventBridge for these IDs.
async fn event_ids(scope: &Scope, ids: &BTreeSet<String>, range: Range, notes: &mut Vec<String>) -> Result<BTreeSet<String>, Error> {
    let (envelopes, mut all): (BTreeSet<String>, BTreeSet<String>) = ids.iter().cloned().partition(|id| id.starts_with(envelope::PREFIX));
    for id in &envelopes {
        let mut found = BTreeSet::new();
        for group in &scope.event_groups {
            let session = scope.session(&group.region)?;
            match envelope::in_events(&mut Reader::new(&session.session, &group.name), id, range).await {
                Ok(more) => found.extend(more),
                Err(why) => notes.push(why),
            }
        }
        for (region, group) in scope.groups.iter().filter(|_| found.is_empty()).collect::<Vec<_>>() {
            let session = scope.session(region)?;
            match envelope::in_bus_log(&mut Reader::new(&session.session, group), id, range).await {
                Ok(more) => found.extend(more),
                Err(why) => notes.push(why),
            }
        }
        if found.is_empty() {
            return Err([unknown_envelope(scope, id), notes.join("\n")].join("\n").trim_end().into());
        }
        all.extend(found);
    }
    Ok(all)
}

fn unknown_envelope(scope: &Scope, id: &str) -> String {
    let searched: Vec<&str> = scope.event_groups.iter().map(|group| group.name.as_str()).collect();
    if searched.is_empty() {
        return format!(
            "{id} is an ID of Benchling, which is in the event itself. No rule sends whole events to a log group, and the log of the bus has the event only with spec.log.includeDetail: FULL. Set spec.monitoring of the BenchlingSubscription, or name a group with --log-group and --events-log-group."
        );
    }
    format!(
        "no event {id} in log group {} in this time. Set --since to a longer time. If it stays missing, the event has not reached the bus.",
        searched.join(", ")
    )
}
