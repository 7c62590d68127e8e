//! Ownership of AWS resources: an owner is installation, kind, namespace and name. The uid is not
//! part of it.

use serde::Serialize;

use tributary_api::{OWNER_TAG, Tags, annotation};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    names::short_hash,
    plan::PlanContext,
};

/// Value of the owner tag, at most 256 characters.
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

/// Tags of the object's AWS resource: the account's defaults, the object's own, the owner tag.
pub fn tags(defaults: &Tags, own: Option<&Tags>, owner: &str) -> Tags {
    let mut tags = defaults.clone();
    tags.extend(own.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
    tags.insert(OWNER_TAG.into(), owner.into());
    tags
}

/// Ownership mark in the description of a resource that AWS cannot tag, after the user's own text.
///
/// It is written in the same request as the values, so that it cannot lag behind them after a
/// crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// Value of the owner tag.
    pub owner: Option<String>,
    /// Version of the Secrets that the resource was made from.
    pub secrets: Option<String>,
}

impl Mark {
    const BEGIN: &str = "[tributary.dev/owner=";
    const SECRETS: &str = "; secrets=";

    /// The description: the text, then the mark. At most 512 characters for a text of 180, since an
    /// owner has at most 256.
    pub fn describe(&self, text: Option<&str>) -> String {
        let Some(owner) = &self.owner else { return text.unwrap_or_default().to_owned() };
        let secrets = self.secrets.as_ref().map(|version| format!("{}{version}", Self::SECRETS)).unwrap_or_default();
        format!("{} {}{owner}{secrets}]", text.unwrap_or_default(), Self::BEGIN).trim_start().to_owned()
    }

    /// Splits a description into the text and the mark.
    pub fn read(description: &str) -> (Option<String>, Self) {
        let found = description.rsplit_once(Self::BEGIN).and_then(|(text, rest)| Some((text, rest.strip_suffix(']')?)));
        let (text, mark) = found.map_or((description, Self::default()), |(text, rest)| {
            let (owner, secrets) =
                rest.split_once(Self::SECRETS).map_or((rest, None), |(owner, version)| (owner, Some(version.to_owned())));
            (text.trim_end(), Self { owner: Some(owner.to_owned()), secrets })
        });
        (Some(text.to_owned()).filter(|text| !text.is_empty()), mark)
    }

    /// The mark as tags, for [`check`].
    pub fn tags(&self) -> Tags {
        self.owner.iter().map(|owner| (OWNER_TAG.to_owned(), owner.clone())).collect()
    }
}

/// Whether the tags name the object as owner.
pub fn is_ours(tags: &Tags, context: &PlanContext<'_>) -> bool {
    tags.get(OWNER_TAG).map(String::as_str) == Some(context.owner)
}

/// Checks that the object may write to an existing resource with these tags. `what` names the
/// resource in the message.
///
/// # Errors
/// The resource has another owner or none, and the adoption annotation does not match.
pub fn check(what: &str, tags: &Tags, context: &PlanContext<'_>) -> Result<(), ReconcileError> {
    let present = tags.get(OWNER_TAG).map(String::as_str);
    match (present, context.adopt) {
        (Some(present), _) if present == context.owner => Ok(()),
        (None, Some("true")) => Ok(()),
        (Some(present), Some(adopt)) if adopt == present => Ok(()),
        (None, _) => Err(ReconcileError::new(
            RetryClass::Refused,
            Reason::NotOwned,
            format!(
                "{what} exists and was not created by an object of this installation. To adopt it, annotate this object (or the \
                 BenchlingSubscription that controls it) with {}=true. Otherwise choose another name.",
                annotation::ADOPT
            ),
        )),
        (Some(present), _) => Err(ReconcileError::new(
            RetryClass::Refused,
            Reason::NotOwned,
            format!(
                "{what} belongs to {present}. Choose another name. To adopt it once that object no longer manages it, set the annotation {}={present}.",
                annotation::ADOPT
            ),
        )),
    }
}

/// Whether a deletion may delete a resource with these tags. One of another owner is left in AWS,
/// and does not prevent the deletion of what is the object's own.
pub fn may_delete(what: &str, tags: &Tags, context: &PlanContext<'_>) -> bool {
    match check(what, tags, context) {
        Ok(()) => true,
        Err(error) => {
            context.leave(error.message);
            false
        }
    }
}

/// Tags to set, and keys of tags to remove. Only tags that the object has set itself are removed.
pub fn tag_changes(desired: &Tags, observed: &Tags, context: &PlanContext<'_>) -> (Tags, Vec<String>) {
    let set = desired.iter().filter(|(k, v)| observed.get(*k) != Some(v)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let remove = context.tag_keys.iter().filter(|k| observed.contains_key(*k) && !desired.contains_key(*k)).cloned().collect();
    (set, remove)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tributary_api::Identity;

    fn allowed(tag: Option<&str>, adopt: Option<&str>) -> bool {
        let tags = tag.map(|t| (OWNER_TAG.to_owned(), t.to_owned())).into_iter().collect();
        let identity = Identity::default();
        check("queue q", &tags, &PlanContext { adopt, ..PlanContext::new(&identity, "me") }).is_ok()
    }

    #[test]
    fn only_a_matching_annotation_adopts() {
        assert!(allowed(Some("me"), None));
        assert!(!allowed(None, None));
        assert!(allowed(None, Some("true")));
        assert!(!allowed(Some("other"), None));
        assert!(!allowed(Some("other"), Some("true")), "`true` is not enough to take from another owner");
        assert!(allowed(Some("other"), Some("other")));
    }

    #[test]
    fn a_mark_is_read_as_it_was_written_and_fits() {
        let mark = |owner: &str, secrets: Option<&str>| Mark { owner: Some(owner.into()), secrets: secrets.map(Into::into) };
        let long = owner("i", "EventSink", &"x".repeat(400));
        for (text, mark) in
            [(None, mark("i/EventSink/a/b", Some("0f"))), (Some("mine"), mark(&long, None)), (Some("theirs"), Mark::default())]
        {
            assert_eq!(Mark::read(&mark.describe(text)), (text.map(str::to_owned), mark));
        }
        assert!(mark(&long, Some("0123456789abcdef")).describe(Some(&"t".repeat(180))).len() <= 512);
    }

    #[test]
    fn an_owner_fits_a_tag_and_stays_unique() {
        let long = |c: &str| owner("i", "EventRule", &format!("ns/{}{c}", "x".repeat(253)));
        assert!(long("a").len() <= 256);
        assert_ne!(long("a"), long("b"));
    }
}
