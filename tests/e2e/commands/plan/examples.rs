//! Each example: the operator makes the writes that the plan lists, and then nothing is left to plan.

use tributary_testkit::{World, options, until};

use super::fixture::{apply, example, made_calls, make_existing, plan, plan_of, planned_calls};

async fn check(folder: &str) {
    let mut world = World::empty("plan").await;
    let objects = example(&world, folder);
    make_existing(&world, &objects).await;
    let mark = world.aws.mark().await;
    let planned = plan_of(&world, &objects).await;
    assert!(made_calls(&world, mark).await.is_empty(), "{folder}: the plan writes");
    apply(&world, &objects).await;
    world.permit_secrets().await;
    world.permit_config_maps().await;
    world.run(options()).await;
    let (namespace, world) = (world.namespace.clone(), &world);
    let flags = ["-n", namespace.as_str(), "-o", "json"];
    // What is blocked stays so; what is planned is done.
    let after = until("nothing is left to plan", || async {
        let output = plan(world, &flags, "").await;
        let left = output.json();
        planned_calls(&left).is_empty().then_some(left)
    })
    .await;
    assert_eq!(planned_calls(&planned), made_calls(world, mark).await, "{folder}: {planned:#}\n{after:#}");
    let is_blocked = |plan: &serde_json::Value| plan["summary"]["blocked"] != 0;
    assert_eq!(is_blocked(&planned), is_blocked(&after), "{folder}: {planned:#}\n{after:#}");
}

macro_rules! examples {
    ($($name:ident: $folder:literal,)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            check($folder).await;
        })*

        #[test]
        fn every_example_is_here() {
            let listed = [$($folder),*];
            let folders = std::fs::read_dir(tributary_testkit::root().join("examples")).unwrap();
            let names = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            // Accounts and events, overlays of tenants in accounts of their own, and a database for one machine.
            let others = ["README.md", "account", "events", "benchling-tenants", "gitops", "dev-webhook"];
            let missing: Vec<_> = names.filter(|name| !listed.contains(&name.as_str()) && !others.contains(&name.as_str())).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    };
}

examples! {
    appsync_mutation: "appsync-mutation",
    archive_and_replay: "archive-and-replay",
    arn_from_config_map: "arn-from-config-map",
    batch_job: "batch-job",
    benchling_app_postgres: "benchling-app-postgres",
    benchling_app_webhook: "benchling-app-webhook",
    benchling_catch_all_to_logs: "benchling-catch-all-to-logs",
    benchling_entity_to_sqs: "benchling-entity-to-sqs",
    benchling_field_update: "benchling-field-update",
    benchling_queue_to_lambda: "benchling-queue-to-lambda",
    benchling_request_to_lambda: "benchling-request-to-lambda",
    benchling_two_rules: "benchling-two-rules",
    bus_log: "bus-log",
    custom_bus_to_logs: "custom-bus-to-logs",
    custom_bus_to_sqs: "custom-bus-to-sqs",
    existing_bus: "existing-bus",
    existing_queue: "existing-queue",
    kyc: "kyc",
    queue_to_pod: "queue-to-pod",
    rds_snapshots_to_logs: "rds-snapshots-to-logs",
    redshift_data: "redshift-data",
    run_command: "run-command",
    s3_object_to_lambda: "s3-object-to-lambda",
    sagemaker_pipeline: "sagemaker-pipeline",
    schedule_to_sqs: "schedule-to-sqs",
    stepfunctions_callback: "stepfunctions-callback",
    stepfunctions_put_events: "stepfunctions-put-events",
    transform_and_dead_letter: "transform-and-dead-letter",
    webhook_out: "webhook-out",
}
