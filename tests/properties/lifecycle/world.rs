//! Two sinks of one existing resource, in a model of AWS: what happens to them, and what has to hold.

use std::{collections::BTreeSet, sync::Arc};

use k8s_openapi::jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use tributary_testkit::product::{
    AwsAccount, EventRule, EventSink, ReconcileError,
    api::{EventSinkStatus, Permissions, WrittenType},
    plan::{
        DesiredSink, IamStep, LambdaStep, Managed, Objects, Observed, ObservedByRole, ObservedLambda, ObservedLogGroup, ObservedLogs,
        ObservedQueue, ObservedRole, ObservedSink, ObservedSns, ObservedSqs, ObservedStateMachine, ObservedTopic, PlanContext, Report,
        Settings, Step, View, fixed, key_of, lambda, logs, ownership, sid_of,
    },
};

use crate::{
    FUNCTION_ARN, GROUP_ARN, QUEUE_ARN,
    model::{Model, put_statement},
};

const TOPIC_ARN: &str = "arn:aws:sns:eu-west-1:111122223333:t";
const MACHINE_ARN: &str = "arn:aws:states:eu-west-1:111122223333:stateMachine:m";
const QUEUES: [&str; 2] = ["arn:aws:sqs:eu-west-1:111122223333:fa", "arn:aws:sqs:eu-west-1:111122223333:fb"];
const BOUNDARIES: [&str; 2] = ["arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"];

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Lambda,
    Sqs,
    LogGroup,
    Topic,
    TopicByRole,
    Machine,
}

/// One edit of a sink, as admission accepts it.
#[derive(Clone, Debug)]
pub struct Edit {
    pub external: bool,
    pub on_failure: Option<usize>,
    pub boundary: Option<usize>,
    pub rules: usize,
}

#[derive(Clone, Debug)]
pub enum Event {
    Edit(usize, Edit),
    /// A reconcile whose step at this index fails, with or without effect.
    Reconcile(usize, Option<(usize, bool)>),
    /// Somebody sets a failure destination where there is none.
    SetFailureDestination(usize),
    /// Somebody narrows all roles that have no boundary.
    Narrow(usize),
    /// The owner of the resource adds the statement that status requires.
    AddRequired(usize),
    Delete(usize, Option<(usize, bool)>),
}

pub struct World {
    pub kind: Kind,
    pub sinks: Vec<EventSink>,
    pub deleted: Vec<bool>,
    pub rules: Vec<usize>,
    pub model: Model,
    /// The failure destination that somebody else has set.
    pub theirs: Option<String>,
    /// Sids of all statements of others.
    pub foreign: BTreeSet<String>,
    /// Roles and boundaries that somebody else has set.
    pub narrowed: BTreeSet<(String, String)>,
}

fn spec(kind: Kind, edit: &Edit) -> Value {
    let existing = |arn: &str| json!({"existing": {"arn": arn}});
    let mut role = json!({});
    if let Some(boundary) = edit.boundary {
        role["permissionsBoundaryArn"] = json!(BOUNDARIES[boundary]);
    }
    let mut spec = match kind {
        Kind::Lambda => json!({"lambda": existing(FUNCTION_ARN)}),
        Kind::Sqs => json!({"sqs": existing(QUEUE_ARN)}),
        Kind::LogGroup => json!({"logGroup": existing(GROUP_ARN)}),
        Kind::Topic => json!({"sns": existing(TOPIC_ARN)}),
        Kind::TopicByRole => json!({"sns": existing(TOPIC_ARN), "invocationRole": role}),
        Kind::Machine => json!({"stateMachine": existing(MACHINE_ARN), "invocationRole": role}),
    };
    // Admission: no failure destination with External, and a role that the operator creates is not given up.
    let external = edit.external && kind != Kind::Machine;
    if external {
        spec["permissions"] = json!("External");
    } else if let (Kind::Lambda, Some(queue)) = (kind, edit.on_failure) {
        spec["lambda"]["onFailure"] = json!({"sinkRef": {"name": format!("queue{queue}")}});
    }
    spec
}

fn object<K: serde::de::DeserializeOwned>(kind: &str, name: &str, spec: &Value, status: Option<Value>) -> K {
    let mut object = json!({
        "apiVersion": "tributary.dev/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": "ns", "uid": name}, "spec": spec,
    });
    if kind == "AwsAccount" {
        object["metadata"] = json!({"name": name});
    }
    if let Some(status) = status {
        object["status"] = status;
    }
    serde_json::from_value(object).unwrap()
}

