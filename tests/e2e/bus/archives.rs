//! Archives of a bus: create, update, delete and retain, and deletion of a bus that has archives.

use serde_json::{Value, json};
use tributary_testkit::{World, aws_name, fast_resync, patch_spec, reconcile_now, resource_version};

/// Names in AWS of the bus's archives, as status has them.
async fn names(world: &World) -> Vec<String> {
    let rows = world.get("EventBus", "b").await.unwrap().data["status"]["archives"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["awsName"].as_str().unwrap().to_owned()).collect()
}

async fn described(world: &World, name: &str) -> Option<Value> {
    world.aws.call("events", "DescribeArchive", json!({"ArchiveName": name})).await.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_is_created_changed_and_deleted() {
    let mut world = World::start("archive").await;
    let pattern = json!({"source": ["test"]});
    let archive = json!({"name": "all", "description": "d", "retentionDays": 7, "eventPattern": pattern});
    world.apply("EventBus", "b", json!({"archives": [archive]})).await;
    let bus = world.ready("EventBus", "b").await;
    let name = names(&world).await.remove(0);
    let head = format!("{}-all-", aws_name(&world, "b"));
    assert!(name.starts_with(&head[..head.len().min(39)]) && name.len() <= 48, "{name}");
    let have = described(&world, &name).await.unwrap();
    assert_eq!((&have["Description"], &have["RetentionDays"]), (&json!("d"), &json!(7)));
    assert_eq!(serde_json::from_str::<Value>(have["EventPattern"].as_str().unwrap()).unwrap(), pattern);
    let row = &bus.data["status"]["archives"][0];
    assert_eq!((&row["name"], &row["state"], &row["arn"]), (&json!("all"), &json!("ENABLED"), &have["ArchiveArn"]));
    assert_eq!(bus.data["status"]["resources"][1], json!({"type": "AWS::Events::Archive", "arn": have["ArchiveArn"]}));
    // A full read reports the contents.
    world.aws.put_event(&aws_name(&world, "b"), "test", "test", &json!({})).await;
    reconcile_now(&world, "EventBus", "b").await;
    let counted = |object: Option<&kube::api::DynamicObject>| (object?.data["status"]["archives"][0]["eventCount"] == 1).then_some(());
    world.wait("EventBus", "b", "counted", counted).await;
    // What leaves the spec leaves AWS, too.
    world.apply("EventBus", "b", json!({"archives": [{"name": "all"}]})).await;
    world.ready("EventBus", "b").await;
    let have = described(&world, &name).await.unwrap();
    assert_eq!(have["RetentionDays"], 0);
    assert!(have.get("Description").is_none(), "{have}");
    world.aws.put_event(&aws_name(&world, "b"), "other", "test", &json!({})).await;
    assert_eq!(described(&world, &name).await.unwrap()["EventCount"], 2, "every event");
    // The bus is retained with it, and both are taken back without a write.
    world.delete("EventBus", "b").await;
    world.gone("EventBus", "b").await;
    world.stop().await;
    let since = world.aws.mark().await;
    world.apply("EventBus", "b", json!({"archives": [{"name": "all"}]})).await;
    world.run(fast_resync()).await;
    world.ready("EventBus", "b").await;
    let (before, mark) = (resource_version(&world, "EventBus", "b").await, world.aws.mark().await);
    let swept =
        || async { (world.aws.calls(mark).await.iter().filter(|call| *call == "events:DescribeArchive").count() >= 2).then_some(()) };
    world.aws.until("full resyncs", swept).await;
    assert_eq!(resource_version(&world, "EventBus", "b").await, before, "in sync means silent");
    assert_eq!(world.aws.writes(since).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_is_deleted_only_if_the_spec_says_so() {
    let world = World::start("unarchive").await;
    let both = |kept: &str| json!({"deletionPolicy": "Delete", "archives": [{"name": "kept", "deletionPolicy": kept}, {"name": "goes", "deletionPolicy": "Delete"}, {"name": "left"}]});
    world.apply("EventBus", "b", both("Retain")).await;
    world.ready("EventBus", "b").await;
    let all = names(&world).await;
    // Out of the list: the one is deleted, the other left.
    patch_spec(&world, "EventBus", "b", json!({"archives": [{"name": "kept", "deletionPolicy": "Retain"}]})).await;
    world.aws.until("the list is dealt with", || async { (names(&world).await == all[..1]).then_some(()) }).await;
    world.ready("EventBus", "b").await;
    assert!(described(&world, &all[1]).await.is_none() && described(&world, &all[2]).await.is_some());
    world.aws.events("DeleteArchive", json!({"ArchiveName": all[2]})).await;
    // A bus is not deleted over an archive that is to be kept.
    world.delete("EventBus", "b").await;
    let message = world.not_ready("EventBus", "b", "InUse").await;
    assert!(message.contains(&all[0]) && message.contains("deletionPolicy"), "{message}");
    patch_spec(&world, "EventBus", "b", json!({"archives": [{"name": "kept", "deletionPolicy": "Delete"}]})).await;
    world.gone("EventBus", "b").await;
    assert!(described(&world, &all[0]).await.is_none());
    let contents = world.aws.contents().await;
    assert!(!contents.keys().any(|name| name.starts_with("bus ")), "{contents:?}");
    // Of the bus that every account has, too.
    world.apply("EventBus", "d", json!({"name": "default", "archives": [{"name": "all", "deletionPolicy": "Delete"}]})).await;
    let bus = world.ready("EventBus", "d").await;
    let name = bus.data["status"]["archives"][0]["awsName"].as_str().unwrap().to_owned();
    assert!(described(&world, &name).await.is_some());
    world.delete("EventBus", "d").await;
    world.gone("EventBus", "d").await;
    assert!(described(&world, &name).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_has_the_key_of_its_spec_and_a_refused_key_changes_nothing() {
    let world = World::start("archive-key").await;
    let made = world.aws.call("kms", "CreateKey", json!({})).await.unwrap();
    let key = made["KeyMetadata"]["Arn"].clone();
    let archive = |more: Value| json!({"archives": [tributary_testkit::merged(json!({"name": "all", "retentionDays": 7}), more)]});
    world.apply("EventBus", "b", archive(json!({"kmsKeyArn": key}))).await;
    world.ready("EventBus", "b").await;
    let name = names(&world).await.remove(0);
    assert_eq!(described(&world, &name).await.unwrap()["KmsKeyIdentifier"], key);
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventBus", "b").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    // A key that no grant allows: the archive stays as it is, and the other one is put.
    let theirs = "arn:aws:kms:eu-west-1:999988887777:key/theirs";
    let both = json!({"archives": [{"name": "all", "retentionDays": 9, "kmsKeyArn": theirs}, {"name": "more"}]});
    world.apply("EventBus", "b", both).await;
    let message = world.not_ready("EventBus", "b", "ArnNotPermitted").await;
    assert!(message.contains("spec.archives[0].kmsKeyArn") && message.contains(theirs), "{message}");
    let have = described(&world, &name).await.unwrap();
    assert_eq!((&have["KmsKeyIdentifier"], &have["RetentionDays"]), (&key, &json!(7)));
    assert_eq!(world.aws.writes(mark).await, ["CreateArchive"]);
    world.apply("EventBus", "b", archive(json!({}))).await;
    world.ready("EventBus", "b").await;
    assert!(described(&world, &name).await.unwrap().get("KmsKeyIdentifier").is_none(), "an AWS owned key again");
}
