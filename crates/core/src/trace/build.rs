//! From records to traces.

use std::collections::BTreeMap;

use crate::bus_log::BusLogRecord;

use super::{
    fact::{Fact, Step},
    model::{Attempt, AttemptResult, IngestionStatus, MatchingStatus, Moment, RuleTrace, TargetOutcome, TargetTrace, Trace},
};

/// Returns one trace for each event and bus, the oldest first. Records without the ID of an event, and those of unknown steps, are
/// not used. The order of the records and repeated records make no difference.
pub fn traces<'a>(records: impl IntoIterator<Item = &'a BusLogRecord>) -> Vec<Trace> {
    let mut events: BTreeMap<(&str, &str), Vec<Fact>> = BTreeMap::new();
    for record in records {
        if let (Some(event), Some(fact)) = (&record.event_id, Fact::of(record)) {
            events.entry((record.bus_arn.as_deref().unwrap_or_default(), event)).or_default().push(fact);
        }
    }
    let trace = |((bus, event), facts): ((&str, &str), Vec<Fact>)| trace(bus, event, facts);
    let mut traces: Vec<Trace> = events.into_iter().map(trace).collect();
    traces.sort_by(|a, b| (a.first_record_at, &a.event_id, &a.bus_arn).cmp(&(b.first_record_at, &b.event_id, &b.bus_arn)));
    traces
}

fn trace(bus: &str, event: &str, mut facts: Vec<Fact>) -> Trace {
    facts.sort();
    facts.dedup();
    let mut trace = Trace { event_id: event.to_owned(), bus_arn: bus.to_owned(), ..Trace::default() };
    trace.first_record_at = Moment(facts.iter().map(|fact| fact.at).min().unwrap_or_default());
    trace.last_record_at = Moment(facts.iter().map(|fact| fact.at).max().unwrap_or_default());
    // Matches first: they name the invocations that the other records are about.
    let (matches, others): (Vec<_>, Vec<_>) = facts.into_iter().partition(|fact| fact.step == Step::Match);
    for fact in matches.into_iter().chain(others) {
        trace.add(fact);
    }
    trace.rules.sort_by(|a, b| (a.begun(), &a.rule_arn).cmp(&(b.begun(), &b.rule_arn)));
    trace.outcome = trace.outcome();
    trace
}

impl Trace {
    /// Keeps the deliveries for which `keep` returns true, by the ARN of the rule and of the target, and rules without known targets
    /// for which it returns true with an empty target.
    pub fn restrict(&mut self, keep: impl Fn(&str, &str) -> bool) {
        for rule in &mut self.rules {
            rule.targets.retain(|target| keep(&rule.rule_arn, &target.target_arn));
        }
        self.rules.retain(|rule| !rule.targets.is_empty() || keep(&rule.rule_arn, ""));
        self.outcome = self.outcome();
    }

    fn add(&mut self, fact: Fact) {
        let at = Moment(fact.at);
        self.source = self.source.take().or_else(|| fact.source.clone());
        self.detail_type = self.detail_type.take().or_else(|| fact.detail_type.clone());
        match fact.step {
            Step::Receipt => self.ingested(IngestionStatus::Received, at),
            Step::IngestSuccess => self.ingested(IngestionStatus::Accepted, at),
            Step::IngestFailure => {
                self.ingested(IngestionStatus::Rejected, at);
                self.ingestion.error = self.ingestion.error.take().or(fact.error);
            }
            Step::MatchStart => self.matched(MatchingStatus::Started, at),
            Step::NoMatch => self.matched(MatchingStatus::NoRuleMatched, at),
            Step::Match => self.rule_matched(fact, at),
            _ => self.target(&fact.rule, &fact.target, fact.invocation.as_deref()).add(fact),
        }
    }

    fn rule_matched(&mut self, fact: Fact, at: Moment) {
        self.matched(MatchingStatus::Matched, at);
        let rule = self.rule(&fact.rule);
        rule.matched_at = rule.matched_at.or(Some(at));
        for (target, invocation) in fact.targets {
            self.target(&fact.rule, &target, invocation.as_deref());
        }
    }

    /// What says more wins, and of two records of the same, the first.
    fn ingested(&mut self, status: IngestionStatus, at: Moment) {
        let weight = |status| match status {
            IngestionStatus::NotLogged => 0,
            IngestionStatus::Received => 1,
            IngestionStatus::Rejected => 2,
            IngestionStatus::Accepted => 3,
        };
        if weight(status) > weight(self.ingestion.status) {
            self.ingestion.status = status;
            self.ingestion.at = Some(at);
        }
    }

    fn matched(&mut self, status: MatchingStatus, at: Moment) {
        let weight = |status| match status {
            MatchingStatus::NotLogged => 0,
            MatchingStatus::Started => 1,
            MatchingStatus::NoRuleMatched => 2,
            MatchingStatus::Matched => 3,
        };
        if weight(status) > weight(self.matching.status) {
            self.matching.status = status;
            self.matching.at = Some(at);
        }
    }

