//! `tributary import cloudformation`: what it prints, and where each mistake is.

use serde_json::{Value, json};

use crate::{Folder, text};

/// A fixture of `tests/fixtures/import`, for the account of the documentation.
pub(crate) fn fixture(name: &str) -> Folder {
    let path = format!("{}/tests/fixtures/import/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        let content = std::fs::read_to_string(&path).unwrap().replace("ACCOUNT", "111122223333");
        files.push((path.file_name().unwrap().to_string_lossy().into_owned(), content));
    }
    let files: Vec<_> = files.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect();
    Folder::new(&files)
}

/// Runs an import without the Region of the environment, and returns exit code, standard output and standard error.
pub(crate) fn import(folder: &Folder, arguments: &[&str]) -> (i32, String, String) {
    let mut command = crate::tributary(&[&["import"], arguments].concat());
    let output = command.env_remove("AWS_REGION").current_dir(folder.path()).output().unwrap();
    (output.status.code().unwrap(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
}

/// Objects that were printed.
pub(crate) fn objects(out: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(out).unwrap()
}

const STACK: [&str; 4] = ["--region=eu-west-1", "--account-id=111122223333", "--stack-name=lims", "cloudformation"];

/// Runs an import of a template with what is known of its stack.
pub(crate) fn template(content: &str, more: &[&str]) -> (i32, String, String) {
    let folder = Folder::new(&[("template.yaml", content)]);
    let arguments = [&["cloudformation", "template.yaml"], &STACK[..3], more].concat();
    import(&folder, &arguments)
}

#[test]
fn a_template_becomes_manifests_in_the_order_of_their_references() {
    let folder = fixture("benchling-queue");
    let bus = "--parameter=BenchlingEventBusName=aws.partner/benchling.com/acme/lims";
    let arguments = ["cloudformation", "template.yaml", bus, STACK[0], STACK[1], STACK[2], "-n", "prod", "--account", "prod"];
    let (code, out, err) = import(&folder, &arguments);
    let expected = "---
# From template.yaml:7:3: arn:aws:sqs:eu-west-1:111122223333:BenchlingEntityRegisteredQueue of AWS::Events::Rule EventSQSRule
apiVersion: tributary.dev/v1alpha1
kind: EventSink
metadata:
  name: benchling-entity-registered-queue
  namespace: prod
spec:
  accountRef:
    name: prod
  permissions: External
  region: eu-west-1
  sqs:
    existing:
      arn: arn:aws:sqs:eu-west-1:111122223333:BenchlingEntityRegisteredQueue
---
# From template.yaml:7:3: event bus aws.partner/benchling.com/acme/lims of AWS::Events::Rule EventSQSRule
apiVersion: tributary.dev/v1alpha1
kind: EventBus
metadata:
  name: benchling-com-acme-lims
  namespace: prod
spec:
  accountRef:
    name: prod
  existing:
    name: aws.partner/benchling.com/acme/lims
  region: eu-west-1
---
# From template.yaml:7:3: AWS::Events::Rule EventSQSRule
apiVersion: tributary.dev/v1alpha1
kind: EventRule
metadata:
  annotations:
    tributary.dev/adopt: \"true\"
  name: template-plasmid-to-sqs-lims
  namespace: prod
spec:
  busRef:
    name: benchling-com-acme-lims
  description: Forward Benchling Event to SQS
  eventPattern:
    detail-type:
    - v2.entity.registered
  name: TemplatePlasmidToSQS-lims
  targets:
  - name: BenchlingEntityRegisteredQueue-lims
    sinkRef:
      name: benchling-entity-registered-queue
";
    assert_eq!((code, out.as_str()), (0, expected), "{err}");
    let expected = "EventSink: 1, EventBus: 1, EventRule: 1 (adopted: 1). Not imported: 1.

Not imported:
  template.yaml:20:3: AWS::SQS::QueuePolicy EventSQSPolicy: the permission stays in AWS as it is. Sinks have permissions: External, so that the operator does not change policies.

The AwsAccount has to allow, in spec.grants[] of the namespace:
  arns:
    - arn:aws:events:eu-west-1:111122223333:event-bus/aws.partner/benchling.com/acme/lims
    - arn:aws:events:eu-west-1:111122223333:rule/aws.partner/benchling.com/acme/lims/TemplatePlasmidToSQS-lims
    - arn:aws:sqs:eu-west-1:111122223333:BenchlingEntityRegisteredQueue
";
    assert_eq!(err, expected);
}

#[test]
fn sinks_manage_destinations_where_asked() {
    let folder = fixture("benchling-queue");
    let bus = "--parameter=BenchlingEventBusName=default";
    let arguments = ["cloudformation", "template.yaml", bus, STACK[0], STACK[1], STACK[2], "--manage", "sqs,sns"];
    let (_, out, _) = import(&folder, &arguments);
    let sink = &objects(&out)[0];
    let managed = json!({"name": "BenchlingEntityRegisteredQueue", "messageRetentionSeconds": 1_209_600, "visibilityTimeoutSeconds": 60});
    assert_eq!(sink["spec"], json!({"region": "eu-west-1", "sqs": {"managed": managed}}));
    assert_eq!(sink["metadata"]["annotations"]["tributary.dev/adopt"], "true");
}

#[test]
fn a_folder_gets_a_file_per_kind_and_a_kustomization() {
    let folder = fixture("custom-bus");
    let known = "--physical-id=MyCustomEventBusEventRule=all";
    let arguments =
        ["cloudformation", "template.yaml", STACK[0], STACK[1], STACK[2], known, "-o", "out/", "--report", "report.json", "-n", "shop"];
    let (code, out, err) = import(&folder, &arguments);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let kustomization: Value = serde_saphyr::from_str(&read("out/kustomization.yaml")).unwrap();
    assert_eq!(
        (&kustomization["resources"], &kustomization["namespace"]),
        (&json!(["sinks.yaml", "buses.yaml", "rules.yaml"]), &json!("shop"))
    );
    for name in ["sinks.yaml", "buses.yaml", "rules.yaml"] {
        assert_eq!(objects(&read(&format!("out/{name}"))).len(), 1, "{name}");
    }
    let report: Value = serde_json::from_str(&read("report.json")).unwrap();
    let fields: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["grants", "notImported", "notRead", "notes", "objects"]);
}

/// A rule is imported with all its targets or not at all: the operator would remove those that its object lacks.
#[test]
fn what_cannot_be_resolved_is_listed_with_its_place_and_the_next_step() {
    let rule = |name: &str, arn: &str| {
        format!(
            "  {name}:\n    Type: AWS::Events::Rule\n    Properties:\n      Name: {name}\n      EventPattern: {{source: [a]}}\n      Targets:\n        - {{Id: a, Arn: 'arn:aws:sqs:eu-west-1:111122223333:a'}}\n        - Id: b\n          Arn: {arn}\n"
        )
    };
    let content = format!(
        "Parameters:\n  Given: {{Type: String}}\nResources:\n{}{}{}{}{}  Q:\n    Type: AWS::SQS::Queue\n",
        rule("Imported", "!ImportValue other-stack"),
        rule("Missing", "!Ref Given"),
        rule("Unknown", "!Ref Nowhere"),
        rule("Generated", "!GetAtt Q.Arn"),
        rule("Odd", "{Fn::GetAZs: eu-west-1}"),
    );
    let (code, out, err) = template(&content, &[]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    for expected in [
        "template.yaml:4:3: AWS::Events::Rule Imported: template.yaml:12:29: Fn::ImportValue is a value of another stack",
        "template.yaml:13:3: AWS::Events::Rule Missing: template.yaml:21:21: parameter Given has no default. Set --parameter Given=VALUE.",
        "Unknown: template.yaml:30:21: Nowhere is neither a parameter nor a resource of the template. Correct it.",
        "Generated: template.yaml:39:24: CloudFormation generated the name of Q. Set --physical-id Q=NAME, or --stack-resources.",
        "Odd: template.yaml:48:16: Fn::GetAZs is not supported.",
    ] {
        assert!(err.contains(expected), "{expected}\n{err}");
    }
}

#[test]
fn bad_input_has_file_line_and_column() {
    for (content, expected) in [
        ("Resources:\n  A: [\n", "template.yaml:"),
        ("Resources:\n  A: {Type: X}\n  A: {Type: Y}\n", "template.yaml:3:3: not YAML"),
        ("a: 1\n", "template.yaml:1:1: no Resources: this is not a template of CloudFormation. Name a template."),
        ("Resources: [1]\n", "template.yaml:1:12: Resources must be an object."),
        ("Resources:\n  A:\n    Properties: {}\n", "template.yaml:2:3: resource A has no Type. Add it."),
        ("Resources:\n  Fn::ForEach::X: [a, [b], {}]\n", "template.yaml:2:3: Fn::ForEach::X among the Resources"),
        ("", "template.yaml:1:1: empty"),
    ] {
        let (code, out, err) = template(content, &[]);
        assert!(code == 1 && out.is_empty() && err.contains(expected), "{content:?}: {code} {err}");
    }
    let (code, _, err) = template("Resources: {}\n", &["--parameter=Typo=1"]);
    assert!(code == 1 && err.contains("--parameter Typo: template.yaml has no parameters. Correct the name."), "{err}");
    let (code, _, err) = template("Resources: {}\n", &["--manage=kafka"]);
    assert!(code == 2 && err.contains("sqs, sns, log-group"), "{err}");
}
