//! Whole deliveries: what the policies of target, role, boundary and key amount to together.

use serde_json::{Value, json};

use super::{Deliverability, DeliverabilityReason as Reason, Fact, Facts, KeyFacts, RoleFacts, TargetFacts, evaluate};
use crate::steps::TargetSettings;

const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/b/r";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:q";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:t";
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:f";
const ROLE: &str = "arn:aws:iam::111122223333:role/sender";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

/// A delivery to evaluate.
struct Delivery {
    target: TargetSettings,
    facts: Facts,
}

fn trust() -> Value {
    json!({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"})
}

fn own(effect: &str, action: &str) -> Value {
    json!({"Effect": effect, "Action": action, "Resource": "*"})
}

fn by(effect: &str, principal: &Value, action: &str) -> Value {
    json!({"Sid": "p", "Effect": effect, "Principal": principal, "Action": action, "Resource": "*"})
}

fn events() -> Value {
    json!({"Service": "events.amazonaws.com"})
}

fn root() -> Value {
    json!({"AWS": "arn:aws:iam::111122223333:root"})
}

impl Delivery {
    /// A delivery by the service itself to a target with this policy.
    fn to(arn: &str, policy: &[Value]) -> Self {
        let target = TargetSettings { arn: arn.into(), ..TargetSettings::default() };
        let known = TargetFacts { policy: policy.to_vec().into(), ..TargetFacts::default() };
        Self { target, facts: Facts { target: Some(Fact::Known(known)), ..Facts::default() } }
    }

    fn with_role(mut self, rights: &[Value]) -> Self {
        self.target.role_arn = Some(ROLE.into());
        let role = RoleFacts { arn: ROLE.into(), trust: vec![trust()].into(), rights: rights.to_vec().into(), boundary: None };
        self.facts.role = Some(Fact::Known(role));
        self
    }

    fn bounded_by(mut self, boundary: &[Value]) -> Self {
        if let Some(Fact::Known(role)) = &mut self.facts.role {
            role.boundary = Some(boundary.to_vec().into());
        }
        self
    }

    fn encrypted(mut self, policy: &[Value]) -> Self {
        let key = KeyFacts { arn: KEY.into(), enabled: true, policy: policy.to_vec().into(), ..KeyFacts::default() };
        self.facts.key = Some(Fact::Known(key));
        self
    }

    fn encrypted_by_aws(mut self) -> Self {
        self.facts.key = Some(Fact::Known(KeyFacts { managed_by_aws: true, enabled: true, ..KeyFacts::default() }));
        self
    }

    fn fifo(mut self, group: Option<&str>, deduplication: bool) -> Self {
        self.target.message_group_id = group.map(str::to_owned);
        if let Some(Fact::Known(known)) = &mut self.facts.target {
            known.content_based_deduplication = deduplication;
        }
        self
    }
}

/// What is expected: `Some(reason)` for no delivery.
#[derive(Debug)]
enum Want {
    Yes,
    No(Reason),
    Unknown,
}

fn check(cases: Vec<(&str, Delivery, Want)>) {
    for (what, delivery, want) in cases {
        let found = evaluate(&delivery.target, RULE, &delivery.facts);
        let fits = match (&found, &want) {
            (Deliverability::Yes, Want::Yes) | (Deliverability::Unknown { .. }, Want::Unknown) => true,
            (Deliverability::No { reason, .. }, Want::No(wanted)) => reason == wanted,
            _ => false,
        };
        assert!(fits, "{what}: {found:?}, and not {want:?}");
    }
}

/// IAM user guide, "Policy evaluation for requests within a single account" and "Permissions
/// boundaries for IAM entities".
#[test]
fn a_role_is_judged_by_its_own_policies_and_that_of_the_target() {
    let send = || own("Allow", "sqs:SendMessage");
    let role = json!({"AWS": ROLE});
    let with = |policy: &[Value], rights: &[Value]| Delivery::to(QUEUE, policy).with_role(rights);
    let rule_only =
        json!({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*", "Condition": {"ArnLike": {"aws:SourceArn": RULE}}});
    let all = || own("Allow", "*");
    check(vec![
        ("its own permission", with(&[], &[send()]), Want::Yes),
        ("none", with(&[], &[]), Want::No(Reason::RoleLacksRight)),
        ("a permission for the service only", with(&[by("Allow", &events(), "sqs:SendMessage")], &[]), Want::No(Reason::RoleLacksRight)),
        ("the target's permission for the role", with(&[by("Allow", &role, "sqs:SendMessage")], &[]), Want::Yes),
        (
            "the target's permission for the account",
            with(&[by("Allow", &root(), "sqs:SendMessage")], &[]),
            Want::No(Reason::RoleLacksRight),
        ),
        ("the target denies the role", with(&[by("Deny", &role, "sqs:SendMessage")], &[send()]), Want::No(Reason::ExplicitDeny)),
        ("the target denies the account", with(&[by("Deny", &root(), "sqs:*")], &[send()]), Want::No(Reason::ExplicitDeny)),
        ("the target denies everyone", with(&[by("Deny", &json!("*"), "sqs:*")], &[send()]), Want::No(Reason::ExplicitDeny)),
        ("the target denies the service", with(&[by("Deny", &events(), "sqs:*")], &[send()]), Want::Yes),
        ("the role denies itself", with(&[by("Allow", &role, "sqs:*")], &[send(), own("Deny", "sqs:*")]), Want::No(Reason::ExplicitDeny)),
        ("a condition on the rule, which a role's call does not have", with(&[], &[rule_only]), Want::No(Reason::RoleLacksRight)),
        ("a wide boundary", with(&[], &[send()]).bounded_by(&[all()]), Want::Yes),
        ("a boundary without the action", with(&[], &[send()]).bounded_by(&[own("Allow", "sns:*")]), Want::No(Reason::RoleLacksRight)),
        ("a boundary that denies", with(&[], &[send()]).bounded_by(&[all(), own("Deny", "sqs:*")]), Want::No(Reason::RoleLacksRight)),
        ("a boundary permits nothing", with(&[], &[]).bounded_by(&[all()]), Want::No(Reason::RoleLacksRight)),
        (
            "a boundary limits the target's permission for the role too",
            with(&[by("Allow", &role, "sqs:SendMessage")], &[]).bounded_by(&[own("Allow", "sns:*")]),
            Want::No(Reason::RoleLacksRight),
        ),
    ]);
}

#[test]
fn what_the_policy_of_the_target_depends_on_matters_to_a_role_too() {
    let condition = |effect: &str| {
        let mut statement = by(effect, &json!("*"), "sqs:*");
        statement["Condition"] = json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}});
        statement
    };
    let to = |policy: &[Value]| Delivery::to(QUEUE, policy).with_role(&[own("Allow", "sqs:SendMessage")]);
    let mut unread = to(&[]);
    unread.facts.target = Some(Fact::Denied { action: "sqs:GetQueueAttributes" });
    let mut elsewhere = to(&[]);
    elsewhere.target.arn = QUEUE.replace("111122223333", "999988887777");
    elsewhere.facts.target = None;
    check(vec![
        ("a denial that depends on the role's organization", to(&[condition("Deny")]), Want::Unknown),
        ("a permission that depends on it", to(&[condition("Allow")]), Want::Yes),
        ("a policy that cannot be read", unread, Want::Unknown),
        ("a policy of another account", elsewhere, Want::Unknown),
    ]);
}

/// KMS developer guide, "Key policies"; docs/aws-facts.md, PM17.
#[test]
fn a_key_has_to_let_the_sender_use_it() {
    let kms = || own("Allow", "kms:*");
    let allow = |principal: &Value| by("Allow", principal, "kms:*");
    let service = |key: &[Value]| Delivery::to(QUEUE, &[by("Allow", &events(), "sqs:SendMessage")]).encrypted(key);
    let role = |rights: &[Value], key: &[Value]| {
        let rights: Vec<_> = rights.iter().cloned().chain([own("Allow", "sqs:SendMessage")]).collect();
        Delivery::to(QUEUE, &[]).with_role(&rights).encrypted(key)
    };
    let unusable = || Want::No(Reason::KeyNotUsable);
    let mut narrowed = allow(&events());
    narrowed["Condition"] = json!({"StringEquals": {"aws:SourceAccount": "111122223333"}});
    let by_role = json!({"AWS": ROLE});
    check(vec![
        ("the service", service(&[allow(&events())]), Want::Yes),
        ("the service, and the key allows the account only", service(&[allow(&root())]), unusable()),
        ("the service, denied", service(&[allow(&events()), by("Deny", &events(), "kms:Decrypt")]), unusable()),
        ("the service, and a condition that may be met", service(std::slice::from_ref(&narrowed)), Want::Unknown),
        (
            "the service, to a topic, where no such condition is supported",
            {
                let rights = [by("Allow", &events(), "sns:Publish")];
                Delivery::to(TOPIC, &rights).encrypted(&[narrowed])
            },
            unusable(),
        ),
        ("a role, and the key allows the service only", role(&[], &[allow(&events())]), unusable()),
        ("a role with a permission, and the key allows the service only", role(&[kms()], &[allow(&events())]), unusable()),
        ("a role without a permission, and the key leaves it to the account", role(&[], &[allow(&root()), allow(&events())]), unusable()),
        ("a role, by key and role, and the service", role(&[kms()], &[allow(&root()), allow(&events())]), Want::Yes),
        ("a role that the key names, and the service", role(&[], &[allow(&by_role), allow(&events())]), Want::Yes),
        ("a role that is denied", role(&[kms()], &[allow(&root()), allow(&events()), by("Deny", &by_role, "kms:*")]), unusable()),
        ("a role that may, where AWS advises against one", role(&[kms()], &[allow(&root())]), Want::Unknown),
        ("the service, and a key that AWS manages", service(&[]).encrypted_by_aws(), unusable()),
        ("a role, and a key that AWS manages", role(&[], &[]).encrypted_by_aws(), Want::Unknown),
    ]);
}

/// EventBridge user guide, "Using resource-based policies"; docs/aws-facts.md, PM2.
#[test]
fn a_topic_is_called_without_the_rule_and_supports_no_conditions() {
    let to = |conditions: Value, effect: &str| {
        let mut statement = by(effect, &events(), "sns:Publish");
        statement["Condition"] = conditions;
        let permission = by("Allow", &events(), "sns:Publish");
        Delivery::to(TOPIC, &if effect == "Deny" { vec![statement, permission] } else { vec![statement] })
    };
    let rule = json!({"ArnLike": {"aws:SourceArn": RULE}});
    let not_rule = json!({"ArnNotLike": {"aws:SourceArn": RULE}});
    let secure = |value: &str| json!({"Bool": {"aws:SecureTransport": value}});
    check(vec![
        ("no condition", to(json!({}), "Allow"), Want::Yes),
        ("the rule", to(rule.clone(), "Allow"), Want::No(Reason::PermissionMissing)),
        (
            "the account, as in AWS's own policy",
            to(json!({"StringEquals": {"AWS:SourceOwner": "111122223333"}}), "Allow"),
            Want::No(Reason::PermissionMissing),
        ),
        ("another rule", to(not_rule.clone(), "Allow"), Want::Unknown),
        ("a condition that is met", to(secure("true"), "Allow"), Want::Unknown),
        ("a denial of insecure calls", to(secure("false"), "Deny"), Want::Yes),
        ("a denial of the rule", to(rule, "Deny"), Want::Unknown),
        ("a denial of other rules", to(not_rule, "Deny"), Want::Unknown),
    ]);
}

/// EventBridge API reference, `SqsParameters`; docs/aws-facts.md, PM1, PM2.
#[test]
fn a_fifo_queue_needs_a_group_and_content_based_deduplication() {
    let allowed = [by("Allow", &events(), "sqs:SendMessage")];
    let to = |group, deduplication| Delivery::to(&format!("{QUEUE}.fifo"), &allowed).fifo(group, deduplication);
    let no = || Want::No(Reason::FifoNotUsable);
    let mut by_role = to(Some("g"), false).with_role(&[own("Allow", "sqs:*")]);
    by_role.target.role_arn = Some(ROLE.into());
    let topic = Delivery::to(&format!("{TOPIC}.fifo"), &[by("Allow", &events(), "sns:Publish")]);
    let mut dead = Delivery::to(QUEUE, &allowed);
    dead.target.dead_letter_arn = Some(format!("{QUEUE}.fifo"));
    dead.facts.dead_letter = Some(Fact::Known(TargetFacts { policy: allowed.to_vec().into(), ..TargetFacts::default() }));
    check(vec![
        ("both", to(Some("g"), true), Want::Yes),
        ("no deduplication", to(Some("g"), false), no()),
        ("no deduplication, with a role", by_role, no()),
        ("no group", to(None, true), no()),
        ("a standard queue", Delivery::to(QUEUE, &allowed), Want::Yes),
        ("a FIFO topic", topic, no()),
        ("a FIFO queue for dead letters", dead, Want::No(Reason::DeadLetterNotReachable)),
    ]);
}

#[test]
fn a_denial_with_a_set_operator_on_an_absent_key_denies_nothing() {
    let mut denial = by("Deny", &json!("*"), "lambda:*");
    denial["Condition"] = json!({"ForAnyValue:StringNotEquals": {"aws:PrincipalOrgPaths": "o-1/*"}});
    let allowed = by("Allow", &events(), "lambda:InvokeFunction");
    check(vec![("any", Delivery::to(FUNCTION, &[allowed.clone(), denial.clone()]), Want::Yes)]);
    denial["Condition"] = json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": "o-1/*"}});
    check(vec![("all", Delivery::to(FUNCTION, &[allowed, denial]), Want::No(Reason::ExplicitDeny))]);
}

/// Amazon SQS developer guide, "Encryption at rest": SSE-SQS needs no key. Topics have no such option.
#[test]
fn what_to_use_instead_of_a_key_that_aws_manages_depends_on_the_type() {
    for (arn, next_step) in [(QUEUE, "Use a customer managed key, or SSE-SQS."), (TOPIC, "Use a customer managed key.")] {
        let delivery = Delivery::to(arn, &[by("Allow", &events(), "*")]).encrypted_by_aws();
        let found = evaluate(&delivery.target, RULE, &delivery.facts);
        assert!(matches!(&found, Deliverability::No { message, .. } if message.ends_with(next_step)), "{arn}: {found:?}");
    }
}