    fn rule(&mut self, arn: &str) -> &mut RuleTrace {
        let found = self.rules.iter().position(|rule| rule.rule_arn == arn);
        let index = found.unwrap_or_else(|| {
            self.rules.push(RuleTrace { rule_arn: arn.to_owned(), ..RuleTrace::default() });
            self.rules.len() - 1
        });
        &mut self.rules[index]
    }

    fn target(&mut self, rule: &str, arn: &str, invocation: Option<&str>) -> &mut TargetTrace {
        let targets = &mut self.rule(rule).targets;
        let is_same = |target: &TargetTrace| {
            let id = target.invocation_id.as_deref();
            target.target_arn == arn && (id == invocation || id.is_none() || invocation.is_none())
        };
        let index = targets.iter().position(is_same).unwrap_or_else(|| {
            targets.push(TargetTrace { target_arn: arn.to_owned(), ..TargetTrace::default() });
            targets.len() - 1
        });
        let target = &mut targets[index];
        target.invocation_id = target.invocation_id.take().or_else(|| invocation.map(str::to_owned));
        target
    }
}

impl RuleTrace {
    /// The first time that is known of the rule; a rule without any comes last.
    fn begun(&self) -> Moment {
        let attempts = self.targets.iter().flat_map(|target| &target.attempts);
        let times = attempts.flat_map(|attempt| [attempt.started_at, attempt.ended_at]);
        let of_targets = self.targets.iter().flat_map(|target| [target.started_at, target.ended_at]);
        let first = times.chain(of_targets).flatten().min();
        self.matched_at.or(first).unwrap_or(Moment(i64::MAX))
    }
}

impl TargetTrace {
    fn add(&mut self, fact: Fact) {
        let at = Moment(fact.at);
        let outcome = match fact.step {
            Step::AttemptStart => {
                self.attempt_started(&fact, at);
                TargetOutcome::Started
            }
            Step::AttemptEnd(result) => {
                let outcome = match result {
                    AttemptResult::Succeeded => TargetOutcome::Delivered,
                    AttemptResult::RetryableFailure | AttemptResult::Throttled => TargetOutcome::Retrying,
                    // Whether a dead-letter queue gets the event is in a later record.
                    AttemptResult::PermanentFailure | AttemptResult::Started => TargetOutcome::Started,
                };
                self.attempt_ended(fact, result, at);
                outcome
            }
            Step::Success => self.ended(fact, TargetOutcome::Delivered, at),
            Step::DeadLetter => self.dead_lettered(fact, at),
            Step::Failure => self.ended(fact, TargetOutcome::Failed, at),
            _ => {
                self.started_at = self.started_at.or(Some(at));
                TargetOutcome::Started
            }
        };
        // A later step says more, unless the delivery had ended. What ended it best is what counts.
        if !self.outcome.is_final() || outcome.is_final() && outcome < self.outcome {
            self.outcome = outcome;
        }
    }

    fn attempt_started(&mut self, fact: &Fact, at: Moment) {
        let is_same =
            |attempt: &&mut Attempt| attempt.count.is_some() && attempt.count == fact.attempt_count && attempt.started_at.is_none();
        match self.attempts.iter_mut().find(is_same) {
            Some(attempt) => attempt.started_at = Some(at),
            None => self.attempts.push(Attempt { count: fact.attempt_count, started_at: Some(at), ..Attempt::default() }),
        }
    }

    fn attempt_ended(&mut self, fact: Fact, result: AttemptResult, at: Moment) {
        let is_open = |attempt: &Attempt| attempt.result == AttemptResult::Started && attempt.count == fact.attempt_count;
        let index = self.attempts.iter().position(is_open).unwrap_or_else(|| {
            self.attempts.push(Attempt::default());
            self.attempts.len() - 1
        });
        let attempt = &mut self.attempts[index];
        *attempt = Attempt {
            count: fact.attempt_count,
            kind: fact.attempt_kind,
            result,
            started_at: attempt.started_at,
            ended_at: Some(at),
            target_duration_ms: fact.target_duration_ms,
            status: fact.status,
            error: fact.error,
        };
    }

    /// An error of this step is that of the dead-letter queue (docs/aws-facts.md, BL5).
    fn dead_lettered(&mut self, fact: Fact, at: Moment) -> TargetOutcome {
        if fact.error.is_none() {
            let error = self.error.take();
            let outcome = self.ended(fact, TargetOutcome::DeadLettered, at);
            self.error = self.error.take().or(error);
            return outcome;
        }
        self.dead_letter_error = self.dead_letter_error.take().or_else(|| fact.error.clone());
        if self.ended_at.is_some() { TargetOutcome::Failed } else { self.ended(Fact { error: None, ..fact }, TargetOutcome::Failed, at) }
    }

    fn ended(&mut self, fact: Fact, outcome: TargetOutcome, at: Moment) -> TargetOutcome {
        if !self.outcome.is_final() || self.ended_at.is_none() || outcome < self.outcome {
            self.ended_at = Some(at);
            self.final_status = fact.status;
            self.total_attempts = fact.total_attempts;
            self.error = fact.error;
            [self.ingestion_to_start_ms, self.ingestion_to_complete_ms, self.ingestion_to_success_ms] = fact.latencies;
            self.target_duration_ms = fact.target_duration_ms;
        }
        outcome
    }
}
