//! Row F5: partial responses: failed entries in HTTP 200, pages of one row, reads that lag behind writes.

use serde_json::json;
use tributary_testkit::{Row, form};

use super::{
    scenario::{Storm, with_quota},
    workload::reason_of,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_failed_entries_are_reported_and_repaired() {
    let row = Row::new(
        "F5-failed-entries",
        "Every entry of PutTargets fails in an HTTP 200 response: each rule names its target in its condition, and is Ready after the fault; then half of these calls fail during change and delete. Probes: a queue of the same account, a rule of another account.",
    );
    let mut storm = Storm::start(row, with_quota()).await;
    let failed = |code: &str, p: f64| json!([{"match": "events.*Targets", "kind": "failed_entry", "code": code, "p": p}]);
    storm.fault(failed("AccessDeniedException", 1.0)).await;
    storm.probe_here();
    storm.workload.apply(&storm.world, 1).await;
    let named = |object: Option<&kube::api::DynamicObject>| {
        let Some(object) = object else { return Some("missing".into()) };
        let said = reason_of(object);
        let target = object.data["spec"]["targets"][0]["name"].as_str();
        let fine = target.is_none_or(|target| said.starts_with("TargetRejected") && said.contains(&format!("target {target}:")));
        (!fine).then_some(said)
    };
    storm.workload.settle(&storm.world, "told", named).await;
    storm.fault(json!([])).await;
    storm.made().await;
    storm.fault(failed("InternalException", 0.5)).await;
    storm.change().await;
    storm.delete().await;
    storm.end("failed_entry", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_pages_of_one_row_hide_nothing() {
    let row = Row::new(
        "F5-pages-of-one",
        "Every list returns one item per page during create, change and delete: all Ready, no duplicates, nothing left. Probes: a queue of the same account, a rule of another account.",
    );
    let mut storm = Storm::start(row, with_quota()).await;
    storm.fault(json!([{"match": "*", "kind": "page_size"}])).await;
    storm.probe_here();
    storm.live().await;
    storm.end("page_size", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_reads_that_lag_conclude_nothing() {
    let row = Row::new(
        "F5-reads-lag",
        "Reads and dependent calls see a bus or rule 10 s after its creation (short form: 4 s), and 10 % of the replies are lost: all Ready, no duplicates, nothing left. Probes: a queue of the same account, a rule of another account.",
    );
    let mut storm = Storm::start(row, with_quota()).await;
    storm.lagging = true;
    storm.world.aws.settings(json!({"readLagSeconds": form(4, 10)})).await;
    storm.fault(json!([{"match": "events.*", "kind": "applied_reset", "p": 0.1}])).await;
    storm.probe_here();
    storm.live().await;
    storm.end("applied_reset", None).await;
}
