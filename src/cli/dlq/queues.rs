//! Dead-letter queues of the cluster's rules, the rules by ARN, and sessions in the Regions of the queues.

use std::collections::{BTreeMap, BTreeSet};

use tributary_api::{EventRule, EventSink, Identity};
use tributary_aws::{RegionalSession, Session};
use tributary_core::{
    names::Arn,
    object::key_of,
    redrive::{Letter, Redrive, RuleTargets},
    steps::TargetSettings,
};

use super::{
    cluster::{self, Objects},
    flags::SourceFlags,
};
use crate::cli::Error;

/// Control-plane calls per second and service: a command shares the quotas of the account with the operator.
const QUOTA: u32 = 20;

/// A dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queue {
    /// `namespace/name` of its sink.
    pub(super) sink: String,
    pub(super) arn: String,
}

impl Queue {
    pub(super) fn name(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }
}

/// Queues, rules and sessions of one command.
pub(super) struct Work<'a> {
    flags: &'a SourceFlags,
    pub(super) queues: Vec<Queue>,
    /// Rules by ARN. Their targets are those of status until [`Work::read_targets`] read them from AWS.
    pub(super) rules: BTreeMap<String, RuleTargets>,
    /// ARNs of all sinks.
    pub(super) sinks: BTreeSet<String>,
    objects: BTreeMap<String, EventRule>,
    /// ARNs of rules whose targets were read from AWS.
    read: BTreeSet<String>,
    /// Sessions by Region.
    sessions: BTreeMap<String, Result<Session, String>>,
    /// What could not be read.
    pub(super) problems: Vec<String>,
}

impl<'a> Work<'a> {
    /// Reads the cluster.
    ///
    /// # Errors
    /// The cluster cannot be read, or `--queue` names no dead-letter queue.
    pub(super) async fn read(flags: &'a SourceFlags) -> Result<Self, Error> {
        let cluster = flags.kube.connect().await?;
        let objects = cluster::read(&cluster, &flags.kube.namespaces(&cluster)).await?;
        let mut problems = objects.problems.clone();
        let queues = queues(&objects, &flags.queues, &mut problems)?;
        let sinks = objects.sinks.values().filter_map(arn_of).map(str::to_owned).collect();
        let named = objects.rules.into_iter().filter_map(|rule| Some((rule.status.as_ref()?.common.identity.as_ref()?.arn.clone(), rule)));
        let objects: BTreeMap<String, EventRule> = named.collect();
        let rules = objects.iter().map(|(arn, rule)| (arn.clone(), from_status(arn, rule))).collect();
        Ok(Self { flags, queues, rules, sinks, objects, read: BTreeSet::new(), sessions: BTreeMap::new(), problems })
    }

    /// Returns a session in the Region and account of an ARN.
    ///
    /// # Errors
    /// There are no credentials, or they are of another account.
    pub(super) async fn session(&mut self, arn: &str) -> Result<Session, String> {
        let parsed = Arn::parse(arn).ok_or_else(|| format!("{arn} is not an ARN"))?;
        if !self.sessions.contains_key(parsed.region) {
            let options = self.flags.options(parsed.region).map_err(|error| error.to_string())?;
            let opened = RegionalSession::open(options, QUOTA).await.map(|opened| opened.session);
            self.sessions.insert(parsed.region.to_owned(), opened);
        }
        let session = self.sessions[parsed.region].clone()?;
        let own = &session.caller.account_id;
        if own != parsed.account_id {
            return Err(format!(
                "it belongs to account {}, and the credentials to account {own}. Set --profile or AWS_PROFILE.",
                parsed.account_id
            ));
        }
        Ok(session)
    }

    /// Reads, once, the targets that AWS has of the letter's rule.
    ///
    /// # Errors
    /// Those of `ListTargetsByRule`.
    pub(super) async fn read_targets(&mut self, session: &Session, letter: &Letter) -> Result<(), String> {
        let Some((arn, rule)) = letter.rule_arn.as_ref().and_then(|arn| self.objects.get_key_value(arn)) else { return Ok(()) };
        if self.read.contains(arn) {
            return Ok(());
        }
        let Some(identity) = identity_of(rule) else { return Ok(()) };
        let mut targets =
            session.targets(identity.bus.as_deref().unwrap_or_default(), &identity.name).await.map_err(|error| error.message)?;
        targets.retain(|target| rule.spec.targets.iter().any(|named| named.name == target.id));
        let arn = arn.clone();
        if let Some(known) = self.rules.get_mut(&arn) {
            known.targets = targets;
        }
        self.read.insert(arn);
        Ok(())
    }

    /// What decides how letters are sent.
    pub(super) fn redrive<'r>(&'r self, to_removed_targets: bool, targets: &'r [String]) -> Redrive<'r> {
        Redrive { rules: &self.rules, removed_targets: to_removed_targets.then_some(&self.sinks), targets }
    }

    /// Returns rule and target of a letter as a user knows them: by name, else by ARN.
    pub(super) fn place(&self, letter: &Letter) -> (Option<String>, Option<String>) {
        let rule = letter.rule_arn.as_ref().and_then(|arn| self.rules.get(arn));
        let mut targets = rule.into_iter().flat_map(|rule| rule.targets_of(letter));
        let target = targets.next().map(|target| target.id.clone()).filter(|_| targets.next().is_none());
        (rule.map(|rule| rule.key.clone()).or_else(|| letter.rule_arn.clone()), target.or_else(|| letter.target_arn.clone()))
    }
}

fn identity_of(rule: &EventRule) -> Option<&Identity> {
    rule.status.as_ref()?.common.identity.as_ref()
}

fn arn_of(sink: &EventSink) -> Option<&str> {
    Some(&sink.status.as_ref()?.common.identity.as_ref()?.arn)
}

/// Names and ARNs of the rule's targets, as the operator reported them.
fn from_status(arn: &str, rule: &EventRule) -> RuleTargets {
    let targets = rule.status.iter().flat_map(|status| &status.targets);
    let targets = targets
        .filter_map(|target| Some(TargetSettings { id: target.name.clone(), arn: target.arn.clone()?, ..TargetSettings::default() }));
    RuleTargets { key: key_of(rule), arn: arn.to_owned(), targets: targets.collect() }
}

/// Returns the dead-letter queues of the rules, or those of them that are named.
fn queues(objects: &Objects, named: &[String], problems: &mut Vec<String>) -> Result<Vec<Queue>, Error> {
    let keys: BTreeSet<String> = objects.rules.iter().flat_map(cluster::dead_letter_keys).collect();
    let is_named = |key: &str, name: &String| key == name || key.rsplit('/').next() == Some(name);
    if let Some(unknown) = named.iter().find(|name| !keys.iter().any(|key| is_named(key, name))) {
        let known: Vec<_> = keys.iter().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(format!(
            "--queue {unknown}: no rule that you can read has this EventSink as its deadLetter. Dead-letter queues: {known}."
        )
        .into());
    }
    let mut queues = Vec::new();
    for key in keys.iter().filter(|key| named.is_empty() || named.iter().any(|name| is_named(key, name))) {
        let Some(sink) = objects.sinks.get(key) else { continue };
        match arn_of(sink) {
            Some(arn) => queues.push(Queue { sink: key.clone(), arn: arn.to_owned() }),
            None => problems.push(format!("EventSink {key} has no queue yet. See its conditions.")),
        }
    }
    Ok(queues)
}
