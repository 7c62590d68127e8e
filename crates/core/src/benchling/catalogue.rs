//! Catalogue: Benchling's event types, how far each can be relied on, and the nearest one to an
//! unknown one. Pure.

use Standing::{Alpha, Beta, ClientOnly, Documented, WebhookOnly};

/// How far an event type can be relied on over EventBridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Listed for EventBridge (Benchling docs, Events Reference).
    Documented,
    /// Not listed there, but in the List Events model of Benchling's API client
    /// (`benchling-api-client`).
    ClientOnly,
    /// A beta type, superseded if it has a stable counterpart.
    Beta {
        /// The stable type that supersedes it.
        stable: Option<&'static str>,
    },
    /// An alpha type, which Benchling can change without notice.
    Alpha,
    /// Sent to the webhook of a Benchling app only (webhook model of Benchling's API client).
    WebhookOnly,
}

/// Stable types before beta and alpha ones: suggestions prefer the first.
#[rustfmt::skip]
pub const TYPES: &[(&str, Standing)] = &[
    ("v2.assayRun.created", Documented), ("v2.assayRun.updated.fields", Documented),
    ("v2.automationFileTransform.updated.status.running", Documented), ("v2.automationFileTransform.updated.status.pending", Documented),
    ("v2.automationFileTransform.updated.status.succeeded", Documented), ("v2.automationFileTransform.updated.status.failed", Documented),
    ("v2.entity.registered", Documented),
    ("v2.entry.created", Documented), ("v2.entry.updated.fields", Documented), ("v2.entry.updated.reviewRecord", Documented),
    ("v2.request.created", Documented), ("v2.request.updated.fields", Documented), ("v2.request.updated.status", Documented),
    ("v2.workflowTaskGroup.created", Documented), ("v2.workflowTaskGroup.mappingCompleted", Documented),
    ("v2.workflowTaskGroup.updated.watchers", Documented),
    ("v2.workflowTask.created", Documented), ("v2.workflowTask.updated.assignee", Documented),
    ("v2.workflowTask.updated.scheduledOn", Documented), ("v2.workflowTask.updated.status", Documented),
    ("v2.workflowTask.updated.fields", Documented),
    ("v2.workflowOutput.created", Documented), ("v2.workflowOutput.updated.fields", Documented),
    ("v2.entry.updated.assignedReviewers", ClientOnly), ("v2.entry.updated.reviewSnapshot", ClientOnly),
    ("v2.worksheet.updated.reviewSnapshot", ClientOnly), ("v2.automationInputGenerator.completed", ClientOnly),
    ("v2.automationOutputProcessor.completed", ClientOnly), ("v2.automationOutputProcessor.uploaded", ClientOnly),
    ("v2-beta.automationInputGenerator.completed", Beta { stable: Some("v2.automationInputGenerator.completed") }),
    ("v2-beta.automationOutputProcessor.completed", Beta { stable: Some("v2.automationOutputProcessor.completed") }),
    ("v2-beta.automationOutputProcessor.uploaded", Beta { stable: Some("v2.automationOutputProcessor.uploaded") }),
    ("v2-beta.entry.updated.reviewSnapshot", Beta { stable: Some("v2.entry.updated.reviewSnapshot") }),
    ("v2-beta.worksheet.updated.reviewSnapshot", Beta { stable: Some("v2.worksheet.updated.reviewSnapshot") }),
    ("v2-alpha.stageEntry.created", Alpha), ("v2-alpha.stageEntry.updated.assignedReviewers", Alpha),
    ("v2-alpha.stageEntry.updated.fields", Alpha), ("v2-alpha.stageEntry.updated.reviewRecord", Alpha),
    ("v3.customEntity.created", WebhookOnly), ("v3.customEntity.updated", WebhookOnly),
    ("v3.dnaOligo.created", WebhookOnly), ("v3.dnaOligo.updated", WebhookOnly),
    ("v3.dnaSequence.created", WebhookOnly), ("v3.dnaSequence.updated", WebhookOnly),
    ("v3.project.created", WebhookOnly), ("v3.project.updated", WebhookOnly),
    ("v3.rnaOligo.created", WebhookOnly), ("v3.rnaOligo.updated", WebhookOnly),
    ("v3.rnaSequence.created", WebhookOnly), ("v3.rnaSequence.updated", WebhookOnly),
    ("v3.entry.created", WebhookOnly), ("v3.run.created", WebhookOnly),
    ("v2.app.installed", WebhookOnly), ("v2.app.activateRequested", WebhookOnly), ("v2.app.deactivated", WebhookOnly),
    ("v2.canvas.created", WebhookOnly), ("v2.canvas.initialized", WebhookOnly), ("v2.canvas.userInteracted", WebhookOnly),
    ("v2-beta.canvas.created", WebhookOnly), ("v2-beta.app.configuration.updated", WebhookOnly),
    ("v0.app.activateRequested", WebhookOnly), ("v0.app.deactivated", WebhookOnly),
    ("v0-beta.lifecycle.activateRequested", WebhookOnly), ("v0-beta.lifecycle.deactivated", WebhookOnly),
    ("v0-beta.app.configuration.updated", WebhookOnly),
];

