//! Rows F1 to F4: throttling, server errors, lost responses, calls that hang.

use std::time::Duration;

use serde_json::json;
use tributary_testkit::{Row, form};

use super::scenario::{Storm, with_quota};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f1_throttling_slows_the_workload_and_duplicates_nothing() {
    let row = Row::new(
        "F1-throttled",
        "30 % of all calls throttled during create, change and delete: all Ready, at most twice the calls, rate limit respected. Probes: a queue of the same account, a rule of another account.",
    );
    let mut storm = Storm::start(row, with_quota()).await;
    storm.fault(json!([{"match": "*", "kind": "throttle", "p": 0.3}])).await;
    storm.probe_here();
    storm.live().await;
    storm.end("throttle", Some(2.0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f2_server_errors_and_resets_are_retried() {
    let row = Row::new(
        "F2-server-errors",
        "20 % of all calls answered with 503 and 10 % reset during create, change and delete: all Ready, no duplicates, nothing left. Probes: a queue of the same account, a rule of another account.",
    );
    let mut storm = Storm::start(row, with_quota()).await;
    let error = json!({"match": "*", "kind": "error", "status": 503, "code": "ServiceUnavailable", "p": 0.2});
    storm.fault(json!([error, {"match": "*", "kind": "reset", "p": 0.125}])).await;
    storm.probe_here();
    storm.live().await;
    storm.end("error", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_lost_replies_duplicate_nothing() {
    let row = Row::new(
        "F3-lost-replies",
        "20 % of all calls take effect and their reply is lost during create, change and delete: all Ready, no duplicates, nothing left. Probes: a queue of the same account, a rule of another account.",
    );
    let mut storm = Storm::start(row, with_quota()).await;
    storm.fault(json!([{"match": "*", "kind": "applied_reset", "p": 0.2}])).await;
    storm.probe_here();
    storm.live().await;
    storm.end("applied_reset", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_a_hanging_account_blocks_no_other() {
    let row = Row::new(
        "F4-hangs",
        "Every call of the workload's account hangs during create, then change, then delete: all Ready once AWS responds again. Probes: a rule of another account.",
    );
    let mut options = with_quota();
    options.aws.timeout = form(Duration::from_secs(4), Duration::from_secs(10));
    let mut storm = Storm::start(row, options).await;
    let hang = json!([{"match": "*", "kind": "hang"}]);
    let hole = form(Duration::from_secs(10), Duration::from_mins(2));
    storm.fault(hang.clone()).await;
    storm.workload.apply(&storm.world, 1).await;
    // How long the fault lasts is what is tested; nothing is expected to happen meanwhile.
    tokio::time::sleep(hole).await;
    storm.fault(json!([])).await;
    storm.made().await;
    storm.fault(hang.clone()).await;
    storm.workload.apply(&storm.world, 2).await;
    tokio::time::sleep(hole / 2).await;
    storm.fault(json!([])).await;
    storm.changed().await;
    storm.fault(hang).await;
    storm.workload.delete(&storm.world).await;
    tokio::time::sleep(hole / 2).await;
    storm.fault(json!([])).await;
    storm.workload.gone(&storm.world).await;
    storm.end("hang", None).await;
}
