//! `tributary doctor --aws`: what it reads with the user's credentials, and what it says that it could not.

use serde_json::{Value, json};
use tributary_testkit::{OPERATOR_NAMESPACE, World, aws_name, fault_rule, rule_spec};

use super::{clinic::Clinic, ids};

/// Lets the operator of the world be a session of a role with this policy. The role has a path, which the ARN of a session does not show.
async fn assume(world: &World, statements: Value) {
    let aws = &world.aws;
    let root = format!("arn:aws:iam::{}:root", aws.account);
    let policy = |statement: Value| json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    let trust = policy(json!([{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": root}}]));
    aws.query("iam", &[("Action", "CreateRole"), ("RoleName", "operator"), ("Path", "/ops/"), ("AssumeRolePolicyDocument", &trust)]).await;
    let rights = policy(statements);
    aws.query("iam", &[("Action", "PutRolePolicy"), ("RoleName", "operator"), ("PolicyName", "p"), ("PolicyDocument", &rights)]).await;
    let arn = format!("arn:aws:iam::{}:role/ops/operator", aws.account);
    let session = aws.query("sts", &[("Action", "AssumeRole"), ("RoleArn", &arn), ("RoleSessionName", "tributary")]).await;
    let of = |tag: &str| session.split(&format!("<{tag}>")).nth(1).unwrap().split('<').next().unwrap().to_owned();
    let data = json!({"stringData": {
        "AWS_ACCESS_KEY_ID": of("AccessKeyId"), "AWS_SECRET_ACCESS_KEY": of("SecretAccessKey"), "AWS_SESSION_TOKEN": of("SessionToken"),
    }});
    world.apply_in(Some(OPERATOR_NAMESPACE), "v1", "Secret", &format!("keys-{}", world.namespace), data).await;
}

/// A bus, a queue with a dead-letter queue, and a rule between them.
async fn orders(clinic: &Clinic) {
    let world = &clinic.world;
    world.apply("EventBus", "b", json!({})).await;
    for sink in ["q", "dead"] {
        world.apply("EventSink", sink, json!({"sqs": {"managed": {}}})).await;
    }
    let mut rule = rule_spec("b", &["q"]);
    rule["targets"][0]["deadLetter"] = json!({"sinkRef": {"name": "dead"}});
    world.apply("EventRule", "r", rule).await;
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q"), ("EventSink", "dead"), ("EventRule", "r")] {
        world.ready(kind, name).await;
    }
}

fn of_id<'a>(findings: &'a [Value], id: &str) -> Vec<&'a Value> {
    findings.iter().filter(|finding| finding["id"] == id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_permissions_are_found_by_simulation_with_the_statement_to_add() {
    let world = World::empty("doc-aws").await;
    let all = json!({"Effect": "Allow", "NotAction": ["events:PutTargets", "sqs:TagQueue"], "Resource": "*"});
    let tags = json!({"Effect": "Allow", "Action": "sqs:TagQueue", "Resource": "*", "Condition": {"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}});
    assume(&world, json!([all, tags])).await;
    let clinic = Clinic::of(world).await;
    orders(&clinic).await;
    let world = &clinic.world;
    let mark = world.aws.mark().await;
    let (code, findings) = clinic.findings(&["--aws"]).await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    assert!(world.aws.calls(mark).await.contains(&"iam:SimulatePrincipalPolicy".to_owned()));
    assert_eq!(code, 0, "{findings:#?}");
    let missing = of_id(&findings, "iam-permission-missing");
    assert_eq!(missing.len(), 1, "{findings:#?}");
    let (account, namespace) = (&world.aws.account, &world.namespace);
    let message = missing[0]["message"].as_str().unwrap();
    let expected =
        format!("arn:aws:iam::{account}:role/ops/operator lacks events:PutTargets, which EventRule {namespace}/r of feature rules need.");
    assert!(message.starts_with(&expected), "{message}");
    let rule = format!("arn:aws:events:eu-west-1:{account}:rule/{}/{}", aws_name(world, "b"), aws_name(world, "r"));
    assert_eq!(missing[0]["statement"], json!({"Effect": "Allow", "Action": ["events:PutTargets"], "Resource": [rule]}), "{findings:#?}");
    let command = format!("tributary iam-policy rules --account-id {account} --region eu-west-1 --prefix {namespace}-");
    assert_eq!(missing[0]["command"], command);
    // What a simulation cannot decide, and what it never includes.
    let not_checked: Vec<_> = of_id(&findings, "not-checked").iter().map(|finding| finding["message"].as_str().unwrap()).collect();
    assert!(
        not_checked.iter().any(|message| message.contains("sqs:TagQueue for ") && message.contains("aws:VpcSourceIp")),
        "{not_checked:#?}"
    );
    assert!(not_checked.iter().any(|message| message.starts_with("session policies, resource control policies")), "{not_checked:#?}");
    assert_eq!(ids(&findings).len(), 1 + not_checked.len(), "nothing else is wrong: {findings:#?}");
    let text = clinic.doctor(&["--aws"]).await;
    assert!(text.out.lines().all(|line| line.chars().count() <= 100) && text.out.contains(": 23 checks of "), "{}", text.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_and_quotas_are_counted_and_a_root_user_is_no_identity_to_simulate() {
    let clinic = Clinic::new("doc-aws-root").await;
    orders(&clinic).await;
    let aws = &clinic.world.aws;
    let (_, findings) = clinic.findings(&["--aws"]).await;
    assert_eq!(ids(&findings), ["not-checked"], "{findings:#?}");
    assert!(findings[0]["message"].as_str().unwrap().contains("the account's root user"), "{findings:#?}");
    let url = aws.queue_url(&aws_name(&clinic.world, "dead")).await.unwrap();
    aws.sqs("SendMessage", json!({"QueueUrl": url, "MessageBody": "{}"})).await;
    for number in 0..78 {
        aws.events("CreateEventBus", json!({"Name": format!("more-{number}")})).await;
    }
    let (_, findings) = clinic.findings(&["--aws"]).await;
    let queue = of_id(&findings, "dead-letter-queue");
    assert_eq!((queue.len(), queue[0]["object"]["name"].as_str()), (1, Some("dead")), "{findings:#?}");
    let message = queue[0]["message"].as_str().unwrap();
    assert!(
        message.contains("holds about 1 messages") && message.contains(&format!("EventRule {}/r", clinic.world.namespace)),
        "{message}"
    );
    let quota = of_id(&findings, "quota-near");
    assert!(quota.len() == 1 && quota[0]["message"].as_str().unwrap().contains("has 80 event buses in eu-west-1"), "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_users_credentials_may_not_read_is_not_checked() {
    let world = World::empty("doc-aws-few").await;
    assume(&world, json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}])).await;
    let clinic = Clinic::of(world).await;
    orders(&clinic).await;
    let world = &clinic.world;
    let denied = json!({"status": 403, "code": "AccessDenied", "message": "not now"});
    world.aws.faults(json!([fault_rule("iam.SimulatePrincipalPolicy", "error", denied)])).await;
    let (code, findings) = clinic.findings(&["--aws"]).await;
    assert_eq!((code, ids(&findings)), (0, vec!["not-checked"]), "{findings:#?}");
    let message = findings[0]["message"].as_str().unwrap();
    let expected = "your credentials do not allow iam:SimulatePrincipalPolicy. Add it to their policy: tributary iam-policy doctor";
    assert!(message.contains(expected), "{message}");
    // Credentials of another account.
    let arguments = ["doctor", "--aws", "-n", &world.namespace, "--operator-namespace", &world.namespace, "-o", "json"];
    let mut command = world.command(&arguments);
    command.env("AWS_ACCESS_KEY_ID", "999988887777");
    let output = world.run_command(command, "").await;
    let report = output.json();
    let finding = &report["findings"][0];
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("not checked in AWS") && message.ends_with("with AWS_PROFILE or --profile."), "{report:#}");
    assert!(!format!("{}{}", output.out, output.err).contains("canary-7Qm2"), "no secret in the output");
}
