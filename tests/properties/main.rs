//! Eventually stable reconciliation, as a property of every kind's plan: after the plan is applied to a model of AWS, nothing is left to
//! plan; a deletion leaves nothing; and on the way there no limit of AWS is broken.

#![allow(unreachable_pub)]

mod api_destination;
mod by_role;
mod gate;
mod lifecycle;
mod lints;
mod model;
mod policies;
mod traces;

use std::collections::{BTreeMap, BTreeSet};

use model::Model;
use proptest::{
    collection, option,
    prelude::*,
    sample::{select, subsequence},
};
use serde_json::json;
use tributary_api::RuleState;
use tributary_testkit::product::{
    DeletionPolicy, EventBus, EventRule, EventSink, Identity, OWNER_TAG, SourceState, Tags,
    plan::{
        ArchiveSettings, BusInAws, BusSettings, BusStep, Desired, DesiredArchive, DesiredBus, DesiredGrant, DesiredLambda, DesiredLogGroup,
        DesiredLogs, DesiredQueue, DesiredRule, DesiredSink, DesiredSqs, DesiredTrigger, EventsStep, FreeStatement, Grants, LogSettings,
        Managed, MappingSettings, ObservedRule, PlanContext, Refused, RuleInAws, RuleSettings, Step, TargetSettings, function_of,
    },
};

const OWNER: &str = "i/Kind/ns/name";
const QUEUE_ARN: &str = "arn:aws:sqs:eu-west-1:111122223333:q";
const FUNCTION_ARN: &str = "arn:aws:lambda:eu-west-1:111122223333:function:f";
const GROUP_ARN: &str = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/events/g";

