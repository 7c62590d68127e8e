//! Nothing is deliverable that was not inspected: each type of target, with each of its facts missing in turn.

#![allow(clippy::type_complexity, clippy::unnecessary_wraps)]

use serde_json::{Value, json};

use super::{Deliverability, Fact, Facts, KeyFacts, RoleFacts, TargetFacts, evaluate};
use crate::{
    destinations::Type,
    names::Arn,
    steps::{BatchSettings, CommandSettings, GraphqlSettings, RedshiftSettings, TargetSettings, TaskSettings},
};

const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/b/r";
const ROLE: &str = "arn:aws:iam::111122223333:role/r";

fn arn(rest: &str) -> String {
    let (service, resource) = rest.split_once(' ').expect("service and resource");
    format!("arn:aws:{service}:eu-west-1:111122223333:{resource}")
}

/// A target of each type that a target's ARN can have, and of services that have no type.
const TARGETS: &[&str] = &[
    "sqs q",
    "lambda function:f",
    "logs log-group:/aws/events/g",
    "sns t",
    "states stateMachine:m",
    "events event-bus/other",
    "events api-destination/a",
    "kinesis stream/s",
    "firehose deliverystream/s",
    "ecs cluster/c",
    "batch job-queue/q",
    "codepipeline p",
    "redshift cluster:c",
    "sagemaker pipeline/p",
    "appsync endpoints/graphql-api/e",
    "ssm document/d",
    "inspector2 x",
];

fn target(rest: &str) -> TargetSettings {
    let mut target = TargetSettings { arn: arn(rest), role_arn: Some(ROLE.into()), ..TargetSettings::default() };
    target.task =
        rest.starts_with("ecs").then(|| TaskSettings { definition_arn: arn("ecs task-definition/work"), ..TaskSettings::default() });
    target.batch =
        rest.starts_with("batch").then(|| BatchSettings { definition_arn: arn("batch job-definition/work"), ..BatchSettings::default() });
    target.redshift =
        rest.starts_with("redshift").then(|| RedshiftSettings { sql: Some("select 1".into()), ..RedshiftSettings::default() });
    target.graphql = rest
        .starts_with("appsync")
        .then(|| GraphqlSettings { operation: "m".into(), field_arns: vec![arn("appsync apis/a/types/Mutation/fields/m")] });
    target.command = rest.starts_with("ssm").then(|| CommandSettings {
        key: "InstanceIds".into(),
        values: vec!["i-1".into()],
        account_id: "111122223333".into(),
    });
    target
}

fn role(rights: Value) -> Fact<RoleFacts> {
    let trust = json!({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"});
    Fact::Known(RoleFacts { trust: vec![trust].into(), rights: vec![rights].into(), ..RoleFacts::default() })
}

/// Everything exists, and the role may do everything.
fn fine() -> Facts {
    let there = || Some(Fact::Known(TargetFacts::default()));
    Facts {
        target: there(),
        named: there(),
        role: Some(role(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}))),
        ..Facts::default()
    }
}

/// Replaces one of the facts.
type Part = fn(&mut Facts, Option<Fact<TargetFacts>>);

fn known(rest: &str) -> bool {
    Arn::parse(&arn(rest)).is_some_and(|arn| Type::of_target(&arn).is_some())
}

#[test]
fn a_target_that_is_there_and_allowed_is_deliverable_if_its_action_is_known() {
    for rest in TARGETS {
        let found = evaluate(&target(rest), RULE, &fine());
        assert_eq!(found == Deliverability::Yes, known(rest), "{rest}: {found:?}");
    }
}