fn identity_at(arn: &str) -> Value {
    let name = arn.rsplit(':').next();
    json!({"account": "default", "accountId": "111122223333", "partition": "aws", "region": "eu-west-1", "name": name, "arn": arn})
}

impl World {
    pub fn new(kind: Kind) -> Self {
        let statement = |sid: &str| json!({"Sid": sid, "Effect": "Allow"});
        let mut model = Model { function: vec![statement("theirs")], log_policy: vec![statement("Theirs")], ..Model::default() };
        let mut attributes = std::collections::BTreeMap::new();
        put_statement(&mut attributes, statement("theirs"));
        model.queues.insert("q".into(), ObservedQueue { name: "q".into(), attributes: attributes.clone(), tags: None });
        model.by_role.topic = Some(ObservedTopic { attributes, tags: None });
        model.group = Some(ObservedLogGroup { arn: GROUP_ARN.into(), ..ObservedLogGroup::default() });
        let edit = Edit { external: false, on_failure: None, boundary: None, rules: 0 };
        let sinks = ["s", "t"].map(|name| object("EventSink", name, &spec(kind, &edit), None)).to_vec();
        let foreign = ["theirs", "Theirs"].map(str::to_owned).into();
        Self { kind, sinks, deleted: vec![false; 2], rules: vec![0; 2], model, theirs: None, foreign, narrowed: BTreeSet::new() }
    }

    fn view(&self) -> View {
        let account: AwsAccount = object(
            "AwsAccount",
            "default",
            &json!({"accountId": "111122223333", "region": "eu-west-1",
                "grants": [{"namespaces": ["*"], "arns": ["arn:aws:*"], "roles": ["arn:aws:*"]}]}),
            None,
        );
        let mut rules = Vec::new();
        for (sink, count) in self.sinks.iter().zip(&self.rules) {
            for n in 0..*count {
                let (sink, name) = (sink.metadata.name.as_deref().unwrap(), format!("r{n}"));
                let spec = json!({"busRef": {"name": "b"}, "targets": [{"name": "t", "sinkRef": {"name": sink}}]});
                let identity = identity_at(&format!("arn:aws:events:eu-west-1:111122223333:rule/b/{sink}-{name}"));
                rules.push(object::<EventRule>("EventRule", &format!("{sink}-{name}"), &spec, Some(json!({"identity": identity}))));
            }
        }
        let queues = QUEUES.iter().enumerate().map(|(n, arn)| {
            let status = json!({"identity": identity_at(arn), "resources": [{"type": "AWS::SQS::Queue", "arn": arn}]});
            object::<EventSink>("EventSink", &format!("queue{n}"), &json!({"sqs": {"existing": {"arn": arn}}}), Some(status))
        });
        let sinks = self.sinks.iter().enumerate().filter(|(n, _)| !self.deleted[*n]).map(|(_, sink)| sink.clone()).chain(queues);
        let objects =
            Objects { accounts: fixed([account]), sinks: fixed(sinks.collect::<Vec<_>>()), rules: fixed(rules), ..Objects::default() };
        let settings = Arc::new(Settings { installation_id: "i".into(), ..Settings::default() });
        View { objects, settings, resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH }
    }

    pub fn owner(&self, sink: usize) -> String {
        ownership::owner("i", EventSink::KIND, &key_of(&self.sinks[sink]))
    }

    fn role(&self, status: Option<&EventSinkStatus>, arn: &str) -> Option<ObservedRole> {
        let role = self.model.by_role.roles.get(arn.rsplit('/').next()?)?.clone();
        let ours = status.is_some_and(|s| s.wrote(WrittenType::PermissionsBoundary).any(|arn| Some(arn) == role.boundary.as_ref()));
        Some(ObservedRole { boundary_is_ours: ours, arn: format!("arn:aws:iam::111122223333:role{}", role.arn), ..role })
    }

