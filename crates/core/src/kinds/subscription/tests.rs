//! Children that are being deleted, and the rule that refers to them.

use super::*;

fn subscription() -> BenchlingSubscription {
    let object = json!({
        "apiVersion": "tributary.dev/v1alpha1", "kind": "BenchlingSubscription", "metadata": {"name": "lims", "namespace": "prod", "uid": "u"},
        "spec": {"tenant": "acme", "appName": "lims", "monitoring": {"logGroup": {"retentionDays": 7}}},
    });
    serde_json::from_value(object).unwrap()
}

/// The steps when children of these kinds are being deleted or absent, and all others are as they are to be.
fn steps(deleting: &[&str], absent: &[&str]) -> Vec<String> {
    let children = subscription().children();
    let present = children.iter().filter(|child| !absent.contains(&child.kind)).cloned();
    let observed = ObservedSubscription {
        children: present.map(|child| ObservedChild { ours: true, deleting: deleting.contains(&child.kind), child }).collect(),
        bus: None,
        sink: None,
    };
    let desired = DesiredSubscription { children, error: None };
    let identity = Identity::default();
    let steps = BenchlingSubscription::plan(Some(&desired), Some(&observed), &PlanContext::new(&identity, "owner")).unwrap();
    let text = |step: &Step| match step {
        Step::Child(ChildStep::ApplyChild { kind, .. }) => format!("apply {kind}"),
        Step::Child(ChildStep::DeleteChild { kind, .. }) => format!("delete {kind}"),
        other => panic!("{other}"),
    };
    steps.iter().map(text).collect()
}

#[test]
fn a_rule_holds_up_no_deletion_of_what_it_refers_to() {
    let (bus, sink, rule) = ("EventBus", "EventSink", "EventRule");
    assert_eq!(steps(&[], &[]), Vec::<String>::new());
    assert_eq!(steps(&[], &[rule]), ["apply EventRule"]);
    // Monitoring was removed and came back before the sink was gone.
    assert_eq!(steps(&[sink], &[rule]), Vec::<String>::new());
    assert_eq!(steps(&[], &[sink, rule]), ["apply EventSink", "apply EventRule"]);
    // Somebody deleted the sink.
    assert_eq!(steps(&[sink], &[]), ["delete EventRule"]);
    assert_eq!(steps(&[sink, rule], &[]), Vec::<String>::new(), "it goes already");
    // Somebody deleted the bus: as long as rules of others keep it, it is monitored.
    assert_eq!(steps(&[bus], &[]), Vec::<String>::new());
    assert_eq!(steps(&[bus], &[rule]), Vec::<String>::new());
    assert_eq!(steps(&[bus], &[sink, rule]), ["apply EventSink"]);
}
