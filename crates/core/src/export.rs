//! What an object publishes about its AWS resource to a ConfigMap: the observed state, and the steps
//! from there to the desired data. Which values are published is decided in `kinds`.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube_core::Resource;

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    object::{ObjectMetaExt, controller},
    steps::{ChildStep, Step},
};

/// Label of the ConfigMaps that the operator writes.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "tributary");

/// What was read for an export.
#[derive(Clone, Debug, Default)]
pub struct ObservedExport {
    /// URLs of what consumers read, as AWS returns them, by name.
    pub urls: BTreeMap<String, String>,
    /// The ConfigMaps that exist, by name.
    pub config_maps: BTreeMap<String, ConfigMap>,
}

/// The moment at which an export is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportProgress {
    /// Before the first write.
    Planned,
    /// After the last write.
    Done,
}

/// Returns the steps to exactly these data in the ConfigMap of this name, and to no other ConfigMap of
/// the owner.
///
/// # Errors
/// The ConfigMap belongs to another owner.
pub(crate) fn plan(
    owner: &impl Resource<DynamicType = ()>,
    desired: Option<(&str, BTreeMap<String, String>)>,
    observed: &ObservedExport,
) -> Result<Vec<Step>, ReconcileError> {
    let mut steps = Vec::new();
    let wanted = desired.as_ref().map(|(name, _)| *name);
    if let Some((name, data)) = desired {
        let have = observed.config_maps.get(name);
        if let Some(have) = have {
            check_owned(owner, have)?;
        }
        let want = exported(owner, name, data, have);
        match have {
            Some(have) if *have == want => {}
            // The API server accepts no other data for an immutable object.
            Some(have) if have.immutable == Some(true) => {
                let config_map = Box::new(exported(owner, name, want.data.unwrap_or_default(), None));
                steps.push(ChildStep::DeleteConfigMap { config_map: Box::new(have.clone()) }.into());
                steps.push(ChildStep::ApplyConfigMap { config_map }.into());
            }
            _ => steps.push(ChildStep::ApplyConfigMap { config_map: Box::new(want) }.into()),
        }
    }
    let former = observed.config_maps.iter().filter(|(name, have)| Some(name.as_str()) != wanted && is_ours(owner, have));
    steps.extend(former.map(|(_, have)| ChildStep::DeleteConfigMap { config_map: Box::new(have.clone()) }.into()));
    Ok(steps)
}

/// Whether the ConfigMap is controlled by the owner. Decided by name, because the uid may differ
/// after a restore from a backup.
fn is_ours(owner: &impl Resource<DynamicType = ()>, config_map: &ConfigMap) -> bool {
    controller(config_map).is_some_and(|controller| is_reference_to(owner, controller))
}

fn is_reference_to<K: Resource<DynamicType = ()>>(owner: &K, reference: &OwnerReference) -> bool {
    let group = reference.api_version.split_once('/').map(|(group, _)| group);
    group == Some(&K::group(&())) && reference.kind == K::kind(&()) && reference.name == owner.own_name()
}

fn check_owned(owner: &impl Resource<DynamicType = ()>, have: &ConfigMap) -> Result<(), ReconcileError> {
    if is_ours(owner, have) {
        return Ok(());
    }
    let whose =
        controller(have).map_or_else(|| "this object".to_owned(), |other| format!("this object, but to {} {}", other.kind, other.name));
    Err(ReconcileError::new(
        RetryClass::Refused,
        Reason::ConfigMapNotOwned,
        format!(
            "spec.exportTo.configMap.name: ConfigMap {}/{} exists and does not belong to {whose}. No changes were made to it. Delete it, or set another name.",
            have.own_namespace(),
            have.own_name()
        ),
    ))
}