    /// As `src/observe` reads: what the spec or status knows of, and nothing else.
    fn observe(&self, sink: &EventSink, view: &View, desired: Option<&DesiredSink>) -> Option<ObservedSink> {
        let status = sink.status.as_ref();
        let external = sink.spec.permissions == Permissions::External;
        if external && !status.is_some_and(EventSinkStatus::has_written) {
            return None;
        }
        let target = desired.filter(|_| !external).map(|desired| &desired.target);
        let wrote = |type_| -> BTreeSet<String> { status.into_iter().flat_map(|status| status.wrote(type_)).cloned().collect() };
        let roles = wrote(WrittenType::InvocationRole);
        let wanted = target.and_then(|target| target.invocation_role()).or(roles.first());
        let by = ObservedByRole { role: wanted.and_then(|arn| self.role(status, arn)), ..ObservedByRole::default() };
        let model = &self.model;
        Some(match self.kind {
            Kind::Lambda => Observed::Lambda(ObservedLambda {
                policy: Some(model.function.clone()),
                invoke: Some(model.invoke.clone()),
                on_failure_ours: wrote(WrittenType::FailureDestination),
                on_failure_shared: lambda::claimed_by_others(sink, FUNCTION_ARN, view),
                live: BTreeSet::new(),
            }),
            Kind::Sqs => Observed::Sqs(ObservedSqs { queue: model.queues.get("q").cloned(), ..ObservedSqs::default() }),
            Kind::LogGroup => Observed::LogGroup(ObservedLogs {
                group: model.group.clone(),
                policy: model.log_policy.clone(),
                others: logs::needed_by_others(sink, &sink.identity(view).unwrap(), view),
                ..ObservedLogs::default()
            }),
            Kind::Topic | Kind::TopicByRole => Observed::Sns(ObservedSns { topic: model.by_role.topic.clone(), by }),
            Kind::Machine => Observed::StateMachine(ObservedStateMachine { by, ..ObservedStateMachine::default() }),
        })
    }

    /// A boundary of others goes with its role, which goes with the last rule, and where the spec has one of its own.
    fn forget_narrowed(&mut self, step: &Step) {
        let (roles, asked) = (&self.model.by_role.roles, self.boundary_asked());
        let replaced = match step {
            Step::Iam(IamStep::PutRolePermissionsBoundary { name, .. }) => Some(name).filter(|_| asked),
            _ => None,
        };
        self.narrowed.retain(|(name, _)| roles.contains_key(name) && Some(name) != replaced);
    }

    fn boundary_asked(&self) -> bool {
        self.sinks.iter().any(|sink| sink.spec.invocation_role.as_deref().is_some_and(|role| role.permissions_boundary_arn.is_some()))
    }