/// Kinds of entities: their registration arrives as `v2.entity.registered`.
const ENTITIES: [&str; 5] = ["customEntity", "dnaOligo", "dnaSequence", "rnaOligo", "rnaSequence"];

/// Maximum edit distance of a suggestion, in letters (`deleted` is four from `created`).
const NEAR: usize = 3;

/// Returns how far an event type can be relied on; `None` for an unknown type.
pub fn standing(type_: &str) -> Option<Standing> {
    TYPES.iter().find(|(known, _)| *known == type_).map(|(_, standing)| *standing)
}

/// Returns the known types that Benchling sends over EventBridge.
pub(super) fn on_eventbridge() -> impl Iterator<Item = &'static str> {
    TYPES.iter().filter(|(_, standing)| *standing != WebhookOnly).map(|(type_, _)| *type_)
}

/// Returns whether Benchling sends events of this type over EventBridge.
pub(super) fn is_on_eventbridge(type_: &str) -> bool {
    on_eventbridge().any(|known| known == type_)
}

/// `v2.entity.registered` to `entity`: also the key of `detail` under which the event holds its
/// object.
pub fn resource_of(type_: &str) -> Option<&str> {
    let (version, rest) = type_.split_once('.')?;
    let resource = rest.split('.').next()?;
    (is_version(version) && !resource.is_empty()).then_some(resource)
}

/// Returns whether events of this type have changed schema fields in `updates`.
pub fn carries_fields(type_: &str) -> bool {
    type_.ends_with(".updated.fields")
}

/// Returns whether `detail` of this type has an object under this key.
pub(super) fn carries_object(type_: &str, key: &str) -> bool {
    let resource = resource_of(type_);
    // Some events of a stage entry or worksheet hold an entry (event models of Benchling's API
    // client).
    resource == Some(key) || (key == "entry" && matches!(resource, Some("stageEntry" | "worksheet")))
}

/// Returns the known types that are nearest to an unknown one, separated by commas.
pub fn suggestion(type_: &str) -> Option<String> {
    let wanted = type_.trim().to_lowercase();
    let rest = unversioned(&wanted);
    let resource = rest.split('.').next().unwrap_or_default();
    // The difference of lengths is a lower bound of the distance, which takes seconds to compute
    // for very long texts.
    let length = wanted.chars().count();
    let near = |known: &str| {
        if known.len().abs_diff(length) > NEAR { usize::MAX } else { strsim::damerau_levenshtein(&known.to_lowercase(), &wanted) }
    };
    let nearest = |known: Vec<&'static str>| known.into_iter().min_by_key(|known| near(known)).filter(|known| near(known) <= NEAR);
    let having = |fits: &dyn Fn(&str) -> bool| on_eventbridge().filter(|known| fits(unversioned(&known.to_lowercase()))).collect();

    let twins: Vec<&str> = having(&|known| known == rest);
    if let Some(twin) = twins.first() {
        return Some((*twin).to_owned());
    }
    let longer: Vec<&str> =
        if rest.is_empty() { vec![] } else { having(&|known| known.strip_prefix(rest).is_some_and(|r| r.starts_with('.'))) };
    if !longer.is_empty() {
        return Some(stable_first(&longer));
    }
    // Prefer types of the same resource: `v2.entity.created` is only two letters from
    // `v2.entry.created`.
    let kin: Vec<&str> = having(&|known| known.split('.').next() == Some(resource));
    if kin.is_empty() {
        nearest(on_eventbridge().collect()).map(str::to_owned)
    } else {
        Some(nearest(kin.clone()).map_or_else(|| stable_first(&kin), str::to_owned))
    }
}

/// Returns the type on EventBridge that replaces a type of a webhook.
pub(super) fn counterpart(type_: &str) -> Option<&'static str> {
    let same = on_eventbridge().find(|known| unversioned(known) == unversioned(type_));
    let is_entity = resource_of(type_).is_some_and(|resource| ENTITIES.iter().any(|entity| entity.eq_ignore_ascii_case(resource)));
    same.or(is_entity.then_some("v2.entity.registered"))
}

