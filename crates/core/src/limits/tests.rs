use serde_json::json;

use super::*;
use crate::steps::{ArchiveSettings, ArchiveStep, LogDestination, LogsStep, MachineSettings, RuleSettings, RuleStep, SqsStep, StatesStep};

fn refused(step: impl Into<Step>) -> String {
    check(None, &[step.into()]).expect_err("AWS refuses it").message
}

fn rule(name: &str, description: &str, pattern: Value) -> RuleStep {
    let settings = RuleSettings {
        description: Some(description.into()),
        pattern: Some(pattern),
        schedule: None,
        state: tributary_api::RuleState::default(),
    };
    RuleStep::PutRule { bus: "b".into(), name: name.into(), settings, tags: None }
}

/// A request with a value at a path of the models, and nothing else.
fn at(path: &str, value: Value) -> Value {
    if path.is_empty() {
        return value;
    }
    if let Some(rest) = path.strip_prefix("[]") {
        return json!([at(rest.trim_start_matches('.'), value)]);
    }
    if let Some(rest) = path.strip_prefix("{}") {
        return json!({"k": at(rest.trim_start_matches('.'), value)});
    }
    if path == "{key}" {
        return json!({value.as_str().unwrap(): "x"});
    }
    let end = path.find(['.', '[', '{']).unwrap_or(path.len());
    json!({&path[..end]: at(path[end..].trim_start_matches('.'), value)})
}

#[test]
fn every_limit_of_every_call_is_checked() {
    let mut checked = 0;
    for (call, members) in MODELS.iter() {
        for (member, limits) in members {
            let too_long = |max: i64| Value::from("x".repeat(usize::try_from(max + 1).unwrap()));
            let is_text = limits.pattern.is_some() || !member.contains("[].") || limits.max.is_some();
            let mut wrong: Vec<Value> = limits.values.iter().map(|_| json!("X!")).collect();
            // A limit of a list, map or number is of the value that such a member has.
            wrong.extend(limits.max.filter(|max| is_text && *max < 1_100_000).map(too_long));
            wrong.extend(limits.max.filter(|_| !member.ends_with("{key}")).map(|max| json!(max + 1)));
            wrong.extend(limits.min.filter(|_| !member.ends_with("{key}")).map(|min| json!(min - 1)));
            let known = limits.pattern.as_deref().is_some_and(|pattern| patterns::matches(pattern, "\0") == Some(false));
            wrong.extend(known.then(|| json!("\0\0\0\0")));
            for value in wrong {
                let error = check_members(call, "", "", &at(member, value.clone()));
                assert!(error.is_err(), "{call} {member} takes {value:.60}");
                checked += 1;
            }
        }
    }
    assert!(checked > 1000, "{checked}");
}

/// Patterns of the models that no function stands for: of ARNs, which AWS makes or the account's grants check, and of members that no
/// step has.
const UNKNOWN: [&str; 3] = ["arn:", "aws\\.partner", "kafka://"];

#[test]
fn the_patterns_of_the_members_that_steps_have_are_known() {
    let writes = ["Create", "Put", "Update", "Tag", "Add", "Start", "Associate"];
    let unsent = [
        "Kafka",
        "DocumentDB",
        "Connectivity",
        "SchemaRegistry",
        "SourceAccess",
        "Queues",
        "Topics",
        "SelfManaged",
        "Provisioned",
        "FilterCriteria",
        "KMSKeyArn",
        "PutEvents",
        "OrgID",
        "SourceAccount",
        "SourceToken",
        "lambda.AddPermission Action",
        "AddPermission Principal",
        "PutPermission Action",
        "resourceIdentifier",
        "logs.TagResource resourceArn",
        "FunctionName",
    ];
    for (call, members) in MODELS.iter().filter(|(call, _)| writes.iter().any(|verb| call.contains(&format!(".{verb}")))) {
        for (member, pattern) in members.iter().filter_map(|(member, limits)| Some((member, limits.pattern.as_deref()?))) {
            let excused =
                UNKNOWN.iter().any(|part| pattern.contains(part)) || unsent.iter().any(|part| format!("{call} {member}").contains(part));
            assert!(excused || patterns::matches(pattern, "x").is_some(), "{call} {member}: {pattern}");
        }
    }
}

