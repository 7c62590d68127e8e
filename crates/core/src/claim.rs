//! The claim of a new object: its identity in AWS, in its metadata, until its status has it (ADR 0044).
//!
//! A claim is written in the same request as the finalizer, before the first write to AWS. Users can
//! edit annotations, so a claim is only followed as far as the account permits the namespace of the
//! object to use it.

use kube_core::ObjectMeta;
use serde::{Deserialize, Serialize};

use tributary_api::{AccountRef, CommonStatus, Identity, Tags, annotation};

use crate::{error::ReconcileError, stored::remove_annotation, view::View};

/// What an object may have written to AWS before its status says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Where the object lives in AWS.
    pub identity: Identity,
    /// Keys of the tags that its resource is created with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tag_keys: Vec<String>,
}

impl Claim {
    /// The claim of an object with this identity, whose resource is created with these tags.
    pub fn new(identity: &Identity, tags: Option<&Tags>) -> Self {
        Self { identity: identity.clone(), tag_keys: tags.into_iter().flat_map(|tags| tags.keys().cloned()).collect() }
    }

    /// The claim in the metadata. `None` also where somebody has edited it so that it cannot be read.
    pub fn read(meta: &ObjectMeta) -> Option<Self> {
        serde_json::from_str(meta.annotations.as_ref()?.get(annotation::IDENTITY)?).ok()
    }

    /// Whether status says itself what the object may have written to AWS, so that a claim is not read.
    pub fn is_recorded(status: &CommonStatus) -> bool {
        status.applied.is_some() || !status.resources.is_empty()
    }

    /// Removes the claim from an object that is only read and whose status has what the claim says.
    pub fn remove_recorded(meta: &mut ObjectMeta, status: &CommonStatus) {
        if status.identity.is_some() && Self::is_recorded(status) {
            remove_annotation(meta, annotation::IDENTITY);
        }
    }

    /// The value of the annotation.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The identity, if its account permits the namespace to use it.
    ///
    /// # Errors
    /// The account does not exist, or does not permit that.
    pub fn permitted(&self, view: &View, namespace: &str) -> Result<&Identity, ReconcileError> {
        let account = AccountRef { name: self.identity.account.clone(), ..AccountRef::default() };
        view.account_for(namespace, Some(&account)).map(|_| &self.identity)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;
    use tributary_api::AwsAccount;

    use super::*;
    use crate::{
        error::Reason,
        objects::{Objects, fixed},
    };

    fn claim() -> Claim {
        let identity = Identity { account: "prod".into(), account_id: "1".into(), name: "n".into(), ..Identity::default() };
        Claim::new(&identity, Some(&Tags::from([("a".to_owned(), "1".to_owned())])))
    }

    #[test]
    fn a_stored_claim_goes_once_status_says_the_same() {
        let meta = || ObjectMeta {
            annotations: Some(BTreeMap::from([(annotation::IDENTITY.to_owned(), claim().text())])),
            ..ObjectMeta::default()
        };
        let left = |status: &CommonStatus, mut meta: ObjectMeta| {
            Claim::remove_recorded(&mut meta, status);
            meta.annotations
        };
        let identity = Some(claim().identity);
        let (pinned, applied) = (
            CommonStatus { identity: identity.clone(), ..CommonStatus::default() },
            CommonStatus { applied: Some("h".into()), ..CommonStatus::default() },
        );
        let recorded = CommonStatus { identity, ..applied.clone() };
        for status in [CommonStatus::default(), pinned, applied] {
            assert_eq!(left(&status, meta()), meta().annotations, "{status:?}");
        }
        assert_eq!(left(&recorded, meta()), None);
        let mut paused = meta();
        paused.annotations.get_or_insert_default().insert(annotation::PAUSED.into(), "true".into());
        assert_eq!(left(&recorded, paused), Some(BTreeMap::from([(annotation::PAUSED.to_owned(), "true".to_owned())])));
    }

    #[test]
    fn a_claim_is_read_as_it_was_written_and_anything_else_is_none() {
        let meta = |text: &str| ObjectMeta {
            annotations: Some(BTreeMap::from([(annotation::IDENTITY.to_owned(), text.to_owned())])),
            ..ObjectMeta::default()
        };
        assert_eq!(Claim::read(&meta(&claim().text())), Some(claim()));
        for text in ["", "{}", "[1]", "{\"identity\": 7}"] {
            assert_eq!(Claim::read(&meta(text)), None, "{text}");
        }
        assert_eq!(Claim::read(&ObjectMeta::default()), None);
    }

    #[test]
    fn a_claim_is_followed_in_an_account_that_permits_it_only() {
        let account: AwsAccount = serde_json::from_value(json!({
            "apiVersion": "tributary.dev/v1alpha1", "kind": "AwsAccount", "metadata": {"name": "prod"},
            "spec": {"accountId": "1", "region": "r", "grants": [{"namespaces": ["team"]}]},
        }))
        .expect("an AwsAccount");
        let objects = Objects { accounts: fixed(vec![account]), ..Objects::default() };
        let view = View { objects, settings: Arc::default(), resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH };
        assert_eq!(claim().permitted(&view, "team"), Ok(&claim().identity));
        assert_eq!(claim().permitted(&view, "other").map_err(|error| error.reason), Err(Reason::AccountNotPermitted));
        let elsewhere = Claim { identity: Identity { account: "other".into(), ..Identity::default() }, tag_keys: vec![] };
        assert_eq!(elsewhere.permitted(&view, "team").map_err(|error| error.reason), Err(Reason::AccountNotFound));
    }
}