/// Returns the types of webhooks about the resource of a type; none if EventBridge has types about it.
pub(super) fn webhook_kin(type_: &str) -> Vec<&'static str> {
    let Some(resource) = resource_of(type_) else { return vec![] };
    let same = |known: &&(&str, Standing)| resource_of(known.0).is_some_and(|of| of.eq_ignore_ascii_case(resource));
    let kin: Vec<_> = TYPES.iter().filter(same).collect();
    if kin.iter().all(|(_, standing)| *standing == WebhookOnly) { kin.iter().map(|(known, _)| *known).collect() } else { vec![] }
}

/// Returns the stable types, or all of them if none is stable.
fn stable_first(types: &[&str]) -> String {
    let stable: Vec<&str> = types.iter().copied().filter(|known| matches!(standing(known), Some(Documented | ClientOnly))).collect();
    if stable.is_empty() { types.join(", ") } else { stable.join(", ") }
}

fn unversioned(type_: &str) -> &str {
    type_.split_once('.').filter(|(version, _)| is_version(version)).map_or(type_, |(_, rest)| rest)
}

/// Returns whether the text is a version, such as `v2` or `v2-beta`, in any case.
fn is_version(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|v| v.eq_ignore_ascii_case(&'v')) && letters.next().is_some_and(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_what_the_sources_have() {
        let count = |prefix: &str, of: fn(Standing) -> bool| TYPES.iter().filter(|(t, s)| t.starts_with(prefix) && of(*s)).count();
        assert_eq!(count("", |s| s == Documented), 23, "Events Reference");
        assert_eq!(count("", |s| s != Documented && s != WebhookOnly), 15, "only in the client");
        assert_eq!(count("v3.", |s| s == WebhookOnly), 14);
        assert_eq!(count("", |s| s == WebhookOnly), 50 - 23, "the rest of the webhook model");
        let mut names: Vec<_> = TYPES.iter().map(|(known, _)| *known).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TYPES.len());
        for (known, of) in TYPES {
            assert_eq!(standing(known), Some(*of));
            assert!(resource_of(known).is_some(), "{known}");
            if let Beta { stable: Some(stable) } = of {
                assert_eq!(standing(stable), Some(ClientOnly), "{known}");
            }
        }
    }

    #[test]
    fn unknown_types_suggest_known_ones() {
        for (wrong, right) in [
            ("v2.assayRun.updated", "v2.assayRun.updated.fields"),
            ("v2.entity.created", "v2.entity.registered"),
            ("v2.Entity.Registered", "v2.entity.registered"),
            ("entity.registered", "v2.entity.registered"),
            ("v2.entity.register", "v2.entity.registered"),
            ("v2-beta.entity.registered", "v2.entity.registered"),
            ("v2.stageEntry.created", "v2-alpha.stageEntry.created"),
            ("v2.workflow_task.created", "v2.workflowTask.created"),
            ("v2.entry.updated.feilds", "v2.entry.updated.fields"),
            ("v2.request.updated", "v2.request.updated.fields, v2.request.updated.status"),
            ("v2.request.deleted", "v2.request.created, v2.request.updated.fields, v2.request.updated.status"),
            (
                "v2-beta.entry.updated",
                "v2.entry.updated.fields, v2.entry.updated.reviewRecord, v2.entry.updated.assignedReviewers, v2.entry.updated.reviewSnapshot",
            ),
        ] {
            assert_eq!(suggestion(wrong).as_deref(), Some(right), "{wrong}");
        }
        for hopeless in ["", "v2", "v2.", "v2.container.moved", "OrderPlaced"] {
            assert_eq!(suggestion(hopeless), None, "{hopeless}");
        }
    }

    #[test]
    fn webhook_types_suggest_eventbridge_types() {
        assert_eq!(counterpart("v3.entry.created"), Some("v2.entry.created"));
        assert_eq!(counterpart("v2.dnasequence.created"), Some("v2.entity.registered"));
        assert_eq!(counterpart("v3.project.created"), None);
        assert_eq!(webhook_kin("v2.dnaSequence.created"), ["v3.dnaSequence.created", "v3.dnaSequence.updated"]);
        assert!(webhook_kin("v2.entry.deleted").is_empty(), "EventBridge has entries");
    }

    #[test]
    fn a_type_describes_the_contents_of_its_events() {
        assert_eq!(resource_of("v2-alpha.stageEntry.updated.fields"), Some("stageEntry"));
        assert_eq!((resource_of("OrderPlaced"), resource_of("my.app.event")), (None, None));
        assert!(carries_fields("v2.assayRun.updated.fields") && !carries_fields("v2.request.updated.status"));
        assert!(carries_object("v2-beta.worksheet.updated.reviewSnapshot", "entry") && !carries_object("v2.entity.registered", "entry"));
    }
}
