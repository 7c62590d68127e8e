//! What is kept of an object while it is stored: what is read of it, and no more.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The whole object, as `kubectl apply` last wrote it.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Removes what no code reads of any object's metadata.
pub fn remove_unread_fields(meta: &mut ObjectMeta) {
    // Not emptied: an empty list keeps the memory of its entries.
    meta.managed_fields = None;
    remove_annotation(meta, LAST_APPLIED);
}

/// Removes an annotation, and the map with the last one: an empty map keeps the memory of its first entries.
pub fn remove_annotation(meta: &mut ObjectMeta, key: &str) {
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove(key);
    }
    meta.annotations.take_if(|annotations| annotations.is_empty());
}
