//! Condition `Deliverable` of streams with a customer managed key, compared with what the stand-in delivers.

use serde_json::json;
use tributary_testkit::{World, publish};

use super::{
    causes::{arn, document},
    existence::{is_fine, sends, verdict},
};

async fn make_key(world: &World, statement: serde_json::Value) -> String {
    let made = world.aws.call("kms", "CreateKey", json!({"Policy": document(&[statement])})).await.unwrap();
    made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

async fn is_not_usable(world: &World, part: &str) {
    let (status, reason, message) = verdict(world).await;
    assert_eq!((status.as_str(), reason.as_str()), ("False", "KeyNotUsable"), "{message}");
    assert!(message.contains(part), "{message}");
    assert_eq!(publish(world, "lost").await["outcome"], "FAILED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_kinesis_stream_has_to_let_the_role_use_it() {
    let world = sends("key-kinesis", async |world| {
        world.aws.call("kinesis", "CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await.unwrap();
        json!({"kinesis": {"existing": {"arn": arn(world, "kinesis", "stream/s")}}})
    })
    .await;
    let account = format!("arn:aws:iam::{}:root", world.aws.account);
    let encrypt = async |key: &str| {
        let request = json!({"StreamName": "s", "EncryptionType": "KMS", "KeyId": key});
        world.aws.call("kinesis", "StartStreamEncryption", request).await.unwrap();
    };
    let only_decrypt = json!({"Effect": "Allow", "Principal": {"AWS": account}, "Action": "kms:Decrypt", "Resource": "*"});
    encrypt(&make_key(&world, only_decrypt).await).await;
    is_not_usable(&world, "kms:GenerateDataKey").await;
    // The operator's role has the permission, for this stream only; the key leaves the decision to it.
    let all = json!({"Effect": "Allow", "Principal": {"AWS": account}, "Action": "kms:*", "Resource": "*"});
    let key = make_key(&world, all).await;
    encrypt(&key).await;
    is_fine(&world).await;
    world.aws.call("kms", "DisableKey", json!({"KeyId": key})).await.unwrap();
    is_not_usable(&world, "disabled").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_firehose_stream_has_to_be_enabled() {
    let world =
        sends("key-firehose", async |world| json!({"firehose": {"existing": {"arn": arn(world, "firehose", "deliverystream/s")}}})).await;
    let nobody = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999988887777:root"}, "Action": "kms:*", "Resource": "*"});
    let key = make_key(&world, nobody).await;
    let encryption = json!({"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key});
    let request = json!({"DeliveryStreamName": "s", "DeliveryStreamEncryptionConfigurationInput": encryption});
    world.aws.call("firehose", "CreateDeliveryStream", request).await.unwrap();
    is_fine(&world).await;
    world.aws.call("kms", "DisableKey", json!({"KeyId": key})).await.unwrap();
    is_not_usable(&world, "disabled").await;
}
