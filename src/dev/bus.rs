//! What stands in for event bus and queues: evaluates the rules of an event, and waits until each sink has committed its row.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::join_all;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use tributary_api::{BenchlingApp, EventRule, RuleState, Target};
use tributary_aws::{Answer, Entry};
use tributary_core::{
    object::key_of,
    references::RuleReferences,
    rule_tests::{Subject, TEST_ACCOUNT, TEST_REGION, delivered},
    view::View,
};
use tributary_pattern::{Pattern, transform::Context};

use crate::{
    dev::{
        line::Line,
        objects::{DevRule, bus_arn},
    },
    put_events::{PutError, PutEvents},
    sync::{LocalSink, Outcome, Unprocessable},
};

/// A rule of one bus.
pub(crate) struct BusRule {
    /// ARN of the bus.
    bus: String,
    pattern: Pattern,
    rule: EventRule,
    subject: Subject,
}

impl BusRule {
    /// Returns the rule. `None` if it matches no webhooks: it is disabled, has only a schedule, or is of another bus.
    ///
    /// # Errors
    /// The pattern is not valid.
    pub(crate) fn new(DevRule { rule, subject }: DevRule, apps: &[BenchlingApp], view: &View) -> Result<Option<Self>, String> {
        let key = rule.bus_key_in(view).filter(|key| apps.iter().any(|app| app.bus_key() == *key));
        let (Some(key), Some(pattern)) = (key.filter(|_| rule.spec.state != RuleState::Disabled), &subject.pattern) else {
            return Ok(None);
        };
        let pattern = Pattern::compile(&pattern.to_string()).map_err(|error| format!("EventRule {}: {error}", key_of(&rule)))?;
        Ok(Some(Self { bus: bus_arn(&key), pattern, rule, subject }))
    }

    /// Returns the namespace of the rule, and `namespace/name` of the sink of each target.
    pub(crate) fn sinks(&self) -> impl Iterator<Item = (&str, String)> + '_ {
        let namespace = self.rule.metadata.namespace.as_deref().unwrap_or_default();
        self.rule.spec.targets.iter().map(move |target| (namespace, self.sink_of(target)))
    }

    fn sink_of(&self, target: &Target) -> String {
        let namespace = target.sink_ref.namespace.as_deref().or(self.rule.metadata.namespace.as_deref()).unwrap_or_default();
        format!("{namespace}/{}", target.sink_ref.name)
    }
}

/// Receives what is reported.
pub(crate) type Report = Arc<dyn Fn(Line) + Send + Sync>;

/// The rules and sinks of all buses.
#[derive(Clone)]
pub(crate) struct LocalBus(Arc<Inner>);

struct Inner {
    rules: Vec<BusRule>,
    sinks: BTreeMap<String, LocalSink>,
    report: Report,
}

impl LocalBus {
    pub(crate) fn new(rules: Vec<BusRule>, sinks: BTreeMap<String, LocalSink>, report: Report) -> Self {
        Self(Arc::new(Inner { rules, sinks, report }))
    }
}

impl PutEvents for LocalBus {
    async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, PutError> {
        Ok(join_all(entries.iter().map(|entry| self.0.deliver(entry))).await)
    }
}

/// Error code of an event that a target did not get. It is not repeated here: Benchling sends the webhook again.
const NOT_DELIVERED: &str = "NotDelivered";

impl Inner {
    /// Returns once each target of each matching rule has the event.
    async fn deliver(&self, entry: &Entry) -> Answer {
        let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (webhook, id) = (text(&detail["webhook"]["id"]), text(&detail["id"]));
        self.say(Line::Webhook { webhook: webhook.clone(), event_type: entry.detail_type.clone(), event: id });
        let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let event =
            json!({"version": "0", "id": webhook, "source": entry.source, "detail-type": entry.detail_type, "account": TEST_ACCOUNT,
            "time": time, "region": TEST_REGION, "resources": [], "detail": detail})
            .to_string();
        let matching: Vec<_> =
            self.rules.iter().filter(|rule| rule.bus == entry.bus && rule.pattern.matches(&event).unwrap_or_default()).collect();
        if matching.is_empty() {
            self.say(Line::NoMatch { webhook });
            return Ok(String::new());
        }
        let targets = matching.iter().flat_map(|rule| rule.rule.spec.targets.iter().map(move |target| (rule, target)));
        let results = join_all(targets.map(|(rule, target)| self.send(rule, target, &event, &time, &webhook))).await;
        if results.into_iter().all(|is_done| is_done) {
            Ok(webhook)
        } else {
            Err((NOT_DELIVERED.into(), "a target did not get the event".into()))
        }
    }

    /// Sends the event to a target. Returns whether that is final: the row is committed, or there never will be one.
    async fn send(&self, rule: &BusRule, target: &Target, event: &str, time: &str, webhook: &str) -> bool {
        let (sink_key, webhook) = (rule.sink_of(target), webhook.to_owned());
        let (key, name) = (key_of(&rule.rule), target.name.clone());
        self.say(Line::Match { webhook: webhook.clone(), rule: key.clone(), target: name.clone(), sink: sink_key.clone() });
        let problem = |target: String, reason: &str, message: String, is_sent_again: bool| {
            self.say(Line::Problem { webhook: webhook.clone(), target, reason: reason.to_owned(), message, is_sent_again });
        };
        let Some(sink) = self.sinks.get(&sink_key) else {
            let message = "only postgres sinks are run on this machine. The target does not get the event.".to_owned();
            problem(format!("EventSink {sink_key}"), "NotRun", message, false);
            return true;
        };
        let settings = rule.subject.targets.iter().find(|settings| settings.id == target.name);
        let arn = rule.subject.rule_arn();
        let context = Context { rule_arn: &arn, rule_name: &rule.subject.rule, ingestion_time: time };
        let input = settings.map_or_else(|| Ok(event.to_owned()), |settings| delivered(settings, event, &context));
        let body = match input {
            Ok(body) => body,
            Err(why) => {
                problem(format!("EventRule {key}, target {name}"), "NotDelivered", why, false);
                return true;
            }
        };
        match sink.deliver(&format!("{webhook} {key} {name}"), body).await {
            Ok(Outcome::Written(row)) => self.say(Line::Row { webhook, sink: sink_key, row, is_written: true }),
            Ok(Outcome::Unchanged(row)) => self.say(Line::Row { webhook, sink: sink_key, row, is_written: false }),
            Ok(Outcome::Skipped) => self.say(Line::Skipped { webhook, sink: sink_key }),
            Ok(Outcome::Unprocessable(Unprocessable { reason, message })) => {
                problem(format!("EventSink {sink_key}"), reason.into(), message, false);
            }
            Ok(Outcome::Later(Unprocessable { reason, message })) => {
                problem(format!("EventSink {sink_key}"), reason.into(), message, true);
                return false;
            }
            Err(error) => {
                problem(format!("EventSink {sink_key}"), error.reason.into(), error.message, true);
                return false;
            }
        }
        true
    }

    fn say(&self, line: Line) {
        (self.report)(line);
    }
}