#[test]
fn a_message_names_the_field_the_limit_and_the_next_step() {
    assert_eq!(
        refused(rule("r", &"x".repeat(513), json!({"source": ["a"]}))),
        "spec.description has 513 characters, and AWS allows at most 512 (Description of events:PutRule). Shorten it."
    );
    assert_eq!(
        refused(rule("r", "d", json!({"source": ["x".repeat(4096)]}))),
        "spec.eventPattern has 4111 characters, and AWS allows at most 4096 (EventPattern of events:PutRule). Shorten it."
    );
    let settings = ArchiveSettings { description: Some("two\nlines".into()), ..ArchiveSettings::default() };
    assert_eq!(
        refused(ArchiveStep::UpdateArchive { name: "a".into(), settings }),
        "spec.archives[].description contains characters that AWS does not allow (Description of events:UpdateArchive). Remove them."
    );
    let tags = Tags::new();
    assert_eq!(
        refused(SqsStep::CreateQueue { name: format!("{}-dlq", "x".repeat(78)), attributes: [].into(), tags: tags.clone() }),
        "spec.sqs.managed.name has 82 characters, and AWS allows at most 80 (QueueName of sqs:CreateQueue). Shorten it."
    );
    let arn = |length: usize| format!("arn:aws:logs:eu-west-1:111122223333:log-group:{}", "g".repeat(length));
    let settings = |length| MachineSettings {
        definition: json!({}),
        role_arn: "r".into(),
        log_level: "ERROR".into(),
        log_execution_data: false,
        logs: LogDestination { log_group_arn: Some(arn(length)) },
        tracing: false,
    };
    let create =
        |length| StatesStep::CreateStateMachine { name: "m".into(), express: false, settings: settings(length), tags: tags.clone() };
    assert!(refused(create(209)).starts_with("spec.stateMachine.managed.logging.sinkRef has 257 characters"), "{}", refused(create(209)));
    assert_eq!(check(None, &[create(208).into()]), Ok(()));
}

#[test]
fn a_key_of_a_map_is_named() {
    let tags = Tags::from([("k".into(), "x".repeat(257))]);
    let step = LogsStep::CreateLogGroup { name: "g".into(), class: None, kms_key_arn: None, tags };
    assert!(refused(step).starts_with("spec.tags[k] has 257 characters, and AWS allows at most 256"));
}

fn target(transformer: Option<(BTreeMap<String, String>, String)>) -> TargetSettings {
    TargetSettings { id: "t".into(), arn: "arn:aws:sqs:eu-west-1:111122223333:q".into(), transformer, ..TargetSettings::default() }
}

#[test]
fn a_target_that_would_fail_the_others_is_refused() {
    let message = |settings: &TargetSettings| check_target("spec.targets[1]", settings).expect_err("AWS refuses it").message;
    assert_eq!(check_target("spec.targets[0]", &target(None)), Ok(()));
    let paths = |path: &str| BTreeMap::from([("a".to_owned(), path.to_owned())]);
    assert_eq!(
        message(&target(Some((paths(&format!("$.{}", "x".repeat(255))), "<a>".into())))),
        "spec.targets[1].inputTransformer.inputPathsMap[a] has 257 characters, and AWS allows at most 256 \
         (Targets[].InputTransformer.InputPathsMap{} of events:PutTargets). Shorten it."
    );
    assert_eq!(
        message(&target(Some((paths("detail.id"), "<a>".into())))),
        "spec.targets[1].inputTransformer.inputPathsMap[a] is not a JSON path: it must be $ or start with \"$.\". Correct it."
    );
    assert_eq!(
        message(&target(Some((paths("$.a"), "plain text <a>".into())))),
        "spec.targets[1].inputTransformer.inputTemplate is neither JSON nor text in double quotes: unexpected 'p' where a value is expected \
         at line 1, column 1. Correct it."
    );
    for (template, problem) in [
        ("\"<b>\"", "uses <b>, which inputPathsMap does not define at line 1, column 2"),
        ("\"<aws.events.region>\"", "uses <aws.events.region>, which inputPathsMap does not define at line 1, column 2"),
        ("{\"<a>\": 1}", "uses <a> as a key of an object, which AWS does not allow at line 1, column 3"),
    ] {
        let wanted = format!("spec.targets[1].inputTransformer.inputTemplate {problem}. Correct it.");
        assert_eq!(message(&target(Some((paths("$.a"), template.into())))), wanted);
    }
    let reserved = BTreeMap::from([("aws.x".to_owned(), "$.a".to_owned())]);
    assert!(message(&target(Some((reserved, "\"<a>\"".into())))).starts_with("spec.targets[1].inputTransformer.inputPathsMap[aws.x] "));
    assert!(message(&TargetSettings { input_path: Some("detail".into()), ..target(None) }).starts_with("spec.targets[1].inputPath is not"));
    let logs =
        |template: &str| TargetSettings { arn: "arn:aws:logs:eu-west-1:1:x".into(), ..target(Some((paths("$.a"), template.into()))) };
    for template in ["\"<a>\"", "{\"message\": <a>}", "[1]"] {
        let wanted = "spec.targets[1].inputTransformer.inputTemplate is not a JSON object with timestamp and message";
        assert!(message(&logs(template)).starts_with(wanted), "{template}");
    }
    assert_eq!(check_target("spec.targets[1]", &logs("{\"timestamp\": 1, \"message\": <a>}")), Ok(()));
    let headers = BTreeMap::from([("bad name".to_owned(), "v".to_owned())]);
    let http = crate::steps::HttpSettings { headers, ..Default::default() };
    assert!(
        message(&TargetSettings { http: Some(http), ..target(None) })
            .starts_with("spec.targets[1].sinkRef: http.headers of the sink[bad name] contains characters"),
    );
}