/// The ConfigMap as it should be. Labels, annotations and owner references of others stay.
fn exported<K: Resource<DynamicType = ()>>(owner: &K, name: &str, data: BTreeMap<String, String>, have: Option<&ConfigMap>) -> ConfigMap {
    let mut want = have.cloned().unwrap_or_default();
    want.metadata.name = Some(name.to_owned());
    want.metadata.namespace.clone_from(&owner.meta().namespace);
    want.metadata.labels.get_or_insert_default().insert(MANAGED_BY.0.into(), MANAGED_BY.1.into());
    let ours = OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: owner.own_name().to_owned(),
        uid: owner.meta().uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    };
    let references = want.metadata.owner_references.get_or_insert_default();
    if !references.contains(&ours) {
        references.retain(|reference| !is_reference_to(owner, reference));
        references.push(ours);
    }
    want.data = Some(data);
    want.binary_data = None;
    want
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use tributary_api::{EventSink, EventSinkSpec};

    use super::*;

    fn sink(name: &str, uid: &str) -> EventSink {
        let mut sink = EventSink::new(name, EventSinkSpec::default());
        sink.metadata.namespace = Some("prod".into());
        sink.metadata.uid = Some(uid.into());
        sink
    }

    fn data(url: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("URL".to_owned(), url.to_owned())])
    }

    fn observed(config_maps: impl IntoIterator<Item = ConfigMap>) -> ObservedExport {
        let config_maps = config_maps.into_iter().map(|it| (it.own_name().to_owned(), it)).collect();
        ObservedExport { config_maps, ..ObservedExport::default() }
    }

    fn names(steps: &[Step]) -> Vec<String> {
        steps.iter().map(ToString::to_string).collect()
    }

    /// Applies the steps to a model of the API server.
    fn after(observed_before: &ObservedExport, steps: &[Step]) -> ObservedExport {
        let mut all = observed_before.clone();
        for step in steps {
            let Step::Child(step) = step else { panic!("{step}") };
            match step {
                ChildStep::ApplyConfigMap { config_map } => {
                    all.config_maps.insert(config_map.own_name().to_owned(), (**config_map).clone());
                }
                ChildStep::DeleteConfigMap { config_map } => drop(all.config_maps.remove(config_map.own_name())),
                other => panic!("{other}"),
            }
        }
        all
    }

    #[test]
    fn a_plan_leaves_nothing_to_plan_and_repairs_drift() {
        let owner = sink("queue", "1");
        let want = || Some(("queue-url", data("a")));
        let steps = plan(&owner, want(), &observed([])).unwrap();
        assert_eq!(names(&steps), ["ApplyConfigMap prod/queue-url"]);
        let exists = after(&observed([]), &steps);
        assert_eq!(plan(&owner, want(), &exists).unwrap(), []);

        let ours = exists.config_maps["queue-url"].clone();
        let drifts: [fn(&mut ConfigMap); 4] = [
            |it| it.data = Some(BTreeMap::from([("URL".to_owned(), "b".to_owned())])),
            |it| drop(it.data.as_mut().unwrap().insert("MORE".into(), "x".into())),
            |it| it.metadata.labels = None,
            |it| it.metadata.owner_references.as_mut().unwrap()[0].uid = "before the restore".into(),
        ];
        for drift in drifts {
            let mut drifted = ours.clone();
            drift(&mut drifted);
            drifted.metadata.annotations = Some(BTreeMap::from([("theirs".to_owned(), "stays".to_owned())]));
            let before = observed([drifted]);
            let steps = plan(&owner, want(), &before).unwrap();
            assert_eq!(names(&steps), ["ApplyConfigMap prod/queue-url"]);
            let after = after(&before, &steps);
            assert_eq!(after.config_maps["queue-url"].data, ours.data);
            assert_eq!(after.config_maps["queue-url"].metadata.owner_references, ours.metadata.owner_references);
            assert!(after.config_maps["queue-url"].metadata.annotations.is_some());
        }
        // Another name, and none.
        let steps = plan(&owner, Some(("other", data("a"))), &exists).unwrap();
        assert_eq!(names(&steps), ["ApplyConfigMap prod/other", "DeleteConfigMap prod/queue-url"]);
        assert_eq!(names(&plan(&owner, None, &exists).unwrap()), ["DeleteConfigMap prod/queue-url"]);
        // An immutable one is replaced where it differs.
        let immutable = observed([ConfigMap { immutable: Some(true), data: None, ..ours }]);
        let steps = plan(&owner, want(), &immutable).unwrap();
        assert_eq!(names(&steps), ["DeleteConfigMap prod/queue-url", "ApplyConfigMap prod/queue-url"]);
        assert_eq!(plan(&owner, want(), &after(&immutable, &steps)).unwrap(), []);
    }

    #[test]
    fn another_owners_config_map_is_neither_changed_nor_deleted() {
        let (owner, other) = (sink("queue", "1"), sink("other", "2"));
        let theirs = after(&observed([]), &plan(&other, Some(("shared", data("b"))), &observed([])).unwrap());
        let nobodys = observed([ConfigMap {
            metadata: ObjectMeta { name: Some("shared".into()), namespace: Some("prod".into()), ..ObjectMeta::default() },
            ..ConfigMap::default()
        }]);
        for (have, whose) in [(&theirs, "but to EventSink other"), (&nobodys, "does not belong to this object. ")] {
            let error = plan(&owner, Some(("shared", data("a"))), have).unwrap_err();
            assert_eq!(error.reason, Reason::ConfigMapNotOwned);
            assert!(error.message.contains("ConfigMap prod/shared") && error.message.contains(whose), "{}", error.message);
            assert_eq!(plan(&owner, None, have).unwrap(), []);
        }
    }
}
