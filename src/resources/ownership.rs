//! Who owns what in AWS: the owner is installation + kind + namespace + name; the uid is not part of it. Pure.

use super::{PlanContext, names::short_hash};
use crate::{
    api::{OWNER_TAG, Tags, annotation},
    runtime::halt::{Class, Halt, Reason},
    steps::{EventsStep, Step},
};

/// The value of the owner tag, at most 256 characters.
pub fn owner(installation: &str, kind: &str, key: &str) -> String {
    let plain = format!("{installation}/{kind}/{key}");
    if plain.len() <= 256 {
        return plain;
    }
    let cut: String = plain.chars().take(239).collect();
    format!("{cut}-{}", short_hash(&plain, 16))
}

/// The `Sid` of the owner's statement in a resource policy, where there are no tags.
pub fn sid(owner: &str) -> String {
    format!("tributary-{}", short_hash(owner, 16))
}

/// Tags that the object puts on its AWS resource: the account's, its own, the owner.
pub fn tags(defaults: &Tags, own: Option<&Tags>, owner: &str) -> Tags {
    let mut tags = defaults.clone();
    tags.extend(own.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
    tags.insert(OWNER_TAG.into(), owner.into());
    tags
}

pub fn is_ours(tags: &Tags, context: &PlanContext<'_>) -> bool {
    tags.get(OWNER_TAG).map(String::as_str) == Some(context.owner)
}

/// Whether the object may write to something that exists and bears these tags.
pub fn check(what: &str, tags: &Tags, context: &PlanContext<'_>) -> Result<(), Halt> {
    let present = tags.get(OWNER_TAG).map(String::as_str);
    match (present, context.adopt) {
        (Some(present), _) if present == context.owner => Ok(()),
        (None, Some("true")) => Ok(()),
        (Some(present), Some(word)) if word == present => Ok(()),
        (None, _) => Err(Halt::new(
            Class::Refused,
            Reason::NotOwned,
            format!(
                "{what} exists and no object of this installation made it. To take it over, annotate this object, or the BenchlingSubscription that it is a child of, with {}=true; or choose another name, where it is not that of a partner's source",
                annotation::ADOPT
            ),
        )),
        (Some(present), _) => Err(Halt::new(
            Class::Refused,
            Reason::NotOwned,
            format!(
                "{what} belongs to {present}. Choose another name; or, once that object no longer manages it, take it over with the annotation {}={present}",
                annotation::ADOPT
            ),
        )),
    }
}

/// Tags to set and keys to remove. Only keys that the object put there itself are ever removed.
pub fn tag_changes(desired: &Tags, observed: &Tags, context: &PlanContext<'_>) -> (Tags, Vec<String>) {
    let set = desired.iter().filter(|(k, v)| observed.get(*k) != Some(v)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let remove = context.tag_keys.iter().filter(|k| observed.contains_key(*k) && !desired.contains_key(*k)).cloned().collect();
    (set, remove)
}

/// The tag steps of `EventBridge` for an ARN.
pub fn tag_steps(arn: &str, desired: &Tags, observed: &Tags, context: &PlanContext<'_>) -> Vec<Step> {
    let (tags, keys) = tag_changes(desired, observed, context);
    let mut steps = Vec::new();
    if !tags.is_empty() {
        steps.push(EventsStep::TagResource { arn: arn.into(), tags }.into());
    }
    if !keys.is_empty() {
        steps.push(EventsStep::UntagResource { arn: arn.into(), keys }.into());
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Identity;

    fn allowed(tag: Option<&str>, adopt: Option<&str>) -> bool {
        let tags = tag.map(|t| (OWNER_TAG.to_owned(), t.to_owned())).into_iter().collect();
        let identity = Identity::default();
        check("queue q", &tags, &PlanContext { identity: &identity, owner: "me", adopt, tag_keys: &[], retain: false, orphan: false })
            .is_ok()
    }

    #[test]
    fn only_the_users_word_adopts() {
        assert!(allowed(Some("me"), None));
        assert!(!allowed(None, None));
        assert!(allowed(None, Some("true")));
        assert!(!allowed(Some("other"), None));
        assert!(!allowed(Some("other"), Some("true")), "`true` is not enough to take from another owner");
        assert!(allowed(Some("other"), Some("other")));
    }

    #[test]
    fn an_owner_fits_a_tag_and_stays_unique() {
        let long = |c: &str| owner("i", "EventRule", &format!("ns/{}{c}", "x".repeat(253)));
        assert!(long("a").len() <= 256);
        assert_ne!(long("a"), long("b"));
    }
}
