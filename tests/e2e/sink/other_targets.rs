//! The other sinks that EventBridge reaches by a role: the target, the permission, and what arrives.

use serde_json::{Value, json};
use tributary_testkit::{REGION, World, all_ready, aws_name, publish, reconcile_now, rule_spec};

/// A world in which rule `r` sends to sink `s` of this spec, all Ready; the target as AWS has it, and the rights of the role.
async fn reached(name: &str, prepare: impl AsyncFnOnce(&World) -> Value) -> (World, Value, Value) {
    let world = World::start(name).await;
    let spec = prepare(&world).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "s", spec).await;
    world.apply("EventRule", "r", rule_spec("b", &["s"])).await;
    all_ready(&world, &[("EventSink", "s"), ("EventRule", "r")]).await;
    let target = world.aws.targets("b", &aws_name(&world, "r")).await[0].clone();
    let (_, role) = world.aws.role_like(&aws_name(&world, "s")).await.unwrap();
    // Nothing is put twice: what was put is read back as the same.
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    (world, target, role.policy["Statement"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_bus_of_the_account() {
    let (world, target, rights) = reached("to-bus", async |world| {
        world.aws.events("CreateEventBus", json!({"Name": "other"})).await;
        json!({"eventBus": {"existing": {"arn": format!("arn:aws:events:{REGION}:{}:event-bus/other", world.aws.account)}}})
    })
    .await;
    let arn = format!("arn:aws:events:{REGION}:{}:event-bus/other", world.aws.account);
    assert_eq!(target["Arn"], arn.as_str());
    assert_eq!(rights, json!([{"Effect": "Allow", "Action": ["events:PutEvents"], "Resource": arn}]));
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_of_another_account_takes_events_as_they_are() {
    let world = World::start("to-account").await;
    let there = "arn:aws:events:us-east-1:888877776666:event-bus/central";
    let mut account = world.account_spec();
    account["grants"][0]["arns"].as_array_mut().unwrap().push(json!(there));
    world.apply_account(account).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "s", json!({"eventBus": {"existing": {"arn": there}}})).await;
    let mut spec = rule_spec("b", &["s"]);
    spec["targets"][0]["inputPath"] = json!("$.detail");
    world.apply("EventRule", "r", spec.clone()).await;
    let said = world.not_ready("EventRule", "r", "InvalidSpec").await;
    assert!(said.contains("spec.targets[0]") && said.contains("inputPath"), "{said}");
    spec["targets"][0].as_object_mut().unwrap().remove("inputPath");
    world.apply("EventRule", "r", spec).await;
    world.ready("EventRule", "r").await;
    let target = world.aws.targets("b", &aws_name(&world, "r")).await[0].clone();
    assert_eq!(target["Arn"], there);
    assert!(target["RoleArn"].as_str().unwrap().contains(":role/tributary/"), "AWS takes no bus elsewhere without a role: {target}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kinesis_stream() {
    let (world, target, rights) = reached("to-kinesis", async |world| {
        world.aws.call("kinesis", "CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await.unwrap();
        let arn = format!("arn:aws:kinesis:{REGION}:{}:stream/s", world.aws.account);
        json!({"kinesis": {"existing": {"arn": arn}, "partitionKeyPath": "$.detail.mark"}})
    })
    .await;
    assert_eq!(target["KinesisParameters"]["PartitionKeyPath"], "$.detail.mark");
    assert_eq!(rights[0]["Action"], json!(["kinesis:PutRecord"]));
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
    let shards = world.aws.call("kinesis", "ListShards", json!({"StreamName": "s"})).await.unwrap();
    let shard = &shards["Shards"][0]["ShardId"];
    let from = json!({"StreamName": "s", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
    let iterator = world.aws.call("kinesis", "GetShardIterator", from).await.unwrap();
    let records = world.aws.call("kinesis", "GetRecords", json!({"ShardIterator": iterator["ShardIterator"]})).await.unwrap();
    assert_eq!(records["Records"][0]["PartitionKey"], "one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firehose_stream() {
    let (world, _, rights) = reached("to-firehose", async |world| {
        let arn = format!("arn:aws:firehose:{REGION}:{}:deliverystream/s", world.aws.account);
        json!({"firehose": {"existing": {"arn": arn}}})
    })
    .await;
    assert_eq!(rights[0]["Action"], json!(["firehose:PutRecord", "firehose:PutRecordBatch"]));
    assert_eq!(publish(&world, "one").await["code"], "NO_RESOURCE", "allowed, and not there yet");
    world.aws.call("firehose", "CreateDeliveryStream", json!({"DeliveryStreamName": "s"})).await.unwrap();
    assert_eq!(publish(&world, "two").await["outcome"], "DELIVERED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ecs_task() {
    let (world, target, rights) = reached("to-ecs", async |world| {
        world.aws.call("ecs", "CreateCluster", json!({"clusterName": "c"})).await.unwrap();
        world.aws.call("ecs", "RegisterTaskDefinition", json!({"family": "work", "containerDefinitions": []})).await.unwrap();
        let arn = |what: &str| format!("arn:aws:ecs:{REGION}:{}:{what}", world.aws.account);
        let role = format!("arn:aws:iam::{}:role/task", world.aws.account);
        json!({"ecsTask": {"clusterArn": arn("cluster/c"), "taskDefinitionArn": arn("task-definition/work"), "passRoleArns": [role], "launchType": "FARGATE",
                           "network": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}})
    })
    .await;
    let parameters = &target["EcsParameters"];
    assert_eq!(parameters["LaunchType"], "FARGATE");
    assert_eq!(parameters["NetworkConfiguration"]["awsvpcConfiguration"]["Subnets"], json!(["subnet-1"]));
    let (run, pass) = (&rights[0], &rights[1]);
    assert!(run["Condition"]["ArnLike"]["ecs:cluster"].as_str().unwrap().ends_with("cluster/c"), "{run}");
    assert_eq!(pass["Condition"]["StringEquals"]["iam:PassedToService"], "ecs-tasks.amazonaws.com");
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
}

fn batch(world: &World, what: &str) -> String {
    format!("arn:aws:batch:{REGION}:{}:{what}", world.aws.account)
}

/// A job queue `q` and a job definition `work`, and the sink of both.
async fn batch_job(world: &World) -> Value {
    world.aws.batch("CreateJobQueue", json!({"jobQueueName": "q"})).await;
    world.aws.batch("RegisterJobDefinition", json!({"jobDefinitionName": "work", "type": "container"})).await;
    json!({"batchJob": {"existing": {"arn": batch(world, "job-queue/q")}, "jobDefinitionArn": batch(world, "job-definition/work"),
                        "jobName": "work-1", "arraySize": 2, "attempts": 10}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_job() {
    let (world, target, rights) = reached("to-batch", batch_job).await;
    let (queue, definition) = (batch(&world, "job-queue/q"), batch(&world, "job-definition/work"));
    let parameters =
        json!({"JobDefinition": definition, "JobName": "work-1", "ArrayProperties": {"Size": 2}, "RetryStrategy": {"Attempts": 10}});
    assert_eq!(target["BatchParameters"], parameters);
    let resources = json!([queue, definition, format!("{definition}:*")]);
    assert_eq!(rights, json!([{"Effect": "Allow", "Action": ["batch:SubmitJob"], "Resource": resources}]));
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
    let jobs = world.aws.batch("ListJobs", json!({"jobQueue": queue})).await;
    assert_eq!(jobs["jobSummaryList"][0]["jobName"], "work-1");
    assert_eq!(jobs["jobSummaryList"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_job_by_a_role_that_lacks_the_job_definition() {
    let world = World::start("to-batch-role").await;
    let (mut spec, role) = (batch_job(&world).await, world.aws.make_role("given", "events.amazonaws.com").await);
    let definition = batch(&world, "job-definition/work");
    spec["roleArn"] = json!(role);
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "s", spec).await;
    world.apply("EventRule", "r", rule_spec("b", &["s"])).await;
    all_ready(&world, &[("EventSink", "s"), ("EventRule", "r")]).await;
    let queue = batch(&world, "job-queue/q");
    for (resources, verdict) in [(json!([queue]), "No"), (json!([queue, definition]), "Yes")] {
        let statement = json!({"Effect": "Allow", "Action": "batch:SubmitJob", "Resource": resources});
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let put = [("Action", "PutRolePolicy"), ("RoleName", "given"), ("PolicyName", "p"), ("PolicyDocument", &policy)];
        world.aws.query("iam", &put).await;
        reconcile_now(&world, "EventRule", "r").await;
        let row = world.get("EventRule", "r").await.unwrap().data["status"]["targets"][0].clone();
        assert_eq!(row["deliverable"], verdict, "{row}");
        let says = format!("no permission for batch:SubmitJob on {definition}");
        assert_eq!(row["deliverableMessage"].as_str().is_some_and(|message| message.contains(&says)), verdict == "No", "{row}");
        assert_eq!(publish(&world, verdict).await["outcome"] == "DELIVERED", verdict == "Yes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_destination() {
    let (_, target, rights) = reached("to-api", async |world| {
        let auth = json!({"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"}});
        let made = world.aws.events("CreateConnection", json!({"Name": "c", "AuthorizationType": "API_KEY", "AuthParameters": auth})).await;
        let body = json!({"Name": "d", "ConnectionArn": made["ConnectionArn"], "InvocationEndpoint": "https://localhost/*", "HttpMethod": "POST"});
        let made = world.aws.events("CreateApiDestination", body).await;
        json!({"apiDestination": {"existing": {"arn": made["ApiDestinationArn"]}, "http": {"headers": {"x-mark": "$.detail.mark"}, "path": ["$.id"]}}})
    })
    .await;
    assert_eq!(target["HttpParameters"]["HeaderParameters"]["x-mark"], "$.detail.mark");
    assert_eq!(target["HttpParameters"]["PathParameterValues"], json!(["$.id"]));
    assert_eq!(rights[0]["Action"], json!(["events:InvokeApiDestination"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_other_target_by_its_arn() {
    let (_, target, rights) = reached("to-arn", async |world| {
        let arn = format!("arn:aws:codebuild:{REGION}:{}:project/p", world.aws.account);
        json!({"arn": {"existing": {"arn": arn}, "actions": ["codebuild:StartBuild"]}})
    })
    .await;
    assert!(target["Arn"].as_str().unwrap().contains(":codebuild:") && target["RoleArn"].is_string());
    assert_eq!(rights[0]["Action"], json!(["codebuild:StartBuild"]));
}