fn with_context<R>(retain: bool, run: impl FnOnce(&PlanContext<'_>) -> R) -> R {
    let identity = model::identity();
    let tag_keys: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
    run(&PlanContext { tag_keys: &tag_keys, retain, ..PlanContext::new(&identity, OWNER) })
}

/// Plans, applies, and plans again until nothing is left, at most `passes` times.
fn converges<K: Managed>(
    desired: Option<&K::Desired>,
    model: &mut Model,
    observe: impl Fn(&Model) -> Option<K::Observed>,
    passes: usize,
) -> Result<(), TestCaseError> {
    for _ in 0..passes {
        let observed = observe(model);
        let steps = with_context(false, |context| K::plan(desired, observed.as_ref(), context))
            .map_err(|halt| TestCaseError::fail(halt.to_string()))?;
        for step in &steps {
            model.apply(step).map_err(|why| TestCaseError::fail(format!("{step}: {why}; of {steps:?}")))?;
        }
    }
    let observed = observe(model);
    let left = with_context(false, |context| K::plan(desired, observed.as_ref(), context))
        .map_err(|halt| TestCaseError::fail(halt.to_string()))?;
    prop_assert!(left.is_empty(), "still to do: {left:?}, of {observed:?}");
    Ok(())
}

fn tags() -> impl Strategy<Value = Tags> {
    collection::btree_map("[abc]", "[12]", 0..3).prop_map(|mut tags| {
        tags.insert(OWNER_TAG.into(), OWNER.into());
        tags
    })
}

fn bus_settings() -> impl Strategy<Value = BusSettings> {
    let log = option::of("[xy]").prop_map(|level| level.map(|level| LogSettings { level, detail: "NONE".into() }));
    (option::of("[xy]"), option::of("[xy]"), option::of("[xy]"), log)
        .prop_map(|(description, kms_key_id, dead_letter_arn, log)| BusSettings { description, kms_key_id, dead_letter_arn, log })
}

fn bus_grants() -> impl Strategy<Value = Vec<DesiredGrant>> {
    let prefix = tributary_testkit::product::plan::ownership::sid(OWNER);
    let free = option::of("[xy]").prop_map(|action| {
        action.map(|action| FreeStatement { body: json!({"Effect": "Allow", "Principal": "*", "Action": [action]}), rules: true })
    });
    (subsequence(vec!["a", "b", "c"], 0..=3), "[12]", option::of("o-[xy]"), free).prop_map(move |(names, principal, organization, free)| {
        let sid = |name: &str| format!("{prefix}-{name}");
        let one =
            |name| DesiredGrant { sid: sid(name), principal: principal.clone(), organization: organization.clone(), free: free.clone() };
        names.into_iter().map(one).collect()
    })
}

fn archives() -> impl Strategy<Value = Vec<DesiredArchive>> {
    let settings = (option::of("[xy]"), 0..3, option::of("[xy]"), option::of("[xy]"));
    (subsequence(vec!["a", "b", "c"], 0..=3), settings).prop_map(|(names, (description, retention_days, source, kms_key_arn))| {
        let pattern = source.map(|source| json!({"source": [source]}));
        let settings = ArchiveSettings { description, retention_days, pattern, kms_key_arn };
        let one = |name: &str| DesiredArchive {
            name: name.into(),
            aws_name: name.into(),
            settings: settings.clone(),
            deletion_policy: DeletionPolicy::Delete,
            problem: None,
            refused: false,
        };
        names.into_iter().map(one).collect()
    })
}

const STATES: [RuleState; 3] = [RuleState::Enabled, RuleState::Disabled, RuleState::EnabledWithAllCloudTrailManagementEvents];

fn rule_settings() -> impl Strategy<Value = RuleSettings> {
    (option::of("[xy]"), "[xy]", select(&STATES[..])).prop_map(|(description, source, state)| RuleSettings {
        description,
        pattern: Some(json!({"source": [source]})),
        schedule: None,
        state,
    })
}

fn targets(from: [&'static str; 5]) -> impl Strategy<Value = Vec<TargetSettings>> {
    (subsequence(from.to_vec(), 0..=5), "[xy]").prop_map(|(ids, arn)| {
        ids.into_iter().map(|id| TargetSettings { id: id.into(), arn: arn.clone(), ..TargetSettings::default() }).collect()
    })
}

fn attributes() -> impl Strategy<Value = BTreeMap<String, String>> {
    (option::of("[12]"), option::of("[12]"), option::of(prop_oneof![Just(("SqsManagedSseEnabled", "true")), Just(("KmsMasterKeyId", "k"))]))
        .prop_map(|(delay, redrive, encryption)| {
            let redrive = redrive.map(|count| json!({"deadLetterTargetArn": "d", "maxReceiveCount": count}).to_string());
            let all = [("DelaySeconds", delay), ("RedrivePolicy", redrive)];
            let all = all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            all.chain(encryption.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
        })
}

fn sources() -> impl Strategy<Value = BTreeSet<String>> {
    collection::btree_set("arn:aws:events:eu-west-1:111122223333:rule/bus/[a-z]{20}", 0..120)
}

fn grants(arn: &'static str) -> impl Strategy<Value = Grants> {
    let sid = tributary_testkit::product::plan::ownership::sid(OWNER);
    sources().prop_map(move |sources| Grants { arn: arn.into(), sid: sid.clone(), wanted: sources.clone(), sources, ..Grants::default() })
}

fn triggers() -> impl Strategy<Value = Vec<(u8, i32)>> {
    subsequence(vec![1_u8, 2, 3], 0..=3).prop_flat_map(|functions| functions.into_iter().map(|f| (Just(f), 1..20)).collect::<Vec<_>>())
}

fn desired_sink() -> impl Strategy<Value = DesiredSink> {
    (attributes(), any::<bool>(), tags(), grants(QUEUE_ARN), triggers()).prop_map(
        |(attributes, with_dead_letter, tags, grants, triggers)| {
            let queue = |name: &str, attributes| DesiredQueue { name: name.into(), arn: QUEUE_ARN.into(), attributes, tags: tags.clone() };
            let trigger = |(function, batch_size): (u8, i32)| DesiredTrigger {
                function: function_of(&format!("{FUNCTION_ARN}{function}")),
                settings: MappingSettings {
                    batch_size,
                    maximum_batching_window_seconds: 1,
                    maximum_concurrency: None,
                    report_batch_item_failures: batch_size % 2 == 0,
                    enabled: true,
                    filters: if batch_size % 3 == 0 { vec![serde_json::json!({"body": {"n": [batch_size]}})] } else { vec![] },
                    kms_key_arn: (batch_size % 6 == 0).then(|| "arn:aws:kms:eu-west-1:111122223333:key/k".to_owned()),
                },
                tags: tags.clone(),
            };
            sink(Desired::Sqs(DesiredSqs {
                managed: Some(queue("q", attributes)),
                dead_letter: with_dead_letter.then(|| queue("q-dlq", BTreeMap::new())),
                name: "q".into(),
                grants,
                triggers: triggers.into_iter().map(trigger).collect(),
                refused: None,
            }))
        },
    )
}

fn desired_lambda() -> impl Strategy<Value = DesiredSink> {
    (grants(FUNCTION_ARN), option::of("[xy]")).prop_map(|(grants, on_failure)| {
        sink(Desired::Lambda(DesiredLambda { function: function_of(FUNCTION_ARN), grants, on_failure, unresolved: None }))
    })
}

fn desired_logs() -> impl Strategy<Value = DesiredSink> {
    (grants(GROUP_ARN), tags(), option::of(1..3), option::of("[xy]")).prop_map(|(grants, tags, retention_days, kms_key_arn)| {
        let managed = Some(DesiredLogGroup { class: None, retention_days, kms_key_arn, tags });
        sink(Desired::LogGroup(DesiredLogs { name: "/aws/events/g".into(), managed, grants, policy: "p".into() }))
    })
}

fn sink(target: Desired) -> DesiredSink {
    DesiredSink { target, external: false, role_arn: None, export_to: None, depends_on: tributary_api::AdmittedReferences::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn a_bus_converges_and_is_deleted(
        have in option::of((bus_settings(), tags(), archives(), bus_grants())),
        want in (bus_settings(), tags(), archives(), bus_grants()),
    ) {
        let mut model = Model::default();
        let theirs = json!({"Sid": "tributary-theirs-a"});
        if let Some((settings, tags, archives, grants)) = have {
            let statements = grants.iter().map(|grant| grant.statement(&model::identity())).chain([theirs.clone()]).collect();
            model.bus = Some(BusInAws { statements, ..bus(settings, tags) });
            model.archives = archives.into_iter().map(|archive| model::archive(archive.aws_name, archive.settings)).collect();
        }
        let had_theirs = model.bus.is_some();
        let desired =
            DesiredBus { name: "b".into(), source: None, settings: want.0, tags: want.1, archives: want.2, grants: want.3, ..DesiredBus::default() };
        converges::<EventBus>(Some(&desired), &mut model, Model::observed_bus, 1)?;
        let statements = &model.bus.as_ref().unwrap().statements;
        prop_assert_eq!(statements.len(), desired.grants.len() + usize::from(had_theirs));
        prop_assert_eq!(statements.contains(&theirs), had_theirs);
        // A bus that stays loses our statements only.
        let observed = model.observed_bus();
        let left = with_context(true, |context| EventBus::plan(None, observed.as_ref(), context)).unwrap();
        let withdrawn = left.iter().filter(|step| matches!(step, Step::Events(EventsStep::Bus(BusStep::RemovePermission { .. })))).count();
        prop_assert_eq!(withdrawn, desired.grants.len());
        converges::<EventBus>(None, &mut model, Model::observed_bus, 1)?;
        prop_assert!(model.bus.is_none() && model.archives.is_empty());
    }

    #[test]
    fn a_partners_bus_takes_its_source_whatever_state_it_is_in(
        have in option::of((bus_settings(), tags())),
        want in (bus_settings(), tags()),
        state in prop_oneof![Just(SourceState::Missing), Just(SourceState::Pending), Just(SourceState::Active), Just(SourceState::Deleted)],
    ) {
        let mut model = Model { bus: have.map(|(settings, tags)| bus(settings, tags)), source: Some(state), ..Model::default() };
        let had_bus = model.bus.is_some();
        let desired = DesiredBus { name: "b".into(), source: Some("b".into()), settings: want.0, tags: want.1, archives: vec![], grants: vec![], ..DesiredBus::default() };
        converges::<EventBus>(Some(&desired), &mut model, Model::observed_bus, 1)?;
        let observed = model.observed_bus();
        let waits = EventBus::waiting(&desired, observed.as_ref(), &Identity::default()).is_some();
        match (state, had_bus) {
            (SourceState::Pending, _) => prop_assert!(model.source == Some(SourceState::Active) && model.bus.is_some() && !waits),
            (SourceState::Active, true) => prop_assert!(!waits),
            (SourceState::Active, false) => prop_assert!(waits && model.bus.is_none()),
            (SourceState::Missing | SourceState::Deleted, _) => prop_assert!(waits && model.bus.is_some() == had_bus),
        }
    }

    #[test]
    fn a_rule_converges_within_five_targets_and_is_deleted(
        have in option::of((rule_settings(), targets(["a", "b", "c", "d", "e"]), tags())),
        want in (rule_settings(), targets(["c", "d", "e", "f", "g"]), tags()),
        waiting in option::of(Just("w")),
    ) {
        let named = |settings, targets, tags| RuleInAws {
            bus: "b".into(), name: "r".into(), arn: "r".into(), settings, managed_by: None, targets: Some(targets), tags: Some(tags),
        };
        let mut model = Model { rule: have.map(|(settings, targets, tags)| named(settings, targets, tags)), ..Model::default() };
        let waiting: BTreeMap<_, _> = waiting.filter(|_| want.1.len() < 5).map(|id: &str| (id.to_owned(), String::new())).into_iter().collect();
        let desired = DesiredRule { bus: "b".into(), name: "r".into(), settings: want.0, tags: want.2, targets: want.1, held_back: None, waiting, refused: Refused::default(), error: None, warnings: vec![], source_problem: None };
        converges::<EventRule>(Some(&desired), &mut model, seen_rule, 1)?;
        converges::<EventRule>(None, &mut model, seen_rule, 1)?;
        prop_assert!(model.rule.is_none());
    }

    #[test]
    fn a_sink_converges_whatever_was_there_before_and_its_policy_fits(before in desired_sink(), want in desired_sink()) {
        let mut model = Model::default();
        converges::<EventSink>(Some(&before), &mut model, Model::sink, 1)?;
        converges::<EventSink>(Some(&want), &mut model, Model::sink, 1)?;
        let policy = model.queues["q"].attributes.get("Policy").map_or(0, String::len);
        prop_assert!(policy <= 8_192, "the policy has {policy} bytes");
        converges::<EventSink>(None, &mut model, Model::sink, 1)?;
        prop_assert!(!model.queues.contains_key("q"));
    }

    #[test]
    fn a_function_converges_and_its_policy_fits_beside_foreign_statements(before in desired_lambda(), want in desired_lambda()) {
        let foreign = json!({"Sid": "theirs", "Effect": "Allow"});
        let mut model = Model { function: vec![foreign.clone()], ..Model::default() };
        converges::<EventSink>(Some(&before), &mut model, Model::observed_lambda, 1)?;
        converges::<EventSink>(Some(&want), &mut model, Model::observed_lambda, 1)?;
        prop_assert!(model.function.contains(&foreign));
        converges::<EventSink>(None, &mut model, Model::observed_lambda, 1)?;
        prop_assert_eq!(model.function, vec![foreign]);
        prop_assert_eq!(model.invoke.on_failure, None);
    }

    #[test]
    fn a_log_group_converges_and_leaves_the_policy_as_it_was(before in desired_logs(), want in desired_logs()) {
        let foreign = json!({"Sid": "Theirs", "Effect": "Allow"});
        let mut model = Model { log_policy: vec![foreign.clone()], ..Model::default() };
        converges::<EventSink>(Some(&before), &mut model, Model::observed_logs, 1)?;
        converges::<EventSink>(Some(&want), &mut model, Model::observed_logs, 1)?;
        prop_assert!(model.log_policy.contains(&foreign));
        converges::<EventSink>(None, &mut model, Model::observed_logs, 1)?;
        prop_assert_eq!(model.log_policy, vec![foreign]);
        prop_assert!(model.group.is_none());
    }
}

fn seen_rule(model: &Model) -> Option<ObservedRule> {
    model.rule.clone().map(|rule| ObservedRule { rule: Some(rule), ..ObservedRule::default() })
}

fn bus(settings: BusSettings, tags: Tags) -> BusInAws {
    BusInAws { name: "b".into(), arn: "b".into(), settings, tags: Some(tags), ..BusInAws::default() }
}
