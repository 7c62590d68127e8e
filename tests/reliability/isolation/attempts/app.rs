//! Attempts by a `BenchlingApp`: the bus of another tenant, and the Secret of its client. Ownership of webhooks is tested in target `gateway`.

use serde_json::{Value, json};
use tributary_testkit::World;

use super::{Attempt, attempt};

pub fn attempts(b: &World) -> Vec<Attempt> {
    let app = |bus: Value, more: Value| {
        let mut spec = json!({"tenants": ["acme"], "appDefinitionId": "appdef_1", "busRef": bus});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    vec![
        attempt(
            &["BenchlingApp.busRef.name"],
            "BenchlingApp",
            app(json!({"name": "b"}), json!({"path": "/1/a"})),
            "BusNotFound",
            "spec.busRef",
        ),
        attempt(
            &["BenchlingApp.busRef.namespace"],
            "BenchlingApp",
            app(json!({"name": "b", "namespace": b.namespace}), json!({"path": "/1/b"})),
            "ReferenceNotPermitted",
            "spec.allowedNamespaces",
        ),
        attempt(
            &["BenchlingApp.credentials.secretRef.name"],
            "BenchlingApp",
            app(json!({"name": "own"}), json!({"path": "/1/c", "credentials": {"secretRef": {"name": "theirs"}}})),
            "SecretNotFound",
            "/theirs does not exist",
        ),
    ]
}
