//! Warning Events of the last hour, one finding per object and reason.

use std::collections::BTreeMap;

use k8s_openapi::jiff::SignedDuration;

use crate::cli::doctor::{
    finding::{Finding, ObjectRef, Severity},
    object::age,
    snapshot::{Snapshot, WarningEvent},
};

/// Id of the findings.
pub(super) const ID: &str = "warning-events";
const RECENT: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let Ok(events) = &snapshot.events else { return vec![] };
    let mut groups: BTreeMap<(ObjectRef, &str), Vec<&WarningEvent>> = BTreeMap::new();
    for event in events.iter().filter(|event| snapshot.now.duration_since(event.last) <= RECENT) {
        let object = ObjectRef::new(&event.kind, event.namespace.as_deref(), &event.name);
        // Events outlive their objects. What is not ready is reported with its conditions.
        if let Some(current) = snapshot.objects.iter().find(|of| of.reference() == object)
            && current.status.is_ready()
        {
            groups.entry((object, &event.reason)).or_default().push(event);
        }
    }
    groups.into_iter().filter_map(|((object, reason), events)| of_group(snapshot, object, reason, &events)).collect()
}

fn of_group(snapshot: &Snapshot, object: ObjectRef, reason: &str, events: &[&WarningEvent]) -> Option<Finding> {
    let last = events.iter().max_by_key(|event| event.last)?;
    let times = if events.len() == 1 { "once".to_owned() } else { format!("{} times", events.len()) };
    let message = format!("Warning Event {reason} {times} in the last hour, {} ago: {}", age(last.last, snapshot.now), last.note);
    let scope = object.namespace.as_ref().map_or_else(String::new, |namespace| format!(" -n {namespace}"));
    let command = format!("kubectl events{scope} --for {}.tributary.dev/{} --types=Warning", object.kind.to_lowercase(), object.name);
    Some(Finding::new(ID, Severity::Info, message, command).of(object).reason(reason))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};

    fn event(name: &str, seconds_ago: i64) -> WarningEvent {
        WarningEvent {
            kind: "EventRule".into(),
            namespace: Some("prod".into()),
            name: name.into(),
            reason: "DriftCorrected".into(),
            note: format!("note {seconds_ago}"),
            last: at(-seconds_ago),
        }
    }

    #[test]
    fn recent_events_of_ready_objects_are_counted() {
        let events = vec![event("orders", 60), event("orders", 600), event("orders", 3_601), event("gone", 1)];
        let found = check(&Snapshot { events: Ok(events), ..healthy() });
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "Warning Event DriftCorrected 2 times in the last hour, 60s ago: note 60");
        assert_eq!(found[0].command, "kubectl events -n prod --for eventrule.tributary.dev/orders --types=Warning");
    }
}