#[test]
fn a_parameter_of_a_target_is_checked_and_named_by_the_field_of_its_sink() {
    let message = |settings: &TargetSettings| check_target("spec.targets[1]", settings).expect_err("AWS refuses it").message;
    let group = TargetSettings { message_group_id: Some("g".repeat(101)), ..target(None) };
    let path = TargetSettings { partition_key_path: Some(format!("$.{}", "x".repeat(255))), ..target(None) };
    let task = crate::steps::TaskSettings { launch_type: Some("MOON".into()), ..Default::default() };
    // 50001 characters for admission, and twice as many for AWS.
    let sql = crate::steps::RedshiftSettings { database: "d".into(), sql: Some("𝒙".repeat(50_001)), ..Default::default() };
    let graphql = crate::steps::GraphqlSettings { operation: "𝒙".repeat(524_289), field_arns: vec![] };
    let command =
        crate::steps::CommandSettings { key: format!("tag:{}", "𝒙".repeat(63)), values: vec!["v".into()], ..Default::default() };
    let parameters = BTreeMap::from([("-a".to_owned(), "v".to_owned())]);
    for (settings, wanted) in [
        (
            TargetSettings { redshift: Some(sql), ..target(None) },
            "spec.targets[1].sinkRef: spec.redshiftData of the sink has 100002 characters",
        ),
        (
            TargetSettings { graphql: Some(graphql), ..target(None) },
            "spec.targets[1].sinkRef: spec.appSync.operation of the sink has 1048578",
        ),
        (
            TargetSettings { command: Some(command), ..target(None) },
            "spec.targets[1].sinkRef: spec.runCommand of the sink has 130 characters",
        ),
        (
            TargetSettings { pipeline_parameters: parameters, ..target(None) },
            "spec.targets[1].sinkRef: spec.sageMakerPipeline.parameters of the sink contains characters",
        ),
        (group, "spec.targets[1].sinkRef: spec.sqs.messageGroupId of the sink has 101 characters"),
        (path, "spec.targets[1].sinkRef: spec.kinesis.partitionKeyPath of the sink has 257 characters"),
        (TargetSettings { task: Some(task), ..target(None) }, "spec.targets[1].sinkRef"),
    ] {
        assert!(message(&settings).starts_with(wanted), "{}", message(&settings));
    }
}

#[test]
fn tags_of_all_sources_together_have_limits() {
    let step = || [rule("r", "d", json!({"source": ["a"]})).into()];
    let message = |tags: &Tags| check(Some(tags), &step()).expect_err("AWS refuses them").message;
    let many = |number: usize| (0..number).map(|i| (format!("k{i}"), "v".to_owned())).collect::<Tags>();
    assert_eq!(check(Some(&many(50)), &step()), Ok(()));
    assert!(message(&many(51)).contains("there are 51 tags, and AWS allows 50"));
    let one = |key: &str, value: &str| Tags::from([(key.to_owned(), value.to_owned())]);
    assert!(message(&one("AWS:x", "v")).starts_with("spec.tags[AWS:x]: AWS reserves keys"));
    assert!(message(&one(&"k".repeat(129), "v")).contains("a key has 1 to 128 characters"));
    assert!(message(&one("", "v")).contains("a key has 1 to 128 characters"));
    assert!(message(&one("k", &"v".repeat(257))).contains("a value at most 256"));
    assert!(message(&one("k", "a<b")).contains("AWS allows letters"));
    assert_eq!(check(Some(&one("Größe: µ_./=+-@", "日本 1")), &step()), Ok(()));
    assert_eq!(check(Some(&many(51)), &[]), Ok(()), "what is in sync already stays");
}
