//! Intrinsic functions and events of SAM in `tributary import cloudformation`.

use serde_json::{Value, json};

use crate::import::{objects, template};

/// Returns the rule of a template that has one.
fn rule(content: &str, more: &[&str]) -> Value {
    let (code, out, err) = template(content, more);
    let rule = objects(&out).into_iter().find(|object| object["kind"] == "EventRule");
    rule.unwrap_or_else(|| panic!("{code}: {err}"))["spec"].clone()
}

const FUNCTIONS: &str = r#"
Parameters:
  Stage: {Type: String, Default: dev}
  States: {Type: CommaDelimitedList, Default: "paid, shipped"}
  Secret: {Type: "AWS::SSM::Parameter::Value<String>", Default: /name/of/it}
Mappings:
  Stages:
    dev: {Prefix: dev-}
    prod: {Prefix: ""}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsTest: !And [!Not [!Condition IsProd], !Or [!Equals [a, b], !Equals [1, "1"]]]
Resources:
  Bus:
    Type: AWS::Events::EventBus
    Condition: IsProd
    Properties: {Name: prod}
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub "${AWS::StackName}-${Stage}-queue"
  Rule:
    Type: AWS::Events::Rule
    Condition: IsTest
    Properties:
      Name: !Join ["", [!FindInMap [Stages, !Ref Stage, Prefix], rule]]
      Description: !If [IsProd, !Ref "AWS::NoValue", !Sub ["${what} of ${AWS::Region}, ${!literal}", {what: !Select [0, [Orders, x]]}]]
      EventBusName: !If [IsProd, !Ref Bus, !Ref "AWS::NoValue"]
      EventPattern:
        source: !Split [",", "a,b"]
        detail:
          state: !Ref States
          queue: [!GetAtt Queue.QueueName, {Ref: Queue}]
          n: [{numeric: [">", 1.5]}]
      State: !If [IsProd, ENABLED, DISABLED]
      Targets:
        - Id: q
          Arn: {"Fn::GetAtt": [Queue, Arn]}
          Input: !Sub '{"stage": "${Stage}"}'
"#;

#[test]
fn functions_are_resolved_as_cloudformation_does() {
    let spec = rule(FUNCTIONS, &[]);
    let queue = "https://sqs.eu-west-1.amazonaws.com/111122223333/lims-dev-queue";
    assert_eq!(
        spec,
        json!({
            "name": "dev-rule", "description": "Orders of eu-west-1, ${literal}", "state": "Disabled", "busRef": {"name": "default"},
            "eventPattern": {"source": ["a", "b"], "detail": {"state": ["paid", "shipped"], "queue": ["lims-dev-queue", queue], "n": [{"numeric": [">", 1.5]}]}},
            "targets": [{"name": "q", "sinkRef": {"name": "lims-dev-queue"}, "input": {"stage": "dev"}}],
        })
    );
    let (_, _, err) = template(FUNCTIONS, &["--parameter=Stage=prod"]);
    assert!(err.contains("AWS::Events::Rule Rule: its condition IsTest is false.") && err.contains("EventBus: 1"), "{err}");
}

#[test]
fn references_in_a_circle_end() {
    let content = "Conditions:\n  A: !Condition B\n  B: !Condition A\nResources:\n  R:\n    Type: AWS::Events::Rule\n    Condition: A\n  Q:\n    Type: AWS::SQS::Queue\n    Properties: {QueueName: !Sub '${P}-x'}\n  P:\n    Type: AWS::SQS::Queue\n    Properties: {QueueName: !GetAtt Q.QueueName}\n";
    let (code, _, err) = template(content, &[]);
    assert!(code == 0 && err.matches("refers to itself. Correct the template.").count() == 3, "{err}");
}

#[test]
fn events_of_sam_become_the_rules_that_sam_makes() {
    let content = r"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {AutoPublishAlias: live}
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: handler
      Events:
        Api: {Type: Api, Properties: {Path: /, Method: get}}
        Later: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day)}}
        Order:
          Type: CloudWatchEvent
          Properties:
            EventBusName: shop
            Pattern: {source: [shop]}
            InputPath: $.detail
            DeadLetterConfig: {Type: SQS}
            RetryPolicy: {MaximumEventAgeInSeconds: 60}
";
    let known = ["--physical-id=FnOrder=shop|app-FnOrder-1", "--physical-id=FnOrderQueue=app-FnOrderQueue-2"];
    let spec = rule(content, &known);
    let target = json!({
        "name": "FnOrderLambdaTarget", "sinkRef": {"name": "handler"}, "inputPath": "$.detail", "retry": {"maximumEventAgeSeconds": 60},
        "deadLetter": {"sinkRef": {"name": "app-fn-order-queue-2"}},
    });
    assert_eq!((&spec["name"], &spec["targets"], &spec["busRef"]["name"]), (&json!("app-FnOrder-1"), &json!([target]), &json!("shop")));
    let (_, out, err) = template(content, &known);
    assert!(out.contains("arn: arn:aws:lambda:eu-west-1:111122223333:function:handler:live"), "{out}");
    assert!(err.contains("AWS::Scheduler::Schedule FnLater: no kind of Tributary has resources of this type."), "{err}");
    let (_, out, err) = template(content, &known[1..]);
    assert!(!out.contains("EventRule") && err.contains("CloudFormation generated the name of FnOrder."), "{err}");
}

#[test]
fn a_rule_that_its_object_cannot_express_is_not_imported() {
    for (properties, reason) in [
        ("RoleArn: arn:aws:iam::111122223333:role/r", "an EventRule has no field for RoleArn"),
        (
            "ScheduleExpression: rate(1 day)\n      Targets: [{Id: a, Arn: 'arn:aws:sqs:eu-west-1:111122223333:q', Input: '\"text\"'}]",
            "the input of target a is not a JSON object",
        ),
        (
            "EventPattern: {source: [a]}\n      Targets: [{Id: a, Arn: 'arn:aws:sqs:eu-west-1:111122223333:q', KinesisParameters: {PartitionKeyPath: $.id}}]",
            "the target has parameters of another type",
        ),
        (
            "EventPattern: {source: [a]}\n      Targets: [{Id: a, Arn: 'arn:aws:codebuild:eu-west-1:111122223333:project/p'}]",
            "the target a has no role",
        ),
        ("EventPattern: '{'", "EventPattern is not JSON"),
        ("Description: nothing", "it has neither an event pattern nor a schedule"),
    ] {
        let content = format!("Resources:\n  R:\n    Type: AWS::Events::Rule\n    Properties:\n      Name: r\n      {properties}\n");
        let (code, out, err) = template(&content, &[]);
        assert!(code == 0 && out.is_empty() && err.contains(reason), "{reason}: {out}{err}");
    }
}

/// The API server does not keep a fraction of zero, so that the text of the input changes once.
#[test]
fn a_number_that_kubernetes_spells_otherwise_is_noted() {
    let rule = |input: &str| {
        let target = format!("{{Id: a, Arn: 'arn:aws:sqs:eu-west-1:111122223333:q', Input: '{input}'}}");
        format!(
            "Resources:\n  R:\n    Type: AWS::Events::Rule\n    Properties: {{Name: r, EventPattern: {{source: [a]}}, Targets: [{target}]}}\n"
        )
    };
    let (_, out, err) = template(&rule(r#"{"a": [1.0]}"#), &[]);
    assert!(out.contains("kind: EventRule") && err.contains("the input of target a has a number such as 1.0"), "{err}");
    let (_, _, err) = template(&rule(r#"{"a": [1, 1.5]}"#), &[]);
    assert!(!err.contains("has a number"), "{err}");
}