    /// Makes the steps as `src/operator` does. Returns those that are confirmed, and whether one failed.
    fn apply(&mut self, steps: &[Step], failure: Option<(usize, bool)>) -> Result<(Vec<Step>, bool), TestCaseError> {
        let mut applied = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let fails = failure.filter(|(at, _)| *at == index);
            if fails.is_none_or(|(_, effect)| effect) {
                self.model.apply(step).map_err(|why| TestCaseError::fail(format!("{step}: {why}")))?;
                self.forget_narrowed(step);
                if matches!(step, Step::Lambda(LambdaStep::PutFunctionEventInvokeConfig { .. })) {
                    self.theirs = None;
                }
            }
            if fails.is_some() {
                return Ok((applied, true));
            }
            applied.push(step.clone());
        }
        Ok((applied, false))
    }

    /// One reconcile. Returns whether nothing was left to do.
    pub fn reconcile(&mut self, n: usize, failure: Option<(usize, bool)>) -> Result<bool, TestCaseError> {
        if self.deleted[n] || self.sinks[n].metadata.deletion_timestamp.is_some() {
            return Ok(true);
        }
        let (view, sink, owner) = (self.view(), self.sinks[n].clone(), self.owner(n));
        let identity = sink.identity(&view).unwrap();
        let desired = sink.desired(&view, &identity).unwrap();
        let observed = self.observe(&sink, &view, Some(&desired));
        let planned = EventSink::plan(Some(&desired), observed.as_ref(), &PlanContext::new(&identity, &owner));
        let mut status = sink.status.clone().unwrap_or_default();
        // Somebody's failure destination is not replaced: nothing is written.
        let Ok(steps) = planned else { return Ok(true) };
        if !steps.is_empty() {
            status.common.identity = Some(identity.clone());
            sink.record_intent(&mut status, &desired, &steps);
            status.common.applied = None;
        }
        self.sinks[n].status = Some(status.clone());
        let (applied, failed) = self.apply(&steps, failure)?;
        let error = failed.then(|| ReconcileError::transient("lost"));
        let report = Report {
            desired: Some(&desired),
            observed: observed.as_ref(),
            applied: &applied,
            error: error.as_ref(),
            withheld: 0,
            now: Timestamp::UNIX_EPOCH,
            settings: &view.settings,
        };
        status.common.identity = Some(identity);
        self.sinks[n].report(&mut status, &report);
        if !failed {
            status.common.applied = Some("applied".into());
        }
        self.sinks[n].status = Some(status);
        Ok(steps.is_empty())
    }

    /// One attempt to delete the sink.
    pub fn delete(&mut self, n: usize, failure: Option<(usize, bool)>) -> Result<(), TestCaseError> {
        if self.deleted[n] {
            return Ok(());
        }
        let at = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH);
        self.sinks[n].metadata.deletion_timestamp = Some(at);
        let (view, sink, owner) = (self.view(), self.sinks[n].clone(), self.owner(n));
        let pinned = sink.status.as_ref().and_then(|status| status.common.identity.clone());
        if let Some(identity) = pinned.filter(|_| sink.leaves_traces()) {
            let observed = self.observe(&sink, &view, None);
            let context = PlanContext { retain: true, ..PlanContext::new(&identity, &owner) };
            let steps = EventSink::plan(None, observed.as_ref(), &context).map_err(|error| TestCaseError::fail(error.to_string()))?;
            if self.apply(&steps, failure)?.1 {
                return Ok(());
            }
        }
        self.deleted[n] = true;
        Ok(())
    }

    pub fn happen(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match event {
            Event::Edit(n, edit) => {
                let edited: EventSink = object("EventSink", "x", &spec(self.kind, edit), None);
                self.sinks[*n].spec = edited.spec;
                self.rules[*n] = edit.rules;
            }
            Event::Reconcile(n, failure) => drop(self.reconcile(*n, *failure)?),
            Event::SetFailureDestination(queue) => {
                // What a sink may have set itself cannot be told from the same value of somebody else.
                let value = QUEUES[*queue].to_owned();
                let noted =
                    |sink: &EventSink| sink.status.iter().any(|s| s.wrote(WrittenType::FailureDestination).any(|arn| *arn == value));
                if self.model.invoke.on_failure.is_none() && !self.sinks.iter().any(noted) {
                    self.model.invoke.on_failure = Some(value.clone());
                    self.theirs = Some(value);
                }
            }
            Event::Narrow(boundary) => {
                for (name, role) in self.model.by_role.roles.iter_mut().filter(|(_, role)| role.boundary.is_none()) {
                    let boundary = format!("arn:aws:iam::aws:policy/theirs{boundary}");
                    self.narrowed.insert((name.clone(), boundary.clone()));
                    role.boundary = Some(boundary);
                }
            }
            Event::AddRequired(n) => {
                let status = self.sinks[*n].status.as_ref().filter(|_| !self.deleted[*n]);
                let Some(required) = status.and_then(|status| status.required_statement.clone()) else { return Ok(()) };
                let required: Value = serde_json::from_str(&required).unwrap();
                for statement in required.as_array().cloned().unwrap_or_else(|| vec![required.clone()]) {
                    self.foreign.insert(sid_of(&statement).unwrap().to_owned());
                    self.add_foreign(statement);
                }
            }
            Event::Delete(n, failure) => self.delete(*n, *failure)?,
        }
        Ok(())
    }

    fn add_foreign(&mut self, statement: Value) {
        let same = |other: &Value| sid_of(other) == sid_of(&statement);
        match self.kind {
            Kind::Lambda => {
                self.model.function.retain(|other| !same(other));
                self.model.function.push(statement);
            }
            Kind::LogGroup => {
                self.model.log_policy.retain(|other| !same(other));
                self.model.log_policy.push(statement);
            }
            Kind::Sqs => put_statement(&mut self.model.queues.get_mut("q").unwrap().attributes, statement),
            Kind::Topic | Kind::TopicByRole => put_statement(&mut self.model.by_role.topic.as_mut().unwrap().attributes, statement),
            Kind::Machine => {}
        }
    }
}