#[test]
fn what_was_not_inspected_is_unknown_and_what_does_not_exist_is_not_deliverable() {
    for rest in TARGETS {
        let target = target(rest);
        let mut parts: Vec<Part> = vec![|facts, fact| facts.target = fact];
        if target.task.is_some() || target.batch.is_some() {
            parts.push(|facts, fact| facts.named = fact);
        }
        for part in parts {
            let with = |fact| {
                let mut facts = fine();
                part(&mut facts, fact);
                evaluate(&target, RULE, &facts)
            };
            assert!(matches!(with(None), Deliverability::Unknown { .. }), "{rest}: {:?}", with(None));
            assert!(matches!(with(Some(Fact::Denied { action: "a:b" })), Deliverability::Unknown { .. }), "{rest}");
            assert!(matches!(with(Some(Fact::Missing)), Deliverability::No { .. }), "{rest}: {:?}", with(Some(Fact::Missing)));
            assert_eq!(with(Some(Fact::Unavailable)), Deliverability::Unavailable, "{rest}");
        }
    }
}

#[test]
fn a_role_without_a_right_delivers_to_nothing() {
    let other = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
    for rest in TARGETS {
        let found = evaluate(&target(rest), RULE, &Facts { role: Some(role(other.clone())), ..fine() });
        assert!(
            if known(rest) { matches!(found, Deliverability::No { .. }) } else { matches!(found, Deliverability::Unknown { .. }) },
            "{rest}: {found:?}"
        );
    }
}

#[test]
fn each_type_of_target_is_among_the_samples() {
    let samples: Vec<_> = TARGETS.iter().map(|rest| arn(rest)).collect();
    let types: Vec<_> = samples.iter().filter_map(|arn| Type::of_target(&Arn::parse(arn)?)).map(Type::name).collect();
    let missing: Vec<_> = Type::ALL.iter().map(|type_| type_.name()).filter(|name| *name != "postgres" && !types.contains(name)).collect();
    assert!(missing.is_empty(), "no sample of {missing:?}");
}

/// The result for a target whose key has this policy.
fn with_key(rest: &str, rights: Value, key: Fact<KeyFacts>) -> Deliverability {
    evaluate(&target(rest), RULE, &Facts { role: Some(role(rights)), key: Some(key), ..fine() })
}

fn key(statement: Value) -> Fact<KeyFacts> {
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/k".into();
    Fact::Known(KeyFacts { arn, enabled: true, policy: vec![statement].into(), ..KeyFacts::default() })
}

#[test]
fn a_key_of_a_stream_has_to_let_the_role_generate_data_keys_for_that_stream() {
    let all = || json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let put = json!({"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": "*"});
    let names = |operator: &str, key: &str, value: &str| {
        json!({"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "kms:GenerateDataKey", "Resource": "*",
            "Condition": {operator: {key: value}}})
    };
    let context = |stream: &str| names("StringEquals", "kms:EncryptionContext:aws:kinesis:arn", &arn(stream));
    let service = |region: &str| names("StringEquals", "kms:ViaService", &format!("kinesis.{region}.amazonaws.com"));
    let account = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"});
    let decrypt = json!({"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "kms:Decrypt", "Resource": "*"});
    for (statement, rights, deliverable) in [
        (context("kinesis stream/s"), put.clone(), true),
        (context("kinesis stream/other"), put.clone(), false),
        (service("eu-west-1"), put.clone(), true),
        (service("us-east-1"), put.clone(), false),
        (account.clone(), all(), true),
        (account, put, false),
        (decrypt, all(), false),
    ] {
        let found = with_key("kinesis stream/s", rights, key(statement.clone()));
        let as_expected = if deliverable {
            found == Deliverability::Yes
        } else {
            matches!(&found, Deliverability::No { message, .. } if message.contains("kms:GenerateDataKey"))
        };
        assert!(as_expected, "{statement}: {found:?}");
    }
}

#[test]
fn firehose_uses_the_key_of_a_stream_with_its_own_grant_as_long_as_the_key_is_there() {
    let all = || json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let of = |key| with_key("firehose deliverystream/s", all(), key);
    let nobody = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999988887777:root"}, "Action": "kms:*", "Resource": "*"});
    assert_eq!(of(key(nobody)), Deliverability::Yes);
    assert!(matches!(of(Fact::Known(KeyFacts::default())), Deliverability::No { .. }), "a key that is disabled");
    assert!(matches!(of(Fact::Missing), Deliverability::No { .. }));
}
